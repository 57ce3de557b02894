//! Keepalived's configuration: what one machine's says by itself, and what those of all machines lead to.

mod asked;
mod election;
mod explain;
mod group;
mod instance;
mod script;
mod words;

pub use explain::explain;

use super::keepalived::{self, Config};
use super::text::entries;
use super::written::Machine;
use super::{Overview, View};
use crate::diag::{Code, Diagnostic, Sink};
use crate::topology::vrrp::{Finding, Group, findings};

/// Keepalived's configuration.
pub(super) const CONF: &str = "/etc/keepalived/keepalived.conf";

/// HAProxy's configuration.
pub(super) const HAPROXY: &str = "/etc/haproxy/haproxy.cfg";

/// Rules about one machine.
pub(super) fn node(view: &View<'_>, sink: &mut Sink) {
    let machine = view.machine();
    let Some(file) = machine.file(CONF) else { return };
    let config = keepalived::read(&file.text);
    words::check(&machine, &config, sink);
    instance::check(view.cluster, &machine, &config, sink);
    script::check(&machine, &config, sink);
    order(view, sink);
}

/// A Keepalived that needs HAProxy: it cannot hand the address over while HAProxy is broken everywhere, nor be
/// started to look.
fn order(view: &View<'_>, sink: &mut Sink) {
    let quadlet = "/etc/containers/systemd/keepalived.container";
    let unit = view.baked.units.get("keepalived.service");
    let unit = unit.into_iter().flat_map(|unit| unit.text.iter().chain(unit.dropins.values()));
    let texts: Vec<_> = unit.chain(view.baked.files.get(quadlet)).collect();
    let after = |name: &str| {
        let entries = texts.iter().flat_map(|file| entries(&file.text));
        entries.filter(|entry| entry.key == "After").any(|entry| entry.value.split_whitespace().any(|own| own == name))
    };
    if let Some(first) = texts.first().filter(|_| view.baked.files.contains_key(HAPROXY) && !after("haproxy.service")) {
        let message = "Keepalived does not wait for HAProxy: it may take the address before anybody listens on it";
        let found = Diagnostic::new(Code::VrrpOrder, message).at(view.line(first, 0));
        sink.push(
            found.hint("write `after: [haproxy.service]` in its container, or `After=haproxy.service` in a drop-in"),
        );
    }
    for file in texts {
        for entry in entries(&file.text) {
            let needs = matches!(entry.key, "Requires" | "BindsTo" | "Requisite" | "PartOf");
            if needs && entry.value.split_whitespace().any(|unit| unit == "haproxy.service") {
                let message = format!("Keepalived is stopped with HAProxy (`{}={}`)", entry.key, entry.value);
                let found = Diagnostic::new(Code::VrrpOrder, message).at(view.line(file, entry.line));
                sink.push(found.hint("write `After=haproxy.service` only; the health check moves the address"));
            }
        }
    }
}

/// Rules about all machines together.
pub(super) fn cluster(overview: &Overview<'_>, sink: &mut Sink) {
    let configs: Vec<(Machine<'_>, Config)> = configs(overview);
    election::router_ids(&configs, sink);
    for group in group::groups(overview.cluster, &configs) {
        election::check(&group, sink);
    }
}

/// Who wants the VIP called `vip`, and how every single failure and every pair ends.
pub fn election(overview: &Overview<'_>, vip: &str) -> Option<(Group, Vec<Finding>)> {
    let address = overview.cluster.vips.iter().find(|own| own.name == vip)?.address.value;
    let configs = configs(overview);
    let groups = group::groups(overview.cluster, &configs);
    let wanted = groups.into_iter().find(|group| group.address == address || group.others.contains(&address))?;
    let findings = findings(&wanted.group, &wanted.faults);
    Some((wanted.group, findings))
}

/// The machines with Keepalived.
fn configs<'a>(overview: &Overview<'a>) -> Vec<(Machine<'a>, Config)> {
    let machines = overview.machines();
    machines.filter_map(|machine| Some((machine, keepalived::read(&machine.file(CONF)?.text)))).collect()
}
