//! Directories and links, by systemd-tmpfiles and `ln`.

use super::owners::Owner;
use super::{Work, element, shell};
use crate::model::ignition::{Directory, Link};

pub(super) fn directories(work: &mut Work<'_>, directories: &[Directory]) {
    for (index, directory) in directories.iter().enumerate() {
        let Directory { group, overwrite, path, user, mode } = directory;
        if *overwrite == Some(true) {
            let message = format!("`{path}` and all in it would be deleted each time the machine gets new content");
            let hint = "remove `overwrite`: owner and mode of an existing directory are set without it";
            work.refuse(&element("storage", "directories", index).then("overwrite"), message, hint);
            continue;
        }
        let mode = mode.map_or_else(|| "-".to_owned(), |mode| format!("{mode:04o}"));
        let Owner { user, group } = Owner::of(user, group);
        work.out.prepare.tmpfiles.push(format!("d {} {mode} {user} {group} -", shell::field(path)));
        work.out.prepare.directories.insert(path.clone());
    }
}

pub(super) fn links(work: &mut Work<'_>, links: &[Link]) {
    for (index, link) in links.iter().enumerate() {
        let Link { group, overwrite, path, user, hard, target } = link;
        let target = target.as_deref().unwrap_or_default();
        let overwrite = *overwrite == Some(true);
        if *hard == Some(true) {
            work.out.apply.hard_links.push((target.to_owned(), path.clone(), overwrite));
            continue;
        }
        if path == "/etc/localtime" {
            work.out.localtime = true;
        }
        if path.contains('\n') || target.contains('\n') || target.is_empty() {
            let at = element("storage", "links", index).then("target");
            work.refuse(
                &at,
                format!("link `{path}` has no target that can be written down"),
                "give it a target in one line",
            );
            continue;
        }
        let prepare = &mut work.out.prepare;
        // An existing link is replaced in any case; anything else only if the config says so, as Ignition has it.
        let kind = if overwrite { "L+" } else { "L" };
        if !overwrite {
            prepare.replaced.push(path.clone());
        }
        prepare.tmpfiles.push(format!("{kind} {} - - - - {}", shell::field(path), target.replace('%', "%%")));
        prepare.links.push((path.clone(), target.to_owned()));
        let owner = Owner::of(user, group);
        if !owner.is_root() {
            prepare.link_owners.push(format!("chown -h {} {}", shell::quote(&owner.pair()), shell::quote(path)));
        }
    }
}
