//! What would make a run look well that is not: daemons without the rights that they need, scripts that never ran, a file
//! that is not the one that was baked, an address that nobody listens on, a filter that is not there.

use super::bench::Bench;
use super::build;
use super::failure::Failure;
use super::plan::{Plan, Stub};
use super::probe::ask;
use super::process;
use super::result::Assertion;
use super::service::{Daemon, Service};
use super::space::{run, within};
use super::tree::Tree;
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddrV4;
use std::time::Duration;

/// Capabilities that Keepalived cannot do without (capabilities(7)), by their bits.
const NEEDED: [(&str, u32); 2] = [("net_admin", 12), ("net_raw", 13)];

/// Parts of lines in which Keepalived says that it does not do what its configuration says.
const COMPLAINTS: &[&str] = &[
    "Unknown keyword",
    "SECURITY VIOLATION",
    "disabled due to",
    "Disabling track script",
    "Unable to",
    "Cant find interface",
    "Permission denied",
    "Operation not permitted",
    "is not executable",
    "ignoring",
    "skipping",
    "invalid",
    "cannot set",
    "Couldn't",
    "(Line ",
    "WARNING",
];

/// What was looked at, with what was to be seen and what was.
#[derive(Debug, Default)]
pub(super) struct Doubts(pub(super) Vec<Assertion>);

impl Doubts {
    fn all<T: std::fmt::Display>(&mut self, what: &str, expected: &str, wrong: &[T], why: &str) {
        let shown: Vec<String> = wrong.iter().take(4).map(ToString::to_string).collect();
        let more = if wrong.len() > 4 { format!(", and {} more", wrong.len() - 4) } else { String::new() };
        let seen = if wrong.is_empty() { expected.to_owned() } else { shown.join(", ") + &more };
        self.0.push(Assertion {
            what: what.to_owned(),
            expected: expected.to_owned(),
            seen,
            passed: wrong.is_empty(),
            why: why.to_owned(),
        });
    }
}

/// Everything that is doubted of a lab in which everything works.
pub(super) fn doubts(bench: &Bench) -> Doubts {
    let plan = &bench.plan;
    let mut doubts = Doubts::default();
    let each = |look: &dyn Fn(&str, &Tree, &Service) -> Vec<String>| -> Vec<String> {
        let all = plan.trees.iter().flat_map(|(node, tree)| tree.services.iter().map(move |one| (node, tree, one)));
        all.flat_map(|(node, tree, service)| look(node, tree, service)).collect()
    };
    let runs = each(&|node, _, service| {
        let main = bench.life.processes(node, service.daemon).first().copied();
        let named = main.is_some_and(|pid| process::name(pid).starts_with(service.daemon.program()));
        if named { vec![] } else { vec![format!("{} on {node}", service.daemon.title())] }
    });
    doubts.all("every daemon runs", "all of them", &runs, "");
    let configured = each(&|node, tree, service| unlike(bench, node, tree, service));
    doubts.all(
        "every daemon reads what was baked",
        "all of them",
        &configured,
        "the file at the path on its command line",
    );
    let rights = each(&|node, _, service| powerless(bench, node, service));
    doubts.all(
        "Keepalived has the rights that it needs",
        "net_admin, net_raw",
        &rights,
        "without them it becomes master of nothing",
    );
    let scripts = each(&|node, tree, service| idle_scripts(bench, node, tree, service));
    doubts.all(
        "every script that Keepalived tracks has run",
        "all of them",
        &scripts,
        "one that never runs never fails",
    );
    let complaints = each(&|node, _, service| complaints(bench, node, service));
    doubts.all("Keepalived complains about nothing", "no line", &complaints, "");
    let deaf: Vec<String> = plan.running(Daemon::Haproxy).flat_map(|node| deaf(plan, node)).collect();
    doubts.all("HAProxy listens on every port of every address", "all of them", &deaf, "");
    let settings: Vec<String> = plan.trees.keys().flat_map(|node| settings(plan, node)).collect();
    doubts.all("every kernel setting has the value that was baked", "all of them", &settings, "");
    let filters: Vec<String> = plan.trees.iter().filter_map(|(node, tree)| unfiltered(node, tree)).collect();
    doubts.all("every packet filter is loaded", "all of them", &filters, "");
    let routes: Vec<String> = plan.trees.iter().flat_map(|(node, tree)| unrouted(node, tree)).collect();
    doubts.all("every route is there", "all of them", &routes, "");
    let silent: Vec<String> = plan.stubs.iter().filter_map(silent).collect();
    doubts.all(
        "every stub answers on its own machine",
        "all of them",
        &silent,
        "so that no silence is taken for a filter",
    );
    let twice: Vec<String> = taken(plan);
    doubts.all("no virtual address is somebody's own", "none", &twice, "");
    doubts.0.extend(bench.life.doubts(plan));
    doubts
}

/// The configuration as a daemon sees it, where that is not what was baked.
fn unlike(bench: &Bench, node: &str, tree: &Tree, service: &Service) -> Vec<String> {
    let Some(path) = config(service) else { return vec![] };
    let Some(pid) = bench.life.processes(node, service.daemon).first().copied() else { return vec![] };
    let baked = tree.files.get(&service.on_machine(path)).map(|file| file.bytes.clone());
    let seen = fs::read(format!("/proc/{pid}/root{path}")).ok();
    if baked.is_some() && baked == seen {
        vec![]
    } else {
        vec![format!("`{path}` of {} on {node}", service.daemon.title())]
    }
}

/// The configuration that a command line names.
pub(super) fn config(service: &Service) -> Option<&str> {
    let at = service.command.iter().position(|word| word == "-f")?;
    service.command.get(at + 1).map(String::as_str)
}

/// Keepalived's process that sets addresses: the last of those called so.
fn powerless(bench: &Bench, node: &str, service: &Service) -> Vec<String> {
    if service.daemon != Daemon::Keepalived {
        return vec![];
    }
    let mut wrong = Vec::new();
    for pid in bench.life.processes(node, service.daemon).into_iter().filter(|pid| process::name(*pid) == "keepalived")
    {
        let bits = process::status(pid, "CapEff:").and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(0);
        wrong.extend(
            NEEDED.iter().filter(|(_, bit)| bits >> bit & 1 == 0).map(|(name, _)| format!("no {name} on {node}")),
        );
    }
    wrong.dedup();
    wrong
}

/// Tracked scripts of which Keepalived has not said what became of them.
fn idle_scripts(bench: &Bench, node: &str, tree: &Tree, service: &Service) -> Vec<String> {
    if service.daemon != Daemon::Keepalived {
        return vec![];
    }
    let said = bench.life.said(node, service.daemon);
    let ran = |name: &str| {
        let ends = ["succeeded", "failed", "timed out", "now returning"];
        said.iter()
            .any(|line| line.contains(name) && line.contains("cript") && ends.iter().any(|end| line.contains(end)))
    };
    let texts = tree.files.iter().filter(|(path, _)| path.starts_with("/etc/keepalived/"));
    let names: BTreeSet<String> = texts.flat_map(|(_, file)| scripts(&String::from_utf8_lossy(&file.bytes))).collect();
    names.into_iter().filter(|name| !ran(name)).map(|name| format!("`{name}` on {node}")).collect()
}

/// Names of the scripts of a configuration.
fn scripts(text: &str) -> Vec<String> {
    let blocks = text.lines().filter_map(|line| line.trim().strip_prefix("vrrp_script "));
    blocks.filter_map(|rest| rest.split_whitespace().next()).map(|name| name.trim_matches('{').to_owned()).collect()
}

fn complaints(bench: &Bench, node: &str, service: &Service) -> Vec<String> {
    if service.daemon != Daemon::Keepalived {
        return vec![];
    }
    let said = bench.life.said(node, service.daemon);
    let complains = |line: &&String| COMPLAINTS.iter().any(|part| line.contains(part));
    said.iter().filter(complains).map(|line| format!("{node}: {}", words(line))).collect()
}

/// A line of Keepalived's without its time.
pub(super) fn words(line: &str) -> &str {
    line.split_once(": ").filter(|(time, _)| time.contains(':')).map_or(line, |(_, words)| words)
}

/// Ports of virtual addresses on which a balancer does not listen.
fn deaf(plan: &Plan, node: &str) -> Vec<String> {
    let listening = within(node, || Ok(listening())).unwrap_or_default();
    let mut wrong = Vec::new();
    for vip in plan.summary.vips.iter().filter(|vip| vip.candidates.iter().any(|own| own.node == node)) {
        for port in &vip.ports {
            let any = std::net::Ipv4Addr::UNSPECIFIED;
            if !listening.contains(&SocketAddrV4::new(vip.address, port.port))
                && !listening.contains(&SocketAddrV4::new(any, port.port))
            {
                wrong.push(format!("{}:{} on {node}", vip.address, port.port));
            }
        }
    }
    wrong
}

/// What is listened on over TCP in the namespace of the calling thread (proc_net_tcp: addresses in the order of the
/// machine's bytes).
pub(super) fn listening() -> BTreeSet<SocketAddrV4> {
    let text = fs::read_to_string("/proc/thread-self/net/tcp").unwrap_or_default();
    let listen = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        let (address, port) = local.split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
        (state == "0A").then_some(SocketAddrV4::new(address.into(), u16::from_str_radix(port, 16).ok()?))
    };
    text.lines().filter_map(listen).collect()
}

fn settings(plan: &Plan, node: &str) -> Vec<String> {
    let Some(space) = plan.spaces.get(node) else { return vec![] };
    let look = || -> Result<Vec<String>, Failure> {
        // The last one of a key holds; what the kernel does not have in a namespace is noted elsewhere.
        let last: std::collections::BTreeMap<&String, &String> =
            space.sysctls.iter().map(|(key, value)| (key, value)).collect();
        let other = last.iter().filter_map(|(key, value)| {
            let own = build::setting(key)?;
            let same = own.split_whitespace().eq(value.split_whitespace());
            (!same && build::settable(key)).then(|| format!("`{key}` is `{own}` on {node}"))
        });
        Ok(other.collect())
    };
    within(node, look).unwrap_or_else(|failure| vec![failure.message])
}

fn unfiltered(node: &str, tree: &Tree) -> Option<String> {
    tree.files.get("/etc/nftables/bake.nft")?;
    let table = within(node, || run("nft", &["list", "table", "inet", "bake"], "")).unwrap_or_default();
    (!table.contains("policy drop")).then(|| node.to_owned())
}

fn unrouted(node: &str, tree: &Tree) -> Vec<String> {
    let table = within(node, || run("ip", &["-4", "route", "show"], "")).unwrap_or_default();
    let missing = tree.routes.iter().filter(|route| {
        let to = if route.to.prefix_len() == 0 { "default".to_owned() } else { route.to.to_string() };
        let to = to.strip_suffix("/32").unwrap_or(&to);
        let begins = format!("{to} via {} dev {} ", route.via, route.card);
        !table.lines().any(|line| format!("{line} ").starts_with(&begins))
    });
    missing.map(|route| format!("{} via {} on {node}", route.to, route.via)).collect()
}

fn silent(stub: &Stub) -> Option<String> {
    let to = SocketAddrV4::new(stub.address, stub.port.number);
    let answer = ask(&stub.space, stub.port.udp, to, Duration::from_secs(2)).ok().flatten();
    (answer.is_none_or(|answer| answer.name != stub.name)).then(|| format!("{to} on {}", stub.space))
}

/// Virtual addresses that a machine has as its own.
fn taken(plan: &Plan) -> Vec<String> {
    let summary = &plan.summary;
    let cards = summary.nodes.iter().flat_map(|node| &node.interfaces);
    let all: Vec<_> = cards.chain(summary.surroundings.iter().flat_map(|one| &one.interfaces)).collect();
    let vips = summary.vips.iter().filter(|vip| all.iter().any(|card| card.address.addr() == vip.address));
    vips.map(|vip| vip.address.to_string()).collect()
}
