//! What an instance says by itself.

use super::super::keepalived::{Config, Instance};
use super::super::written::Machine;
use super::CONF;
use crate::diag::{Code, Diagnostic, Severity, Sink, suggest};
use crate::model::cluster::{Cluster, Interface, Node};
use crate::model::scalar::SecretRef;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Passwords of examples, that everybody tries first.
const KNOWN: &[&str] = &["12345678", "changeme", "password", "k3s-vrrp", "k8s_vrrp"];

/// How many characters of a password count.
const PASSWORD: usize = 8;

pub(super) fn check(cluster: &Cluster, machine: &Machine<'_>, config: &Config, sink: &mut Sink) {
    for instance in &config.instances {
        let one = One { cluster, machine, config, instance };
        let card = one.card(sink);
        one.authentication(sink);
        one.preemption(sink);
        one.strictness(sink);
        one.advert(sink);
        one.announcements(sink);
        if let Some(card) = card {
            one.source(card, sink);
        }
    }
    addresses(cluster, machine, config, sink);
}

struct One<'a> {
    cluster: &'a Cluster,
    machine: &'a Machine<'a>,
    config: &'a Config,
    instance: &'a Instance,
}

impl<'a> One<'a> {
    fn found(&self, line: usize, code: Code, message: String) -> Diagnostic {
        self.machine.finding(CONF, line, code, message)
    }

    fn version(&self) -> u8 {
        self.instance.version.or(self.config.version).map_or(2, |version| version.value)
    }

    /// The interface, which must be one of the machine's.
    fn card(&self, sink: &mut Sink) -> Option<&'a Interface> {
        let (node, name) = (self.machine.node, &self.instance.name);
        let Some(written) = &self.instance.interface else {
            let message = format!("the VRRP instance `{}` names no interface", name.value);
            let hint = "write `interface` with the card on the VIP's network";
            sink.push(self.found(name.line, Code::VrrpInterface, message).hint(hint));
            return None;
        };
        let devices = self.instance.addresses.iter();
        let devices = devices.filter_map(|address| Some((address.device.as_deref()?, address.address.line)));
        for (device, line) in devices.chain([(written.value.as_str(), written.line)]) {
            if node.interfaces.iter().any(|card| card.name.as_str() == device) {
                continue;
            }
            let message = format!("`{}` has no interface `{device}`, on which `{}` would run", node.name, name.value);
            let mut found = self.found(line, Code::VrrpInterface, message);
            if self.config.dynamic_interfaces {
                // Keepalived waits for it, without a word.
                found.severity = Severity::Warning;
                found.message.push_str("; `dynamic_interfaces` keeps Keepalived quiet about it");
            }
            let bridged = self.cluster.profile.networks.iter().find(|(_, network)| network.bridge.as_str() == device);
            found.hint = match bridged {
                Some((network, profile)) => {
                    let message = format!("`{device}` is the hypervisor's bridge of the network `{network}`");
                    found = found.related(profile.bridge.span, message);
                    let card = node.interfaces.iter().find(|card| card.network.as_str() == network);
                    card.map(|card| format!("write `{}`, the machine's card on `{network}`", card.name))
                }
                None => suggest::hint(device, node.interfaces.iter().map(|card| card.name.as_str())),
            };
            sink.push(found);
        }
        node.interfaces.iter().find(|card| card.name.value == written.value)
    }

    fn authentication(&self, sink: &mut Sink) {
        let Some(kind) = &self.instance.auth_type else { return };
        let name = &self.instance.name.value;
        if self.version() == 3 {
            let message = format!("VRRP 3 knows no authentication: that of `{name}` is ignored");
            let found = self.found(kind.line, Code::VrrpAuth, message);
            sink.push(found.hint("remove the block, or write `vrrp_version 2`"));
            return;
        }
        let given = self.instance.auth_pass.as_ref();
        let Some(password) = given.filter(|password| !SecretRef::is_gap(&password.value)) else { return };
        let length = password.value.len();
        // Secrets that are easily guessed have a rule of their own.
        let secret = || self.machine.source(CONF, password.line).contains("secrets.");
        let (message, hint) = if length > PASSWORD {
            let message = format!("the VRRP password of `{name}` has {length} characters: only the first 8 count");
            (message, "write eight characters")
        } else if length < PASSWORD && !secret() {
            let message = format!("the VRRP password of `{name}` has only {length} of the 8 characters that count");
            (message, "write eight characters that nobody guesses")
        } else if KNOWN.contains(&password.value.as_str()) && !secret() {
            (format!("the VRRP password of `{name}` is one of those that everybody tries"), "write one of your own")
        } else {
            return;
        };
        sink.push(self.found(password.line, Code::VrrpAuth, message).hint(hint));
    }

    fn preemption(&self, sink: &mut Sink) {
        let name = &self.instance.name.value;
        let master = self.instance.master.is_some_and(|state| state.value);
        let delay = self.instance.preempt_delay.filter(|delay| delay.value > 0.0).map(|delay| delay.line);
        for (line, word) in [(self.instance.nopreempt, "nopreempt"), (delay, "preempt_delay")] {
            if let (Some(line), true) = (line, master) {
                let message = format!("`{word}` has no effect in `{name}`: its initial state is `MASTER`");
                let found = self.found(line, Code::VrrpNopreempt, message);
                sink.push(found.hint("write `state BACKUP` on every node; the highest priority becomes master anyway"));
            }
        }
        let (Some(line), false) = (self.instance.nopreempt, master) else { return };
        if delay.is_some() {
            let message = format!("`preempt_delay` has no effect in `{name}`: `nopreempt` stands beside it");
            sink.push(self.found(line, Code::VrrpNopreempt, message).hint("remove one of them"));
        }
        for track in &self.instance.tracks {
            let weight = track.weight.or(self.config.tracked(track).map(|script| script.weight));
            let Some(weight) = weight.filter(|weight| weight.value != 0) else { continue };
            let message = format!(
                "`nopreempt` in `{name}` defeats the weight `{}` of `{}`: a backup that never preempts leaves the \
                 address to a master that only lowers its priority",
                weight.value, track.name.value
            );
            let found = self.found(line, Code::VrrpNopreempt, message);
            let found = found.related(self.machine.span(CONF, weight.line), "the weight stands here");
            sink.push(found.hint("write no weight: an ill master then gives up at once; or remove `nopreempt`"));
        }
    }

    fn strictness(&self, sink: &mut Sink) {
        let own = self.instance.strict.filter(|strict| strict.value).map(|strict| strict.line);
        let off = self.instance.strict.is_some_and(|strict| !strict.value);
        let Some(line) = own.or(self.config.strict.filter(|_| !off)) else { return };
        let name = &self.instance.name.value;
        let unicast = self.instance.peers.as_ref().is_some_and(|peers| !peers.value.is_empty());
        let reasons = [
            (unicast, "it forbids unicast peers"),
            (self.instance.auth_type.is_some(), "it forbids authentication"),
            (!self.instance.accept && self.instance.priority.value != 255, "the VIP takes no packets without `accept`"),
        ];
        let reasons: Vec<&str> = reasons.iter().filter(|(broken, _)| *broken).map(|(_, why)| *why).collect();
        if !reasons.is_empty() {
            let message = format!("`{name}` does not work with `vrrp_strict`: {}", reasons.join("; "));
            sink.push(self.found(line, Code::VrrpStrict, message).hint("remove `vrrp_strict`"));
        }
    }

    fn advert(&self, sink: &mut Sink) {
        let (advert, version) = (self.instance.advert, self.version());
        let name = &self.instance.name.value;
        let message = if version == 2 && (advert.value.fract() != 0.0 || !(1.0..=255.0).contains(&advert.value)) {
            format!("`advert_int {}` of `{name}` is rounded: VRRP 2 knows whole seconds, 1 to 255", advert.value)
        } else if version == 3 && !(0.01..=40.95).contains(&advert.value) {
            format!("`advert_int {}` of `{name}` is out of range: VRRP 3 knows 0.01 to 40.95 s", advert.value)
        } else {
            return;
        };
        let found = self.found(advert.line, Code::VrrpParameters, message);
        sink.push(found.hint("write `advert_int 1`, or `vrrp_version 3` for parts of a second"));
    }

    /// Gratuitous ARP: who has the address, repeated.
    fn announcements(&self, sink: &mut Sink) {
        let refresh = self.instance.garp_refresh.or(self.config.garp_refresh);
        if refresh.is_none_or(|refresh| refresh.value <= 0.0) && self.instance.name.value == first(self.config) {
            let line = refresh.map_or(self.instance.name.line, |refresh| refresh.line);
            let message =
                "who has the VIP is only said when it moves: a neighbour that misses that asks the old holder";
            let hint = "write `vrrp_garp_master_refresh 60` in `global_defs`";
            sink.push(self.found(line, Code::VrrpGarp, message.to_owned()).hint(hint));
        }
        if let Some(line) = self.config.garp_less.filter(|_| self.instance.name.value == first(self.config)) {
            let message =
                "who has the VIP is said once or not at all when it moves: a lost packet leaves neighbours behind";
            sink.push(self.found(line, Code::VrrpGarp, message.to_owned()).hint("remove the line"));
        }
    }

    /// Where adverts come from and go to.
    fn source(&self, card: &Interface, sink: &mut Sink) {
        let (node, name) = (self.machine.node, &self.instance.name.value);
        if let Some(source) = self.instance.source.filter(|source| source.value != card.address.value) {
            let message =
                format!("`{name}` sends adverts from `{}`, which is not the address of `{}`", source.value, card.name);
            let found = self.found(source.line, Code::VrrpPeers, message);
            let found =
                found.related(card.address.span, format!("`{}` of `{}` has this address", card.name, node.name));
            sink.push(found.hint(format!("write `unicast_src_ip {}`", card.address)));
        }
        let Some(peers) = &self.instance.peers else { return };
        if peers.value.is_empty() && !self.instance.fault_no_peer {
            let message = format!("`{name}` has no peers: Keepalived may speak multicast instead");
            let hint = "list the other nodes' addresses, or write `unicast_fault_no_peer`";
            let mut found = self.found(peers.line, Code::VrrpPeers, message).hint(hint);
            found.severity = Severity::Warning;
            sink.push(found);
        }
        for peer in &peers.value {
            let owner = self
                .cluster
                .nodes
                .iter()
                .find(|other| other.interfaces.iter().any(|own| own.address.value == peer.value));
            let wants = |other: &Node| {
                let mut vips = self.cluster.vips.iter().filter(|vip| other.vips.iter().any(|own| own.vip == vip.name));
                vips.any(|vip| self.instance.addresses.iter().any(|one| one.address.value == vip.address.value))
            };
            let message = match owner {
                Some(owner) if owner.name == node.name => {
                    format!("`{name}` lists its own address `{}` as a peer", peer.value)
                }
                Some(owner) if !wants(owner) && !card.cidr.contains(&peer.value) => format!(
                    "`{name}` lists `{}` of `{}` as a peer, which is on another network and no candidate",
                    peer.value, owner.name
                ),
                Some(_) => continue,
                None => format!("no machine has the address `{}`, which `{name}` lists as a peer", peer.value),
            };
            sink.push(self.found(peer.line, Code::VrrpPeers, message).hint("list the other candidates' addresses"));
        }
    }
}

/// The first instance, for findings about the file as a whole.
fn first(config: &Config) -> &str {
    config.instances.first().map_or("", |instance| instance.name.value.as_str())
}

/// Which addresses the machine may hold, and on which card.
fn addresses(cluster: &Cluster, machine: &Machine<'_>, config: &Config, sink: &mut Sink) {
    let node = machine.node;
    let mut seen: BTreeMap<Ipv4Addr, (&str, usize)> = BTreeMap::new();
    for instance in &config.instances {
        for written in &instance.addresses {
            let address = written.address.value;
            let line = written.address.line;
            let found = |message: String| machine.finding(CONF, line, Code::VrrpAddress, message);
            if let Some((other, first)) = seen.insert(address, (&instance.name.value, line)) {
                let message =
                    format!("the VIP `{address}` is in two instances, `{other}` and `{}`", instance.name.value);
                let found = found(message).related(machine.span(CONF, first), "it is here first");
                sink.push(found.hint("two elections that do not know of each other: keep one of them"));
            }
            let owner = cluster.nodes.iter().find_map(|owner| {
                let card = owner.interfaces.iter().find(|card| card.address.value == address)?;
                Some((owner, card))
            });
            if let Some((owner, card)) = owner {
                let found = found(format!("the VIP `{address}` is the own address of `{}`", owner.name));
                sink.push(found.related(card.address.span, "the machine keeps it whoever is master"));
            }
            let device = written.device.as_ref().or(instance.interface.as_ref().map(|name| &name.value));
            let card = node.interfaces.iter().find(|card| Some(&card.name.value) == device);
            if let Some(card) = card.filter(|card| !card.cidr.contains(&address)) {
                let message = format!("the VIP `{address}` is not in the network of `{}` (`{}`)", card.name, card.cidr);
                let found = found(message).related(card.address.span, format!("`{}` is attached here", card.name));
                sink.push(found.hint("nobody there asks for it by ARP: take an address of that network"));
            }
        }
    }
    for own in &node.vips {
        let Some(vip) = cluster.vips.iter().find(|vip| vip.name == own.vip) else { continue };
        if !seen.contains_key(&vip.address) {
            let message =
                format!("`{}` may hold the VIP `{}` (`{}`), but no instance has it", node.name, vip.name, vip.address);
            let line = config.instances.first().map_or(1, |instance| instance.name.line);
            let found = machine.finding(CONF, line, Code::VrrpAddress, message);
            sink.push(found.related(vip.address.span, "it is declared here"));
        }
    }
}
