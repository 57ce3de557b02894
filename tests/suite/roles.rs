//! The library's roles: everyone on every system that it runs on, their pages, and what real daemons make of their files.

use crate::support::{all_projects, bake, built, engine, python, repository, root, run, said, skip};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names of the library's roles.
fn roles() -> Vec<String> {
    let entries = fs::read_dir(repository().join("profiles/roles")).expect("roles").map(|entry| entry.expect("entry"));
    let mut names: Vec<String> =
        entries.map(|entry| entry.path().file_stem().expect("name").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The words of a list `key: [a, b]` at the beginning of a line.
fn list(text: &str, key: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": [")?.strip_suffix(']'));
    line.into_iter().flat_map(|line| line.split(", ")).map(str::to_owned).collect()
}

#[test]
fn every_role_is_built_on_every_system_that_it_runs_on() {
    let mut seen: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (_, project) in all_projects() {
        for entry in fs::read_dir(project.join("profiles/nodes")).expect("nodes") {
            let text = fs::read_to_string(entry.expect("entry").path()).expect("text");
            let system = if text.contains("\nos: flatcar") { "flatcar" } else { "el" };
            if !text.contains("\nbuild: false") {
                for role in list(&text, "roles") {
                    seen.entry(role).or_default().insert(system);
                }
            }
        }
    }
    for role in roles() {
        let text = fs::read_to_string(repository().join(format!("profiles/roles/{role}.yaml"))).expect("text");
        let able = list(&text, "os");
        let runs = |names: &[&str]| able.is_empty() || able.iter().any(|os| names.contains(&os.as_str()));
        let wanted = [("flatcar", runs(&["flatcar"])), ("el", runs(&["almalinux", "rocky"]))];
        let missing =
            wanted.iter().filter(|(os, runs)| *runs && !seen.get(&role).is_some_and(|seen| seen.contains(os)));
        // Whether a dashboard is wanted makes no difference between systems.
        let missing: Vec<&str> = missing.map(|(os, _)| *os).filter(|_| role != "traefik-dashboard").collect();
        assert!(missing.is_empty(), "no project builds `{role}` on {missing:?}");
    }
}

#[test]
fn every_role_has_its_page() {
    let folder = repository().join("docs/roles");
    let mut index =
        "# Roles\n\nMade from `profiles/roles/`; `BLESS=1 cargo test --test suite roles` writes these pages anew, and \
                     `bake explain role NAME`\nprints one.\n\n| role | what for |\n|---|---|\n"
            .to_owned();
    let mut pages = Vec::new();
    for role in roles() {
        let output = run(bake().current_dir(repository()).args(["explain", "role", &role]));
        assert!(output.status.success(), "{role}: {}", said(&output));
        let page = String::from_utf8(output.stdout).expect("UTF-8");
        for line in page.lines().filter(|line| line.starts_with("| `") && line.contains("| `")) {
            let what = line.trim_end_matches('|').rsplit(" | ").next().unwrap_or_default().trim();
            // What only says another value for what an earlier role describes is described there.
            let again =
                ["k3s_node_labels", "k3s_node_taints", "traefik_dashboard"].iter().any(|name| line.contains(name));
            assert!(!what.is_empty() || again, "{role}: a value without a description: {line}");
        }
        let what = page.lines().nth(2).expect("a description").trim_end_matches('.');
        let _ = writeln!(index, "| [`{role}`]({role}.md) | {what} |");
        pages.push((format!("{role}.md"), page));
    }
    pages.push(("README.md".to_owned(), index));
    if std::env::var_os("BLESS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("folder");
    }
    for (name, page) in &pages {
        let path = folder.join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, page).expect("written");
        }
        let stands = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stands, *page, "docs/roles/{name} is stale: run with BLESS=1");
    }
    assert_eq!(fs::read_dir(&folder).expect("folder").count(), pages.len(), "pages of roles that are gone");
    let unknown = run(bake().current_dir(repository()).args(["explain", "role", "hypervizor"]));
    assert!(!unknown.status.success() && said(&unknown).contains("did you mean `hypervisor`?"), "{}", said(&unknown));
}

/// What everybody got from a daemon that runs a node's files; `None` where it cannot run.
fn served(what: &str, tree: &Path, [address, client, stranger]: [&str; 3], arg: &str) -> Option<Value> {
    if !root() || engine("nft").is_none() || engine("ip").is_none() {
        return None;
    }
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "120", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "--propagation", "private"]).arg(python()?);
    command.arg(repository().join("tests/engines/served.py")).arg(what).arg(tree);
    let output = run(command.args([address, client, stranger, arg]));
    assert!(output.status.success(), "{}: {}", tree.display(), said(&output));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// The addresses of a project's nodes, and of those with a role.
fn nodes(dist: &Path) -> Vec<(String, String, Vec<String>)> {
    let text = fs::read_to_string(dist.join("cluster.json")).expect("cluster.json");
    let cluster: Value = serde_json::from_str(&text).expect("JSON");
    let nodes = cluster["nodes"].as_array().expect("nodes").iter().map(|node| {
        let strings = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|one| one.as_str().expect("text").to_owned()).collect()
        };
        let card = &node["interfaces"].as_array().expect("interfaces")[0];
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let address = text(&card["address"]);
        let address = address.split('/').next().unwrap_or_default().to_owned();
        (text(&node["name"]), address, strings(&node["roles"]))
    });
    nodes.collect()
}

/// `project/node` and its tree, for every node with a file.
fn with(path: &str) -> Vec<(String, PathBuf)> {
    built().map(|built| built.each(path)).unwrap_or_default()
}

#[test]
fn names_are_answered_from_the_baked_zones() {
    if engine("named").is_none() {
        return;
    }
    for (name, corefile) in with("etc/coredns/Corefile") {
        let (project, node) = name.split_once('/').expect("project");
        let tree = corefile.ancestors().nth(3).expect("tree");
        let all = nodes(&built().expect("built").dist.join(project));
        let address = &all.iter().find(|(other, ..)| other == node).expect("itself").1;
        let mut questions = Vec::new();
        let mut expected = Vec::new();
        for (other, at, _) in &all {
            questions.push(serde_json::json!([format!("{other}.kube.internal"), "A"]));
            expected.push(serde_json::json!([at]));
            let octets: Vec<&str> = at.split('.').rev().collect();
            questions.push(serde_json::json!([format!("{}.in-addr.arpa", octets.join(".")), "PTR"]));
            expected.push(serde_json::json!([format!("{other}.kube.internal")]));
        }
        let of = |role: &str| -> Vec<&str> {
            let mut found: Vec<&str> = all
                .iter()
                .filter(|(_, _, roles)| roles.iter().any(|own| own == role))
                .map(|(_, address, _)| address.as_str())
                .collect();
            found.sort_unstable();
            found
        };
        for (service, role) in [("ntp", "ntp"), ("k3s", "k3s-server"), ("postgresql", "postgresql")] {
            questions.push(serde_json::json!([format!("{service}.kube.internal"), "A"]));
            expected.push(serde_json::json!(of(role)));
        }
        questions.push(serde_json::json!(["nobody.kube.internal", "A"]));
        expected.push(serde_json::json!([]));
        let asked = Value::from(questions.clone()).to_string();
        let Some(said) = served("dns", tree, [address, "10.17.3.99", "203.0.113.9"], &asked) else { return };
        for ((question, expected), answer) in questions.iter().zip(&expected).zip(said["client"].as_array().unwrap()) {
            assert_eq!(answer, expected, "{name}: {question}");
        }
        assert!(said["stranger"].as_array().unwrap().iter().all(Value::is_null), "{name}: a stranger is answered");
    }
}

#[test]
fn time_is_told_to_those_who_may_ask() {
    if engine("chronyd").is_none() {
        return;
    }
    for (name, conf) in with("etc/chrony.conf") {
        if !fs::read_to_string(&conf).expect("text").contains("\nallow ") {
            continue;
        }
        let (project, node) = name.split_once('/').expect("project");
        let all = nodes(&built().expect("built").dist.join(project));
        let address = &all.iter().find(|(other, ..)| other == node).expect("itself").1;
        let tree = conf.ancestors().nth(2).expect("tree");
        let Some(said) = served("ntp", tree, [address, "10.17.4.99", "203.0.113.9"], "") else { return };
        let got = &said["client"];
        // Mode 4: a server's answer. Without the Internet it goes by its own clock: `local stratum 10`.
        assert!(got["mode"] == 4 && got["stratum"] == 10 && got["bytes"] == 48, "{name}: {said}");
        assert!(said["stranger"].is_null(), "{name}: {said}");
    }
}

#[test]
fn postgresql_lets_nobody_in_but_the_workers() {
    let servers = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = servers.map(|entry| entry.expect("entry").path().join("bin")).collect();
    found.sort();
    let Some(programs) = found.pop() else { return skip("PostgreSQL's server is not installed") };
    let mut tried = 0;
    for (name, conf) in with("etc/postgresql/pg_hba.conf") {
        let (project, node) = name.split_once('/').expect("project");
        let all = nodes(&built().expect("built").dist.join(project));
        let address = &all.iter().find(|(other, ..)| other == node).expect("itself").1;
        let of = |role: &str| all.iter().find(|(_, _, roles)| roles.iter().any(|own| own == role)).map(|(_, at, _)| at);
        let (Some(worker), Some(server)) = (of("worker"), of("k3s-server")) else { continue };
        let tree = conf.ancestors().nth(3).expect("tree");
        let programs = programs.to_str().expect("UTF-8");
        let Some(said) = served("postgresql", tree, [address, worker, server], programs) else { return };
        // `R`: a password is asked for. Nobody else gets a connection at all, and without the packet filter a refusal.
        assert_eq!(said["client"], "R", "{name}: {said}");
        assert!(said["stranger"].is_null(), "{name}: {said}");
        assert_eq!(said["open"]["client"], "R", "{name}: {said}");
        let refused = said["open"]["stranger"].as_str().expect("an answer");
        assert!(refused.starts_with('E') && refused.contains("no pg_hba.conf entry"), "{name}: {said}");
        tried += 1;
    }
    assert!(tried > 0 || with("etc/postgresql/pg_hba.conf").is_empty(), "no cluster has workers and PostgreSQL");
}

#[test]
fn wireguard_takes_its_configuration() {
    if engine("wg").is_none() || engine("wg-quick").is_none() {
        return;
    }
    let found = with("etc/wireguard/wg0.conf");
    if built().is_none() {
        return;
    }
    assert!(found.len() >= 3, "{found:?}");
    for (name, conf) in found {
        let text = fs::read_to_string(&conf).expect("text");
        let scratch = tempfile::tempdir().expect("scratch");
        // `wg-quick` insists on rights that the trees of other tests do not have.
        let own = scratch.path().join("wg0.conf");
        fs::write(&own, &text).expect("written");
        assert!(run(Command::new("chmod").arg("600").arg(&own)).status.success());
        let output = run(Command::new("wg-quick").arg("strip").arg(&own));
        assert!(output.status.success() && output.stderr.is_empty(), "{name}: {}", said(&output));
        let stripped = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(!stripped.contains("Address") && stripped.contains("PrivateKey"), "{name}: {stripped}");
        for key in
            text.lines().filter_map(|line| line.strip_prefix("PrivateKey = ").or(line.strip_prefix("PublicKey = ")))
        {
            let mut command = Command::new("sh");
            command.args(["-c", "printf '%s\\n' \"$0\" | wg pubkey", key]);
            assert!(run(&mut command).status.success(), "{name}: not a key");
        }
    }
    let server = with("etc/wireguard/wg0.conf").into_iter().find(|(name, _)| name == "other-systems/hypervisor");
    let text = fs::read_to_string(server.expect("a server").1).expect("text");
    for peer in ["# laptop", "# road1", "# road2", "AllowedIPs = 10.17.6.11/32", "ListenPort = 51820"] {
        assert!(text.contains(peer), "{peer}: {text}");
    }
}

#[test]
fn manifests_and_routes_are_what_their_readers_expect() {
    let Some(python) = python() else { return };
    if built().is_none() {
        return;
    }
    let check = |script: &str, files: &[PathBuf]| {
        let output = run(Command::new(&python).args(["-c", script]).args(files));
        assert!(output.status.success(), "{}", said(&output));
    };
    let manifests: Vec<PathBuf> =
        with("var/lib/rancher/k3s/server/manifests/ip-masq-agent.yaml").into_iter().map(|(_, path)| path).collect();
    assert!(!manifests.is_empty(), "nobody has ip-masq-agent");
    check(
        "import sys, yaml\n\
         for path in sys.argv[1:]:\n    \
             config, daemons = yaml.safe_load_all(open(path))\n    \
             inner = yaml.safe_load(config['data']['config'])\n    \
             assert inner['nonMasqueradeCIDRs'] == ['10.42.0.0/16', '10.43.0.0/16', '10.17.0.0/16'], inner\n    \
             spec = daemons['spec']['template']['spec']\n    \
             assert '@sha256:' in spec['containers'][0]['image'] and spec['volumes'][0]['configMap']['name'] == config['metadata']['name']\n",
        &manifests,
    );
    let traefik: Vec<PathBuf> = with("etc/traefik").into_iter().map(|(_, path)| path).collect();
    assert!(traefik.len() >= 3, "{traefik:?}");
    // Every router has a service, an entry point and middlewares that exist; every service is used and has servers; the
    // dashboard is there only behind a password.
    check(
        "import glob, sys, yaml\n\
         for folder in sys.argv[1:]:\n    \
             static = yaml.safe_load(open(folder + '/traefik.yml'))\n    \
             both = [yaml.safe_load(open(path)) for path in sorted(glob.glob(folder + '/dynamic/*.yml'))]\n    \
             assert static['providers']['file']['directory'] == '/etc/traefik/dynamic' and static['ping']['entryPoint'] in static['entryPoints']\n    \
             for kind in ('http', 'tcp'):\n        \
                 parts = [file[kind] for file in both if file and kind in file]\n        \
                 routers = {k: v for part in parts for k, v in part.get('routers', {}).items()}\n        \
                 services = {k: v for part in parts for k, v in part.get('services', {}).items()}\n        \
                 middlewares = {k for part in parts for k in part.get('middlewares', {})}\n        \
                 for name, router in routers.items():\n            \
                     assert set(router['entryPoints']) <= set(static['entryPoints']) and router['rule'], name\n            \
                     assert router['service'] in services or router['service'] == 'api@internal', name\n            \
                     assert set(router.get('middlewares', [])) <= middlewares, name\n        \
                 assert {r['service'] for r in routers.values()} - {'api@internal'} == set(services), kind\n        \
                 assert all(s['loadBalancer']['servers'] for s in services.values()), kind\n    \
             text = ''.join(open(path).read() for path in glob.glob(folder + '/dynamic/*.yml'))\n    \
             assert ('api' in static) == ('basicAuth' in text) and 'insecure: true' not in open(folder + '/traefik.yml').read()\n",
        &traefik,
    );
}
