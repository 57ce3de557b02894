//! Pods: one on every node that has some, behind Flannel's VXLAN as K3s sets it up.

use super::{Cable, Plan, nth, pod};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// A node with pods.
struct Member {
    name: String,
    share: ipnet::Ipv4Net,
    card: String,
    address: Ipv4Addr,
}

/// Lays Flannel's devices, and a pod on each node.
pub(super) fn lay(plan: &mut Plan) {
    let Some(pods) = plan.summary.pods else { return };
    let members: Vec<Member> = plan
        .summary
        .nodes
        .iter()
        .filter(|node| node.build)
        .filter_map(|node| {
            let (share, card) = (node.pods.as_ref()?.cidr, node.interfaces.first()?);
            let (name, address) = (node.name.clone(), card.address.addr());
            Some(Member { name, share, card: card.name.clone(), address })
        })
        .collect();
    let mac = |at: usize| format!("52:54:00:f1:{:02x}:{:02x}", at / 256, at % 256);
    for (at, own) in members.iter().enumerate() {
        let mut ip = String::new();
        let mut bridge = String::new();
        let _ = writeln!(
            ip,
            "link add flannel.1 address {} type vxlan id 1 dstport 8472 local {} dev {} nolearning",
            mac(at),
            own.address,
            own.card
        );
        let _ = writeln!(ip, "address add {}/32 dev flannel.1\nlink set flannel.1 up", own.share.network());
        for (peer, other) in members.iter().enumerate().filter(|(peer, _)| *peer != at) {
            let end = other.share.network();
            let _ = writeln!(ip, "route add {} via {end} dev flannel.1 onlink", other.share);
            let _ = writeln!(ip, "neigh add {end} lladdr {} dev flannel.1 nud permanent", mac(peer));
            let _ = writeln!(bridge, "fdb append {} dev flannel.1 dst {}", mac(peer), other.address);
        }
        let (gate, prefix) = (nth(own.share, 1), own.share.prefix_len());
        let _ = writeln!(ip, "link add cni0 type bridge stp_state 0 forward_delay 0");
        let _ = writeln!(ip, "address add {gate}/{prefix} dev cni0\nlink set cni0 up\nlink set veth0 master cni0 up");
        let space = plan.space(&own.name);
        space.ip.push_str(&ip);
        space.bridge.push_str(&bridge);
        space.sysctls.push(("net.ipv4.ip_forward".to_owned(), "1".to_owned()));
        space.sysctls.push(("net.bridge.bridge-nf-call-iptables".to_owned(), "0".to_owned()));
        // Flannel's own rules (its chain FLANNEL-POSTRTG).
        let _ = writeln!(
            space.rules,
            "table ip flannel {{\nchain post {{\ntype nat hook postrouting priority srcnat;\nip saddr {pods} ip daddr {pods} \
             return\nip saddr {pods} ip daddr != 224.0.0.0/4 masquerade\nip saddr != {pods} ip daddr {share} return\nip saddr \
             != {pods} ip daddr {pods} masquerade\n}}\n}}",
            share = own.share
        );
        let space = pod(&own.name);
        let _ = writeln!(
            plan.space(&space).ip,
            "address add {}/{prefix} dev eth0\nlink set eth0 up\nroute add default via {gate}",
            nth(own.share, 10)
        );
        plan.cables.push(Cable {
            space,
            card: "eth0".to_owned(),
            mac: None,
            far: own.name.clone(),
            port: "veth0".to_owned(),
            bridge: None,
        });
    }
}
