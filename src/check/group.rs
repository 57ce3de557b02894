//! Findings about many nodes with one cause are one finding.

use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::topology::{Stop, Topology, Trace, What, trace::Reason};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::mem::{Discriminant, discriminant};

/// A finding, what kind of reason it has, and how often it was found.
type Kind = (Option<Discriminant<Reason>>, Diagnostic, usize);

/// Findings with the same code, place and kind of cause.
#[derive(Debug, Default)]
pub(super) struct Group {
    found: BTreeMap<(Option<Span>, Code), Vec<Kind>>,
    /// Devices between which something was found to fail, and whether that was to the second one's pods.
    pairs: BTreeSet<(usize, usize, bool)>,
}

impl Group {
    /// Adds a finding; `make` is called for the first of its kind only.
    pub(super) fn add(
        &mut self,
        code: Code,
        span: Option<Span>,
        cause: Option<&Stop>,
        make: impl FnOnce() -> Diagnostic,
    ) {
        let cause = cause.map(|stop| discriminant(&stop.reason));
        let kinds = self.found.entry((span, code)).or_default();
        match kinds.iter_mut().find(|(kind, ..)| *kind == cause) {
            Some((.., count)) => *count += 1,
            None => kinds.push((cause, make().at(span), 1)),
        }
    }

    /// Adds a connection that fails.
    pub(super) fn blocked(&mut self, topology: &Topology<'_>, code: Code, span: Option<Span>, trace: &Trace) {
        self.add(code, span, trace.stop.as_ref(), || blocked(topology, code, trace));
        self.pairs.insert(pair(trace));
    }

    /// Whether something else was found to fail between the same two.
    pub(super) fn known(&self, trace: &Trace) -> bool {
        self.pairs.contains(&pair(trace))
    }

    /// Reports everything, with how often each was found.
    pub(super) fn finish(self, sink: &mut Sink) {
        for (_, mut one, count) in self.found.into_values().flatten() {
            let _ = match count {
                1 => Ok(()),
                2 => write!(one.message, " (and one like it)"),
                _ => write!(one.message, " (and {} like it)", count - 1),
            };
            sink.push(one);
        }
    }
}

fn pair(trace: &Trace) -> (usize, usize, bool) {
    (trace.packet.from.device, trace.packet.to.device, trace.packet.to.what == What::Pod)
}

/// A finding about a connection that fails.
fn blocked(topology: &Topology<'_>, code: Code, trace: &Trace) -> Diagnostic {
    let message = topology.failure(trace).unwrap_or_default();
    let mut found = Diagnostic::new(code, message);
    if let Some(stop) = &trace.stop {
        if let Some(span) = stop.span {
            found = found.related(span, "what stops it is written here");
        }
        found.hint = topology.cure(trace, stop);
    }
    found
}
