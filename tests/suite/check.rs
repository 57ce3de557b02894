//! Rules: each fires where it must and is quiet where it must be, on small projects in memory; and what is around
//! them: what profiles accept, the documents that list them, SARIF.
//!
//! `tests/cases/check/<code>-fires.txt` and `<code>-quiet.txt` are sections on top of `base.project`, in the form of
//! `tests/cases/profiles`, or `=== path (changed)` as in `suite/vrrp.rs`. What a firing case gives stands in
//! `<code>-fires.expected`; `BLESS=1` rewrites that.

use crate::profiles::{report, world};
use crate::support::{bake, repository, run, said};
use bake::diag::{Code, Diagnostic, Severity, sarif};
use bake::{Plan, Request};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    repository().join("tests/cases/check")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn base() -> String {
    read(&folder().join("base.project"))
}

/// The first text is the base: sections of the others that are changes are applied to it.
fn checked(sections: &[&str]) -> (Plan, Vec<Diagnostic>) {
    let whole: Vec<String> = sections.iter().map(|case| expanded(sections[0], case)).collect();
    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
    let plan = bake::plan(&world(&whole), &Request { profiles: "profiles".to_owned(), nodes: Vec::new() });
    let found = plan.check(2);
    (plan, found)
}

/// A case with every changed section written out as the whole file.
fn expanded(base: &str, case: &str) -> String {
    let files = crate::profiles::texts(&[base]);
    let mut out = String::new();
    for section in format!("\n{case}").split("\n=== ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        let _ = match head.strip_suffix(" (changed)") {
            Some(path) => {
                let text = files.get(path).unwrap_or_else(|| panic!("no file {path}"));
                write!(out, "=== {path}\n{}\n", crate::vrrp::changed(path, text, body).trim_end())
            }
            None => write!(out, "=== {head}\n{body}\n"),
        };
    }
    out
}

fn codes(found: &[Diagnostic]) -> BTreeSet<&'static str> {
    found.iter().map(|one| one.code.id()).collect()
}

fn bless() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// Compares with a file, or rewrites it.
fn same(path: &Path, actual: &str) -> Result<(), String> {
    if bless() {
        std::fs::write(path, actual).unwrap();
        return Ok(());
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        Ok(())
    } else {
        Err(format!("{}: expected\n{expected}\nbut got\n{actual}", path.display()))
    }
}

#[test]
fn the_base_gives_no_finding() {
    let (plan, found) = checked(&[&base()]);
    assert_eq!(report(&plan.sources, &found), "");
}

#[test]
fn every_rule_fires_and_is_quiet() {
    let base = base();
    let mut wrong = String::new();
    // Those about Keepalived and HAProxy have a project of their own: `suite/vrrp.rs`.
    for code in Code::ALL.iter().filter(|code| code.is_rule() && !crate::vrrp::covers(**code)) {
        let id = code.id();
        let (fires, quiet) = code.example().unwrap();
        let (plan, found) = checked(&[&base, fires]);
        let shown = report(&plan.sources, &found);
        if codes(&found) != BTreeSet::from([id]) {
            let _ = writeln!(wrong, "{id}: does not fire alone:\n{shown}");
        }
        for one in &found {
            let names = ["Chrony", "Flatcar", "HAProxy", "K3s", "Keepalived", "NetworkManager", "PostgreSQL"];
            let proper = names.iter().any(|name| one.message.starts_with(name));
            let style = !one.message.ends_with('.') && (proper || !one.message.starts_with(char::is_uppercase));
            assert!(style, "{id}: `{}`", one.message);
        }
        assert!(!shown.contains("FAKEhash") && !shown.contains("12345678"), "{id}: shows a secret");
        if let Err(difference) = same(&folder().join(format!("{id}-fires.expected")), &shown) {
            let _ = writeln!(wrong, "{difference}");
        }
        let (plan, found) = checked(&[&base, quiet]);
        if !found.is_empty() {
            let _ = writeln!(wrong, "{id}: is not quiet:\n{}", report(&plan.sources, &found));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_case_belongs_to_a_rule() {
    let rules: BTreeSet<&str> = Code::ALL.iter().filter(|code| code.is_rule()).map(|code| code.id()).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let case = ["-fires.txt", "-quiet.txt", "-fires.expected"].iter().find_map(|end| name.strip_suffix(end));
        assert!(
            ["base.project", "vip.project"].contains(&name.as_str()) || case.is_some_and(|case| rules.contains(case)),
            "{name} belongs to no rule"
        );
    }
}

/// A file of the base project with a line added at its end.
fn with(path: &str, line: &str) -> String {
    let base = base();
    let (_, rest) = base.split_once(&format!("=== {path}\n")).unwrap();
    let text = rest.split("\n=== ").next().unwrap();
    format!("=== {path}\n{text}\n{line}\n")
}

const SYSCTL: &str = "=== butane/extra.bu\nvariant: flatcar\nversion: 1.1.0\nstorage:\n  files:\n    - path: /etc/sysctl.d/50-mine.conf\n      mode: 0644\n      contents: {inline: \"vm.swapiness = 1\\n\"}\n";

#[test]
fn profiles_accept_findings_with_a_reason() {
    let base = base();
    let all = |sections: &[&str]| {
        let mut whole = vec![base.as_str(), SYSCTL];
        whole.extend(sections);
        let (plan, found) = checked(&whole);
        report(&plan.sources, &found)
    };
    assert!(all(&[]).contains("sysctl-unknown"));
    // A node accepts what is about that node; the other one with the fragment still has it.
    let one = with("profiles/nodes/agent1.yaml", "allow: [{rule: sysctl-unknown, reason: ours}]");
    assert!(all(&[&one]).contains("sysctl-unknown"));
    let two = with("profiles/nodes/balancer1.yaml", "allow: [{rule: sysctl-unknown, reason: ours, value: swapiness}]");
    assert_eq!(all(&[&one, &two]), "");
    // A role accepts by the file that the finding is in.
    let role = with("profiles/roles/extra.yaml", "allow: [{rule: sysctl-unknown, reason: ours, file: butane/ext*}]");
    assert_eq!(all(&[&role]), "");
    let other =
        with("profiles/roles/extra.yaml", "allow: [{rule: sysctl-unknown, reason: ours, file: butane/other.bu}]");
    let shown = all(&[&other]);
    assert!(shown.contains("sysctl-unknown") && shown.contains("unused-allow"), "{shown}");
    let vague = with(
        "profiles/cluster.yaml",
        "allow: [{rule: sysctl-unknown, reason: ours, file: 'butane/*', value: nothing like it}]",
    );
    assert!(all(&[&vague]).contains("unused-allow"));
}

#[test]
fn what_cannot_be_accepted_is_refused() {
    let base = base();
    for (entry, why) in [
        ("{rule: sysctl-unknwon, reason: x}", "did you mean `sysctl-unknown`?"),
        ("{rule: unknown-key, reason: x}", "cannot be accepted"),
        ("{rule: sysctl-unknown, reason: ' '}", "without a reason"),
        ("{rule: sysctl-unknown}", "`reason` is missing"),
    ] {
        let text = with("profiles/nodes/agent1.yaml", &format!("allow: [{entry}]"));
        let (plan, found) = checked(&[&base, &text]);
        let shown = report(&plan.sources, &found);
        assert!(shown.contains(why) && found.iter().any(|found| found.severity == Severity::Error), "{entry}: {shown}");
    }
}

#[test]
fn a_build_refuses_what_a_check_refuses() {
    let base = base();
    let (_, fires) = (Code::NftFlush, Code::NftFlush.example().unwrap().0);
    let (plan, _) = checked(&[&base, fires]);
    let mut sink = bake::diag::Sink::default();
    assert!(plan.compile("agent1", &mut sink).is_none() && sink.failed());
    assert!(plan.compile("server1", &mut bake::diag::Sink::default()).is_some());
}

/// What GitHub's code scanning needs, and the schema says, about every part of the log.
#[test]
fn sarif_has_what_readers_need() {
    let base = base();
    let mut logs = vec![sarif::value(&bake::diag::Sources::default(), &[])];
    for code in Code::ALL.iter().filter(|code| code.is_rule()) {
        let base = if crate::vrrp::covers(*code) { read(&folder().join("vip.project")) } else { base.clone() };
        let (plan, found) = checked(&[&base, code.example().unwrap().0]);
        logs.push(sarif::value(&plan.sources, &found));
    }
    let validator = schema().map(|schema| jsonschema::validator_for(&schema).unwrap());
    for log in &logs {
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), Code::ALL.len());
        let mut prints = BTreeSet::new();
        for result in run["results"].as_array().unwrap() {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            for key in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[key]["text"].as_str().unwrap().is_empty());
            }
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
            assert!(prints.insert(result["partialFingerprints"]["bake/v1"].as_str().unwrap().to_owned()), "{result}");
            // What GitHub refuses or does not show: no place, no region, no text, paths that are not the repository's.
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            assert_eq!(result["locations"].as_array().unwrap().len(), 1, "{result}");
            let related = result["relatedLocations"].as_array().into_iter().flatten();
            for location in result["locations"].as_array().unwrap().iter().chain(related) {
                let place = &location["physicalLocation"];
                let uri = place["artifactLocation"]["uri"].as_str().unwrap();
                assert!(uri.starts_with("profiles/") || uri.starts_with("butane/"), "{uri}");
                let number = |key: &str| place["region"][key].as_u64().unwrap();
                assert!(number("startLine") >= 1 && number("startColumn") >= 1);
                assert!((number("endLine"), number("endColumn")) >= (number("startLine"), number("startColumn")));
            }
        }
        shaped(log, "sarifLog");
        if let Some(validator) = &validator {
            let errors: Vec<String> =
                validator.iter_errors(log).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }
}

/// What an object of SARIF may have (2.1.0, section 3): its name; properties that it must have, then others, each with the
/// object or the objects in a list that it holds, or `-` for text and numbers. Nothing else is allowed anywhere.
const SHAPES: &[(&str, &str, &str)] = &[
    ("sarifLog", "version:- runs:run", "$schema:-"),
    ("run", "tool:tool", "results:result columnKind:- originalUriBaseIds:bases"),
    ("tool", "driver:toolComponent", ""),
    ("toolComponent", "name:-", "semanticVersion:- informationUri:- rules:reportingDescriptor"),
    (
        "reportingDescriptor",
        "id:-",
        "name:- shortDescription:multiformat fullDescription:multiformat help:multiformat \
         defaultConfiguration:reportingConfiguration properties:bag",
    ),
    ("multiformat", "text:-", "markdown:-"),
    ("reportingConfiguration", "", "level:-"),
    ("bag", "", "tags:-"),
    ("bases", "", "SRCROOT:artifactLocation"),
    ("artifactLocation", "", "uri:- uriBaseId:- description:message"),
    (
        "result",
        "message:message",
        "ruleId:- ruleIndex:- level:- partialFingerprints:prints locations:location relatedLocations:location",
    ),
    ("message", "text:-", ""),
    ("prints", "bake/v1:-", ""),
    ("location", "", "id:- message:message physicalLocation:physicalLocation"),
    ("physicalLocation", "artifactLocation:artifactLocation", "region:region"),
    ("region", "startLine:-", "startColumn:- endLine:- endColumn:-"),
];

/// What GitHub takes (docs: "SARIF support for code scanning"): characters of a text, by its name.
const LIMITS: &[(&str, usize)] =
    &[("id", 255), ("name", 255), ("ruleId", 255), ("shortDescription", 1024), ("fullDescription", 1024)];

/// Compares a value with [`SHAPES`] and [`LIMITS`], all the way down.
fn shaped(value: &serde_json::Value, shape: &str) {
    let Some((_, must, may)) = SHAPES.iter().find(|(name, ..)| *name == shape) else {
        panic!("no shape is called {shape}");
    };
    let object = value.as_object().unwrap_or_else(|| panic!("{shape} is no object: {value}"));
    let known: Vec<(&str, &str)> =
        [must, may].iter().flat_map(|row| row.split_whitespace()).map(|pair| pair.split_once(':').unwrap()).collect();
    for (key, _) in must.split_whitespace().map(|pair| pair.split_once(':').unwrap()) {
        assert!(object.contains_key(key), "{shape} has no `{key}`: {value}");
    }
    for (key, inner) in object {
        let Some((_, of)) = known.iter().find(|(name, _)| name == key) else { panic!("{shape} has `{key}`: {value}") };
        let text = inner["text"].as_str().or(inner.as_str()).unwrap_or_default();
        if let Some((_, limit)) = LIMITS.iter().find(|(name, _)| name == key) {
            assert!(text.chars().count() <= *limit, "`{key}` of {shape} is longer than {limit}: {text}");
        }
        match (inner, *of) {
            (serde_json::Value::Array(items), "-") => {
                assert!(items.iter().all(serde_json::Value::is_string) && items.len() <= 20);
            }
            (serde_json::Value::Array(items), of) => items.iter().for_each(|item| shaped(item, of)),
            (inner, "-") => assert!(inner.is_string() || inner.is_u64(), "`{key}` of {shape}: {inner}"),
            (inner, of) => shaped(inner, of),
        }
    }
}

#[allow(clippy::print_stderr, reason = "said loudly")]
/// The official schema, from whichever package on this machine brings it: the crate `serde-sarif` does.
fn schema() -> Option<serde_json::Value> {
    let named = std::env::var_os("BAKE_SARIF_SCHEMA").map(PathBuf::from);
    let home = || {
        std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or(Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
    };
    let registry = || {
        let folders = std::fs::read_dir(home()?.join("registry/src")).ok()?.flatten();
        let crates = folders.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
        let mut found = crates.filter(|entry| entry.file_name().to_string_lossy().starts_with("serde-sarif-"));
        Some(found.next()?.path().join("src/schema.json"))
    };
    let Some(path) = named.or_else(registry) else {
        // Loudly, but not an engine: the structure above is checked in any case.
        eprintln!("skipped: nothing here brings the SARIF 2.1.0 schema; name it in BAKE_SARIF_SCHEMA");
        return None;
    };
    // Its pattern for languages has a bracket too many, which a strict reader of patterns refuses.
    Some(serde_json::from_str(&read(&path).replace("{2}]?$", "{2}$")).unwrap())
}

#[test]
fn a_fingerprint_survives_lines_above() {
    let base = base();
    let print = |text: &str| {
        let (plan, found) = checked(&[&base, text]);
        let log = sarif::value(&plan.sources, &found);
        log["runs"][0]["results"][0]["partialFingerprints"]["bake/v1"].clone()
    };
    let before = print(SYSCTL);
    assert!(before.is_string());
    assert_eq!(before, print(&SYSCTL.replace("variant:", "# a comment\nvariant:")));
    assert_ne!(before, print(&SYSCTL.replace("swapiness", "swappines")));
}

#[test]
fn the_command_line() {
    let check = |args: &[&str]| run(bake().current_dir(repository()).arg("check").args(args));
    let output = check(&[]);
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    assert!(check(&["--strict"]).status.success(), "the repository's own cluster has warnings");
    let log: serde_json::Value = serde_json::from_slice(&check(&["--format", "sarif"]).stdout).unwrap();
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
    let json: serde_json::Value = serde_json::from_slice(&check(&["--format", "json"]).stdout).unwrap();
    assert_eq!(json["diagnostics"], serde_json::json!([]));
    let output = check(&["--rule", "dhcp-rnage"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("did you mean `dhcp-range`?"));
    let scratch = tempfile::tempdir().unwrap();
    for (path, text) in crate::profiles::texts(&[&base(), &expanded(&base(), Code::VipAlone.example().unwrap().0)]) {
        let path = scratch.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let there = |args: &[&str]| {
        run(bake().env("TOKEN", "fake-token-of-the-tests").arg("-C").arg(scratch.path()).arg("check").args(args))
    };
    let output = there(&[]);
    assert!(output.status.success() && said(&output).contains("warning[vip-alone]"), "{}", said(&output));
    assert_eq!(there(&["--strict"]).status.code(), Some(1));
    assert!(there(&["--strict", "--rule", "dhcp-range"]).status.success());
}

#[test]
fn a_finding_in_a_payload_names_the_profile_value() {
    let base = base();
    let extra = |line: &str| {
        format!(
            "=== profiles/roles/extra.yaml\ndescription: x\nfragments: [{{name: extra}}]\nvalues: {{wrong: {line}}}\n"
        )
    };
    let file = |path: &str, line: &str| {
        format!(
            "=== butane/extra.bu\nvariant: flatcar\nversion: 1.1.0\nstorage:\n  files:\n    - path: {path}\n      mode: 0644\n      \
             contents: {{local: x.j2}}\n=== butane/files/x.j2\n# first\n{line}\n"
        )
    };
    for (value, path, line, code) in [
        ("ip_forwrad", "/etc/sysctl.d/50-x.conf", "net.ipv4.{{ values.wrong }} = 1", Code::SysctlUnknown),
        ("yes", "/etc/sysctl.d/50-x.conf", "net.ipv4.ip_forward = {{ values.wrong }}", Code::SysctlValue),
        ("'0999'", "/etc/tmpfiles.d/x.conf", "d /run/x {{ values.wrong }} root root -", Code::TmpfilesSyntax),
        (
            "dokcer.service",
            "/etc/systemd/system/x.service",
            "[Unit]\nRequires={{ values.wrong }}\n[Service]\nExecStart=/bin/true",
            Code::UnitMissing,
        ),
        ("'yes'", "/etc/ssh/sshd_config.d/x.conf", "PasswordAuthentication {{ values.wrong }}", Code::SshPassword),
        ("2222", "/etc/ssh/sshd_config.d/x.conf", "Port {{ values.wrong }}", Code::PortClosed),
        ("ruleset", "/etc/nftables/x.nft", "flush {{ values.wrong }}", Code::NftFlush),
    ] {
        let (plan, found) = checked(&[&base, &extra(value), &file(path, line)]);
        let shown = report(&plan.sources, &found);
        let one = found.iter().find(|one| one.code == code).unwrap_or_else(|| panic!("{}: {shown}", code.id()));
        let place = |span: bake::diag::Span| plan.sources.get(span.file).name().to_owned();
        assert_eq!(place(one.span.unwrap()), "butane/files/x.j2", "{shown}");
        assert!(one.related.iter().any(|related| place(related.span) == "profiles/roles/extra.yaml"), "{shown}");
    }
}

#[test]
fn a_virtual_router_id_is_unique_in_the_repository() {
    let base = base();
    let other = |id: u8, address: &str, bridge: &str| {
        let cluster = crate::profiles::texts(&[&base])["profiles/cluster.yaml"].clone();
        let cluster = cluster.replace("virtual_router_id: 51", &format!("virtual_router_id: {id}"));
        let cluster = cluster.replace("192.168.0.32", address).replace("bridge: br0", &format!("bridge: {bridge}"));
        format!("=== clusters/other/profiles/cluster.yaml\n{}", cluster.replace("name: small", "name: other"))
    };
    let (plan, found) = checked(&[&base, &other(51, "192.168.0.99", "br0")]);
    let shown = report(&plan.sources, &found);
    assert_eq!(codes(&found), BTreeSet::from([Code::VrrpRouterId.id()]), "{shown}");
    assert!(shown.contains("`clusters/other/profiles/cluster.yaml`, on the same bridge `br0`"), "{shown}");
    for quiet in [other(52, "192.168.0.99", "br0"), other(51, "192.168.0.32", "br0"), other(51, "192.168.0.99", "br1")]
    {
        let (plan, found) = checked(&[&base, &quiet]);
        assert!(found.is_empty(), "{}", report(&plan.sources, &found));
    }
}

#[test]
fn explanations() {
    let explain = |args: &[&str]| run(bake().current_dir(repository()).arg("explain").args(args));
    let output = explain(&["warning[vip-alone]"]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("Wrong:") && text.contains("Right:"), "{text}");
    let output = explain(&["node", "worker1"]);
    let text = said(&output);
    for part in
        ["/etc/rancher/k3s/config.yaml  (holds a secret)", "tcp 10250", "butane/k3s-node.bu:", "k3s-agent.service"]
    {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(explain(&["node", "hypervisor"]).status.success());
    let output = explain(&["node", "worker9"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("did you mean"), "{}", said(&output));
    assert_eq!(explain(&["nothing", "x"]).status.code(), Some(2));
}

#[test]
fn the_list_of_rules_is_up_to_date() {
    let mut text = String::from(
        "# Rules\n\nMade from the table in `src/diag/code.rs`; `BLESS=1 cargo test --test suite rules` writes it anew.\n\
         `bake explain CODE` prints the same with examples.\n\n",
    );
    let kinds = [("What `bake check` finds", true), ("What cannot be built (never accepted by `allow`)", false)];
    for (title, rules) in kinds {
        let _ = writeln!(text, "## {title}\n\n| code | severity | what |\n|---|---|---|");
        for code in Code::ALL.iter().filter(|code| code.is_rule() == rules) {
            let _ = writeln!(text, "| `{}` | {} | {} |", code.id(), code.severity().as_str(), code.summary());
        }
        text.push('\n');
    }
    text.push_str("## Why\n");
    for code in Code::ALL.iter().filter(|code| code.is_rule()) {
        let _ = write!(text, "\n### `{}`\n\n{}\n", code.id(), code.explanation());
    }
    std::fs::create_dir_all(repository().join("docs")).unwrap();
    same(&repository().join("docs/rules.md"), &text).unwrap();
}

#[test]
fn codes_are_unique_and_well_written() {
    let ids: BTreeSet<&str> = Code::ALL.iter().map(|code| code.id()).collect();
    assert_eq!(ids.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(!code.summary().ends_with('.') && code.explanation().ends_with('.'), "{}", code.id());
        assert!(code.severity() <= Severity::Note);
    }
}

#[test]
fn who_logs_in_in_urls_is_not_shown() {
    let scratch = tempfile::tempdir().unwrap();
    let extra = "=== butane/extra.bu\nvariant: flatcar\nversion: 1.1.0\nstorage:\n  files:\n    - path: /opt/tool\n      mode: 0755\n      \
                 contents:\n        source: \"https://somebody:hunter2hunter2@host.example/tool?x=1\"\n";
    for (path, text) in crate::profiles::texts(&[&base(), extra]) {
        let path = scratch.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let there =
        |args: &[&str]| run(bake().env("TOKEN", "fake-token-of-the-tests").arg("-C").arg(scratch.path()).args(args));
    for args in [
        &["check"][..],
        &["check", "--format", "json"],
        &["check", "--format", "sarif"],
        &["build", "--format", "json"],
        &["explain", "node", "agent1"],
    ] {
        let output = there(args);
        let shown = format!("{}{}", said(&output), String::from_utf8_lossy(&output.stdout));
        assert!(!shown.contains("hunter2"), "{args:?}: {shown}");
        assert!(args[0] != "check" || shown.contains("committed-secret"), "{args:?}: {shown}");
    }
}
