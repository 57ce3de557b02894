//! Who a machine is and who may log in: names, time, administrator.

use super::assemble::Assembly;
use super::unit::{UnitText, banner};
use crate::model::Part;
use crate::model::cluster::{Cluster, Node};
use crate::model::ignition::PasswdUser;
use crate::model::profile::cluster::Protocol;
use crate::model::profile::node::Os;
use std::fmt::Write;

/// The administrator's account, the same on every OS. On Flatcar it is in the image.
const ADMIN: &str = "core";
/// UDP port of NTP.
const NTP: u16 = 123;

/// `/etc/hosts`, the time servers, the user `core` with the cluster's SSH keys; on Flatcar also the host name and the
/// time zone, which cloud-init sets itself on EL. Nothing is said about a password: without a fragment that sets one,
/// the account has none and only a key opens it.
pub fn part(node: &Node, cluster: &Cluster) -> Part {
    let mut part = Assembly::new(node.span);
    let flatcar = node.os == Os::Flatcar;
    if flatcar {
        part.replace("/etc/hostname", 0o644, &format!("{}\n", node.hostname), node.span);
        let zone = &cluster.profile.timezone;
        // Relative, as systemd-firstboot and timedatectl write it: it also holds below another root.
        part.link("/etc/localtime", &format!("../usr/share/zoneinfo/{zone}"), zone.span);
    }
    part.replace("/etc/hosts", 0o644, &hosts(node, cluster), node.span);
    if !serves_time(node) {
        time(&mut part, node, cluster);
    }
    administrator(&mut part, node, cluster);
    part.finish()
}

/// The machine itself and the VIPs: what it must find while DNS is away. The other nodes are in DNS; listed here
/// they would make all outputs together grow with the square of the cluster.
fn hosts(node: &Node, cluster: &Cluster) -> String {
    let mut text = banner(&node.name);
    text.push_str("127.0.0.1 localhost\n::1 localhost\n");
    if let Some(address) = node.address() {
        let short = if node.fqdn == node.hostname { String::new() } else { format!(" {}", node.hostname) };
        let _ = writeln!(text, "{address} {}{short}", node.fqdn);
    }
    for vip in &cluster.vips {
        if let Some(name) = &vip.dns_name {
            let _ = writeln!(text, "{} {name}.{} {name}", vip.address, cluster.profile.domain);
        }
    }
    text
}

/// Whether a role of the node runs a time server: then that server's configuration is the role's business.
fn serves_time(node: &Node) -> bool {
    node.listens.iter().any(|listen| {
        let covers = listen.ports.is_some_and(|(first, last)| (first..=last).contains(&NTP));
        listen.protocol == Protocol::Udp && covers
    })
}

fn time(part: &mut Assembly, node: &Node, cluster: &Cluster) {
    let servers = &cluster.profile.ntp_servers;
    let Some(first) = servers.first() else { return };
    match node.os {
        Os::Flatcar => {
            let names: Vec<&str> = servers.iter().map(|server| server.as_str()).collect();
            let mut text = UnitText::new(&node.name);
            text.section("Time").list("NTP", &names);
            part.file("/etc/systemd/timesyncd.conf.d/10-bake.conf", 0o644, &text.finish(), first.span);
        }
        Os::Almalinux | Os::Rocky => {
            let mut text = banner(&node.name);
            for server in servers {
                let _ = writeln!(text, "server {server} iburst");
            }
            // Steps the clock at start only: later corrections are gradual, as databases and etcd want them.
            text.push_str("driftfile /var/lib/chrony/drift\nmakestep 1.0 3\nrtcsync\nlogdir /var/log/chrony\n");
            part.replace("/etc/chrony.conf", 0o644, &text, first.span);
        }
    }
}

fn administrator(part: &mut Assembly, node: &Node, cluster: &Cluster) {
    let keys = &cluster.profile.ssh_authorized_keys;
    let mut user = PasswdUser {
        name: ADMIN.to_owned(),
        ssh_authorized_keys: keys.iter().map(|key| key.value.clone()).collect(),
        ..PasswdUser::default()
    };
    let span = keys.first().map_or(node.span, |key| key.span);
    if node.os != Os::Flatcar {
        user.groups = vec!["wheel".to_owned()];
        let text = format!("{}{ADMIN} ALL=(ALL) NOPASSWD: ALL\n", banner(&node.name));
        part.file("/etc/sudoers.d/bake", 0o440, &text, span);
    }
    part.user(user, span, keys.iter().map(|key| key.span));
}
