//! Trees: local directories embedded as files, links and directories.

use super::Work;
use super::convert::{Sugar, group, user};
use super::resource::Embedded;
use crate::model::ignition::{Config, Directory, File, Link};
use crate::model::local::{LocalError, TreeNode};
use crate::model::path::{At, Path};
use crate::model::{Step, butane};
use std::collections::BTreeMap;

const TAKEN: &str = "matching filesystem node has existing contents or different type";

/// Where the nodes of a config are, by path.
pub(super) struct Nodes {
    files: BTreeMap<String, usize>,
    directories: BTreeMap<String, usize>,
    links: BTreeMap<String, usize>,
}

impl Nodes {
    pub(super) fn of(config: &Config) -> Self {
        let storage = &config.storage;
        let index = |paths: &mut dyn Iterator<Item = &String>| {
            paths.cloned().enumerate().map(|(at, path)| (path, at)).collect()
        };
        Self {
            files: index(&mut storage.files.iter().map(|file| &file.path)),
            directories: index(&mut storage.directories.iter().map(|directory| &directory.path)),
            links: index(&mut storage.links.iter().map(|link| &link.path)),
        }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.directories.contains_key(path) || self.links.contains_key(path)
    }

    /// Adds a file; its position.
    pub(super) fn add_file(&mut self, config: &mut Config, file: File) -> usize {
        let at = config.storage.files.len();
        self.files.insert(file.path.clone(), at);
        config.storage.files.push(file);
        at
    }

    /// Adds a link; its position.
    pub(super) fn add_link(&mut self, config: &mut Config, link: Link) -> usize {
        let at = config.storage.links.len();
        self.links.insert(link.path.clone(), at);
        config.storage.links.push(link);
        at
    }

    fn add_directory(&mut self, config: &mut Config, directory: Directory) -> usize {
        let at = config.storage.directories.len();
        self.directories.insert(directory.path.clone(), at);
        config.storage.directories.push(directory);
        at
    }
}

/// The path of a node of the Ignition config.
pub(super) fn node(list: &'static str, index: usize) -> Path {
    [Step::from("storage"), Step::from(list), Step::Index(index)].into_iter().collect()
}

impl Work<'_> {
    /// Adds what is in the trees.
    pub(super) fn trees(&mut self, sugar: &Sugar, config: &mut Config) {
        if sugar.trees.is_empty() {
            return;
        }
        let mut nodes = Nodes::of(config);
        let trees = At::top("storage");
        let trees = trees.key("trees");
        for (index, tree) in sugar.trees.iter().enumerate() {
            let origin = trees.index(index).path();
            match self.locals.tree(tree.local.as_deref().unwrap_or_default()) {
                Ok(entries) => {
                    for (path, entry) in entries {
                        let target = tree.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
                        let path = clean(&format!("{target}/{path}"));
                        if let Err(message) = self.tree_node(tree, path, entry, &origin, config, &mut nodes) {
                            self.remarks.error(origin.clone(), message);
                        }
                    }
                }
                Err(error) => {
                    self.remarks.error(origin, error.to_string());
                    if error == LocalError::NoDirectory {
                        return;
                    }
                }
            }
        }
    }

    fn tree_node(
        &mut self,
        tree: &butane::Tree,
        path: String,
        entry: &TreeNode,
        origin: &Path,
        config: &mut Config,
        nodes: &mut Nodes,
    ) -> Result<(), String> {
        match entry {
            TreeNode::Directory => {
                let (user, group) = (user(tree.user.clone()), group(tree.group.clone()));
                if tree.dir_mode.is_none() && user == <_>::default() && group == <_>::default() {
                    return Ok(());
                }
                if nodes.has(&path) {
                    return Err(TAKEN.to_owned());
                }
                let mode = Some(tree.dir_mode.unwrap_or(0o755));
                let at = nodes.add_directory(config, Directory { group, path, user, mode, overwrite: None });
                self.origins.set_all(node("directories", at), origin.clone());
                Ok(())
            }
            TreeNode::File { bytes, executable, secret } => {
                if *secret {
                    self.secret_files.push(path.clone());
                }
                let at = match nodes.files.get(&path) {
                    Some(at) if config.storage.files[*at].contents.source.as_deref().unwrap_or_default().is_empty() => {
                        *at
                    }
                    None if !nodes.has(&path) => {
                        let (user, group) = (user(tree.user.clone()), group(tree.group.clone()));
                        let at = nodes.add_file(config, File { group, path, user, ..File::default() });
                        self.origins.set_all(node("files", at), origin.clone());
                        at
                    }
                    _ => return Err(TAKEN.to_owned()),
                };
                let bytes = bytes.as_ref().map_err(ToString::to_string)?;
                let declared = config.storage.files[at].contents.compression.clone();
                let Embedded { url, compression } = self.embed(bytes, declared.as_deref());
                let here = node("files", at);
                let contents = here.then("contents");
                let file = &mut config.storage.files[at];
                file.contents.source = Some(url);
                self.origins.set(contents.then("source"), origin.clone());
                if compression.is_some() {
                    file.contents.compression = compression;
                    self.origins.set(contents.then("compression"), origin.clone());
                }
                self.origins.set(contents, origin.clone());
                if file.mode.is_none() {
                    file.mode = Some(tree.file_mode.unwrap_or(if *executable { 0o755 } else { 0o644 }));
                    self.origins.set(here.then("mode"), origin.clone());
                }
                Ok(())
            }
            TreeNode::Link(target) => {
                let at = match nodes.links.get(&path) {
                    Some(at) if config.storage.links[*at].target.as_deref().unwrap_or_default().is_empty() => *at,
                    None if !nodes.has(&path) => {
                        let (user, group) = (user(tree.user.clone()), group(tree.group.clone()));
                        let at = nodes.add_link(config, Link { group, path, user, ..Link::default() });
                        self.origins.set_all(node("links", at), origin.clone());
                        at
                    }
                    _ => return Err(TAKEN.to_owned()),
                };
                let target = target.as_ref().map_err(ToString::to_string)?;
                config.storage.links[at].target = Some(target.clone());
                self.origins.set(node("links", at).then("target"), origin.clone());
                Ok(())
            }
            TreeNode::Other => Err("trees may only contain files, directories, and symlinks".to_owned()),
            TreeNode::Failed(error) => Err(error.to_string()),
        }
    }
}

pub(super) use crate::lower::ignition::clean;
