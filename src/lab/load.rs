//! An output to a plan.

use super::failure::Failure;
use super::plan::Plan;
use super::tree::{File, Tree};
use crate::diff;
use crate::emit::{manifest, summary};
use crate::model::data::Data;
use std::collections::BTreeMap;

/// Reads a file of the output by its path.
pub type Read<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// The plan for an output. `yaml` reads YAML.
///
/// # Errors
/// What is missing or cannot be understood.
pub fn plan(read: Read<'_>, yaml: &dyn Fn(&str) -> Result<Data, String>) -> Result<Plan, Failure> {
    let read = |path: &str| read(path).map_err(|why| Failure::new(why).hint("`bake build` writes it"));
    let wrong = |path: &str, why: String| Failure::new(format!("`{path}`: {why}")).hint("`bake build` writes it anew");
    let listed = read("manifest.json")?;
    let digest = manifest::sha256(&listed);
    let listed = manifest::Manifest::parse(&listed).map_err(|why| wrong("manifest.json", why))?;
    let summary = summary::parse(&read("cluster.json")?).map_err(|why| wrong("cluster.json", why))?;
    let (mut trees, mut traits) = (BTreeMap::new(), BTreeMap::new());
    let missing: Vec<&str> = summary
        .nodes
        .iter()
        .filter(|node| node.build && !listed.nodes.contains_key(&node.name))
        .map(|node| node.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(Failure::new(format!("the output has nothing of {}", missing.join(", ")))
            .hint("a lab needs all machines: `bake build` without `--node`"));
    }
    for (name, node) in &listed.nodes {
        let mut files = BTreeMap::new();
        for path in node.files.keys() {
            files.insert(path.clone(), read(&format!("{name}/{path}"))?);
        }
        let baked = diff::Baked { os: &node.os, files: &files, secrets: None, yaml };
        let machine = diff::read(&baked).map_err(|(file, why)| wrong(&format!("{name}/{file}"), why))?;
        traits.insert(name.clone(), diff::Traits::of(&machine));
        let mut tree = Tree::new(&machine).map_err(|why| wrong(name, why))?;
        tree.artefacts = files.into_iter().map(|(path, bytes)| (path, File { bytes, mode: 0o600 })).collect();
        trees.insert(name.clone(), tree);
    }
    let rollout = diff::rollout::whole(&summary, &traits);
    Ok(Plan::new(summary, digest, trees, rollout))
}
