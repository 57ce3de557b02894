//! Judges what was understood and what will be written: everything that would fail at run time.
//!
//! Three moments, each with its table of rules. [`model`] sees the cluster before anything is made from it; [`node`]
//! sees one machine with every file and unit it gets; [`cluster`] sees small facts of all machines side by side. A
//! rule is a function that reports into a sink; its codes are rows of `diag/code.rs` marked `rule`.
//!
//! Rules report everything; what a profile accepts (`allow`) is taken out here, in one place.

mod accounts;
mod address;
pub mod allow;
pub mod baked;
mod bootstrap;
mod cloud_config;
mod commands;
mod container;
pub mod describe;
mod effect;
mod facts;
mod firewall;
pub mod flows;
mod group;
mod haproxy;
pub mod haproxy_config;
pub mod hardware;
mod identity;
mod k3s;
pub mod keepalived;
mod networkmanager;
mod nftables;
mod offline;
mod order;
mod orphans;
mod payload;
mod place;
mod ports;
pub mod role_page;
pub mod routes;
mod secrets;
mod storage;
mod sysctl;
mod text;
mod tmpfiles;
mod units;
mod update;
mod vips;
pub mod vrrp;
mod written;

pub use baked::{Baked, BakedFile, BakedUnit};
pub use written::{Lines, Written};

use crate::diag::{FileId, Sink, Sources, Span};
use crate::model::Part;
use crate::model::allow::Allowance;
use crate::model::cluster::{Cluster, Node};
use crate::model::sibling::SiblingVip;
use crate::topology::Topology;
use std::collections::BTreeSet;

/// A rule about the model.
type ModelRule = fn(&Survey<'_>, &mut Sink);

/// A rule about one machine.
type NodeRule = fn(&View<'_>, &mut Sink);

/// A rule about all machines together.
type ClusterRule = fn(&Overview<'_>, &mut Sink);

/// Rules about the model, by topic.
const MODEL: &[(&str, ModelRule)] = &[
    ("identity", identity::check),
    ("address", address::check),
    ("vips", vips::check),
    ("firewall", firewall::check),
    ("storage", storage::sizes),
    ("secrets", secrets::check),
    ("orphans", orphans::check),
    ("traffic", traffic),
];

/// Routes and flows, over one topology.
fn traffic(survey: &Survey<'_>, sink: &mut Sink) {
    let topology = Topology::new(survey.cluster);
    routes::check(survey.cluster, &topology, sink);
    address::routes(survey.cluster, &topology, sink);
    flows::check(survey.cluster, &topology, sink);
}

/// Rules about one machine, by topic.
const NODE: &[(&str, NodeRule)] = &[
    ("units", units::check),
    ("order", order::check),
    ("payload", payload::check),
    ("sysctl", sysctl::check),
    ("tmpfiles", tmpfiles::check),
    ("cloud_config", cloud_config::check),
    ("networkmanager", networkmanager::check),
    ("nftables", nftables::check),
    ("effect", effect::check),
    ("accounts", accounts::check),
    ("hardware", hardware::check),
    ("ports", ports::check),
    ("commands", commands::check),
    ("offline", offline::check),
    ("offline", offline::sources),
    ("storage", storage::check),
    ("storage", storage::volumes),
    ("secrets", secrets::shared),
    ("vrrp", vrrp::node),
    ("haproxy", haproxy::node),
];

/// Rules about all machines together, by topic, each with beginnings of the paths of files that it must know of every
/// machine: one that is missing would look like a mistake.
const CLUSTER: &[(&str, &[&str], ClusterRule)] = &[
    ("bootstrap", &["/etc/rancher/k3s/"], bootstrap::check),
    ("firewall", &["/etc/rancher/k3s/"], firewall::joins),
    ("firewall", &["/etc/rancher/k3s/"], firewall::members),
    ("secrets", &[], secrets::everywhere),
    ("vrrp", &["/etc/keepalived/"], vrrp::cluster),
    ("updates", &[], update::check),
];

/// Beginnings of the paths of files that rules of [`CLUSTER`] look at: all that is remembered of a machine, so that
/// memory does not grow with what the machines carry.
const REMEMBERED: &[&str] =
    &["/etc/rancher/k3s/config.yaml", "/etc/keepalived/", "/etc/haproxy/haproxy.cfg", "/etc/flatcar/update.conf"];

/// Units that rules of [`CLUSTER`] look at.
const REMEMBERED_UNITS: &[&str] = &["k3s.service", "k3s-agent.service"];

/// The model, and what was read besides.
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The texts that were read.
    pub sources: &'a Sources,
    /// Files below `butane/` that nothing uses.
    pub unused: &'a [FileId],
    /// Virtual addresses of the other clusters of the repository.
    pub siblings: &'a [SiblingVip],
    /// Secrets that have a value: name, where it is declared, value.
    pub secrets: &'a [(&'a str, Span, &'a str)],
}

/// One machine.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The cluster that it belongs to.
    pub cluster: &'a Cluster,
    /// What the model says about it.
    pub node: &'a Node,
    /// Everything it gets, as Ignition says it.
    pub part: &'a Part,
    /// Everything it gets, as files and units.
    pub baked: &'a Baked,
    /// The texts that were read.
    pub sources: &'a Sources,
    /// Where the lines of files were written.
    pub lines: &'a dyn Lines,
}

impl View<'_> {
    /// Where line `number` (from 0) of a file's text was written: the line of its template, or else where the file
    /// is asked for.
    pub fn line(&self, file: &BakedFile, number: usize) -> Option<Span> {
        written::line(self.lines, self.sources, self.node, file, number).map(|written| written.span)
    }
}

/// All machines that are built.
#[derive(Debug, Clone, Copy)]
pub struct Overview<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its machines by name, with the files that rules about all machines look at.
    pub nodes: &'a [Baked],
    /// The texts that were read.
    pub sources: &'a Sources,
    /// Where the lines of files were written.
    pub lines: &'a dyn Lines,
}

impl Overview<'_> {
    /// Where line `number` (from 0) of a file's text was written, by likeness.
    pub fn line(&self, file: &BakedFile, number: usize) -> Option<Span> {
        file.origin.map(|origin| place::line(self.sources, origin, &file.text, number))
    }
}

/// Checks the model.
pub fn model(survey: &Survey<'_>, allowances: &[Allowance], sink: &mut Sink) {
    allow::form(allowances, sink);
    let mut own = Sink::default();
    for (_, rule) in MODEL {
        rule(survey, &mut own);
    }
    allow::settle(own, allowances, None, survey.sources, sink);
}

/// Checks one machine.
pub fn node(view: &View<'_>, allowances: &[Allowance], sink: &mut Sink) {
    let mut own = Sink::default();
    for (_, rule) in NODE {
        rule(view, &mut own);
    }
    let own = named(own, view.cluster, Some(view.node), view.sources);
    allow::settle(own, allowances, Some(&view.node.name), view.sources, sink);
}

/// Checks all machines together. `unknown` are the paths of files, as fragments write them, on machines that could not be
/// put together: rules that are about those keep quiet.
pub fn cluster(overview: &Overview<'_>, unknown: &BTreeSet<String>, allowances: &[Allowance], sink: &mut Sink) {
    let mut own = Sink::default();
    for (_, needs, rule) in CLUSTER {
        let lacks = |path: &String| path.contains("{{") || needs.iter().any(|start| path.starts_with(start));
        if needs.is_empty() || !unknown.iter().any(lacks) {
            rule(overview, &mut own);
        }
    }
    let own = named(own, overview.cluster, None, overview.sources);
    allow::settle(own, allowances, None, overview.sources, sink);
}

/// The same findings with the values of profiles that are behind their lines.
fn named(own: Sink, cluster: &Cluster, node: Option<&Node>, sources: &Sources) -> Sink {
    let mut named = Sink::default();
    for mut found in own.finish() {
        facts::name(cluster, node, sources, &mut found);
        named.push(found);
    }
    named
}
