//! Virtual addresses as such: enough candidates, ports, and nobody who balances what he serves.

use super::Survey;
use crate::diag::{Code, Diagnostic, Sink};

/// Every rule of this topic.
pub(super) fn check(survey: &Survey<'_>, sink: &mut Sink) {
    for vip in &survey.cluster.vips {
        if let [only] = vip.candidates.as_slice() {
            let message = format!("nobody takes over the VIP `{}`: `{only}` is its only candidate", vip.name);
            let declared = survey.cluster.profile.vips.get(&vip.name);
            let span = declared.map_or(vip.span, |vip| vip.candidates.span);
            sink.push(Diagnostic::new(Code::VipAlone, message).at(span).hint("give its role to a second node"));
        }
        for port in &vip.ports {
            for node in port.backends.iter().filter(|node| vip.candidates.contains(node)) {
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
