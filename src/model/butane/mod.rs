//! Butane's config: one union of all variants and versions.
//!
//! The shape is that of the newest version; which fields a version knows is `spec::fields`. Every field may
//! be absent, as in the reference, which fills in what is missing by its rules.

mod storage;

pub use storage::{
    Cex, Clevis, ClevisCustom, Directory, Disk, File, Filesystem, Link, Luks, NodeGroup, NodeUser, Partition, Raid,
    Storage, Tang, Tree,
};

use super::record::{Definitions, Reader, Value, record};
use serde_json::{Value as Json, json};

macro_rules! names {
    ($( $(#[doc = $doc:literal])* $name:ident )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name(pub String);

        impl Value for $name {
            fn schema(_: &mut Definitions) -> Json {
                json!({"type": "string"})
            }
            fn read<R: Reader>(reader: &mut R) -> Option<Self> {
                reader.text(stringify!($name)).map(Self)
            }
            fn type_name() -> String {
                stringify!($name).to_owned()
            }
        }
    )*};
}

names! {
    /// Path of a device.
    Device
    /// Name of a group.
    Group
    /// A kernel argument.
    KernelArgument
    /// A line of `authorized_keys`.
    SSHAuthorizedKey
}

/// Contents that are embedded. `!!binary` writes those that are no text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents(pub Vec<u8>);

impl Value for Contents {
    fn schema(definitions: &mut Definitions) -> Json {
        String::schema(definitions)
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        reader.bytes().map(Self)
    }
    fn type_name() -> String {
        String::type_name()
    }
}

/// Headers of an HTTP request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HTTPHeaders(pub Vec<HTTPHeader>);

impl Value for HTTPHeaders {
    fn schema(definitions: &mut Definitions) -> Json {
        Vec::<HTTPHeader>::schema(definitions)
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        let mut items = Vec::new();
        if reader.is_null() {
            return Some(Self(items));
        }
        reader.expecting(Self::type_name);
        let read = reader.list(&mut |item| items.extend(HTTPHeader::read(item)));
        read.then_some(Self(items))
    }
    fn absent() -> Option<Self> {
        Some(Self::default())
    }
    fn type_name() -> String {
        "HTTPHeaders".to_owned()
    }
}

record! {
    /// A Butane config.
    pub struct Config {
        /// Version of the specification.
        pub version: Option<String>,
        /// Operating system that the config is for.
        pub variant: Option<String>,
        /// Settings of Ignition itself.
        pub ignition: Option<Ignition>,
        /// Kernel arguments.
        pub kernel_arguments: Option<KernelArguments>,
        /// Users and groups.
        pub passwd: Option<Passwd>,
        /// Disks, file systems and files.
        pub storage: Option<Storage>,
        /// Units.
        pub systemd: Option<Systemd>,
        /// The boot disk.
        pub boot_device: Option<BootDevice>,
        /// The boot loader.
        pub grub: Option<Grub>,
    }

    /// Settings of Ignition itself.
    pub struct Ignition {
        /// Other configs.
        pub config: Option<IgnitionConfig>,
        /// Proxies for fetching.
        pub proxy: Option<Proxy>,
        /// Trust.
        pub security: Option<Security>,
        /// Time limits.
        pub timeouts: Option<Timeouts>,
    }

    /// Other configs.
    pub struct IgnitionConfig {
        /// Configs merged into this one.
        pub merge: Vec<Resource>,
        /// Config used instead of this one.
        pub replace: Option<Resource>,
    }

    /// Something to fetch or to embed.
    pub struct Resource {
        /// How the bytes are compressed: `gzip` or nothing.
        pub compression: Option<String>,
        /// Headers of the request.
        pub http_headers: HTTPHeaders,
        /// URL to fetch from.
        pub source: Option<String>,
        /// The contents themselves.
        pub inline: Option<Contents>,
        /// A local file with the contents.
        pub local: Option<String>,
        /// What the bytes must be.
        pub verification: Option<Verification>,
    }

    /// A header of an HTTP request.
    pub struct HTTPHeader {
        /// Its name.
        pub name: Option<String>,
        /// Its value; a header without one is removed.
        pub value: Option<String>,
    }

    /// What fetched bytes must be.
    pub struct Verification {
        /// `sha512-` or `sha256-` and the digest in hexadecimal.
        pub hash: Option<String>,
    }

    /// Proxies for fetching.
    pub struct Proxy {
        /// For `http` URLs.
        pub http_proxy: Option<String>,
        /// For `https` URLs.
        pub https_proxy: Option<String>,
        /// Hosts that are reached without.
        pub no_proxy: Vec<String>,
    }

    /// Trust.
    pub struct Security {
        /// Transport layer security.
        pub tls: Option<TLS>,
    }

    /// Transport layer security.
    pub struct TLS {
        /// Certificate authorities to trust.
        pub certificate_authorities: Vec<Resource>,
    }

    /// Time limits.
    pub struct Timeouts {
        /// Seconds to wait for a response's headers.
        pub http_response_headers: Option<i64>,
        /// Seconds for a whole fetch; 0 for no limit.
        pub http_total: Option<i64>,
    }

    /// Kernel arguments.
    pub struct KernelArguments {
        /// Arguments that are added unless they are there.
        pub should_exist: Vec<KernelArgument>,
        /// Arguments that are removed.
        pub should_not_exist: Vec<KernelArgument>,
    }

    /// Users and groups.
    pub struct Passwd {
        /// Groups.
        pub groups: Vec<PasswdGroup>,
        /// Users.
        pub users: Vec<PasswdUser>,
    }

    /// A group.
    pub struct PasswdGroup {
        /// Its number.
        pub gid: Option<i64>,
        /// Its name.
        pub name: Option<String>,
        /// Hash of its password.
        pub password_hash: Option<String>,
        /// False to delete it.
        pub should_exist: Option<bool>,
        /// Whether it is a system group.
        pub system: Option<bool>,
    }

    /// A user.
    pub struct PasswdUser {
        /// Full name and the like.
        pub gecos: Option<String>,
        /// Further groups.
        pub groups: Vec<Group>,
        /// Home directory.
        pub home_dir: Option<String>,
        /// Login name.
        pub name: Option<String>,
        /// Whether no home directory is made.
        pub no_create_home: Option<bool>,
        /// Whether it stays out of lastlog and faillog.
        pub no_log_init: Option<bool>,
        /// Whether it gets no group of its own.
        pub no_user_group: Option<bool>,
        /// Hash of the password.
        pub password_hash: Option<String>,
        /// Primary group.
        pub primary_group: Option<String>,
        /// False to delete it.
        pub should_exist: Option<bool>,
        /// Keys that may log in.
        pub ssh_authorized_keys: Vec<SSHAuthorizedKey>,
        /// Local files with further keys, one a line.
        pub ssh_authorized_keys_local: Vec<String>,
        /// Login shell.
        pub shell: Option<String>,
        /// Whether it is a system user.
        pub system: Option<bool>,
        /// Its number.
        pub uid: Option<i64>,
    }

    /// Units.
    pub struct Systemd {
        /// Units.
        pub units: Vec<Unit>,
        /// Podman's quadlets.
        pub quadlets: Vec<Quadlet>,
    }

    /// A unit.
    pub struct Unit {
        /// Its text.
        pub contents: Option<String>,
        /// A local file with its text.
        pub contents_local: Option<String>,
        /// Drop-ins.
        pub dropins: Vec<Dropin>,
        /// Whether it is enabled (or disabled).
        pub enabled: Option<bool>,
        /// Whether it is masked.
        pub mask: Option<bool>,
        /// Its name.
        pub name: Option<String>,
    }

    /// A drop-in.
    pub struct Dropin {
        /// Its text.
        pub contents: Option<String>,
        /// A local file with its text.
        pub contents_local: Option<String>,
        /// Its name.
        pub name: Option<String>,
    }

    /// A quadlet.
    pub struct Quadlet {
        /// Its text.
        pub contents: Option<String>,
        /// A local file with its text.
        pub contents_local: Option<String>,
        /// Its name.
        pub name: Option<String>,
        /// Whether it runs as root.
        pub rootful: Option<bool>,
        /// Drop-ins.
        pub dropins: Vec<Dropin>,
    }

    /// The boot disk.
    pub struct BootDevice {
        /// Layout of its partitions.
        pub layout: Option<String>,
        /// Encryption of the root.
        pub luks: Option<BootDeviceLuks>,
        /// Mirroring.
        pub mirror: Option<BootDeviceMirror>,
    }

    /// Encryption of the root.
    pub struct BootDeviceLuks {
        /// Key in a CryptoExpress card.
        pub cex: Option<Cex>,
        /// Whether discards are passed on.
        pub discard: Option<bool>,
        /// The disk, on layouts that need it.
        pub device: Option<String>,
        /// Tang servers.
        pub tang: Vec<Tang>,
        /// How many pins must answer.
        pub threshold: Option<i64>,
        /// Whether the TPM is a pin.
        pub tpm2: Option<bool>,
    }

    /// Mirroring of the boot disk.
    pub struct BootDeviceMirror {
        /// The disks.
        pub devices: Vec<String>,
    }

    /// The boot loader.
    pub struct Grub {
        /// Users that may change it.
        pub users: Vec<GrubUser>,
    }

    /// A user of the boot loader.
    pub struct GrubUser {
        /// Name.
        pub name: Option<String>,
        /// Hash of the password.
        pub password_hash: Option<String>,
    }
}
