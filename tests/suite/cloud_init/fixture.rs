//! A node and a config that use everything that EL can do.

use bake::diag::{FileId, Sink, Sources, Span};
use bake::lower::{cloud_init, network_config, networkmanager};
use bake::model::cloud::{CloudInit, NetworkFiles};
use bake::model::cluster::{Cluster, Interface, Node, Route};
use bake::model::ignition::*;
use bake::model::profile::cluster::{ClusterProfile, IgnitionVersion};
use bake::model::profile::node::Os;
use bake::model::{Part, Spanned};
use base64::Engine as _;

pub(super) fn file_id() -> FileId {
    Sources::default().add("butane/test.bu", "")
}

pub(super) fn here<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Span::whole(file_id()))
}

pub(super) fn text(value: &str) -> Spanned<String> {
    here(value.to_owned())
}

pub(super) fn cluster(nodes: Vec<Node>) -> Cluster {
    let profile = ClusterProfile {
        library: None,
        allow: Vec::new(),
        name: text("test"),
        domain: text("kube.internal"),
        timezone: text("Europe/Madrid"),
        ssh_authorized_keys: vec![],
        dns_servers: vec![],
        ntp_servers: vec![],
        ignition: None,
        networks: [].into(),
        pods: None,
        services: None,
        vips: [].into(),
        images: [].into(),
        terraform: None,
        flows: vec![],
        secrets: [].into(),
    };
    Cluster { profile, nodes, vips: vec![] }
}

pub(super) fn node() -> Node {
    Node {
        name: "lb1".to_owned(),
        span: Span::whole(file_id()),
        description: None,
        hostname: "lb1".to_owned(),
        fqdn: "lb1.kube.internal".to_owned(),
        os: Os::Almalinux,
        build: true,
        router: false,
        uplink: None,
        roles: vec![],
        ignition: IgnitionVersion::V3_4_0,
        interfaces: vec![Interface {
            name: text("eth7"),
            network: text("lan"),
            cidr: "192.168.0.0/24".parse().unwrap(),
            address: here("192.168.0.30".parse().unwrap()),
            mac: Some(here("52:54:00:12:34:56".parse().unwrap())),
            gateway: Some(here("192.168.0.1".parse().unwrap())),
            mtu: None,
            carries_vip: true,
            link: bake::model::cluster::Link::Card,
        }],
        routes: vec![
            route("0.0.0.0/0", "192.168.0.1", false, "default route"),
            route("10.42.0.0/16", "192.168.0.40", false, "pods, without NAT: straight to the router"),
        ],
        dns_servers: vec![here("10.17.3.11".parse().unwrap()), here("1.1.1.1".parse().unwrap())],
        vips: vec![],
        fragments: vec![],
        sysctls: [].into(),
        kernel_modules: vec![],
        listens: vec![],
        containers: [].into(),
        services: [].into(),
        extensions: [].into(),
        requires: vec![text("sh"), text("chronyd")],
        values: [].into(),
        machine: None,
        inputs: vec![],
    }
}

pub(super) fn route(to: &str, via: &str, on_link: bool, reason: &str) -> Route {
    Route {
        destination: to.parse().unwrap(),
        gateway: via.parse().unwrap(),
        on_link,
        interface: "eth7".to_owned(),
        reason: reason.to_owned(),
        span: Span::whole(file_id()),
    }
}

/// What the node gets, and what was found on the way.
pub(super) fn lowered(part: &Part, node: &Node) -> (CloudInit, Vec<bake::diag::Diagnostic>) {
    let cluster = cluster(vec![node.clone()]);
    let network =
        NetworkFiles { config: network_config::lower(node, &cluster), keyfiles: networkmanager::lower(node, &cluster) };
    let mut sink = Sink::default();
    let documents = cloud_init::lower(part, node, &cluster, network, &mut sink);
    (documents, sink.finish())
}

pub(super) fn data(bytes: &[u8]) -> Resource {
    let source = format!("data:;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes));
    Resource { source: Some(source), ..Resource::default() }
}

pub(super) fn file(path: &str, mode: i64, bytes: &[u8]) -> File {
    File { path: path.to_owned(), mode: Some(mode), contents: data(bytes), ..File::default() }
}

pub(super) fn directory(path: &str, mode: Option<i64>) -> Directory {
    Directory { path: path.to_owned(), mode, ..Directory::default() }
}

pub(super) fn link(path: &str, target: &str) -> Link {
    Link { path: path.to_owned(), target: Some(target.to_owned()), ..Link::default() }
}

pub(super) fn unit(name: &str, enabled: Option<bool>, contents: &str) -> Unit {
    let contents = (!contents.is_empty()).then(|| contents.to_owned());
    Unit { name: name.to_owned(), enabled, contents, ..Unit::default() }
}

pub(super) fn user(name: &str) -> NodeUser {
    NodeUser { id: None, name: Some(name.to_owned()) }
}

pub(super) fn group(name: &str) -> NodeGroup {
    NodeGroup { id: None, name: Some(name.to_owned()) }
}

/// Not the other one: cloud-init writes a key once, whatever its comments.
const OTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtherFakeFakeFakeFakeFakeFakeFakeFakeFakeFak";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake";

fn service(after: &str) -> String {
    format!("[Unit]\nAfter={after}\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
}

/// Everything that both engines can do to a tree.
pub(super) fn part() -> Part {
    let passwd = Passwd {
        groups: vec![
            PasswdGroup { name: "app".to_owned(), gid: Some(2000), ..PasswdGroup::default() },
            PasswdGroup { name: "team".to_owned(), gid: Some(2001), ..PasswdGroup::default() },
            PasswdGroup { name: "voice".to_owned(), should_exist: Some(false), ..PasswdGroup::default() },
            PasswdGroup { name: "tools".to_owned(), system: Some(true), ..PasswdGroup::default() },
        ],
        users: vec![
            PasswdUser {
                name: "core".to_owned(),
                uid: Some(500),
                gecos: Some("the operator, who else?".to_owned()),
                groups: vec!["sudo".to_owned(), "team".to_owned()],
                shell: Some("/bin/bash".to_owned()),
                password_hash: Some("$6$fake$fake".to_owned()),
                ssh_authorized_keys: vec![format!("{KEY} a@b"), format!("{OTHER_KEY} c@d")],
                ..PasswdUser::default()
            },
            PasswdUser {
                name: "app".to_owned(),
                uid: Some(2000),
                primary_group: Some("app".to_owned()),
                home_dir: Some("/var/lib/app".to_owned()),
                no_create_home: Some(true),
                shell: Some("/usr/sbin/nologin".to_owned()),
                system: Some(true),
                ..PasswdUser::default()
            },
            PasswdUser { name: "news".to_owned(), should_exist: Some(false), ..PasswdUser::default() },
            PasswdUser {
                name: "solo".to_owned(),
                uid: Some(2002),
                no_user_group: Some(true),
                no_log_init: Some(true),
                groups: vec!["tools".to_owned()],
                ..PasswdUser::default()
            },
            PasswdUser {
                name: "console".to_owned(),
                uid: Some(2003),
                no_create_home: Some(true),
                password_hash: Some("$6$fake$other".to_owned()),
                ..PasswdUser::default()
            },
            PasswdUser { name: "games".to_owned(), shell: Some("/bin/sh".to_owned()), ..PasswdUser::default() },
        ],
    };
    let packed = {
        use std::io::Write as _;
        let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::best());
        encoder.write_all(b"#!/bin/sh\necho packed\n").unwrap();
        encoder.finish().unwrap()
    };
    let gzip = Resource { compression: Some("gzip".to_owned()), ..data(&packed) };
    let hello = "sha512-9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043";
    let hashed = Resource { verification: Verification { hash: Some(hello.to_owned()) }, ..data(b"hello") };
    let appended =
        |path: &str, piece: &[u8]| File { path: path.to_owned(), append: vec![data(piece)], ..File::default() };
    let owned = |file: File| File { user: user("app"), group: group("app"), ..file };
    let core = |file: File| File { user: user("core"), group: group("core"), ..file };
    let files = vec![
        file("/etc/haproxy/haproxy.cfg", 0o644, b"global\n  log stdout\n\n\tx yes # 12:30 \n"),
        owned(file("/var/lib/app/secret", 0o600, &[0, 1, 2, 3, 255])),
        owned(file("/srv/made/by/nobody", 0o640, b"parents are root's\n")),
        File { path: "/opt/bin/packed".to_owned(), mode: Some(0o755), contents: gzip, ..File::default() },
        File { path: "/etc/hashed".to_owned(), contents: hashed, ..File::default() },
        appended("/etc/issue", b"appended\n"),
        File { append: vec![data(b"two\n"), data(b"three\n")], ..file("/etc/pieces", 0o600, b"one\n") },
        File { path: "/etc/empty".to_owned(), mode: Some(0o640), ..File::default() },
        File { path: "/etc/issue.net".to_owned(), mode: Some(0o600), ..File::default() },
        File { overwrite: Some(true), ..file("/etc/debian_version", 0o600, b"") },
        File { overwrite: Some(true), ..file("/etc/alternatives/pager", 0o644, b"not a link any more\n") },
        File { overwrite: Some(true), ..file("/etc/hostname", 0o644, b"lb1\n") },
        File {
            user: NodeUser { id: Some(65533), name: None },
            group: NodeGroup { id: Some(65532), name: None },
            ..file("/etc/numeric", 0o640, b"x")
        },
        owned(file("/srv/suid", 0o6755, b"#!/bin/sh\n")),
        File { user: user("games"), ..file("/etc/image-user", 0o640, b"x") },
        file("/etc/closed", 0, b"nobody but root\n"),
        core(file("/home/core/.config/app/a.conf", 0o600, b"in folders that are root's\n")),
        core(File { mode: Some(0o640), ..appended("/home/core/.config/app/log", b"begun\n") }),
        file("/home/core/.local/bin/tool", 0o755, b"#!/bin/sh\n"),
        file("/etc/with blank/100% \"odd\"", 0o644, b"odd\n"),
        file("/etc/crlf", 0o644, b"one\r\ntwo\r\n"),
        file("/etc/none", 0o644, b""),
        file("/etc/no-newline", 0o644, b"a: b\n- c"),
        file("/etc/blanks", 0o644, b"\n\n  leading\ntrailing  \n\n\n"),
        file("/etc/unicode", 0o644, "é \u{feff}\u{2028}\u{85} 🎉\n".as_bytes()),
        file("/etc/zeros", 0o644, &[0; 5000]),
        file("/etc/sysctl.d/90-bake.conf", 0o644, b"net.ipv4.ip_nonlocal_bind = 1\n"),
        file("/etc/modules-load.d/bake.conf", 0o644, b"br_netfilter\n"),
        file("/etc/chrony.d/bake.conf", 0o644, b"\n"),
        file(
            "/etc/containers/systemd/keepalived.container",
            0o644,
            b"[Unit]\nAfter=haproxy.service\n[Container]\nImage=x\n[Install]\nWantedBy=multi-user.target\n",
        ),
    ];
    let directories = vec![
        Directory { user: user("app"), group: group("app"), ..directory("/var/lib/app", Some(0o750)) },
        directory("/etc/deep/a/b", Some(0o700)),
        directory("/srv/default", None),
        directory("/srv/sticky", Some(0o777)),
        Directory { user: NodeUser { id: Some(2000), name: None }, ..directory("/srv/numeric dir", Some(0o755)) },
        directory("/opt", Some(0o711)),
        // Whose they are in the image, they stay.
        directory("/var/lib/chrony", Some(0o700)),
        Directory { group: group("app"), ..directory("/var/mail", None) },
        Directory { user: user("core"), group: group("core"), ..directory("/home/core/.cache/a b/c", Some(0o700)) },
    ];
    let over = |link: Link| Link { overwrite: Some(true), ..link };
    let links = vec![
        over(link("/etc/localtime", "../usr/share/zoneinfo/Europe/Madrid")),
        Link { hard: Some(true), ..link("/etc/hard", "/etc/hashed") },
        Link { user: user("app"), ..link("/etc/extensions/x.raw", "/opt/x y%.raw") },
        over(link("/etc/legal", "issue")),
        Link { user: user("core"), group: group("core"), ..link("/home/core/.config/app/latest", "a.conf") },
        over(link("/home/core/.config/-n", "100%")),
    ];
    let dropin = |name: &str, contents: &str| Dropin { name: name.to_owned(), contents: Some(contents.to_owned()) };
    let units = vec![
        unit("late.service", Some(true), &service("haproxy.service")),
        unit("haproxy.service", Some(true), &service("network-online.target")),
        unit("echo@a.service", Some(true), ""),
        unit("echo@.service", None, &service("late.service")),
        unit("spare@.service", Some(true), &(service("basic.target") + "DefaultInstance=one\n")),
        unit("bare@.service", Some(true), &service("basic.target")),
        Unit { dropins: vec![dropin("10-nice.conf", "[Service]\nNice=5\n")], ..unit("ssh.service", None, "") },
        unit("chrony.service", Some(false), ""),
        Unit { mask: Some(true), ..unit("locksmithd.service", None, "") },
        unit(
            "guard.service",
            Some(true),
            "[Unit]\nBefore=network-pre.target\n[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
        ),
        unit(
            "srv-data.mount",
            Some(true),
            "[Mount]\nWhat=/dev/disk/by-id/virtio-data\nWhere=/srv/data\n[Install]\nWantedBy=local-fs.target\n",
        ),
        unit("idle.service", None, &service("basic.target")),
    ];
    let filesystems = vec![Filesystem {
        device: "/dev/disk/by-id/virtio-data".to_owned(),
        format: Some("ext4".to_owned()),
        label: Some("data".to_owned()),
        path: Some("/srv/data".to_owned()),
        mount_options: vec!["noatime".to_owned()],
        ..Filesystem::default()
    }];
    let config = Config {
        ignition: Ignition { version: "3.3.0".to_owned(), ..Ignition::default() },
        passwd,
        storage: Storage { directories, files, filesystems, links, ..Storage::default() },
        systemd: Systemd { units },
        ..Config::default()
    };
    let secret_files = ["/var/lib/app/secret".to_owned()].into();
    Part { config, secret_files, ..Part::default() }
}
