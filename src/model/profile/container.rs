//! Containers of a role, run by Docker on Flatcar and by Podman (Quadlet) on EL, and what takes their place where a
//! role's `runtime` says so.

use crate::model::Spanned;
use crate::model::record::{choice, record};
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
        /// The same program from a package of the image, for the runtime `package`.
        pub package: Option<Spanned<Package>>,
        /// The same program from a system extension, for the runtime `sysext`.
        pub sysext: Option<Spanned<Sysext>>,
    }

    /// A program from a package that the image has (nothing is installed at first boot). Its own unit gets a drop-in with
    /// what the container says about order, environment and limits.
    pub struct Package {
        /// Name of the package; `images.<os>.packages` of `cluster.yaml` must list it.
        pub name: Spanned<String>,
        /// Its unit, if that is not called like the container.
        pub unit: Option<Spanned<String>>,
        /// User that the program runs as, if not the unit's own.
        pub user: Option<Spanned<String>>,
        /// Program and arguments, if not the unit's own.
        pub command: Vec<Spanned<String>>,
        /// Switches of SELinux that the program needs (booleans(8)), set before it starts.
        pub selinux_booleans: Vec<Spanned<String>>,
    }

    /// A program from a system extension (systemd-sysext(8)) on Flatcar. Its own unit gets a drop-in, as for a package.
    pub struct Sysext {
        /// The extension.
        pub extension: Spanned<Extension>,
        /// Its unit, if that is not called like the container.
        pub unit: Option<Spanned<String>>,
        /// User that the program runs as, if not the unit's own.
        pub user: Option<Spanned<String>>,
        /// Program and arguments, if not the unit's own.
        pub command: Vec<Spanned<String>>,
    }

    /// The image of a system extension, put below `/opt/extensions` and linked from `/etc/extensions`.
    pub struct Extension {
        /// Name of the extension: the ending of the `extension-release` file in the image, which systemd compares with
        /// the name of the link.
        pub name: Spanned<String>,
        /// URL that Ignition gets the image from, verified by `hash`.
        pub source: Option<Spanned<String>>,
        /// File below `butane/files` instead: the image becomes a part of the config.
        pub local: Option<Spanned<String>>,
        /// `sha256-` or `sha512-` and the digest of the image in hexadecimal digits.
        pub hash: Option<Spanned<String>>,
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

choice! {
    /// How a role's programs run.
    pub enum Runtime {
        /// In containers: Docker on Flatcar, Podman on EL.
        Container = "container",
        /// From system extensions; Flatcar only.
        Sysext = "sysext",
        /// From packages that the image has; EL only.
        Package = "package",
    }
}
