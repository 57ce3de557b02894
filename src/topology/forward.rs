//! Forwarding tables: longest prefix first, then as declared.

use crate::diag::Span;
use ipnet::Ipv4Net;
use std::cmp::Reverse;
use std::net::Ipv4Addr;

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// To the machines on the link themselves.
    Link,
    /// To a next hop.
    Hop(Ipv4Addr),
    /// Out of the cluster.
    Internet,
}

/// Why a route is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The device has an address there.
    Connected,
    /// A profile asks for it.
    Declared,
    /// The device is not built by bake and is taken to know it, as its place in the cluster demands.
    Implied,
}

/// A route.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Destination.
    pub to: Ipv4Net,
    /// Where it leads.
    pub via: Via,
    /// Position of the port that it leads out of.
    pub port: usize,
    /// Whether the next hop must be taken as reachable on the link.
    pub on_link: bool,
    /// Why it is there.
    pub origin: Origin,
    /// Where it is written.
    pub span: Option<Span>,
}

/// A forwarding table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// By descending prefix length, then by destination; of two equal destinations the first was added first.
    entries: Vec<Entry>,
    /// Prefix lengths that occur, longest first, with the end of their entries.
    lengths: Vec<(u8, usize)>,
}

impl Table {
    /// A table of these routes.
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| (Reverse(entry.to.prefix_len()), entry.to.network()));
        entries.dedup_by_key(|entry| entry.to);
        let mut lengths: Vec<(u8, usize)> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            match lengths.last_mut().filter(|(length, _)| *length == entry.to.prefix_len()) {
                Some((_, end)) => *end = at + 1,
                None => lengths.push((entry.to.prefix_len(), at + 1)),
            }
        }
        Self { entries, lengths }
    }

    /// Position of the route to `address`.
    pub fn lookup(&self, address: Ipv4Addr) -> Option<usize> {
        let mut start = 0;
        for (length, end) in &self.lengths {
            let network = Ipv4Net::new(address, *length).ok()?.network();
            let found = self.entries[start..*end].binary_search_by_key(&network, |entry| entry.to.network());
            if let Ok(at) = found {
                return Some(start + at);
            }
            start = *end;
        }
        None
    }

    /// The route at a position.
    ///
    /// # Panics
    /// If the position is not one of [`Table::lookup`]'s.
    pub fn entry(&self, at: usize) -> &Entry {
        &self.entries[at]
    }

    /// All routes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let entry = |to: &str, port| Entry {
            to: to.parse().unwrap(),
            via: Via::Link,
            port,
            on_link: false,
            origin: Origin::Declared,
            span: None,
        };
        let table = Table::new(vec![
            entry("0.0.0.0/0", 0),
            entry("10.0.0.0/8", 1),
            entry("10.42.0.0/16", 2),
            entry("10.42.7.0/24", 3),
            entry("10.42.0.0/16", 4),
        ]);
        let port = |address: &str| table.lookup(address.parse().unwrap()).map(|at| table.entry(at).port);
        for (address, expected) in [("192.0.2.1", 0), ("10.1.1.1", 1), ("10.42.1.1", 2), ("10.42.7.255", 3)] {
            assert_eq!(port(address), Some(expected), "{address}");
        }
        assert_eq!(Table::default().lookup(Ipv4Addr::LOCALHOST), None);
        assert_eq!(table.entries().len(), 4);
    }
}
