//! NetworkManager's keyfiles: keys that it ignores, and rights that make it ignore the file.

use super::text::{Table, entries, table};
use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink, suggest};
use std::sync::LazyLock;

static KEYS: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/networkmanager.txt")));

/// Where profiles of connections are (nm-settings-keyfile(5)).
const FOLDER: &str = "/etc/NetworkManager/system-connections/";

/// Keys that are numbered: `address1`, `route2_options`.
const NUMBERED: &[&str] = &["address", "addresses", "route", "routes", "routing-rule"];

/// Ways to get an address (nm-settings-nmcli(5), `ipv4.method`).
const METHODS: &[&str] = &["auto", "disabled", "link-local", "manual", "shared"];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    for (path, file) in view.baked.files.iter().filter(|(path, _)| path.starts_with(FOLDER)) {
        if file.mode.is_none_or(|mode| mode & 0o077 != 0) {
            let mode = file.mode.map_or("the system's own".to_owned(), |mode| format!("`{mode:04o}`"));
            let message = format!("NetworkManager ignores `{path}`: others may read it (mode {mode})");
            sink.push(Diagnostic::new(Code::NetworkmanagerKey, message).at(file.origin).hint("write `mode: 0600`"));
        }
        keys(view, file, sink);
    }
}

fn keys(view: &View<'_>, file: &BakedFile, sink: &mut Sink) {
    for entry in entries(&file.text) {
        let section = if entry.section == "802-3-ethernet" { "ethernet" } else { entry.section };
        let Some(known) = KEYS.get(section).filter(|_| !entry.key.is_empty()) else { continue };
        let stem = entry.key.trim_end_matches("_options").trim_end_matches(|c: char| c.is_ascii_digit());
        let numbered = section.starts_with("ip") && NUMBERED.contains(&stem);
        if known.contains(entry.key) || numbered || known.is_empty() {
            continue;
        }
        let message = format!("NetworkManager has no `{}` in `[{}]`, and ignores it", entry.key, entry.section);
        let mut found = Diagnostic::new(Code::NetworkmanagerKey, message).at(view.line(file, entry.line));
        let all = known.iter().copied().chain(NUMBERED.iter().copied());
        found.hint = suggest::nearest(stem, all).map(|near| format!("did you mean `{near}`?"));
        sink.push(found);
    }
    let method = entries(&file.text).into_iter().find(|entry| entry.section == "ipv4" && entry.key == "method");
    if let Some(entry) = method.filter(|entry| !METHODS.contains(&entry.value.as_str())) {
        let message = format!("`{}` is no method of IPv4: NetworkManager refuses the profile", entry.value);
        let mut found = Diagnostic::new(Code::NetworkmanagerKey, message).at(view.line(file, entry.line));
        found.hint = suggest::hint(&entry.value, METHODS.iter().copied());
        sink.push(found);
    }
}
