//! Makes clusters of any size out of the repository's own roles and fragments.

use bake::world::memory::MemoryWorld;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

/// The repository's project as it stands, in memory.
pub(crate) fn repository() -> MemoryWorld {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut world = MemoryWorld::new();
    for top in ["profiles", "butane", "secrets"] {
        add(&mut world, root, top);
    }
    world
}

fn add(world: &mut MemoryWorld, root: &Path, path: &str) {
    for entry in std::fs::read_dir(root.join(path)).expect("folder of the project") {
        let name = entry.expect("entry").file_name().into_string().expect("UTF-8");
        let inner = format!("{path}/{name}");
        let full = root.join(&inner);
        if full.is_dir() {
            add(world, root, &inner);
        } else {
            world.file(inner, std::fs::read(full).expect("file of the project"));
        }
    }
}

/// The repository's project with as many more workers as make `nodes` nodes in all, on a network that is large enough.
pub(crate) fn cluster(nodes: usize) -> MemoryWorld {
    let more = u32::try_from(nodes.saturating_sub(12)).expect("few nodes");
    let mut world = repository();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("profiles/cluster.yaml")).expect("cluster.yaml");
    let fleet = "  fleet:\n    cidr: 172.16.0.0/12\n    gateway: 172.16.0.1\n    mode: open\n    bridge: virbr_fleet\n";
    // A share of the pods for every node: a /16 has 256 of them, a /10 has 16,384. The first seven are taken.
    let text = text.replace("10.42.0.0/16", "10.64.0.0/10").replace("10.42.", "10.64.");
    let shares: String = (0..more).fold("  nodes:\n".to_owned(), |mut shares, at| {
        let share = Ipv4Addr::from_bits(Ipv4Addr::new(10, 64, 7, 0).to_bits() + (at << 8));
        let _ = writeln!(shares, "    fleet-{at:05}: {share}/24");
        shares
    });
    let text = text.replacen("  nodes:\n", &shares, 1).replacen("networks:\n", &format!("networks:\n{fleet}"), 1);
    world.file("profiles/cluster.yaml", text);
    let router = std::fs::read_to_string(root.join("profiles/nodes/hypervisor.yaml")).expect("hypervisor.yaml");
    let card = "interfaces:\n  - {name: virbr_fleet, network: fleet, address: 172.16.0.1}\n";
    world.file("profiles/nodes/hypervisor.yaml", router.replacen("interfaces:\n", card, 1));
    // Who serves k3s serves the fleet: `bake check` would refuse a cluster whose firewalls keep it out.
    for role in ["dns", "ntp", "k3s-node", "k3s-server", "nfs-server"] {
        let path = format!("profiles/roles/{role}.yaml");
        let text = std::fs::read_to_string(root.join(&path)).expect("role");
        let served = ["\"network:k3s\"", "\"network:k3s?\""];
        world.file(path, served.iter().fold(text, |text, net| text.replace(net, &format!("{net}, \"network:fleet\""))));
    }
    let balancer = "profiles/roles/loadbalancer.yaml";
    let text = std::fs::read_to_string(root.join(balancer)).expect("role");
    let route = "routes:\n  - {to: \"network:fleet\", reason: backends}\n";
    world.file(balancer, text.replacen("routes:\n", route, 1));
    let worker = std::fs::read_to_string(root.join("profiles/nodes/worker1.yaml")).expect("worker1.yaml");
    for at in 0..more {
        let mut card = String::new();
        let [_, high, middle, low] = (at + 2).to_be_bytes();
        let _ = writeln!(card, "interfaces:");
        let _ = writeln!(
            card,
            "  - {{name: eth0, network: fleet, address: 172.{}.{middle}.{low}, mac: \"52:54:01:{high:02x}:{middle:02x}:{low:02x}\"}}",
            16 + u32::from(high)
        );
        world.file(format!("profiles/nodes/fleet-{at:05}.yaml"), replace_interfaces(&worker, &card));
    }
    world
}

/// `profile` with `interfaces` in place of its own.
fn replace_interfaces(profile: &str, interfaces: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in profile.lines() {
        let indented = line.starts_with(' ') || line.trim().is_empty();
        if inside && indented {
            continue;
        }
        inside = line.starts_with("interfaces:");
        if inside {
            out.push_str(interfaces);
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}
