//! How K3s comes up: who starts the cluster, who joins whom, and that servers agree.

use super::Overview;
use super::k3s::{self, Config};
use super::text::{Table, table};
use crate::diag::{Code, Diagnostic, Sink, Span, suggest};
use crate::model::cluster::{Node, Vip};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

/// Settings that K3s wants to be the same on every server (docs.k3s.io, "Critical Configuration Values").
const CRITICAL: &[&str] = &[
    "cluster-cidr",
    "cluster-dns",
    "cluster-domain",
    "disable-cloud-controller",
    "disable-helm-controller",
    "disable-kube-proxy",
    "disable-network-policy",
    "egress-selector-mode",
    "flannel-backend",
    "flannel-ipv6-masq",
    "secrets-encryption",
    "service-cidr",
];

/// Keys by what reads them.
static KEYS: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/k3s.txt")));

/// Every rule of this topic.
pub(super) fn check(overview: &Overview<'_>, sink: &mut Sink) {
    let configs = k3s::configs(overview);
    let servers: Vec<&Config<'_>> = configs.iter().filter(|config| config.is_server()).collect();
    if servers.is_empty() {
        return;
    }
    start(overview, &servers, sink);
    let owners = k3s::owners(overview.cluster);
    for config in &configs {
        join(overview, config, &servers, &owners, sink);
    }
    agree(overview, &servers, &configs, sink);
    for config in &servers {
        names(overview, config, sink);
        model(overview, config, sink);
    }
    for config in &configs {
        tainted(overview, config, sink);
        known(overview, config, sink);
        own(overview, config, sink);
    }
    // A datastore elsewhere needs no majority of servers.
    let external = servers.iter().any(|config| config.value("datastore-endpoint").is_some());
    if servers.len().is_multiple_of(2) && !external {
        let count = servers.len();
        let message = format!("`{count}` servers survive no more failures than `{}`", count - 1);
        let span = place(overview, servers[count - 1], None);
        sink.push(Diagnostic::new(Code::K3sQuorum, message).at(span).hint("run an odd number of servers: 1, 3 or 5"));
    }
}

fn place(overview: &Overview<'_>, config: &Config<'_>, line: Option<usize>) -> Option<Span> {
    let node = || overview.cluster.node(&config.baked.node).map(|node| node.span);
    line.and_then(|line| overview.line(config.file, line)).or_else(node)
}

/// Exactly one server starts the cluster.
fn start(overview: &Overview<'_>, servers: &[&Config<'_>], sink: &mut Sink) {
    let starters: Vec<(&Config<'_>, usize)> =
        servers.iter().filter_map(|config| Some((*config, config.starts()?))).collect();
    let external = servers.iter().any(|config| config.value("datastore-endpoint").is_some());
    match starters.as_slice() {
        [] if external || servers.len() == 1 => {}
        [] => {
            let message = format!(
                "no server starts the cluster: none of {} has `cluster-init: true`",
                suggest::list(servers.iter().map(|config| config.baked.node.as_str()))
            );
            sink.push(Diagnostic::new(Code::K3sClusterInit, message).at(place(overview, servers[0], None)));
        }
        [_] => {}
        [(first, at), others @ ..] => {
            for (config, line) in others {
                let message = format!(
                    "`{}` and `{}` would each start a cluster of their own",
                    first.baked.node, config.baked.node
                );
                let found = Diagnostic::new(Code::K3sClusterInit, message).at(place(overview, config, Some(*line)));
                let found = found.hint("let exactly one server have `cluster-init: true`, the others `server:`");
                sink.push(match place(overview, first, Some(*at)) {
                    Some(span) => found.related(span, format!("`{}` starts one here", first.baked.node)),
                    None => found,
                });
            }
        }
    }
}

/// Whom a machine joins: a server's own address, so that nothing on the way to the first API needs a balancer.
fn join(
    overview: &Overview<'_>,
    config: &Config<'_>,
    servers: &[&Config<'_>],
    owners: &BTreeMap<String, &Node>,
    sink: &mut Sink,
) {
    let own = config.baked.node.as_str();
    let mut report = |line: Option<usize>, message: String, hint: &str| {
        let found = Diagnostic::new(Code::K3sJoin, message).at(place(overview, config, line));
        sink.push(found.hint(hint));
    };
    let Some((line, host)) = config.server() else {
        let alone = config.is_server() && servers.len() == 1;
        if config.starts().is_none() && !alone && config.value("datastore-endpoint").is_none() {
            let hint = "write `server: https://ADDRESS:6443` with a server's own address";
            report(None, format!("`{own}` joins nobody: its K3s has no `server`"), hint);
        }
        return;
    };
    if let Some((_, url)) = config.value("server").filter(|(_, url)| !url.starts_with("https://")) {
        let message = format!("`{own}` joins K3s at `{url}`, which is no `https://` address");
        report(Some(line), message, "write `server: https://ADDRESS:6443`");
        return;
    }
    let vip = overview.cluster.vips.iter().find(|vip| is_vip(overview, vip, host));
    if let Some(vip) = vip {
        let message = format!("`{own}` joins K3s at `{host}`, the VIP `{}`: that answers only once K3s runs", vip.name);
        report(Some(line), message, "name a server's own address");
        return;
    }
    let hint = "name the address of the server that starts the cluster";
    match owners.get(host) {
        None => report(Some(line), format!("`{own}` joins K3s at `{host}`, which is no machine of this cluster"), hint),
        Some(node) if node.name == own => report(Some(line), format!("`{own}` joins K3s at its own address"), hint),
        Some(node) if !servers.iter().any(|server| server.baked.node == node.name) => {
            report(Some(line), format!("`{own}` joins K3s at `{}`, which is no server", node.name), hint);
        }
        Some(_) => {}
    }
}

/// Keys that K3s passes over with a line in its log.
fn known(overview: &Overview<'_>, config: &Config<'_>, sink: &mut Sink) {
    let all = |kind: &str| KEYS.get(kind).into_iter().flatten().copied();
    for (key, line) in config.keys() {
        let (agent, server) = (all("agent").any(|own| own == key), all("server").any(|own| own == key));
        if agent || (server && config.is_server()) {
            continue;
        }
        let kind = if config.is_server() { "a server" } else { "an agent" };
        let message = format!("K3s ignores `{key}` on `{}`: {kind} has no such setting", config.baked.node);
        let found = Diagnostic::new(Code::K3sUnknownKey, message).at(place(overview, config, Some(line)));
        let near = suggest::nearest(key, all("agent").chain(all("server")).filter(|_| config.is_server() || !server));
        sink.push(match near {
            _ if server => found.hint("write it in the configuration of the servers only"),
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found.hint("remove it, or look it up in `k3s server --help`"),
        });
    }
}

/// Addresses and cards that are not the machine's own.
fn own(overview: &Overview<'_>, config: &Config<'_>, sink: &mut Sink) {
    let Some(node) = overview.cluster.node(&config.baked.node) else { return };
    let mut report = |line: usize, message: String, hint: String| {
        let found = Diagnostic::new(Code::K3sAddress, message).at(place(overview, config, Some(line)));
        sink.push(found.hint(hint));
    };
    for key in ["advertise-address", "bind-address", "node-ip"] {
        for (line, value) in config.values.get(key).into_iter().flatten() {
            let Ok(address) = value.parse::<Ipv4Addr>() else { continue };
            let mine = node.interfaces.iter().any(|card| card.address.value == address);
            if !(mine || key == "bind-address" && address.is_unspecified()) {
                let message = format!("`{key}` of `{}` is `{address}`, an address that it does not have", node.name);
                let right = node.address().map_or_else(String::new, |address| address.to_string());
                report(*line, message, format!("write `{key}: {right}`"));
            }
        }
    }
    if let Some((line, card)) = config.value("flannel-iface")
        && !node.interfaces.iter().any(|own| own.name.as_str() == card)
    {
        let names = suggest::list(node.interfaces.iter().map(|own| own.name.as_str()));
        report(*line, format!("`{}` has no card `{card}` for Flannel", node.name), format!("it has {names}"));
    }
    let services = overview.cluster.profile.services.as_ref();
    for (line, value) in config.values.get("cluster-dns").into_iter().flatten() {
        let address = value.parse::<Ipv4Addr>().ok();
        if let Some((address, services)) = address.zip(services).filter(|(one, net)| !net.cidr.contains(one)) {
            let message = format!("`cluster-dns` is `{address}`, outside of the services' network `{}`", services.cidr);
            let tenth = Ipv4Addr::from(u32::from(services.cidr.network()) + 10);
            report(*line, message, format!("write `{tenth}`, or leave it out"));
        }
    }
}

fn is_vip(overview: &Overview<'_>, vip: &Vip, host: &str) -> bool {
    let name = vip.dns_name.as_ref().map(|name| format!("{name}.{}", overview.cluster.profile.domain));
    host == vip.address.to_string() || name.as_deref() == Some(host)
}

/// Settings that must be the same; the token everywhere.
fn agree(overview: &Overview<'_>, servers: &[&Config<'_>], all: &[Config<'_>], sink: &mut Sink) {
    let mut compare = |key: &str, first: &Config<'_>, config: &Config<'_>, shown: bool| {
        let texts = |config: &Config<'_>| -> Vec<String> {
            config.values.get(key).into_iter().flatten().map(|(_, value)| value.clone()).collect()
        };
        let (theirs, own) = (texts(first), texts(config));
        if theirs == own {
            return;
        }
        let values = if shown { format!(": `{}` and `{}`", theirs.join(","), own.join(",")) } else { String::new() };
        let (a, b) = (&first.baked.node, &config.baked.node);
        let message = format!("`{key}` differs between `{a}` and `{b}`{values}");
        let line = config.value(key).or(first.value(key)).map(|(line, _)| *line);
        let hint = "write it once, the same for all of them";
        sink.push(Diagnostic::new(Code::K3sDiffers, message).at(place(overview, config, line)).hint(hint));
    };
    for config in &servers[1..] {
        for key in CRITICAL {
            compare(key, servers[0], config, true);
        }
    }
    for config in all.iter().filter(|config| config.baked.node != servers[0].baked.node) {
        compare("token", servers[0], config, false);
    }
}

/// Names and addresses that the API is asked under must be in its certificate.
fn names(overview: &Overview<'_>, config: &Config<'_>, sink: &mut Sink) {
    let own = &config.baked.node;
    let known: Vec<&str> =
        config.values.get("tls-san").into_iter().flatten().map(|(_, value)| value.as_str()).collect();
    let domain = &overview.cluster.profile.domain;
    for vip in &overview.cluster.vips {
        let api = |port: &&crate::model::cluster::VipPort| port.backend_port == 6443 && port.backends.contains(own);
        let Some(port) = vip.ports.iter().find(api) else { continue };
        let name = vip.dns_name.as_ref().map(|name| format!("{name}.{domain}"));
        let missing: Vec<String> = std::iter::once(vip.address.to_string())
            .chain(name)
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        if missing.is_empty() {
            continue;
        }
        let list = suggest::list(missing.iter().map(String::as_str));
        let message =
            format!("the API's certificate on `{own}` is not good for {list}, where the VIP `{}` offers it", vip.name);
        let line = config.value("tls-san").map(|(line, _)| *line);
        let found = Diagnostic::new(Code::K3sTlsSan, message).at(place(overview, config, line));
        sink.push(found.related(port.name.span, "it is offered here").hint(format!("add {list} to `tls-san`")));
    }
}

/// Taints that K3s' ServiceLB tolerates (docs.k3s.io, "Networking Services"): its pods open ports on these nodes.
const TOLERATED: &[&str] =
    &["CriticalAddonsOnly", "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Nodes that keep away the pods that a VIP sends people to.
fn tainted(overview: &Overview<'_>, config: &Config<'_>, sink: &mut Sink) {
    let own = &config.baked.node;
    let taints = config.values.get("node-taint").into_iter().flatten();
    let strict = taints.filter(|(_, taint)| taint.ends_with(":NoSchedule") || taint.ends_with(":NoExecute"));
    let mut strict = strict.filter(|(_, taint)| !TOLERATED.iter().any(|known| taint.starts_with(known)));
    let Some((line, taint)) = strict.next() else { return };
    for vip in &overview.cluster.vips {
        let served = |port: &&crate::model::cluster::VipPort| port.backend_port != 6443 && port.backends.contains(own);
        let Some(port) = vip.ports.iter().find(served) else { continue };
        let message = format!(
            "`{own}` is a backend of `{}`, but its taint `{taint}` keeps the pods away that would answer",
            port.name
        );
        let found = Diagnostic::new(Code::K3sTaintedBackend, message).at(place(overview, config, Some(*line)));
        let found = found.hint(format!("take the role `{}` from `{own}`, or the taint", port.role));
        sink.push(found.related(port.role.span, "its role makes it a backend here"));
    }
}

/// What the model says must be what K3s is told.
fn model(overview: &Overview<'_>, config: &Config<'_>, sink: &mut Sink) {
    let profile = &overview.cluster.profile;
    let facts: BTreeMap<&str, (String, Span)> = [
        ("cluster-cidr", profile.pods.as_ref().map(|pods| (pods.cidr.to_string(), pods.cidr.span))),
        ("service-cidr", profile.services.as_ref().map(|services| (services.cidr.to_string(), services.cidr.span))),
    ]
    .into_iter()
    .filter_map(|(key, fact)| Some((key, fact?)))
    .collect();
    for (key, (fact, span)) in facts {
        if let Some((line, value)) = config.value(key).filter(|(_, value)| *value != fact) {
            let message = format!("K3s on `{}` has `{key}: {value}`, but the cluster's is `{fact}`", config.baked.node);
            let found = Diagnostic::new(Code::K3sDiffers, message).at(place(overview, config, Some(*line)));
            sink.push(found.related(span, "it is declared here"));
        }
    }
}
