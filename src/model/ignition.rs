//! Ignition's config (spec 3.7.0-experimental, the newest; older specs are subsets).
//!
//! Field order is that of the reference implementation's JSON; absent means absent, never `null`.

use super::join::{Join, Scribe, Sides, append};
use super::shape::{Element, Field, Fill, Record, RecordSlot, Shape, Slot};

/// Lists whose elements Ignition tells apart by a key.
pub trait Keyed {
    /// The key; elements with the same one are the same thing.
    fn key(&self) -> Key<'_>;
}

/// What tells elements of a list apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key<'a> {
    /// A path, name, device or URL.
    Text(&'a str),
    /// A partition's number.
    Number(i64),
    /// A partition's label.
    Label(&'a str),
}

macro_rules! objects {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident { $( $field:ident $(($json:literal))? : $type:ty $(= $flag:ident)? ),* $(,)? }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        #[allow(missing_docs)] // the field names are the specification's
        pub struct $name { $( pub $field: $type, )* }

        impl Record for $name {
            fn each<'a>(&'a self, each: &mut dyn FnMut(&'static str, bool, &'a dyn Field)) {
                $( each(objects!(@name $field $($json)?), objects!(@required $($flag)?), &self.$field); )*
            }
        }

        impl Field for $name {
            fn shape(&self) -> Shape<'_> { Shape::Record(self) }
            fn is_empty(&self) -> bool { $( Field::is_empty(&self.$field) )&&* }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                super::shape::serialize(self, serializer)
            }
        }

        impl Fill for $name {
            fn slot(&mut self) -> Slot<'_> { Slot::Record(self) }
        }

        impl RecordSlot for $name {
            fn name(&self) -> &'static str { stringify!($name) }
            fn each_slot(&mut self, each: &mut dyn FnMut(&'static str, &mut dyn Fill)) {
                $( each(objects!(@name $field $($json)?), &mut self.$field); )*
            }
        }

        impl Element for $name {
            const NAME: Option<&'static str> = Some(stringify!($name));
        }

        impl Join for $name {
            fn join(&mut self, child: Self, at: &Sides<'_>, scribe: &mut dyn Scribe) {
                if Field::is_empty(&child) { return; }
                scribe.shares(at);
                $( objects!(@join self.$field, child.$field, &at.key(objects!(@name $field $($json)?)), scribe $(, $flag)?); )*
            }
        }
    )*};
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $json:literal) => { $json };
    (@required required) => { true };
    (@required $($other:ident)?) => { false };
    (@join $mine:expr, $theirs:expr, $at:expr, $scribe:expr, appended) => { append(&mut $mine, $theirs, $at, $scribe) };
    (@join $mine:expr, $theirs:expr, $at:expr, $scribe:expr $(, $flag:ident)?) => { Join::join(&mut $mine, $theirs, $at, $scribe) };
}

objects! {
    /// The whole config.
    Config {
        ignition: Ignition = required, kernel_arguments("kernelArguments"): KernelArguments, passwd: Passwd,
        storage: Storage, systemd: Systemd,
    }

    /// `ignition`: version and settings of Ignition itself.
    Ignition { config: IgnitionConfig, proxy: Proxy, security: Security, timeouts: Timeouts, version: String = required }
    /// `ignition.config`: other configs.
    IgnitionConfig { merge: Vec<Resource>, replace: Resource }
    /// Something to fetch.
    Resource {
        compression: Option<String>, http_headers("httpHeaders"): Vec<HttpHeader>, source: Option<String>,
        verification: Verification,
    }
    /// A header of an HTTP request.
    HttpHeader { name: String = required, value: Option<String> }
    /// What fetched bytes must be.
    Verification { hash: Option<String> }
    /// `ignition.proxy`.
    Proxy { http_proxy("httpProxy"): Option<String>, https_proxy("httpsProxy"): Option<String>, no_proxy("noProxy"): Vec<String> }
    /// `ignition.security`.
    Security { tls: Tls }
    /// `ignition.security.tls`.
    Tls { certificate_authorities("certificateAuthorities"): Vec<Resource> }
    /// `ignition.timeouts`, in seconds.
    Timeouts { http_response_headers("httpResponseHeaders"): Option<i64>, http_total("httpTotal"): Option<i64> }

    /// `kernelArguments`.
    KernelArguments { should_exist("shouldExist"): Vec<String>, should_not_exist("shouldNotExist"): Vec<String> }

    /// `passwd`.
    Passwd { groups: Vec<PasswdGroup>, users: Vec<PasswdUser> }
    /// A group.
    PasswdGroup {
        gid: Option<i64>, name: String = required, password_hash("passwordHash"): Option<String>,
        should_exist("shouldExist"): Option<bool>, system: Option<bool>,
    }
    /// A user.
    PasswdUser {
        gecos: Option<String>, groups: Vec<String>, home_dir("homeDir"): Option<String>, name: String = required,
        no_create_home("noCreateHome"): Option<bool>, no_log_init("noLogInit"): Option<bool>,
        no_user_group("noUserGroup"): Option<bool>, password_hash("passwordHash"): Option<String>,
        primary_group("primaryGroup"): Option<String>, ssh_authorized_keys("sshAuthorizedKeys"): Vec<String>,
        shell: Option<String>, should_exist("shouldExist"): Option<bool>, system: Option<bool>, uid: Option<i64>,
    }

    /// `storage`.
    Storage {
        directories: Vec<Directory>, disks: Vec<Disk>, files: Vec<File>, filesystems: Vec<Filesystem>,
        links: Vec<Link>, luks: Vec<Luks>, raid: Vec<Raid>,
    }
    /// The owner of a node, by id or name.
    NodeUser { id: Option<i64>, name: Option<String> }
    /// The group of a node, by id or name.
    NodeGroup { id: Option<i64>, name: Option<String> }
    /// A directory.
    Directory { group: NodeGroup, overwrite: Option<bool>, path: String = required, user: NodeUser, mode: Option<i64> }
    /// A file.
    File {
        group: NodeGroup, overwrite: Option<bool>, path: String = required, user: NodeUser,
        append: Vec<Resource> = appended, contents: Resource, mode: Option<i64>,
    }
    /// A symbolic or hard link.
    Link {
        group: NodeGroup, overwrite: Option<bool>, path: String = required, user: NodeUser, hard: Option<bool>,
        target: Option<String>,
    }
    /// A disk.
    Disk { device: String = required, partitions: Vec<Partition>, wipe_table("wipeTable"): Option<bool> }
    /// A partition.
    Partition {
        guid: Option<String>, label: Option<String>, number: i64, resize: Option<bool>,
        should_exist("shouldExist"): Option<bool>, size_mib("sizeMiB"): Option<i64>, start_mib("startMiB"): Option<i64>,
        type_guid("typeGuid"): Option<String>, wipe_partition_entry("wipePartitionEntry"): Option<bool>,
    }
    /// A file system.
    Filesystem {
        device: String = required, format: Option<String>, label: Option<String>,
        mount_options("mountOptions"): Vec<String> = appended, options: Vec<String> = appended, path: Option<String>,
        uuid: Option<String>, wipe_filesystem("wipeFilesystem"): Option<bool>,
    }
    /// An encrypted volume.
    Luks {
        cex: Cex, clevis: Option<Clevis>, device: Option<String>, discard: Option<bool>, key_file("keyFile"): Resource,
        label: Option<String>, name: String = required, open_options("openOptions"): Vec<String>,
        options: Vec<String> = appended, uuid: Option<String>, wipe_volume("wipeVolume"): Option<bool>,
    }
    /// Key in an IBM CryptoExpress card.
    Cex { enabled: Option<bool> }
    /// Automated unlocking.
    Clevis { custom: ClevisCustom, tang: Vec<Tang>, threshold: Option<i64>, tpm2: Option<bool> }
    /// A Clevis pin of one's own.
    ClevisCustom { config: Option<String>, needs_network("needsNetwork"): Option<bool>, pin: Option<String> }
    /// A Tang server.
    Tang { advertisement: Option<String>, thumbprint: Option<String>, url: String }
    /// A software RAID.
    Raid {
        devices: Vec<String>, level: Option<String>, name: String = required, options: Vec<String> = appended,
        spares: Option<i64>,
    }

    /// `systemd`.
    Systemd { units: Vec<Unit> }
    /// A unit.
    Unit {
        contents: Option<String>, dropins: Vec<Dropin>, enabled: Option<bool>, mask: Option<bool>,
        name: String = required,
    }
    /// A drop-in of a unit.
    Dropin { contents: Option<String>, name: String = required }
}

macro_rules! keyed {
    ($($type:ident by $field:ident),* $(,)?) => {$(
        impl Keyed for $type {
            fn key(&self) -> Key<'_> { Key::Text(&self.$field) }
        }
    )*};
}

keyed! {
    Directory by path, File by path, Link by path, Disk by device, Filesystem by device, Luks by name, Raid by name,
    PasswdUser by name, PasswdGroup by name, Unit by name, Dropin by name, Tang by url, HttpHeader by name,
}

impl Keyed for String {
    fn key(&self) -> Key<'_> {
        Key::Text(self)
    }
}

// Spec 3.2 tells a Clevis section that says nothing from none.
impl Join for Option<Clevis> {
    fn join(&mut self, child: Self, at: &Sides<'_>, scribe: &mut dyn Scribe) {
        match (self.as_mut(), child) {
            (Some(own), Some(child)) => own.join(child, at, scribe),
            (None, Some(child)) => {
                scribe.takes(at, &child, None);
                *self = Some(child);
            }
            (_, None) => {}
        }
    }
}

impl Fill for Option<Clevis> {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Record(self.get_or_insert_default())
    }
}

impl Keyed for Resource {
    fn key(&self) -> Key<'_> {
        Key::Text(self.source.as_deref().unwrap_or_default())
    }
}

impl Keyed for Partition {
    fn key(&self) -> Key<'_> {
        match (self.number, &self.label) {
            (0, Some(label)) => Key::Label(label),
            (0, None) => Key::Text(""),
            (number, _) => Key::Number(number),
        }
    }
}
