//! Everything that follows from the cluster model for one node, whatever its fragments say.

use super::{container, firewall, identity, kernel, later, networkd, service};
use crate::model::Part;
use crate::model::cluster::{Cluster, Node};
use crate::model::ignition::Config;
use crate::model::profile::node::Os;

/// What the cluster model contributes to `node`: identity, network, kernel, firewall, containers. Empty parts are
/// left out. On EL the network is not in it: cloud-init takes that in a document of its own.
pub fn cluster_parts(node: &Node, cluster: &Cluster) -> Vec<Part> {
    let mut parts = vec![identity::part(node, cluster)];
    if node.os == Os::Flatcar {
        parts.push(networkd::part(node, cluster));
    }
    parts.extend([later::part(node, cluster), kernel::part(node, cluster)]);
    parts.extend([firewall::part(node, cluster), container::part(node, cluster), service::part(node, cluster)]);
    parts.retain(|part| part.config != Config::default());
    parts
}
