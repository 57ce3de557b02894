//! What profiles accept, with where that counts.

use super::profile::Allow;
use crate::diag::Span;

/// An entry of a profile's `allow`.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowance {
    /// As it is written.
    pub allow: Allow,
    /// Where it is written; names the profile, too.
    pub span: Span,
    /// The node whose profile it stands in.
    pub node: Option<String>,
    /// Whether it stands in a role of the project's library: other projects may need it where this one does not.
    pub shared: bool,
}
