//! The cluster model as Ignition parts: texts, origins, and what the real programs say about them.

#![allow(clippy::disallowed_methods, reason = "tests read their cases and the environment themselves")]

#[path = "lowering/engines.rs"]
mod engines;
#[path = "lowering/fixture.rs"]
mod fixture;
#[path = "lowering/namespaces.rs"]
mod namespaces;

use bake::diag::Sources;
use bake::lower::cluster_parts;
use bake::model::cluster::{Cluster, Node};
use bake::model::ignition::Resource;
use bake::model::{Part, Path};
use base64::Engine;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Read;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/lowering");

/// The text behind a data URL, however it is encoded.
fn text(resource: &Resource) -> String {
    let source = resource.source.as_deref().unwrap();
    let (kind, body) = source.strip_prefix("data:").unwrap().split_once(',').unwrap();
    let bytes = if kind.ends_with(";base64") {
        base64::engine::general_purpose::STANDARD.decode(body).unwrap()
    } else {
        unescape(body)
    };
    if resource.compression.as_deref() == Some("gzip") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        return text;
    }
    String::from_utf8(bytes).unwrap()
}

fn unescape(body: &str) -> Vec<u8> {
    let mut pieces = body.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(piece[2..].bytes());
    }
    bytes
}

/// All files of a node, by path.
pub fn files(node: &Node, cluster: &Cluster) -> Vec<(String, String)> {
    let parts = cluster_parts(node, cluster);
    parts
        .iter()
        .flat_map(|part| &part.config.storage.files)
        .map(|file| (file.path.clone(), text(&file.contents)))
        .collect()
}

fn file(node: &str, path: &str) -> String {
    let (cluster, _) = fixture::cluster();
    let node = cluster.node(node).unwrap();
    let found = files(node, &cluster).into_iter().find(|(own, _)| own == path);
    found.unwrap_or_else(|| panic!("{} has no {path}", node.name)).1
}

fn show(part: &Part, sources: &Sources) -> String {
    let mut out = String::new();
    let origin = |section: &str, list: &'static str, at: usize| {
        let path = Path::root().then(section.to_owned()).then(list).then(at);
        sources.get(part.trace.span(&path).unwrap().file).name().to_owned()
    };
    for (at, file) in part.config.storage.files.iter().enumerate() {
        let replace = if file.overwrite == Some(true) { ", overwrite" } else { "" };
        let from = origin("storage", "files", at);
        let _ = writeln!(
            out,
            "=== file {} {:04o}{replace} <- {from}\n{}",
            file.path,
            file.mode.unwrap(),
            text(&file.contents)
        );
    }
    for (at, link) in part.config.storage.links.iter().enumerate() {
        let from = origin("storage", "links", at);
        let _ = writeln!(out, "=== link {} -> {} <- {from}\n", link.path, link.target.as_deref().unwrap());
    }
    for (at, unit) in part.config.systemd.units.iter().enumerate() {
        let (enabled, mask) = (unit.enabled, unit.mask);
        let from = origin("systemd", "units", at);
        let contents = unit.contents.as_deref().unwrap_or_default();
        let _ = writeln!(out, "=== unit {} enabled={enabled:?} mask={mask:?} <- {from}\n{contents}", unit.name);
    }
    for (at, user) in part.config.passwd.users.iter().enumerate() {
        let from = origin("passwd", "users", at);
        let _ = writeln!(
            out,
            "=== user <- {from}\n{}\n",
            serde_json::to_string_pretty(&crate::support::ignition_json(user)).unwrap()
        );
    }
    out
}

#[test]
fn every_node_is_lowered_as_its_case_says() {
    let (cluster, places) = fixture::cluster();
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for node in &cluster.nodes {
        let shown: String = cluster_parts(node, &cluster).iter().map(|part| show(part, &places.sources)).collect();
        let name = format!("{}.txt", node.name);
        let path = format!("{CASES}/{name}");
        if bless {
            std::fs::write(&path, &shown).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != shown {
            wrong.push(name.clone());
        }
        names.insert(name);
    }
    assert!(wrong.is_empty(), "not as recorded: {wrong:?}; look at the difference after BLESS=1 cargo test lowering");
    let found = std::fs::read_dir(CASES).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(found.collect::<BTreeSet<_>>(), names, "a case without its node, or a node without its case");
}

#[test]
fn every_key_of_a_user_has_its_own_origin() {
    let (cluster, places) = fixture::cluster();
    let parts = cluster_parts(cluster.node("worker1").unwrap(), &cluster);
    let part = parts.iter().find(|part| !part.config.passwd.users.is_empty()).unwrap();
    let key = Path::root().then("passwd").then("users").then(0).then("sshAuthorizedKeys").then(1);
    let origin = part.trace.span(&key).unwrap();
    assert_eq!(places.sources.get(origin.file).name(), "key ssh-ed25519 AAAAfalse bo@example");
}

#[test]
fn nothing_is_written_twice() {
    let (cluster, _) = fixture::cluster();
    for node in &cluster.nodes {
        let files = files(node, &cluster);
        let paths: BTreeSet<_> = files.iter().map(|(path, _)| path).collect();
        assert_eq!(paths.len(), files.len(), "{}", node.name);
    }
}

#[test]
fn keepalived_follows_haproxy_without_needing_it() {
    let (cluster, _) = fixture::cluster();
    for node in ["balancer1", "balancer2"] {
        let node = cluster.node(node).unwrap();
        let parts = cluster_parts(node, &cluster);
        let units = parts.iter().flat_map(|part| &part.config.systemd.units);
        let mut texts: Vec<(String, String)> = files(node, &cluster);
        texts.extend(units.map(|unit| (unit.name.clone(), unit.contents.clone().unwrap_or_default())));
        let (_, text) = texts.iter().find(|(name, _)| name.contains("keepalived.")).unwrap();
        let mentions: Vec<&str> = text.lines().filter(|line| line.contains("haproxy")).collect();
        assert!(matches!(mentions.as_slice(), [after] if after.starts_with("After=")), "{}: {mentions:?}", node.name);
    }
}

#[test]
fn a_node_that_serves_time_is_not_told_where_to_get_it() {
    let (cluster, _) = fixture::cluster();
    let writes =
        |name: &str| files(cluster.node(name).unwrap(), &cluster).iter().any(|(path, _)| path == "/etc/chrony.conf");
    assert!(!writes("infra"));
    assert!(writes("balancer2"));
}

#[test]
fn a_default_route_of_a_role_takes_the_place_of_the_gateway() {
    let (cluster, _) = fixture::cluster();
    let mut node = cluster.node("worker1").unwrap().clone();
    node.routes[0].gateway = "10.17.4.9".parse().unwrap();
    let files = files(&node, &cluster);
    let text = |path: &str| &files.iter().find(|(own, _)| own.ends_with(path)).unwrap().1;
    assert!(!text("/10-eth0.network").contains("Gateway="));
    assert!(
        text("/10-eth0.network.d/20-default.conf").ends_with("[Route]\nDestination=0.0.0.0/0\nGateway=10.17.4.9\n")
    );
}
