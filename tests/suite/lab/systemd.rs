//! Level `systemd`: balancers boot from what the real engines made of what was baked.

use super::{built, lab, table, traces};
use crate::support::{bake, engine, repository, run, said};
use bake::lab::result::{Level, Run, Verdict};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(super) fn possible() -> bool {
    let programs = ["systemctl", "dbus-daemon", "cloud-init", "NetworkManager", "sshd", "ignition", "unshare"];
    super::possible() && programs.iter().all(|name| engine(name).is_some())
}

/// The tests' own project, whose balancers have three ways to come by their daemons.
fn other_systems(scratch: &Path) -> PathBuf {
    let dist = scratch.join("dist");
    let project = repository().join("tests/projects/other-systems");
    let output = run(bake().current_dir(project).args(["build", "--out"]).arg(&dist));
    assert!(output.status.success(), "{}", said(&output));
    dist
}

fn rehearse(dist: &Path, scenarios: &[&str]) -> Run {
    let mut command = bake();
    command.args(["lab", "test", "--level", "systemd", "--format", "json"]).arg(dist);
    for scenario in scenarios {
        command.args(["--scenario", scenario]);
    }
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout);
    bake::lab::report::read(&text).unwrap_or_else(|why| panic!("{why}: {}", said(&output)))
}

/// What must be true of any run: it passed, with systemd, and what is looked at on this level was.
fn holds(run: &Run, engines: &[&str], machines: &str) {
    assert_eq!((run.level, run.verdict()), (Level::Systemd, Verdict::Passed), "{}", table(run));
    for name in engines {
        assert!(run.engines.iter().any(|engine| engine.name == *name), "{name}: {:?}", run.engines);
    }
    for what in ["no unit has failed", "every file is as it was baked", "every daemon runs in its own unit"] {
        let what = format!("{what} ({machines})");
        assert!(run.assertions().any(|one| one.what == what), "{what}: {}", table(run));
    }
}

#[test]
fn balancers_boot_what_cloud_init_made() {
    if !possible() {
        return;
    }
    let project = built(&[], &[]);
    let run = rehearse(&project.dist(), &["start", "reach", "haproxy-killed", "keepalived-*", "haproxy-restarts"]);
    holds(&run, &["systemd", "cloud-init", "NetworkManager"], "loadbalancer1, loadbalancer2");
    let names: Vec<&str> = run.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let all = ["haproxy-killed", "keepalived-killed", "keepalived-stopped", "haproxy-restarts", "keepalived-restarts"];
    assert_eq!(names[2..], all);
    for scenario in run.scenarios.iter().filter(|one| one.name.ends_with("-restarts")) {
        let last = scenario.vips.iter().filter_map(|watch| watch.moves.last());
        assert!(last.clone().all(|one| one.measured.owners == ["loadbalancer1"]), "{}", table(&run));
    }
}

#[test]
fn balancers_boot_what_ignition_made() {
    if !possible() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let run = rehearse(&other_systems(scratch.path()), &["start", "reach", "haproxy-killed", "keepalived-stopped"]);
    holds(&run, &["systemd", "Ignition", "cloud-init"], "balancer1, balancer2, balancer3");
    assert!(run.notes.iter().any(|note| note.contains("a lab cannot fetch")), "{:?}", run.notes);
}

/// Its unit is enabled and is started, again and again: nothing has failed for systemd.
#[test]
fn a_daemon_that_does_not_come_up_does_not_pass() {
    if !possible() {
        return;
    }
    let config = "butane/files/haproxy.cfg.j2";
    let accepted = [("profiles/cluster.yaml", "haproxy-syntax, file: butane/files/haproxy.cfg.j2")];
    let project = built(&[(config, "\nglobal\n", "\nglobal\n    no-such-word\n")], &accepted);
    let output = lab(project.root(), &["test", "--level", "systemd", "--scenario", "start"]);
    // It may be seen between two deaths: then it runs, and what is doubted tells.
    let words = match output.status.code() {
        Some(1) => ["no daemon had to be started again", "HAProxy listens on every port"],
        _ => ["HAProxy does not run on `loadbalancer", "no-such-word"],
    };
    assert!(words.iter().all(|words| said(&output).contains(words)), "{}", said(&output));
}

#[test]
fn control_groups_go_with_the_lab() {
    if !possible() {
        return;
    }
    let groups = |name: &str| {
        let found = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(|folder| format!("{folder}/bake-lab-{name}"));
        found.into_iter().filter(|path| Path::new(path).exists()).collect::<Vec<_>>()
    };
    let project = built(&[], &[]);
    let name = format!("booted-{}", std::process::id());
    let up = lab(project.root(), &["up", "--level", "systemd", "--name", &name]);
    assert!(up.status.success(), "{}", said(&up));
    assert_eq!(groups(&name).len(), 1);
    let first = lab(project.root(), &["exec", "--name", &name, "loadbalancer1", "systemctl", "is-active", "haproxy"]);
    assert_eq!(String::from_utf8_lossy(&first.stdout).trim(), "active", "{}", said(&first));
    let down = lab(project.root(), &["down", "--name", &name]);
    assert!(down.status.success(), "{}", said(&down));
    assert_eq!((traces(&name), groups(&name)), (vec![], vec![]));

    for at in [50, 400, 1500, 3000] {
        let name = format!("cut-{at}-{}", std::process::id());
        let mut command = bake();
        command.current_dir(project.root()).args(["lab", "up", "--level", "systemd", "--name", &name]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(at));
        child.kill().unwrap();
        child.wait().unwrap();
        // Every other one ends by itself; the others are taken down.
        if at % 200 != 0 {
            let down = lab(project.root(), &["down", "--name", &name]);
            assert!(down.status.success() || said(&down).contains("no lab is called"), "{at}: {}", said(&down));
        }
        let begin = Instant::now();
        while !(traces(&name).is_empty() && groups(&name).is_empty()) && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!((traces(&name), groups(&name)), (vec![], vec![]), "after {at} ms");
    }
}

#[test]
fn a_missing_engine_is_said_with_its_package() {
    if !possible() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let dist = other_systems(scratch.path());
    let hidden =
        "mount -t tmpfs tmpfs /usr/lib/dracut/modules.d/30ignition && exec \"$0\" lab up --level systemd \"$1\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", hidden]);
    let output = run(command.arg(env!("CARGO_BIN_EXE_bake")).arg(&dist));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("needs `ignition`"), "{}", said(&output));
    assert!(said(&output).contains("apt-get install ignition"), "{}", said(&output));
}
