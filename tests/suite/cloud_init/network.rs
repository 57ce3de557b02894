//! network-config through cloud-init's own renderers, keyfiles through NetworkManager's own reader.

use super::fixture::{self, here, node, route, text};
use crate::support;
use bake::emit::cloud_config::network_config as emit;
use bake::lower::{network_config, networkmanager};
use bake::model::cluster::{Interface, Link, Node};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A node with a next hop outside its network, and a second card.
fn on_link() -> Node {
    let mut node = node();
    node.routes = vec![
        route("0.0.0.0/0", "172.16.9.1", true, "the provider's gateway is elsewhere"),
        route("10.42.0.0/16", "172.16.9.1", true, "pods"),
        route("10.17.3.0/24", "192.168.0.40", false, "infrastructure"),
    ];
    node.interfaces[0].gateway = Some(here("172.16.9.1".parse().unwrap()));
    node.interfaces[0].mtu = Some(1400);
    node.interfaces.push(Interface {
        name: text("eth8"),
        network: text("vip"),
        cidr: "10.17.5.0/24".parse().unwrap(),
        address: here("10.17.5.20".parse().unwrap()),
        mac: Some(here("52:54:00:ab:cd:ef".parse().unwrap())),
        gateway: None,
        mtu: None,
        carries_vip: false,
        link: Link::Card,
    });
    node
}

fn rendered(node: &Node, renderer: &str, folder: &Path) -> Option<String> {
    let engine = support::engine("cloud-init")?;
    let input = folder.join("network-config");
    fs::write(&input, emit(&network_config::lower(node, &fixture::cluster(vec![node.clone()])))).expect("written");
    let out = folder.join(renderer);
    let mut convert = Command::new(engine);
    convert.args(["devel", "net-convert", "-k", "yaml", "-D", "rhel", "-O", renderer, "-m", "eth7,52:54:00:12:34:56"]);
    convert.args(["-m", "eth8,52:54:00:ab:cd:ef"]).arg("-p").arg(&input).arg("-d").arg(&out);
    let output = support::run(&mut convert);
    assert!(output.status.success(), "{}", support::said(&output));
    Some(read_all(&out))
}

fn read_all(folder: &Path) -> String {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    let read = |path: &std::path::PathBuf| {
        if path.is_dir() {
            read_all(path)
        } else {
            format!("== {}\n{}", path.display(), fs::read_to_string(path).unwrap_or_default())
        }
    };
    entries.iter().map(read).collect()
}

#[test]
fn both_renderers_keep_everything() {
    let scratch = tempfile::tempdir().expect("scratch folder");
    // NetworkManager counts routes from 1, the default route included.
    let Some(profile) = rendered(&on_link(), "network-manager", scratch.path()) else { return };
    for line in [
        "mac-address=52:54:00:12:34:56",
        "mtu=1400",
        "address1=192.168.0.30/24",
        "route1=172.16.9.1/32,0.0.0.0",
        "route2=0.0.0.0/0,172.16.9.1",
        "route3=10.42.0.0/16,172.16.9.1",
        "route4=10.17.3.0/24,192.168.0.40",
        "dns=10.17.3.11;1.1.1.1;",
        "dns-search=kube.internal;",
        "address1=10.17.5.20/24",
    ] {
        assert!(profile.lines().any(|own| own.eq_ignore_ascii_case(line)), "`{line}` is lost:\n{profile}");
    }
    let scripts = rendered(&on_link(), "sysconfig", scratch.path()).expect("the engine was there");
    for line in [
        "DEVICE=eth7",
        "HWADDR=52:54:00:12:34:56",
        "MTU=1400",
        "IPADDR=192.168.0.30",
        "NETMASK=255.255.255.0",
        "DEFROUTE=yes",
        "GATEWAY=172.16.9.1",
        "DNS1=10.17.3.11",
        "DOMAIN=kube.internal",
        "ADDRESS1=10.42.0.0",
        "GATEWAY1=172.16.9.1",
        "IPADDR=10.17.5.20",
    ] {
        assert!(scripts.lines().any(|own| own == line), "`{line}` is lost:\n{scripts}");
    }
}

#[test]
fn a_keyfile_only_where_something_would_be_lost() {
    let plain = node();
    assert!(networkmanager::lower(&plain, &fixture::cluster(vec![plain.clone()])).is_empty());
    let node = on_link();
    let keyfiles = networkmanager::lower(&node, &fixture::cluster(vec![node.clone()]));
    let [keyfile] = &keyfiles[..] else { panic!("{keyfiles:?}") };
    assert_eq!(keyfile.path, "/etc/NetworkManager/system-connections/bake-eth7.nmconnection");
    assert!(
        keyfile.contents.contains("# pods\nroute2=10.42.0.0/16,172.16.9.1\nroute2_options=onlink=true\n"),
        "{}",
        keyfile.contents
    );

    let (documents, found) = fixture::lowered(&bake::model::Part::default(), &node);
    assert!(found.is_empty());
    let file = documents.user_data.write_files.iter().find(|file| file.path == keyfile.path).expect("the keyfile");
    assert_eq!(file.permissions, "0600");
    let apply = &documents.user_data.write_files.last().expect("a file").content;
    let up = format!("nmcli connection load {}\nnmcli --wait 20 connection up uuid {}\n", keyfile.path, keyfile.uuid);
    assert!(apply.contains(&up), "{apply}");
    let text = emit(&documents.network_config);
    assert!(!text.contains("on-link") && !text.contains("network:"), "{text}");
}

/// NetworkManager drops what it does not understand without a word, so its reading is compared with what was written.
#[test]
fn networkmanager_reads_the_keyfile_whole() {
    let Some(base) = super::acid::base() else { return };
    let node = on_link();
    let keyfile = networkmanager::lower(&node, &fixture::cluster(vec![node.clone()])).remove(0);
    let scratch = tempfile::tempdir().expect("scratch folder");
    let path = scratch.path().join("keyfile");
    fs::write(&path, &keyfile.contents).expect("written");
    let input = fs::File::open(&path).expect("opened");
    let mut nmcli = Command::new("chroot");
    nmcli.arg(base).args(["nmcli", "--offline", "connection", "modify", "connection.id", "bake-eth7"]).stdin(input);
    let output = support::run(&mut nmcli);
    assert!(output.status.success(), "{}", support::said(&output));
    let read = String::from_utf8_lossy(&output.stdout).to_lowercase();
    for line in keyfile.contents.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        assert!(read.lines().any(|own| own == line.to_lowercase()), "`{line}` is lost:\n{read}");
    }
}
