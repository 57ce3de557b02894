//! Collects findings, so that a bad half does not hide the errors of the other half.

use super::{Diagnostic, Severity, Span};
use std::collections::BTreeSet;

/// Where a phase reports. Plain data: each thread has its own, and they are joined in node order.
#[derive(Debug, Default)]
pub struct Sink {
    found: Vec<Diagnostic>,
    errors: usize,
    accepted: BTreeSet<Span>,
}

impl Sink {
    /// Reports a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        self.found.push(diagnostic);
    }

    /// How many errors were reported so far. A scope that must know whether it failed compares this
    /// before and after.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether any error was reported.
    pub fn failed(&self) -> bool {
        self.errors > 0
    }

    /// Takes over what another sink has found.
    pub fn append(&mut self, other: Self) {
        self.errors += other.errors;
        self.found.extend(other.found);
        self.accepted.extend(other.accepted);
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes that what is written at `place` took out a finding.
    pub fn accept(&mut self, place: Span) {
        self.accepted.insert(place);
    }

    /// The places that took out a finding.
    pub fn accepted(&self) -> &BTreeSet<Span> {
        &self.accepted
    }

    /// What was found, in the order in which it was reported.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// What was found, sorted by place, then code, then message, each finding once: the same mistake
    /// in a fragment shared by ten nodes is one mistake, and the first node's related places stand for all.
    /// Findings without a place come first.
    pub fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by(|a, b| (a.span, a.code.id(), &a.message).cmp(&(b.span, b.code.id(), &b.message)));
        let same = |a: &Diagnostic, b: &Diagnostic| {
            (a.span, a.code, a.severity, &a.message, &a.hint) == (b.span, b.code, b.severity, &b.message, &b.hint)
        };
        found.dedup_by(|next, kept| same(next, kept));
        found
    }
}
