//! What files and units say that people look for by itself: containers with their images, kernel settings, modules,
//! cards and routes, host name and time zone.

use super::super::machine::{Machine, Topic};
use super::network;

/// Where quadlets lie.
const QUADLETS: &str = "/etc/containers/systemd/";

pub(super) fn derive(machine: &mut Machine) {
    identity(machine);
    network::networkd(machine);
    quadlets(machine);
    docker(machine);
    for (path, text) in texts(machine, |path| path == "/etc/sysctl.conf" || path.starts_with("/etc/sysctl.d/")) {
        if path.strip_suffix(".conf").is_none() {
            continue;
        }
        for (key, value) in text.lines().filter(|line| !comment(line)).filter_map(|line| line.split_once('=')) {
            machine.item(Topic::Sysctl, key.trim().trim_start_matches('-')).set("value", value.trim());
        }
    }
    for (_, text) in texts(machine, |path| path.starts_with("/etc/modules-load.d/")) {
        for module in text.lines().map(str::trim).filter(|line| !line.is_empty() && !comment(line)) {
            machine.item(Topic::Module, module);
        }
    }
}

fn comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
}

/// Paths and texts of the files that are meant.
fn texts(machine: &Machine, meant: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let files = machine.all(Topic::File).filter(|(path, _)| meant(path));
    files.filter_map(|(path, item)| Some((path.to_owned(), item.text()?.to_owned()))).collect()
}

/// Host name and time zone, which Ignition writes as a file and as a link.
fn identity(machine: &mut Machine) {
    let named = |text: &str| !text.trim().is_empty() && text.trim().lines().count() == 1;
    if let Some(file) = machine.items.remove(&(Topic::File, "/etc/hostname".to_owned())) {
        match file.text().filter(|text| named(text)).map(str::trim) {
            Some(name) => drop(machine.item(Topic::Machine, "hostname").set("name", name)),
            None => drop(machine.items.insert((Topic::File, "/etc/hostname".to_owned()), file)),
        }
    }
    if let Some(link) = machine.items.remove(&(Topic::Link, "/etc/localtime".to_owned())) {
        let zone = link.get("target").and_then(|target| target.split_once("/usr/share/zoneinfo/"));
        match zone.map(|(_, zone)| zone.to_owned()) {
            Some(zone) => drop(machine.item(Topic::Machine, "timezone").set("name", zone)),
            None => drop(machine.items.insert((Topic::Link, "/etc/localtime".to_owned()), link)),
        }
    }
}

/// Podman makes a service of each quadlet: enabled exactly if it has an `[Install]` section.
fn quadlets(machine: &mut Machine) {
    for (path, text) in texts(machine, |path| path.starts_with(QUADLETS)) {
        let Some(name) = path.rsplit('/').next().and_then(|file| file.strip_suffix(".container")) else { continue };
        let enabled = text.lines().any(|line| line.trim() == "[Install]");
        machine.item(Topic::Unit, format!("{name}.service")).set("enabled", super::files::yes_or_no(enabled));
        let image = text.lines().find_map(|line| line.trim().strip_prefix("Image="));
        machine.item(Topic::Container, name).set("image", image.unwrap_or_default());
        volumes(machine, name, text.lines().filter_map(|line| line.trim().strip_prefix("Volume=")));
    }
}

/// Services that run `docker run`.
fn docker(machine: &mut Machine) {
    let units: Vec<(String, String)> = machine
        .all(Topic::Unit)
        .filter_map(|(name, item)| Some((name.strip_suffix(".service")?.to_owned(), item.text()?.to_owned())))
        .filter(|(_, text)| text.contains("docker run "))
        .collect();
    for (name, text) in units {
        let joined = text.replace("\\\n", " ");
        let Some(run) = joined.lines().find(|line| line.contains("docker run ")) else { continue };
        let words: Vec<&str> = run.split_whitespace().collect();
        // A reference by digest is the one word that has it.
        let image = words.iter().find(|word| word.contains("@sha256:")).copied().unwrap_or_default();
        machine.item(Topic::Container, &name).set("image", image);
        let mounted = words.windows(2).filter(|pair| pair[0] == "--volume").map(|pair| pair[1]);
        volumes(machine, &name, mounted);
    }
}

/// Folders of the host that a container may write to.
fn volumes<'a>(machine: &mut Machine, name: &str, written: impl Iterator<Item = &'a str>) {
    let writable = written.filter_map(|volume| {
        let mut parts = volume.split(':');
        let (host, _, options) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
        options.split(',').all(|option| option != "ro").then_some(host)
    });
    let folders: Vec<&str> = writable.collect();
    machine.item(Topic::Container, name).set("writes", folders.join(" "));
}
