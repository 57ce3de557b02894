//! Predictions against Linux: the cluster in network namespaces, with its bridges, routes, rules and pods, and a table
//! of connections that are both tried and traced.

use super::{load, microcloud};
use crate::lowering::files;
use crate::support::{engine, repository, root, said};
use bake::load::project::Project;
use bake::model::cluster::Cluster;
use bake::model::profile::cluster::{NetworkMode, Protocol};
use bake::topology::forward::{Origin, Via};
use bake::topology::{Device, End, Kind, Packet, Topology};
use bake::world::disk::Disk;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::Command;

/// Ports that are tried everywhere; nothing opens the last one.
const PORTS: [u16; 7] = [22, 53, 80, 2379, 5432, 6443, 9999];

/// Seconds that a connection may take: longer than the first retransmission.
const PATIENCE: &str = "2.0";

/// Where the bridges are.
const HOST: &str = "hypervisor";

/// The machine on the Internet.
const AWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// A lab: what to run in which namespace.
#[derive(Default)]
struct Lab {
    /// Commands of ip(8), outside.
    outside: String,
    /// Commands of ip(8), by namespace.
    inside: BTreeMap<String, String>,
    /// Files below /proc/sys/net/ipv4, by namespace.
    settings: BTreeMap<String, String>,
    /// Rules of nft(8), by namespace.
    rules: BTreeMap<String, String>,
}

impl Lab {
    fn ip(&mut self, namespace: &str, command: &str) {
        let lines = self.inside.entry(namespace.to_owned()).or_default();
        writeln!(lines, "{command}").unwrap();
    }

    fn set(&mut self, namespace: &str, key: &str, value: u8) {
        let lines = self.settings.entry(namespace.to_owned()).or_default();
        writeln!(lines, "echo {value} >/proc/sys/net/ipv4/{key}").unwrap();
    }

    fn rules(&mut self, namespace: &str, text: &str) {
        self.rules.entry(namespace.to_owned()).or_default().push_str(text);
    }

    /// A cable from a namespace to a bridge of the host's.
    fn cable(&mut self, namespace: &str, card: &str, bridge: &str) {
        let port = format!("v{}", self.outside.lines().count());
        writeln!(self.outside, "link add {port} netns {HOST} type veth peer name {card} netns {namespace}").unwrap();
        self.ip(HOST, &format!("link set {port} master {bridge} up"));
        self.ip(namespace, &format!("link set {card} up"));
    }

    fn script(&self) -> String {
        let mut script = String::from("mount -t tmpfs tmpfs /run\nmkdir -p /run/netns\nip -batch outside\n");
        for namespace in self.inside.keys() {
            writeln!(script, "ip -n {namespace} -batch {namespace}.ip").unwrap();
        }
        for namespace in self.settings.keys() {
            writeln!(script, "ip netns exec {namespace} sh -eu {namespace}.sysctl").unwrap();
        }
        for namespace in self.rules.keys() {
            writeln!(script, "ip netns exec {namespace} nft -f {namespace}.nft").unwrap();
        }
        writeln!(script, "python3 {} {PATIENCE}", repository().join("tests/suite/topology/probe.py").display())
            .unwrap();
        script
    }
}

/// The namespace of a device.
fn namespace(device: &Device<'_>) -> String {
    match device.kind {
        Kind::Node(node) => node.name.clone(),
        Kind::Host => panic!("the host is a node"),
        Kind::Gateway(_) => "gateway".to_owned(),
        Kind::Member(segment) => format!("member{segment}"),
        Kind::Internet => "internet".to_owned(),
    }
}

fn card<'a>(device: &Device<'a>, port: usize) -> &'a str {
    if device.node().is_some() { device.ports[port].name } else { "eth0" }
}

fn lab(topology: &Topology<'_>, cluster: &Cluster, pods: &[&str]) -> Lab {
    let mut lab = Lab::default();
    for device in &topology.devices {
        writeln!(lab.outside, "netns add {}", namespace(device)).unwrap();
        lab.ip(&namespace(device), "link set lo up");
    }
    for (at, segment) in topology.segments.iter().enumerate() {
        let bridge = segment.bridge;
        lab.ip(
            HOST,
            &format!("link add {bridge} address 52:54:00:0a:00:0{at} type bridge stp_state 0 forward_delay 0"),
        );
        lab.ip(HOST, &format!("link set {bridge} up"));
    }
    for device in &topology.devices {
        machine(&mut lab, topology, device, cluster);
    }
    uplink(&mut lab);
    flannel(&mut lab, topology, cluster, pods);
    let host = &topology.devices[topology.node(HOST).unwrap()];
    assert!(topology.segments.iter().all(|segment| segment.host == topology.node(HOST)), "{host:?}");
    lab.rules(HOST, &libvirt(topology));
    if host.node().is_some_and(|node| !node.build) {
        lab.rules(HOST, BY_HAND);
    }
    lab
}

/// Cards, addresses, routes and settings of one device.
fn machine(lab: &mut Lab, topology: &Topology<'_>, device: &Device<'_>, cluster: &Cluster) {
    let own = namespace(device);
    for (at, port) in device.ports.iter().enumerate() {
        let (card, segment) = (card(device, at), &topology.segments[port.segment]);
        if own != HOST {
            lab.cable(&own, card, segment.bridge);
        }
        lab.ip(&own, &format!("address add {}/{} dev {card}", port.address, segment.cidr.prefix_len()));
        lab.set(&own, &format!("conf/{card}/rp_filter"), port.reverse_path);
        lab.set(&own, &format!("conf/{card}/proxy_arp"), u8::from(port.proxy_arp));
    }
    lab.set(&own, "conf/all/rp_filter", 0);
    lab.set(&own, "ip_forward", u8::from(device.forwards));
    for entry in device.table.entries().iter().filter(|entry| entry.origin != Origin::Connected) {
        let Via::Hop(hop) = entry.via else { continue };
        let on_link = if entry.on_link { "onlink" } else { "" };
        lab.ip(&own, &format!("route add {} via {hop} dev {} {on_link}", entry.to, card(device, entry.port)));
    }
    if let Some(node) = device.node().filter(|node| node.build) {
        let files = files(node, cluster);
        let rules = files.iter().find(|(path, _)| path == "/etc/nftables/bake.nft").unwrap();
        lab.rules(&own, &rules.1);
    }
}

/// The gateway of the LAN leads to the Internet, and masquerades.
fn uplink(lab: &mut Lab) {
    writeln!(lab.outside, "link add uplink netns gateway type veth peer name eth0 netns internet").unwrap();
    for (own, card, address) in [("gateway", "uplink", "198.51.100.1"), ("internet", "eth0", "198.51.100.2")] {
        lab.ip(own, &format!("address add {address}/30 dev {card}"));
        lab.ip(own, &format!("link set {card} up"));
    }
    lab.ip("internet", &format!("address add {AWAY}/32 dev lo"));
    lab.ip("gateway", "route add default via 198.51.100.2");
    let private = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16";
    lab.rules(
        "gateway",
        &format!(
            "table ip nat {{ chain post {{ type nat hook postrouting priority srcnat;\noifname uplink masquerade\n}}\n}}
             table ip private {{ chain forward {{ type filter hook forward priority filter;\n
             oifname uplink ip daddr {{ {private} }} reject\n}}\n}}\n"
        ),
    );
}

/// Flannel as K3s sets it up (VXLAN), with a pod on some of the nodes.
fn flannel(lab: &mut Lab, topology: &Topology<'_>, cluster: &Cluster, with_pod: &[&str]) {
    let pods = cluster.profile.pods.as_ref().unwrap().cidr.value;
    let members: Vec<&Device<'_>> = topology.devices.iter().filter(|device| device.share.is_some()).collect();
    let mac = |at: usize| format!("52:54:00:f0:00:{at:02x}");
    for (at, device) in members.iter().enumerate() {
        let (own, share, local) = (namespace(device), device.share.unwrap().net, device.ports[0].address);
        let card = device.ports[0].name;
        lab.ip(
            &own,
            &format!(
                "link add flannel.1 address {} type vxlan id 1 dstport 8472 local {local} dev {card} nolearning",
                mac(at)
            ),
        );
        lab.ip(&own, &format!("address add {}/32 dev flannel.1", share.network()));
        lab.ip(&own, "link set flannel.1 up");
        for (peer, other) in members.iter().enumerate().filter(|(peer, _)| *peer != at) {
            let (net, address) = (other.share.unwrap().net, other.ports[0].address);
            lab.ip(&own, &format!("route add {net} via {} dev flannel.1 onlink", net.network()));
            lab.ip(&own, &format!("neigh add {} lladdr {} dev flannel.1 nud permanent", net.network(), mac(peer)));
            lab.inside.entry(format!("{own}.fdb")).or_default();
            let fdb = lab.settings.entry(own.clone()).or_default();
            writeln!(fdb, "bridge fdb append {} dev flannel.1 dst {address}", mac(peer)).unwrap();
        }
        lab.inside.remove(&format!("{own}.fdb"));
        lab.ip(&own, "link add cni0 type bridge stp_state 0 forward_delay 0");
        lab.ip(&own, &format!("address add {}/24 dev cni0", Ipv4Addr::from(u32::from(share.network()) + 1)));
        lab.ip(&own, "link set cni0 up");
        lab.rules(
            &own,
            &format!(
                "table ip flannel {{ chain post {{ type nat hook postrouting priority srcnat;
ip saddr {pods} ip daddr {pods} return
ip saddr {pods} ip daddr != 224.0.0.0/4 masquerade
ip saddr != {pods} ip daddr {share} return
ip saddr != {pods} ip daddr {pods} masquerade
}}\n}}\n"
            ),
        );
        if with_pod.contains(&own.as_str()) {
            let pod = format!("pod-{own}");
            writeln!(lab.outside, "netns add {pod}").unwrap();
            writeln!(lab.outside, "link add pod netns {own} type veth peer name eth0 netns {pod}").unwrap();
            lab.ip(&own, "link set pod master cni0 up");
            lab.ip(&pod, "link set lo up");
            lab.ip(&pod, "link set eth0 up");
            lab.ip(&pod, &format!("address add {}/24 dev eth0", Ipv4Addr::from(u32::from(share.network()) + 10)));
            lab.ip(&pod, &format!("route add default via {}", Ipv4Addr::from(u32::from(share.network()) + 1)));
        }
    }
}

/// What a hypervisor that is kept by hand is taken to do; one that is built has it in its baked rules.
const BY_HAND: &str = "table ip own { chain post { type nat hook postrouting priority srcnat + 1;
oifname br0 ip saddr 10.0.0.0/8 ip daddr != { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } masquerade
}\n}\n";

/// libvirt's rules, chains in its order.
fn libvirt(topology: &Topology<'_>) -> String {
    let (mut cross, mut into, mut out, mut nat) = (String::new(), String::new(), String::new(), String::new());
    for segment in &topology.segments {
        let (bridge, cidr) = (segment.bridge, segment.cidr);
        let state = match segment.mode.value {
            NetworkMode::Route => "",
            NetworkMode::Nat => "ct state established,related ",
            _ => continue,
        };
        writeln!(cross, "iifname {bridge} oifname {bridge} accept").unwrap();
        writeln!(into, "oifname {bridge} ip daddr {cidr} {state}accept\noifname {bridge} reject").unwrap();
        writeln!(out, "iifname {bridge} ip saddr {cidr} accept\niifname {bridge} reject").unwrap();
        if segment.mode.value == NetworkMode::Nat {
            writeln!(nat, "ip saddr {cidr} ip daddr 224.0.0.0/24 return").unwrap();
            writeln!(nat, "ip saddr {cidr} ip daddr != {cidr} masquerade").unwrap();
        }
    }
    format!(
        "table ip libvirt_network {{
chain cross {{\n{cross}}}\nchain into {{\n{into}}}\nchain out {{\n{out}}}
chain forward {{ type filter hook forward priority filter;\njump cross\njump into\njump out\n}}
chain post {{ type nat hook postrouting priority srcnat;\n{nat}}}
}}
"
    )
}

/// What is tried: who has a pod, who connects, and who holds a VIP.
struct Scene<'a> {
    /// Nodes with a pod.
    pods: &'a [&'a str],
    /// Nodes that connect, and that are connected to.
    nodes: &'a [&'a str],
    /// Networks with somebody on them who does both too.
    networks: &'a [&'a str],
    /// The node that holds the VIP `api`.
    holder: &'a str,
}

const MICROCLOUD: Scene<'static> = Scene {
    pods: &["worker1", "worker3"],
    nodes: &[
        "hypervisor",
        "infra-cluster",
        "loadbalancer1",
        "master1",
        "postgresql1",
        "storage1",
        "worker1",
        "worker3",
    ],
    networks: &["lan", "vpn", "k3s"],
    holder: "loadbalancer1",
};

/// Tries and traces every port from every source to every target; what differs, as text, and how many were tried.
fn compare(project: &Project, scene: &Scene<'_>) -> Option<(String, usize, usize)> {
    if !root() || engine("nft").is_none() || engine("ip").is_none() || engine("python3").is_none() {
        return None;
    }
    let cluster = &project.cluster;
    let topology = Topology::new(cluster);
    let mut lab = lab(&topology, cluster, scene.pods);
    let candidacy = cluster.node(scene.holder).unwrap().vips.iter().find(|own| own.vip == "api").unwrap();
    let address = cluster.profile.vips["api"].address.value;
    lab.ip(scene.holder, &format!("address add {address}/32 dev {}", candidacy.interface));
    let node = |name: &str| (name.to_owned(), topology.machine(topology.node(name).unwrap()));
    let pod = |name: &str| (format!("pod-{name}"), topology.pod(topology.node(name).unwrap()).unwrap());
    let on = |name: &str| {
        let at = topology.segments.iter().position(|segment| segment.name == name).unwrap();
        (format!("member{at}"), topology.somebody_on(at))
    };
    let away = || ("internet".to_owned(), topology.at(AWAY));
    let mut sources: Vec<(String, End)> = scene.nodes.iter().map(|name| node(name)).collect();
    sources.push(pod(scene.pods[0]));
    sources.extend(scene.networks.iter().map(|name| on(name)));
    sources.push(away());
    let mut targets = sources.clone();
    targets.extend(scene.pods[1..].iter().map(|name| pod(name)));
    let holder = topology.node(scene.holder).unwrap();
    let vip = topology.ends("vip:api").into_iter().find(|end| end.device == holder);
    targets.push((scene.holder.to_owned(), vip.unwrap()));

    let mut probes = Vec::new();
    let mut traces = Vec::new();
    for (from, source) in &sources {
        for (to, target) in targets.iter().filter(|(to, _)| to != from) {
            for port in PORTS {
                let packet = Packet { from: *source, to: *target, protocol: Protocol::Tcp, port: Some(port) };
                let trace = topology.trace(&packet);
                probes.push(serde_json::json!([from, trace.destination, port]));
                traces.push((format!("{from} -> {to} ({}):{port}", trace.destination), trace));
            }
        }
    }
    let servers: BTreeMap<&str, _> = targets.iter().map(|(name, _)| (name.as_str(), PORTS)).collect();
    let plan = serde_json::json!({"servers": servers, "probes": probes});

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("plan.json", &plan.to_string());
    write("outside", &lab.outside);
    for (end, texts) in [("ip", &lab.inside), ("sysctl", &lab.settings), ("nft", &lab.rules)] {
        for (namespace, text) in texts {
            write(&format!("{namespace}.{end}"), text);
        }
    }
    write("script", &lab.script());
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "60", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "--propagation", "private", "sh", "-eu", "script"]).current_dir(folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));

    let stdout = String::from_utf8(output.stdout).unwrap();
    let seen: Vec<&str> = stdout.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(seen.len(), traces.len(), "{stdout}");
    let mut wrong = String::new();
    for ((name, trace), seen) in traces.iter().zip(&seen) {
        let predicted = if trace.works() { trace.seen.to_string() } else { "-".to_owned() };
        // The address of the gateway on the Internet is no part of the model.
        let unknown = trace.destination == AWAY && trace.works();
        if predicted != *seen && !(unknown && *seen != "-") {
            let why = topology.failure(trace).unwrap_or_default();
            writeln!(wrong, "{name}: predicted {predicted}, is {seen} {why}").unwrap();
        }
    }
    let works = seen.iter().filter(|seen| **seen != "-").count();
    Some((wrong, works, seen.len() - works))
}

fn agrees(name: &str, changes: &[(&str, &str)]) {
    agrees_on(name, &microcloud(changes).1, &MICROCLOUD);
}

fn agrees_on(name: &str, project: &Project, scene: &Scene<'_>) {
    let Some((wrong, works, fails)) = compare(project, scene) else { return };
    eprintln!("{name}: {works} connections work, {fails} fail, as predicted");
    assert!(wrong.is_empty(), "{} of {} differ:\n{wrong}", wrong.lines().count(), works + fails);
    assert!(works > 50 && fails > 50, "{works} work, {fails} fail");
}

#[test]
fn linux_agrees_about_the_cluster() {
    agrees("as it is", &[]);
}

#[test]
fn linux_agrees_about_routed_networks() {
    agrees("mode route", &[("mode: open", "mode: route")]);
}

#[test]
fn linux_agrees_about_masqueraded_networks() {
    agrees("mode nat", &[("mode: open", "mode: nat"), ("mode: route", "mode: nat")]);
}

/// An example as it is.
fn example(name: &str) -> Project {
    load(&Disk::open(&repository().join("examples").join(name)).unwrap()).1
}

#[test]
fn linux_agrees_about_balancers_with_two_cards() {
    let scene = Scene {
        pods: &["worker1", "worker4"],
        nodes: &["hypervisor", "infra-cluster", "k8s-api-lb", "loadbalancer2", "master1", "postgresql1", "worker1"],
        networks: &["vip", "vpn"],
        holder: "k8s-api-lb",
    };
    agrees_on("vip-trio", &example("vip-trio"), &scene);
}

#[test]
fn linux_agrees_about_balancers_on_the_lan() {
    let scene = Scene {
        pods: &["master1", "master3"],
        nodes: &["hypervisor", "k8s-api-lb", "k8s-api-lb2", "master1", "master2"],
        networks: &["lan", "k3s"],
        holder: "k8s-api-lb",
    };
    agrees_on("lan-bridge", &example("lan-bridge"), &scene);
}

#[test]
fn linux_agrees_about_the_edge_and_its_pods() {
    let scene = Scene {
        pods: &["worker1", "worker2"],
        nodes: &["hypervisor", "k8s-api-lb", "loadbalancer1", "loadbalancer2", "master1", "worker2"],
        networks: &["infra", "vpn"],
        holder: "k8s-api-lb",
    };
    agrees_on("traefik-edge", &example("traefik-edge"), &scene);
}

/// The routes of the guide: every node's share straight to that node, taken to be on the link.
const ON_LINK: (&str, &str) = (
    "  - {to: pods, reason: pods are reached without NAT}",
    "  - {to: 10.42.3.0/24, via: 10.17.4.24, on_link: true, reason: pods of worker1}
  - {to: 10.42.5.0/24, via: 10.17.4.26, on_link: true, reason: pods of worker3}",
);

#[test]
fn linux_agrees_about_next_hops_taken_to_be_on_the_link() {
    agrees("on the link", &[ON_LINK]);
}

#[test]
fn linux_agrees_about_strict_checks_and_answers_for_others() {
    let proxy = ("net.ipv4.ip_forward: 1", "net.ipv4.ip_forward: 1\n  net.ipv4.conf.br0.proxy_arp: 1");
    let strict = ("rp_filter: 2", "rp_filter: 1");
    agrees("strict, proxy_arp", &[ON_LINK, proxy, strict]);
}

#[test]
fn linux_agrees_about_one_way_to_all_pods() {
    let nodes = ["master1", "master2", "master3", "worker1", "worker2", "worker3", "storage1"];
    let lines: Vec<String> =
        nodes.iter().enumerate().map(|(at, name)| format!("    {name}: 10.42.{at}.0/24\n")).collect();
    let mut changes: Vec<(&str, &str)> = lines.iter().map(|line| (line.as_str(), "")).collect();
    changes.push(("  nodes:\n\nservices", "  via: worker1\n\nservices"));
    agrees("all pods through worker1", &changes);
}
