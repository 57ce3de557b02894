//! Files that systemd reads as units, and words that all readers share.

use super::super::machine::{Item, Machine, Topic};

/// Mode of files that name none.
pub(super) const MODE: &str = "0644";

/// Where systemd looks for units that an administrator wrote.
const UNITS: &str = "/etc/systemd/system/";

/// Whether only the owner may read a file of this mode: no right of the group and of others is set.
pub(super) fn is_private(mode: &str) -> bool {
    u32::from_str_radix(mode, 8).is_ok_and(|mode| mode.trailing_zeros() >= 6)
}

/// An owner worth a word.
pub(super) fn owner(pair: &str) -> String {
    if pair == "root:root" { String::new() } else { pair.to_owned() }
}

pub(super) fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Files and links below `/etc/systemd/system` become units and drop-ins: that is what they are, however they got there.
pub(super) fn as_units(machine: &mut Machine) {
    let files: Vec<String> = machine.all(Topic::File).map(|(name, _)| name.to_owned()).collect();
    for path in files {
        let Some((topic, name)) = unit(&path) else { continue };
        let Some(mut file) = machine.items.remove(&(Topic::File, path)) else { continue };
        // The usual for a unit.
        if file.get("mode") == Some(MODE) {
            file.set("mode", "");
        }
        let own = machine.item(topic, name);
        own.body = file.body;
        own.fields.extend(file.fields);
    }
    let masks: Vec<String> = machine
        .all(Topic::Link)
        .filter(|(path, link)| path.starts_with(UNITS) && link.get("target") == Some("/dev/null"))
        .map(|(path, _)| path.to_owned())
        .collect();
    for path in masks {
        let Some((Topic::Unit, name)) = unit(&path) else { continue };
        machine.items.remove(&(Topic::Link, path));
        machine.item(Topic::Unit, name).set("masked", "yes");
    }
    // Nothing is said of a unit: it is mentioned, and that is all.
    machine.items.retain(|(topic, _), item| *topic != Topic::Unit || *item != Item::default());
}

/// The unit or drop-in that a path stands for.
fn unit(path: &str) -> Option<(Topic, String)> {
    let name = path.strip_prefix(UNITS)?;
    match name.split_once('/') {
        None => Some((Topic::Unit, name.to_owned())),
        Some((folder, file)) => {
            let drop_in = folder.strip_suffix(".d").and(file.strip_suffix(".conf"));
            drop_in.map(|_| (Topic::DropIn, name.to_owned()))
        }
    }
}
