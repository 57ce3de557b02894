//! Findings that a profile accepts, each with a reason.

use crate::model::Spanned;
use crate::model::record::record;

record! {
    /// A finding of `bake check` that is accepted. It counts for findings at a place in this file; in a node's profile
    /// also for findings about that node.
    pub struct Allow {
        /// Code of the rule, for example `dhcp-range`; `bake explain` lists all.
        pub rule: Spanned<String>,
        /// Why it is right here, for the next reader.
        pub reason: Spanned<String>,
        /// File that the finding is in, relative to the project, if it is not this one; may hold `*`.
        pub file: Option<Spanned<String>>,
        /// A part of the finding's message, to accept this one and no other of the same rule.
        pub value: Option<Spanned<String>>,
    }
}
