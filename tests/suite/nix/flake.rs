//! What the flake offers, and that all of it builds.

use super::lab::{copy, json, lab, system};
use crate::support::{bake, repository, run, said};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Names of an attribute set's attributes.
const NAMES: &str = "builtins.attrNames";

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn manifest(dist: &Path) -> Value {
    serde_json::from_slice(&fs::read(dist.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn everything_that_is_offered() {
    let Some(lab) = lab() else { return };
    let scratch = tempfile::tempdir().unwrap();
    assert!(run(bake().current_dir(repository()).args(["build", "--out"]).arg(scratch.path())).status.success());
    let built = manifest(scratch.path());
    let nodes = built["nodes"].as_object().unwrap().keys().cloned();
    for system in ["x86_64-linux", "aarch64-linux"] {
        let packages = lab.eval(&lab.flake, &format!("packages.{system}"), NAMES);
        assert_eq!(texts(&packages), BTreeSet::from(["bake", "cluster", "default"].map(str::to_owned)));
        // Nodes as Nix reads them off the profiles, without import-from-derivation, are those that bake builds.
        let legacy = lab.eval(&lab.flake, &format!("legacyPackages.{system}"), NAMES);
        let shards = (0..4).map(|shard| format!("shard-{shard}"));
        assert_eq!(texts(&legacy), nodes.clone().chain(shards).collect());
        let checks = texts(&lab.eval(&lab.flake, &format!("checks.{system}"), NAMES));
        for check in ["tests", "clippy", "formatting", "nix-formatting", "rebuild", "shards-equal-the-whole"] {
            assert!(checks.contains(check), "{check}");
        }
        for attribute in ["devShells.{}.default", "apps.{}.default", "formatter.{}"] {
            let attribute = attribute.replace("{}", system);
            assert!(!texts(&lab.eval(&lab.flake, &attribute, NAMES)).is_empty(), "{attribute}");
        }
    }
    // Nodes are not what `nix flake show` and `nix flake check` walk through.
    let shown = json(&mut lab.about(&lab.flake, "flake show", &["path:.", "--json"]));
    assert!(!shown.to_string().contains("loadbalancer1"), "{shown}");
}

#[test]
fn the_checks_of_the_flake_pass() {
    let Some(lab) = lab() else { return };
    // Those that compile do not here (see `compile.rs`); those that build clusters do.
    let output = run(&mut lab.about(&lab.flake, "flake check", &["path:.", "--print-build-logs"]));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_build_of_nix_is_a_build_without() {
    let Some(lab) = lab() else { return };
    let attributes = ["cluster", "loadbalancer1", "worker1"];
    let built = lab.build(&lab.flake, &attributes, &[]);
    // Again, by this machine alone: with remote builders, Nix would take their word for it.
    let output = run(&mut lab.about(
        &lab.flake,
        "build",
        &["path:.#cluster", "path:.#loadbalancer1", "--rebuild", "--builders", "", "--max-jobs", "1", "--no-link"],
    ));
    assert!(output.status.success(), "{}", said(&output));

    let scratch = tempfile::tempdir().unwrap();
    let dist = scratch.path().join("dist");
    let mut command = bake();
    command.current_dir(repository()).args(["build", "--secrets", "omit", "--out"]).arg(&dist);
    assert!(run(&mut command).status.success());
    assert_eq!(lab.hash(&dist), lab.hash(&built[0]));
    let listed = manifest(&dist);
    for (name, node) in listed["nodes"].as_object().unwrap() {
        assert_eq!(node["narHash"].as_str(), Some(lab.hash(&dist.join(name)).as_str()), "{name}");
    }
    for (name, output) in attributes.iter().zip(&built).skip(1) {
        let inner = Path::new("/").join(output.strip_prefix(&lab.store).unwrap());
        let info = json(&mut lab.nix("path-info", &["--json", inner.to_str().unwrap()]));
        assert_eq!(info[0]["narHash"], listed["nodes"][name]["narHash"], "{name}");
        assert_eq!(info[0]["references"], serde_json::json!([]), "{name}");
    }
    let output = run(bake().arg("verify").arg(&built[0]));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn any_project_is_built_by_any_bake() {
    let Some(lab) = lab() else { return };
    // The flake that docs/nix.md shows, with this one in place of the published one.
    let docs = fs::read_to_string(repository().join("docs/nix.md")).unwrap();
    let flake =
        docs.split("```nix\n").skip(1).find(|block| block.contains("mkCluster")).expect("a flake in docs/nix.md");
    let flake = flake.split("```").next().unwrap();
    let published = "github:bake-tool/bake";
    assert!(flake.contains(published));
    let ours = flake.replace(published, &format!("path:{}", lab.flake.display()));
    let scratch = tempfile::tempdir().unwrap();
    let project = scratch.path();
    for part in ["profiles", "butane"] {
        copy(&repository().join(part), &project.join(part));
    }
    fs::write(project.join("flake.nix"), ours).unwrap();
    let build = |more: &[&str]| {
        let stub = format!("path:{}", lab.nixpkgs.display());
        let mut command = lab.nix("build", &["path:.#worker1", "path:.#cluster", "--no-link", "--json"]);
        command.current_dir(project).args(["--no-write-lock-file", "--override-input", "bake/nixpkgs", &stub]);
        run(command.args(more))
    };
    let output = build(&[]);
    assert!(output.status.success(), "{}", said(&output));

    // The same project in another flake: the same bytes.
    let built: Value = serde_json::from_slice(&output.stdout).unwrap();
    let outputs = built.as_array().unwrap().iter().map(|one| one["outputs"]["out"].as_str().unwrap());
    let node = outputs.into_iter().find(|path| path.ends_with("-worker1")).unwrap();
    let own = lab.build(&lab.flake, &["worker1"], &[]).remove(0);
    assert_eq!(lab.hash(&lab.inside(node)), lab.hash(&own));

    // A path of the store in what a machine gets means nothing there.
    let path = lab.eval(&lab.flake, &format!("packages.{}.bake", system()), "bake: bake.outPath");
    let base = project.join("butane/base.bu");
    let text = fs::read_to_string(&base).unwrap();
    let file = format!("storage:\n  files:\n    - path: /etc/of-the-store\n      contents: {{inline: {path}}}\n");
    assert_eq!(text.matches("\nstorage:\n  files:\n").count(), 1, "{text}");
    fs::write(&base, text.replace("\nstorage:\n  files:\n", &format!("\n{file}"))).unwrap();
    let output = build(&[]);
    assert!(!output.status.success() && said(&output).contains("not allowed to refer to"), "{}", said(&output));
}
