//! Speed: what is checked in a large cluster, and how long it takes.

use super::{check, load, microcloud};
use bake::topology::Topology;
use bake::world::memory::MemoryWorld;
use std::fmt::Write as _;
use std::time::Instant;

/// microcloud's roles with `workers` more machines, on networks that are large enough.
fn large(workers: usize) -> MemoryWorld {
    let mut world = MemoryWorld::new();
    let mut roles = String::new();
    for (name, text) in [
        ("base", "listens: [{name: ssh, port: 22, from: [\"network:lan\"]}]"),
        (
            "agent",
            "sysctls: {net.ipv4.ip_forward: 1}\nlistens:\n  - {name: kubelet, port: 10250, from: [\"network:k3s\", pods]}\n  - {name: vxlan, protocol: udp, port: 8472, from: [\"network:k3s\"]}\n  - {name: http, port: 80, from: [\"role:balancer\", pods]}",
        ),
        (
            "server",
            "listens: [{name: api, port: 6443, from: [\"role:balancer\", \"network:k3s\", pods]}, {name: etcd, port: 2379, from: [\"role:server\"]}]",
        ),
        (
            "dns",
            "listens: [{name: dns, protocol: udp, port: 53, from: [\"network:lan\", \"network:k3s\"]}, {name: ntp, protocol: udp, port: 123, from: [\"network:lan\", \"network:k3s\"]}]",
        ),
        (
            "balancer",
            "routes:\n  - {to: \"network:k3s\", reason: backends}\n  - {to: pods, reason: pods}\nlistens:\n  - {name: vrrp, protocol: vrrp, from: [\"role:balancer\"]}\n  - {name: http, port: 80, from: [any]}\n  - {name: api, port: 6443, from: [any]}",
        ),
        ("host", "sysctls: {net.ipv4.ip_forward: 1}"),
    ] {
        roles.push_str(name);
        world.file(format!("profiles/roles/{name}.yaml"), format!("description: x\n{text}\n"));
    }
    let mut shares = String::new();
    let mut node = |name: String, roles: &str, network: &str, address: String, more: &str| {
        let mac =
            address.split('.').map(|part| format!("{:02x}", part.parse::<u8>().unwrap())).collect::<Vec<_>>().join(":");
        world.file(
            format!("profiles/nodes/{name}.yaml"),
            format!("os: flatcar\nroles: [{roles}]\ninterfaces:\n  - {{name: eth0, network: {network}, address: {address}, mac: \"52:54:{mac}\"}}\n{more}"),
        );
    };
    for at in 0..workers {
        let address = format!("10.17.{}.{}", 8 + at / 200, 20 + at % 200);
        let role = if at < 3 { "base, agent, server" } else { "base, agent, worker" };
        node(format!("node{at:05}"), role, "k3s", address, "");
        writeln!(shares, "    node{at:05}: 10.{}.{}.0/24", 64 + at / 256, at % 256).unwrap();
    }
    node("dns1".to_owned(), "base, dns", "k3s", "10.17.8.10".to_owned(), "");
    node("lb1".to_owned(), "base, balancer", "lan", "192.168.0.30".to_owned(), "vrrp_priority: {default: 150}\n");
    node("lb2".to_owned(), "base, balancer", "lan", "192.168.0.31".to_owned(), "vrrp_priority: {default: 100}\n");
    world.file("profiles/roles/worker.yaml", "description: x\n");
    world.file(
        "profiles/nodes/host.yaml",
        "os: rocky\nbuild: false\nrouter: true\nroles: [host]\ninterfaces:\n  - {name: br0, network: lan, address: 192.168.0.40, default_route: true}\n  - {name: virbr1, network: k3s, address: 10.17.0.1}\n",
    );
    world.file(
        "profiles/cluster.yaml",
        format!(
            r#"name: large
domain: kube.internal
timezone: UTC
ssh_authorized_keys: [ssh-ed25519 AAAAfake nobody@example.org]
dns_servers: [10.17.8.10]
ntp_servers: [10.17.8.10]
networks:
  lan: {{cidr: 192.168.0.0/24, gateway: 192.168.0.1, mode: bridge, bridge: br0}}
  k3s: {{cidr: 10.17.0.0/16, gateway: 10.17.0.1, mode: open, bridge: virbr1}}
pods:
  cidr: 10.64.0.0/10
  nodes:
{shares}vips:
  api: {{network: lan, address: 192.168.0.32, virtual_router_id: 51, candidates: balancer, ports: [{{name: api, port: 6443, backends: server, check: tcp}}]}}
  web: {{network: lan, address: 192.168.0.33, virtual_router_id: 52, candidates: balancer, ports: [{{name: http, port: 80, backends: worker, check: tcp}}]}}
flows:
  - {{from: "role:balancer", to: "role:worker", port: 80, nat: never}}
  - {{from: "role:balancer", to: pods, protocol: icmp, nat: never}}
  - {{from: "role:worker", to: "role:dns", protocol: udp, port: 53, nat: never}}
  - {{from: "role:worker", to: "role:server", port: 6443, nat: never}}
"#
        ),
    );
    world
}

/// `docs/performance.md` has the times of a release.
#[test]
fn a_large_cluster_has_no_finding() {
    let (_, small) = microcloud(&[]);
    let (_, project) = load(&large(1000));
    for (name, project) in [("microcloud", &small), ("1004 nodes", &project)] {
        let start = Instant::now();
        let topology = Topology::new(&project.cluster);
        let built = start.elapsed();
        let found = check(project);
        let all = start.elapsed();
        assert_eq!(found.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(), [""; 0], "{name}");
        eprintln!("{name}: index {built:?}, index and all flows and routes {all:?}");
        drop(topology);
    }
}
