//! Asking this machine's container engines for an image, and taking it from them. Both read only: nothing is pulled, no
//! container is made, and nothing is mounted.

use super::{Stored, Wanted};
use crate::lab::bench::each;
use crate::lab::failure::Failure;
use crate::lab::plan::Plan;
use crate::lab::sandbox::installed;
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Engines, in the order in which they are asked, with what `image save` is to write: the archive that both know.
const ENGINES: [(&str, &[&str]); 2] = [("podman", &["--quiet", "--format", "docker-archive"]), ("docker", &[])];

/// The parts of `image inspect` that both engines have.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Inspected {
    id: String,
    /// Podman's own.
    digest: Option<String>,
    repo_digests: Option<Vec<String>>,
    #[serde(rename = "RootFS")]
    root: Root,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Root {
    layers: Option<Vec<String>>,
}

/// The images that containers of the plan name, and which engine has each.
pub fn find(plan: &Plan) -> Vec<Wanted> {
    let services = plan.trees.values().flat_map(|tree| &tree.services);
    let names: BTreeSet<String> =
        services.filter_map(|service| Some(service.container.as_ref()?.image.clone())).collect();
    let engines: Vec<&str> = ENGINES.iter().map(|(name, _)| *name).filter(|name| installed(name)).collect();
    each(&names.into_iter().collect::<Vec<_>>(), |reference| Wanted {
        reference: reference.clone(),
        asked: engines.iter().map(|name| (*name).to_owned()).collect(),
        stored: engines.iter().find_map(|engine| inspect(engine, reference)),
        archive: None,
    })
}

/// What an engine says of an image. An engine that does not work has none.
fn inspect(engine: &str, reference: &str) -> Option<Stored> {
    // An option is no image.
    if reference.is_empty() || reference.starts_with('-') {
        return None;
    }
    let output = Command::new(engine).args(["image", "inspect", reference]).stdin(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    read(engine, reference, &output.stdout)
}

/// The image in what an engine printed, if it is the one that is meant.
fn read(engine: &str, reference: &str, printed: &[u8]) -> Option<Stored> {
    let mut all: Vec<Inspected> = serde_json::from_slice(printed).ok()?;
    let found = all.pop().filter(|one| all.is_empty() && !one.id.is_empty())?;
    if let Some((_, pinned)) = reference.split_once('@') {
        let digests = found.repo_digests.iter().flatten().filter_map(|name| Some(name.split_once('@')?.1));
        let own = found.digest.as_deref().into_iter().chain([found.id.as_str()]);
        if !digests.chain(own).any(|digest| digest == pinned) {
            return None;
        }
    }
    let layers = found.root.layers.unwrap_or_default();
    Some(Stored { engine: engine.to_owned(), id: found.id, layers })
}

/// Takes the archives of those images that are stored, each into a file in memory that has no name.
///
/// # Errors
/// When an engine does not give what it has.
pub fn take(wanted: &mut [Wanted], progress: &dyn Fn(&str)) -> Result<(), Failure> {
    for one in wanted {
        let Some(stored) = &one.stored else { continue };
        progress(&format!("{} from {}", one.reference, stored.engine));
        let options = ENGINES.iter().find(|(name, _)| *name == stored.engine).map_or(&[] as &[&str], |(_, own)| own);
        let failed = |why: String| {
            let Stored { engine, id, .. } = stored;
            Failure::new(format!("{engine} does not give `{}`, which it has: {why}", one.reference))
                .hint(format!("see what `{engine} image save {id} >/dev/null` says"))
        };
        let file = memfd_create("bake-lab-image", MemfdFlags::CLOEXEC).map_err(|error| failed(error.to_string()))?;
        let file = File::from(file);
        let out = file.try_clone().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(&stored.engine);
        command.args(["image", "save"]).args(options).arg(&stored.id);
        // Not a pipe: should this process be killed, the engine writes to its end and leaves nothing behind.
        let output = command.stdin(Stdio::null()).stdout(out).stderr(Stdio::piped()).output();
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(said.lines().last().unwrap_or_default().trim().to_owned()));
        }
        one.archive = Some(Arc::new(file));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"[{"Id": "72dd", "Digest": "sha256:e498", "RepoDigests": ["docker.io/a@sha256:e498", "docker.io/a@sha256:11"],
        "RootFS": {"Type": "layers", "Layers": ["sha256:91"]}, "Config": {"Env": null}}]"#;

    #[test]
    fn a_pinned_image_is_that_one_or_none() {
        let id = |reference: &str| read("podman", reference, SAID.as_bytes()).map(|one| one.id);
        for known in ["docker.io/a", "docker.io/a:3", "docker.io/a@sha256:e498", "docker.io/a:3@sha256:11"] {
            assert_eq!(id(known).as_deref(), Some("72dd"), "{known}");
        }
        assert_eq!(id("docker.io/a@sha256:e4"), None);
        assert_eq!(read("docker", "a", b"[]"), None);
        assert_eq!(read("docker", "a", b"Emulate"), None);
    }

    #[test]
    fn what_docker_leaves_out_is_not_missed() {
        let said = br#"[{"Id": "sha256:7", "RepoDigests": [], "RootFS": {"Layers": null}}]"#;
        let found = read("docker", "a@sha256:7", said).unwrap();
        assert_eq!((found.engine.as_str(), found.layers.len()), ("docker", 0));
    }
}
