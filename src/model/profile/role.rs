//! `profiles/roles/<role>.yaml`.

use super::allow::Allow;
use super::cluster::Protocol;
use super::container::{Container, Extension, Runtime};
use super::node::Os;
use crate::model::Spanned;
use crate::model::data::Data;
use crate::model::record::{Definitions, Reader, Value, record};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

record! {
    /// A role: what a machine does, whatever operating system it runs.
    pub struct RoleProfile {
        /// What the role is for, in a sentence.
        pub description: Spanned<String>,
        /// Operating systems that the role runs on; all of them if empty.
        pub os: Vec<Spanned<Os>>,
        /// Commands that the OS image must bring (nothing is installed at first boot), for example `podman`.
        pub requires: Vec<Spanned<String>>,
        /// Butane fragments of the role, in the order in which they are merged.
        pub fragments: Vec<Spanned<FragmentRef>>,
        /// Kernel settings, written to `/etc/sysctl.d`.
        pub sysctls: BTreeMap<String, Spanned<Data>>,
        /// Kernel modules to load at boot, written to `/etc/modules-load.d`.
        pub kernel_modules: Vec<Spanned<String>>,
        /// Routes of nodes with this role, beyond the connected networks and the default route.
        pub routes: Vec<Spanned<RouteWish>>,
        /// What nodes with this role listen on, and for whom the firewall opens it.
        pub listens: Vec<Spanned<Listen>>,
        /// How the programs below `containers` run, unless a node chooses differently; in containers if absent.
        pub runtime: Option<Spanned<Runtime>>,
        /// System extensions that Flatcar nodes with this role get, whatever the runtime: for programs that the image lacks.
        pub extensions: Vec<Spanned<Extension>>,
        /// Containers that the role runs, by name of the service.
        pub containers: BTreeMap<String, Spanned<Container>>,
        /// Values for the role's templates (`values.<name>`); a later role or the node overrides them. Either the value alone,
        /// or `{default, description}`; a value that is a mapping itself is always written as `default`.
        pub values: BTreeMap<String, Spanned<RoleValue>>,
        /// Findings of `bake check` that are accepted here.
        pub allow: Vec<Spanned<Allow>>,
    }

    /// A value with what it means.
    pub struct Described {
        /// The value, unless a later role or the node says another one. Without it somebody must.
        pub default: Option<Spanned<Data>>,
        /// What it is for, in sentences; the role's page shows it.
        pub description: Option<Spanned<String>>,
    }

    /// A fragment, possibly for some operating systems only.
    pub struct FragmentRef {
        /// Name of the file below `butane/`, without `.bu`.
        pub name: Spanned<String>,
        /// Operating systems for which it is used; all of them if empty.
        pub os: Vec<Spanned<Os>>,
    }

    /// A route that nodes with this role need.
    pub struct RouteWish {
        /// Destination: `network:<name>`, `pods`, `default` or a network such as `10.17.3.0/24`. With `?` at the end,
        /// there is no route where the cluster has no such network: for roles that several projects share.
        pub to: Spanned<String>,
        /// Next hop. Without it: the router that is attached to this node's network and knows the destination.
        pub via: Option<Spanned<Ipv4Addr>>,
        /// Whether the next hop is reachable on the link although it lies in no connected network.
        pub on_link: bool = false,
        /// Why the route is there; written beside it as a comment.
        pub reason: Spanned<String>,
    }

    /// A port, or a protocol without ports, that the role offers.
    pub struct Listen {
        /// What it is, for people: `ssh`, `k3s-api`.
        pub name: Spanned<String>,
        /// Protocol.
        pub protocol: Protocol = Protocol::Tcp,
        /// Port; required for TCP and UDP.
        pub port: Option<Spanned<u16>>,
        /// Last port of a range that starts at `port`.
        pub end_port: Option<Spanned<u16>>,
        /// Who may connect: `any`, `network:<name>`, `role:<name>`, `node:<name>`, `pods`, an address or a network. With
        /// `?` at the end, nobody where the cluster has none of this name: for roles that several projects share.
        pub from: Vec<Spanned<String>>,
    }
}

/// A value of a role: its default and what it is for, of which the short form says the first only.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleValue(pub Described);

impl Value for RoleValue {
    fn schema(definitions: &mut Definitions) -> Json {
        let described = Described::schema(definitions);
        json!({"anyOf": [described, {"type": ["string", "number", "boolean", "array", "null"]}]})
    }

    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        if reader.is_map() {
            return Described::read(reader).map(Self);
        }
        reader.data().map(|data| Self(Described { default: Some(data), description: None }))
    }
}
