//! A small cluster built by hand: one node for each thing that lowering must get right.

use bake::diag::{Sources, Span};
use bake::model::Spanned;
use bake::model::cluster::{Candidacy, Cluster, Interface, Link, Listen, Node, Route, Vip};
use bake::model::profile::cluster::{ClusterProfile, IgnitionVersion, Pods, Protocol};
use bake::model::profile::container::{Container, Volume};
use bake::model::profile::node::Os;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Hands out places: each is a text of its own, named for what stands there.
#[derive(Default)]
pub(super) struct Places {
    pub(super) sources: Sources,
}

impl Places {
    fn at(&mut self, what: &str) -> Span {
        let file = self.sources.add(what, what);
        Span::new(file, 0, what.len())
    }

    fn put<T>(&mut self, what: &str, value: T) -> Spanned<T> {
        Spanned::new(value, self.at(what))
    }

    fn texts(&mut self, what: &str, values: &[&str]) -> Vec<Spanned<String>> {
        values.iter().map(|value| self.put(&format!("{what} {value}"), (*value).to_owned())).collect()
    }

    fn settings(&mut self, what: &str, values: &[(&str, &str)]) -> BTreeMap<String, Spanned<String>> {
        values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), self.put(&format!("{what} {key}"), (*value).to_owned())))
            .collect()
    }
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

struct Listens<'a>(&'a mut Places, Vec<Listen>);

impl Listens<'_> {
    fn on(mut self, name: &str, protocol: Protocol, ports: Option<(u16, u16)>, sources: &[&str]) -> Self {
        let name = self.0.put(&format!("listen {name}"), name.to_owned());
        self.1.push(Listen { name, protocol, ports, sources: sources.iter().map(|source| net(source)).collect() });
        self
    }
}

/// The cluster and the places that its facts come from.
pub(super) fn cluster() -> (Cluster, Places) {
    let mut places = Places::default();
    let p = &mut places;
    let profile = ClusterProfile {
        library: None,
        allow: Vec::new(),
        name: p.put("cluster name", "lab".to_owned()),
        domain: p.put("cluster domain", "kube.internal".to_owned()),
        timezone: p.put("cluster timezone", "Europe/Madrid".to_owned()),
        ssh_authorized_keys: p.texts("key", &["ssh-ed25519 AAAAfake ana@example", "ssh-ed25519 AAAAfalse bo@example"]),
        dns_servers: Vec::new(),
        ntp_servers: p.texts("ntp", &["10.17.3.11", "time.example"]),
        ignition: None,
        networks: BTreeMap::new(),
        pods: Some({
            let cidr = p.put("pods", net("10.42.0.0/16"));
            p.put("pods", Pods { cidr, node_prefix: 24, nodes: BTreeMap::new(), via: None })
        }),
        services: None,
        vips: BTreeMap::new(),
        images: BTreeMap::new(),
        terraform: None,
        flows: Vec::new(),
        secrets: BTreeMap::new(),
    };
    let vips = vec![vip(p, "api", "192.168.0.32", 51, Some("api")), vip(p, "ingress", "192.168.0.33", 52, None)];
    let nodes = vec![
        balancer(p, "balancer1", Os::Flatcar, "192.168.0.30"),
        balancer(p, "balancer2", Os::Almalinux, "192.168.0.31"),
        odd(p, "edge1", Os::Flatcar),
        odd(p, "edge2", Os::Rocky),
        infra(p),
        worker(p),
    ];
    (Cluster { profile, nodes, vips }, places)
}

fn vip(p: &mut Places, name: &str, address: &str, id: u8, dns: Option<&str>) -> Vip {
    Vip {
        name: name.to_owned(),
        span: p.at(&format!("vip {name}")),
        network: "lan".to_owned(),
        address: p.put(&format!("vip {name} address"), ip(address)),
        virtual_router_id: p.put("vrid", id),
        advert_interval: 1,
        candidates: vec!["balancer1".to_owned(), "balancer2".to_owned()],
        dns_name: dns.map(|dns| p.put("vip dns name", dns.to_owned())),
        ports: Vec::new(),
    }
}

fn card(p: &mut Places, name: &str, cidr: &str, address: &str, mac: &str, gateway: Option<&str>) -> Interface {
    Interface {
        name: p.put(&format!("interface {name}"), name.to_owned()),
        network: p.put("network", "lan".to_owned()),
        cidr: net(cidr),
        address: p.put("address", ip(address)),
        mac: Some(p.put("mac", mac.parse().unwrap())),
        gateway: gateway.map(|gateway| p.put("gateway", ip(gateway))),
        mtu: None,
        carries_vip: false,
        link: Link::Card,
    }
}

fn route(p: &mut Places, destination: &str, gateway: &str, interface: &str, on_link: bool, reason: &str) -> Route {
    Route {
        destination: net(destination),
        gateway: ip(gateway),
        on_link,
        interface: interface.to_owned(),
        reason: reason.to_owned(),
        span: p.at(&format!("route {destination}")),
    }
}

fn node(p: &mut Places, name: &str, os: Os, interfaces: Vec<Interface>) -> Node {
    Node {
        name: name.to_owned(),
        span: p.at(&format!("node {name}")),
        description: None,
        hostname: name.to_owned(),
        fqdn: format!("{name}.kube.internal"),
        os,
        build: true,
        router: false,
        uplink: None,
        roles: Vec::new(),
        ignition: IgnitionVersion::V3_4_0,
        interfaces,
        routes: Vec::new(),
        dns_servers: Vec::new(),
        vips: Vec::new(),
        fragments: Vec::new(),
        sysctls: BTreeMap::new(),
        kernel_modules: Vec::new(),
        listens: Vec::new(),
        containers: BTreeMap::new(),
        services: BTreeMap::new(),
        extensions: BTreeMap::new(),
        requires: Vec::new(),
        values: BTreeMap::new(),
        machine: None,
        inputs: Vec::new(),
    }
}

fn container(p: &mut Places, description: &str, image: &str) -> Container {
    Container {
        description: p.put("container description", description.to_owned()),
        image: p.put("image", format!("registry.example/{image}@sha256:{}", "0".repeat(64))),
        command: Vec::new(),
        user: None,
        capabilities: Vec::new(),
        writable: false,
        tmpfs: Vec::new(),
        volumes: Vec::new(),
        environment: BTreeMap::new(),
        environment_file: None,
        reload_signal: None,
        reload_check: Vec::new(),
        stop_signal: None,
        stop_timeout: 10,
        after: Vec::new(),
        wants: Vec::new(),
        open_files: None,
        enabled: true,
        package: None,
        sysext: None,
    }
}

fn volume(p: &mut Places, host: &str, inside: &str, writable: bool) -> Spanned<Volume> {
    let volume =
        Volume { host: p.put("volume", host.to_owned()), container: p.put("volume", inside.to_owned()), writable };
    p.put("volume", volume)
}

/// A balancer: both containers, VIPs, a firewall with every protocol; the same for both operating systems.
fn balancer(p: &mut Places, name: &str, os: Os, address: &str) -> Node {
    let mac = if os == Os::Flatcar { "52:54:00:00:00:30" } else { "52:54:00:00:00:31" };
    let mut eth0 = card(p, "eth0", "192.168.0.0/24", address, mac, Some("192.168.0.1"));
    eth0.carries_vip = true;
    let mut node = node(p, name, os, vec![eth0]);
    node.routes = vec![
        route(p, "0.0.0.0/0", "192.168.0.1", "eth0", false, "default route"),
        route(p, "10.17.4.0/24", "192.168.0.40", "eth0", false, "K3s nodes, behind the hypervisor"),
        route(
            p,
            "10.42.0.0/16",
            "192.168.0.40",
            "eth0",
            false,
            "pods: reached without NAT,\nthe hypervisor knows their nodes",
        ),
    ];
    node.dns_servers = vec![p.put("dns 1", ip("10.17.3.11")), p.put("dns 2", ip("1.1.1.1"))];
    for vip in ["api", "ingress"] {
        let priority = p.put("priority", 150);
        node.vips.push(Candidacy { vip: vip.to_owned(), interface: "eth0".to_owned(), priority });
    }
    node.sysctls = p.settings("sysctl", &[("net.ipv4.ip_nonlocal_bind", "1"), ("net.ipv4.ip_forward", "1")]);
    node.listens = Listens(p, Vec::new())
        .on("ssh", Protocol::Tcp, Some((22, 22)), &["192.168.0.0/24", "192.168.0.5/32", "10.8.0.0/24"])
        .on("api", Protocol::Tcp, Some((6443, 6443)), &["192.168.0.0/24"])
        .on("ingress", Protocol::Tcp, Some((80, 80)), &[])
        .on("ingress \"tls\"", Protocol::Tcp, Some((443, 443)), &["0.0.0.0/0"])
        .on("vrrp", Protocol::Vrrp, None, &["192.168.0.31/32"])
        .on("ping", Protocol::Icmp, None, &["192.168.0.0/24"])
        .1;
    let mut haproxy = container(p, "HAProxy: 100 % TCP", "haproxy");
    haproxy.user = Some(p.put("user", "0".to_owned()));
    haproxy.capabilities = p.texts("capability", &["NET_BIND_SERVICE"]);
    haproxy.tmpfs = p.texts("tmpfs", &["/run"]);
    haproxy.volumes = vec![volume(p, "/etc/haproxy", "/usr/local/etc/haproxy", false)];
    haproxy.command = p.texts("command", &["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]);
    haproxy.reload_signal = Some(p.put("signal", "USR2".to_owned()));
    haproxy.reload_check = p.texts("check", &["haproxy", "-c", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]);
    haproxy.open_files = Some(p.put("open files", 65536));
    let mut keepalived = container(p, "Keepalived", "keepalived");
    keepalived.capabilities = p.texts("capability", &["CAP_NET_ADMIN", "net_raw", "SETUID", "SETGID"]);
    keepalived.tmpfs = p.texts("tmpfs", &["/run:mode=0755,size=1m"]);
    keepalived.volumes =
        vec![volume(p, "/etc/keepalived", "/etc/keepalived", false), volume(p, "/run/keepalived-state", "/out", true)];
    keepalived.command = p.texts("command", &["keepalived", "-n", "-l", "-D", "-P"]);
    keepalived.after = p.texts("after", &["haproxy.service"]);
    keepalived.stop_timeout = 20;
    let (haproxy, keepalived) = (p.put("container haproxy", haproxy), p.put("container keepalived", keepalived));
    node.containers = BTreeMap::from([("haproxy".to_owned(), haproxy), ("keepalived".to_owned(), keepalived)]);
    node
}

/// A K3s node: routes back, modules, Flannel.
fn worker(p: &mut Places) -> Node {
    let eth0 = card(p, "eth0", "10.17.4.0/24", "10.17.4.24", "52:54:00:96:a9:cb", Some("10.17.4.1"));
    let mut node = node(p, "worker1", Os::Flatcar, vec![eth0]);
    node.routes = vec![
        route(p, "0.0.0.0/0", "10.17.4.1", "eth0", false, "default route"),
        route(p, "10.17.3.0/24", "10.17.4.1", "eth0", false, "DNS, time and the database answer from here"),
    ];
    node.dns_servers = vec![p.put("dns 1", ip("8.8.8.8")), p.put("dns 2", ip("10.17.3.11"))];
    node.sysctls = p.settings(
        "sysctl",
        &[
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.conf.all.rp_filter", "2"),
            ("net.ipv4.conf.default.rp_filter", "2"),
            ("net.ipv4.conf.eth0.proxy_arp", "1"),
        ],
    );
    node.kernel_modules = p.texts("module", &["br_netfilter", "iscsi_tcp"]);
    node.listens = Listens(p, Vec::new())
        .on("ssh", Protocol::Tcp, Some((22, 22)), &["192.168.0.0/24"])
        .on("flannel", Protocol::Udp, Some((8472, 8472)), &["10.17.4.0/24"])
        .on("kubelet", Protocol::Tcp, Some((10250, 10250)), &["10.17.4.22/32", "10.17.4.21/32", "10.17.4.23/32"])
        .on("nodeports", Protocol::Tcp, Some((30000, 32767)), &["192.168.0.30/31"])
        .1;
    node
}

/// A machine that serves time itself.
fn infra(p: &mut Places) -> Node {
    let eth0 = card(p, "eth0", "10.17.3.0/24", "10.17.3.11", "52:54:00:ce:eb:e6", Some("10.17.3.1"));
    let mut node = node(p, "infra", Os::Almalinux, vec![eth0]);
    node.listens = Listens(p, Vec::new())
        .on("dns", Protocol::Udp, Some((53, 53)), &["10.17.0.0/16"])
        .on("ntp", Protocol::Udp, Some((123, 123)), &["10.17.0.0/16", "192.168.0.0/24"])
        .1;
    node
}

/// Two cards, one with a name of its own, a next hop off the link, and a container full of awkward words.
fn odd(p: &mut Places, name: &str, os: Os) -> Node {
    let eth0 = card(p, "eth0", "10.17.3.0/24", "10.17.3.13", "52:54:00:fa:a1:a0", None);
    let mut vip0 = card(p, "vip0", "10.17.5.0/24", "10.17.5.13", "52:54:00:fa:a1:a1", Some("10.17.5.1"));
    vip0.mtu = Some(1450);
    vip0.carries_vip = true;
    let mut node = node(p, name, os, vec![eth0, vip0]);
    node.router = true;
    node.routes = vec![
        route(p, "0.0.0.0/0", "10.17.5.1", "vip0", false, "default route"),
        route(p, "10.42.9.0/24", "10.17.4.25", "eth0", true, "pods of worker2"),
    ];
    node.dns_servers = vec![p.put("dns 1", ip("10.17.3.11")), p.put("dns 2", ip("1.1.1.1"))];
    let mut odd = container(p, "Odd\nExecStart=/bin/false", "odd");
    odd.user = Some(p.put("user", "app:app".to_owned()));
    odd.writable = true;
    odd.environment = p.settings("env", &[("GREETING", "say \"hi\" to $USER at 100%"), ("PLAIN", "1")]);
    odd.environment_file = Some(p.put("env file", "/etc/odd/secret.env".to_owned()));
    odd.command = p.texts("command", &["sh", "-c", "echo $HOME; date +%s", "", "it's", ";", "back\\slash"]);
    odd.reload_signal = Some(p.put("signal", "HUP".to_owned()));
    odd.stop_signal = Some(p.put("stop", "SIGINT".to_owned()));
    odd.wants = p.texts("wants", &["network-online.target", "other.service"]);
    odd.enabled = false;
    let odd = p.put("container odd", odd);
    node.containers = BTreeMap::from([("odd".to_owned(), odd)]);
    node
}
