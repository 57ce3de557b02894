//! The rows of docs/clusters.md, S1 to S18: what each of them asks for, in what was built, for every cluster that it is about.
//!
//! Whether a row is about a cluster follows from the cluster: what nobody has the role for need not work. That the real
//! programs accept the files is tested elsewhere (`engines`); here it is that the files say what the row wants.

use crate::support::{Built, bake, built, engine, projects, repository, run, said};
use bake::diag::{Sink, Sources};
use bake::load::project::{self, Project};
use bake::model::cluster::{Cluster, Node};
use bake::model::profile::cluster::{HealthCheck, NetworkMode};
use bake::world::disk::Disk;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One cluster with what was built of it.
struct Scene {
    name: String,
    cluster: Cluster,
    built: &'static Built,
}

impl Scene {
    fn text(&self, node: &str, path: &str) -> String {
        let path = self.built.trees.join(&self.name).join(node).join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A file of every node with a role; `None` for those that do not have it.
    fn of_role(&self, role: &str) -> Vec<&Node> {
        self.cluster.nodes.iter().filter(|node| node.build && node.has_role(role)).collect()
    }

    /// The units of a node as one text: services and quadlets.
    fn units(&self, node: &str) -> BTreeMap<String, String> {
        let tree = self.built.trees.join(&self.name).join(node);
        let mut found = BTreeMap::new();
        for folder in ["etc/systemd/system", "etc/containers/systemd"] {
            for entry in fs::read_dir(tree.join(folder)).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    found.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        found
    }
}

fn read(root: &Path) -> Project {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let project = project::load(&Disk::open(root).unwrap(), "profiles", &mut sources, &mut sink);
    project.unwrap_or_else(|| panic!("{}: {:?}", root.display(), sink.finish()))
}

/// Runs a row for every cluster that it is about; `least` of them at least. `row` says whether it was.
fn for_each(least: usize, row: impl Fn(&Scene) -> bool) {
    let Some(built) = built() else { return };
    let scenes =
        projects().into_iter().map(|(name, root)| Scene { name, cluster: (*read(&root).cluster).clone(), built });
    let about = scenes.filter(|scene| row(scene)).count();
    assert!(about >= least, "it is about {about} clusters only");
}

/// The lines of `text` from the one that begins with `start` up to the next empty one.
fn section<'t>(text: &'t str, start: &str) -> &'t str {
    let at = text.find(start).unwrap_or_else(|| panic!("no `{start}` in\n{text}"));
    text[at..].trim_start().split("\n\n").next().unwrap()
}

#[test]
fn s1_vips_are_balanced_over_tcp_with_health_checks() {
    for_each(4, |scene| {
        for vip in &scene.cluster.vips {
            for holder in &vip.candidates {
                let config = scene.text(holder, "etc/haproxy/haproxy.cfg");
                assert!(section(&config, "defaults\n").contains("    mode tcp\n"), "{config}");
                for port in &vip.ports {
                    let front = section(&config, &format!("frontend {}-{}\n", vip.name, port.name));
                    assert!(front.contains(&format!("bind {}:{}", vip.address, port.port)), "{front}");
                    let back = section(&config, &format!("\nbackend {}-{}\n", vip.name, port.name));
                    assert!(!port.backends.is_empty(), "{}: {}", scene.name, vip.name);
                    for name in &port.backends {
                        let address = scene.cluster.node(name).unwrap().address().unwrap();
                        let server = format!("server {name} {address}:{} check", port.backend_port);
                        assert!(back.contains(&server), "{server}: {back}");
                    }
                    assert_eq!(back.contains("option httpchk"), port.check == HealthCheck::K3sApi, "{back}");
                }
            }
        }
        let web = scene.cluster.vips.iter().any(|vip| vip.ports.iter().any(|port| port.port.value == 443));
        assert_eq!(web, ["microcloud", "vip-trio"].contains(&scene.name.as_str()), "{}", scene.name);
        true
    });
}

#[test]
fn s2_keepalived_has_every_instance() {
    for_each(4, |scene| {
        for vip in &scene.cluster.vips {
            assert!(vip.candidates.len() >= 2);
            for holder in &vip.candidates {
                let node = scene.cluster.node(holder).unwrap();
                let own = node.vips.iter().find(|own| own.vip == vip.name).unwrap();
                let config = scene.text(holder, "etc/keepalived/keepalived.conf");
                let instance = section(&config, &format!("vrrp_instance {} {{", vip.name));
                for line in [
                    "state BACKUP".to_owned(),
                    format!("interface {}", own.interface),
                    format!("virtual_router_id {}", vip.virtual_router_id),
                    format!("priority {}", own.priority),
                    "advert_int 1".to_owned(),
                    "auth_type PASS".to_owned(),
                    "auth_pass \"FAKEvrrp\"".to_owned(),
                    format!("{}/32 dev {}", vip.address, own.interface),
                    "track_script {".to_owned(),
                ] {
                    assert!(instance.contains(&format!(" {line}\n")), "{}/{holder}: {line}\n{instance}", scene.name);
                }
                for state in ["master", "backup", "fault", "stop"] {
                    assert!(instance.contains(&format!("notify_{state} \"/etc/keepalived/notify.sh")), "{instance}");
                }
            }
        }
        true
    });
}

#[test]
fn s3_haproxy_before_the_address_and_keepalived_without_haproxy() {
    for_each(4, |scene| {
        for node in scene.of_role("loadbalancer") {
            let sysctls = scene.text(&node.name, "etc/sysctl.d/90-bake.conf");
            assert!(sysctls.contains("net.ipv4.ip_nonlocal_bind = 1\n"), "{sysctls}");
            let units = scene.units(&node.name);
            let keepalived = &units["keepalived.container"];
            assert!(keepalived.contains("After=haproxy.service\n"), "{keepalived}");
            let needs = ["Requires=", "BindsTo=", "Requisite=", "PartOf="];
            assert!(!needs.iter().any(|key| keepalived.contains(&format!("{key}haproxy"))), "{keepalived}");
            assert!(!units["haproxy.container"].contains("keepalived"));
        }
        true
    });
}

#[test]
fn s4_containers_are_pinned_by_digest() {
    for_each(4, |scene| {
        for node in scene.of_role("loadbalancer") {
            for name in ["haproxy", "keepalived"] {
                let unit = &scene.units(&node.name)[&format!("{name}.container")];
                let image = unit.lines().find_map(|line| line.strip_prefix("Image=")).unwrap();
                let digest = image.split_once("@sha256:").unwrap().1;
                assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{image}");
            }
        }
        true
    });
}

#[test]
fn s5_k3s_starts_without_the_address_and_is_used_through_it() {
    for_each(4, |scene| {
        let servers = scene.of_role("k3s-server");
        let first: Vec<&Node> = scene.of_role("k3s-first-server");
        assert_eq!((servers.len(), first.len()), (3, 1), "{}", scene.name);
        let join = format!("server: https://{}:6443\n", first[0].address().unwrap());
        let api = scene.cluster.vips.iter().find(|vip| vip.name == "api").unwrap();
        for node in scene.of_role("k3s-node") {
            let config = scene.text(&node.name, "etc/rancher/k3s/config.yaml");
            let is_first = node.name == first[0].name;
            assert_eq!(config.contains("\ncluster-init: true\n"), is_first, "{config}");
            assert_eq!(config.contains(&join), !is_first, "{config}");
            let server = node.has_role("k3s-server");
            assert_eq!(config.contains(&format!("tls-san:\n  - {}\n", api.address)), server, "{config}");
            if server {
                let kubeconfig = scene.text(&node.name, "opt/bin/bake-kubeconfig");
                assert!(kubeconfig.contains(&format!("https://{}:6443", api.address)), "{kubeconfig}");
            }
        }
        true
    });
}

#[test]
fn s6_routes_are_in_the_systems_own_form() {
    for_each(4, |scene| {
        let pods = scene.cluster.profile.pods.as_ref().unwrap().cidr.value.to_string();
        for role in ["loadbalancer", "traefik-edge"] {
            for node in scene.of_role(role) {
                let path = scene.built.dist.join(&scene.name).join(&node.name).join("network-config");
                let config = fs::read_to_string(path).unwrap();
                assert!(config.contains(&pods), "{}/{}: {config}", scene.name, node.name);
            }
        }
        let infra = scene.cluster.profile.networks.contains_key("infra");
        for node in scene.of_role("k3s-node").iter().filter(|_| infra) {
            let route = scene.text(&node.name, "etc/systemd/network/10-eth0.network.d/20-10.17.3.0-24.conf");
            assert!(route.contains("Destination=10.17.3.0/24\n") && route.contains("Gateway=10.17.4.1\n"), "{route}");
        }
        true
    });
}

#[test]
fn s7_sysctls_are_there_before_services() {
    for_each(4, |scene| {
        for (role, keys) in [
            (
                "k3s-node",
                &[
                    "net.ipv4.ip_forward = 1",
                    "net.ipv4.conf.all.rp_filter = 2",
                    "net.ipv4.conf.default.rp_filter = 2",
                    "net.ipv4.conf.eth0.proxy_arp = 1",
                ][..],
            ),
            ("loadbalancer", &["net.ipv4.ip_nonlocal_bind = 1", "net.ipv4.ip_forward = 1"]),
            ("traefik-edge", &["net.ipv4.ip_forward = 1"]),
        ] {
            for node in scene.of_role(role) {
                let sysctls = scene.text(&node.name, "etc/sysctl.d/90-bake.conf");
                assert!(keys.iter().all(|key| sysctls.lines().any(|line| line == *key)), "{role}: {sysctls}");
                // systemd-sysctl.service is before sysinit.target, and no unit of ours is earlier than that.
                for (name, unit) in scene.units(&node.name) {
                    let early = unit.contains("DefaultDependencies=no")
                        && !name.contains("firewall")
                        && !unit.contains("\n[Mount]\n");
                    assert!(!early, "{}/{}: {name} does not wait for sysctls\n{unit}", scene.name, node.name);
                }
            }
        }
        true
    });
}

#[test]
fn s8_pods_are_reached_without_nat() {
    for_each(4, |scene| {
        let balancers: BTreeSet<&str> = scene
            .cluster
            .profile
            .flows
            .iter()
            .filter(|flow| flow.to.as_str() == "pods" && flow.nat == bake::model::profile::cluster::NatPolicy::Never)
            .map(|flow| flow.from.as_str())
            .collect();
        let expected = if scene.name == "traefik-edge" { "role:traefik-edge" } else { "role:loadbalancer" };
        assert!(balancers.contains(expected), "{}: {balancers:?}", scene.name);
        // And nothing that is built for it rewrites addresses between the two.
        for node in scene.cluster.nodes.iter().filter(|node| node.build) {
            let rules = scene.text(&node.name, "etc/nftables/bake.nft");
            let masquerades: Vec<&str> = rules.lines().filter(|line| line.contains("masquerade")).collect();
            assert!(masquerades.is_empty() || node.router, "{}/{}: {masquerades:?}", scene.name, node.name);
            assert!(!masquerades.iter().any(|line| line.contains("ip daddr 10.42")), "{masquerades:?}");
        }
        true
    });
}

#[test]
fn s9_libvirt_defines_every_network_and_machine() {
    let virsh = engine("virsh");
    for_each(4, |scene| {
        let folder = scene.built.dist.join(&scene.name).join("libvirt");
        let mut script = String::new();
        for (name, network) in &scene.cluster.profile.networks {
            let path = folder.join(format!("net-{name}.xml"));
            if network.mode.value == NetworkMode::Tunnel {
                assert!(!path.exists(), "{}: {name}", scene.name);
                continue;
            }
            let xml = fs::read_to_string(&path).unwrap();
            assert!(xml.contains(&format!("<bridge name='{}'", network.bridge)), "{xml}");
            assert_eq!(xml.contains("<forward mode='bridge'/>"), network.mode.value == NetworkMode::Bridge, "{xml}");
            if let Some(domain) = &network.domain {
                assert!(xml.contains(&format!("<domain name='{domain}'")), "{xml}");
            }
            if network.dhcp.is_some() {
                let attached = scene.cluster.nodes.iter().flat_map(|node| &node.interfaces);
                for card in attached.filter(|card| card.network.value == *name) {
                    let Some(mac) = &card.mac else { continue };
                    assert!(xml.contains(&mac.to_string()) && xml.contains(&format!("ip='{}'", card.address)), "{xml}");
                }
            }
            write!(script, "net-define --validate {}; ", path.display()).unwrap();
        }
        for node in scene.cluster.nodes.iter().filter(|node| node.build && node.machine.is_some()) {
            write!(script, "define --validate {}; ", folder.join(format!("{}.xml", node.name)).display()).unwrap();
        }
        if let Some(virsh) = &virsh {
            let output = run(Command::new(virsh).args(["-c", "test:///default", &script]));
            assert!(output.status.success() && !said(&output).contains("error"), "{}: {}", scene.name, said(&output));
        }
        true
    });
}

#[test]
fn s10_terraform_makes_the_machines_with_their_sizes() {
    for_each(4, |scene| {
        let path = scene.built.dist.join(&scene.name).join("terraform/main.tf.json");
        let module: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let resource = &module["resource"];
        let domains = resource["libvirt_domain"].as_object().unwrap();
        let machines: Vec<&Node> =
            scene.cluster.nodes.iter().filter(|node| node.build && node.machine.is_some()).collect();
        assert_eq!(domains.len(), machines.len(), "{}", scene.name);
        for node in machines {
            let (domain, machine) = (&domains[&node.name], node.machine.as_ref().unwrap());
            assert_eq!(domain["vcpu"], machine.vcpu.value, "{}", node.name);
            assert_eq!(domain["memory"], machine.memory.value.0 >> 20, "{}", node.name);
            let sizes: Vec<u64> = resource["libvirt_volume"]
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, _)| name.starts_with(&format!("{}_", node.name)))
                .filter_map(|(_, volume)| volume["size"].as_u64())
                .collect();
            for size in machine.disks.values().chain([&machine.root_disk]) {
                assert!(sizes.contains(&size.value.0), "{}/{}: {sizes:?}", scene.name, node.name);
            }
            let ignition = domain.get("coreos_ignition").is_some();
            let flatcar = node.os == bake::model::profile::node::Os::Flatcar;
            assert_eq!((ignition, domain.get("cloudinit").is_some()), (flatcar, !flatcar), "{}", node.name);
        }
        true
    });
}

#[test]
fn s11_names_and_time_are_served_and_asked_for() {
    for_each(3, |scene| {
        let Some(server) = scene.of_role("dns").first().copied() else { return false };
        assert!(server.has_role("ntp"));
        let zone = scene.text(&server.name, "etc/coredns/db.cluster");
        let name = |name: &str, address: &str| {
            assert!(zone.contains(&format!("{name} IN A {address}\n")), "{}: {name} {address}\n{zone}", scene.name);
        };
        for node in &scene.cluster.nodes {
            name(&node.hostname, &node.address().unwrap().to_string());
        }
        for vip in &scene.cluster.vips {
            name(vip.dns_name.as_ref().unwrap(), &vip.address.to_string());
        }
        let address = server.address().unwrap();
        for node in scene.cluster.nodes.iter().filter(|node| node.build && node.name != server.name) {
            let flatcar = node.os == bake::model::profile::node::Os::Flatcar;
            let clock = if flatcar { "etc/systemd/timesyncd.conf.d/10-bake.conf" } else { "etc/chrony.conf" };
            assert!(scene.text(&node.name, clock).contains(&address.to_string()), "{}", node.name);
            assert!(node.dns_servers.iter().any(|server| server.value == address), "{}", node.name);
        }
        true
    });
}

#[test]
fn s12_postgresql_lets_the_workers_in_and_nobody_else() {
    for_each(2, |scene| {
        let Some(server) = scene.of_role("postgresql").first().copied() else { return false };
        let rules = scene.text(&server.name, "etc/postgresql/pg_hba.conf");
        let hosts: BTreeSet<&str> = rules
            .lines()
            .filter(|line| line.starts_with("host "))
            .filter_map(|line| line.split_whitespace().nth(3))
            .collect();
        let workers = scene.of_role("worker");
        let mut expected: BTreeSet<String> =
            workers.iter().map(|node| format!("{}/32", node.address().unwrap())).collect();
        expected.insert("127.0.0.1/32".to_owned());
        assert_eq!(hosts, expected.iter().map(String::as_str).collect(), "{}", scene.name);
        let open = server.listens.iter().find(|listen| listen.ports == Some((5432, 5432))).unwrap();
        assert_eq!(open.sources.len(), workers.len(), "{}", scene.name);
        true
    });
}

#[test]
fn s13_disks_for_longhorn_and_exports_of_nfs() {
    for_each(3, |scene| {
        let nodes = scene.of_role("longhorn-disk");
        for node in &nodes {
            let unit = &scene.units(&node.name)["var-lib-longhorn.mount"];
            assert!(unit.contains("Where=/var/lib/longhorn\n"), "{unit}");
            assert!(!node.machine.as_ref().unwrap().disks.is_empty(), "{}", node.name);
        }
        for node in scene.of_role("nfs-server") {
            let exports = scene.text(&node.name, "etc/exports");
            for folder in ["/srv/nfs/postgresql ", "/srv/nfs/shared "] {
                assert!(exports.lines().any(|line| line.starts_with(folder)), "{exports}");
            }
        }
        !nodes.is_empty()
    });
}

#[test]
fn s14_traefik_in_the_cluster_and_before_it() {
    for_each(3, |scene| {
        let workers = scene.of_role("worker");
        for node in &workers {
            // K3s' Traefik is reached on these nodes only.
            let config = scene.text(&node.name, "etc/rancher/k3s/config.yaml");
            assert!(config.contains("svccontroller.k3s.cattle.io/enablelb=true"), "{config}");
        }
        for node in scene.of_role("traefik-edge") {
            let routes = scene.text(&node.name, "etc/traefik/dynamic/routes.yml");
            assert!(routes.contains("http://10.42.9.206:8080"), "straight to a pod: {routes}");
            for worker in &workers {
                assert!(routes.contains(&format!("http://{}:80", worker.address().unwrap())), "{routes}");
            }
            let settings = scene.text(&node.name, "etc/traefik/traefik.yml");
            assert!(!settings.contains("dashboard: true") && !settings.contains("insecure: true"), "{settings}");
            let unit = &scene.units(&node.name)["traefik.container"];
            assert!(unit.contains("@sha256:"), "{unit}");
        }
        !workers.is_empty()
    });
}

#[test]
fn s15_the_hypervisor_bridges_forwards_and_guards() {
    for_each(4, |scene| {
        let host = scene.of_role("hypervisor")[0];
        assert!(host.router && host.machine.is_none());
        let config =
            fs::read_to_string(scene.built.dist.join(&scene.name).join(&host.name).join("network-config")).unwrap();
        assert!(config.contains("br0") && config.contains(&host.address().unwrap().to_string()), "{config}");
        let sysctls = scene.text(&host.name, "etc/sysctl.d/90-bake.conf");
        assert!(sysctls.contains("net.ipv4.ip_forward = 1\n"), "{sysctls}");
        let rules = scene.text(&host.name, "etc/nftables/bake.nft");
        assert!(
            rules.contains("masquerade") && !rules.contains("flush ruleset") && !rules.contains("libvirt_network"),
            "{rules}"
        );
        if scene.cluster.profile.networks.contains_key("vpn") {
            let tunnel = scene.text(&host.name, "etc/wireguard/wg0.conf");
            assert!(tunnel.contains("[Interface]") && tunnel.contains("[Peer]"), "{tunnel}");
        }
        // The API is nobody's business out there: said as a flow, and checked.
        let flows = &scene.cluster.profile.flows;
        assert!(
            flows
                .iter()
                .any(|flow| flow.to.as_str() == "vip:api"
                    && flow.must == bake::model::profile::cluster::FlowVerdict::Fail)
        );
        true
    });
}

#[test]
fn s16_nothing_is_masqueraded_between_the_cluster_and_its_pods() {
    for_each(4, |scene| {
        let host = scene.of_role("hypervisor")[0];
        let rules = scene.text(&host.name, "etc/nftables/bake.nft");
        for line in rules.lines().filter(|line| line.contains("masquerade")) {
            // Towards the Internet only: out of the bridge to the LAN, and never to private addresses. Ports that it maps
            // on the LAN itself are its own.
            let mapped = line.contains("ct status dnat iifname \"br0\" oifname \"br0\"");
            assert!(mapped || (line.contains("oifname \"br0\"") && line.contains("ip daddr != ")), "{line}");
        }
        true
    });
}

#[test]
fn s17_what_people_used_to_look_at_is_checked() {
    // `haproxy -c` and the like: `engines`. Ways and owners: asked of every cluster here, as `bake` answers them.
    for (name, root) in projects() {
        let project = read(&root);
        for (what, arguments) in [("owner", vec!["explain", "vip", "api"]), ("rules", vec!["check", "--strict"])] {
            let output = run(bake().arg("-C").arg(&root).args(arguments));
            assert!(output.status.success(), "{name}: {what}: {}", said(&output));
        }
        for port in &project.cluster.vips[0].ports {
            let from = format!("node:{}", project.cluster.vips[0].candidates[0]);
            for backend in &port.backends {
                let to = format!("node:{backend}:{}", port.backend_port);
                let output = run(bake().arg("-C").arg(&root).args(["explain", "route", &from, &to]));
                assert!(said(&output).contains("works"), "{name}: {from} {to}: {}", said(&output));
            }
        }
    }
}

#[test]
fn s18_a_role_that_goes_takes_its_files_along() {
    let scratch = tempfile::tempdir().unwrap();
    for part in ["profiles", "butane", "secrets", "examples"] {
        assert!(run(Command::new("cp").arg("-r").arg(repository().join(part)).arg(scratch.path())).status.success());
    }
    for (name, root) in projects() {
        let root = scratch.path().join(root.strip_prefix(repository()).unwrap());
        let bake = |arguments: &[&str]| {
            let output = run(crate::support::bake().arg("-C").arg(&root).args(arguments));
            assert!(output.status.success(), "{name}: {arguments:?}: {}", said(&output));
            said(&output)
        };
        let balancer = read(&root).cluster.vips[0].candidates[1].clone();
        bake(&["build", "--quiet"]);
        let before = bake(&["explain", "node", &balancer]);
        for kept in
            ["/etc/haproxy/haproxy.cfg", "/etc/keepalived/keepalived.conf", "keepalived.container", "ip_nonlocal_bind"]
        {
            assert!(before.contains(kept), "{name}: {kept}: {before}");
        }
        let profile = root.join("profiles/nodes").join(format!("{balancer}.yaml"));
        let text = fs::read_to_string(&profile).unwrap();
        let roles = text.lines().find(|line| line.starts_with("roles:")).unwrap();
        // Names and time are still its own affair, so it keeps the way there.
        let plain = "description: reaches names and time\nroutes:\n  - {to: \"network:infra?\", reason: names and time}\n  \
                     - {to: \"network:k3s\", reason: answers to those who ask}\n";
        fs::create_dir_all(root.join("profiles/roles")).unwrap();
        fs::write(root.join("profiles/roles/plain.yaml"), plain).unwrap();
        let without = text.replace(roles, "roles: [base, plain]");
        let at = without.find("vrrp_priority:").unwrap();
        let end = without[at..].find("\n\n").map_or(without.len(), |end| at + end);
        fs::write(&profile, format!("{}{}", &without[..at], &without[end..])).unwrap();
        let after = bake(&["explain", "node", &balancer]);
        for gone in ["haproxy", "keepalived", "ip_nonlocal_bind", "vrrp"] {
            assert!(!after.contains(gone), "{name}: {gone} is still there: {after}");
        }
        // Before anything is written, it is said what goes.
        let output = run(crate::support::bake().arg("-C").arg(&root).args(["diff", "--node", &balancer]));
        let shown = said(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {shown}");
        for gone in ["file /etc/haproxy/haproxy.cfg", "file /etc/keepalived/keepalived.conf", "container keepalived"] {
            assert!(shown.contains(&format!("  - {gone}")), "{name}: {gone}: {shown}");
        }
    }
}

/// The table names these tests and others; all of them exist, and every row is there.
#[test]
fn the_table_of_rows_names_tests_that_exist() {
    let text = fs::read_to_string(repository().join("docs/clusters.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| S")).collect();
    assert_eq!(rows.len(), 18);
    let mut sources = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        assert!(row.starts_with(&format!("| S{} |", at + 1)), "{row}");
        let own = format!("`acceptance::s{}_", at + 1);
        assert!(row.contains(&own), "{row}: its own test");
        let names = row.split('`').skip(1).step_by(2).filter(|word| word.contains("::"));
        for name in names {
            let (path, function) = name.rsplit_once("::").unwrap();
            let file = format!("tests/suite/{}.rs", path.replace("::", "/"));
            let source = sources
                .entry(file.clone())
                .or_insert_with(|| fs::read_to_string(repository().join(&file)).unwrap_or_default());
            assert!(source.contains(&format!("fn {function}(")), "{name}: {file} has no such test");
        }
    }
}
