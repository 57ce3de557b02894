//! Which programs a lab runs, with their versions and where they came from.

use super::bench::Bench;
use super::daemons::until;
use super::images::Wanted;
use super::process::{self, Pid};
use super::result::Engine;
use super::root::OWN;
use super::service::{Container, Daemon, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who asks an image's program: nobody in particular (`nobody` and `nogroup`, whatever the image calls them).
const NOBODY: &str = "65534:65534";

/// How a daemon says its version.
fn question(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Haproxy => "-v",
        Daemon::Keepalived => "--version",
    }
}

/// The daemons by where they came from, and what the level runs beside them.
pub(super) fn engines(bench: &Bench) -> Vec<Engine> {
    let mut found: BTreeMap<(Daemon, String), Vec<(&str, &Service)>> = BTreeMap::new();
    for (node, tree) in &bench.plan.trees {
        for service in &tree.services {
            found.entry((service.daemon, source(service))).or_default().push((node, service));
        }
    }
    let alone = |daemon: Daemon| found.keys().filter(|(other, _)| *other == daemon).count() == 1;
    let daemons = found.iter().filter_map(|((daemon, source), all)| {
        let (node, service) = all.first()?;
        let nodes: Vec<&str> = all.iter().map(|(node, _)| *node).collect();
        let on = if alone(*daemon) { String::new() } else { format!(", on {}", nodes.join(", ")) };
        let version = of_image(bench, node, service).unwrap_or_else(|| version(daemon.program(), question(*daemon)));
        Some(Engine { name: daemon.title().to_owned(), version, source: source.clone() + &on })
    });
    daemons.chain(bench.life.engines(&bench.plan)).collect()
}

/// Where a daemon's program is from.
fn source(service: &Service) -> String {
    let container = service.container.as_ref();
    match container.and_then(|container| Some((container, container.origin.as_ref()?))) {
        Some((container, origin)) => format!("image {} ({})", container.image, origin.engine),
        None => "this machine".to_owned(),
    }
}

/// What stood in for images that are not stored here, a sentence each.
pub(super) fn notes(bench: &Bench) -> Vec<String> {
    bench.images.iter().filter(|one| one.stored.is_none()).map(|one| absent(bench, one)).collect()
}

fn absent(bench: &Bench, one: &Wanted) -> String {
    let services = bench.plan.trees.values().flat_map(|tree| &tree.services);
    let named = |service: &&Service| service.container.as_ref().is_some_and(|own| own.image == one.reference);
    let titles: BTreeSet<&str> = services.filter(named).map(|service| service.daemon.title()).collect();
    let titles: Vec<&str> = titles.into_iter().collect();
    format!("This machine's {} ran, since {}.", titles.join(" and "), one.absence())
}

/// What the program of an image says, asked in the image's root with the rights of nobody; `None` if the daemon is from no
/// image.
fn of_image(bench: &Bench, node: &str, service: &Service) -> Option<String> {
    let container = service.container.as_ref().filter(|container| container.origin.is_some())?;
    let running = bench.life.processes(node, service.daemon).first().copied();
    // Its path, as it is in its own root.
    let program = running.and_then(|pid| fs::read_link(format!("/proc/{pid}/exe")).ok());
    let asked = program.zip(bench.life.first(node)).and_then(|(program, first)| {
        let container = Container {
            image: container.image.clone(),
            origin: container.origin.clone(),
            environment: container.environment.clone(),
            user: Some(NOBODY.to_owned()),
            read_only: true,
            ..Container::default()
        };
        let question = Service {
            unit: format!("{}-version", service.unit),
            command: vec![program.to_str()?.to_owned(), question(service.daemon).to_owned()],
            container: Some(container),
            ..service.clone()
        };
        ask(first, &question)
    });
    Some(asked.as_deref().map_or("unknown".to_owned(), number))
}

/// Runs a container without a network on the machine whose first process is `first`, to its end; what it said.
fn ask(first: Pid, question: &Service) -> Option<String> {
    let request = serde_json::to_string(question).ok()?;
    let mut command = Command::new("nsenter");
    command.args(["--target", &first.to_string(), "--mount", "--pid", "--uts", "--"]);
    command.args(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
    command.args([&format!("{OWN}/bake"), "lab", "contain", &request]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    let pid = Pid::try_from(child.id()).ok()?;
    // No program says so much of its version that a pipe could not take it.
    if !until(PATIENCE, || !process::runs(pid)) {
        child.kill().ok();
    }
    let output = child.wait_with_output().ok()?;
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// What a program of this machine says.
fn version(program: &str, question: &str) -> String {
    let output = Command::new(program).arg(question).output();
    let said = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    number(&String::from_utf8_lossy(&said))
}

/// The first word that looks like a version.
fn number(said: &str) -> String {
    let looks = |word: &&str| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    said.split_whitespace().find(looks).unwrap_or("unknown").trim_start_matches('v').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_daemons_say_their_version() {
        assert_eq!(number("HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/"), "2.6.12-1+deb12u3");
        assert_eq!(number("Keepalived v2.2.7 (01/16,2022)\n\nCopyright(C) 2001-2022"), "2.2.7");
        assert_eq!(number("no such program"), "unknown");
    }
}
