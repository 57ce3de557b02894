//! Images of system extensions that are files of the project.

use super::{FILES, read};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::cluster::Cluster;
use crate::world::World as _;
use crate::world::layers::Layers;
use sha2::{Digest, Sha256, Sha512};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What was read, by the name that profiles give.
#[derive(Debug, Default)]
pub struct Images {
    /// The images' bytes.
    pub bytes: BTreeMap<String, Vec<u8>>,
    /// Their paths.
    pub paths: BTreeMap<String, String>,
}

/// Reads those that some node gets, once each, and compares them with their digests.
pub(super) fn load(layers: &Layers<'_>, cluster: &Cluster, sink: &mut Sink) -> Images {
    let mut images = Images::default();
    for extension in cluster.nodes.iter().filter(|node| node.build).flat_map(|node| node.extensions.values()) {
        let Some(local) = extension.local.as_ref().filter(|local| !images.paths.contains_key(local.as_str())) else {
            continue;
        };
        if local.starts_with('/') || local.split('/').any(|part| part == "..") {
            let message = format!("`{local}` leads out of `{FILES}`");
            let found = Diagnostic::new(Code::PathEscapes, message).at(local.span);
            sink.push(found.hint(format!("copy the file into `{FILES}` and name it from there")));
            continue;
        }
        let path = layers.find(&format!("{FILES}/{local}"));
        match layers.read(&path) {
            Ok(bytes) => {
                if let Some(hash) = &extension.hash
                    && let Some(actual) = digest(hash, &bytes).filter(|actual| *actual != hash.value)
                {
                    let message = format!("`{path}` does not have the digest `{hash}`, but `{actual}`");
                    sink.push(Diagnostic::new(Code::BadValue, message).at(hash.span));
                }
                images.bytes.insert(local.value.clone(), bytes);
            }
            Err(why) => sink.push(read::trouble(&path, &why).at(local.span)),
        }
        images.paths.insert(local.value.clone(), path);
    }
    images
}

/// The digest of the same kind as `hash`; `None` if that is of no known kind, which was reported.
fn digest(hash: &str, bytes: &[u8]) -> Option<String> {
    let (kind, digest) = match hash.split_once('-')?.0 {
        "sha256" => ("sha256", Sha256::digest(bytes).to_vec()),
        "sha512" => ("sha512", Sha512::digest(bytes).to_vec()),
        _ => return None,
    };
    Some(digest.iter().fold(format!("{kind}-"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
