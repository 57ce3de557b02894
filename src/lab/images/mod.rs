//! The images that containers name: where this machine's engines have one stored, the container starts from it, and not from
//! this machine's own programs.
//!
//! [`stored`] asks and takes, outside of the sandbox, as whoever owns the engines' storage sees it; an archive goes in as a
//! descriptor of a file without a name ([`handed`]). Inside, [`archive`] proves it and [`layer`] unpacks it, and [`config`]
//! says what a container becomes by it. Nothing is ever pulled, and no engine runs inside: it would take the sandbox
//! for a machine that has just been started.

mod archive;
mod config;
mod handed;
mod identity;
mod layer;
pub mod stored;

pub use config::Image;
pub(super) use handed::{hand, receive};
pub(super) use identity::{Identity, identity};

use super::bench::each;
use super::failure::Failure;
use super::plan::Plan;
use super::root::OWN;
use super::service::Service;
use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::sync::Arc;

/// Where the sandbox keeps what was unpacked, a folder each.
const UNPACKED: &str = "/run/lab-images";

/// Where a machine sees that.
pub(super) const SEEN: &str = "/.lab/images";

/// What there is, in both places.
const INDEX: &str = "index.json";

/// An image that a container names.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Wanted {
    /// Its reference, as the unit has it.
    pub reference: String,
    /// The engines that were asked.
    pub asked: Vec<String>,
    /// What they said of it; `None` if none of them has it.
    pub stored: Option<Stored>,
    /// Its archive, which goes another way than the request; one for all labs.
    #[serde(skip)]
    pub archive: Option<Arc<File>>,
}

impl Wanted {
    /// In words: that no engine here has it.
    pub fn absence(&self) -> String {
        let who = match self.asked.as_slice() {
            [] => "there is neither podman nor docker here that could have".to_owned(),
            [engine] => format!("{engine} does not have"),
            engines => format!("neither {} has", engines.join(" nor ")),
        };
        let get = self.asked.first().map_or("podman", String::as_str);
        format!("{who} the image {} (`{get} pull`, as root, gets it)", self.reference)
    }
}

/// An image that an engine has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stored {
    /// Name of the engine's program.
    pub engine: String,
    /// The image's identifier there.
    pub id: String,
    /// Digests of its layers, not compressed, the lowest one first.
    pub layers: Vec<String>,
}

/// Unpacks the images that were handed in, and lets those services start from them that name them.
///
/// # Errors
/// When an archive is not what its engine said of the image, or cannot be unpacked.
pub(super) fn lay(plan: &mut Plan, wanted: &mut [Wanted]) -> Result<(), Failure> {
    let mut all = Vec::new();
    for (at, one) in wanted.iter_mut().enumerate() {
        if let (Some(stored), Some(archive)) = (&one.stored, one.archive.take()) {
            all.push((format!("{at}/root"), one.reference.clone(), stored.clone(), archive));
        }
    }
    let unpacked = each(&all, |(place, reference, stored, archive)| {
        let folder = format!("{UNPACKED}/{place}");
        fs::create_dir_all(&folder).map_err(Failure::io("make a folder for an image"))?;
        let config = archive::unpack(archive, stored, &folder).map_err(|failure| Failure {
            message: format!("the image `{reference}`, as {} has it: {failure}", stored.engine),
            hint: Some(format!("remove it (`{} image rm {}`), or get it anew", stored.engine, stored.id)),
        })?;
        Ok(Image {
            reference: reference.clone(),
            engine: stored.engine.clone(),
            root: format!("{SEEN}/{place}"),
            config,
        })
    });
    let images = unpacked.into_iter().collect::<Result<Vec<Image>, Failure>>()?;
    fs::create_dir_all(UNPACKED).map_err(Failure::io("make a folder for images"))?;
    let text = serde_json::to_string(&images).map_err(|error| Failure::new(error.to_string()))?;
    fs::write(format!("{UNPACKED}/{INDEX}"), text).map_err(Failure::io("note the images"))?;
    let images: BTreeMap<&str, &Image> = images.iter().map(|image| (image.reference.as_str(), image)).collect();
    for service in plan.trees.values_mut().flat_map(|tree| &mut tree.services) {
        let named = service.container.as_ref().and_then(|container| images.get(container.image.as_str()));
        if let Some(image) = named {
            *service = image.start(service);
        }
    }
    Ok(())
}

/// Shows a machine what was unpacked, at its place below `root`.
pub(super) fn show(root: &str) -> Result<(), Failure> {
    use rustix::mount::{MountFlags, mount_bind, mount_remount};
    let failed = |error: rustix::io::Errno| Failure::new(format!("cannot show the images to a machine: {error}"));
    let target = format!("{root}{SEEN}");
    fs::create_dir_all(&target).map_err(Failure::io("make a folder for images"))?;
    mount_bind(UNPACKED, &target).map_err(failed)?;
    mount_remount(&target, MountFlags::BIND | MountFlags::RDONLY, c"").map_err(failed)
}

/// A service that a machine's own unit asks for, from its image where there is one.
///
/// # Errors
/// When what there is cannot be read.
pub(super) fn applied(service: &Service) -> Result<Service, Failure> {
    let text = fs::read(format!("{SEEN}/{INDEX}")).map_err(Failure::io("read which images there are"))?;
    let images: Vec<Image> = serde_json::from_slice(&text).map_err(|error| Failure::new(error.to_string()))?;
    let name = service.container.as_ref().map(|container| container.image.as_str());
    let image = images.iter().find(|image| Some(image.reference.as_str()) == name);
    Ok(image.map_or_else(|| service.clone(), |image| image.start(service)))
}

/// The folder that a container without an image starts from: this machine as it is, not as it was baked.
pub(super) fn machine() -> String {
    format!("{OWN}/image")
}
