//! What `cluster.yaml` says on its own: networks, names, images and places.

use super::name::{Forms, is_domain, is_plain, place, unknown};
use super::{Profiles, bad, machine};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::Spanned;
use crate::model::profile::cluster::{Network, NetworkMode, Protocol};
use crate::model::profile::node::Os;
use std::net::Ipv4Addr;

/// Linux refuses longer interface names (`IFNAMSIZ`, linux/if.h).
pub(super) const INTERFACE_NAME: usize = 15;

pub(super) fn check(profiles: &Profiles, sink: &mut Sink) {
    let cluster = &profiles.cluster;
    if !is_plain(&cluster.name) {
        let message = format!("`{}` is not a name: letters, digits, `-`, `_` and `.`", cluster.name);
        sink.push(bad(message, cluster.name.span));
    }
    if !is_domain(&cluster.domain) {
        let message = format!("`{}` is not a DNS domain such as `kube.internal`", cluster.domain);
        sink.push(bad(message, cluster.domain.span));
    }
    let zone = cluster
        .timezone
        .split('/')
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c)));
    if !zone {
        let message = format!("`{}` is not a time zone such as `Europe/Madrid`", cluster.timezone);
        sink.push(bad(message, cluster.timezone.span));
    }
    for key in &cluster.ssh_authorized_keys {
        ssh_key(key, sink);
    }
    for server in &cluster.ntp_servers {
        if !is_plain(server) {
            sink.push(bad(format!("`{server}` is neither a host name nor an address"), server.span));
        }
    }
    for (name, network) in &cluster.networks {
        self::network(name, network, sink);
    }
    for (name, image) in &cluster.images {
        if !Os::ALL.iter().any(|(_, word)| word == name) {
            unknown("operating system", name, image.span, Os::ALL.iter().map(|(_, word)| *word), sink);
        }
    }
    if let Some(terraform) = &cluster.terraform {
        machine::pool(terraform, sink);
    }
    pods(profiles, sink);
    for flow in &cluster.flows {
        let forms = Forms { any: true, vip: true, optional: false };
        for end in [&flow.from, &flow.to] {
            place(profiles, end, end.span, forms, sink);
        }
        port(flow.protocol, flow.port.as_ref(), flow.span, sink);
    }
}

/// TCP and UDP have a port, and it is not 0; nothing else has one.
pub(super) fn port(protocol: Protocol, port: Option<&Spanned<u16>>, span: crate::diag::Span, sink: &mut Sink) {
    let ported = matches!(protocol, Protocol::Tcp | Protocol::Udp);
    match port {
        Some(port) if port.value == 0 => sink.push(bad("`0` is not a port: ports are 1 to 65535", port.span)),
        Some(port) if !ported => {
            sink.push(bad(format!("`{protocol}` has no ports"), port.span).hint("leave `port` out"));
        }
        None if ported => {
            sink.push(
                Diagnostic::new(Code::MissingKey, format!("the key `port` is missing: `{protocol}` needs one"))
                    .at(span),
            );
        }
        _ => {}
    }
}

fn ssh_key(key: &Spanned<String>, sink: &mut Sink) {
    let mut words = key.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let body = words.next().unwrap_or_default();
    if key.contains("-----BEGIN") {
        let hint = "write the line of the `.pub` file beside it, and make a new key pair: this one is in the profile's history";
        sink.push(Diagnostic::new(Code::SecretLiteral, "this is a private key").at(key.span).hint(hint));
    } else if !["ssh-", "ecdsa-", "sk-"].iter().any(|start| kind.starts_with(start)) || !body.starts_with("AAAA") {
        let hint = "write the line of a `.pub` file: `ssh-ed25519 AAAA... comment`";
        sink.push(bad("this is not a public SSH key", key.span).hint(hint));
    } else if let Some(second) = key.split([',', ';']).skip(1).find(|rest| rest.trim_start().starts_with("ssh-")) {
        let kind = second.split_whitespace().next().unwrap_or_default();
        let message = format!("a second key (`{kind}`) follows in the same line: sshd understands neither of them");
        sink.push(bad(message, key.span).hint("write one key per element"));
    } else if key.trim().contains('\n') {
        sink.push(bad("this is more than one line", key.span).hint("write one key per element"));
    }
}

/// Whether libvirt's own resolver and DHCP server are on a network: not on a bridge that it only knows the name of.
fn serves(mode: NetworkMode) -> bool {
    !matches!(mode, NetworkMode::Bridge | NetworkMode::Tunnel)
}

fn network(name: &str, network: &Spanned<Network>, sink: &mut Sink) {
    let inside = |what: &str, address: &Spanned<Ipv4Addr>, sink: &mut Sink| {
        if !network.cidr.contains(&address.value) {
            let message = format!("{what} `{address}` is not inside the network `{name}` (`{}`)", network.cidr);
            let declared = format!("`{name}` is `{}`", network.cidr);
            let diagnostic = Diagnostic::new(Code::AddressOutsideNetwork, message).at(address.span);
            sink.push(diagnostic.related(network.cidr.span, declared));
        }
    };
    if !is_plain(name) {
        sink.push(bad(format!("`{name}` is not a name of a network: letters, digits, `-`, `_` and `.`"), network.span));
    }
    if let Some(gateway) = &network.gateway {
        inside("the gateway", gateway, sink);
    }
    if let Some(range) = &network.dhcp {
        inside("the first DHCP address", &range.start, sink);
        inside("the last DHCP address", &range.end, sink);
        if range.start.value > range.end.value {
            let message = format!("the DHCP range ends at `{}`, before it starts at `{}`", range.end, range.start);
            sink.push(bad(message, range.end.span));
        }
    }
    for reservation in network.reservations.values() {
        inside("the reserved address", &reservation.address, sink);
    }
    if let Some(domain) = network.domain.as_ref().filter(|_| !serves(network.mode.value)) {
        let message =
            format!("nobody serves the domain `{domain}` on `{name}`: libvirt does in networks of its own only");
        let hint = format!("leave it out, or let `mode` be other than `{}`", network.mode);
        sink.push(bad(message, domain.span).hint(hint));
    }
    let bridge = network.bridge.as_str();
    if bridge.len() > INTERFACE_NAME || !is_plain(bridge) {
        let message =
            format!("`{bridge}` is not a name of a bridge: at most {INTERFACE_NAME} letters, digits, `-`, `_` and `.`");
        sink.push(bad(message, network.bridge.span));
    }
}

fn pods(profiles: &Profiles, sink: &mut Sink) {
    let Some(pods) = &profiles.cluster.pods else { return };
    let nodes = || profiles.nodes.keys().map(String::as_str);
    for (node, share) in &pods.nodes {
        if !profiles.nodes.contains_key(node) {
            unknown("node", node, share.span, nodes(), sink);
        }
        if !pods.cidr.contains(&share.value) {
            let message = format!("`{share}` is not inside the network of pods (`{}`)", pods.cidr);
            let diagnostic = Diagnostic::new(Code::AddressOutsideNetwork, message).at(share.span);
            sink.push(diagnostic.related(pods.cidr.span, "which is declared here"));
        }
    }
    if let Some(via) = &pods.via
        && !profiles.nodes.contains_key(via.as_str())
    {
        unknown("node", via, via.span, nodes(), sink);
    }
    if pods.node_prefix < pods.cidr.prefix_len() || pods.node_prefix > 30 {
        let message = format!("`{}` is not a prefix length between that of `{}` and 30", pods.node_prefix, pods.cidr);
        sink.push(bad(message, pods.span));
    }
}
