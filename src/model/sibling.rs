//! Other clusters of the same repository, as far as they can disturb this one.

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// A virtual address of another cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiblingVip {
    /// The other cluster's `cluster.yaml`, as this project sees it.
    pub path: String,
    /// Name of the VIP there.
    pub name: String,
    /// Bridge of its network.
    pub bridge: String,
    /// Addresses of its network.
    pub cidr: Ipv4Net,
    /// The address.
    pub address: Ipv4Addr,
    /// VRRP virtual router id.
    pub virtual_router_id: u8,
}
