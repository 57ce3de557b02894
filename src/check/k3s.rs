//! `/etc/rancher/k3s/config.yaml` as far as rules need it: keys of the first level with a text or a list.

use super::{Baked, BakedFile, Overview};
use crate::model::cluster::{Cluster, Node};
use std::collections::BTreeMap;

/// Where K3s reads its configuration.
pub(super) const CONFIG: &str = "/etc/rancher/k3s/config.yaml";

/// One machine's configuration.
#[derive(Debug)]
pub(super) struct Config<'a> {
    /// The machine.
    pub(super) baked: &'a Baked,
    /// The file.
    pub(super) file: &'a BakedFile,
    /// Values by key, each with its line (from 0); a list has several.
    pub(super) values: BTreeMap<&'a str, Vec<(usize, String)>>,
    keys: BTreeMap<&'a str, usize>,
}

impl Config<'_> {
    /// Whether the machine runs a server.
    pub(super) fn is_server(&self) -> bool {
        self.baked.units.contains_key("k3s.service")
    }

    /// The first value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&(usize, String)> {
        self.values.get(key).and_then(|values| values.first())
    }

    /// Whether the machine starts the cluster.
    pub(super) fn starts(&self) -> Option<usize> {
        self.value("cluster-init").filter(|(_, value)| value == "true").map(|(line, _)| *line)
    }

    /// The machine to join: the line and the host of `server:`.
    pub(super) fn server(&self) -> Option<(usize, &str)> {
        let (line, url) = self.value("server")?;
        let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
        Some((*line, host.split([':', '/']).next().unwrap_or(host)))
    }

    /// Every key, with its first line.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, usize)> {
        self.keys.iter().map(|(key, line)| (*key, *line))
    }

    /// The port to join at.
    pub(super) fn port(&self) -> u16 {
        let url = self.value("server").map_or("", |(_, url)| url.as_str());
        url.trim_end_matches('/').rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(6443)
    }
}

/// The configurations of all machines that have one.
pub(super) fn configs<'a>(overview: &Overview<'a>) -> Vec<Config<'a>> {
    let found = overview.nodes.iter().filter_map(|baked| Some((baked, baked.files.get(CONFIG)?)));
    found.map(|(baked, file)| Config { baked, file, values: values(&file.text), keys: keys(&file.text) }).collect()
}

/// Machines by every address and name that they have.
pub(super) fn owners(cluster: &Cluster) -> BTreeMap<String, &Node> {
    let mut owners = BTreeMap::new();
    for node in &cluster.nodes {
        owners.insert(node.hostname.clone(), node);
        owners.insert(node.fqdn.clone(), node);
        owners.extend(node.interfaces.iter().map(|card| (card.address.value.to_string(), node)));
    }
    owners
}

/// Keys of the first level, without the `+` that appends to the list of another file.
fn keys(text: &str) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with([' ', '#', '-', '\t']) {
            continue;
        }
        if let Some((name, _)) = line.split_once(':') {
            found.entry(name.trim_end_matches('+').trim_matches(['"', '\''])).or_insert(number);
        }
    }
    found
}

fn values(text: &str) -> BTreeMap<&str, Vec<(usize, String)>> {
    let clean = |value: &str| value.trim().trim_matches(['"', '\'']).to_owned();
    let mut found: BTreeMap<&str, Vec<(usize, String)>> = BTreeMap::new();
    let mut key = "";
    for (number, line) in text.lines().enumerate() {
        let bare = line.split(" #").next().unwrap_or_default().trim_end();
        if bare.trim().is_empty() || bare.trim_start().starts_with('#') {
            continue;
        }
        if let Some(item) = bare.trim_start().strip_prefix("- ") {
            found.entry(key).or_default().push((number, clean(item)));
        } else if let Some((name, value)) = bare.split_once(':').filter(|_| !bare.starts_with(' ')) {
            key = name;
            let list = value.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let values = found.entry(key).or_default();
            match list {
                Some(list) => values.extend(list.split(',').map(|item| (number, clean(item)))),
                None if value.trim().is_empty() => {}
                None => values.push((number, clean(value))),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_texts_and_lists() {
        let found = super::values("a: \"x\" # c\n# d\nb:\n  - y\n  - z:1\nc: [1, '2']\n");
        let shown: Vec<String> = found.iter().map(|(key, values)| format!("{key} {values:?}")).collect();
        assert_eq!(shown, [r#"a [(0, "x")]"#, r#"b [(3, "y"), (4, "z:1")]"#, r#"c [(5, "1"), (5, "2")]"#]);
    }
}
