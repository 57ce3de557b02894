//! `bake lab` with the real daemons. Each test has a lab of its own; they do not see each other.

#[path = "lab/images.rs"]
mod images;
#[path = "lab/systemd.rs"]
mod systemd;

use crate::handover::project::Project;
use crate::support::{bake, engine, repository, root, run, said};
use bake::lab::result::{Run, Verdict};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

const ROLE: &str = "profiles/roles/loadbalancer.yaml";
const CONF: &str = "butane/files/keepalived.conf.j2";
const FIRST: &str = "profiles/nodes/loadbalancer1.yaml";

fn possible() -> bool {
    root()
        && ["haproxy", "keepalived", "ip", "nft", "openssl", "wget", "ping"].iter().all(|name| engine(name).is_some())
}

/// The project with some changes, built; in these profiles findings with these codes are accepted.
fn built(changes: &[(&str, &str, &str)], accepted: &[(&str, &str)]) -> Project {
    let project = Project::new();
    for (file, from, to) in changes {
        project.edit(file, from, to);
    }
    for (file, code) in accepted {
        let path = project.root().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let allow = format!("\nallow:\n  - {{rule: {code}, reason: this is what is tried}}\n");
        std::fs::write(path, text + &allow).unwrap();
    }
    project.build();
    project
}

fn rehearse(project: &Project, scenarios: &[&str]) -> (Option<i32>, Run) {
    let mut command = bake();
    command.current_dir(project.root()).args(["lab", "test", "--format", "json"]);
    for scenario in scenarios {
        command.args(["--scenario", scenario]);
    }
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout);
    let found = bake::lab::report::read(&text).unwrap_or_else(|why| panic!("{why}: {}", said(&output)));
    (output.status.code(), found)
}

fn wrong(run: &Run) -> Vec<String> {
    run.assertions().filter(|one| !one.passed).map(|one| format!("{}: {}", one.what, one.seen)).collect()
}

fn table(run: &Run) -> String {
    bake::lab::report::text(run, 100, false)
}

#[test]
fn the_short_list_holds() {
    if !possible() {
        return;
    }
    let project = built(&[], &[]);
    let (status, run) = rehearse(&project, &["short"]);
    assert_eq!((status, run.verdict()), (Some(0), Verdict::Passed), "{}", table(&run));
    // The digests of the profiles are nobody's: it is said what ran instead.
    for name in ["HAProxy", "Keepalived"] {
        let note = format!("This machine's {name} ran, since ");
        assert!(run.notes.iter().any(|own| own.starts_with(&note)), "{:?}", run.notes);
        assert!(run.engines.iter().any(|engine| engine.name == name && engine.source == "this machine"));
    }
    let names: Vec<&str> = run.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    assert_eq!(names, ["start", "reach", "flows", "haproxy-killed", "node-gone"]);
    for scenario in &run.scenarios[3..] {
        for watch in &scenario.vips {
            assert_eq!(watch.moves[0].measured.owners, ["loadbalancer2"], "{}", table(&run));
            assert_eq!(watch.moves[1].measured.owners, ["loadbalancer1"], "{}", table(&run));
        }
        assert!(scenario.probes.iter().all(|probe| probe.answers.len() == 3), "three backends each: {}", table(&run));
    }
}

/// Priorities 110 and 100 with a weight of -10: an ill master only comes down to what the other one has.
#[test]
fn a_weight_that_only_ties_leaves_the_address_where_nobody_answers() {
    if !possible() {
        return;
    }
    let changes = [(FIRST, "default: 150", "default: 110"), (ROLE, "    default: 0\n", "    default: -10\n")];
    let project =
        built(&changes, &[("profiles/cluster.yaml", "vrrp-no-failover, file: butane/files/keepalived.conf.j2")]);
    let (status, run) = rehearse(&project, &["haproxy-stopped"]);
    assert_eq!((status, run.verdict()), (Some(1), Verdict::Failed), "{}", table(&run));
    // The address stays, just as it was foretold, ...
    let moves = run.scenarios.iter().flat_map(|one| &one.vips).flat_map(|watch| &watch.moves);
    assert!(moves.clone().all(|one| one.agrees() == Some(true)), "{}", table(&run));
    assert!(moves.clone().all(|one| one.measured.owners == ["loadbalancer1"]), "{}", table(&run));
    // ... and that is what is wrong.
    let wrong = wrong(&run);
    assert!(wrong.iter().all(|line| line.contains("is answered in the end")) && wrong.len() == 2, "{wrong:#?}");
}

/// A filter that lets answers in lets a peer's adverts in as soon as there were adverts to it: of two balancers that do not
/// let each other in, the lower one takes the address after its wait, and gives it back at once.
#[test]
fn unicast_adverts_open_a_closed_firewall_from_inside() {
    if !possible() {
        return;
    }
    let vrrp = "  - {name: vrrp, protocol: vrrp, from: [\"role:loadbalancer\"]}\n";
    let project = built(&[(ROLE, vrrp, "")], &[("profiles/cluster.yaml", "firewall-closed")]);
    let (_, run) = rehearse(&project, &["start"]);
    for watch in &run.scenarios[0].vips {
        assert_eq!(watch.moves[0].agrees(), Some(true), "{}", table(&run));
        assert_eq!(watch.moves[0].measured.owners, ["loadbalancer1"], "{}", table(&run));
    }
}

/// Multicast adverts have no answers: nothing opens the filter.
#[test]
fn balancers_that_do_not_hear_each_other_both_hold_the_address() {
    if !possible() {
        return;
    }
    let vrrp = "  - {name: vrrp, protocol: vrrp, from: [\"role:loadbalancer\"]}\n";
    let peers = "    unicast_peer {\n{% for peer in vip.peers %}\n        {{ peer }}\n{% endfor %}\n    }\n";
    let changes = [
        (ROLE, vrrp, ""),
        (CONF, peers, ""),
        (CONF, "    unicast_fault_no_peer\n", ""),
        (CONF, "    unicast_src_ip {{ vip.src_address }}\n", ""),
        (CONF, "    vrrp_check_unicast_src\n", ""),
    ];
    let project = built(&changes, &[("profiles/cluster.yaml", "firewall-closed")]);
    let (status, run) = rehearse(&project, &["start"]);
    assert_eq!(status, Some(1), "{}", table(&run));
    for watch in &run.scenarios[0].vips {
        assert_eq!(watch.moves[0].measured.owners, ["loadbalancer1", "loadbalancer2"], "{}", table(&run));
        assert_eq!(watch.moves[0].agrees(), Some(true), "it was foretold");
    }
    let wrong = wrong(&run);
    assert!(wrong.len() == 2 && wrong.iter().all(|line| line.starts_with("one node holds")), "{wrong:#?}");
}

#[test]
fn a_keepalived_that_cannot_do_its_work_does_not_pass() {
    if !possible() {
        return;
    }
    for (kept, expected) in [
        ("[NET_RAW, SETUID, SETGID]", "Keepalived has the rights that it needs"),
        ("[NET_ADMIN, NET_RAW]", "Keepalived complains about nothing"),
    ] {
        let all = "[NET_ADMIN, NET_RAW, SETUID, SETGID]";
        let project = built(&[(ROLE, all, kept)], &[(ROLE, "vrrp-container")]);
        let (status, run) = rehearse(&project, &["start"]);
        assert_eq!(status, Some(1), "{kept}: {}", table(&run));
        let wrong = wrong(&run);
        assert!(wrong.iter().any(|line| line.starts_with(expected)), "{kept}: {wrong:#?}");
    }
}

/// What needs a virtual address is replaced as `bake diff` would have it when everything changes.
#[test]
fn replacement_is_rehearsed_in_the_order_of_diff() {
    let project = Project::new();
    project.build();
    let dist = bake::world::disk::Disk::open(&project.root().join("dist")).unwrap();
    let plan = bake::rehearsal(&dist).unwrap_or_else(|failure| panic!("{}", failure.message));
    let all = bake::lab::scenario::all(&plan, bake::lab::result::Level::Daemons);
    let rolling = all.iter().find(|scenario| scenario.name == "rolling").unwrap();
    let bake::lab::scenario::Plot::Steps(steps) = &rolling.plot else { panic!("{rolling:?}") };
    let mut tried: Vec<&str> = steps.iter().map(|step| step.what.split(' ').next().unwrap()).collect();
    tried.dedup();

    project.edit("profiles/cluster.yaml", "timezone: Europe/Madrid", "timezone: Europe/Lisbon");
    let output = run(bake().current_dir(project.root()).args(["diff", "--format", "json"]));
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    let steps = report["rollout"]["steps"].as_array().unwrap();
    let plays = |step: &&serde_json::Value| ["balancer", "server", "worker"].contains(&step["kind"].as_str().unwrap());
    let nodes = steps.iter().filter(plays).flat_map(|step| step["nodes"].as_array().unwrap());
    let nodes: Vec<&str> = nodes.map(|node| node.as_str().unwrap()).collect();
    assert_eq!(tried, nodes);
    assert_eq!(tried.len(), 8, "two balancers, three servers, three workers");
}

/// What of this machine could show that there was a lab.
fn traces(name: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let entries = |path: &str| std::fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries("/proc") {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // `bake lab test` may have several, whose names begin alike.
        if line.contains(&format!("\"name\":\"{name}")) && !stat.contains(") Z ") {
            found.insert(format!("process {line}"));
        }
    }
    for folder in ["/run/bake-lab", "/run/netns", "/sys/class/net"] {
        let own = |entry: &std::fs::DirEntry| {
            let file = entry.file_name().into_string().unwrap_or_default();
            if folder == "/run/bake-lab" { file.contains(name) } else { file.starts_with("vnet") || file.contains(':') }
        };
        found.extend(entries(folder).filter(own).map(|entry| entry.path().display().to_string()));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains("/run/lab")).map(str::to_owned));
    found.into_iter().collect()
}

fn lab(folder: &Path, arguments: &[&str]) -> Output {
    run(bake().current_dir(folder).arg("lab").args(arguments))
}

#[test]
fn a_lab_that_is_killed_at_any_moment_leaves_nothing() {
    if !possible() {
        return;
    }
    let project = built(&[], &[]);
    // While it looks for images, and then from the moment on at which there is a sandbox.
    let moments = [(20, "up", false), (100, "test", false), (0, "test", true), (20, "up", true), (60, "test", true)];
    let later = [(150, "up", true), (300, "test", true), (600, "up", true), (1500, "test", true)];
    for (at, verb, begun) in moments.into_iter().chain(later) {
        let name = format!("killed-{at}-{begun}-{}", std::process::id());
        let mut command = bake();
        command.current_dir(project.root()).args(["lab", verb, "--name", &name]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let state = format!("/run/bake-lab/{name}.json");
        while begun && !Path::new(&state).exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(at));
        child.kill().unwrap();
        child.wait().unwrap();
        let down = lab(project.root(), &["down", "--name", &name]);
        assert!(down.status.success() || said(&down).contains("no lab is called"), "{at}: {}", said(&down));
        // What the kernel takes away when bake is gone, it takes away at once, but not in no time.
        let begin = Instant::now();
        while !traces(&name).is_empty() && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(traces(&name), [""; 0], "after {at} ms, {begun}");
    }
}

/// Ctrl-C goes to everything that the terminal started, another program's signal to bake alone. Nobody says `bake lab down`.
#[test]
fn a_lab_that_is_interrupted_leaves_nothing() {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    use std::os::unix::process::CommandExt as _;
    if !possible() {
        return;
    }
    let project = built(&[], &[]);
    for (at, signal) in
        [(150, Signal::INT), (700, Signal::TERM), (1500, Signal::INT), (4000, Signal::TERM), (6000, Signal::INT)]
    {
        let name = format!("interrupted-{at}-{}", std::process::id());
        let mut command = bake();
        command.current_dir(project.root()).args(["lab", "test", "--name", &name]).process_group(0);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(at));
        let pid = Pid::from_child(&child);
        if signal == Signal::INT { kill_process_group(pid, signal) } else { kill_process(pid, signal) }.unwrap();
        assert!(!child.wait().unwrap().success());
        let begin = Instant::now();
        while !traces(&name).is_empty() && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(traces(&name), [""; 0], "after {at} ms");
    }
}

#[test]
fn a_lab_is_up_until_it_is_taken_down() {
    if !possible() {
        return;
    }
    let project = built(&[], &[]);
    let names = ["one", "two"].map(|name| format!("{name}-{}", std::process::id()));
    for name in &names {
        let up = lab(project.root(), &["up", "--name", name]);
        assert!(up.status.success(), "{}", said(&up));
    }
    let again = lab(project.root(), &["up", "--name", &names[0]]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    assert!(said(&again).contains("already"), "{}", said(&again));
    for name in &names {
        let host = lab(project.root(), &["exec", "--name", name, "worker1", "hostname"]);
        assert_eq!(String::from_utf8_lossy(&host.stdout).trim(), "worker1", "{}", said(&host));
        let wrong = lab(project.root(), &["exec", "--name", name, "worker9", "true"]);
        assert!(said(&wrong).contains("did you mean"), "{}", said(&wrong));
    }
    let down = lab(project.root(), &["down", "--name", &names[0]]);
    assert!(down.status.success(), "{}", said(&down));
    assert_eq!(traces(&names[0]), [""; 0]);
    let status = lab(project.root(), &["status", "--name", &names[1]]);
    assert!(said(&status).contains("loadbalancer1"), "{}", said(&status));
    assert!(lab(project.root(), &["down", "--name", &names[1]]).status.success());
    assert_eq!(traces(&names[1]), [""; 0]);
}

/// The other clusters have other surroundings: routers that answer for names, libvirt hosts that are no node.
#[test]
fn every_flow_of_the_examples_is_as_it_must_be() {
    if !possible() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    for example in ["vip-trio", "lan-bridge", "traefik-edge"] {
        let dist = scratch.path().join(example);
        let output =
            run(bake().arg("-C").arg(repository().join("examples").join(example)).args(["build", "--out"]).arg(&dist));
        assert!(output.status.success(), "{}", said(&output));
        let output = run(bake().args(["lab", "test", "--scenario", "reach", "--scenario", "flows"]).arg(&dist));
        assert_eq!(output.status.code(), Some(0), "{example}: {}", said(&output));
    }
}

/// On level `daemons`, too, a packaged daemon runs as the drop-ins of its unit say.
#[test]
fn a_daemon_runs_as_whom_its_unit_says() {
    if !possible() {
        return;
    }
    let project = Project::new();
    let write = |path: &str, text: &str| std::fs::write(project.root().join(path), text).unwrap();
    write("profiles/roles/account.yaml", "description: Whom HAProxy runs as.\nfragments: [{name: account}]\n");
    write(
        "butane/account.bu",
        "variant: flatcar\nversion: 1.1.0\nsystemd: {units: [{name: haproxy.service, dropins: [{name: 20-user.conf, contents: \
         \"[Service]\\nUser=haproxy\\nAmbientCapabilities=CAP_NET_BIND_SERVICE\\n\"}]}]}\n",
    );
    project.edit(FIRST, "ingress-balancer]", "ingress-balancer, account]\nruntime: {loadbalancer: package}");
    let image = "AlmaLinux-9-GenericCloud.x86_64.qcow2\n";
    project.edit("profiles/cluster.yaml", image, &format!("{image}    packages: [haproxy, keepalived]\n"));
    project.build();
    let name = format!("account-{}", std::process::id());
    let up = lab(project.root(), &["up", "--name", &name]);
    assert!(up.status.success(), "{}", said(&up));
    // Exactly: the check that asks HAProxy has its name in its own, and comes and goes.
    let status = "for pid in $(pgrep -x haproxy); do stat -c %U /proc/$pid; grep CapAmb /proc/$pid/status; done";
    let status = lab(project.root(), &["exec", "--name", &name, "loadbalancer1", "sh", "-c", status]);
    assert!(lab(project.root(), &["down", "--name", &name]).status.success());
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    // The master and its worker; CAP_NET_BIND_SERVICE is bit 10 (capabilities(7)).
    assert_eq!(lines, ["haproxy", "CapAmb:\t0000000000000400"].repeat(2), "{}", said(&status));
}

#[test]
fn what_is_missing_is_said_before_anything_is_made() {
    let scratch = tempfile::tempdir().unwrap();
    let output = lab(scratch.path(), &["test"]);
    assert_eq!(output.status.code(), Some(2));
    let text = said(&output);
    let plain = ["needs root", "is no output of `bake build`", "does not have"];
    assert!(plain.iter().any(|words| text.contains(words)), "{text}");
    if !root() {
        return;
    }
    let project = Project::new();
    project.ends(&["build", "--node", "master1"], 0);
    let output = lab(project.root(), &["test"]);
    assert!(said(&output).contains("a lab needs all machines"), "{}", said(&output));
    project.build();
    let output = lab(project.root(), &["test", "--scenario", "haproxy-kiled"]);
    assert!(said(&output).contains("did you mean `haproxy-killed`"), "{}", said(&output));
}
