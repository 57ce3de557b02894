//! Routes over interfaces that others make, later: libvirt's bridges, WireGuard's tunnels.
//!
//! The system's own network configuration does not know these interfaces and leaves them alone, so their routes are
//! put there by a unit that comes and goes with the interface.

use super::assemble::Assembly;
use super::unit::UnitText;
use crate::model::Part;
use crate::model::cluster::{Cluster, Interface, Node, Route};
use crate::model::ignition::Unit;
use std::fmt::Write as _;

/// One unit for each such interface that has routes.
pub fn part(node: &Node, _cluster: &Cluster) -> Part {
    let mut part = Assembly::new(node.span);
    for card in node.interfaces.iter().filter(|card| !card.link.is_own()) {
        let routes: Vec<&Route> = node.routes.iter().filter(|route| route.interface == card.name.value).collect();
        if let Some(first) = routes.first() {
            let (name, contents) = (format!("bake-routes-{}.service", card.name), Some(unit(node, card, &routes)));
            part.unit(Unit { name, contents, enabled: Some(true), ..Unit::default() }, first.span);
        }
    }
    part.finish()
}

/// The device is there before it has its address; until then a next hop on it is none, so the unit tries again.
fn unit(node: &Node, card: &Interface, routes: &[&Route]) -> String {
    let device = device(&card.name);
    let mut text = UnitText::new(&node.name);
    text.section("Unit")
        .set("Description", format!("Routes over {}", card.name))
        .set("Documentation", "man:ip-route(8)")
        .set("BindsTo", &device)
        .set("After", &device)
        .set("StartLimitIntervalSec", 0);
    text.section("Service").set("Type", "oneshot").set("RemainAfterExit", "yes");
    for route in routes {
        text.comment(&route.reason);
        let on_link = if route.on_link { " onlink" } else { "" };
        let (to, via) = (route.destination, route.gateway);
        text.set("ExecStart", format!("/usr/bin/env ip route replace {to} via {via} dev {}{on_link}", card.name));
    }
    text.set("Restart", "on-failure").set("RestartSec", 2);
    text.section("Install").set("WantedBy", &device);
    text.finish()
}

/// systemd's name for a network device: its path below /sys, escaped (systemd.unit(5), "String escaping").
fn device(name: &str) -> String {
    let mut unit = "sys-subsystem-net-devices-".to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => unit.push(char::from(byte)),
            other => {
                let _ = write!(unit, "\\x{other:02x}");
            }
        }
    }
    unit + ".device"
}

#[cfg(test)]
mod tests {
    #[test]
    fn devices_are_escaped_as_systemd_does() {
        assert_eq!(super::device("virbr_kube03"), "sys-subsystem-net-devices-virbr_kube03.device");
        assert_eq!(super::device("br-vip"), "sys-subsystem-net-devices-br\\x2dvip.device");
    }
}
