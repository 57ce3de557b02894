//! What a build writes.

use std::collections::BTreeMap;

/// Ends the name of a file whose secrets were left out. Nothing reads a file of such a name, so no machine comes up with
/// the mark of a gap for a password.
pub const INCOMPLETE: &str = ".incomplete";

/// The name of a file without [`INCOMPLETE`].
pub fn complete(path: &str) -> &str {
    path.strip_suffix(INCOMPLETE).unwrap_or(path)
}

/// One file of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Path below the node's folder, for example `user-data`.
    pub path: String,
    /// Contents.
    pub bytes: Vec<u8>,
    /// Whether it carries a secret: written with mode 0600 instead of 0644.
    pub secret: bool,
    /// Files of the project that it was made from, sorted.
    pub inputs: Vec<String>,
}

/// Everything written for one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeOutput {
    /// The node.
    pub name: String,
    /// Its operating system, as the profile writes it.
    pub os: &'static str,
    /// Changes exactly when the node's content does; cloud-init's instance-id.
    pub instance_id: String,
    /// The files, sorted by path.
    pub artifacts: Vec<Artifact>,
    /// Files on the machine that carry secrets, with the numbers of their lines that do; none means all of them.
    pub secrets: BTreeMap<String, Vec<usize>>,
}

impl NodeOutput {
    /// Says of every file that would carry a secret that it does not: it gets another name, and everybody may read it.
    pub fn leave_gaps(&mut self) {
        for artifact in self.artifacts.iter_mut().filter(|artifact| artifact.secret) {
            artifact.secret = false;
            artifact.path.push_str(INCOMPLETE);
        }
    }
}
