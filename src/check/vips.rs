//! Virtual addresses as such: enough candidates, ports, and nobody who balances what he serves.

use super::Survey;
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::cluster::Vip;

/// Every rule of this topic.
pub(super) fn check(survey: &Survey<'_>, sink: &mut Sink) {
    for vip in &survey.cluster.vips {
        siblings(survey, vip, sink);
        if let [only] = vip.candidates.as_slice() {
            let message = format!("nobody takes over the VIP `{}`: `{only}` is its only candidate", vip.name);
            let declared = survey.cluster.profile.vips.get(&vip.name);
            let span = declared.map_or(vip.span, |vip| vip.candidates.span);
            sink.push(Diagnostic::new(Code::VipAlone, message).at(span).hint("give its role to a second node"));
        }
        for port in &vip.ports {
            // Without HAProxy nobody balances: whoever holds the address serves it.
            let plain = |name: &str| {
                let containers = survey.cluster.node(name).map(|node| &node.containers);
                containers.is_some_and(|all| all.contains_key("keepalived") && !all.contains_key("haproxy"))
            };
            for node in port.backends.iter().filter(|node| vip.candidates.contains(node) && !plain(node)) {
                if port.backend_port == port.port.value {
                    let message = format!(
                        "`{node}` cannot serve `{}` and balance it: both want port `{}` of the same machine",
                        port.name, port.port
                    );
                    let found = Diagnostic::new(Code::VipPortServed, message).at(port.role.span);
                    sink.push(found.hint("let the backends listen on another port (`backend_port`)"));
                }
            }
        }
        if vip.ports.is_empty() {
            let message = format!("nothing is offered on the VIP `{}`", vip.name);
            sink.push(Diagnostic::new(Code::VipIdle, message).at(vip.span).hint("declare its `ports`, or remove it"));
        }
    }
}

/// Another cluster of the repository on the same segment with the same virtual router id. The same id for the same
/// address is the same virtual router, at another time.
fn siblings(survey: &Survey<'_>, vip: &Vip, sink: &mut Sink) {
    let Some(network) = survey.cluster.profile.networks.get(&vip.network) else { return };
    let id = vip.virtual_router_id;
    let here = survey.siblings.iter().filter(|other| {
        other.bridge == network.bridge.value
            && (other.cidr.contains(&network.cidr.value) || network.cidr.contains(&other.cidr))
            && other.virtual_router_id == id.value
            && other.address != vip.address.value
    });
    for other in here {
        let message = format!(
            "the virtual router id `{id}` of `{}` is also that of `{}` (`{}`) in `{}`, on the same bridge `{}`",
            vip.name, other.name, other.address, other.path, other.bridge
        );
        let taken: Vec<u8> = survey.siblings.iter().map(|other| other.virtual_router_id).collect();
        let own = |id: &u8| survey.cluster.vips.iter().any(|vip| vip.virtual_router_id.value == *id);
        let free = (1..=255).find(|id| !taken.contains(id) && !own(id)).unwrap_or(255);
        let found = Diagnostic::new(Code::VrrpRouterId, message).at(id.span);
        sink.push(found.hint(format!("take another number, such as `{free}`")));
    }
}
