//! Files that programs read silently wrong: `.network`, quadlets, what templates left behind.

use super::text::{Entry, Table, entries, table, unknown};
use super::units::KEYS;
use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::glob::glob_match;
use crate::model::profile::node::Os;
use std::sync::LazyLock;

static NETWORKD: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/networkd.txt")));

static QUADLET: LazyLock<Table> = LazyLock::new(|| {
    let mut all = table(include_str!("tables/quadlet.txt"));
    all.extend(KEYS.iter().map(|(section, keys)| (*section, keys.clone())));
    all
});

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    for (path, file) in &view.baked.files {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder == "/etc/containers/systemd" {
            unknown(view, file, &QUADLET, Code::QuadletUnknownKey, "a quadlet", sink);
        } else if folder.starts_with("/etc/systemd/network") && is_network(path) {
            unknown(view, file, &NETWORKD, Code::NetworkdUnknownKey, "networkd", sink);
            matching(view, path, file, sink);
        }
        leftovers(view, path, file, sink);
    }
}

/// A network file of its own must say which cards it is for, and must not take those that bake describes.
fn matching(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    let name = path.rsplit('/').next().unwrap_or_default();
    if !path.ends_with(".network") || view.node.os != Os::Flatcar {
        return;
    }
    let all = entries(&file.text);
    let found = |line: usize, message: String| Diagnostic::new(Code::NetworkdMatch, message).at(view.line(file, line));
    let matches: Vec<_> = all.iter().filter(|entry| entry.section == "Match" && !entry.key.is_empty()).collect();
    if matches.is_empty() {
        let message = format!("`{name}` says of no card that it is for it: networkd ignores the file");
        sink.push(found(0, message).hint("write `[Match]` with `Name=` or `MACAddress=`"));
        return;
    }
    for card in &view.node.interfaces {
        let own = format!("10-{}.network", card.name);
        let takes = |entry: &&&Entry<'_>| match entry.key {
            "Name" => entry.value.split_whitespace().any(|pattern| glob_match(pattern, &card.name)),
            "MACAddress" => card.mac.is_some_and(|mac| entry.value.to_lowercase().contains(&mac.to_string())),
            "Type" => entry.value == "ether",
            _ => false,
        };
        if name < own.as_str() && matches.iter().all(|entry| takes(&entry)) {
            let message = format!("`{name}` comes before bake's own `{own}` and takes `{}` from it", card.name);
            let found = found(matches[0].line, message).related(card.name.span, "the card is described here");
            sink.push(found.hint("name the file later than `10-`, or match other cards"));
        }
    }
}

fn is_network(path: &str) -> bool {
    let of = |name: &str| name.ends_with(".network") || name.ends_with(".netdev");
    of(path) || path.rsplit_once('/').and_then(|(folder, _)| folder.strip_suffix(".d")).is_some_and(of)
}

/// Placeholders that nobody filled in.
fn leftovers(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    if !["{{", "${"].iter().any(|open| file.text.contains(open)) {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let found = placeholder(line, "{{", "}}").or_else(|| {
            let shell =
                file.text.starts_with("#!") || path.starts_with("/etc/systemd") || path.starts_with("/etc/containers");
            let expands = [".env", ".sh", ".cfg", "profile", ".service"].iter().any(|end| path.ends_with(end));
            if shell || expands { None } else { placeholder(line, "${", "}") }
        });
        if let Some(found) = found {
            let message = format!("`{found}` in `{path}` was never filled in");
            let hint = "give the file's name the end `.j2` and write `{{ values.name }}`";
            sink.push(Diagnostic::new(Code::PlaceholderLeft, message).at(view.line(file, number)).hint(hint));
        }
    }
}

/// A placeholder around nothing but a name.
fn placeholder<'a>(line: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let start = line.find(open)?;
    let end = start + line[start..].find(close)?;
    let name = line[start + open.len()..end].trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.[]\"'".contains(c));
    // Go's templates begin with a dot; they are for other programs.
    (plain && name.starts_with(|c: char| c.is_ascii_lowercase())).then(|| &line[start..end + close.len()])
}
