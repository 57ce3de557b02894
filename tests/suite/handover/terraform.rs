//! The module, judged by Terraform itself. The provider cannot be had without a registry, so its resources are played
//! by Terraform's own `terraform_data`, which takes whatever it is given: references, payloads and replacement are real.

use super::arguments;
use super::project::{PROVIDERS, Project};
use crate::support::{engine, run, said};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every path of arguments below `value`: lists are looked through.
fn paths(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                paths(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| paths(value, prefix, found)),
        _ => {}
    }
}

#[test]
fn every_argument_is_the_providers() {
    for provider in PROVIDERS {
        let project = Project::of(provider);
        project.build();
        let main = project.json("terraform/main.tf.json");
        let mut blocks = 0;
        for (kind, labelled) in main["resource"].as_object().unwrap() {
            for (label, block) in labelled.as_object().unwrap() {
                blocks += 1;
                let mut block = block.clone();
                if let Some(meta) = block.as_object_mut().unwrap().remove("lifecycle") {
                    let triggers: Vec<&str> = meta["replace_triggered_by"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|one| one.as_str().unwrap())
                        .collect();
                    assert_eq!(meta.as_object().unwrap().len(), 1, "{meta}");
                    let states = &main["resource"]["terraform_data"];
                    for trigger in &triggers {
                        assert!(states.get(trigger.strip_prefix("terraform_data.").unwrap()).is_some(), "{trigger}");
                    }
                    // Images are for all machines; anything else goes with its own.
                    let node = label.split('_').next().unwrap();
                    assert!(node == "base" || triggers.contains(&format!("terraform_data.{node}").as_str()), "{label}");
                }
                let mut found = BTreeSet::new();
                paths(&block, "", &mut found);
                for path in &found {
                    assert!(arguments::known(provider, kind, path), "{provider}: {kind} has no `{path}`");
                }
                for path in arguments::required(kind) {
                    assert!(found.contains(path), "{provider}: {kind}.{label} lacks `{path}`");
                }
            }
        }
        assert!(blocks > 50, "{provider}: {blocks} resources");
        let version = &main["terraform"]["required_providers"]["libvirt"]["version"];
        assert_eq!(version, if provider == "0.8.3" { "0.8.3" } else { "~> 0.9.7" });
        assert!(main.get("provider").is_none(), "the provider's settings are the user's");
    }
}

#[test]
fn no_secret_and_no_temporary_folder() {
    for provider in PROVIDERS {
        let project = Project::of(provider);
        project.build();
        let mut files = vec![project.dist().join("manifest.json")];
        for folder in ["terraform", "libvirt"] {
            files.extend(fs::read_dir(project.dist().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
        }
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("/tmp"), "{}", file.display());
            for secret in fs::read_dir(project.root().join("secrets")).unwrap() {
                let secret = secret.unwrap().path();
                let value = fs::read_to_string(&secret).unwrap();
                let documented = secret.extension().is_some();
                assert!(documented || !text.contains(value.trim()), "{} has {}", file.display(), secret.display());
            }
        }
    }
}

/// The module with `terraform_data` in place of the provider's resources.
///
/// `libvirt_x.y` becomes `terraform_data.libvirt_x--y`: its `id` is a real one, any other attribute that of its input; a
/// volume's `path` is made up from its name.
fn played(main: &Value) -> Value {
    let mut stubs = Map::new();
    for (kind, labelled) in main["resource"].as_object().unwrap() {
        for (label, block) in labelled.as_object().unwrap() {
            if kind == "terraform_data" {
                stubs.insert(label.clone(), block.clone());
                continue;
            }
            let mut input = block.clone();
            let mut stub = Map::new();
            if let Some(meta) = input.as_object_mut().unwrap().remove("lifecycle") {
                stub.insert("lifecycle".to_owned(), meta);
            }
            if kind == "libvirt_volume" {
                input["path"] = json!(format!("/pool/{}", input["name"].as_str().unwrap()));
            }
            stub.insert("input".to_owned(), referring(&input));
            stubs.insert(format!("{kind}--{label}"), stub.into());
        }
    }
    json!({"locals": main["locals"], "resource": {"terraform_data": stubs}})
}

/// The value with references turned towards the stubs.
fn referring(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("${libvirt_").and_then(|rest| rest.strip_suffix('}')) {
            Some(rest) => {
                let [kind, label, attribute] = rest.split('.').collect::<Vec<_>>()[..] else {
                    panic!("{text}");
                };
                let output = if attribute == "id" { "" } else { "output." };
                json!(format!("${{terraform_data.libvirt_{kind}--{label}.{output}{attribute}}}"))
            }
            None => value.clone(),
        },
        Value::Array(list) => list.iter().map(referring).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), referring(value))).collect(),
        other => other.clone(),
    }
}

/// A folder with what was built and the stubs in place of the module.
struct Stage {
    terraform: PathBuf,
    folder: PathBuf,
}

impl Stage {
    /// Takes over what is in `dist` now; the state of an earlier run stays.
    fn set(terraform: &Path, project: &Project) -> Self {
        let stage = project.root().join("stage");
        let copied = run(Command::new("cp").arg("-rT").arg(project.dist()).arg(&stage));
        assert!(copied.status.success(), "{}", said(&copied));
        let folder = stage.join("terraform");
        let main = played(&project.json("terraform/main.tf.json"));
        fs::write(folder.join("main.tf.json"), main.to_string()).unwrap();
        let outputs = referring(&project.json("terraform/outputs.tf.json"));
        fs::write(folder.join("outputs.tf.json"), outputs.to_string()).unwrap();
        Self { terraform: terraform.to_owned(), folder }
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.terraform);
        command.current_dir(&self.folder).args(arguments).env_remove("TF_CLI_CONFIG_FILE").env("HOME", &self.folder);
        command.env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
        let output = run(&mut command);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a plan does to each resource.
    fn plan(&self) -> BTreeMap<String, Vec<String>> {
        self.run(&["plan", "-input=false", "-out=plan"]);
        let plan: Value = serde_json::from_str(&self.run(&["show", "-json", "plan"])).unwrap();
        let changes = plan["resource_changes"].as_array().unwrap().iter().map(|change| {
            let actions = change["change"]["actions"].as_array().unwrap();
            let actions = actions.iter().map(|action| action.as_str().unwrap().to_owned()).collect();
            (change["name"].as_str().unwrap().to_owned(), actions)
        });
        changes.filter(|(_, actions): &(_, Vec<String>)| actions != &["no-op"]).collect()
    }

    /// The input of every resource after the last plan was carried out, and the outputs.
    fn apply(&self) -> (BTreeMap<String, Value>, Value) {
        self.run(&["apply", "-input=false", "plan"]);
        let state: Value = serde_json::from_str(&self.run(&["show", "-json"])).unwrap();
        let resources = state["values"]["root_module"]["resources"].as_array().unwrap().iter();
        let inputs = resources.map(|one| (one["name"].as_str().unwrap().to_owned(), one["values"]["output"].clone()));
        (inputs.collect(), state["values"]["outputs"].clone())
    }
}

/// A description in which everything is that Terraform, XML or JSON could take for something of its own.
const ODD: &str = "${MAINPID} %{+Q}o <&> it's \\\"odd\\\"";
const ODD_READ: &str = "${MAINPID} %{+Q}o <&> it's \"odd\"";

/// Terraform, where there is one. No distribution packages it, so it is not required of anybody.
fn terraform() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("terraform")).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: `terraform` is not installed");
    }
    found
}

#[test]
fn terraform_carries_it_out_and_replaces_what_changed() {
    let Some(terraform) = terraform() else { return };
    for provider in PROVIDERS {
        let project = Project::of(provider);
        project.edit("profiles/nodes/worker1.yaml", "description: ", &format!("description: \"{ODD}\" #"));
        project.edit("butane/files/journald.conf.j2", "[Journal]", &format!("# {ODD_READ}\n[Journal]"));
        project.build();
        assert!(fs::read_to_string(project.dist().join("loadbalancer1/user-data")).unwrap().contains(ODD_READ));
        let stage = Stage::set(&terraform, &project);
        stage.run(&["init", "-input=false"]);
        stage.run(&["validate"]);
        stage.plan();
        let (made, outputs) = stage.apply();
        assert_eq!(made["libvirt_domain--worker1"]["description"], ODD_READ);
        let of = |node: &str, file: &str| fs::read_to_string(project.dist().join(node).join(file)).unwrap();
        if provider == "0.8.3" {
            assert_eq!(made["libvirt_ignition--master1"]["content"], of("master1", "config.ign"));
            for (argument, file) in
                [("user_data", "user-data"), ("meta_data", "meta-data"), ("network_config", "network-config")]
            {
                assert_eq!(made["libvirt_cloudinit_disk--loadbalancer1"][argument], of("loadbalancer1", file));
            }
        } else {
            for (volume, file) in
                [("master1_boot", "master1/config.ign"), ("loadbalancer1_boot", "loadbalancer1/seed.iso")]
            {
                let volume = &made[&format!("libvirt_volume--{volume}")];
                let url = volume["create"]["content"]["url"].as_str().unwrap();
                assert_eq!(fs::read(stage.folder.join(url)).unwrap(), fs::read(project.dist().join(file)).unwrap());
                let entry = &made["libvirt_domain--master1"]["devices"]["disks"][0]["source"]["volume"];
                assert_eq!(entry, &json!({"pool": "microcloud", "volume": "master1.qcow2"}));
            }
        }
        let image = if provider == "0.8.3" { "/source" } else { "/create/content/url" };
        let image = made["libvirt_volume--base_flatcar"].pointer(image).unwrap();
        assert_eq!(image, "./../../images/flatcar_production_qemu_image.img");
        let machines = &outputs["machines"]["value"];
        assert_eq!(machines.as_object().unwrap().len(), 11);
        assert_eq!(machines["master1"]["address"], "10.17.4.21");
        assert_eq!(
            machines["master1"]["instance_id"],
            project.json("manifest.json")["nodes"]["master1"]["instance_id"]
        );

        // Nothing changed: nothing to do.
        assert_eq!(stage.plan(), BTreeMap::new());

        // One node's artefacts change.
        project.edit("profiles/nodes/worker1.yaml", "Thu 04:00", "Thu 05:00");
        project.build();
        let changes = Stage::set(&terraform, &project).plan();
        let replaced: Vec<&str> =
            changes.iter().filter(|(_, actions)| actions.len() == 2).map(|(name, _)| name.as_str()).collect();
        // Its root disk and its domain; in 0.9 also the volume with its config. Never the disk with people's data.
        let mut expected = vec!["libvirt_domain--worker1", "libvirt_volume--worker1_root"];
        if provider == "0.9" {
            expected.insert(1, "libvirt_volume--worker1_boot");
        }
        assert_eq!(replaced, expected, "{provider}: {changes:?}");
        let others = changes.keys().filter(|name| !name.contains("worker1")).collect::<Vec<_>>();
        assert!(others.is_empty(), "{provider}: {others:?}");
        if provider == "0.9" {
            volumes_that_cannot_be_changed_are_made_anew(&terraform, &project, &stage);
        }
    }
}

/// The first generation's own schema says so; this one's fails when it is applied.
fn volumes_that_cannot_be_changed_are_made_anew(terraform: &Path, project: &Project, stage: &Stage) {
    stage.apply();
    let replaced = |project: &Project| {
        let changes = Stage::set(terraform, project).plan();
        let replaced = changes.into_iter().filter(|(_, actions)| actions.len() == 2).map(|(name, _)| name);
        replaced.collect::<BTreeSet<String>>()
    };
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let size = "root_disk: 20 GiB";
    project.edit("profiles/nodes/worker1.yaml", size, "root_disk: 25 GiB");
    project.build();
    assert_eq!(replaced(project), own(&["libvirt_domain--worker1", "libvirt_volume--worker1_root"]));
    project.edit("profiles/nodes/worker1.yaml", "root_disk: 25 GiB", size);
    project.edit("profiles/cluster.yaml", "images/AlmaLinux", "images/other-AlmaLinux");
    project.build();
    let found = replaced(project);
    let expected =
        own(&["libvirt_domain--loadbalancer1", "libvirt_volume--base_almalinux", "libvirt_volume--loadbalancer1_root"]);
    assert!(found.is_superset(&expected) && !found.iter().any(|name| name.contains("worker1")), "{found:?}");
    assert!(!found.iter().any(|name| name.contains("_disk_")), "{found:?}");
}

#[test]
fn sheets_of_the_first_generation_do_what_they_say() {
    let Some(xsltproc) = engine("xsltproc") else { return };
    let project = Project::of("0.8.3");
    project.edit("profiles/cluster.yaml", "start: 10.17.4.2,", "start: 10.17.4.100,");
    project.build();
    let main = project.json("terraform/main.tf.json");
    let apply = |sheet: &Value, xml: &str| {
        let (style, input) = (project.root().join("sheet"), project.root().join("input"));
        fs::write(&style, sheet.as_str().unwrap()).unwrap();
        fs::write(&input, xml).unwrap();
        let output = run(Command::new(&xsltproc).args(["--nomkdir", "--nonet", "--nowrite"]).arg(style).arg(input));
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    // What the provider makes (libvirt/domain.go: newDiskForCloudInit, newDefDisk).
    let cdrom = "<domain><devices><disk device='disk'><target dev='vda' bus='virtio'/></disk><disk device='cdrom'><target dev='hdd' bus='ide'/><serial>cloudinit</serial></disk></devices></domain>";
    let got = apply(&main["resource"]["libvirt_domain"]["loadbalancer1"]["xml"]["xslt"], cdrom);
    let expected = "<domain><devices><disk device=\"disk\"><target dev=\"vda\" bus=\"virtio\"/></disk><disk device=\"cdrom\"><target dev=\"sda\" bus=\"sata\"/><serial>cloudinit</serial></disk></devices></domain>";
    assert!(got.contains(expected), "{got}");
    let disks = "<domain><devices><disk device='disk'><target dev='vda' bus='virtio'/></disk><disk device='disk'><target dev='vdb' bus='virtio'/></disk></devices></domain>";
    let got = apply(&main["resource"]["libvirt_domain"]["storage1"]["xml"]["xslt"], disks);
    let expected = "<target dev=\"vdb\" bus=\"virtio\"/><serial>data</serial></disk></devices></domain>";
    assert!(got.contains(expected) && got.matches("serial").count() == 2, "{got}");
    let network = "<network><name>n</name><ip address='10.17.4.1' prefix='24'><dhcp><range start='10.17.4.2' end='10.17.4.254'/></dhcp></ip></network>";
    let got = apply(&main["resource"]["libvirt_network"]["k3s"]["xml"]["xslt"], network);
    assert!(
        got.contains(
            "<ip address=\"10.17.4.1\" prefix=\"24\"><dhcp><range start=\"10.17.4.100\" end=\"10.17.4.254\"/>"
        ),
        "{got}"
    );
    assert_eq!(main["resource"]["libvirt_network"]["infra"].get("xml"), None, "the provider's own range will do");
}
