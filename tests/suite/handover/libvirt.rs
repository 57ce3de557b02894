//! Domains and networks, judged by libvirt's own test driver, and by rules for what that lets pass.

use super::project::Project;
use crate::support::{engine, run, said};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The XML files: networks first, since domains need them.
fn files(project: &Project) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut all: Vec<PathBuf> =
        fs::read_dir(project.dist().join("libvirt")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|end| end == "xml"));
    all.sort();
    all.into_iter().partition(|path| path.file_name().unwrap().to_str().unwrap().starts_with("net-"))
}

#[test]
fn virsh_defines_every_network_and_machine() {
    let Some(virsh) = engine("virsh") else { return };
    let project = Project::new();
    // Every mode once more, beside those that the project has; and texts that XML could trip over.
    let more = "\n  office: {cidr: 10.9.1.0/24, mode: nat, bridge: virbr_office, gateway: 10.9.1.1, dhcp: {start: 10.9.1.9, end: 10.9.1.99}}\n  \
                lab: {cidr: 10.9.2.0/24, mode: open, bridge: virbr_lab, domain: lab.internal}\n  \
                dark: {cidr: 10.9.3.0/24, mode: isolated, bridge: virbr_dark}\n\npods:\n";
    project.edit("profiles/cluster.yaml", "\npods:\n", more);
    project.edit("profiles/nodes/master1.yaml", "description: ", "description: \"<&> it's\" #");
    project.build();
    let (networks, machines) = files(&project);
    assert_eq!((networks.len(), machines.len()), (6, 11));
    // One process: what the test driver knows goes with it.
    let mut script = String::new();
    for network in &networks {
        let _ = write!(script, "net-define --validate {}; ", network.display());
    }
    for machine in &machines {
        let _ = write!(script, "define --validate {}; ", machine.display());
    }
    script += "list --all; net-list --all; dumpxml storage1";
    let output = run(Command::new(virsh).args(["-c", "test:///default", &script]));
    let text = said(&output);
    assert!(output.status.success() && !text.contains("error"), "{text}");
    for machine in &machines {
        assert!(text.contains(&format!(" {} ", machine.file_stem().unwrap().to_str().unwrap())), "{text}");
    }
    for kept in ["<serial>data</serial>", "opt/org.flatcar-linux/config", "<source network='kube_network_03'"] {
        assert!(text.contains(kept), "libvirt dropped {kept}: {text}");
    }
}

/// What `--validate` lets pass (tried: unknown machine types, IDE on q35, names of firmware entries, long names of bridges).
#[test]
fn what_virsh_does_not_look_at() {
    let project = Project::new();
    project.build();
    let (networks, machines) = files(&project);
    let mut bridges = BTreeSet::new();
    for file in networks {
        let text = fs::read_to_string(&file).unwrap();
        let bridge = text.split("<bridge name='").nth(1).and_then(|rest| rest.split('\'').next()).expect("a bridge");
        assert!(bridge.len() <= 15, "{bridge}");
        assert!(bridges.insert(bridge.to_owned()), "two networks on {bridge}");
        let bridged = text.contains("mode='bridge'");
        assert!(!bridged || !(text.contains("<ip") || text.contains("<domain")), "{text}");
    }
    for file in machines {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("machine='q35'") && !text.contains("bus='ide'"), "{text}");
        assert!(text.contains("<acpi/>"), "{text}");
        let (config, seed) =
            (project.dist().join(&name).join("config.ign"), project.dist().join(&name).join("seed.iso"));
        assert_eq!(text.contains("<sysinfo type='fwcfg'>"), config.exists(), "{text}");
        assert_eq!(text.contains("device='cdrom'"), seed.exists(), "{text}");
        if config.exists() {
            assert!(text.contains("<acpi/>") && text.contains("<entry name='opt/org.flatcar-linux/config'"), "{text}");
        }
    }
}

/// A change in a profile that gives XML which `--validate` lets pass and libvirt, or a machine, cannot live with; and the
/// finding that keeps it from being built.
type Refused = (&'static str, &'static str, &'static str, &'static str);

const REFUSED: &[Refused] = &[
    // A host of DHCP outside of the subnet.
    ("profiles/nodes/worker1.yaml", "address: 10.17.4.24", "address: 10.17.9.24", "address-outside-network"),
    ("profiles/cluster.yaml", "address: 10.17.3.12}", "address: 10.17.9.12}", "address-outside-network"),
    ("profiles/cluster.yaml", "start: 10.17.3.2,", "start: 10.17.2.2,", "address-outside-network"),
    // A host of DHCP twice: the address, or the card.
    ("profiles/nodes/worker1.yaml", "address: 10.17.4.24", "address: 10.17.4.25", "address-taken"),
    ("profiles/cluster.yaml", "address: 10.17.3.12}", "address: 10.17.3.11}", "address-taken"),
    ("profiles/nodes/worker1.yaml", "52:54:00:96:a9:cb", "52:54:00:8e:01:97", "address-taken"),
    // Names of bridges that the kernel does not take, or that another network has.
    ("profiles/cluster.yaml", "bridge: virbr_kube03", "bridge: virbr_kube_number03", "bad-value"),
    (
        "profiles/cluster.yaml",
        "\npods:\n",
        "\n  office: {cidr: 10.9.1.0/24, mode: nat, bridge: virbr_kube02}\n\npods:\n",
        "bridge-shared",
    ),
    // Names on a bridge of the hypervisor's own.
    ("profiles/cluster.yaml", "bridge: br0 ", "domain: lan.internal\n    bridge: br0 ", "bad-value"),
];

/// The rest of what it lets pass cannot be written at all (`what_virsh_does_not_look_at`): machine type and firmware key are
/// constants, every machine has ACPI, nothing is on IDE, and a bridge gets neither addresses nor names.
#[test]
fn what_virsh_lets_pass_is_refused() {
    let mut wrong = String::new();
    for (file, from, to, code) in REFUSED {
        let project = Project::new();
        project.edit(file, from, to);
        let said = project.ends(&["build"], 1);
        if !said.contains(&format!("error[{code}]")) {
            let _ = writeln!(wrong, "{from} -> {to}: not {code}, but {said}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_recipe_is_shell() {
    // Every block parses, and names only files that are there.
    let project = Project::new();
    project.build();
    let text = fs::read_to_string(project.dist().join("libvirt/README.md")).unwrap();
    let mut blocks = 0;
    for block in text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        blocks += 1;
        let output = run(Command::new("sh").args(["-n", "-c", block]));
        assert!(output.status.success(), "{block}: {}", said(&output));
        let words = block.split_whitespace().map(|word| word.trim_matches(|c| c == '"' || c == ')'));
        let written =
            words.filter(|word| ["libvirt/", "seed.iso", "config.ign"].iter().any(|part| word.contains(part)));
        for word in written.filter(|word| word.contains('/') && !word.starts_with('/')) {
            assert!(project.dist().join(word).exists(), "{word}");
        }
    }
    assert_eq!(blocks, 11 + 4);
}
