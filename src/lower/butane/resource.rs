//! Resources: what is fetched, and what is embedded as a `data:` URL.

use super::Work;
use super::origins::{Embedding, spelled};
use crate::lower::data_url::{Packed, escaped_url};
use crate::model::butane;
use crate::model::ignition::{HttpHeader, Resource, Verification};
use crate::model::path::At;

/// Embedded contents, and the compression to declare with them.
pub(super) struct Embedded {
    /// The URL.
    pub(super) url: String,
    /// `None` leaves the user's alone.
    pub(super) compression: Option<String>,
}

impl Work<'_> {
    /// Embeds `bytes`, which the user says are compressed in the way `declared`.
    pub(super) fn embed(&mut self, bytes: &[u8], declared: Option<&str>) -> Embedded {
        if !self.spec.picks_smallest_encoding() {
            return Embedded { url: escaped_url(bytes), compression: None };
        }
        let ours = declared.unwrap_or_default().is_empty();
        let Packed { url, gzip } = self.packer.pack(bytes, ours);
        // An empty compression is written too, lest a config that this one is merged into lends its own.
        let compression = ours.then(|| if gzip { "gzip" } else { "" }.to_owned());
        Embedded { url, compression }
    }

    /// Translates the resource for the Ignition path `at`.
    pub(super) fn resource(&mut self, from: Option<butane::Resource>, at: &At<'_>) -> Resource {
        let Some(from) = from else { return Resource::default() };
        let headers = from.http_headers.0.into_iter();
        let mut to = Resource {
            compression: from.compression,
            http_headers: headers
                .map(|header| HttpHeader { name: header.name.unwrap_or_default(), value: header.value })
                .collect(),
            source: from.source,
            verification: Verification { hash: from.verification.and_then(|verification| verification.hash) },
        };
        if let Some(name) = &from.local {
            match self.locals.file(name) {
                Ok(file) => self.place(&file.bytes, &mut to, at, "local"),
                Err(error) => {
                    let path = spelled(&at.path()).then("local");
                    self.remarks.error(path, error.to_string());
                }
            }
        }
        if let Some(contents) = &from.inline {
            self.place(&contents.0, &mut to, at, "inline");
        }
        to
    }

    fn place(&mut self, bytes: &[u8], to: &mut Resource, at: &At<'_>, key: &'static str) {
        let embedded = self.embed(bytes, to.compression.as_deref());
        to.source = Some(embedded.url);
        let compresses = embedded.compression.is_some();
        if compresses {
            to.compression = embedded.compression;
        }
        self.origins.embeds(at.path(), Embedding { key, compresses });
    }

    /// Translates a list of resources for the Ignition path `at`.
    pub(super) fn resources(&mut self, from: Vec<butane::Resource>, at: &At<'_>) -> Vec<Resource> {
        from.into_iter().enumerate().map(|(index, item)| self.resource(Some(item), &at.index(index))).collect()
    }
}
