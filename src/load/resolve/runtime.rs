//! Runtimes: which programs of a node run in containers, and who brings the others.

use super::name::{is_plain, unknown};
use super::role::Compiled;
use super::{Profiles, bad};
use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::Spanned;
use crate::model::cluster::{Bringer, Node, Service};
use crate::model::profile::container::{Container, Extension, Runtime};
use crate::model::profile::node::Os;
use std::collections::BTreeMap;

/// Sorts the containers of the node's roles into those that are containers here and those that are not. A later role's
/// description of a service takes the place of an earlier one's.
pub(super) fn compose(profiles: &Profiles, roles: &BTreeMap<&str, Compiled<'_>>, node: &mut Node, sink: &mut Sink) {
    let Some(content) = profiles.nodes.get(&node.name).and_then(|node| node.content.as_ref()) else { return };
    for (role, choice) in &content.runtime {
        if !content.roles.iter().any(|own| own.as_str() == role) {
            unknown("role of this node", role, choice.span, content.roles.iter().map(|own| own.as_str()), sink);
        }
    }
    for name in node.roles.clone() {
        let Some(role) = roles.get(name.as_str()) else { continue };
        let choice = content.runtime.get(name.as_str()).or(role.profile.runtime.as_ref());
        if let Some(choice) = choice.filter(|_| !role.profile.containers.is_empty()) {
            suits(node, choice, sink);
        }
        for (service, container) in &role.profile.containers {
            node.containers.remove(service);
            node.services.remove(service);
            match choice.filter(|choice| choice.value != Runtime::Container) {
                None => drop(node.containers.insert(service.clone(), container.clone())),
                Some(choice) => {
                    if let Some(found) = self::service(profiles, node, service, container, choice, sink) {
                        node.services.insert(service.clone(), found);
                    }
                }
            }
        }
        if node.os == Os::Flatcar {
            let own = role.profile.extensions.iter();
            node.extensions.extend(own.map(|extension| (extension.name.value.clone(), extension.clone())));
        }
    }
    for (name, service) in &node.services {
        match &service.from {
            Bringer::Sysext(sysext) => {
                node.extensions.insert(sysext.extension.name.value.clone(), sysext.extension.clone());
            }
            Bringer::Package(package) => {
                let program = package.command.first().map_or(name.as_str(), |program| program.as_str());
                let program = program.rsplit('/').next().unwrap_or(program).to_owned();
                if !node.requires.iter().any(|known| known.value == program) {
                    node.requires.push(Spanned::new(program, package.name.span));
                }
            }
        }
    }
    node.requires.sort_by(|a, b| a.value.cmp(&b.value));
}

/// Packages are EL's, system extensions Flatcar's.
fn suits(node: &Node, choice: &Spanned<Runtime>, sink: &mut Sink) {
    let (fits, other) = match choice.value {
        Runtime::Container => return,
        Runtime::Sysext => (node.os == Os::Flatcar, Runtime::Package),
        Runtime::Package => (node.os != Os::Flatcar, Runtime::Sysext),
    };
    if !fits {
        let message = format!("`{}` runs `{}`, which has no runtime `{choice}`", node.name, node.os);
        let found = bad(message, choice.span).related(node.span, "this node");
        sink.push(found.hint(format!("write `container` or `{other}`")));
    }
}

fn service(
    profiles: &Profiles,
    node: &Node,
    name: &str,
    container: &Spanned<Container>,
    choice: &Spanned<Runtime>,
    sink: &mut Sink,
) -> Option<Service> {
    let lacks = |what: &str, sink: &mut Sink| {
        let message = format!("`{name}` runs in a container only: its role says nothing about a {what}");
        let found = bad(message, choice.span).related(container.span, "it is described here");
        sink.push(found.hint(format!("write `{choice}:` for it, or the runtime `container`")));
    };
    let from = match choice.value {
        Runtime::Container => return None,
        Runtime::Package => {
            let Some(package) = &container.package else {
                lacks("package", sink);
                return None;
            };
            packaged(profiles, node, &package.name, choice.span, sink);
            Bringer::Package(package.value.clone())
        }
        Runtime::Sysext => {
            let Some(sysext) = &container.sysext else {
                lacks("system extension", sink);
                return None;
            };
            Bringer::Sysext(sysext.value.clone())
        }
    };
    Some(Service { spec: container.clone(), from, span: choice.span })
}

/// Nothing is installed at first boot, so the image must have it.
fn packaged(profiles: &Profiles, node: &Node, package: &Spanned<String>, choice: Span, sink: &mut Sink) {
    let os = node.os.as_str();
    let image = profiles.cluster.images.get(os);
    if image.is_some_and(|image| image.packages.iter().any(|known| known.value == package.value))
        || node.os == Os::Flatcar
    {
        return;
    }
    let message = format!("the image of `{os}` is not known to have the package `{package}`");
    let mut found = Diagnostic::new(Code::PackageMissing, message).at(choice);
    found = found.related(package.span, "the package is named here");
    if let Some(image) = image {
        found = found.related(image.span, "the image is described here");
    }
    sink.push(found.hint(format!("add it to the image and to `images.{os}.packages` in `cluster.yaml`")));
}

/// What can be wrong with an extension in itself.
pub(super) fn extension(extension: &Spanned<Extension>, sink: &mut Sink) {
    let name = &extension.name;
    if !is_plain(name) || name.starts_with('.') || name.ends_with(".raw") {
        let found = bad(format!("`{name}` is not a name of a system extension"), name.span);
        sink.push(found.hint("write it as `extension-release.<name>` in the image has it, without `.raw`"));
    }
    match (&extension.source, &extension.local) {
        (None, None) => {
            let message = format!("the extension `{name}` has neither a `source` nor a `local` file");
            sink.push(Diagnostic::new(Code::MissingKey, message).at(extension.span));
        }
        (Some(source), Some(_)) => {
            sink.push(bad(format!("the extension `{name}` has a `source` and a `local` file"), source.span));
        }
        (Some(source), None) => {
            if !["https://", "http://"].iter().any(|scheme| source.starts_with(scheme)) {
                let found = bad(format!("`{source}` is no URL that an image can be fetched from"), source.span);
                sink.push(found.hint("write `https://...`, or `local:` for a file of the project"));
            }
            if extension.hash.is_none() {
                let message = format!("the key `hash` is missing: anybody on the way could exchange `{name}`");
                let found = Diagnostic::new(Code::MissingKey, message).at(extension.span);
                sink.push(found.hint("write `hash: sha256-` and what `sha256sum` prints"));
            }
        }
        (None, Some(_)) => {}
    }
    if let Some(hash) = &extension.hash {
        let digits = match hash.split_once('-') {
            Some(("sha256", digits)) if digits.len() == 64 => digits,
            Some(("sha512", digits)) if digits.len() == 128 => digits,
            _ => "-",
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            let found = bad(format!("`{hash}` is not a digest"), hash.span);
            sink.push(found.hint("write `sha256-` and 64, or `sha512-` and 128 hexadecimal digits in lower case"));
        }
    }
}
