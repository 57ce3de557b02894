//! Programs that run without a container: drop-ins for the units that a package or a system extension brings, and the
//! extensions themselves (systemd-sysext(8)).

use super::assemble::Assembly;
use super::unit::{UnitText, command};
use crate::model::Part;
use crate::model::cluster::{Bringer, Cluster, Node, Service};
use crate::model::ignition::{Dropin, Resource, Unit, Verification};
use crate::model::profile::container::Extension;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Where extensions' images lie, and where systemd looks for them.
const IMAGES: &str = "/opt/extensions";
const LINKS: &str = "/etc/extensions";

/// A drop-in for each program. A unit of a package is enabled; one of an extension is linked, because when presets are
/// looked at for the first time the extension is not merged yet.
pub fn part(node: &Node, _cluster: &Cluster) -> Part {
    let mut part = Assembly::new(node.span);
    for (name, service) in &node.services {
        let unit = service.unit(name);
        let dropin = Dropin { name: "10-bake.conf".to_owned(), contents: Some(drop_in(node, service)) };
        let packaged = matches!(service.from, Bringer::Package(_));
        if !packaged && service.spec.enabled {
            let path = format!("/etc/systemd/system/multi-user.target.wants/{unit}");
            part.link(&path, &format!("/usr/lib/systemd/system/{unit}"), service.span);
        }
        let enabled = packaged.then_some(service.spec.enabled);
        part.unit(Unit { name: unit, enabled, dropins: vec![dropin], ..Unit::default() }, service.span);
    }
    part.finish()
}

/// What the container says that holds without one, too.
fn drop_in(node: &Node, service: &Service) -> String {
    let spec = &service.spec;
    let texts = |words: &[crate::model::Spanned<String>]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut text = UnitText::new(&node.name);
    if !spec.after.is_empty() || !spec.wants.is_empty() {
        text.section("Unit").list("After", &texts(&spec.after)).list("Wants", &texts(&spec.wants));
    }
    text.section("Service");
    if let Some(user) = service.user() {
        text.set("User", command(&[user.as_str()]));
    }
    if let Bringer::Package(package) = &service.from {
        for boolean in &package.selinux_booleans {
            // As root, and no reason to fail where SELinux is off.
            text.set("ExecStartPre", format!("-+/usr/sbin/setsebool {} on", command(&[boolean.as_str()])));
        }
    }
    if !service.command().is_empty() {
        text.set("ExecStart", "").set("ExecStart", command(&texts(service.command())));
    }
    for (key, value) in &spec.environment {
        text.set("Environment", command(&[format!("{key}={value}")]));
    }
    if let Some(file) = &spec.environment_file {
        text.set("EnvironmentFile", super::unit::literal(file));
    }
    if let Some(limit) = &spec.open_files {
        text.set("LimitNOFILE", limit);
    }
    text.set("Restart", "always").set("RestartSec", 5);
    text.finish()
}

/// The node's extensions; `images` has the bytes of those that are local, by name of the file.
pub fn extensions(node: &Node, images: &BTreeMap<String, Vec<u8>>) -> Part {
    let mut part = Assembly::new(node.span);
    for extension in node.extensions.values() {
        let (file, source) = match (&extension.source, &extension.local) {
            (Some(source), _) => (base(source), Some(source.value.clone())),
            (None, Some(local)) => (base(local), images.get(local.as_str()).map(|bytes| data(bytes))),
            (None, None) => continue,
        };
        let Some(source) = source else { continue };
        let verification = Verification { hash: extension.hash.as_ref().map(|hash| hash.value.clone()) };
        let contents = Resource { source: Some(source), verification, ..Resource::default() };
        let path = format!("{IMAGES}/{}/{file}", extension.name);
        part.resource(&path, 0o644, contents, extension.span);
        part.link(&link(extension), &path, extension.name.span);
    }
    part.finish()
}

fn link(extension: &Extension) -> String {
    format!("{LINKS}/{}.raw", extension.name)
}

/// The last piece of a path or URL, without a query.
fn base(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    path.rsplit('/').next().unwrap_or(path)
}

fn data(bytes: &[u8]) -> String {
    format!("data:;base64,{}", STANDARD.encode(bytes))
}
