//! Which place of a Butane config an Ignition path came from.
//!
//! Nearly every Ignition path has its Butane path's names in another spelling, so only the others are kept.

use crate::model::ignition::{Config, Disk, File, Filesystem, Luks, Raid, Unit};
use crate::model::join::{Join, Scribe, Sides};
use crate::model::path::{At, Path, Step};
use crate::model::shape::{Field, Shape, populated};
use crate::spec::Target;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Maps Ignition paths to Butane paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    exact: BTreeMap<Path, Path>,
    below: BTreeMap<Path, Path>,
    /// Resources that embed something. A config has many of them, so that the paths of their fields follow.
    embedding: BTreeMap<Path, Embedding>,
}

/// What a resource embeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Embedding {
    /// The key with the contents, or with the name of the file that has them.
    pub(super) key: &'static str,
    /// Whether the compression was chosen here.
    pub(super) compresses: bool,
}

impl Origins {
    /// `ignition` comes from `butane`; what is below it does not.
    pub(super) fn set(&mut self, ignition: Path, butane: Path) {
        self.exact.insert(ignition, butane);
    }

    /// `ignition`, and all below it that has no origin of its own, comes from `butane`.
    pub(super) fn set_all(&mut self, ignition: Path, butane: Path) {
        self.below.insert(ignition, butane);
    }

    /// What the resource at `ignition` embeds.
    pub(super) fn embeds(&mut self, ignition: Path, embedding: Embedding) {
        self.embedding.insert(ignition, embedding);
    }

    /// Where `ignition` comes from, if it is a field of a resource that follows from what that embeds.
    fn embedded(&self, ignition: &Path) -> Option<Path> {
        let Some(Step::Key(field)) = ignition.steps().last() else { return None };
        let resource = matches!(&**field, "source" | "compression").then(|| ignition.parent())??;
        let embedding = self.embedding.get(&resource)?;
        (field == "source" || embedding.compresses).then(|| spelled(&resource).then(embedding.key))
    }

    /// Where `ignition` comes from; if that is not known, the same path in Butane's spelling.
    pub fn of(&self, ignition: &Path) -> Path {
        if let Some(path) = self.exact.get(ignition) {
            return path.clone();
        }
        if let Some(path) = self.embedded(ignition) {
            return path;
        }
        if !self.below.is_empty() {
            let mut at = Some(ignition.clone());
            while let Some(path) = at {
                if let Some(origin) = self.below.get(&path) {
                    return origin.clone();
                }
                at = path.parent();
            }
        }
        spelled(ignition)
    }

    /// Takes out everything at or below `list`.
    fn take(&mut self, list: &Path) -> Self {
        Self {
            exact: take(&mut self.exact, list),
            below: take(&mut self.below, list),
            embedding: take(&mut self.embedding, list),
        }
    }
}

/// Takes out the entries at or below `list`.
fn take<T>(from: &mut BTreeMap<Path, T>, list: &Path) -> BTreeMap<Path, T> {
    let paths = from.range(list.clone()..).map(|(path, _)| path);
    let paths: Vec<Path> = paths.take_while(|path| path.starts_with(list)).cloned().collect();
    paths.into_iter().filter_map(|path| from.remove_entry(&path)).collect()
}

/// The path with its names as Butane spells them.
pub(super) fn spelled(path: &Path) -> Path {
    path.steps()
        .iter()
        .map(|step| match step {
            Step::Key(key) if key.bytes().any(|byte| byte.is_ascii_uppercase()) => Step::Key(Cow::Owned(snake(key))),
            step => step.clone(),
        })
        .collect()
}

/// A name of Ignition as Butane spells it.
pub fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("MiB") {
            out.push_str("_mib");
            rest = after;
            continue;
        }
        if first.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(first.to_ascii_lowercase());
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// Records what a merge takes from the user's config.
struct Recorder<'a> {
    origins: &'a mut Origins,
    user: &'a Origins,
    target: Target,
}

impl Scribe for Recorder<'_> {
    fn takes(&mut self, at: &Sides<'_>, value: &dyn Field, _: Option<&dyn Field>) {
        let (child, result) = at.paths();
        populated(value, &mut |steps, field| {
            let (from, to) = (child.below(steps), result.below(steps));
            if written_anyway(&from, field, self.target) {
                self.origins.exact.remove(&to);
            } else {
                self.origins.set(to, self.user.of(&from));
            }
        });
    }

    fn shares(&mut self, at: &Sides<'_>) {
        let (child, result) = at.paths();
        self.origins.set(result, self.user.of(&child));
    }
}

/// Whether a text is empty and only there because old versions always write it: nobody said it.
fn written_anyway(path: &Path, field: &dyn Field, target: Target) -> bool {
    let always = target.writes_target_and_level();
    let name = |key: &Cow<'_, str>| matches!(&**key, "level" | "target" | "config" | "pin");
    always
        && matches!(path.steps().last(), Some(Step::Key(key)) if name(key))
        && matches!(field.shape(), Shape::Text(""))
}

/// Merges the user's `config` over one that was `rendered`, whose paths' origins `source` knows.
///
/// The rendered things come first, and the user's fields win.
pub(super) fn overlay(
    rendered: Config,
    source: &dyn Fn(&Path) -> Path,
    config: &mut Config,
    origins: &mut Origins,
    target: Target,
) {
    let systemd = At::top("systemd");
    let storage = At::top("storage");
    let mut merge = Overlay { source, origins, target };
    merge.list::<Unit>(&systemd.key("units"), rendered.systemd.units, &mut config.systemd.units);
    merge.list::<Disk>(&storage.key("disks"), rendered.storage.disks, &mut config.storage.disks);
    merge.list::<File>(&storage.key("files"), rendered.storage.files, &mut config.storage.files);
    merge.list::<Filesystem>(
        &storage.key("filesystems"),
        rendered.storage.filesystems,
        &mut config.storage.filesystems,
    );
    merge.list::<Luks>(&storage.key("luks"), rendered.storage.luks, &mut config.storage.luks);
    merge.list::<Raid>(&storage.key("raid"), rendered.storage.raid, &mut config.storage.raid);
}

struct Overlay<'a> {
    source: &'a dyn Fn(&Path) -> Path,
    origins: &'a mut Origins,
    target: Target,
}

impl Overlay<'_> {
    fn list<T>(&mut self, at: &At<'_>, rendered: Vec<T>, config: &mut Vec<T>)
    where
        T: Field,
        Vec<T>: Join,
    {
        if rendered.is_empty() {
            return;
        }
        let path = at.path();
        let user = self.origins.take(&path);
        populated(&rendered, &mut |steps, _| {
            let here = path.below(steps);
            let origin = (self.source)(&here);
            self.origins.set(here, origin);
        });
        let child = std::mem::replace(config, rendered);
        let sides = Sides { child: *at, result: *at };
        config.join(child, &sides, &mut Recorder { origins: self.origins, user: &user, target: self.target });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_respelled() {
        for (ignition, butane) in [("sizeMiB", "size_mib"), ("typeGuid", "type_guid"), ("uuid", "uuid")] {
            assert_eq!(snake(ignition), butane);
        }
    }
}
