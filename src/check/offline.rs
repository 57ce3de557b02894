//! What asks for the Internet at first boot.

use super::{BakedFile, View};
use crate::diag::conceal::conceal;
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::Path;

/// Programs that install, each with the words that make them do so.
const INSTALLERS: &[(&str, &[&str])] = &[
    ("apt", &["install", "update", "upgrade"]),
    ("apt-get", &["install", "update", "upgrade", "dist-upgrade"]),
    ("dnf", &["install", "update", "upgrade", "groupinstall"]),
    ("microdnf", &["install", "update", "upgrade"]),
    ("pip", &["install"]),
    ("pip3", &["install"]),
    ("snap", &["install"]),
    ("yum", &["install", "update", "upgrade"]),
    ("zypper", &["install", "in", "update"]),
];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    let scripts = view
        .baked
        .files
        .iter()
        .filter(|(_, file)| file.text.starts_with("#!") || file.text.starts_with("#cloud-config"));
    let scripts = scripts.map(|(path, file)| (path.as_str(), file));
    let units =
        view.baked.units.iter().flat_map(|(name, unit)| {
            unit.text.iter().chain(unit.dropins.values()).map(move |file| (name.as_str(), file))
        });
    for (name, file) in scripts.chain(units) {
        look(view, name, file, sink);
    }
}

/// Files that are fetched while the machine is set up.
pub(super) fn sources(view: &View<'_>, sink: &mut Sink) {
    let files = Path::root().then("storage").then("files");
    for (at, file) in view.part.config.storage.files.iter().enumerate() {
        let Some(source) = file.contents.source.as_deref().filter(|source| !source.starts_with("data:")) else {
            continue;
        };
        if source.is_empty() {
            continue;
        }
        let message = format!("`{}` is fetched at first boot: `{}`", file.path, conceal(source));
        let span = view.part.trace.span(&files.then(at).then("contents").then("source"));
        let found = Diagnostic::new(Code::NetworkAtBoot, message).at(span);
        // An extension is no fragment's: its place is its own in a role.
        let extension = view.node.extensions.values().any(|extension| Some(extension.span) == span);
        let key = if extension { "`local: ...` in place of `source`" } else { "`contents: {local: ...}`" };
        sink.push(found.hint(format!("put the file below `butane/files/` and write {key}")));
    }
}

fn look(view: &View<'_>, name: &str, file: &BakedFile, sink: &mut Sink) {
    let mut programs = INSTALLERS.iter().map(|(program, _)| *program).chain(["curl", "wget", "git"]);
    if !programs.any(|program| file.text.contains(program)) {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let Some(what) = needs(line) else { continue };
        let message = format!("`{name}` needs the Internet at first boot: `{}`", conceal(&what));
        let hint =
            "bring it with the image (a system extension, a package in the template, a container pinned by digest)";
        sink.push(Diagnostic::new(Code::NetworkAtBoot, message).at(view.line(file, number)).hint(hint));
    }
}

/// The words of a command that fetches and installs.
fn needs(line: &str) -> Option<String> {
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || "=;&\"'[],(".contains(c)).filter(|word| !word.is_empty()).collect();
    for (at, word) in words.iter().enumerate() {
        let program = word.trim_start_matches('-').rsplit('/').next().unwrap_or_default();
        if let Some((_, verbs)) = INSTALLERS.iter().find(|(name, _)| *name == program) {
            // Options may stand before the verb.
            let verb = words[at + 1..].iter().find(|word| !word.starts_with('-'));
            if let Some(verb) = verb.filter(|verb| verbs.contains(verb)) {
                return Some(format!("{program} {verb}"));
            }
        }
        if matches!(program, "curl" | "wget")
            && let Some(pipe) = words[at..].iter().position(|word| *word == "|")
            && let Some(shell) = words.get(at + pipe + 1).map(|word| word.rsplit('/').next().unwrap_or_default())
            && matches!(shell, "sh" | "bash" | "sudo")
        {
            return Some(format!("{program} ... | {shell}"));
        }
        let fetches =
            matches!(program, "curl" | "wget") || matches!(program, "git") && words.get(at + 1) == Some(&"clone");
        if fetches && let Some(address) = words[at..].iter().find(|word| is_away(word)) {
            return Some(format!("{program} {address}"));
        }
    }
    None
}

/// Whether a word is an address in the Internet: a name with a dot, none of a private network's.
fn is_away(word: &str) -> bool {
    let Some((scheme, rest)) = word.split_once("://") else { return false };
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    let named = host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    let inside = host.parse::<std::net::Ipv4Addr>().map_or_else(
        |_| [".internal", ".local", ".home.arpa", ".lan"].iter().any(|end| host.ends_with(end)),
        |address| address.is_private() || address.is_loopback(),
    );
    matches!(scheme, "http" | "https" | "ftp" | "git") && named && !inside
}

#[cfg(test)]
mod tests {
    use super::needs;

    #[test]
    fn knows_what_installs() {
        for (line, expected) in [
            ("ExecStart=/usr/bin/dnf -y install haproxy", Some("dnf install")),
            ("curl -sfL https://get.k3s.io | sh -", Some("curl ... | sh")),
            ("  - [dnf, install, -y, keepalived]", Some("dnf install")),
            ("curl -s http://127.0.0.1/healthz", None),
            ("curl -s https://api.kube.internal:6443/ping", None),
            ("wget -q https://example.org/k3s", Some("wget https://example.org/k3s")),
            ("dnf list installed", None),
            ("echo adapt install", None),
        ] {
            assert_eq!(needs(line).as_deref(), expected, "{line}");
        }
    }
}
