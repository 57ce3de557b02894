//! Reads a rendered `keepalived.conf` (keepalived.conf(5)) as far as the rules need it, with the line of everything.
//!
//! Tolerant: what it does not know it passes over. Keepalived's own `--config-test` judges the syntax.

use std::net::Ipv4Addr;

/// A value with its line, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lined<T> {
    /// The value.
    pub value: T,
    /// Its line.
    pub line: usize,
}

impl<T> Lined<T> {
    fn new(value: T, line: usize) -> Self {
        Self { value, line }
    }
}

/// A keyword with its parameters and, between braces, what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its line.
    pub line: usize,
    /// The keyword and its parameters, without quotes.
    pub words: Vec<String>,
    /// What stands between braces.
    pub block: Vec<Statement>,
}

impl Statement {
    fn keyword(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn parameter(&self) -> Option<&str> {
        self.words.get(1).map(String::as_str)
    }

    fn lined<T>(&self, value: T) -> Lined<T> {
        Lined::new(value, self.line)
    }

    /// The first statement with this keyword.
    fn get(&self, keyword: &str) -> Option<&Self> {
        self.block.iter().rev().find(|statement| statement.keyword() == keyword)
    }

    fn has(&self, keyword: &str) -> bool {
        self.get(keyword).is_some_and(|statement| statement.parameter() != Some("false"))
    }

    fn text(&self, keyword: &str) -> Option<Lined<String>> {
        let statement = self.get(keyword)?;
        Some(statement.lined(statement.parameter()?.to_owned()))
    }

    fn number<T: std::str::FromStr>(&self, keyword: &str) -> Option<Lined<T>> {
        let statement = self.get(keyword)?;
        Some(statement.lined(statement.parameter()?.parse().ok()?))
    }
}

/// Something that an instance tracks.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Name.
    pub name: Lined<String>,
    /// The command; `None` for a process.
    pub command: Option<Lined<String>>,
    /// Names of the processes, for `vrrp_track_process`.
    pub processes: Vec<String>,
    /// Seconds between two runs.
    pub interval: f64,
    /// Seconds after which a run has failed.
    pub timeout: Option<Lined<f64>>,
    /// Runs that fail until it is ill.
    pub fall: u32,
    /// Runs that succeed until it is well.
    pub rise: u32,
    /// Weight unless the instance says otherwise.
    pub weight: Lined<i32>,
    /// Who runs it.
    pub user: Option<Lined<String>>,
}

/// A reference of an instance to a script or process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its name.
    pub name: Lined<String>,
    /// Weight for this instance only.
    pub weight: Option<Lined<i32>>,
    /// Whether a process is meant rather than a script.
    pub process: bool,
}

/// A virtual address of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: Lined<Ipv4Addr>,
    /// Its interface, if that is not the instance's.
    pub device: Option<String>,
}

/// `vrrp_instance`.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Name.
    pub name: Lined<String>,
    /// `state`: whether it says MASTER.
    pub master: Option<Lined<bool>>,
    /// `interface`.
    pub interface: Option<Lined<String>>,
    /// `virtual_router_id`, if it is one.
    pub router_id: Option<Lined<u8>>,
    /// Whether a `virtual_router_id` is written at all.
    pub numbered: bool,
    /// `priority`, 100 if absent.
    pub priority: Lined<u8>,
    /// `advert_int`, 1 s if absent.
    pub advert: Lined<f64>,
    /// `version`.
    pub version: Option<Lined<u8>>,
    /// `nopreempt`.
    pub nopreempt: Option<usize>,
    /// `preempt_delay`.
    pub preempt_delay: Option<Lined<f64>>,
    /// `unicast_src_ip`.
    pub source: Option<Lined<Ipv4Addr>>,
    /// `unicast_peer`; `None` when the block is not there.
    pub peers: Option<Lined<Vec<Lined<Ipv4Addr>>>>,
    /// Whether an empty list of peers is a fault rather than multicast.
    pub fault_no_peer: bool,
    /// `auth_type`.
    pub auth_type: Option<Lined<String>>,
    /// `auth_pass`.
    pub auth_pass: Option<Lined<String>>,
    /// `virtual_ipaddress` and `virtual_ipaddress_excluded`.
    pub addresses: Vec<Address>,
    /// `track_script` and `track_process`.
    pub tracks: Vec<Track>,
    /// Commands of `notify_master` and the like.
    pub notifies: Vec<Lined<String>>,
    /// `garp_master_refresh`.
    pub garp_refresh: Option<Lined<f64>>,
    /// `strict_mode`.
    pub strict: Option<Lined<bool>>,
    /// `accept`.
    pub accept: bool,
}

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `vrrp_strict`.
    pub strict: Option<usize>,
    /// `vrrp_version`.
    pub version: Option<Lined<u8>>,
    /// `enable_script_security`.
    pub script_security: bool,
    /// `script_user`.
    pub script_user: Option<Lined<String>>,
    /// `vrrp_garp_master_refresh`.
    pub garp_refresh: Option<Lined<f64>>,
    /// `vrrp_check_unicast_src`.
    pub checks_source: bool,
    /// `dynamic_interfaces`.
    pub dynamic_interfaces: bool,
    /// `vrrp_script` and `vrrp_track_process`.
    pub scripts: Vec<Script>,
    /// `vrrp_instance`.
    pub instances: Vec<Instance>,
    /// Names of instances that are in a `vrrp_sync_group` without `sync_group_tracking_weight`.
    pub grouped: Vec<String>,
    /// Names of instances by `vrrp_sync_group`.
    pub groups: Vec<Vec<Lined<String>>>,
    /// The line of a setting that makes gratuitous ARP rarer than Keepalived's own five.
    pub garp_less: Option<usize>,
    /// Lines with a brace that has no partner.
    pub unbalanced: Vec<usize>,
}

impl Config {
    /// The script or process that `track` means.
    pub fn tracked(&self, track: &Track) -> Option<&Script> {
        self.scripts
            .iter()
            .find(|script| script.name.value == track.name.value && script.command.is_none() == track.process)
    }
}

/// Reads a file.
pub fn read(text: &str) -> Config {
    let (statements, unbalanced) = statements(text);
    let mut config = Config { unbalanced, ..Config::default() };
    let mut fault_no_peer = false;
    for statement in &statements {
        match statement.keyword() {
            "global_defs" => {
                config.strict = statement.get("vrrp_strict").filter(|_| statement.has("vrrp_strict")).map(|at| at.line);
                config.version = statement.number("vrrp_version");
                config.script_security = statement.has("enable_script_security");
                config.script_user = statement.text("script_user");
                config.garp_refresh = statement.number("vrrp_garp_master_refresh");
                config.checks_source = statement.has("vrrp_check_unicast_src");
                config.dynamic_interfaces = statement.has("dynamic_interfaces");
                fault_no_peer = statement.has("unicast_fault_no_peer");
                let none = statement.number::<u32>("vrrp_garp_master_repeat").filter(|repeat| repeat.value == 0);
                let less = statement.get("vrrp_min_garp").filter(|_| statement.has("vrrp_min_garp"));
                config.garp_less = none.map(|repeat| repeat.line).or(less.map(|less| less.line));
            }
            "vrrp_script" => config.scripts.push(script(statement, false)),
            "vrrp_track_process" => config.scripts.push(script(statement, true)),
            "vrrp_instance" => config.instances.push(instance(statement)),
            "vrrp_sync_group" => {
                let members = statement.get("group").map_or(&[][..], |group| &group.block);
                let named =
                    |member: &Statement| member.words.iter().map(|name| member.lined(name.clone())).collect::<Vec<_>>();
                let members: Vec<Lined<String>> = members.iter().flat_map(named).collect();
                if !statement.has("sync_group_tracking_weight") {
                    config.grouped.extend(members.iter().map(|member| member.value.clone()));
                }
                config.groups.push(members);
            }
            _ => {}
        }
    }
    for instance in &mut config.instances {
        instance.fault_no_peer |= fault_no_peer;
    }
    config
}

fn script(statement: &Statement, process: bool) -> Script {
    let name = statement.lined(statement.parameter().unwrap_or_default().to_owned());
    let processes = statement.get("process").filter(|_| process).map(|at| at.words.iter().skip(1).cloned().collect());
    let default = statement.lined(0);
    Script {
        name,
        command: if process { None } else { Some(statement.text("script").unwrap_or(statement.lined(String::new()))) },
        processes: processes.unwrap_or_default(),
        interval: statement.number("interval").map_or(1.0, |number| number.value),
        timeout: statement.number("timeout"),
        fall: statement.number("fall").map_or(1, |number| number.value),
        rise: statement.number("rise").map_or(1, |number| number.value),
        weight: statement.number("weight").unwrap_or(default),
        user: statement.text("user"),
    }
}

fn instance(statement: &Statement) -> Instance {
    let text = |keyword: &str| statement.text(keyword);
    let authentication = statement.get("authentication");
    let mut addresses = Vec::new();
    for keyword in ["virtual_ipaddress", "virtual_ipaddress_excluded"] {
        for one in statement.block.iter().filter(|at| at.keyword() == keyword).flat_map(|at| &at.block) {
            let written = one.keyword().split('/').next().and_then(|address| address.parse().ok());
            let device = one.words.iter().position(|word| word == "dev").and_then(|at| one.words.get(at + 1)).cloned();
            addresses.extend(written.map(|address| Address { address: one.lined(address), device }));
        }
    }
    let mut tracks = Vec::new();
    for (keyword, process) in [("track_script", false), ("track_process", true)] {
        for one in statement.block.iter().filter(|at| at.keyword() == keyword).flat_map(|at| &at.block) {
            let weight = one.words.iter().position(|word| word == "weight").and_then(|at| one.words.get(at + 1));
            let weight = weight.and_then(|weight| weight.parse().ok()).map(|weight| one.lined(weight));
            tracks.push(Track { name: one.lined(one.keyword().to_owned()), weight, process });
        }
    }
    let notifies = statement.block.iter().filter(|at| at.keyword().starts_with("notify"));
    let peers = statement.get("unicast_peer").map(|block| {
        let peer = |one: &Statement| Some(one.lined(one.keyword().parse().ok()?));
        block.lined(block.block.iter().filter_map(peer).collect())
    });
    Instance {
        name: statement.lined(statement.parameter().unwrap_or_default().to_owned()),
        master: text("state").map(|state| Lined::new(state.value == "MASTER", state.line)),
        interface: text("interface"),
        router_id: statement.number("virtual_router_id").filter(|id| id.value != 0),
        numbered: statement.get("virtual_router_id").is_some(),
        priority: statement.number("priority").unwrap_or(statement.lined(100)),
        advert: statement.number("advert_int").unwrap_or(statement.lined(1.0)),
        version: statement.number("version"),
        nopreempt: statement.get("nopreempt").map(|at| at.line),
        preempt_delay: statement.number("preempt_delay"),
        source: statement.number("unicast_src_ip").or_else(|| statement.number("mcast_src_ip")),
        peers,
        fault_no_peer: statement.has("unicast_fault_no_peer"),
        auth_type: authentication.and_then(|at| at.text("auth_type")),
        auth_pass: authentication.and_then(|at| at.text("auth_pass")),
        addresses,
        tracks,
        notifies: notifies.filter_map(|at| Some(at.lined(at.parameter()?.to_owned()))).collect(),
        garp_refresh: statement.number("garp_master_refresh"),
        strict: text("strict_mode")
            .map(|mode| Lined::new(!matches!(mode.value.as_str(), "off" | "no" | "false"), mode.line)),
        accept: statement.has("accept"),
    }
}

/// A piece of a line.
enum Token {
    Word(String),
    Open,
    Close,
}

/// Statements of a text, and the lines of braces without partner.
pub fn statements(text: &str) -> (Vec<Statement>, Vec<usize>) {
    let mut unbalanced = Vec::new();
    // The innermost open block is the last one; the first one is the file.
    let mut open: Vec<Vec<Statement>> = vec![Vec::new()];
    let mut opened = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut continues = false;
        for token in tokens(line) {
            match token {
                Token::Word(word) => {
                    let Some(here) = open.last_mut() else { continue };
                    match here.last_mut().filter(|_| continues) {
                        Some(statement) => statement.words.push(word),
                        None => here.push(Statement { line: number, words: vec![word], block: Vec::new() }),
                    }
                    continues = true;
                }
                Token::Open => {
                    open.push(Vec::new());
                    opened.push(number);
                    continues = false;
                }
                Token::Close => {
                    if opened.pop().is_none() {
                        unbalanced.push(number);
                    } else {
                        close(&mut open);
                    }
                    continues = false;
                }
            }
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    unbalanced.extend(opened);
    (open.pop().unwrap_or_default(), unbalanced)
}

/// Gives the innermost open block to the statement that opened it.
fn close(open: &mut Vec<Vec<Statement>>) {
    let block = open.pop().unwrap_or_default();
    if let Some(owner) = open.last_mut().and_then(|outer| outer.last_mut()) {
        owner.block = block;
    }
}

/// Words, with quotes taken off, and braces; `#` and `!` begin a comment.
fn tokens(line: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' | '!' => break,
            '{' | '}' => {
                found.push(if first == '{' { Token::Open } else { Token::Close });
                1
            }
            '"' | '\'' => {
                let inner = &rest[1..];
                let end = inner.find(first).unwrap_or(inner.len());
                found.push(Token::Word(inner[..end].to_owned()));
                (end + 2).min(rest.len())
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "{}".contains(c)).unwrap_or(rest.len());
                // `${NAME}` and `~SEQ(...)` stay one word.
                let end = if rest[..end].ends_with('$') { rest.find('}').map_or(end, |at| at + 1) } else { end };
                found.push(Token::Word(rest[..end].to_owned()));
                end
            }
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{read, statements};

    const TEXT: &str = "! a comment\nglobal_defs {\n  enable_script_security\n  script_user root\n}\n\
        vrrp_script up { script \"/bin/x --y z\" # w\n weight -20\n interval 2\n}\n\
        vrrp_instance a\n{\n state MASTER\n priority 110\n unicast_peer {\n 10.0.0.2\n }\n\
        virtual_ipaddress { 10.0.0.9/24 dev eth1 label eth1:0\n }\n track_script {\n  up weight -5\n }\n}\n";

    #[test]
    fn everything_has_its_line() {
        let config = read(TEXT);
        assert!(config.script_security && config.unbalanced.is_empty());
        let script = &config.scripts[0];
        assert_eq!((script.weight.value, script.weight.line), (-20, 7));
        assert_eq!(script.command.as_ref().map(|command| command.value.as_str()), Some("/bin/x --y z"));
        let instance = &config.instances[0];
        assert_eq!((instance.name.line, instance.priority.value, instance.priority.line), (10, 110, 13));
        assert_eq!(instance.master.map(|state| state.value), Some(true));
        assert_eq!(instance.peers.as_ref().map(|peers| peers.value.len()), Some(1));
        assert_eq!(instance.addresses[0].device.as_deref(), Some("eth1"));
        assert_eq!(instance.tracks[0].weight.map(|weight| weight.value), Some(-5));
    }

    #[test]
    fn braces_without_partner_are_found() {
        assert_eq!(statements("a {\n b\n}\n}\n").1, [4]);
        assert_eq!(statements("a {\n b {\n}\n").1, [1]);
        assert_eq!(statements("x ${NAME} y\n").0[0].words, ["x", "${NAME}", "y"]);
    }
}
