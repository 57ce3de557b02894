//! The other clusters of a repository: in the project's own folders and, where it has a library, in the library's.

use super::read;
use crate::diag::{Sink, Sources};
use crate::load::decode;
use crate::model::profile::ClusterProfile;
use crate::model::sibling::SiblingVip;
use crate::world::layers::Layers;
use crate::world::{Kind, World};
use std::collections::BTreeSet;

/// Where a project has its cluster.
const CLUSTER: &str = "profiles/cluster.yaml";

/// Folders that hold what was made or brought, and no projects.
const SKIPPED: &[&str] = &["butane", "dist", "node_modules", "profiles", "secrets", "src", "target", "tests"];

/// The virtual addresses of every other cluster. What cannot be read is for that cluster's own check to say.
pub(super) fn vips(layers: &Layers<'_>, own: &str, library: Option<&str>) -> Vec<SiblingVip> {
    let mut found = Vec::new();
    let mut seen: BTreeSet<Vec<u8>> = layers.read(own).into_iter().collect();
    for root in std::iter::once("").chain(library) {
        let mut folders = vec![root.to_owned()];
        for folder in below(layers, root) {
            folders.extend(below(layers, &folder));
            folders.push(folder);
        }
        for folder in folders {
            let path = join(&folder, CLUSTER);
            // A library sees this project, too: the same text is the same cluster.
            if path != own && layers.has(&path) && layers.read(&path).is_ok_and(|bytes| seen.insert(bytes)) {
                found.extend(of(layers, &path));
            }
        }
    }
    found
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The folders of a folder that may be projects or hold some.
fn below(layers: &Layers<'_>, folder: &str) -> Vec<String> {
    let place = match folder {
        "" => ".".to_owned(),
        // A library is named by the way up to it.
        folder if folder.ends_with("..") => format!("{folder}/."),
        folder => folder.to_owned(),
    };
    let entries = layers.list(&place).unwrap_or_default();
    let folders = entries.into_iter().filter(|entry| matches!(entry.kind, Kind::Directory));
    let meant = folders.filter(|entry| !entry.path.starts_with('.') && !SKIPPED.contains(&entry.path.as_str()));
    meant.map(|entry| join(folder, &entry.path)).collect()
}

fn of(layers: &Layers<'_>, path: &str) -> Vec<SiblingVip> {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let (_, document) = read::yaml(layers, path, &mut sources, &mut sink);
    let Some(profile) = document.and_then(|document| decode::decode::<ClusterProfile>(&document, &mut sink)) else {
        return Vec::new();
    };
    let vips = profile.vips.iter().filter_map(|(name, vip)| {
        let network = profile.networks.get(vip.network.as_str())?;
        Some(SiblingVip {
            path: path.to_owned(),
            name: name.clone(),
            bridge: network.bridge.value.clone(),
            cidr: network.cidr.value,
            address: vip.address.value,
            virtual_router_id: vip.virtual_router_id.value,
        })
    });
    vips.collect()
}
