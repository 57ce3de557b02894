//! How long HAProxy takes to notice that a backend is gone, or back: pure, from the configuration that was baked.
//!
//! `inter`, `fastinter`, `downinter`, `fall` and `rise` are those of HAProxy's configuration manual, section 5.2.

use super::plan::Plan;
use super::service::{Daemon, Service};
use super::tree::Tree;
use std::collections::BTreeMap;

/// What is allowed beyond what the checks take: they are not all made at the same moment.
const MORE_MS: u32 = 250;

/// How often a server is asked, and how many answers count; times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Checks {
    on: bool,
    inter: u32,
    fastinter: Option<u32>,
    downinter: Option<u32>,
    fall: u32,
    rise: u32,
}

/// HAProxy's own.
const USUAL: Checks = Checks { on: false, inter: 2_000, fastinter: None, downinter: None, fall: 3, rise: 2 };

/// How long it takes at most, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Notice {
    /// Until a backend that does not answer counts as gone.
    pub(super) gone: u32,
    /// Until one that answers again counts as back.
    pub(super) back: u32,
}

impl Notice {
    fn or_later(self, other: Self) -> Self {
        Self { gone: self.gone.max(other.gone), back: self.back.max(other.back) }
    }
}

impl Checks {
    /// What words of a `server` or `default-server` line say.
    fn with<'a>(mut self, words: impl Iterator<Item = &'a str>) -> Self {
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word {
                "check" => self.on = true,
                "no-check" => self.on = false,
                "inter" | "fastinter" | "downinter" => {
                    let Some(time) = words.next().and_then(milliseconds) else { continue };
                    match word {
                        "inter" => self.inter = time,
                        "fastinter" => self.fastinter = Some(time),
                        _ => self.downinter = Some(time),
                    }
                }
                "fall" | "rise" => {
                    let Some(count) = words.next().and_then(|count| count.parse().ok()) else { continue };
                    *(if word == "fall" { &mut self.fall } else { &mut self.rise }) = count;
                }
                _ => {}
            }
        }
        self
    }

    /// Between alive and dead they are asked faster; the first question comes when it comes.
    fn notice(self) -> Notice {
        let fast = self.fastinter.unwrap_or(self.inter);
        let further = |count: u32| fast.saturating_mul(count.saturating_sub(1));
        let all = |first: u32, count: u32| first.saturating_add(further(count)).saturating_add(MORE_MS);
        Notice { gone: all(self.inter, self.fall), back: all(self.downinter.unwrap_or(self.inter), self.rise) }
    }
}

/// A time as HAProxy writes it (section 2.5 of its manual); without a unit it is in milliseconds.
fn milliseconds(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().ok()?;
    let whole = match unit {
        "us" => number.div_ceil(1_000),
        "" | "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    u32::try_from(whole).ok()
}

/// The slowest that the servers of a configuration are noticed; nothing where none is asked.
fn slowest_of(text: &str) -> Notice {
    let mut named: BTreeMap<&str, Checks> = BTreeMap::new();
    // What `defaults` said last, under which name, and what the proxy makes of it that the line is in.
    let (mut latest, mut name, mut own) = (USUAL, None, None);
    let mut found = Notice::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let parent =
            || words.iter().skip_while(|word| **word != "from").nth(1).and_then(|name| named.get(name)).copied();
        match words.first().copied().unwrap_or_default() {
            "defaults" => {
                (latest, own) = (parent().unwrap_or(USUAL), None);
                name = words.get(1).copied().filter(|word| *word != "from");
            }
            "backend" | "listen" | "frontend" => own = Some(parent().unwrap_or(latest)),
            "default-server" => {
                let checks = own.as_mut().unwrap_or(&mut latest);
                *checks = checks.with(words.into_iter().skip(1));
            }
            "server" | "server-template" => {
                let checks = own.unwrap_or(latest).with(words.into_iter().skip(2));
                found = if checks.on { found.or_later(checks.notice()) } else { found };
            }
            _ => {}
        }
        if let (Some(name), None) = (name, own) {
            named.insert(name, latest);
        }
    }
    found
}

/// The files on the machine that HAProxy reads (`-f`), as its container sees them.
fn configurations<'a>(tree: &'a Tree, service: &'a Service) -> impl Iterator<Item = &'a [u8]> {
    let named = service.command.iter().zip(service.command.iter().skip(1)).filter(|(option, _)| *option == "-f");
    let places = named.map(|(_, inside)| service.on_machine(inside));
    places.flat_map(|place| {
        let within = format!("{}/", place.trim_end_matches('/'));
        let meant =
            move |path: &str| path == place || (path.starts_with(&within) && path.rsplit('.').next() == Some("cfg"));
        tree.files.iter().filter(move |(path, _)| meant(path)).map(|(_, file)| file.bytes.as_slice())
    })
}

/// The slowest that any balancer notices.
pub(super) fn slowest(plan: &Plan) -> Notice {
    let services = plan.trees.values().filter_map(|tree| Some((tree, tree.service(Daemon::Haproxy)?)));
    let texts = services.flat_map(|(tree, service)| configurations(tree, service));
    texts.map(|text| slowest_of(&String::from_utf8_lossy(text))).fold(Notice::default(), Notice::or_later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::service::run;
    use crate::lab::tree::File;

    #[test]
    fn what_the_configuration_says_counts() {
        for (text, gone, back) in [
            ("backend b\n server a 10.0.0.1:1 check\n", 6_250, 4_250),
            ("backend b\n server a 10.0.0.1:1\n", 0, 0),
            ("backend b\n default-server check\n server a 10.0.0.1:1 no-check # check\n", 0, 0),
            (
                "defaults\n default-server inter 3s fastinter 1s fall 3 rise 2\nbackend b\n server a x:1 check\n",
                5_250,
                4_250,
            ),
            (
                "defaults\n default-server inter 500\ndefaults\nbackend b\n server a x:1 check downinter 10s rise 1\n",
                6_250,
                10_250,
            ),
            (
                "defaults slow\n default-server inter 1m\ndefaults fast from slow\n default-server inter 100ms check\n\
                 backend a from fast\n server a x:1\nbackend b from slow\n server b x:1 fall 1 rise 1 check\n",
                60_250,
                60_250,
            ),
            ("backend b\n server a x:1 check inter 99999999999d fall 2 rise 4000000000\n", 4_250, u32::MAX),
        ] {
            assert_eq!(slowest_of(text), Notice { gone, back }, "{text}");
        }
    }

    #[test]
    fn it_is_found_where_the_container_sees_it() {
        let mut tree = Tree::default();
        for (path, text) in [("/etc/haproxy/own.cfg", "own"), ("/etc/haproxy/other.cfg", "other")] {
            tree.files.insert(path.to_owned(), File { bytes: text.as_bytes().to_vec(), mode: 0o644 });
        }
        let found = |words: &str| {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let service = run("haproxy", &words).unwrap();
            let found: Vec<String> =
                configurations(&tree, &service).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
            found
        };
        assert_eq!(found("docker run --volume /etc/haproxy:/x:ro image haproxy -f /x/own.cfg"), ["own"]);
        assert_eq!(found("docker run --volume /etc/haproxy:/x:ro image haproxy -f /x"), ["other", "own"]);
        assert_eq!(found("docker run image haproxy -f /etc/haproxy/own.cfg"), ["own"]);
    }
}
