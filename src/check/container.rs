//! Containers of a machine: which one runs a program, and what it sees of the machine's files.

use crate::model::Spanned;
use crate::model::cluster::Node;
use crate::model::profile::container::Container;

/// The container that runs `program`.
pub(super) fn running<'a>(node: &'a Node, program: &str) -> Option<&'a Container> {
    let runs = |container: &Container| {
        container.command.first().is_some_and(|command| command.rsplit('/').next() == Some(program))
    };
    let mut containers = node.containers.iter();
    containers.find(|(name, container)| *name == program || runs(container)).map(|(_, container)| &container.value)
}

/// The configuration that a container's command names after `-f`, with the path of that on the machine.
pub(super) fn reads(container: &Container) -> Option<(&Spanned<String>, Option<String>)> {
    let at = container.command.iter().position(|word| matches!(word.as_str(), "-f" | "--use-file"))?;
    let wanted = container.command.get(at + 1)?;
    Some((wanted, beneath(container, wanted)))
}

/// The path on the machine of a path in a container; `None` if it is one of the image.
pub(super) fn beneath(container: &Container, path: &str) -> Option<String> {
    container.volumes.iter().find_map(|volume| {
        let below = path.strip_prefix(volume.container.trim_end_matches('/'))?;
        (below.is_empty() || below.starts_with('/')).then(|| format!("{}{below}", volume.host.trim_end_matches('/')))
    })
}
