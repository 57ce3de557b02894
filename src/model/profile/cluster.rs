//! `profiles/cluster.yaml`.

use super::allow::Allow;
use crate::model::Spanned;
use crate::model::record::{choice, record};
use crate::model::scalar::{SecretRef, Size};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

record! {
    /// The cluster: what its machines share.
    pub struct ClusterProfile {
        /// Name of the cluster, for people and for the manifest.
        pub name: Spanned<String>,
        /// Folder, relative to the project, whose `profiles/roles/` and `butane/` have every role, fragment and file that
        /// the project itself has not. A file of the project's own stands in the place of the library's of that name.
        pub library: Option<Spanned<String>>,
        /// DNS domain of the machines, for example `kube.internal`. A machine's full name is `<node>.<domain>`.
        pub domain: Spanned<String>,
        /// Time zone of the machines, a name of the IANA database such as `Europe/Madrid`.
        pub timezone: Spanned<String>,
        /// Public SSH keys of the people who may log in, one key per element.
        pub ssh_authorized_keys: Vec<Spanned<String>>,
        /// Resolvers in order of preference, for networks that name none of their own.
        pub dns_servers: Vec<Spanned<Ipv4Addr>>,
        /// Time servers in order of preference, names or addresses.
        pub ntp_servers: Vec<Spanned<String>>,
        /// Ignition spec version written for Flatcar nodes.
        pub ignition: Option<Spanned<IgnitionVersion>>,
        /// Networks that machines are attached to, by name.
        pub networks: BTreeMap<String, Spanned<Network>>,
        /// Addresses of pods (the CNI's network). Routers and balancers reach them without NAT.
        pub pods: Option<Spanned<Pods>>,
        /// Virtual addresses of Kubernetes services.
        pub services: Option<Spanned<Services>>,
        /// Virtual addresses that Keepalived moves between balancers, by name.
        pub vips: BTreeMap<String, Spanned<Vip>>,
        /// Operating system images that disks start from, by OS name.
        pub images: BTreeMap<String, Spanned<Image>>,
        /// How the virtual machines are made on the hypervisor: for `dist/terraform` and `dist/libvirt`.
        pub terraform: Option<Spanned<Terraform>>,
        /// Traffic that must work, or must not, beyond what follows from the roles.
        pub flows: Vec<Spanned<Flow>>,
        /// Where secrets come from, by name. Templates use them as `secrets.<name>`.
        pub secrets: BTreeMap<String, Spanned<SecretRef>>,
        /// Findings of `bake check` that are accepted here.
        pub allow: Vec<Spanned<Allow>>,
    }

    /// A layer 2 segment with one IPv4 network on it.
    pub struct Network {
        /// The network, for example `10.17.4.0/24`.
        pub cidr: Spanned<Ipv4Net>,
        /// Default gateway of the machines on this network.
        pub gateway: Option<Spanned<Ipv4Addr>>,
        /// How the network is connected.
        pub mode: Spanned<NetworkMode>,
        /// Bridge device on the hypervisor, or the device that a tunnel ends in; at most 15 characters.
        pub bridge: Spanned<String>,
        /// Name of the libvirt network, if it differs from the name here.
        pub libvirt: Option<Spanned<String>>,
        /// DNS domain that libvirt's own resolver serves on this network.
        pub domain: Option<Spanned<String>>,
        /// Addresses that libvirt's DHCP server hands out beside the reservations for the machines.
        pub dhcp: Option<Spanned<DhcpRange>>,
        /// Resolvers of the machines on this network, in order, instead of the cluster's.
        pub dns_servers: Vec<Spanned<Ipv4Addr>>,
        /// Further MAC reservations, by name, for machines that are not nodes of this cluster.
        pub reservations: BTreeMap<String, Spanned<Reservation>>,
    }

    /// A range of addresses, both ends included.
    pub struct DhcpRange {
        /// First address.
        pub start: Spanned<Ipv4Addr>,
        /// Last address.
        pub end: Spanned<Ipv4Addr>,
    }

    /// A DHCP reservation.
    pub struct Reservation {
        /// The machine's Ethernet address.
        pub mac: Spanned<crate::model::scalar::Mac>,
        /// The address it gets.
        pub address: Spanned<Ipv4Addr>,
    }

    /// The network of pods.
    pub struct Pods {
        /// All pods, for example `10.42.0.0/16`.
        pub cidr: Spanned<Ipv4Net>,
        /// Prefix length of one node's share of it.
        pub node_prefix: u8 = 24,
        /// Routes to single nodes' shares, by node name. K3s does not let you choose a node's share: it assigns the
        /// next free one when the node registers, so these are right only where the Node objects are created
        /// beforehand. Without them every router sends the whole network to `via`.
        pub nodes: BTreeMap<String, Spanned<Ipv4Net>>,
        /// Node that forwards traffic to pods whose share is not listed in `nodes`; K3s nodes reach each other's pods.
        pub via: Option<Spanned<String>>,
    }

    /// The network of Kubernetes services.
    pub struct Services {
        /// All service addresses, for example `10.43.0.0/16`.
        pub cidr: Spanned<Ipv4Net>,
    }

    /// An address that one of several balancers holds at a time.
    pub struct Vip {
        /// Network that the address belongs to; every candidate must be attached to it.
        pub network: Spanned<String>,
        /// The address.
        pub address: Spanned<Ipv4Addr>,
        /// VRRP virtual router id, 1 to 255, unique on the network (RFC 5798, section 5.2.3).
        pub virtual_router_id: Spanned<u8>,
        /// Seconds between VRRP advertisements.
        pub advert_interval: u8 = 1,
        /// Role of the nodes that may hold the address.
        pub candidates: Spanned<String>,
        /// DNS name under the cluster's domain, if the address should have one.
        pub dns_name: Option<Spanned<String>>,
        /// What is offered on it.
        pub ports: Vec<Spanned<VipPort>>,
    }

    /// One port of a VIP.
    pub struct VipPort {
        /// Name of the service, used in HAProxy's sections; letters, digits, `-` and `_`.
        pub name: Spanned<String>,
        /// Port on the VIP.
        pub port: Spanned<u16>,
        /// Role of the nodes that serve it.
        pub backends: Spanned<String>,
        /// Port on the backends, if it differs.
        pub backend_port: Option<Spanned<u16>>,
        /// How HAProxy finds out whether a backend is alive.
        pub check: Spanned<HealthCheck>,
    }

    /// An operating system image.
    pub struct Image {
        /// Path or URL of the image, as Terraform's `source` takes it.
        pub source: Spanned<String>,
        /// Size of the disk in the image: no volume made from it may be smaller.
        pub virtual_size: Option<Spanned<Size>>,
        /// Packages that were added to the image and that roles with the runtime `package` take their programs from.
        pub packages: Vec<Spanned<String>>,
    }

    /// How the virtual machines are made.
    pub struct Terraform {
        /// Generation of the provider dmacvicar/libvirt that `dist/terraform` is written for.
        pub provider: Provider = Provider::V0_8_3,
        /// Storage pool of the machines' disks; a pool of the cluster's own if absent.
        pub pool: Option<Spanned<Pool>>,
    }

    /// A storage pool of libvirt: a folder on the hypervisor.
    pub struct Pool {
        /// Name of the pool.
        pub name: Spanned<String>,
        /// The folder, an absolute path.
        pub path: Spanned<String>,
        /// Whether the pool is there already, like libvirt's own `default`; otherwise it is made with the machines.
        pub existing: bool = false,
    }

    /// Traffic between two places.
    pub struct Flow {
        /// Who opens the connection: `node:<name>`, `role:<name>`, `network:<name>`, `vip:<name>`, `pods` or an address.
        pub from: Spanned<String>,
        /// To whom, in the same form.
        pub to: Spanned<String>,
        /// Transport protocol.
        pub protocol: Protocol = Protocol::Tcp,
        /// Destination port; none for ICMP.
        pub port: Option<Spanned<u16>>,
        /// Whether it must work.
        pub must: FlowVerdict = FlowVerdict::Work,
        /// Whether addresses may be rewritten on the way.
        pub nat: NatPolicy = NatPolicy::Allowed,
        /// Why, for people.
        pub reason: Option<String>,
    }
}

choice! {
    /// Ignition spec versions that bake writes for Flatcar.
    pub enum IgnitionVersion {
        /// Spec 3.3.0, Ignition 2.11 and later.
        V3_3_0 = "3.3.0",
        /// Spec 3.4.0, Ignition 2.15 and later: every supported Flatcar channel.
        V3_4_0 = "3.4.0",
    }

    /// Generations of the Terraform provider dmacvicar/libvirt. The second is a rewrite: neither configuration nor state of the
    /// first means anything to it.
    pub enum Provider {
        /// 0.8.3, the last one of the first generation.
        V0_8_3 = "0.8.3",
        /// 0.9.7 and later versions of 0.9.
        V0_9 = "0.9",
    }

    /// How a network is connected (libvirt, formatnetwork: `<forward mode=...>`).
    pub enum NetworkMode {
        /// An existing bridge of the host; libvirt adds no address, DHCP, DNS or filtering.
        Bridge = "bridge",
        /// Routed by the host; libvirt's firewall lets everything pass.
        Route = "route",
        /// Routed by the host; libvirt adds no firewall rules at all.
        Open = "open",
        /// Masqueraded by the host; connections from other networks are rejected.
        Nat = "nat",
        /// Not connected to anything but its members and the host.
        Isolated = "isolated",
        /// A tunnel (WireGuard) that ends on a router of the cluster; libvirt does not know it, no machine is attached.
        Tunnel = "tunnel",
    }

    /// Transport protocols in firewall rules and flows.
    pub enum Protocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// ICMP (ping).
        Icmp = "icmp",
        /// VRRP, IP protocol 112 (RFC 5798).
        Vrrp = "vrrp",
    }

    /// Health checks that HAProxy can make.
    pub enum HealthCheck {
        /// A TCP connection.
        Tcp = "tcp",
        /// TLS and `GET /ping`, which K3s answers without credentials; `401` counts as alive.
        K3sApi = "k3s-api",
    }

    /// What a flow must do.
    pub enum FlowVerdict {
        /// It must get through and back.
        Work = "work",
        /// It must be stopped.
        Fail = "fail",
    }

    /// Whether network address translation is acceptable.
    pub enum NatPolicy {
        /// Addresses may be rewritten.
        Allowed = "allowed",
        /// The receiver must see the sender's own address.
        Never = "never",
    }
}
