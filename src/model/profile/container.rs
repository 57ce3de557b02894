//! Containers of a role, run by Docker on Flatcar and by Podman (Quadlet) on EL.

use crate::model::Spanned;
use crate::model::record::record;
use std::collections::BTreeMap;

record! {
    /// A container that runs as a systemd service on the host's network.
    pub struct Container {
        /// What it is, for people; becomes the unit's description.
        pub description: Spanned<String>,
        /// Image, pinned by digest: `docker.io/library/haproxy@sha256:...`.
        pub image: Spanned<String>,
        /// Program and arguments; the image's own if empty.
        pub command: Vec<Spanned<String>>,
        /// User inside the container, `uid` or `uid:gid`; the image's own if absent.
        pub user: Option<Spanned<String>>,
        /// Linux capabilities kept; all others are dropped.
        pub capabilities: Vec<Spanned<String>>,
        /// Whether the container's root file system is writable.
        pub writable: bool = false,
        /// Directories of the container that are empty file systems in memory.
        pub tmpfs: Vec<Spanned<String>>,
        /// Directories of the host inside the container.
        pub volumes: Vec<Spanned<Volume>>,
        /// Environment variables.
        pub environment: BTreeMap<String, Spanned<String>>,
        /// File on the host with further `NAME=value` lines, for secrets.
        pub environment_file: Option<Spanned<String>>,
        /// Signal that makes the program read its configuration again.
        pub reload_signal: Option<Spanned<String>>,
        /// Command run inside the container before a reload; the reload is given up if it fails.
        pub reload_check: Vec<Spanned<String>>,
        /// Signal that stops the program, if not the image's own.
        pub stop_signal: Option<Spanned<String>>,
        /// Seconds that it may take to stop before it is killed.
        pub stop_timeout: u16 = 10,
        /// Units after which this one starts, without needing them.
        pub after: Vec<Spanned<String>>,
        /// Units that are started with this one, without needing them.
        pub wants: Vec<Spanned<String>>,
        /// Limit of open files.
        pub open_files: Option<Spanned<u32>>,
        /// Whether its unit starts at boot.
        pub enabled: bool = true,
    }

    /// A directory of the host inside a container.
    pub struct Volume {
        /// Directory on the host.
        pub host: Spanned<String>,
        /// Where it appears in the container.
        pub container: Spanned<String>,
        /// Whether the container may write to it.
        pub writable: bool = false,
    }
}
