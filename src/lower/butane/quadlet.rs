//! Quadlets: files below `/etc/containers/systemd`, and links for instances of templates.

use super::Work;
use super::convert::Sugar;
use super::resource::Embedded;
use super::tree::{Nodes, clean, node};
use crate::model::ignition::{Config, File, Link};
use crate::model::path::{At, Path};

const TAKEN: &str = "matching filesystem node has existing contents or different type";

/// The template that a quadlet is an instance of: `a@.container` for `a@1.container`.
pub(super) fn template_of(name: &str) -> Option<String> {
    let at = name.find('@')?;
    let dot = name.rfind('.')?;
    (at + 1 != dot).then(|| format!("{}@.{}", &name[..at], &name[dot + 1..]))
}

/// Where the text of a file comes from.
struct Text<'a> {
    contents: Option<&'a String>,
    local: Option<&'a String>,
    origin: Path,
}

impl Work<'_> {
    /// Adds what the quadlets stand for.
    pub(super) fn quadlets(&mut self, sugar: &Sugar, config: &mut Config) {
        if sugar.quadlets.is_empty() {
            return;
        }
        let mut nodes = Nodes::of(config);
        let at = At::top("systemd");
        let at = at.key("quadlets");
        for (index, quadlet) in sugar.quadlets.iter().enumerate() {
            let at = at.index(index);
            let name = quadlet.name.as_deref().unwrap_or_default();
            let folder =
                if quadlet.rootful == Some(true) { "/etc/containers/systemd" } else { "/etc/containers/systemd/users" };
            let path = clean(&format!("{folder}/{name}"));
            let origin = at.path();
            if let Some(template) = template_of(name) {
                if nodes.has(&path) {
                    self.remarks.error(origin, TAKEN);
                } else {
                    let link = Link { path: path.clone(), target: Some(template), ..Link::default() };
                    let to = node("links", nodes.add_link(config, link));
                    self.origins.set(to.then("path"), origin.then("name"));
                    self.origins.set_all(to, origin);
                }
            } else {
                let text = Text { contents: quadlet.contents.as_ref(), local: quadlet.contents_local.as_ref(), origin };
                self.text_file(&text, path.clone(), config, &mut nodes);
            }
            for (index, dropin) in quadlet.dropins.iter().enumerate() {
                let origin = at.key("dropins").index(index).path();
                let path = format!("{path}.d/{}", dropin.name.as_deref().unwrap_or_default());
                let text = Text { contents: dropin.contents.as_ref(), local: dropin.contents_local.as_ref(), origin };
                self.text_file(&text, path, config, &mut nodes);
            }
        }
    }

    fn text_file(&mut self, text: &Text<'_>, path: String, config: &mut Config, nodes: &mut Nodes) {
        if nodes.has(&path) {
            self.remarks.error(text.origin.clone(), TAKEN);
            return;
        }
        let secret = path.clone();
        let at = nodes.add_file(config, File { path, ..File::default() });
        let to = node("files", at);
        self.origins.set(to.then("path"), text.origin.then("name"));
        self.origins.set_all(to.clone(), text.origin.clone());
        let says = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned();
        let mut origin = Path::root();
        let mut bytes = Vec::new();
        if let Some(name) = says(text.local) {
            origin = text.origin.then("contents_local");
            match self.locals.file(&name) {
                Ok(file) => {
                    bytes.clone_from(&file.bytes);
                    if file.secret {
                        self.secret_files.push(secret);
                    }
                }
                Err(error) => {
                    self.remarks.error(origin, error.to_string());
                    return;
                }
            }
        }
        if let Some(contents) = says(text.contents) {
            origin = text.origin.then("contents");
            bytes = contents.into_bytes();
        }
        let Embedded { url, compression } = self.embed(&bytes, None);
        let file = &mut config.storage.files[at];
        file.contents.source = Some(url);
        file.contents.compression = compression;
        file.mode = Some(0o644);
        let contents = to.then("contents");
        self.origins.set(contents.then("source"), origin.clone());
        self.origins.set(contents, origin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_know_their_template() {
        assert_eq!(template_of("a@1.container").as_deref(), Some("a@.container"));
        assert_eq!(template_of("a@.container"), None);
        assert_eq!(template_of("a.container"), None);
    }
}
