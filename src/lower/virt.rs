//! What the hypervisor must make: the cluster model with everything left out that is no business of libvirt's.

use crate::model::cluster::{Cluster, Node};
use crate::model::profile::cluster::{Network as Profile, NetworkMode, Provider};
use crate::model::profile::node::{Machine as Hardware, Os};
use crate::model::virt::{Boot, Card, Dhcp, Host, Machine, Network, Pool, Reservation, Virt};
use std::collections::BTreeMap;

/// The hypervisor's part of the cluster. `ids` are the instance-ids of the nodes that were built, by name; others
/// are not made.
pub fn lower(cluster: &Cluster, ids: &BTreeMap<String, String>) -> Virt {
    let profile = &cluster.profile;
    let attached = |(_, network): &(&String, &Profile)| network.mode.value != NetworkMode::Tunnel;
    let declared = profile.networks.iter().map(|(key, network)| (key, &network.value)).filter(attached);
    let networks: Vec<Network> = declared.map(|(key, declared)| network(cluster, key, declared)).collect();
    let (mut machines, mut left_out) = (Vec::new(), Vec::new());
    for node in made(cluster) {
        let Some(id) = ids.get(&node.name) else { continue };
        match machine(cluster, &networks, node, id) {
            Ok(machine) => machines.push(machine),
            Err(why) => left_out.push((node.name.clone(), why)),
        }
    }
    let used = |os: &String| machines.iter().any(|machine| machine.os == *os);
    let images = profile.images.iter().map(|(os, image)| (os.clone(), image.source.value.clone()));
    Virt {
        cluster: profile.name.value.clone(),
        provider: profile.terraform.as_ref().map_or(Provider::V0_8_3, |terraform| terraform.provider),
        pool: pool(cluster),
        images: images.filter(|(os, _)| used(os)).collect(),
        networks,
        machines,
        left_out,
        vips: cluster.vips.iter().map(|vip| (vip.name.clone(), vip.address.value)).collect(),
    }
}

/// The nodes that can be machines of libvirt's: all that are built but its host.
fn made(cluster: &Cluster) -> impl Iterator<Item = &Node> {
    cluster.nodes.iter().filter(|node| node.build && !node.is_host())
}

/// The pool that the profile names, or one of the cluster's own where libvirt keeps disks anyway.
fn pool(cluster: &Cluster) -> Pool {
    if let Some(pool) = cluster.profile.terraform.as_ref().and_then(|terraform| terraform.pool.as_ref()) {
        return Pool { name: pool.name.value.clone(), path: pool.path.value.clone(), existing: pool.existing };
    }
    let name = cluster.profile.name.value.clone();
    Pool { path: format!("/var/lib/libvirt/images/{name}"), name, existing: false }
}

fn network(cluster: &Cluster, key: &str, profile: &Profile) -> Network {
    Network {
        key: key.to_owned(),
        name: profile.libvirt.as_ref().map_or(key, |name| name.as_str()).to_owned(),
        bridge: profile.bridge.value.clone(),
        mode: profile.mode.value,
        domain: profile.domain.as_ref().map(|domain| domain.value.clone()),
        host: host(cluster, key, profile),
    }
}

/// The hypervisor's end: the gateway's address, unless a machine that is made here has it. A bridge of the hypervisor's
/// own is none of libvirt's business, and an isolated network needs the hypervisor for DHCP and names only.
fn host(cluster: &Cluster, key: &str, profile: &Profile) -> Option<Host> {
    let serves = profile.dhcp.is_some() || profile.domain.is_some() || profile.gateway.is_some();
    if profile.mode.value == NetworkMode::Bridge || (profile.mode.value == NetworkMode::Isolated && !serves) {
        return None;
    }
    let cards = || made(cluster).flat_map(|node| &node.interfaces);
    let taken = |address| cards().any(|card| card.address.value == address);
    let gateway = profile.gateway.as_ref().map(|gateway| gateway.value);
    let address = gateway.into_iter().chain(profile.cidr.hosts()).find(|address| !taken(*address))?;
    let own = made(cluster).flat_map(|node| {
        let cards = node.interfaces.iter().filter(|card| card.network.value == key);
        cards.filter_map(|card| {
            let mac = card.mac.as_ref()?.value;
            Some(Reservation { name: node.hostname.clone(), mac, address: card.address.value, own: true })
        })
    });
    let others = profile.reservations.iter().map(|(name, reserved)| Reservation {
        name: name.clone(),
        mac: reserved.mac.value,
        address: reserved.address.value,
        own: false,
    });
    let dhcp = profile.dhcp.as_ref().map(|range| Dhcp {
        start: range.start.value,
        end: range.end.value,
        hosts: own.chain(others).collect(),
    });
    Some(Host { cidr: profile.cidr.value, address, dhcp })
}

/// The machine, or why it cannot be made.
fn machine(cluster: &Cluster, networks: &[Network], node: &Node, id: &str) -> Result<Machine, String> {
    if networks.iter().any(|network| node.name == format!("net-{}", network.key)) {
        return Err("its name is that of a network's file".to_owned());
    }
    let hardware: &Hardware = node.machine.as_ref().ok_or("its profile has no `machine`")?;
    let os = node.os.as_str();
    if !cluster.profile.images.contains_key(os) {
        return Err(format!("`images` of `cluster.yaml` has no `{os}`"));
    }
    let mut cards = Vec::new();
    for card in &node.interfaces {
        let network = networks.iter().position(|network| network.key == card.network.value);
        let network = network.ok_or_else(|| format!("no machine can be attached to `{}`", card.network))?;
        let mac = card.mac.as_ref().ok_or_else(|| format!("`{}` has no `mac`", card.name))?.value;
        cards.push(Card { network, mac, address: card.address.value });
    }
    Ok(Machine {
        name: node.name.clone(),
        fqdn: node.fqdn.clone(),
        description: node.description.clone(),
        os: os.to_owned(),
        instance_id: id.to_owned(),
        boot: if node.os == Os::Flatcar { Boot::Ignition } else { Boot::CloudInit },
        vcpu: hardware.vcpu.value,
        memory: hardware.memory.value,
        root_disk: hardware.root_disk.value,
        disks: hardware.disks.iter().map(|(serial, size)| (serial.clone(), size.value)).collect(),
        cards,
    })
}
