//! `bake explain route`: the way of a connection there and back, hop by hop.

use super::trace::{Direction, Hop, Packet, Trace};
use super::{End, Topology};
use crate::diag::{Sources, Span};
use crate::model::profile::cluster::Protocol;
use std::fmt::Write as _;

/// A destination as people type it: a place, and what is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The place.
    pub place: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: Option<u16>,
}

impl Target {
    /// Reads `PLACE[:PORT[/udp]]`; without a port it is a ping. `vip:api` is a place, not a port.
    pub fn read(text: &str) -> Self {
        let (rest, protocol) = match text.strip_suffix("/udp") {
            Some(rest) => (rest, Protocol::Udp),
            None => (text.strip_suffix("/tcp").unwrap_or(text), Protocol::Tcp),
        };
        let port = rest.rsplit_once(':').and_then(|(place, port)| Some((place, port.parse::<u16>().ok()?)));
        match port {
            Some((place, port)) => Self { place: place.to_owned(), protocol, port: Some(port) },
            None => Self { place: rest.to_owned(), protocol: Protocol::Icmp, port: None },
        }
    }
}

impl Topology<'_> {
    /// Who is meant by a place as people type it: as in flows, or a bare name of a node, VIP, network or role.
    pub fn named(&self, text: &str) -> Vec<End> {
        let known = |kind: &str| self.ends(&format!("{kind}:{text}"));
        let bare = self.ends(text);
        let kinds = ["node", "vip", "network", "role"];
        if bare.is_empty() {
            kinds.iter().map(|kind| known(kind)).find(|ends| !ends.is_empty()).unwrap_or_default()
        } else {
            bare
        }
    }

    /// Every name that [`named`](Self::named) takes, for suggestions.
    pub fn names(&self) -> Vec<&str> {
        let nodes = self.cluster.nodes.iter().map(|node| node.name.as_str());
        let vips = self.cluster.vips.iter().map(|vip| vip.name.as_str());
        nodes
            .chain(vips)
            .chain(self.segments.iter().map(|segment| segment.name))
            .chain(["pods", "services", "any"])
            .collect()
    }
}

/// The ways between two places. Of several pairs the first that fails is shown, or else the first; the others are
/// counted.
pub fn route(topology: &Topology<'_>, sources: &Sources, from: &[End], to: &[End], target: &Target) -> String {
    let mut text = String::new();
    let mut shown: Option<Trace> = None;
    let (mut pairs, mut failures) = (0usize, 0usize);
    for from in from {
        for to in to.iter().filter(|to| *to != from) {
            let packet = Packet { from: *from, to: *to, protocol: target.protocol, port: target.port };
            let trace = topology.trace(&packet);
            pairs += 1;
            let fails = !trace.works();
            failures += usize::from(fails);
            if shown.is_none() || (fails && failures == 1) {
                shown = Some(trace);
            }
        }
    }
    let Some(trace) = shown else { return "both are the same\n".to_owned() };
    one(topology, sources, &trace, &mut text);
    if pairs > 1 {
        let _ = writeln!(text, "\n{} of {pairs} pairs work; this is one of them", pairs - failures);
        if failures > 0 {
            text = text.replace("work; this is one of them", "work; this is one that does not");
        }
    }
    text
}

fn one(topology: &Topology<'_>, sources: &Sources, trace: &Trace, text: &mut String) {
    let _ = writeln!(text, "{}: {} -> {}", topology.connection(&trace.packet), trace.source, trace.destination);
    let stop = trace.stop.as_ref();
    let mut way = |title: &str, hops: &[Hop], direction: Direction| {
        if hops.is_empty() && stop.is_none_or(|stop| stop.direction != direction) {
            return;
        }
        let _ = writeln!(text, "\n{title}");
        for hop in hops {
            let place = written(topology, hop).map(|span| at(sources, span)).unwrap_or_default();
            let _ = writeln!(text, "  {:14} {}{place}", bare(topology, hop.device), topology.step(hop));
        }
        if let Some(stop) = stop.filter(|stop| stop.direction == direction) {
            let place = stop.span.map(|span| at(sources, span)).unwrap_or_default();
            let _ = writeln!(text, "  stopped: {}{place}", topology.why(trace, stop));
        }
    };
    way("there", &trace.there, Direction::There);
    way("back", &trace.back, Direction::Back);
    text.push('\n');
    match stop {
        Some(stop) => {
            let _ = writeln!(text, "does not work: {}", topology.why(trace, stop));
            if let Some(cure) = topology.cure(trace, stop) {
                let _ = writeln!(text, "hint: {cure}");
            }
        }
        None if trace.seen == trace.source => {
            let _ = writeln!(text, "works; the receiver sees the sender's own address");
        }
        None => {
            let _ = writeln!(text, "works; the receiver sees {} instead of {}", trace.seen, trace.source);
        }
    }
}

/// A device's name for a table.
fn bare(topology: &Topology<'_>, device: usize) -> String {
    topology.name(device).replace('`', "")
}

/// Where a hop's rule is written.
fn written(topology: &Topology<'_>, hop: &Hop) -> Option<Span> {
    use super::{Step, filter::Accept, forward::Origin};
    let device = &topology.devices[hop.device];
    match hop.step {
        Step::Routes(at) => {
            let entry = device.table.entry(at);
            entry.span.filter(|_| entry.origin != Origin::Connected)
        }
        Step::Passes(segment, _) => Some(topology.segments[segment].mode.span),
        Step::Accepts(Accept::Listen(at)) => {
            device.node().and_then(|node| node.listens.get(at)).map(|listen| listen.name.span)
        }
        _ => None,
    }
}

fn at(sources: &Sources, span: Span) -> String {
    let position = sources.position(span.file, span.start);
    format!("  [{}:{}]", sources.get(span.file).name(), position.line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let read = |text: &str| {
            let target = Target::read(text);
            (target.place, target.protocol.to_string(), target.port)
        };
        for (text, place, protocol, port) in [
            ("master1:6443", "master1", "tcp", Some(6443)),
            ("vip:api:6443", "vip:api", "tcp", Some(6443)),
            ("vip:api", "vip:api", "icmp", None),
            ("dns:53/udp", "dns", "udp", Some(53)),
            ("10.0.0.1:80/tcp", "10.0.0.1", "tcp", Some(80)),
        ] {
            assert_eq!(read(text), (place.to_owned(), protocol.to_owned(), port), "{text}");
        }
    }
}
