//! A piece of a node's Ignition config with the origin of its fields.

use super::{Trace, ignition::Config};

/// What one Butane fragment, or one fact of the cluster model, contributes to a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The contribution, in Ignition's newest data model whatever version is emitted later.
    pub config: Config,
    /// Where each field of `config` came from, by its Ignition path (`$.storage.files.0.mode`).
    pub trace: Trace,
    /// Paths of files (`/etc/...`) whose contents were made from a secret.
    pub secret_files: std::collections::BTreeSet<String>,
}
