//! networkd and nftables at work, each in network namespaces of its own.

use super::{file, files, fixture};
use crate::support::{engine, root, said};
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a script with its own network, mounts and processes; everything vanishes when it ends.
fn isolated(folder: &Path, script: &str) -> Output {
    std::fs::write(folder.join("script"), script).unwrap();
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "60", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "--propagation", "private", "sh", "-eu"]).arg(folder.join("script"));
    command.current_dir(folder).output().unwrap()
}

/// What systemd-networkd, started on a node's files, makes of its links: addresses, routes and its own words.
///
/// `then` runs afterwards; in it, `again` restarts networkd.
fn networkd(node: &str, then: &str) -> String {
    let (cluster, _) = fixture::cluster();
    let node = cluster.node(node).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut script = String::from("mount -t tmpfs tmpfs /run\nmount -t sysfs -o ro sysfs /sys\n");
    script.push_str(
        "mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp\n",
    );
    script.push_str("chown -R systemd-network: /run/systemd/netif\nmount -t tmpfs tmpfs /etc/systemd/network\n");
    for (at, (path, text)) in
        files(node, &cluster).iter().filter(|(path, _)| path.contains("/systemd/network/")).enumerate()
    {
        std::fs::write(folder.path().join(at.to_string()), text).unwrap();
        let _ = writeln!(script, "install -D -m 0644 {at} {path}");
    }
    let mut waits = String::new();
    for card in &node.interfaces {
        let (name, mac) = (&card.name, card.mac.as_ref().unwrap());
        let _ =
            writeln!(script, "ip link add {name} address {mac} type veth peer name p{name}\nip link set p{name} up");
        let _ = write!(waits, " -i {name}");
    }
    let daemon = "SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd >>log 2>&1 & pid=$!";
    let _ = writeln!(script, "up() {{\n{daemon}\n/lib/systemd/systemd-networkd-wait-online --timeout=10 {waits}\n}}");
    script.push_str("again() {\nkill $pid\nwait $pid || true\nup\n}\nup\n");
    script.push_str(then);
    script.push_str("\nip -4 -o address\nip route\nsed 's/^/log: /' log\n");
    let output = isolated(folder.path(), &script);
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn has_networkd() -> bool {
    root() && engine("systemd-networkd").is_some()
}

/// networkd warns about keys and values that it ignores, and goes on.
fn assert_no_complaint(said: &str) {
    let words = ["nknown", "gnoring", "nvalid", "ailed", "ould not"];
    let complaints: Vec<&str> =
        said.lines().filter(|line| line.starts_with("log: ") && words.iter().any(|word| line.contains(word))).collect();
    assert!(complaints.iter().all(|line| line.contains("bus")), "{complaints:#?}");
}

#[test]
fn networkd_sets_every_route() {
    if !has_networkd() {
        return;
    }
    let said = networkd("balancer1", "ip address add 192.168.0.32/32 dev eth0\nagain");
    let wanted = [
        "default via 192.168.0.1 dev eth0 proto static",
        "10.17.4.0/24 via 192.168.0.40 dev eth0 proto static",
        "10.42.0.0/16 via 192.168.0.40 dev eth0 proto static",
        "inet 192.168.0.30/24",
        // Keepalived's, still there after a restart of networkd.
        "inet 192.168.0.32/32",
    ];
    for line in wanted {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.matches("default via").count(), 1, "{said}");
    assert_no_complaint(&said);
}

#[test]
fn networkd_takes_two_cards_and_a_gateway_off_the_link() {
    if !has_networkd() {
        return;
    }
    let said = networkd("edge1", "");
    let wanted = [
        "default via 10.17.5.1 dev vip0 proto static",
        "10.42.9.0/24 via 10.17.4.25 dev eth0 proto static onlink",
        "inet 10.17.3.13/24",
        "inet 10.17.5.13/24",
    ];
    for line in wanted {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_no_complaint(&said);
}

/// Answers on every port asked for and says which VRRP packets arrive.
const SERVER: &str = r#"
import socket, sys, threading
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
def vrrp():
    while True:
        print("vrrp from", raw.recvfrom(2000)[1][0], flush=True)
threading.Thread(target=vrrp, daemon=True).start()
socks = [socket.create_server(("0.0.0.0", int(port)), backlog=50) for port in sys.argv[1:]]
print("ready", flush=True)
threading.Event().wait()
"#;

/// Tries every port of a target from every address, then sends a VRRP packet from each and a ping.
const CLIENT: &str = r#"
import socket, sys
sources, ports, target = sys.argv[1].split(","), sys.argv[2].split(","), sys.argv[3]
for source in sources:
    for port in ports:
        s = socket.socket()
        s.settimeout(0.4)
        s.bind((source, 0))
        try:
            s.connect((target, int(port)))
            print(source, port, "open")
        except OSError:
            print(source, port, "closed")
        s.close()
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
    raw.bind((source, 0))
    raw.sendto(b"!" * 20, (target, 0))
ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
ping.settimeout(2)
ping.bind((sources[-1], 0))
ping.sendto(bytes([8, 0, 0xf7, 0xff, 0, 0, 0, 0]), (target, 0))
print("ping answered by", ping.recvfrom(200)[1][0])
"#;

/// A folder with a node's rules and the two programs; `None` where the test cannot run.
fn firewall(node: &str) -> Option<tempfile::TempDir> {
    if !root() || engine("nft").is_none() || engine("python3").is_none() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("rules", &*file(node, "/etc/nftables/bake.nft")), ("server.py", SERVER), ("client.py", CLIENT)]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Some(folder)
}

#[test]
fn the_firewall_lets_in_what_is_declared_and_nothing_else() {
    let Some(folder) = firewall("balancer1") else { return };
    let script = r#"
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ip netns add client
ip link set lo up
ip link add eth0 type veth peer name eth0 netns client
ip address add 192.168.0.30/24 dev eth0
ip link set eth0 up
for address in 192.168.0.31/24 192.168.0.99/24 172.16.0.9/32; do ip -n client address add $address dev eth0; done
ip -n client link set eth0 up
ip route add 172.16.0.9/32 dev eth0
nft add table inet other
nft -f rules
nft -f rules
: >seen
python3 server.py 22 80 443 6443 9999 >seen &
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do grep -q ready seen && break; sleep 0.2; done
ip netns exec client python3 client.py 192.168.0.31,172.16.0.9,192.168.0.99 22,80,443,6443,9999 192.168.0.30
python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9999), 1); print("loopback open")'
sleep 0.3
cat seen
nft delete table inet bake
nft list tables
"#;
    let output = isolated(folder.path(), script);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let lan = [("22", "open"), ("80", "open"), ("443", "open"), ("6443", "open"), ("9999", "closed")];
    let away = [("22", "closed"), ("80", "open"), ("443", "open"), ("6443", "closed"), ("9999", "closed")];
    for (source, ports) in [("192.168.0.31", lan), ("192.168.0.99", lan), ("172.16.0.9", away)] {
        for (port, state) in ports {
            let line = format!("{source} {port} {state}\n");
            assert!(said.contains(&line), "{line}{said}");
        }
    }
    assert_eq!(said.matches("vrrp from").count(), 1, "{said}");
    assert!(said.contains("vrrp from 192.168.0.31\n"), "{said}");
    assert!(said.contains("ping answered by 192.168.0.30"), "{said}");
    assert!(said.contains("loopback open"), "{said}");
    assert!(said.ends_with("table inet other\n"), "other tables stay: {said}");
}

/// A worker between a pod (behind `cni0`) and another machine (behind `eth0`).
#[test]
fn the_firewall_leaves_pods_alone() {
    let Some(folder) = firewall("worker1") else { return };
    let script = r"
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ip netns add pod
ip netns add other
ip link add cni0 type veth peer name eth0 netns pod
ip link add eth0 type veth peer name eth0 netns other
ip address add 10.42.3.1/24 dev cni0
ip address add 10.17.4.24/24 dev eth0
ip -n pod address add 10.42.3.10/24 dev eth0
ip -n other address add 10.17.4.99/24 dev eth0
for link in lo cni0 eth0; do ip link set $link up; done
for name in pod other; do ip -n $name link set eth0 up; ip -n $name link set lo up; done
ip -n pod route add default via 10.42.3.1
ip -n other route add default via 10.17.4.24
echo 1 >/proc/sys/net/ipv4/ip_forward
nft -f rules
: >seen
: >seen.other
python3 server.py 9999 >seen &
ip netns exec other python3 server.py 9999 >seen.other &
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    grep -q ready seen && grep -q ready seen.other && break
    sleep 0.2
done
echo from a pod to its host; ip netns exec pod python3 client.py 10.42.3.10 9999 10.17.4.24
echo from a pod to another machine; ip netns exec pod python3 client.py 10.42.3.10 9999 10.17.4.99
echo from another machine to the host; ip netns exec other python3 client.py 10.17.4.99 9999 10.17.4.24
";
    let output = isolated(folder.path(), script);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for lines in [
        "from a pod to its host\n10.42.3.10 9999 open\n",
        "from a pod to another machine\n10.42.3.10 9999 open\n",
        "from another machine to the host\n10.17.4.99 9999 closed\n",
    ] {
        assert!(said.contains(lines), "{lines}{said}");
    }
}
