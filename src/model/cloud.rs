//! cloud-init's documents as data: user-data (cloud-config), meta-data and network-config version 2.
//!
//! Keys stand in the order in which cloud-init acts on them, so that the document reads as what happens.
//! Only what bake uses is here; see <https://docs.cloud-init.io/en/latest/reference/modules.html>.

use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that a machine with cloud-init gets for its first boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudInit {
    /// `user-data`.
    pub user_data: CloudConfig,
    /// `network-config`.
    pub network_config: NetworkConfig,
    /// Host name without domain, for `meta-data`.
    pub local_hostname: String,
    /// Whether `user-data` carries a secret.
    pub secret: bool,
}

/// `#cloud-config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CloudConfig {
    /// Comment lines at the head, without `# `.
    #[serde(skip)]
    pub comments: Vec<String>,
    /// Commands (argument lists) run on every boot before anything is written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bootcmd: Vec<Vec<String>>,
    /// Files, written in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write_files: Vec<WriteFile>,
    /// Whether the image's host name stays; always written, since an image may say otherwise.
    pub preserve_hostname: bool,
    /// Whether `/etc/hostname` holds the full name: the default on EL, but not on other systems.
    pub prefer_fqdn_over_hostname: bool,
    /// Host name without domain.
    pub hostname: String,
    /// Host name with domain.
    pub fqdn: String,
    /// Whether cloud-init rewrites `/etc/hosts` at each boot.
    pub manage_etc_hosts: bool,
    /// Accounts. Without the element `default`, the image's own default user is not made.
    pub users: Vec<User>,
    /// Whether fingerprints of keys are kept off the console: to show them, cloud-init makes a home and an empty
    /// `authorized_keys` for everybody in `users` who has none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_ssh_fingerprints: bool,
    /// Whether root's keys are replaced by a notice.
    pub disable_root: bool,
    /// Whether sshd accepts passwords.
    pub ssh_pwauth: bool,
    /// Time zone, a name of the IANA database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Commands (argument lists) run once, at the end of the first boot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runcmd: Vec<Vec<String>>,
}

/// An element of `write_files`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WriteFile {
    /// Absolute path.
    pub path: String,
    /// `user:group`, by name: cloud-init stops writing files at a number or at an unknown name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Four octal digits. A text: as a number, YAML 1.1 would read it in another base.
    pub permissions: String,
    /// How `content` is written; absent means as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The contents.
    pub content: String,
}

/// How the contents of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Encoding {
    /// Base64.
    #[serde(rename = "b64")]
    Base64,
    /// gzip, then base64.
    #[serde(rename = "gz+b64")]
    GzipBase64,
}

/// An element of `users`. The account itself is made earlier, so that it can own files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Whether logging in by password is impossible; cloud-init's default is `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_passwd: Option<bool>,
    /// Password hash, see crypt(5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashed_passwd: Option<String>,
    /// Public keys that may log in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh_authorized_keys: Vec<String>,
}

/// `meta-data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MetaData {
    /// Names this content: cloud-init applies a config once for each id.
    pub instance_id: String,
    /// Host name without domain.
    pub local_hostname: String,
}

/// `network-config`, version 2, in the part of it that every cloud-init since 22.1 and both of EL 9's renderers
/// (NetworkManager and sysconfig) keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NetworkConfig {
    /// Comment lines at the head, without `# `.
    #[serde(skip)]
    pub comments: Vec<String>,
    /// Always 2.
    pub version: u8,
    /// Ethernet cards by their name in the guest.
    pub ethernets: BTreeMap<String, Ethernet>,
    /// Bridges by their name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bridges: BTreeMap<String, Bridge>,
}

/// A bridge over Ethernet cards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bridge {
    /// Its ports, keys of `ethernets`.
    pub interfaces: Vec<String>,
    /// How it behaves.
    pub parameters: BridgeParameters,
    /// Largest packet in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// Resolvers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nameservers: Option<Nameservers>,
    /// Routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// The one parameter of a bridge that every renderer keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BridgeParameters {
    /// Whether it speaks the spanning tree protocol, and so keeps a new port waiting for half a minute.
    pub stp: bool,
}

/// An Ethernet card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ethernet {
    /// Which card is meant; without it, the one that has the name already.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<Match>,
    /// Its name in the guest; equal to the key of `ethernets`, or renderers disagree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_name: Option<String>,
    /// Largest packet in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Addresses with prefix length; a port of a bridge has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Resolvers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nameservers: Option<Nameservers>,
    /// Routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// Which card is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Lower-case Ethernet address. One without letters is quoted by the writer: YAML 1.1 reads it as a number.
    pub macaddress: String,
}

/// Resolvers of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nameservers {
    /// Domains appended to short names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Addresses, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Destination with prefix length; the default route is `0.0.0.0/0`.
    pub to: String,
    /// Next hop; `0.0.0.0` means that the destination is on the link.
    pub via: String,
}

/// A NetworkManager connection profile, beside `network-config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyfile {
    /// Absolute path; NetworkManager reads it only with mode 0600 and owner root.
    pub path: String,
    /// Identifies the connection to `nmcli`.
    pub uuid: String,
    /// The file, see nm-settings-keyfile(5).
    pub contents: String,
}

/// The network of a machine: what cloud-init is told, and what it could not be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkFiles {
    /// `network-config`.
    pub config: NetworkConfig,
    /// Profiles that replace `network-config`'s.
    pub keyfiles: Vec<Keyfile>,
}
