//! Directories and links, by systemd-tmpfiles and `ln`.

use super::owners::{Given, Owner};
use super::place::{Kind, Place};
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
        let mode = mode.map(|mode| format!("{mode:04o}"));
        let owner = Given::of(user, group);
        work.out.prepare.places.push(Place { path: path.clone(), kind: Kind::Directory, mode, owner });
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
        if !overwrite {
            prepare.replaced.push(path.clone());
        }
        let kind = Kind::Link { target: target.to_owned(), replace: overwrite };
        prepare.places.push(Place { path: path.clone(), kind, mode: None, owner: Given::default() });
        let owner = Owner::of(user, group);
        if !owner.is_root() {
            prepare.link_owners.push(format!("chown -h {} {}", shell::quote(&owner.pair()), shell::quote(path)));
        }
    }
}
