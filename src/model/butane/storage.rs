//! The section `storage`: disks, what is made on them, files, and trees of local files.

use super::{Device, Resource};
use crate::model::record::record;

record! {
    /// Disks, file systems and files.
    pub struct Storage {
        /// Directories.
        pub directories: Vec<Directory>,
        /// Disks.
        pub disks: Vec<Disk>,
        /// Files.
        pub files: Vec<File>,
        /// File systems.
        pub filesystems: Vec<Filesystem>,
        /// Links.
        pub links: Vec<Link>,
        /// Encrypted volumes.
        pub luks: Vec<Luks>,
        /// Software RAIDs.
        pub raid: Vec<Raid>,
        /// Local directories to embed.
        pub trees: Vec<Tree>,
    }

    /// Owner of a node: number or name.
    pub struct NodeUser {
        /// Number.
        pub id: Option<i64>,
        /// Name.
        pub name: Option<String>,
    }

    /// Group of a node: number or name.
    pub struct NodeGroup {
        /// Number.
        pub id: Option<i64>,
        /// Name.
        pub name: Option<String>,
    }

    /// A directory.
    pub struct Directory {
        /// Its group.
        pub group: Option<NodeGroup>,
        /// Whether whatever is there is deleted first.
        pub overwrite: Option<bool>,
        /// Absolute path.
        pub path: Option<String>,
        /// Its owner.
        pub user: Option<NodeUser>,
        /// Permissions.
        pub mode: Option<i64>,
    }

    /// A file.
    pub struct File {
        /// Its group.
        pub group: Option<NodeGroup>,
        /// Whether whatever is there is deleted first.
        pub overwrite: Option<bool>,
        /// Absolute path.
        pub path: Option<String>,
        /// Its owner.
        pub user: Option<NodeUser>,
        /// What is appended to it.
        pub append: Vec<Resource>,
        /// What is in it.
        pub contents: Option<Resource>,
        /// Permissions.
        pub mode: Option<i64>,
    }

    /// A symbolic or hard link.
    pub struct Link {
        /// Its group.
        pub group: Option<NodeGroup>,
        /// Whether whatever is there is deleted first.
        pub overwrite: Option<bool>,
        /// Absolute path.
        pub path: Option<String>,
        /// Its owner.
        pub user: Option<NodeUser>,
        /// Whether it is a hard link.
        pub hard: Option<bool>,
        /// What it points to.
        pub target: Option<String>,
    }

    /// A disk.
    pub struct Disk {
        /// Path of the device.
        pub device: Option<String>,
        /// Partitions.
        pub partitions: Vec<Partition>,
        /// Whether the partition table is wiped first.
        pub wipe_table: Option<bool>,
    }

    /// A partition.
    pub struct Partition {
        /// Its GUID.
        pub guid: Option<String>,
        /// Its label.
        pub label: Option<String>,
        /// Its number; 0 for the next free one.
        pub number: Option<i64>,
        /// Whether it is resized to match.
        pub resize: Option<bool>,
        /// False to delete it.
        pub should_exist: Option<bool>,
        /// Size in MiB.
        pub size_mib: Option<i64>,
        /// Start in MiB.
        pub start_mib: Option<i64>,
        /// GUID of its type.
        pub type_guid: Option<String>,
        /// Whether an entry that does not match is replaced.
        pub wipe_partition_entry: Option<bool>,
    }

    /// A file system.
    pub struct Filesystem {
        /// Path of the device.
        pub device: Option<String>,
        /// Kind of file system.
        pub format: Option<String>,
        /// Its label.
        pub label: Option<String>,
        /// Options for mounting.
        pub mount_options: Vec<String>,
        /// Options for making it.
        pub options: Vec<String>,
        /// Where it is mounted.
        pub path: Option<String>,
        /// Its UUID.
        pub uuid: Option<String>,
        /// Whether it is made anew.
        pub wipe_filesystem: Option<bool>,
        /// Whether a unit mounts it at every boot.
        pub with_mount_unit: Option<bool>,
    }

    /// An encrypted volume.
    pub struct Luks {
        /// Key in a CryptoExpress card.
        pub cex: Option<Cex>,
        /// Automated unlocking.
        pub clevis: Option<Clevis>,
        /// Path of the device.
        pub device: Option<String>,
        /// Whether discards are passed on.
        pub discard: Option<bool>,
        /// Key.
        pub key_file: Option<Resource>,
        /// Label of the volume.
        pub label: Option<String>,
        /// Name of the opened volume.
        pub name: Option<String>,
        /// Options for opening.
        pub open_options: Vec<String>,
        /// Options for making.
        pub options: Vec<String>,
        /// UUID of the volume.
        pub uuid: Option<String>,
        /// Whether it is made anew.
        pub wipe_volume: Option<bool>,
    }

    /// Key in a CryptoExpress card.
    pub struct Cex {
        /// Whether it is used.
        pub enabled: Option<bool>,
    }

    /// Automated unlocking.
    pub struct Clevis {
        /// A pin of one's own.
        pub custom: Option<ClevisCustom>,
        /// Tang servers.
        pub tang: Vec<Tang>,
        /// How many pins must answer.
        pub threshold: Option<i64>,
        /// Whether the TPM is a pin.
        pub tpm2: Option<bool>,
    }

    /// A pin of one's own.
    pub struct ClevisCustom {
        /// Its configuration, JSON.
        pub config: Option<String>,
        /// Whether it needs the network.
        pub needs_network: Option<bool>,
        /// Its kind.
        pub pin: Option<String>,
    }

    /// A Tang server.
    pub struct Tang {
        /// Thumbprint of its key.
        pub thumbprint: Option<String>,
        /// Its URL.
        pub url: Option<String>,
        /// Its advertisement, JSON.
        pub advertisement: Option<String>,
    }

    /// A software RAID.
    pub struct Raid {
        /// Its devices.
        pub devices: Vec<Device>,
        /// Its level.
        pub level: Option<String>,
        /// Its name.
        pub name: Option<String>,
        /// Options for making it.
        pub options: Vec<String>,
        /// Number of spares.
        pub spares: Option<i64>,
    }

    /// A local directory to embed.
    pub struct Tree {
        /// Group of everything in it.
        pub group: Option<NodeGroup>,
        /// The directory.
        pub local: Option<String>,
        /// Where it goes; the root if absent.
        pub path: Option<String>,
        /// Owner of everything in it.
        pub user: Option<NodeUser>,
        /// Permissions of its files.
        pub file_mode: Option<i64>,
        /// Permissions of its directories.
        pub dir_mode: Option<i64>,
    }
}
