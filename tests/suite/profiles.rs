//! Projects of a few files in memory: what is reported, where and in which words.
//!
//! A case is `tests/cases/profiles/<name>.case`: sections `=== path` on top of those of `base.project`
//! (`=== path -` takes a file away, `=== path hex` writes bytes, `=== path zeros` that many of them, `=== path -> target` makes a symbolic link,
//! `=== env NAME` sets a variable; a path that begins with `../../` is one of the project's library). What is reported stands beside it in `<name>.expected`; `BLESS=1` rewrites that.

use crate::support::{projects, repository};
use bake::diag::{Diagnostic, Sink, Sources, Span};
use bake::load::project::{self, Instance, Project};
use bake::model::local::TreeNode;
use bake::world::memory::MemoryWorld;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/profiles")
}

#[allow(clippy::disallowed_methods, reason = "tests read their cases from the disk")]
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// What a section says about a file.
enum Section {
    Text(String),
    Bytes(Vec<u8>),
    Link(String),
    Env(Vec<u8>),
    Gone,
}

fn sections(text: &str) -> BTreeMap<String, Section> {
    let mut sections = BTreeMap::new();
    for part in text.split("\n=== ").skip(usize::from(!text.starts_with("=== "))) {
        let part = part.strip_prefix("=== ").unwrap_or(part);
        let (head, body) = part.split_once('\n').unwrap_or((part, ""));
        let body = if body.is_empty() || body.ends_with('\n') { body.to_owned() } else { format!("{body}\n") };
        let (name, section) = if let Some(name) = head.strip_suffix(" -") {
            (name, Section::Gone)
        } else if let Some(name) = head.strip_suffix(" hex") {
            let byte = |pair: &str| u8::from_str_radix(pair, 16).expect("two hexadecimal digits");
            (name, Section::Bytes(body.split_whitespace().map(byte).collect()))
        } else if let Some(name) = head.strip_suffix(" zeros") {
            (name, Section::Bytes(vec![0; body.trim().parse().expect("a number")]))
        } else if let Some((name, target)) = head.split_once(" -> ") {
            (name, Section::Link(target.to_owned()))
        } else if let Some(name) = head.strip_prefix("env ") {
            (name, Section::Env(body.trim_end().into()))
        } else {
            (head, Section::Text(body))
        };
        sections.insert(name.to_owned(), section);
    }
    sections
}

/// Where the cases have their library.
const LIBRARY: &str = "../../";

/// The files of these texts, later ones on top.
pub fn world(texts: &[&str]) -> MemoryWorld {
    let mut all = BTreeMap::new();
    for text in texts {
        all.extend(sections(text));
    }
    let (mut world, mut library) = (MemoryWorld::new(), MemoryWorld::new());
    for (path, section) in all {
        let (world, path) = match path.strip_prefix(LIBRARY) {
            Some(path) => (&mut library, path.to_owned()),
            None => (&mut world, path),
        };
        match section {
            Section::Text(text) => world.file(path, text),
            Section::Bytes(bytes) => world.file(path, bytes),
            Section::Link(target) => world.link(path, target),
            Section::Env(value) => world.env(path, value),
            Section::Gone => world,
        };
    }
    world.library_at(LIBRARY, library);
    world
}

/// What is in the files of these texts, later ones on top; `None` takes a file away.
pub fn contents(texts: &[&str]) -> BTreeMap<String, Option<Vec<u8>>> {
    let all = texts.iter().flat_map(|text| sections(text));
    let content = |(path, section)| match section {
        Section::Text(text) => Some((path, Some(text.into_bytes()))),
        Section::Bytes(bytes) => Some((path, Some(bytes))),
        Section::Gone => Some((path, None)),
        Section::Link(_) | Section::Env(_) => None,
    };
    all.filter_map(content).collect()
}

/// The texts of the sections, by path.
pub fn texts(texts: &[&str]) -> BTreeMap<String, String> {
    let all = texts.iter().flat_map(|text| sections(text));
    let text = |(path, section)| if let Section::Text(text) = section { Some((path, text)) } else { None };
    all.filter_map(text).collect()
}

/// Loads a project and, if that works, makes every fragment of every node.
fn run(world: &MemoryWorld) -> (Sources, Vec<Diagnostic>, Option<Project>) {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let project = project::load(world, "profiles", &mut sources, &mut sink);
    if let Some(project) = &project {
        for node in project.cluster.nodes.iter().filter(|node| node.build) {
            for fragment in &node.fragments {
                let before = sink.errors();
                let instance = project.instantiate(node, fragment, &mut sink);
                assert_eq!(instance.is_none(), sink.errors() > before, "{fragment}: no result without a reason");
            }
        }
    }
    (sources, sink.finish(), project)
}

fn place(sources: &Sources, span: Span) -> String {
    let start = sources.position(span.file, span.start);
    format!("{}:{}:{}", sources.get(span.file).name(), start.line, start.column)
}

/// Findings as the cases spell them.
pub fn report(sources: &Sources, found: &[Diagnostic]) -> String {
    let mut text = String::new();
    for one in found {
        let at = one.span.map_or_else(|| "-".to_owned(), |span| place(sources, span));
        writeln!(text, "{} {} {at}\n  {}", one.severity.as_str(), one.code.id(), one.message).unwrap();
        for related in &one.related {
            writeln!(text, "  also {}: {}", place(sources, related.span), related.message).unwrap();
        }
        if let Some(hint) = &one.hint {
            writeln!(text, "  hint: {hint}").unwrap();
        }
    }
    text
}

#[allow(clippy::disallowed_methods, reason = "tests read their cases from the disk")]
#[test]
fn cases() {
    let bless = std::env::var("BLESS").is_ok();
    let base = read(&folder().join("base.project")).unwrap();
    let mut wrong = Vec::new();
    let mut names: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "base.project")
        .collect();
    let cases: Vec<String> = names.iter().filter_map(|name| name.strip_suffix(".case")).map(str::to_owned).collect();
    assert!(cases.len() > 40, "only {} cases were found", cases.len());
    for case in cases {
        names.remove(&format!("{case}.case"));
        names.remove(&format!("{case}.expected"));
        let text = read(&folder().join(format!("{case}.case"))).unwrap();
        let (sources, found, _) = run(&world(&[&base, &text]));
        let actual = report(&sources, &found);
        assert!(!found.is_empty(), "{case}: nothing is reported");
        assert!(!actual.contains("hunter2"), "{case}: shows a secret");
        for one in &found {
            assert!(!one.message.ends_with('.'), "{case}: `{}` ends in a full stop", one.message);
            assert!(one.message.starts_with(|c: char| !c.is_uppercase()), "{case}: `{}` is upper-case", one.message);
        }
        let path = folder().join(format!("{case}.expected"));
        if bless {
            std::fs::write(&path, &actual).unwrap();
        } else if read(&path).as_deref() != Some(&actual) {
            wrong.push(format!("{case}: expected\n{}but got\n{actual}", read(&path).unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.is_empty(), "files that belong to no case: {names:?}");
}

/// The base project without changes.
fn good() -> (Sources, Project) {
    let (sources, found, project) = run(&world(&[&read(&folder().join("base.project")).unwrap()]));
    assert_eq!(report(&sources, &found), "");
    (sources, project.unwrap())
}

#[test]
fn routes_have_next_hops() {
    let (_, project) = good();
    let routes = |name: &str| -> Vec<String> {
        let routes = &project.cluster.node(name).unwrap().routes;
        routes
            .iter()
            .map(|route| format!("{} via {} dev {}", route.destination, route.gateway, route.interface))
            .collect()
    };
    assert_eq!(
        routes("balancer1"),
        [
            "0.0.0.0/0 via 192.168.0.1 dev eth0",
            "10.0.0.0/24 via 192.168.0.40 dev eth0",
            "10.42.0.0/16 via 192.168.0.40 dev eth0"
        ]
    );
    // The router is its own gateway on one network, and hands pods to the node that forwards to them.
    assert_eq!(routes("router"), ["0.0.0.0/0 via 192.168.0.1 dev br0", "10.42.0.0/16 via 10.0.0.21 dev virbr1"]);
    assert_eq!(routes("server1"), ["0.0.0.0/0 via 10.0.0.1 dev eth0"]);
    let reason = &project.cluster.node("balancer1").unwrap().routes[1].reason;
    assert_eq!(reason, "the API servers");
}

#[test]
fn pod_shares_go_to_their_nodes() {
    let base = read(&folder().join("base.project")).unwrap();
    let base = base.replace("  via: server1\n", "  nodes: {server1: 10.42.7.0/24}\n");
    let (sources, found, project) = run(&world(&[&base]));
    assert_eq!(report(&sources, &found), "");
    let project = project.unwrap();
    let routes = |name: &str| -> Vec<String> {
        let routes = project.cluster.node(name).unwrap().routes.iter().skip(1);
        routes.map(|route| format!("{} via {}", route.destination, route.gateway)).collect()
    };
    assert_eq!(routes("router"), ["10.42.7.0/24 via 10.0.0.21"]);
    assert_eq!(routes("balancer1"), ["10.0.0.0/24 via 192.168.0.40", "10.42.0.0/16 via 192.168.0.40"]);
}

#[test]
fn a_next_hop_can_be_written() {
    let base = read(&folder().join("base.project")).unwrap();
    let wish = "{to: 10.42.3.0/24, via: 10.0.0.21, on_link: true, reason: straight to worker pods}";
    let base = base.replace("{to: pods, reason: pods see who calls}", wish);
    let (sources, found, project) = run(&world(&[&base]));
    assert_eq!(report(&sources, &found), "");
    let project = project.unwrap();
    let route = project.cluster.node("balancer1").unwrap().routes.last().unwrap();
    assert_eq!((route.destination.to_string().as_str(), route.on_link), ("10.42.3.0/24", true));
    assert_eq!((route.gateway, route.interface.as_str()), (Ipv4Addr::new(10, 0, 0, 21), "eth0"));
}

#[test]
fn roles_compose() {
    let (_, project) = good();
    let node = project.cluster.node("balancer1").unwrap();
    let fragments: Vec<&str> = node.fragments.iter().map(|fragment| fragment.as_str()).collect();
    assert_eq!(fragments, ["base", "balancer"]);
    let sysctls: Vec<_> = node.sysctls.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(sysctls, [("net.ipv4.ip_nonlocal_bind", "1"), ("vm.swappiness", "1")], "the later role wins");
    assert_eq!(format!("{:?}", node.values["color"]), "Text(\"red\")", "the node wins over its roles");
    let listens: Vec<_> = node.listens.iter().map(|listen| (listen.name.as_str(), listen.sources.len())).collect();
    assert_eq!(listens, [("ssh", 1), ("vrrp", 2), ("api", 0)]);
    assert_eq!(node.listens[1].sources[0].to_string(), "192.168.0.30/32");
    assert_eq!(
        node.inputs,
        [
            "profiles/cluster.yaml",
            "profiles/nodes/balancer1.yaml",
            "profiles/roles/balancer.yaml",
            "profiles/roles/base.yaml"
        ]
    );
    let dns: Vec<String> =
        project.cluster.node("server1").unwrap().dns_servers.iter().map(ToString::to_string).collect();
    assert_eq!(dns, ["10.0.0.53", "1.1.1.1"], "the network's resolvers");
    let vip = &project.cluster.vips[0];
    assert_eq!(vip.candidates, ["balancer1", "balancer2"], "highest priority first");
    assert_eq!(vip.ports[0].backends, ["server1"]);
    assert!(node.interfaces[0].carries_vip);
    assert_eq!((node.vips[0].interface.as_str(), node.vips[0].priority.value), ("eth0", 150));
}

#[test]
fn fragments_can_be_for_some_systems_only() {
    let base = read(&folder().join("base.project")).unwrap();
    let base = base
        .replace("  - name: base\n", "  - {name: base, os: [flatcar]}\n  - {name: balancer, os: [rocky, almalinux]}\n");
    let (sources, found, project) = run(&world(&[&base]));
    assert_eq!(report(&sources, &found), "");
    let project = project.unwrap();
    let fragments = |name: &str| -> Vec<String> {
        project.cluster.node(name).unwrap().fragments.iter().map(|fragment| fragment.value.clone()).collect()
    };
    assert_eq!(fragments("balancer1"), ["balancer"], "named by two roles, merged once");
    assert_eq!(fragments("server1"), ["base"]);
}

fn instance(project: &Project, node: &str, fragment: &str) -> Instance {
    let mut sink = Sink::default();
    let instance = project.instantiate(project.cluster.node(node).unwrap(), fragment, &mut sink);
    assert_eq!(sink.errors(), 0);
    instance.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn fragments_become_a_nodes_own() {
    let (_, project) = good();
    let base = instance(&project, "balancer1", "base");
    let motd = base.document.scalars().find(|(_, text, _)| text.starts_with("This is")).unwrap().1;
    assert_eq!(motd, "This is balancer1.kube.internal,\ncolor red.\n");
    assert_eq!(*base.inputs, ["butane/base.bu".to_owned()]);
    assert!(base.secrets.is_empty());

    let balancer = instance(&project, "balancer2", "balancer");
    let keepalived = balancer.locals.file("keepalived.conf.j2").unwrap();
    assert_eq!(text(&keepalived.bytes), "api 100 on eth0 from 192.168.0.31 to 192.168.0.30\npass hunter2-vrrp\n");
    assert!(keepalived.secret);
    let plain = balancer.locals.file("plain.txt").unwrap();
    assert_eq!(text(&plain.bytes), "Not {{ a template }}.\n", "only `.j2` files are rendered");
    assert!(!plain.secret);
    let tree = balancer.locals.tree("scripts").unwrap();
    let names: Vec<&str> = tree.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["", "notify.sh"]);
    assert!(
        matches!(&tree[1].1, TreeNode::File { bytes: Ok(bytes), executable: false, .. } if bytes == b"#!/bin/sh\n")
    );
    assert_eq!(project.secrets.redact("pass hunter2-vrrp"), "pass <secret vrrp_password>");
    assert!(!project.is_constant("base") && !project.is_constant("balancer"));
}

/// What one scalar of a fragment becomes.
fn scalar(written: &str) -> (String, bool) {
    let base = read(&folder().join("base.project")).unwrap();
    let base = base.replace("mode: 0644", &format!("mode: {written}"));
    let (sources, found, project) = run(&world(&[&base]));
    assert_eq!(report(&sources, &found), "", "{written}");
    let instance = instance(&project.unwrap(), "balancer1", "base");
    let path = ["storage", "files"].into_iter().map(bake::model::Step::from).chain([0.into(), "mode".into()]).collect();
    let id = instance.document.find(&path).unwrap();
    (format!("{:?}", instance.document.node(id).content), !instance.secrets.is_empty())
}

#[test]
fn an_expression_keeps_its_type() {
    let plain = |text: &str| (format!("Scalar {{ text: \"{text}\", style: Plain }}"), false);
    assert_eq!(scalar("\"{{ 0 + 42 }}\""), plain("42"));
    assert_eq!(scalar("\"{{ 42 }}\""), plain("42"));
    assert_eq!(scalar("\"{{ node.router }}\""), plain("false"));
    assert_eq!(scalar("\"{{ none }}\""), plain(""));
    assert_eq!(scalar("\"{{ 1.5 * 2 }}\""), plain("3.0"));
    let double = |text: &str| (format!("Scalar {{ text: \"{text}\", style: Double }}"), false);
    assert_eq!(scalar("\"{{ node.name }}\""), double("balancer1"));
    assert_eq!(scalar("\"{{ 4 }}{{ 2 }}\""), double("42"));
    assert_eq!(scalar("\" {{ 42 }}\""), double(" 42"));
    assert_eq!(scalar("\"{% if node.router %}1{% else %}2{% endif %}\""), double("2"));
    assert!(scalar("\"{{ node.roles }}\"").0.starts_with("Sequence"));
    assert!(scalar("\"{{ {'a': 1} }}\"").0.starts_with("Mapping"));
    assert!(scalar("\"{{ secrets.vrrp_password }}\"").1);
    assert!(scalar("\"{{ '%s' | format(secrets.vrrp_password) }}\"").1);
    assert_eq!(scalar("\"{{ '192.168.0.30' | reverse_pointer }}\""), double("30.0.168.192.in-addr.arpa"));
    assert_eq!(scalar("\"{{ role('server') | map(attribute='name') | join }}\""), double("server1"));
    assert_eq!(scalar("\"{{ nodes | length }}\""), plain("4"));
    assert_eq!(scalar("\"{{ nodes[1].address }}\""), double("192.168.0.31"));
    assert_eq!(scalar("\"{{ values.x | default('y') }}\""), double("y"));
    assert_eq!(scalar("\"{{ networks.lan.netmask }}/{{ networks.lan.prefix }}\""), double("255.255.255.0/24"));
    assert_eq!(scalar("\"{{ vips.api.ports[0].backends[0].address }}\""), double("10.0.0.21"));
    assert_eq!(scalar("\"{{ vips.api.candidates[0].name }}\""), double("balancer1"));
}

#[test]
fn aliases_and_merges_are_read() {
    let base = read(&folder().join("base.project")).unwrap();
    let values = "values:\n  a: &a {x: 1, y: 2}\n  b: {<<: *a, y: 3}\n  c: *a\n  d: {<<: [{y: 4}, *a]}\n";
    let base = base.replace("values:\n  color: red\n", values);
    let (sources, found, project) = run(&world(&[&base]));
    assert_eq!(report(&sources, &found), "");
    let values = &project.unwrap().cluster.node("balancer1").unwrap().values.clone();
    let shown = |name: &str| format!("{:?}", values[name]);
    assert_eq!(shown("b"), "Map({\"x\": Integer(1), \"y\": Integer(3)})");
    assert_eq!(shown("c"), "Map({\"x\": Integer(1), \"y\": Integer(2)})");
    assert_eq!(shown("d"), "Map({\"x\": Integer(1), \"y\": Integer(4)})");
}

#[test]
fn included_templates_are_inputs() {
    let base = read(&folder().join("base.project")).unwrap();
    let more = "=== butane/files/keepalived.conf.j2\n{% include 'a.j2' %}\n\
                === butane/files/a.j2\n{% import \"b.j2\" as b %}{{ b.hello(node.name) }}\n\
                === butane/files/b.j2\n{% macro hello(name) %}hello {{ name }}{% endmacro %}\n\
                === butane/files/c.j2\nunused\n";
    let (sources, found, project) = run(&world(&[&base, more]));
    assert_eq!(report(&sources, &found), "");
    let instance = instance(&project.unwrap(), "balancer1", "balancer");
    assert_eq!(text(&instance.locals.file("keepalived.conf.j2").unwrap().bytes), "hello balancer1\n");
    let expected = [
        "butane/balancer.bu",
        "butane/files/a.j2",
        "butane/files/b.j2",
        "butane/files/keepalived.conf.j2",
        "butane/files/plain.txt",
        "butane/files/scripts",
    ];
    assert_eq!(instance.inputs.to_vec(), expected);
}

#[test]
fn a_secret_that_nobody_uses_need_not_be_set() {
    let base = read(&folder().join("base.project")).unwrap();
    let base = base.replace("secrets:\n", "secrets:\n  other: env:NOT_SET\n");
    let (sources, found, project) = run(&world(&[&base]));
    assert_eq!(report(&sources, &found), "");
    assert!(project.is_some());
}

/// A cluster of `count` servers and two balancers.
fn large(count: u32) -> MemoryWorld {
    let base = read(&folder().join("base.project")).unwrap();
    let base = base.replace("cidr: 10.0.0.0/24", "cidr: 10.0.0.0/14").replace(
        "description: K3s server\n",
        "description: K3s server\nlistens:\n  - {name: etcd, port: 2379, from: [\"role:server\"]}\n",
    );
    let mut world = world(&[&base]);
    for number in 0..count {
        let address = Ipv4Addr::from(0x0a01_0000 + number);
        let [_, _, c, d] = address.octets();
        let text = format!(
            "os: flatcar\nroles: [base, server]\ninterfaces:\n  - name: eth0\n    network: k3s\n    address: {address}\n    mac: \"52:54:00:01:{c:02x}:{d:02x}\"\n"
        );
        world.file(format!("profiles/nodes/worker{number}.yaml"), text);
    }
    world
}

#[test]
fn work_is_linear_in_nodes() {
    let time = |count| {
        let world = large(count);
        let start = std::time::Instant::now();
        let (sources, found, project) = run(&world);
        assert_eq!(report(&sources, &found), "");
        let cluster = project.unwrap().cluster;
        assert_eq!(cluster.nodes.len(), count as usize + 4);
        let etcd = cluster.node("worker0").unwrap().listens.last().unwrap();
        assert!(etcd.sources.len() < 64, "adjacent addresses are joined");
        assert!(etcd.sources.iter().any(|net| net.contains(&Ipv4Addr::new(10, 1, 0, 9))));
        start.elapsed()
    };
    // The better of two: other work on the machine can only slow it down.
    let best = |count| time(count).min(time(count));
    let (small, big) = (best(300), best(3000));
    // Ten times the nodes: quadratic work would take a hundred times as long.
    assert!(big < small * 40, "300 nodes take {small:?}, 3000 take {big:?}");
}

#[test]
fn schemas_are_those_of_the_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (kind, schema) in bake::emit::schema::KINDS {
        let path = root.join(format!("schema/{kind}.json"));
        let text = bake::emit::schema::text(&schema());
        #[allow(clippy::disallowed_methods, reason = "tests read their cases from the disk")]
        if std::env::var("BLESS").is_ok() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(read(&path).as_deref() == Some(&text), "schema/{kind}.json is stale: run with BLESS=1");
        let keys = schema();
        let definitions = keys["$defs"].as_object().unwrap();
        for (name, definition) in definitions {
            for (key, property) in definition["properties"].as_object().unwrap() {
                assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}.{key}");
            }
        }
    }
}

/// Every YAML file of a project names the schema that editors check it against.
#[test]
fn profiles_name_their_schema() {
    let kinds =
        [("profiles", "cluster", ".."), ("profiles/roles", "role", "../.."), ("profiles/nodes", "node", "../..")];
    for ((_, root), (folder, kind, up)) in projects().iter().flat_map(|project| kinds.map(|kind| (project, kind))) {
        let up = if root == repository() { up.to_owned() } else { format!("../../{up}") };
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                let first = read(&path).unwrap().lines().next().unwrap_or_default().to_owned();
                assert_eq!(
                    first,
                    format!("# yaml-language-server: $schema={up}/schema/{kind}.json"),
                    "{}",
                    path.display()
                );
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Whatever stands in the files, there is a result or a reason, and no panic.
    #[test]
    fn damaged_projects_do_not_panic(file in 0usize..64, at in 0usize..4096, cut in 0usize..12, piece in 0usize..24) {
        const PIECES: &[&str] = &[
            "", "\n", "  ", "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "<<: *a\n", "\"", "{{ ", " }}", "{% ", "|\n", "!!str ",
            "null", "-1", "99999999999999999999", "\u{0}", "\u{feff}", "é",
        ];
        let base = read(&folder().join("base.project")).unwrap();
        let texts: Vec<(String, String)> = sections(&base)
            .into_iter()
            .filter_map(|(path, section)| if let Section::Text(text) = section { Some((path, text)) } else { None })
            .collect();
        let (path, text) = &texts[file % texts.len()];
        let start = at % (text.len() + 1);
        let end = (start + cut).min(text.len());
        let mut damaged = text.as_bytes()[..start].to_vec();
        damaged.extend_from_slice(PIECES[piece].as_bytes());
        damaged.extend_from_slice(&text.as_bytes()[end..]);
        let mut world = world(&[&base]);
        world.file(path.as_str(), damaged);
        let (sources, found, project) = run(&world);
        let shown = report(&sources, &found);
        proptest::prop_assert!(project.is_some() || !found.is_empty());
        proptest::prop_assert!(!shown.contains("hunter2"));
    }
}

/// A YAML text as JSON.
fn json(text: &str) -> serde_json::Value {
    use bake::load::{decode, yaml::Document};
    use bake::model::{Spanned, data::Data};
    fn convert(data: &Data) -> serde_json::Value {
        match data {
            Data::Null => serde_json::Value::Null,
            Data::Bool(value) => (*value).into(),
            Data::Integer(value) => (*value).into(),
            Data::Float(value) => (*value).into(),
            Data::Text(text) => text.as_str().into(),
            Data::List(items) => items.iter().map(|item| convert(item)).collect(),
            Data::Map(entries) => entries.iter().map(|(key, item)| (key.clone(), convert(item))).collect(),
        }
    }
    let mut sink = Sink::default();
    let document = Document::parse(Sources::default().add("x", text), text).unwrap();
    let data: Spanned<Data> = decode::decode(&document, &mut sink).unwrap();
    convert(&data)
}

/// What an editor would say about the repository's own files.
#[test]
fn our_own_files_satisfy_the_schemas() {
    let folders = [
        ("profiles", "cluster", "yaml"),
        ("profiles/roles", "role", "yaml"),
        ("profiles/nodes", "node", "yaml"),
        ("butane", "butane", "bu"),
    ];
    for ((_, root), (folder, kind, extension)) in
        projects().iter().flat_map(|project| folders.map(|folder| (project, folder)))
    {
        let (_, schema) = bake::emit::schema::KINDS.iter().find(|(name, _)| *name == kind).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for path in
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == extension))
        {
            // Old-style octal numbers are Butane's; our strict reader refuses them.
            let text = read(&path).unwrap().replace("mode: 0", "mode: 0o");
            let instance = json(&text);
            let errors: Vec<String> =
                validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        }
    }
}

/// The schemas refuse what the reader refuses.
#[test]
fn schemas_refuse_bad_files() {
    let validator = jsonschema::validator_for(&bake::emit::schema::node()).unwrap();
    let node = "os: flatcar\ninterfaces: [{name: eth0, network: lan, address: 10.0.0.1, mac: \"52:54:00:00:00:01\"}]\n";
    assert!(validator.is_valid(&json(node)));
    for (good, bad) in
        [("os: flatcar\n", ""), ("flatcar", "flatcat"), ("interfaces", "intefaces"), ("\"52:54:00:00:00:01\"", "x")]
    {
        assert!(!validator.is_valid(&json(&node.replace(good, bad))), "{bad}");
    }
}
