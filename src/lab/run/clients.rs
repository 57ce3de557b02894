//! Who connects to the virtual addresses while things happen.

use super::super::bench::Bench;
use super::super::failure::Failure;
use super::super::plan;
use super::super::probe::{Stream, Tried};
use super::super::result::{Probe, Tries};
use crate::model::summary::{End, Summary, Vip};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Instant;

/// New connections to each virtual address in a second.
const RATE: u32 = 100;

/// The same from further segments, and to further ports.
const FURTHER_RATE: u32 = 10;

/// A steady stream of connections to a virtual address.
pub(super) struct Client {
    /// Name of the address.
    pub(super) vip: String,
    space: String,
    to: SocketAddrV4,
    rate: u32,
    stream: Stream,
}

/// To each virtual address, from whoever must reach it.
pub(super) fn clients(bench: &Bench, epoch: Instant) -> Vec<Client> {
    let summary = &bench.plan.summary;
    let of = |vip: &Vip| {
        let rates = std::iter::once(RATE).chain(std::iter::repeat(FURTHER_RATE));
        let clients = clients_of(summary, vip).into_iter().zip(rates).map(|((space, port), rate)| {
            let to = SocketAddrV4::new(vip.address, port);
            let stream = Stream::start(&space, to, rate, epoch);
            Client { vip: vip.name.clone(), space, to, rate, stream }
        });
        clients.collect::<Vec<_>>()
    };
    summary.vips.iter().flat_map(of).collect()
}

/// Who connects to a virtual address, and on which port: the first sender on each segment of each flow that must work.
fn clients_of(summary: &Summary, vip: &Vip) -> Vec<(String, u16)> {
    let mut found: Vec<(&str, String, u16)> = Vec::new();
    for flow in summary.flows.iter().filter(|flow| flow.works && flow.must.as_str() == "work") {
        let end = flow.receivers.iter().find(|end| end.vip.as_ref() == Some(&vip.name));
        let port = flow.port.filter(|port| vip.ports.iter().any(|own| own.port == *port));
        let (Some(end), Some(port)) = (end, port) else { continue };
        for sender in flow.senders.iter().filter(|sender| sender.address != end.address) {
            let segment = segment_of(summary, sender);
            if !found.iter().any(|(known, _, own)| (*known, *own) == (segment, port)) {
                found.push((segment, plan::space_of(summary, sender), port));
            }
        }
    }
    found.into_iter().map(|(_, space, port)| (space, port)).collect()
}

/// The network from which somebody connects; empty for the Internet.
fn segment_of<'a>(summary: &'a Summary, end: &'a End) -> &'a str {
    let node = summary.nodes.iter().find(|node| Some(&node.name) == end.node.as_ref());
    let mut cards = node.into_iter().flat_map(|node| &node.interfaces);
    let own = || cards.find(|card| card.address.addr() == end.address).map(|card| card.network.as_str());
    end.network.as_deref().or_else(own).unwrap_or_default()
}

impl Client {
    /// Ends it: what became of its connections, in tenths of a second or, where they are rare, in longer pieces, of which
    /// neighbours alike are taken together; and all of them.
    pub(super) fn finish(self, length: u32) -> Result<(Probe, Vec<Tried>), Failure> {
        let tried = self.stream.finish()?;
        let piece = 100.max(2_000 / self.rate);
        let mut tries: Vec<Tries> = Vec::new();
        for at in 0..length.div_ceil(piece) {
            let within = tried.iter().filter(|one| one.at_ms / piece == at);
            let (sent, lost) =
                within.fold((0, 0), |(sent, lost), one| (sent + 1, lost + u32::from(one.answer.is_none())));
            let for_ms = piece.min(length - at * piece);
            match tries.last_mut() {
                Some(last) if (last.lost == 0) == (lost == 0) && (last.lost == last.sent) == (lost == sent) => {
                    last.for_ms += for_ms;
                    last.sent += sent;
                    last.lost += lost;
                }
                _ => tries.push(Tries { for_ms, sent, lost }),
            }
        }
        let mut answers: BTreeMap<String, u32> = BTreeMap::new();
        for answer in tried.iter().filter_map(|one| one.answer.as_ref()) {
            *answers.entry(answer.name.clone()).or_default() += 1;
        }
        let (vip, from, to) = (Some(self.vip), self.space, self.to.to_string());
        Ok((Probe { from, to, vip, per_second: self.rate, tries, answers }, tried))
    }
}
