//! A real first boot: systemd as PID 1 of a container, cloud-init started by it, `bake-apply` at its end.

use super::acid::{base, seed_folder};
use super::fixture::{self, file, node, unit};
use crate::support;
use bake::model::Part;
use bake::model::ignition::*;
use std::fs;
use std::process::Command;

/// A service that writes its name into `/srv/order`.
fn noted(name: &str, after: &str, seconds: u8) -> Unit {
    let text = format!(
        "[Unit]\nAfter={after}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep {seconds}\n\
         ExecStart=/bin/sh -c 'echo {name} $(cat /proc/sys/net/ipv4/ip_nonlocal_bind) >>/srv/order'\n\
         [Install]\nWantedBy=multi-user.target\n"
    );
    unit(name, Some(true), &text)
}

fn part() -> Part {
    let report = "[Unit]\nAfter=second.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'for unit in srv-data.mount tick.timer \
                  first.service masked.service cron.service; do echo $unit $(systemctl is-active $unit); done >/srv/report'\n\
                  ExecStart=/bin/systemctl poweroff --no-block\n[Install]\nWantedBy=multi-user.target\n";
    let guard = "[Unit]\nBefore=network-pre.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo guard.service >>/srv/order'\n\
                 [Install]\nWantedBy=multi-user.target\n";
    let dropin = Dropin { name: "nice.conf".to_owned(), contents: Some("[Service]\nNice=5\n".to_owned()) };
    let units = vec![
        // In the wrong order on purpose.
        unit("report.service", Some(true), report),
        noted("second.service", "first.service", 0),
        noted("first.service", "network.target", 2),
        unit("guard.service", Some(true), guard),
        unit(
            "srv-data.mount",
            Some(true),
            "[Mount]\nWhat=tmpfs\nWhere=/srv/data\nType=tmpfs\n[Install]\nWantedBy=local-fs.target\n",
        ),
        unit(
            "tick.timer",
            Some(true),
            "[Timer]\nOnUnitActiveSec=1h\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n",
        ),
        unit("tick.service", None, "[Service]\nType=oneshot\nExecStart=/bin/true\n"),
        Unit { mask: Some(true), ..unit("masked.service", None, "") },
        Unit { mask: Some(true), ..unit("nftables.service", None, "") },
        unit("not-in-this-image.service", Some(false), ""),
        Unit { dropins: vec![dropin.clone()], ..unit("ssh.service", None, "") },
        Unit { dropins: vec![dropin], ..unit("not-there-either.service", None, "") },
    ];
    let core = PasswdUser { name: "core".to_owned(), uid: Some(500), ..PasswdUser::default() };
    let files = vec![
        file("/etc/sysctl.d/90-bake.conf", 0o644, b"net.ipv4.ip_nonlocal_bind = 1\n"),
        file("/etc/chrony.d/x.conf", 0o644, b""),
        file("/etc/nftables/x.nft", 0o644, b""),
        File { user: fixture::user("core"), ..file("/home/core/mine", 0o600, b"mine\n") },
    ];
    let config = Config {
        passwd: Passwd { users: vec![core], groups: vec![] },
        storage: Storage { files, ..Storage::default() },
        systemd: Systemd { units },
        ..Config::default()
    };
    Part { config, ..Part::default() }
}

#[test]
fn a_machine_boots_into_what_the_config_says() {
    let Some(base) = base() else { return };
    if support::engine("systemd-nspawn").is_none() {
        return;
    }
    let (documents, found) = fixture::lowered(&part(), &node());
    assert!(found.is_empty(), "{found:?}");
    let scratch = tempfile::tempdir().expect("scratch folder");
    let seed = seed_folder(scratch.path().join("seed"), &documents);
    let work = scratch.path().join("work");
    fs::create_dir(&work).expect("a folder");
    let script = support::repository().join("tests/engines/apply/boot.sh");
    let output = support::run(Command::new(script).args([&base, &seed, &work]));
    let read = |path: &str| fs::read_to_string(work.join(path)).unwrap_or_default();
    let all = || [support::said(&output), read("console"), read("upper/var/log/cloud-init-output.log")].join("\n");
    assert!(output.status.success(), "{}", all());

    assert_eq!(read("upper/var/lib/bake/result"), "ok\n", "{}", all());
    // The guard first; the second service after the first, although it was asked for by a fragment before it and the first
    // takes its time; kernel settings before both.
    assert_eq!(read("upper/srv/order"), "guard.service\nfirst.service 1\nsecond.service 1\n", "{}", all());
    let expected = "srv-data.mount active\ntick.timer active\nfirst.service active\nmasked.service inactive\ncron.service inactive\n";
    assert_eq!(read("upper/srv/report"), expected, "{}", all());
    assert_eq!(read("upper/home/core/mine"), "mine\n");
    let said = read("upper/var/log/cloud-init-output.log");
    // Nothing fails for a service that the image lacks, or that a fragment masks.
    for note in [
        "not-in-this-image.service is not in this image",
        "not-there-either.service does not run",
        "nftables.service does not run",
    ] {
        assert!(said.contains(&format!("bake-apply: {note}\n")), "{note}: {said}");
    }
}
