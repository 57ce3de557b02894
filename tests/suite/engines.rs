//! The real daemons judge the files of every node of every cluster, from what was built.
//!
//! `tests/engines/packages.txt` lists what they need. An engine that is missing is reported as skipped, and
//! fails the run where `BAKE_ENGINES=required`. Most of these checkers hide something behind their exit
//! status, so any word of theirs counts as a failure unless it is listed here with a reason.

use crate::support::{Built, built, engine, projects, python, quadlet, repository, root, run, said, skip};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `check` for every node that has `path`; at least one must.
fn for_each(path: &str, mut check: impl FnMut(&str, &Path)) {
    let Some(built) = built() else { return };
    let found = built.each(path);
    assert!(!found.is_empty(), "no node has {path}");
    for (node, file) in found {
        check(&node, &file);
    }
}

/// Fails unless `command` succeeds without a word, save for lines that `allowed` knows.
fn silent(node: &str, command: &mut Command, allowed: &[&str]) {
    let output = run(command);
    let text = said(&output);
    let complaints: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !allowed.iter().any(|known| line.contains(known)))
        .collect();
    assert!(output.status.success() && complaints.is_empty(), "{node}: {command:?}: {}\n{text}", output.status);
}

fn script(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg(repository().join("tests/engines").join(name));
    command
}

#[test]
fn haproxy_accepts_its_configuration() {
    let Some(haproxy) = engine("haproxy") else { return };
    for_each("etc/haproxy/haproxy.cfg", |node, file| {
        // -dW: warnings are errors.
        silent(node, Command::new(&haproxy).args(["-c", "-dW", "-f"]).arg(file), &["Configuration file is valid"]);
    });
}

#[test]
fn keepalived_accepts_its_configuration() {
    if engine("keepalived").is_none() || !root() {
        return;
    }
    for_each("etc/keepalived/keepalived.conf", |node, file| {
        let tree = file.ancestors().nth(3).expect("tree");
        silent(node, script("keepalived.sh").arg(tree).arg("/etc/keepalived"), &[]);
    });
}

#[test]
fn cloud_init_accepts_user_data() {
    let Some(cloud_init) = engine("cloud-init") else { return };
    let Some(built) = built() else { return };
    let mut seen = 0;
    for node in built.nodes() {
        let user_data = built.dist.join(&node).join("user-data");
        if user_data.exists() {
            seen += 1;
            silent(&node, Command::new(&cloud_init).args(["schema", "-c"]).arg(&user_data), &["Valid cloud-config"]);
        }
    }
    assert!(seen > 0, "no node has user-data");
}

#[test]
fn ignition_accepts_configs_at_its_newest_spec() {
    let Some(built) = built() else { return };
    let mut seen = 0;
    for node in built.nodes() {
        let path = built.dist.join(&node).join("config.ign");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        seen += 1;
        let (config, warnings) = ignition_config::Config::parse_slice(&bytes).unwrap_or_else(|e| panic!("{node}: {e}"));
        assert!(warnings.is_empty(), "{node}: {warnings:?}");
        assert!(matches!(config, ignition_config::Config::V3_4(_)), "{node}: not spec 3.4.0");
    }
    assert!(seen > 0, "no node has config.ign");
}

#[test]
fn ignition_validate_accepts_configs_on_spec_3_3_0() {
    // Debian's ignition-validate knows specs up to 3.3.0, so the same cluster is built at that version.
    let Some(validate) = engine("ignition-validate") else { return };
    let scratch = tempfile::tempdir().expect("scratch");
    let copy = scratch.path().join("copy");
    make(&copy);
    for part in ["profiles", "butane", "secrets", "examples"] {
        assert!(run(Command::new("cp").arg("-r").arg(repository().join(part)).arg(&copy)).status.success());
    }
    for (name, path) in projects() {
        let project = copy.join(path.strip_prefix(repository()).expect("below the repository"));
        let cluster = project.join("profiles/cluster.yaml");
        let text = std::fs::read_to_string(&cluster).expect("cluster.yaml");
        let older = text.replace("ignition: 3.4.0", "ignition: 3.3.0");
        assert_ne!(text, older, "{name}: cluster.yaml names its Ignition version");
        std::fs::write(&cluster, older).expect("cluster.yaml");
        let dist = scratch.path().join(&name);
        let output = run(crate::support::bake().arg("-C").arg(&project).args(["build", "--out"]).arg(&dist));
        assert!(output.status.success(), "{name}: {}", said(&output));
        let mut seen = 0;
        for entry in std::fs::read_dir(&dist).expect("dist") {
            let config = entry.expect("entry").path().join("config.ign");
            if config.exists() {
                seen += 1;
                silent(&config.display().to_string(), Command::new(&validate).arg(&config), &[]);
            }
        }
        assert!(seen > 0, "{name}: no node has config.ign");
    }
}

fn make(dir: &Path) -> &Path {
    std::fs::create_dir_all(dir).expect("folder");
    dir
}

/// Every unit file of a tree, with drop-ins left to their units.
fn units(tree: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(tree.join("etc/systemd/system")) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    found.retain(|path| path.is_file() && !path.is_symlink());
    found.sort();
    found
}

/// A root in which `systemd-analyze verify` finds what the image brings: programs and units that the node's own files
/// refer to. Vendor units are the machine's own; programs and foreign units become stubs.
fn verify_root(built: &Built, node: &str, scratch: &Path) -> PathBuf {
    let root = scratch.join(node);
    make(root.parent().expect("folder"));
    assert!(run(Command::new("cp").arg("-r").arg(built.trees.join(node)).arg(&root)).status.success());
    let vendor = root.join("usr/lib/systemd/system");
    std::fs::create_dir_all(&vendor).expect("folder");
    assert!(run(Command::new("sh").args(["-c", "cp -r /lib/systemd/system/. \"$0\""]).arg(&vendor)).status.success());
    for unit in ["docker.service", "docker.socket", "chronyd.service", "iscsid.service", "nfs-server.service"] {
        let path = vendor.join(unit);
        if !path.exists() {
            std::fs::write(&path, "[Unit]\nDescription=stub\n[Service]\nExecStart=/usr/bin/true\n").expect("stub");
        }
    }
    let mut programs: BTreeSet<String> = BTreeSet::from(["/usr/bin/true".to_owned()]);
    let texts = std::fs::read_dir(&vendor).into_iter().flatten().map(|entry| entry.expect("entry").path());
    for path in texts.chain(units(&root)).filter(|path| path.is_file()) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for line in text.lines().filter(|line| line.starts_with("Exec")) {
            let program =
                line.split_once('=').map_or("", |(_, value)| value.trim_start_matches(['-', '@', '+', '!', ':']));
            programs.extend(program.split_whitespace().next().filter(|word| word.starts_with('/')).map(str::to_owned));
        }
    }
    for program in programs {
        let path = root.join(program.trim_start_matches('/'));
        if !path.exists() && std::fs::create_dir_all(path.parent().expect("folder")).is_ok() {
            std::fs::copy("/bin/true", &path).expect("stub");
        }
    }
    root
}

#[test]
fn systemd_accepts_units() {
    let Some(analyze) = engine("systemd-analyze") else { return };
    let Some(built) = built() else { return };
    let scratch = tempfile::tempdir().expect("scratch");
    for node in built.nodes() {
        let root = verify_root(built, &node, scratch.path());
        let own: BTreeSet<String> =
            units(&root).iter().map(|path| path.file_name().expect("name").to_string_lossy().into_owned()).collect();
        for unit in &own {
            let mut command = Command::new(&analyze);
            let output = run(command
                .args(["verify", "--man=no", "--recursive-errors=no"])
                .arg(format!("--root={}", root.display()))
                .arg(unit));
            // Its status is 0 for unknown keys, so its words decide; those about the machine's own units are not ours.
            let text = said(&output);
            let ours: Vec<&str> =
                text.lines().filter(|line| own.iter().any(|name| line.contains(name.as_str()))).collect();
            assert!(ours.is_empty() && output.status.success(), "{node}/{unit}: {}\n{text}", output.status);
        }
    }
}

#[test]
fn quadlet_makes_units_of_every_container() {
    let Some(quadlet) = quadlet() else { return };
    let Some(built) = built() else { return };
    for (node, dir) in built.each("etc/containers/systemd") {
        let count = std::fs::read_dir(&dir).expect("folder").count();
        let output = run(Command::new(quadlet).arg("-dryrun").env("QUADLET_UNIT_DIRS", &dir));
        let text = said(&output);
        assert!(output.status.success(), "{node}: {text}");
        // An unsupported key drops the whole unit, so every file must have become one.
        assert_eq!(text.matches("---").count() / 2, count, "{node}: {text}");
        for word in ["unsupported", "rror"] {
            assert!(
                !text.lines().any(|line| line.contains("quadlet-generator") && line.contains(word)),
                "{node}: {text}"
            );
        }
    }
}

#[test]
fn nft_accepts_rulesets() {
    let Some(nft) = engine("nft") else { return };
    for_each("etc/nftables/bake.nft", |node, file| {
        // In namespaces of its own: nothing is loaded, no root is needed.
        silent(node, Command::new("unshare").args(["-Urn"]).arg(&nft).args(["-c", "-f"]).arg(file), &[]);
    });
}

#[test]
fn sshd_accepts_its_drop_in() {
    let Some(sshd) = engine("sshd") else { return };
    let key = tempfile::tempdir().expect("scratch");
    let host_key = key.path().join("key");
    assert!(
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&host_key)).status.success()
    );
    for_each("etc/ssh/sshd_config.d", |node, dir| {
        for entry in std::fs::read_dir(dir).expect("folder") {
            let file = entry.expect("entry").path();
            silent(node, script("sshd.sh").arg(&sshd).arg(&file).arg(&host_key), &[]);
        }
    });
}

#[test]
fn visudo_accepts_sudoers() {
    let Some(visudo) = engine("visudo") else { return };
    let Some(built) = built() else { return };
    for (node, dir) in built.each("etc/sudoers.d") {
        for entry in std::fs::read_dir(dir).expect("folder") {
            let file = entry.expect("entry").path();
            silent(&node, Command::new(&visudo).args(["-c", "-q", "-f"]).arg(&file), &[]);
        }
    }
}

#[test]
fn chronyd_accepts_its_configuration() {
    let Some(chronyd) = engine("chronyd") else { return };
    for_each("etc/chrony.conf", |node, file| {
        // -p prints the configuration as it was understood.
        let output = run(Command::new(&chronyd).args(["-p", "-f"]).arg(file));
        assert!(output.status.success(), "{node}: {}", said(&output));
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaints.trim().is_empty(), "{node}: {complaints}");
    });
}

#[test]
fn zones_are_whole() {
    let Some(checkzone) = engine("named-checkzone") else { return };
    let Some(built) = built() else { return };
    let mut zones = 0;
    for (node, corefile) in built.each("etc/coredns/Corefile") {
        let text = std::fs::read_to_string(&corefile).expect("Corefile");
        for (zone, file) in zone_files(&text) {
            zones += 1;
            let path = corefile.parent().expect("folder").join(file);
            silent(&node, Command::new(&checkzone).arg("-q").arg(&zone).arg(&path), &[]);
        }
    }
    assert!(zones > 0, "no zone is served");
}

/// The zones of a Corefile with the base names of their files: `zone { ... file PATH ... }`.
fn zone_files(corefile: &str) -> Vec<(String, String)> {
    let mut zone = String::new();
    let mut found = Vec::new();
    for line in corefile.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, .., "{"] if !line.starts_with([' ', '\t']) => {
                zone = (*name).split(':').next().unwrap_or_default().to_owned();
            }
            ["file", path, ..] => found.push((zone.clone(), path.rsplit('/').next().unwrap_or_default().to_owned())),
            _ => {}
        }
    }
    found
}

#[test]
fn networkd_configures_every_flatcar_node() {
    if engine("systemd-networkd").is_none() || !root() {
        return;
    }
    let Some(built) = built() else { return };
    let found = built.each("etc/systemd/network");
    assert!(!found.is_empty(), "no node has networkd files");
    for (node, dir) in found {
        let tree = built.trees.join(&node);
        let output = run(script("networkd.sh").arg(&tree));
        let text = said(&output);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).trim().is_empty(), "{node}: {text}");
        for (destination, gateway) in routes(&dir) {
            let route = format!("{destination} via {gateway} ");
            assert!(text.contains(&route), "{node}: the route `{route}` is not there:\n{text}");
        }
    }
}

/// The routes that a folder of networkd files asks for, as `ip route` shows them.
fn routes(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut files = vec![dir.to_path_buf()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).expect("folder").map(|entry| entry.expect("entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let mut destination = "default".to_owned();
        for line in text.lines() {
            if let Some(value) = line.strip_prefix("Destination=") {
                destination = if value == "0.0.0.0/0" { "default".to_owned() } else { value.to_owned() };
            } else if let Some(value) = line.strip_prefix("Gateway=") {
                found.push((destination.clone(), value.to_owned()));
            }
        }
    }
    found
}

#[test]
fn postgresql_accepts_its_configuration() {
    let Some(built) = built() else { return };
    let Some(python) = python() else { return };
    let servers = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = servers.map(|entry| entry.expect("entry").path().join("bin")).collect();
    found.sort();
    let Some(bin) = found.pop() else { return skip("PostgreSQL's server is not installed") };
    if !root() {
        return;
    }
    let trees = built.each("etc/postgresql/pg_hba.conf");
    assert!(!trees.is_empty(), "no node has PostgreSQL");
    for (node, file) in trees {
        let mut command = Command::new(&python);
        command.arg(repository().join("tests/engines/postgresql.py")).arg(&bin).arg(file.parent().expect("folder"));
        let output = run(&mut command);
        assert!(output.status.success(), "{node}: {}", said(&output));
    }
}

#[test]
fn nfs_exports_are_understood() {
    let Some(exportfs) = engine("exportfs") else { return };
    if !root() {
        return;
    }
    for_each("etc/exports", |node, file| {
        // In a mount namespace with the exported folders in memory; `-f` only needs the table, not a server.
        let lines = std::fs::read_to_string(file).expect("exports");
        let folders: Vec<&str> = lines
            .lines()
            .filter(|line| line.starts_with('/'))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(folders.contains(&"/srv/nfs/postgresql") && folders.contains(&"/srv/nfs/shared"), "{node}: {lines}");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--propagation", "private", "sh", "-euc"]);
        command.arg("mount -t tmpfs t /srv; mkdir -p $2; mount -t tmpfs t /var/lib/nfs; touch /var/lib/nfs/etab; mount --bind \"$1\" /etc/exports; \"$0\" -arv 2>&1 | grep -vE '^exporting ' || true");
        command.arg(&exportfs).arg(file).arg(folders.join(" "));
        let output = run(&mut command);
        let text = said(&output);
        let complaints = text
            .lines()
            .filter(|line| line.contains("syntax") || line.contains("unknown") || line.contains("bad option"));
        assert_eq!(complaints.count(), 0, "{node}: {text}");
    });
}
