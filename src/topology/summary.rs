//! The cluster in short, with what is foretold of it: `cluster.json`.

use super::device::{Device, Kind, Port};
use super::flow::Wanted;
use super::forward::{Origin, Via};
use super::trace::Trace;
use super::vrrp::{self, Calm, Fault, Finding, Group, Password, Seconds};
use super::{End, Topology, What};
use crate::model::cluster::{self, Cluster, Interface};
use crate::model::summary::{self as made, Summary};
use ipnet::Ipv4Net;

/// Who wants a VIP, and how failures end; `None` where nobody's Keepalived has it.
type Elected = Option<(Group, Vec<Finding>)>;

/// Everything about the cluster. `election` says who wants the VIP of a name.
pub fn summary(cluster: &Cluster, election: &dyn Fn(&str) -> Elected) -> Summary {
    let topology = Topology::new(cluster);
    let profile = &cluster.profile;
    let flows = topology.declared().chain(topology.implied());
    Summary {
        format: made::FORMAT,
        name: profile.name.value.clone(),
        domain: profile.domain.value.clone(),
        pods: profile.pods.as_ref().map(|pods| pods.cidr.value),
        services: profile.services.as_ref().map(|services| services.cidr.value),
        networks: networks(&topology),
        nodes: cluster.nodes.iter().zip(&topology.devices).map(|(one, device)| node(one, device)).collect(),
        surroundings: topology.devices.iter().filter_map(|device| surrounding(&topology, device)).collect(),
        vips: cluster.vips.iter().map(|one| vip(cluster, one, election(&one.name))).collect(),
        flows: flows.map(|wanted| flow(&topology, &wanted)).collect(),
    }
}

fn networks(topology: &Topology<'_>) -> Vec<made::Network> {
    let all = topology.segments.iter().zip(topology.cluster.profile.networks.values());
    let network = |(segment, profile): (&super::Segment<'_>, &crate::model::profile::cluster::Network)| made::Network {
        name: segment.name.to_owned(),
        cidr: segment.cidr,
        gateway: segment.gateway.map(|gateway| gateway.value),
        mode: segment.mode.value,
        bridge: segment.bridge.to_owned(),
        libvirt: profile.libvirt.as_ref().map_or(segment.name, |name| name.as_str()).to_owned(),
        host: segment.host.and_then(|host| Some(topology.devices[host].node()?.name.clone())),
    };
    all.map(|(segment, profile)| network((segment, &profile.value))).collect()
}

fn node(node: &cluster::Node, device: &Device<'_>) -> made::Node {
    made::Node {
        name: node.name.clone(),
        hostname: node.hostname.clone(),
        fqdn: node.fqdn.clone(),
        os: node.os,
        build: node.build,
        router: node.router,
        forwards: device.forwards,
        roles: node.roles.iter().map(|role| role.value.clone()).collect(),
        interfaces: node.interfaces.iter().map(interface).collect(),
        routes: routes(device, |port| device.ports.get(port).map_or("", |port| port.name).to_owned()),
        pods: device.share.map(|share| made::Pods { cidr: share.net, declared: share.span.is_some() }),
    }
}

fn interface(card: &Interface) -> made::Interface {
    made::Interface {
        name: card.name.value.clone(),
        network: card.network.value.clone(),
        address: within(card.cidr, card.address.value),
        mac: card.mac.as_ref().map(|mac| mac.value.to_string()),
        mtu: card.mtu,
    }
}

/// An address with the length of its network's prefix.
fn within(cidr: Ipv4Net, address: std::net::Ipv4Addr) -> Ipv4Net {
    Ipv4Net::new(address, cidr.prefix_len()).unwrap_or(cidr)
}

/// What a device routes beyond its own networks.
fn routes(device: &Device<'_>, name: impl Fn(usize) -> String) -> Vec<made::Route> {
    let beyond = device.table.entries().iter().filter(|entry| entry.origin != Origin::Connected);
    let route = |entry: &super::forward::Entry| made::Route {
        to: entry.to,
        via: match entry.via {
            Via::Hop(hop) => Some(hop),
            Via::Link | Via::Internet => None,
        },
        interface: name(entry.port),
        on_link: entry.on_link,
    };
    beyond.map(route).collect()
}

fn surrounding(topology: &Topology<'_>, device: &Device<'_>) -> Option<made::Surrounding> {
    let kind = match device.kind {
        Kind::Host => made::Kind::Host,
        Kind::Gateway(_) => made::Kind::Gateway,
        Kind::Member(_) => made::Kind::Member,
        Kind::Node(_) | Kind::Internet => return None,
    };
    let network = |port: &Port<'_>| &topology.segments[port.segment];
    let interface = |port: &Port<'_>| made::Interface {
        name: network(port).name.to_owned(),
        network: network(port).name.to_owned(),
        address: within(network(port).cidr, port.address),
        mac: None,
        mtu: None,
    };
    Some(made::Surrounding {
        kind,
        interfaces: device.ports.iter().map(interface).collect(),
        routes: routes(device, |port| device.ports.get(port).map_or("", |port| network(port).name).to_owned()),
    })
}

fn vip(cluster: &Cluster, vip: &cluster::Vip, election: Elected) -> made::Vip {
    let candidate = |name: &String| {
        let own = cluster.node(name)?.vips.iter().find(|own| own.vip == vip.name)?;
        let (node, interface) = (name.clone(), own.interface.clone());
        Some(made::Candidate { node, interface, priority: own.priority.value })
    };
    made::Vip {
        name: vip.name.clone(),
        address: vip.address.value,
        network: vip.network.clone(),
        virtual_router_id: vip.virtual_router_id.value,
        advert_interval: vip.advert_interval,
        candidates: vip.candidates.iter().filter_map(candidate).collect(),
        ports: vip.ports.iter().map(port).collect(),
        election: election.map(|(group, findings)| foretold(&group, &findings)),
    }
}

fn port(port: &cluster::VipPort) -> made::Port {
    made::Port {
        name: port.name.value.clone(),
        port: port.port.value,
        backend_port: port.backend_port,
        check: port.check,
        backends: port.backends.clone(),
    }
}

fn foretold(group: &Group, findings: &[Finding]) -> made::Election {
    let outcome = |calm: &Calm| {
        // As exact as anybody measures.
        let round = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        made::Outcome {
            owners: calm.holders(group).map(|speaker| speaker.node.clone()).collect(),
            after: calm.after.map(|after| made::Range { least: round(after.least), most: round(after.most) }),
        }
    };
    let named = |at: usize| group.speakers.get(at).map(|speaker| speaker.node.clone()).unwrap_or_default();
    let event = |event: &vrrp::Event| made::Event { node: named(event.speaker), fault: fault(event.fault) };
    let start = group.start();
    let mut failures = Vec::new();
    let mut pairs = Vec::new();
    for finding in findings {
        match finding.events.as_slice() {
            [one] => failures.push(made::Failure {
                event: event(one),
                then: outcome(&finding.end),
                back: outcome(&group.repaired(&finding.end, one.speaker, one.fault)),
            }),
            [first, second] if first.speaker != second.speaker => {
                let back = outcome(&group.repaired(&finding.end, second.speaker, second.fault));
                let (first, second) = (event(first), event(second));
                pairs.push(made::Pair { first, second, then: outcome(&finding.end), back });
            }
            _ => {}
        }
    }
    for at in 0..group.speakers.len() {
        // Only of those that can serve at all it is foretold what becomes of HAProxy.
        if findings.iter().any(|one| one.events.iter().any(|event| event.fault == Fault::Haproxy)) {
            let hung = vrrp::Event { speaker: at, fault: Fault::Hung };
            let end = vrrp::single(group, hung).end;
            let back = outcome(&group.repaired(&end, at, Fault::Hung));
            failures.push(made::Failure { event: event(&hung), then: outcome(&end), back });
        }
        let (apart, healed) = group.partitioned(&start, at);
        let event = made::Event { node: named(at), fault: made::Fault::Partition };
        failures.push(made::Failure { event, then: outcome(&apart), back: outcome(&healed) });
    }
    made::Election { speakers: group.speakers.iter().map(speaker).collect(), start: outcome(&start), failures, pairs }
}

fn speaker(speaker: &vrrp::Speaker) -> made::Speaker {
    let range = |seconds: Seconds| made::Range { least: seconds.least, most: seconds.most };
    let tracker = |tracker: &vrrp::Tracker| made::Tracker {
        name: tracker.name.clone(),
        watches_haproxy: tracker.watches_haproxy,
        witnesses: tracker.witnesses.clone(),
        weight: tracker.weight,
        detection: range(tracker.detection),
        hang: tracker.hang.map(range),
        recovery: range(tracker.recovery),
    };
    made::Speaker {
        node: speaker.node.clone(),
        network: speaker.segment.clone(),
        address: speaker.address,
        virtual_router_id: speaker.router_id,
        priority: speaker.priority,
        preempts: speaker.preempts,
        preempt_delay: speaker.preempt_delay,
        version: speaker.version,
        advert_interval: speaker.advert,
        authenticated: speaker.password.is_some(),
        peers: speaker.peers.clone(),
        checks_source: speaker.checks_source,
        admits: speaker.admits.clone(),
        trackers: speaker.trackers.iter().map(tracker).collect(),
    }
}

/// A speaker as it was before it was summed up. Its password is not in the summary: `password` has it.
pub fn restored(made: &made::Speaker, password: Option<Password>) -> vrrp::Speaker {
    let seconds = |range: made::Range| Seconds { least: range.least, most: range.most };
    let tracker = |tracker: &made::Tracker| vrrp::Tracker {
        name: tracker.name.clone(),
        watches_haproxy: tracker.watches_haproxy,
        witnesses: tracker.witnesses.clone(),
        weight: tracker.weight,
        detection: seconds(tracker.detection),
        hang: tracker.hang.map(seconds),
        recovery: seconds(tracker.recovery),
    };
    vrrp::Speaker {
        node: made.node.clone(),
        segment: made.network.clone(),
        address: made.address,
        router_id: made.virtual_router_id,
        priority: made.priority,
        preempts: made.preempts,
        preempt_delay: made.preempt_delay,
        version: made.version,
        advert: made.advert_interval,
        password: password.filter(|_| made.authenticated),
        peers: made.peers.clone(),
        checks_source: made.checks_source,
        admits: made.admits.clone(),
        trackers: made.trackers.iter().map(tracker).collect(),
    }
}

fn fault(fault: Fault) -> made::Fault {
    match fault {
        Fault::Node => made::Fault::Node,
        Fault::Haproxy => made::Fault::Haproxy,
        Fault::Hung => made::Fault::Hung,
        Fault::Link => made::Fault::Link,
        Fault::Keepalived => made::Fault::Keepalived,
    }
}

fn flow(topology: &Topology<'_>, wanted: &Wanted<'_>) -> made::Flow {
    let (mut stopped, mut rewritten) = (Vec::new(), Vec::new());
    for (sender, receiver, packet) in wanted.packets() {
        let trace: Trace = topology.trace(&packet);
        if let Some(stop) = &trace.stop {
            stopped.push(made::Stopped { sender, receiver, why: topology.why(&trace, stop) });
        } else if trace.seen != trace.source {
            rewritten.push(made::Rewritten { sender, receiver, seen: trace.seen });
        }
    }
    made::Flow {
        origin: wanted.origin,
        from: wanted.places.0.clone(),
        to: wanted.places.1.clone(),
        protocol: wanted.protocol,
        port: wanted.port,
        must: wanted.must,
        nat: wanted.nat,
        reason: wanted.reason.map(str::to_owned),
        senders: wanted.from.iter().map(|one| end(topology, one)).collect(),
        receivers: wanted.to.iter().map(|one| end(topology, one)).collect(),
        works: stopped.is_empty(),
        stopped,
        rewritten,
    }
}

fn end(topology: &Topology<'_>, end: &End) -> made::End {
    let device = &topology.devices[end.device];
    made::End {
        node: device.node().map(|node| node.name.clone()),
        network: match device.kind {
            Kind::Member(segment) => Some(topology.segments[segment].name.to_owned()),
            _ => None,
        },
        vip: match end.what {
            What::Vip(vip) => Some(topology.cluster.vips[vip].name.clone()),
            _ => None,
        },
        pod: end.what == What::Pod,
        address: topology.address(end),
    }
}
