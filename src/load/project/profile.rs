//! The files below `profiles/`.

use super::{BUTANE, read};
use crate::diag::{Code, Diagnostic, Severity, Sink, Sources, Span};
use crate::load::decode;
use crate::load::resolve::{Profile, Profiles, is_label};
use crate::model::Spanned;
use crate::model::path::clean;
use crate::model::profile::{ClusterProfile, NodeProfile, RoleProfile};
use crate::model::record::Value;
use crate::world::layers::Layers;
use crate::world::{Kind, Trouble, World};
use std::collections::{BTreeMap, BTreeSet};

/// Where a library has its roles.
const ROLES: &str = "profiles/roles";

/// Names that a node cannot have, because the output or the command line gives them another meaning.
const RESERVED: &[&str] = &["bake", "cluster", "default", "libvirt", "manifest.json", "terraform"];

/// Reads all profiles, and says where everything else is to be found. `None` means that errors were reported and nothing
/// more can be said.
pub(super) fn load<'w>(
    world: &'w dyn World,
    folder: &str,
    sources: &mut Sources,
    sink: &mut Sink,
) -> Option<(Profiles, Layers<'w>)> {
    if let Err(why) = world.list(folder) {
        sink.push(match why {
            Trouble::Missing => Diagnostic::new(Code::FileMissing, format!("there is no folder `{folder}`"))
                .hint("run `bake` in the project's folder, or name that with `-C DIR`"),
            Trouble::WrongKind => Diagnostic::new(Code::FileUnreadable, format!("`{folder}` is not a folder")),
            other => read::trouble(folder, &other),
        });
        return None;
    }
    let path = format!("{folder}/cluster.yaml");
    let before = sink.errors();
    let cluster: Option<ClusterProfile> = match world.read(&path) {
        Err(Trouble::Missing) => {
            let hint = "write the cluster's `name`, `domain`, `networks` and so on there; `bake schema cluster` knows all keys";
            sink.push(Diagnostic::new(Code::FileMissing, format!("there is no file `{path}`")).hint(hint));
            None
        }
        _ => document(world, &path, sources, sink).content,
    };
    let whole = sink.errors() == before;
    let named = cluster.as_ref().and_then(|cluster| cluster.library.as_ref());
    let layers = match named.map(|named| library(world, named)).transpose() {
        Ok(layers) => layers.unwrap_or_else(|| Layers::alone(world)),
        Err(found) => {
            sink.push(*found);
            return None;
        }
    };
    let mut roles = folder_of(world, &format!("{folder}/roles"), sources, sink);
    let nodes: BTreeMap<String, Profile<NodeProfile>> = folder_of(world, &format!("{folder}/nodes"), sources, sink);
    let idle_roles = shared_roles(&layers, &nodes, &mut roles, sources, sink);
    for (name, node) in &nodes {
        node_name(name, node.span, sink);
    }
    if nodes.is_empty() {
        let hint = format!("describe a machine in `{folder}/nodes/NAME.yaml`");
        sink.push(Diagnostic::new(Code::EmptyProject, format!("there is no node in `{folder}/nodes`")).hint(hint));
        return None;
    }
    // What a broken `cluster.yaml` does not declare would be reported once per use.
    let cluster = cluster.filter(|_| whole)?;
    let fragments = fragments(&layers, sink);
    Some((Profiles { cluster, path, roles, idle_roles, nodes, fragments }, layers))
}

/// The project with the library that it names behind it.
fn library<'w>(world: &'w dyn World, named: &Spanned<String>) -> Result<Layers<'w>, Box<Diagnostic>> {
    let path = clean(named);
    let refuse =
        |code, message: String, hint: &str| Err(Box::new(Diagnostic::new(code, message).at(named.span).hint(hint)));
    let own = ["butane", "profiles"].iter().any(|own| path.split('/').next() == Some(own));
    if named.starts_with('/') || own || path == "." {
        let message = format!("`{named}` cannot be the project's library");
        return refuse(Code::BadValue, message, "name a folder by its path from the project's, such as `../..`");
    }
    match Layers::with_library(world, &path) {
        Ok(layers) => {
            let some = [BUTANE, ROLES].iter().any(|folder| layers.has(&format!("{path}/{folder}")));
            let hint = "a library holds `profiles/roles/` and `butane/`";
            if some { Ok(layers) } else { refuse(Code::BadValue, format!("`{named}` is no library"), hint) }
        }
        Err(Trouble::Missing) => {
            let hint = "the path starts from the project's folder";
            refuse(Code::FileMissing, format!("there is no folder `{named}`"), hint)
        }
        Err(why) => Err(Box::new(read::trouble(&path, &why).at(named.span))),
    }
}

/// Reads the library's roles that nodes have and the project does not describe itself. The names of the others.
fn shared_roles(
    layers: &Layers<'_>,
    nodes: &BTreeMap<String, Profile<NodeProfile>>,
    roles: &mut BTreeMap<String, Profile<RoleProfile>>,
    sources: &mut Sources,
    sink: &mut Sink,
) -> BTreeSet<String> {
    let wanted = nodes.values().filter_map(|node| node.content.as_ref()).flat_map(|node| &node.roles);
    let wanted: BTreeSet<&str> = wanted.map(|role| role.as_str()).collect();
    let mut idle = BTreeSet::new();
    let entries = match layers.list_all(ROLES) {
        Ok(entries) => entries,
        Err(Trouble::Missing) => return idle,
        Err(why) => {
            sink.push(read::trouble(ROLES, &why));
            return idle;
        }
    };
    for found in entries.iter().filter(|found| found.shared && !found.entry.path.starts_with('.')) {
        let Some((name, "yaml" | "yml")) = found.entry.path.rsplit_once('.') else { continue };
        if roles.contains_key(name) {
        } else if wanted.contains(name) {
            roles.insert(name.to_owned(), document(layers, &found.path, sources, sink));
        } else {
            idle.insert(name.to_owned());
        }
    }
    idle
}

/// Reads one profile.
fn document<T: Value>(world: &dyn World, path: &str, sources: &mut Sources, sink: &mut Sink) -> Profile<T> {
    let before = sink.errors();
    let (file, document) = read::yaml(world, path, sources, sink);
    let span = Span::whole(file);
    let content = document.and_then(|document| decode::decode(&document, sink)).filter(|_| sink.errors() == before);
    Profile { path: path.to_owned(), span, content }
}

/// Reads the profiles of a folder, by name. A folder that is not there is empty.
fn folder_of<T: Value>(
    world: &dyn World,
    folder: &str,
    sources: &mut Sources,
    sink: &mut Sink,
) -> BTreeMap<String, Profile<T>> {
    let mut profiles: BTreeMap<String, Profile<T>> = BTreeMap::new();
    let entries = match world.list(folder) {
        Ok(entries) => entries,
        Err(Trouble::Missing) => return profiles,
        Err(why) => {
            sink.push(read::trouble(folder, &why));
            return profiles;
        }
    };
    for entry in entries {
        let path = format!("{folder}/{}", entry.path);
        let Some((name, extension)) = entry.path.rsplit_once('.').filter(|(name, _)| !name.is_empty()) else {
            if entry.kind == Kind::Directory {
                ignored(&path, "it is a folder", sources, sink);
            }
            continue;
        };
        if !matches!(extension, "yaml" | "yml") {
            if matches!(extension.to_ascii_lowercase().as_str(), "yaml" | "yml") {
                ignored(&path, "its name does not end in `.yaml` or `.yml`", sources, sink);
            }
            continue;
        }
        if entry.path.starts_with('.') {
            continue;
        }
        let profile = document(world, &path, sources, sink);
        if let Some(first) = profiles.get(name) {
            let message = format!("`{name}` is described twice: in `{}` and in `{path}`", first.path);
            let found = Diagnostic::new(Code::AddressTaken, message).at(profile.span);
            sink.push(found.related(first.span, "the other file"));
        } else {
            profiles.insert(name.to_owned(), profile);
        }
    }
    profiles
}

/// A file that looks as if it should be read, but is not.
fn ignored(path: &str, why: &str, sources: &mut Sources, sink: &mut Sink) {
    let span = Span::whole(sources.add(path, ""));
    let mut found = Diagnostic::new(Code::BadValue, format!("`{path}` is not read: {why}")).at(span);
    found.severity = Severity::Warning;
    sink.push(found);
}

fn node_name(name: &str, span: Span, sink: &mut Sink) {
    let found = if RESERVED.contains(&name) || name.starts_with("shard-") {
        Diagnostic::new(Code::BadValue, format!("a node cannot be called `{name}`: bake uses that name itself"))
    } else if !is_label(name) {
        let message = format!("`{name}` is not a name of a node: lower-case letters, digits and inner `-`, at most 63");
        Diagnostic::new(Code::BadValue, message)
    } else {
        return;
    };
    sink.push(found.at(span).hint("rename the file"));
}

/// Names of all fragments, the library's included.
fn fragments(layers: &Layers<'_>, sink: &mut Sink) -> BTreeSet<String> {
    match layers.list_all(BUTANE) {
        Ok(all) => all.iter().filter_map(|found| found.entry.path.strip_suffix(".bu").map(str::to_owned)).collect(),
        Err(Trouble::Missing) => BTreeSet::new(),
        Err(why) => {
            sink.push(read::trouble(BUTANE, &why));
            BTreeSet::new()
        }
    }
}
