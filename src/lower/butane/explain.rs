//! What the language accepts without a word and probably was not meant: remarks of our own, on request.

use super::Remark;
use crate::model::butane::{Config, Resource, Unit};
use crate::model::local::{Locals, TreeNode};
use crate::model::path::{At, Path};
use crate::model::report::Kind;
use crate::spec::Spec;

/// Looks for data that is dropped and checks that are not made.
pub fn explain(config: &Config, spec: &Spec, locals: &Locals) -> Vec<Remark> {
    let mut remarks = Explainer { remarks: Vec::new() };
    remarks.boot_device(config);
    remarks.configs(config, spec, locals);
    remarks.trees(config, locals);
    remarks.units(config);
    remarks.remarks
}

struct Explainer {
    remarks: Vec<Remark>,
}

impl Explainer {
    fn note(&mut self, path: Path, message: String) {
        self.remarks.push(Remark { kind: Kind::Info, path, message: message.into(), key: false, ignition: false });
    }

    /// A boot device that is neither mirrored nor encrypted makes nothing.
    fn boot_device(&mut self, config: &Config) {
        let Some(boot) = &config.boot_device else { return };
        let mirrored = boot.mirror.as_ref().is_some_and(|mirror| !mirror.devices.is_empty());
        let encrypted = boot.luks.as_ref().is_some_and(|luks| {
            let cex = luks.cex.as_ref().and_then(|cex| cex.enabled) == Some(true);
            luks.tpm2 == Some(true) || !luks.tang.is_empty() || cex
        });
        if !mirrored && !encrypted {
            let message =
                "`boot_device` has no effect without `mirror.devices`, `luks.tpm2`, `luks.tang` or `luks.cex`";
            self.note(At::top("boot_device").path(), message.to_owned());
        }
    }

    /// Configs in local files are embedded without a look at them; here they get one.
    fn configs(&mut self, config: &Config, spec: &Spec, locals: &Locals) {
        let Some(config) = config.ignition.as_ref().and_then(|ignition| ignition.config.as_ref()) else { return };
        let at = At::top("ignition");
        let at = at.key("config");
        let merge = at.key("merge");
        for (index, resource) in config.merge.iter().enumerate() {
            self.config(resource, &merge.index(index), spec, locals);
        }
        if let Some(resource) = &config.replace {
            self.config(resource, &at.key("replace"), spec, locals);
        }
    }

    fn config(&mut self, resource: &Resource, at: &At<'_>, spec: &Spec, locals: &Locals) {
        let Some(file) = resource.local.as_ref().and_then(|name| locals.file(name).ok()) else { return };
        let mut found = super::Remarks::default();
        let text = String::from_utf8_lossy(&file.bytes);
        crate::lower::ignition::inline::check(&text, spec.target, &mut found, at);
        for remark in found.0 {
            let place = if remark.path.steps().is_empty() { String::new() } else { format!(" (`{}`)", remark.path) };
            self.note(at.key("local").path(), format!("in the embedded config: {}{place}", remark.message));
        }
    }

    /// Directories of trees are made by what is in them, so empty ones are not.
    fn trees(&mut self, config: &Config, locals: &Locals) {
        let at = At::top("storage");
        let at = at.key("trees");
        for (index, tree) in config.storage.iter().flat_map(|storage| &storage.trees).enumerate() {
            let owned = tree.user.is_some() || tree.group.is_some() || tree.dir_mode.is_some();
            let Ok(entries) = locals.tree(tree.local.as_deref().unwrap_or_default()) else { continue };
            for (position, (path, node)) in entries.iter().enumerate() {
                // What is in a directory follows it.
                let inside = |(next, _): &(String, TreeNode)| path.is_empty() || next.starts_with(&format!("{path}/"));
                if !owned && *node == TreeNode::Directory && !entries.get(position + 1).is_some_and(inside) {
                    self.note(at.index(index).path(), format!("the empty directory `{path}` is left out"));
                }
            }
        }
    }

    /// An empty name of a local file counts as none.
    fn units(&mut self, config: &Config) {
        let at = At::top("systemd");
        let at = at.key("units");
        let units: &[Unit] = config.systemd.as_ref().map(|systemd| systemd.units.as_slice()).unwrap_or_default();
        for (index, unit) in units.iter().enumerate() {
            let at = at.index(index);
            let dropins = at.key("dropins");
            let own = [(unit.contents_local.as_deref(), at)];
            let inner = unit.dropins.iter().enumerate();
            let inner = inner.map(|(index, dropin)| (dropin.contents_local.as_deref(), dropins.index(index)));
            for (local, at) in own.into_iter().chain(inner) {
                if local == Some("") {
                    self.note(at.key("contents_local").path(), "an empty `contents_local` is ignored".to_owned());
                }
            }
        }
    }
}
