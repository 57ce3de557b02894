//! Reads a rendered `haproxy.cfg` as far as the rules need it, with the line of everything.
//!
//! Tolerant: what it does not know it passes over. HAProxy's own `-c` judges the syntax.

use std::net::Ipv4Addr;

/// A section that a line can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `global`.
    Global,
    /// `defaults`.
    Defaults,
    /// `frontend`.
    Frontend,
    /// `backend`.
    Backend,
    /// `listen`: a frontend and a backend in one.
    Listen,
    /// Any other.
    Other,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "global" => Self::Global,
            "defaults" => Self::Defaults,
            "frontend" => Self::Frontend,
            "backend" => Self::Backend,
            "listen" => Self::Listen,
            "peers" | "resolvers" | "userlist" | "mailers" | "ring" | "cache" | "program" | "http-errors"
            | "log-forward" | "fcgi-app" | "crt-store" | "traces" => Self::Other,
            _ => return None,
        })
    }

    /// Whether it has `bind` lines.
    pub fn listens(self) -> bool {
        matches!(self, Self::Frontend | Self::Listen)
    }

    /// Whether it has `server` lines.
    pub fn serves(self) -> bool {
        matches!(self, Self::Backend | Self::Listen)
    }
}

/// A line: a keyword with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// Keyword and parameters, without quotes.
    pub words: Vec<String>,
}

impl Line {
    /// The word at `at`, or nothing.
    pub fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// Whether it begins with these words.
    pub fn begins(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(at, word)| self.word(at) == *word)
    }

    /// The word after `word`.
    pub fn after(&self, word: &str) -> Option<&str> {
        let at = self.words.iter().position(|own| own == word)?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// Whether one of its parameters is `word`.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().skip(1).any(|own| own == word)
    }
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The line that begins it.
    pub line: usize,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The `defaults` section that it takes its settings from.
    defaults: Option<usize>,
}

/// A place to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The address; `None` for all of them.
    pub address: Option<Ipv4Addr>,
    /// First and last port.
    pub ports: (u16, u16),
    /// Whether foreign addresses may be bound.
    pub transparent: bool,
    /// Its line.
    pub line: usize,
}

/// A server of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its address, as written.
    pub host: String,
    /// Its port, if one is written.
    pub port: Option<u16>,
    /// Its line.
    pub line: usize,
    /// The whole line.
    pub words: Line,
}

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Its sections in order.
    pub sections: Vec<Section>,
}

impl Config {
    /// The lines that hold for a section: its own first, then those of its `defaults`.
    pub fn lines<'a>(&'a self, section: &'a Section) -> impl Iterator<Item = &'a Line> {
        let defaults = section.defaults.and_then(|at| self.sections.get(at));
        section.lines.iter().chain(defaults.into_iter().flat_map(|defaults| &defaults.lines))
    }

    /// The line that decides about a setting: the section's own last one, or that of its `defaults`.
    pub fn setting<'a>(&'a self, section: &'a Section, words: &[&str]) -> Option<&'a Line> {
        let defaults = section.defaults.and_then(|at| self.sections.get(at));
        let places = std::iter::once(section).chain(defaults);
        places.into_iter().find_map(|place| place.lines.iter().rev().find(|line| line.begins(words)))
    }

    /// Whether a section passes bytes on without looking at them; HAProxy's default.
    pub fn is_tcp(&self, section: &Section) -> bool {
        self.setting(section, &["mode"]).is_none_or(|line| line.word(1) == "tcp")
    }

    /// A timeout in milliseconds, with its line.
    pub fn timeout(&self, section: &Section, name: &str) -> Option<(u64, usize)> {
        let line = self.setting(section, &["timeout", name])?;
        Some((milliseconds(line.word(2))?, line.number))
    }

    /// The backend that a section hands connections to: itself for `listen`.
    pub fn backend<'a>(&'a self, section: &'a Section) -> Option<&'a Section> {
        if section.kind == Kind::Listen {
            return Some(section);
        }
        let name = self.setting(section, &["default_backend"])?.word(1);
        self.sections.iter().find(|other| other.kind == Kind::Backend && other.name == name)
    }

    /// All sections of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(move |section| section.kind == kind)
    }
}

impl Section {
    /// Where it listens.
    pub fn binds(&self) -> Vec<Bind> {
        let lines = self.lines.iter().filter(|line| self.kind.listens() && line.word(0) == "bind");
        lines.flat_map(|line| line.word(1).split(',').filter_map(|at| bind(at, line))).collect()
    }

    /// Its servers.
    pub fn servers(&self) -> Vec<Server> {
        let lines = self.lines.iter().filter(|line| self.kind.serves() && line.word(0) == "server");
        lines.map(server).collect()
    }
}

fn bind(written: &str, line: &Line) -> Option<Bind> {
    let written = written.strip_prefix("ipv4@").unwrap_or(written);
    let (host, ports) = written.rsplit_once(':')?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let address = match host {
        "" | "*" | "0.0.0.0" => None,
        host => Some(host.parse().ok()?),
    };
    let ports = (first.parse().ok()?, last.parse().ok()?);
    Some(Bind { address, ports, transparent: line.has("transparent"), line: line.number })
}

fn server(line: &Line) -> Server {
    let written = line.word(2);
    let written = written.strip_prefix("ipv4@").unwrap_or(written);
    let (host, port) = written.rsplit_once(':').map_or((written, None), |(host, port)| (host, port.parse().ok()));
    Server { name: line.word(1).to_owned(), host: host.to_owned(), port, line: line.number, words: line.clone() }
}

/// A duration (HAProxy's manual, section 2.5): milliseconds unless a unit follows.
fn milliseconds(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let unit = match &text[end..] {
        "us" => return Some(number / 1000),
        "" | "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Reads a file.
pub fn read(text: &str) -> Config {
    let mut config = Config::default();
    let mut defaults = None;
    for (number, line) in (1..).zip(text.lines()) {
        let words = words(line);
        let Some(first) = words.first() else { continue };
        if let Some(kind) = Kind::of(first) {
            let name = words.get(1).cloned().unwrap_or_default();
            if kind == Kind::Defaults {
                defaults = Some(config.sections.len());
            }
            let inherits = matches!(kind, Kind::Frontend | Kind::Backend | Kind::Listen);
            let from = words.iter().position(|word| word == "from").and_then(|at| words.get(at + 1));
            let named = from.and_then(|from| {
                config.sections.iter().position(|other| other.kind == Kind::Defaults && other.name == *from)
            });
            let defaults = named.or(defaults).filter(|_| inherits);
            config.sections.push(Section { kind, name, line: number, lines: Vec::new(), defaults });
        } else if let Some(section) = config.sections.last_mut() {
            section.lines.push(Line { number, words });
        }
    }
    config
}

/// The words of a line (HAProxy's manual, section 2.2): quotes and backslashes keep blanks, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '#') => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::{Kind, milliseconds, read, words};

    #[test]
    fn settings_come_from_the_nearest_defaults() {
        let config = read(
            "global\n  daemon\ndefaults\n  mode tcp\n  timeout client 1m # x\nfrontend a\n  bind 10.0.0.1:80,:443 transparent\n  \
             default_backend b\nbackend b\n  timeout client 5s\n  server s1 10.0.0.2:80 check\n",
        );
        let front = config.of(Kind::Frontend).next().unwrap();
        assert_eq!(config.timeout(front, "client"), Some((60_000, 5)));
        assert_eq!(front.binds().len(), 2);
        assert!(front.binds()[1].address.is_none() && front.binds()[1].transparent);
        let back = config.backend(front).unwrap();
        assert_eq!(config.timeout(back, "client"), Some((5000, 10)));
        assert_eq!((back.servers()[0].port, back.servers()[0].line), (Some(80), 11));
        assert!(config.is_tcp(front));
    }

    #[test]
    fn words_and_durations() {
        assert_eq!(words(r#"  a "b c" d\ e 'f#' # g"#), ["a", "b c", "d e", "f#"]);
        assert_eq!(milliseconds("1h"), Some(3_600_000));
        assert_eq!(milliseconds("30"), Some(30));
        assert_eq!(milliseconds("x"), None);
    }
}
