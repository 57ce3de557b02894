//! Artefacts to a [`Machine`]: what a machine becomes from what was baked for it.
//!
//! Strict, because a difference that is not understood must not pass for none: an artefact, key or value that is not
//! known is an error. Bytes that are the same need not be understood at all, which is for the caller to see.

mod cloud;
mod facts;
mod files;
mod ignition;
mod json;
mod network;
mod script;
mod shell;

use super::machine::{Body, Machine, Secret, Topic};
use crate::model::data::Data;
use std::collections::BTreeMap;

/// Files that may lie in a node's folder: those of Ignition, and those of cloud-init.
pub const KINDS: &[&str] = &["config.ign", "meta-data", "network-config", "seed.iso", "user-data"];

/// What was baked for one machine.
#[derive(Clone, Copy)]
pub struct Baked<'a> {
    /// Its operating system, as the profile writes it.
    pub os: &'a str,
    /// Its files by name.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// Which lines of which files on the machine carry secrets; no line means all of them. `None`: it is not known.
    pub secrets: Option<&'a BTreeMap<String, Vec<usize>>>,
    /// Reads YAML.
    pub yaml: &'a dyn Fn(&str) -> Result<Data, String>,
}

/// Reads what was baked.
///
/// # Errors
/// The artefact that cannot be understood, and why.
pub fn read(baked: &Baked<'_>) -> Result<Machine, (String, String)> {
    let at = |file: &str| {
        let file = file.to_owned();
        move |why: String| (file, why)
    };
    if let Some(unknown) = baked.files.keys().find(|name| !KINDS.contains(&name.as_str())) {
        return Err((unknown.clone(), "this is no kind of artefact that bake knows".to_owned()));
    }
    let text = |name: &str| match baked.files.get(name) {
        Some(bytes) => std::str::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned()),
        None => Err("it is missing".to_owned()),
    };
    let mut machine = Machine::default();
    machine.item(Topic::Machine, "os").set("name", baked.os);
    if baked.files.contains_key("config.ign") {
        let read = text("config.ign").and_then(|text| ignition::read(text, &mut machine));
        read.map_err(at("config.ign"))?;
    } else {
        let read = text("user-data").and_then(|text| cloud::user_data((baked.yaml)(text)?, &mut machine));
        read.map_err(at("user-data"))?;
        let read = text("meta-data").and_then(|text| cloud::meta_data((baked.yaml)(text)?, &mut machine));
        read.map_err(at("meta-data"))?;
        let read = text("network-config").and_then(|text| network::config(text, (baked.yaml)(text)?, &mut machine));
        read.map_err(at("network-config"))?;
    }
    // What a file on the machine says besides, before secrets are marked: the facts are none.
    files::as_units(&mut machine);
    facts::derive(&mut machine);
    mark(&mut machine, baked.secrets);
    Ok(machine)
}

/// Notes what of the files must not be shown.
fn mark(machine: &mut Machine, secrets: Option<&BTreeMap<String, Vec<usize>>>) {
    for ((topic, name), item) in &mut machine.items {
        if *topic != Topic::File {
            continue;
        }
        let private = item.get("mode").is_some_and(files::is_private);
        let Some(Body { secret, .. }) = &mut item.body else { continue };
        *secret = match secrets.map(|secrets| secrets.get(name)) {
            Some(Some(lines)) if !lines.is_empty() => Secret::Lines(lines.iter().copied().collect()),
            Some(Some(_)) => Secret::Everything,
            None if private => Secret::Everything,
            None | Some(None) => Secret::Nothing,
        };
    }
}
