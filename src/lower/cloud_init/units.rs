//! systemd units and Podman quadlets: what is written, enabled, masked, and started in which order.

use super::contents;
use super::order;
use super::owners::Given;
use super::place::{Kind, Place};
use super::{Work, element, file};
use crate::model::ignition::{Dropin, File, Unit};
use std::collections::BTreeMap;

/// Units that guard the network: whatever the firewall is, it stands before anything listens.
const GUARDS: [&str; 2] = ["nftables.service", "firewalld.service"];

/// The end of cloud-init, which is itself `After=multi-user.target`.
const CLOUD_INIT_ENDS: [&str; 2] = ["cloud-final.service", "cloud-init.target"];

/// Quadlet files by extension, and what is between their stem and `.service` in the unit that Podman makes of them.
const QUADLETS: [(&str, &str); 7] = [
    ("build", "-build"),
    ("container", ""),
    ("image", "-image"),
    ("kube", ""),
    ("network", "-network"),
    ("pod", "-pod"),
    ("volume", "-volume"),
];

pub(super) fn lower(work: &mut Work<'_>, units: &[Unit], files: &[File]) {
    let quadlets = quadlets(files);
    let mut texts: BTreeMap<String, String> = quadlets.clone();
    let mut start = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        let at = element("systemd", "units", index);
        let Unit { contents, dropins, enabled, mask, name } = unit;
        let contents = contents.as_deref().unwrap_or_default();
        let masked = *mask == Some(true);
        let text = texts.entry(name.clone()).or_default();
        // Masking comes last in Ignition, and puts the link where the unit was.
        if !contents.is_empty() && !masked {
            text.push_str(contents);
            work.out.write_files.push(file(&format!("/etc/systemd/system/{name}"), "0644", contents.to_owned()));
        }
        let mut extended = false;
        for Dropin { contents, name: dropin } in dropins {
            let Some(contents) = contents.as_deref().filter(|contents| !contents.is_empty()) else { continue };
            extended = true;
            text.push('\n');
            text.push_str(contents);
            work.out.write_files.push(file(
                &format!("/etc/systemd/system/{name}.d/{dropin}"),
                "0644",
                contents.to_owned(),
            ));
        }
        if masked {
            let path = format!("/etc/systemd/system/{name}");
            let kind = Kind::Link { target: "/dev/null".to_owned(), replace: true };
            work.out.prepare.places.push(Place { path, kind, mode: None, owner: Given::default() });
            work.out.apply.mask.push(name.clone());
            continue;
        }
        if *mask == Some(false) {
            work.out.apply.unmask.push(name.clone());
        }
        if extended && contents.is_empty() && !quadlets.contains_key(name) {
            work.out.apply.restart.push(name.clone());
        }
        if let (Some(enabled), Some(quadlet)) = (enabled, quadlets.get(name)) {
            // Podman makes this unit, and `systemctl enable` does not know it: its file alone decides.
            if *enabled != installs(quadlet) {
                let (is, cure) = if *enabled { ("no", "add one") } else { ("an", "remove it") };
                let message = format!("`{name}` is made by a quadlet that has {is} `[Install]` section");
                work.refuse(&at.then("enabled"), message, &format!("{cure}: it is what enables a quadlet"));
            }
            continue;
        }
        match enabled {
            Some(true) => {
                let waits = order::named(texts.get(name).map_or("", String::as_str), "After");
                if let Some(end) = waits.into_iter().find(|unit| CLOUD_INIT_ENDS.contains(unit)) {
                    let message = format!(
                        "`{name}` waits for `{end}`, which comes after `multi-user.target`: neither would start"
                    );
                    work.refuse(&at, message, "remove it from `After=`: bake starts units when everything is in place");
                }
                // A template is enabled as its default instance; without one, as on Flatcar, as nothing.
                let instance = match name.split_once("@.") {
                    None => Some(name.clone()),
                    Some((stem, kind)) => order::named(texts.get(name).map_or("", String::as_str), "DefaultInstance")
                        .last()
                        .map(|instance| format!("{stem}@{instance}.{kind}")),
                };
                if let Some(instance) = instance {
                    work.out.apply.enable.push(name.clone());
                    start.push(instance);
                }
            }
            Some(false) => work.out.apply.disable.push(name.clone()),
            None => {}
        }
    }
    start.extend(quadlets.iter().filter(|(_, text)| installs(text)).map(|(name, _)| name.clone()));
    let apply = &mut work.out.apply;
    start.retain(|name| !apply.mask.contains(name));
    for name in order::sorted(start, &texts) {
        let guards = |text: &String| order::named(text, "Before").any(|unit| unit == "network-pre.target");
        if GUARDS.contains(&name.as_str()) || texts.get(&name).is_some_and(guards) {
            apply.early.push(name);
        } else if matches!(name.rsplit_once('.'), Some((_, "mount" | "swap"))) {
            apply.mounts.push(name);
        } else {
            apply.start.push(name);
        }
    }
}

/// The units that Podman makes of files, with the files' text.
fn quadlets(files: &[File]) -> BTreeMap<String, String> {
    let of = |file: &File| {
        let name = file.path.strip_prefix("/etc/containers/systemd/")?.rsplit('/').next()?;
        let (stem, extension) = name.rsplit_once('.')?;
        let (_, suffix) = QUADLETS.iter().find(|(known, _)| *known == extension)?;
        // A file that cannot be read has been reported where files are written.
        let bytes = contents::bytes(&file.contents).ok().flatten().unwrap_or_default();
        Some((format!("{stem}{suffix}.service"), String::from_utf8_lossy(&bytes).into_owned()))
    };
    files.iter().filter_map(of).collect()
}

fn installs(quadlet: &str) -> bool {
    quadlet.lines().any(|line| line.trim() == "[Install]")
}
