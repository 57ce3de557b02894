//! What a machine does that matters for when it may be away.

use super::machine::{Machine, Topic};

/// Units of K3s.
const SERVER: &str = "k3s.service";
const AGENT: &str = "k3s-agent.service";
/// K3s' configuration.
const CONFIG: &str = "/etc/rancher/k3s/config.yaml";

/// Folders whose contents nobody expects to survive.
const TRANSIENT: &[&str] = &["/run", "/tmp", "/var/run", "/var/tmp"];

/// What a machine does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traits {
    /// Whether it is a K3s server: a member of etcd.
    pub server: bool,
    /// Whether it is a K3s agent.
    pub agent: bool,
    /// Whether it starts a cluster of its own when its disk is empty (`cluster-init`).
    pub starts_cluster: bool,
    /// What K3s nodes show each other to be let in.
    pub token: Option<Token>,
    /// Whether Longhorn keeps replicas on it.
    pub longhorn: bool,
    /// Containers with folders that they write to and that lie on the root disk.
    pub lost: Vec<(String, String)>,
}

/// A secret that is compared and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Traits {
    /// What `machine` does.
    pub fn of(machine: &Machine) -> Self {
        let runs = |unit: &str| machine.get(Topic::Unit, unit).is_some_and(|unit| unit.get("enabled") == Some("yes"));
        let config = machine.get(Topic::File, CONFIG).and_then(|file| file.text()).unwrap_or_default();
        let server = runs(SERVER);
        let mounts: Vec<&str> = machine.all(Topic::Filesystem).filter_map(|(_, one)| one.get("path")).collect();
        let below = |path: &str, folder: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let kept =
            |path: &str| path.starts_with('/') && !mounts.iter().chain(TRANSIENT).any(|folder| below(path, folder));
        let lost = machine.all(Topic::Container).flat_map(|(name, container)| {
            let folders = container.get("writes").unwrap_or_default().split(' ').filter(|path| kept(path));
            folders.map(move |path| (name.to_owned(), path.to_owned())).collect::<Vec<_>>()
        });
        Self {
            server,
            agent: runs(AGENT),
            starts_cluster: server && config.lines().any(|line| line.trim() == "cluster-init: true"),
            token: config
                .lines()
                .find_map(|line| line.strip_prefix("token:"))
                .map(|token| Token(token.trim().to_owned())),
            longhorn: mounts.iter().any(|path| path.contains("longhorn")),
            lost: lost.collect(),
        }
    }
}
