//! Units and drop-ins.

use super::{Check, says, unit};
use crate::model::ignition::{Config, Systemd, Unit};
use crate::model::path::At;
use crate::model::quote::quote;
use std::collections::{BTreeMap, BTreeSet};

const EXTENSIONS: [&str; 12] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "snapshot",
    "slice",
    "scope",
];

/// What follows the last dot of a file's name.
fn extension(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.').map_or("", |(_, extension)| extension)
}

impl Check<'_> {
    pub(super) fn systemd(&mut self, systemd: &Systemd) {
        let at = At::top("systemd");
        let at = at.key("units");
        // Of repeated names the last one counts.
        let by_name: BTreeMap<&str, &Unit> = systemd.units.iter().map(|unit| (unit.name.as_str(), unit)).collect();
        for (index, unit) in systemd.units.iter().enumerate() {
            let at = at.index(index);
            self.unit(unit, &at);
            self.instance(unit, &by_name, &at);
        }
    }

    fn unit(&mut self, unit: &Unit, at: &At<'_>) {
        if !EXTENSIONS.contains(&extension(&unit.name)) {
            self.error(&at.key("name"), "invalid systemd unit extension");
        }
        if let Some(text) = &unit.contents {
            let at = at.key("contents");
            match unit::has_install(text) {
                Err(why) => self.error(&at, format!("invalid unit content: {why}")),
                Ok(false) if unit.enabled == Some(true) && !text.is_empty() => {
                    let name = quote(&unit.name);
                    self.warn(
                        &at,
                        format!("unit {name} is enabled, but has no install section so enable does nothing"),
                    );
                }
                Ok(_) => {}
            }
        }
        let dropins = at.key("dropins");
        for (index, dropin) in unit.dropins.iter().enumerate() {
            let at = dropins.index(index);
            if let Some(Err(why)) = dropin.contents.as_deref().map(unit::has_install) {
                self.error(&at.key("contents"), format!("invalid unit content: {why}"));
            }
            if extension(&dropin.name) != "conf" {
                self.error(&at.key("name"), "invalid systemd drop-in extension");
            }
        }
    }

    /// An enabled instance of a template needs the template to say where it is wanted.
    fn instance(&mut self, unit: &Unit, by_name: &BTreeMap<&str, &Unit>, at: &At<'_>) {
        if unit.enabled != Some(true) {
            return;
        }
        let Some(template) = template_of(&unit.name) else { return };
        let Some(contents) = by_name.get(template.as_str()).and_then(|unit| unit.contents.as_deref()) else { return };
        if !contents.is_empty() && unit::has_install(contents) == Ok(false) {
            let (template, name) = (quote(&template), quote(&unit.name));
            self.warn(&at.key("contents"), format!("template unit {template} for {name} doesn't have Install section"));
        }
    }

    /// No file may be where a unit goes.
    pub(super) fn unit_paths(&mut self, config: &Config) {
        let mut paths = BTreeSet::new();
        for unit in &config.systemd.units {
            let path = format!("/etc/systemd/system/{}", unit.name);
            for dropin in unit.dropins.iter().filter(|dropin| says(dropin.contents.as_ref())) {
                paths.insert(format!("{path}.d/{}", dropin.name));
            }
            if says(unit.contents.as_ref()) {
                paths.insert(path);
            }
        }
        if paths.is_empty() {
            return;
        }
        let storage = At::top("storage");
        let nodes = config.storage.files.iter().map(|node| &node.path).enumerate().map(|node| ("files", node));
        let nodes = nodes.chain(
            config.storage.directories.iter().map(|node| &node.path).enumerate().map(|node| ("directories", node)),
        );
        let nodes =
            nodes.chain(config.storage.links.iter().map(|node| &node.path).enumerate().map(|node| ("links", node)));
        for (list, (index, path)) in nodes {
            if paths.contains(path) {
                let at = storage.key(list);
                self.error(&at.index(index).key("path"), "path conflicts with systemd unit or dropin");
            }
        }
    }
}

/// The template that a service is an instance of: `a@.service` for `a@b.service`.
fn template_of(name: &str) -> Option<String> {
    if name.contains('\n') {
        return None;
    }
    let stem = name.strip_suffix(".service")?;
    let at = stem.char_indices().skip(1).find(|(at, c)| *c == '@' && at + 1 < stem.len())?.0;
    Some(format!("{}@.service", &stem[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_know_their_template() {
        assert_eq!(template_of("a@b@c.service").as_deref(), Some("a@.service"));
        assert_eq!(template_of("a@.service"), None);
        assert_eq!(template_of("@b.service"), None);
    }
}
