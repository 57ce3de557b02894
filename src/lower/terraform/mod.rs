//! A Terraform module that makes the machines, for either generation of the provider dmacvicar/libvirt.
//!
//! One resource per thing and node, labelled with the node's name, so that people find what they look for. Three
//! decisions hold for both generations:
//!
//! - A machine whose artefacts change is made anew, with its root disk: the first boot happens once per disk. A
//!   `terraform_data` per node holds the instance-id, and domain and root volume are replaced when it changes. Further
//!   disks stay.
//! - What tells a machine what to become is a volume whose name has the instance-id in it: another content can never
//!   be taken for the same.
//! - The module names its providers and configures none: `providers.tf` is its user's.

mod first;
mod second;

use crate::model::profile::cluster::Provider;
use crate::model::terraform::{Value, expression, object};
use crate::model::virt::{Machine, Virt};
use std::collections::BTreeMap;

/// Blocks of one type of resource, by label.
type Blocks = BTreeMap<String, Value>;

/// The files of the module by name.
pub fn lower(virt: &Virt) -> Vec<(&'static str, Value)> {
    vec![("main.tf.json", main(virt)), ("outputs.tf.json", outputs(virt)), ("variables.tf.json", variables())]
}

fn main(virt: &Virt) -> Value {
    let (version, mut resources) = match virt.provider {
        Provider::V0_8_3 => ("0.8.3", first::resources(virt)),
        Provider::V0_9 => ("~> 0.9.7", second::resources(virt)),
    };
    let states = virt.machines.iter().map(|machine| {
        let state = object([("input", machine.instance_id.clone().into())]);
        (label(&machine.name), state)
    });
    resources.entry("terraform_data").or_default().extend(states);
    let resources = resources.into_iter().filter(|(_, blocks)| !blocks.is_empty());
    let comment = format!("Made by bake for {}; changes here are lost.", virt.cluster);
    let provider = object([("source", "dmacvicar/libvirt".into()), ("version", version.into())]);
    let mut main = object([
        ("//", comment.into()),
        (
            "terraform",
            object([
                // `terraform_data` is of 1.4.
                ("required_version", ">= 1.4".into()),
                ("required_providers", object([("libvirt", provider)])),
            ]),
        ),
        ("locals", object([("project", expression("coalesce(var.project, \"${path.module}/../..\")"))])),
        ("resource", Value::Object(resources.map(|(kind, blocks)| (kind.to_owned(), blocks.into())).collect())),
    ]);
    if !virt.left_out.is_empty() {
        let named = virt.left_out.iter().map(|(name, why)| format!("{name} is not made: {why}.").into());
        let comment = format!("Made by bake for {}; changes here are lost.", virt.cluster);
        main.set("//", [Value::from(comment)].into_iter().chain(named).collect::<Vec<_>>());
    }
    main
}

fn outputs(virt: &Virt) -> Value {
    let machine = |machine: &Machine| {
        let address = machine.cards.first().map_or(Value::Null, |card| card.address.to_string().into());
        let facts = object([
            ("address", address),
            ("domain", expression(format!("libvirt_domain.{}.id", label(&machine.name)))),
            ("fqdn", machine.fqdn.clone().into()),
            ("instance_id", expression(format!("terraform_data.{}.output", label(&machine.name)))),
        ]);
        (machine.name.clone(), facts)
    };
    let vips = virt.vips.iter().map(|(name, address)| (name.clone(), address.to_string().into()));
    object([(
        "output",
        object([
            (
                "machines",
                object([
                    (
                        "description",
                        "The machines: address, libvirt's id, full name, and what changes with their content".into(),
                    ),
                    ("value", Value::Object(virt.machines.iter().map(machine).collect())),
                ]),
            ),
            (
                "vips",
                object([
                    ("description", "Addresses that the balancers hold".into()),
                    ("value", Value::Object(vips.collect())),
                ]),
            ),
        ]),
    )])
}

fn variables() -> Value {
    object([(
        "variable",
        object([(
            "project",
            object([
                ("type", "string".into()),
                ("default", Value::Null),
                (
                    "description",
                    "Folder of the project, to which paths of images are relative; the folder above dist if not set"
                        .into(),
                ),
            ]),
        )]),
    )])
}

/// The name of a block: Terraform's identifiers do not begin with a digit.
fn label(name: &str) -> String {
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' });
    if digit { std::iter::once('_').chain(plain).collect() } else { plain.collect() }
}

/// Labels of a machine's volumes. Names of nodes have no `_`, so these never meet.
fn root(machine: &Machine) -> String {
    format!("{}_root", label(&machine.name))
}

fn disk(machine: &Machine, serial: &str) -> String {
    format!("{}_disk_{serial}", label(&machine.name))
}

fn base(os: &str) -> String {
    format!("base_{}", label(os))
}

/// Path of one of a node's artefacts, as Terraform writes it.
fn artefact(machine: &Machine, file: &str) -> String {
    format!("${{path.module}}/../{}/{file}", machine.name)
}

/// Contents of one of a node's artefacts: read when Terraform runs, never a template.
fn contents(machine: &Machine, file: &str) -> Value {
    expression(format!("file(\"{}\")", artefact(machine, file)))
}

/// The pool's name.
fn pool(virt: &Virt) -> Value {
    if virt.pool.existing { virt.pool.name.clone().into() } else { expression("libvirt_pool.cluster.name") }
}

/// The pool, unless it is there already. Both generations agree on it.
fn pools(virt: &Virt) -> Blocks {
    let pool = object([
        ("name", virt.pool.name.clone().into()),
        ("type", "dir".into()),
        ("target", object([("path", virt.pool.path.clone().into())])),
    ]);
    if virt.pool.existing { Blocks::new() } else { Blocks::from([("cluster".to_owned(), pool)]) }
}

/// Where an image comes from: a URL or absolute path as it is, anything else below the project.
fn image(source: &str) -> Value {
    if source.starts_with('/') || source.contains("://") {
        return source.into();
    }
    let quoted = source.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
    expression(format!("\"${{local.project}}/{quoted}\""))
}

/// Replaced whenever the node's artefacts change.
fn replaced(machine: &Machine) -> Value {
    replaced_by([label(&machine.name)])
}

/// Replaced whenever one of these `terraform_data` changes.
fn replaced_by<const N: usize>(labels: [String; N]) -> Value {
    let triggers: Vec<Value> = labels.map(|label| Value::Name(format!("terraform_data.{label}"))).into();
    object([("replace_triggered_by", triggers.into())])
}

/// What a domain says of itself to people.
fn description(machine: &Machine) -> String {
    machine.description.clone().unwrap_or_else(|| machine.fqdn.clone())
}
