//! What the documentation says is tried: commands run, fragments compile, files that are named exist.

use crate::support::{bake, repository, run, said};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The fenced blocks of a Markdown text in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(named) if !inside && named == language => {
                inside = true;
                found.push(String::new());
            }
            Some(_) => inside = false,
            None if inside => {
                let block = found.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    found
}

fn readme() -> String {
    fs::read_to_string(repository().join("README.md")).unwrap()
}

fn project(scratch: &Path) -> PathBuf {
    let root = scratch.join("project");
    fs::create_dir(&root).unwrap();
    for part in ["profiles", "butane", "secrets"] {
        assert!(run(Command::new("cp").arg("-r").arg(repository().join(part)).arg(&root)).status.success());
    }
    root
}

#[test]
fn commands_of_the_readme_work() {
    let scratch = tempfile::tempdir().unwrap();
    let root = project(scratch.path());
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap();
    let commands = blocks(&readme(), "sh").concat();
    assert!(commands.lines().count() >= 2, "the README has its two commands");
    for command in commands.lines() {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["cargo", "run", "--release", "--", arguments @ ..] => {
                let output = run(bake().current_dir(&root).args(arguments));
                assert!(output.status.success(), "{command}: {}", said(&output));
            }
            ["bake", arguments @ ..] => {
                let output = run(bake().current_dir(scratch.path()).args(arguments).stdin(Stdio::null()));
                assert!(output.status.success(), "{command}: {}", said(&output));
            }
            ["make", target] => {
                assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}:"))), "no target: {command}");
            }
            // Terraform's own commands need a registry; what they are given is judged by its own tests.
            // `nix/flake.rs` does what Nix is told to.
            ["terraform" | "virsh" | "cd" | "nix", ..] => {}
            _ => panic!("a command that nothing tries: {command}"),
        }
    }
    for name in ["user-data", "meta-data", "network-config"] {
        assert!(root.join("dist/loadbalancer1").join(name).is_file(), "{name}");
    }
    assert!(root.join("dist/manifest.json").is_file());
}

/// The guide from its first line to its last, as far as it goes without a hypervisor: what is left out is looked at, so that it
/// names nothing that is not there.
#[test]
fn the_guide_can_be_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let mut here = scratch.path().to_owned();
    let guide = fs::read_to_string(repository().join("docs/guide.md")).unwrap();
    let project = scratch.path().join("cluster");
    let mut ran = 0;
    for command in blocks(&guide, "sh").concat().lines() {
        let line = command.split("  #").next().unwrap();
        let (line, target) = line.split_once(" > ").map_or((line, None), |(line, target)| (line, Some(target)));
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["cd", folder] => {
                here = here.join(folder).canonicalize().unwrap_or_else(|error| panic!("{command}: {error}"));
            }
            ["bake", arguments @ ..] => {
                let output = run(bake().current_dir(&here).args(arguments).stdin(Stdio::null()));
                assert!(output.status.success(), "{command}: {}", said(&output));
                ran += 1;
            }
            ["grep", ..] => {
                let output = run(Command::new("sh").args(["-c", line]).current_dir(&here));
                assert!(output.status.success() && !output.stdout.is_empty(), "{command}");
            }
            // They make a secret: a file that the project has.
            ["openssl" | "mkpasswd" | "wg", ..] => assert!(here.join(target.unwrap()).is_file(), "{command}"),
            ["terraform", "apply", target] => {
                let machine = target.strip_prefix("-target=libvirt_domain.").unwrap_or_else(|| panic!("{command}"));
                let module = fs::read_to_string(here.join("main.tf.json")).unwrap();
                assert!(module.contains(&format!("\"{machine}\": {{")), "{command}");
            }
            ["terraform", "init" | "apply"] => assert!(here.join("main.tf.json").is_file(), "{command}"),
            ["ssh", host, rest @ ..] => {
                let address = host.strip_prefix("core@").unwrap();
                let nodes = fs::read_dir(project.join("profiles/nodes")).unwrap().map(|entry| entry.unwrap().path());
                let node = nodes
                    .into_iter()
                    .find(|path| fs::read_to_string(path).unwrap().contains(&format!("address: {address}")));
                let node = node.unwrap_or_else(|| panic!("{command}: nobody has that address"));
                let name = node.file_stem().unwrap().to_str().unwrap();
                let about = said(&run(bake().current_dir(&project).args(["explain", "node", name])));
                if let Some(program) = rest.iter().find(|word| word.starts_with("/opt/")) {
                    assert!(about.contains(program), "{command}: {about}");
                }
            }
            ["curl" | "kubectl", ..] => {}
            _ => panic!("a command that nothing tries: {command}"),
        }
    }
    assert!(ran > 10, "{ran} commands of bake");
}

#[test]
fn fragments_of_the_readme_compile() {
    // Other blocks are pieces of profiles.
    let mut fragments = blocks(&readme(), "yaml");
    fragments.retain(|text| text.contains("variant:"));
    assert!(!fragments.is_empty());
    for fragment in fragments {
        let scratch = tempfile::tempdir().unwrap();
        let root = project(scratch.path());
        fs::write(root.join("butane/documented.bu"), &fragment).unwrap();
        let role = root.join("profiles/roles/base.yaml");
        let text = fs::read_to_string(&role).unwrap();
        fs::write(&role, text.replacen("fragments:\n", "fragments:\n  - {name: documented}\n", 1)).unwrap();
        let output = run(bake().current_dir(&root).arg("build"));
        assert!(output.status.success(), "{fragment}\n{}", said(&output));
    }
}

#[test]
fn files_that_the_readme_hands_to_terraform_are_built() {
    let scratch = tempfile::tempdir().unwrap();
    let root = project(scratch.path());
    assert!(run(bake().current_dir(&root).arg("build")).status.success());
    let readme = readme();
    let named: Vec<&str> = readme.split("${path.module}/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for path in named {
        assert!(root.join(path).is_file(), "the README names `{path}`, which is not built");
    }
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut documents = vec![repository().join("README.md"), repository().join("ARCHITECTURE.md")];
    documents.extend(fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for document in documents.iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let local = target.split('#').next().unwrap_or_default();
            if !local.is_empty() && !local.contains("://") {
                let path = document.parent().unwrap().join(local);
                assert!(path.exists(), "{}: `{target}` leads nowhere", document.display());
            }
        }
    }
}
