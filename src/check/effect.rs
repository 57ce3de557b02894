//! Files that stand there without effect, or that the machine cannot have: of another operating system, under a name that
//! nobody reads, where nothing may be written, or where the image has one already.

use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::Path;
use crate::model::profile::node::Os;

/// Folders whose files need an end: folder, ends, who reads them.
const ENDS: &[(&str, &[&str], &str)] = &[
    ("/etc/sysctl.d/", &[".conf"], "systemd-sysctl"),
    ("/etc/tmpfiles.d/", &[".conf"], "systemd-tmpfiles"),
    ("/etc/modules-load.d/", &[".conf"], "systemd-modules-load"),
    ("/etc/ssh/sshd_config.d/", &[".conf"], "sshd"),
    ("/etc/systemd/network/", &[".network", ".netdev", ".link", ".conf"], "networkd"),
    (
        "/etc/containers/systemd/",
        &[".container", ".volume", ".network", ".kube", ".pod", ".image", ".build", ".conf"],
        "Podman",
    ),
];

/// Folders that only one kind of operating system reads: folder, whether Flatcar does, why.
const FOREIGN: &[(&str, bool, &str)] = &[
    ("/etc/NetworkManager/", false, "Flatcar has networkd"),
    ("/etc/sysconfig/network-scripts/", false, "Flatcar has networkd"),
    ("/etc/yum.repos.d/", false, "Flatcar has no packages"),
    ("/etc/systemd/network/", true, "EL has NetworkManager and no networkd"),
    ("/etc/systemd/timesyncd.conf", true, "EL has Chrony"),
    ("/etc/flatcar/", true, "it belongs to Flatcar"),
    ("/etc/extensions/", true, "EL 9 merges no extensions unless told to"),
];

/// Files that Flatcar's image has in `/etc` (baselayout, tmpfiles `C` lines): Ignition refuses to replace one unasked.
const THERE: &[&str] = &[
    "/etc/flatcar/update.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/profile",
    "/etc/resolv.conf",
    "/etc/shells",
    "/etc/ssh/sshd_config",
    "/etc/ssh/ssh_config",
];

/// Groups that Flatcar gives to accounts (docs: "Adding users"); of others it knows the name only.
const GROUPS: &[&str] = &["core", "docker", "root", "sudo", "systemd-journal", "wheel"];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    let flatcar = view.node.os == Os::Flatcar;
    for (path, file) in &view.baked.files {
        ignored(view, path, file, flatcar, sink);
        idle(view, path, file, sink);
    }
    if flatcar {
        image(view, sink);
        groups(view, sink);
        staged(view, sink);
    }
}

fn ignored(view: &View<'_>, path: &str, file: &BakedFile, flatcar: bool, sink: &mut Sink) {
    let mut report = |message: String, hint: String| {
        sink.push(Diagnostic::new(Code::FileIgnored, message).at(file.origin).hint(hint));
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    for (folder, ends, who) in ENDS {
        let direct = path.strip_prefix(folder).is_some_and(|rest| !rest.contains('/'));
        if direct && !ends.iter().any(|end| name.ends_with(end)) && !name.starts_with("README") {
            report(
                format!("{who} does not read `{path}`: its name must end in `{}`", ends[0]),
                format!("call it `{name}{}`", ends[0]),
            );
            return;
        }
    }
    let foreign = FOREIGN.iter().find(|(folder, own, _)| *own != flatcar && path.starts_with(folder));
    if let Some((_, _, why)) = foreign {
        report(
            format!("nobody on `{}` ({}) reads `{path}`: {why}", view.node.name, view.node.os),
            "let the role name the fragment for the other operating system only (`os:`)".to_owned(),
        );
    }
}

/// A script of a program that no text on the machine names.
fn idle(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    let runs = file.mode.is_some_and(|mode| mode & 0o111 != 0);
    // Programs run what lies in such folders by themselves; people run what is in their path.
    let itself = path
        .split('/')
        .any(|part| part.strip_suffix(".d").is_some() || part.starts_with("cron.") || part.ends_with("-scripts"));
    if !runs || !path.starts_with("/etc/") || itself {
        return;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let files = view.baked.files.iter().filter(|(other, _)| *other != path).map(|(_, file)| file);
    let units = view.baked.units.values().flat_map(|unit| unit.text.iter().chain(unit.dropins.values()));
    let named = files.chain(units).any(|other| other.text.contains(name));
    let commands =
        view.node.containers.values().flat_map(|container| container.command.iter().chain(&container.reload_check));
    if !named && !commands.into_iter().any(|word| word.contains(name)) {
        let message = format!("`{path}` is installed, and nothing on `{}` runs it", view.node.name);
        sink.push(
            Diagnostic::new(Code::OrphanFile, message).at(file.origin).hint("name it where it is needed, or remove it"),
        );
    }
}

/// What Ignition cannot write on Flatcar.
fn image(view: &View<'_>, sink: &mut Sink) {
    let storage = &view.part.config.storage;
    let files = Path::root().then("storage").then("files");
    for (at, file) in storage.files.iter().enumerate() {
        let span = || view.part.trace.span(&files.then(at).then("path"));
        if file.path.starts_with("/usr/") {
            let message = format!("`{}` cannot be written: `/usr` is read-only on Flatcar, and verified", file.path);
            let found = Diagnostic::new(Code::ReadOnlyPath, message).at(span());
            sink.push(found.hint("write it below `/opt` or `/etc`, or bring it with a system extension"));
        }
        if THERE.contains(&file.path.as_str()) && file.overwrite != Some(true) && file.contents.source.is_some() {
            let message = format!("Flatcar's image has `{}`: Ignition stops instead of replacing it", file.path);
            let found = Diagnostic::new(Code::OverwriteMissing, message).at(span());
            sink.push(found.hint("write `overwrite: true`"));
        }
    }
}

fn groups(view: &View<'_>, sink: &mut Sink) {
    let passwd = &view.part.config.passwd;
    let users = Path::root().then("passwd").then("users");
    for (at, user) in passwd.users.iter().enumerate() {
        for (index, group) in user.groups.iter().enumerate() {
            let own = passwd.groups.iter().any(|own| own.name == *group);
            if own || GROUPS.contains(&group.as_str()) {
                continue;
            }
            let message = format!("`{}` does not get the group `{group}`: Flatcar has it in its image only", user.name);
            let span = view.part.trace.span(&users.then(at).then("groups").then(index));
            let found = Diagnostic::new(Code::GroupMissing, message).at(span);
            sink.push(found.hint(format!(
                "write the file `/etc/userdb/{}:{group}.membership`, or declare the group in `passwd.groups`",
                user.name
            )));
        }
    }
}

/// Updates that are staged although nobody restarts into them: the next accident does.
fn staged(view: &View<'_>, sink: &mut Sink) {
    let masked = |name: &str| view.baked.units.get(name).filter(|unit| unit.mask);
    let off = |file: &BakedFile| file.text.lines().any(|line| line.trim() == "SERVER=disabled");
    let Some(unit) = masked("locksmithd.service") else { return };
    if masked("update-engine.service").is_none() && !view.baked.files.get("/etc/flatcar/update.conf").is_some_and(off) {
        let message = "only locksmithd is masked: updates are still staged, and the next restart, whatever its cause, changes the system";
        let found = Diagnostic::new(Code::UpdatesStaged, message).at(unit.origin);
        sink.push(found.hint(
            "write `SERVER=disabled` to `/etc/flatcar/update.conf`, or choose when to restart (`REBOOT_STRATEGY`)",
        ));
    }
}
