//! `#cloud-config` documents: keys that cloud-init ignores or does not know, and a first line that makes it read nothing.

use super::text::{Table, table};
use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink, suggest};
use std::sync::LazyLock;

static KEYS: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/cloud_config.txt")));

/// What the first line must be.
const HEAD: &str = "#cloud-config";

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    for (path, file) in &view.baked.files {
        if file.text.lines().next().is_some_and(|first| first.trim_end() == HEAD) {
            cloud_config(view, path, file, sink);
            unknown(view, path, file, sink);
        } else if let Some(number) = file.text.lines().position(|line| line.trim_end() == HEAD) {
            let message = format!("cloud-init does not read `{path}`: `{HEAD}` is not its first line");
            let found = Diagnostic::new(Code::CloudConfigUnknownKey, message).at(view.line(file, number));
            sink.push(found.hint("move the line to the top"));
        }
    }
}

/// cloud-init reads the network from its own document only.
fn cloud_config(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    for (number, _) in file.text.lines().enumerate().filter(|(_, line)| line.starts_with("network:")) {
        let message = format!("cloud-init ignores `network:` in the user-data `{path}`");
        let hint = "remove it: the node's `interfaces` say it, and bake writes `network-config`";
        sink.push(Diagnostic::new(Code::CloudConfigNetwork, message).at(view.line(file, number)).hint(hint));
    }
}

/// Keys of the first level that no module reads.
fn unknown(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    let known = || KEYS.get("user-data").into_iter().flatten().copied();
    for (number, line) in file.text.lines().enumerate() {
        let Some((key, _)) = line.split_once(':').filter(|(key, _)| key.starts_with(|c: char| c.is_ascii_lowercase()))
        else {
            continue;
        };
        if key.contains(' ') || known().any(|own| own == key) {
            continue;
        }
        let message = format!("cloud-init knows no `{key}` in the user-data `{path}`, and goes on without it");
        let mut found = Diagnostic::new(Code::CloudConfigUnknownKey, message).at(view.line(file, number));
        found.hint = suggest::nearest(key, known()).map(|near| format!("did you mean `{near}`?"));
        sink.push(found);
    }
}
