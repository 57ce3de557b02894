//! Two machines, item by item.

use super::machine::{Body, Item, Machine, Secret, Topic};
use super::unified;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another one.
    Changed,
}

/// A difference between two machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What the item is.
    pub topic: Topic,
    /// Its name: a path, a unit, a destination.
    pub name: String,
    /// What happened to it.
    pub what: What,
    /// What is said about it now, and what was before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// A unified diff of what it holds; absent for what is no text or must not be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Whether something in it is not shown, because it is a secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// A difference in what is said about an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// What is said.
    pub field: &'static str,
    /// How it was; absent if nothing was said, or if it is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// How it is; absent if nothing is said, or if it is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// Whether it is a secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// Everything that is different, by topic and name.
pub fn compare(old: &Machine, new: &Machine) -> Vec<Change> {
    let keys: BTreeSet<_> = old.items.keys().chain(new.items.keys()).collect();
    keys.into_iter().filter_map(|key| item(key, old.items.get(key), new.items.get(key))).collect()
}

fn item((topic, name): &(Topic, String), old: Option<&Item>, new: Option<&Item>) -> Option<Change> {
    if old == new {
        return None;
    }
    let what = match (old, new) {
        (None, _) => What::Added,
        (_, None) => What::Removed,
        _ => What::Changed,
    };
    // A function of a script is there exactly when something calls it.
    if *topic == Topic::Script && name.ends_with("()") && what != What::Changed {
        return None;
    }
    let nothing = Item::default();
    let (before, after) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
    let mut change =
        Change { topic: *topic, name: name.clone(), what, fields: fields(before, after), diff: None, secret: false };
    change.secret = change.fields.iter().any(|field| field.secret);
    if before.body != after.body && what != What::Removed {
        body(&mut change, before.body.as_ref(), after.body.as_ref());
    }
    Some(change)
}

fn fields(old: &Item, new: &Item) -> Vec<FieldChange> {
    let names: BTreeSet<&'static str> = old.fields.keys().chain(new.fields.keys()).copied().collect();
    let changed = names.into_iter().filter(|name| old.fields.get(name) != new.fields.get(name));
    changed
        .map(|field| {
            let (old, new) = (old.fields.get(field), new.fields.get(field));
            let secret = old.into_iter().chain(new).any(|value| value.secret);
            let shown =
                |value: Option<&super::machine::Value>| value.filter(|_| !secret).map(|value| value.text.clone());
            FieldChange { field, old: shown(old), new: shown(new), secret }
        })
        .collect()
}

/// How the bodies differ: as text, or else by size and digest.
fn body(change: &mut Change, old: Option<&Body>, new: Option<&Body>) {
    let nothing = Body::default();
    let (before, after) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
    let hidden = |body: &Body| body.secret == Secret::Everything;
    if before.bytes == after.bytes {
        // What counts as secret has changed, and nothing else.
        return;
    }
    let texts = (text(&before.bytes), text(&after.bytes));
    match texts {
        _ if hidden(before) || hidden(after) => {
            change.secret = true;
            change.fields.push(FieldChange { field: "content", old: None, new: None, secret: true });
        }
        (Some(one), Some(other)) => {
            let (one, other) = unified::masked((one, &before.secret), (other, &after.secret));
            change.secret |= before.secret != Secret::Nothing || after.secret != Secret::Nothing;
            change.diff = Some(unified::diff(&one, &other));
        }
        _ => {
            let shown = |body: Option<&Body>| body.map(|body| binary(&body.bytes));
            change.fields.push(FieldChange { field: "content", old: shown(old), new: shown(new), secret: false });
        }
    }
}

/// Artefacts that differ, file by file: as text where all of it may be shown.
pub fn artefacts(old: &BTreeMap<String, Vec<u8>>, new: &BTreeMap<String, Vec<u8>>) -> Vec<Change> {
    // What carries secrets does so in one of these.
    let secret = |name: &str| matches!(name, "config.ign" | "user-data");
    let machine = |files: &BTreeMap<String, Vec<u8>>| {
        let mut machine = Machine::default();
        for (name, bytes) in files {
            let hidden = if secret(name) { Secret::Everything } else { Secret::Nothing };
            machine.item(Topic::Artefact, name).body = Some(Body { bytes: bytes.clone(), secret: hidden });
        }
        machine
    };
    compare(&machine(old), &machine(new))
}

/// Bytes that people can read.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.chars().all(|c| matches!(c, '\n' | '\t' | '\r') || !c.is_control()).then_some(text)
}

/// Size and digest of bytes that people cannot read.
pub(super) fn binary(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("{} bytes, sha256:{digest}", bytes.len())
}
