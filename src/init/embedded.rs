//! The clusters that bake brings along, as files.

use crate::world::memory::MemoryWorld;

/// Paths in the repository, sorted, with contents (`build.rs`).
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The repository's own cluster: the one that has no folder of its own.
pub(super) const OWN: &str = "microcloud";

/// A cluster to start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Name.
    pub name: &'static str,
    /// What it is, in a sentence or two.
    pub summary: String,
}

/// All clusters to start from: the repository's own, then the others by name.
pub fn examples() -> Vec<Example> {
    let folders = FILES.iter().filter_map(|(path, _)| path.strip_prefix("examples/"));
    let mut names: Vec<&'static str> = folders.filter_map(|path| Some(path.split_once('/')?.0)).collect();
    names.dedup();
    let all = std::iter::once(OWN).chain(names);
    all.map(|name| Example { name, summary: summary(name) }).collect()
}

/// The files of an example, by path from its own folder. A library is not among them.
pub(super) fn files(name: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let prefix = if name == OWN { String::new() } else { format!("examples/{name}/") };
    let own = move |(path, bytes): &(&'static str, &'static [u8])| Some((path.strip_prefix(&*prefix)?, *bytes));
    FILES.iter().filter_map(own).filter(|(path, _)| !path.starts_with("examples/"))
}

/// An example as a project, with the repository as its library.
pub(super) fn world(name: &str) -> MemoryWorld {
    let filled = |name: &str| {
        let mut world = MemoryWorld::new();
        for (path, bytes) in files(name) {
            world.file(path, bytes);
        }
        world
    };
    let mut world = filled(name);
    world.library_at(super::draft::LIBRARY, filled(OWN));
    world
}

/// The comment that `cluster.yaml` starts with.
fn summary(name: &str) -> String {
    let (_, bytes) = files(name).find(|(path, _)| *path == "profiles/cluster.yaml").unwrap_or_default();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let comment = text.lines().skip(1).map_while(|line| line.strip_prefix("# "));
    comment.collect::<Vec<_>>().join(" ")
}
