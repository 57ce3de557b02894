//! Keepalived's configuration: what one machine's says by itself, and what those of all machines lead to.

mod election;
mod explain;
mod group;
mod instance;
mod script;

pub use explain::explain;

use super::keepalived::{self, Config};
use super::written::Machine;
use super::{Overview, View};
use crate::diag::Sink;
use crate::model::cluster::Node;
use crate::model::profile::container::Container;
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
    instance::check(view.cluster, &machine, &config, sink);
    script::check(&machine, &config, sink);
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

/// The container that runs `program`.
pub(super) fn container<'a>(node: &'a Node, program: &str) -> Option<&'a Container> {
    let runs = |container: &Container| {
        container.command.first().is_some_and(|command| command.rsplit('/').next() == Some(program))
    };
    let mut containers = node.containers.iter();
    containers.find(|(name, container)| *name == program || runs(container)).map(|(_, container)| &container.value)
}
