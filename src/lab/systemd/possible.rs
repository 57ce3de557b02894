//! What this machine must have for the level, said before anything starts.

use super::{Seed, boot, boots, cgroup, ignition};
use crate::lab::failure::Failure;
use crate::lab::plan::Plan;
use crate::lab::result::Engine;
use crate::lab::sandbox::installed;
use crate::lab::space::run;
use std::collections::BTreeSet;
use std::path::Path;

/// Programs that every machine needs that boots, with the Debian package that has each.
const EVERYBODY: [(&str, &str); 4] =
    [("systemctl", "systemd"), ("journalctl", "systemd"), ("dbus-daemon", "dbus"), ("sysctl", "procps")];

/// Programs that the image of AlmaLinux has.
const ALMALINUX: [(&str, &str); 4] = [
    ("cloud-init", "cloud-init"),
    ("NetworkManager", "network-manager"),
    ("nmcli", "network-manager"),
    ("sshd", "openssh-server"),
];

/// What is missing on this machine for booting those machines of the plan that do.
///
/// # Errors
/// Everything that is missing, at once.
pub fn possible(plan: &Plan) -> Result<(), Failure> {
    let booted: Vec<_> = plan.trees.iter().filter(|(_, tree)| boots(tree)).collect();
    if booted.is_empty() {
        return Err(Failure::new("no machine of this cluster runs HAProxy or Keepalived, so none would boot systemd")
            .hint("`--level daemons` builds its network"));
    }
    let mut missing = BTreeSet::new();
    let mut ignites = false;
    let mut boots_cloud = false;
    for (node, tree) in &booted {
        match Seed::of(tree) {
            Some(Seed::Ignition(_)) => ignites = true,
            Some(Seed::NoCloud(_)) => boots_cloud = true,
            None => return Err(Failure::new(format!("the output has nothing to provision `{node}` with"))),
        }
    }
    let programs = EVERYBODY.iter().chain(ALMALINUX.iter().filter(|_| boots_cloud));
    missing.extend(programs.filter(|(program, _)| !installed(program)).copied());
    if !boot::SYSTEMD.iter().any(|path| Path::new(path).exists()) {
        missing.insert(("systemd", "systemd"));
    }
    if ignites && ignition::engine().is_none() {
        missing.insert(("ignition", "ignition"));
    }
    if !missing.is_empty() {
        let programs: Vec<String> = missing.iter().map(|(program, _)| format!("`{program}`")).collect();
        let packages: BTreeSet<&str> = missing.iter().map(|(_, package)| *package).collect();
        let packages: Vec<&str> = packages.into_iter().collect();
        let message = format!("level `systemd` needs {}, which this machine does not have", programs.join(", "));
        return Err(Failure::new(message).hint(format!("on Debian: `apt-get install {}`", packages.join(" "))));
    }
    if cgroup::mounted().is_none() {
        return Err(Failure::new("level `systemd` needs control groups of version 2, which are not mounted")
            .hint("`mount -t cgroup2 cgroup2 /sys/fs/cgroup`, or a system that boots with them"));
    }
    if !Path::new("/proc/self/ns/cgroup").exists() {
        return Err(Failure::new("this kernel has no namespaces for control groups")
            .hint("level `systemd` needs a kernel with CONFIG_CGROUPS and CONFIG_NAMESPACES"));
    }
    Ok(())
}

/// The programs that the level runs beside the daemons, with their versions.
pub(super) fn engines(plan: &Plan) -> Vec<Engine> {
    let engine = |name: &str, program: &str| {
        let said = run(program, &["--version"], "").unwrap_or_default();
        let number = said.split_whitespace().find(|word| word.contains(|c: char| c.is_ascii_digit()));
        let version = number.unwrap_or("unknown").trim_start_matches('v').to_owned();
        Engine { name: name.to_owned(), version, source: "this machine".to_owned() }
    };
    let seeds: BTreeSet<&str> =
        plan.trees.values().filter(|tree| boots(tree)).filter_map(|tree| Some(Seed::of(tree)?.engine())).collect();
    let mut all = vec![engine("systemd", "systemctl")];
    for name in seeds {
        if name == "Ignition" {
            all.extend(ignition::engine().map(|path| engine(name, &path.to_string_lossy())));
        } else {
            all.extend([engine(name, "cloud-init"), engine("NetworkManager", "NetworkManager")]);
        }
    }
    all
}
