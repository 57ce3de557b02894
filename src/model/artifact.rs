//! What a build writes.

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
}
