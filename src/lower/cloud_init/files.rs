//! Files: to `write_files`, and what that cannot say to the scripts.

use super::contents::{self, Trouble};
use super::owners::{Given, Known, Owner};
use super::place::{Kind, Place};
use super::{Work, element, shell};
use crate::diag::Code;
use crate::model::Path;
use crate::model::cloud::WriteFile;
use crate::model::ignition::{File, Resource};

/// Where pieces wait that are appended to files of the image, each named after where it goes and what it says, so that
/// no piece is appended twice.
const PIECES: &str = "/var/lib/bake/append";

/// Ignition's mode of files that name none.
const MODE: i64 = 0o644;

pub(super) fn lower(work: &mut Work<'_>, files: &[File], known: &Known<'_>) {
    for (index, file) in files.iter().enumerate() {
        let at = element("storage", "files", index);
        let File { group, overwrite, path, user, append, contents, mode } = file;
        let whole = resource(work, &at.then("contents"), contents);
        let pieces: Vec<Vec<u8>> = (append.iter().enumerate())
            .filter_map(|(index, piece)| resource(work, &at.then("append").then(index), piece))
            .collect();
        if path == "/etc/hostname" {
            hostname(work, &at, whole.as_deref().unwrap_or_default());
            continue;
        }
        let owner = Owner::of(user, group);
        let Some(mut body) = whole else {
            touched(work, path, Given::of(user, group), *mode, &pieces);
            continue;
        };
        body.extend(pieces.into_iter().flatten());
        let mode = mode.unwrap_or(MODE);
        let (encoding, content) = contents::written(&body);
        let sure = owner.is_sure(known);
        let rights = mode & 0o777;
        let closed = rights == 0;
        work.out.write_files.push(WriteFile {
            path: path.clone(),
            owner: (sure && !owner.is_root()).then(|| owner.pair()),
            // cloud-init takes 0 for no mode at all, and would let everybody read it.
            permissions: format!("{:04o}", if closed { 0o600 } else { rights }),
            encoding,
            content,
        });
        if *overwrite == Some(true) {
            // cloud-init would follow a link and write what it points at.
            work.out.prepare.replaced.push(path.clone());
        }
        if !sure {
            work.out.apply.owners.push(format!("chown {} {}", shell::quote(&owner.pair()), shell::quote(path)));
        }
        if closed || mode & 0o7000 != 0 {
            // After the owner: changing that clears the set-user-id bit.
            work.out.apply.owners.push(format!("chmod {mode:04o} {}", shell::quote(path)));
        }
    }
}

/// A file without contents of its own: one of the image keeps what it holds, and may be appended to.
fn touched(work: &mut Work<'_>, path: &str, owner: Given, mode: Option<i64>, pieces: &[Vec<u8>]) {
    let mode = mode.map(|mode| format!("{mode:04o}"));
    work.out.prepare.places.push(Place { path: path.to_owned(), kind: Kind::File, mode, owner });
    for piece in pieces {
        let waiting = format!("{PIECES}/{}", contents::digest(path, piece));
        let (encoding, content) = contents::written(piece);
        let permissions = "0600".to_owned();
        work.out.write_files.push(WriteFile { path: waiting.clone(), owner: None, permissions, encoding, content });
        work.out.apply.appends.push((waiting, path.to_owned()));
    }
}

/// The host name is the node's, and cloud-init writes it.
fn hostname(work: &mut Work<'_>, at: &Path, contents: &[u8]) {
    let own = &work.node.hostname;
    if contents.trim_ascii() != own.as_bytes() {
        let message = format!("`/etc/hostname` is written with another name than the node's, `{own}`");
        work.report(
            Code::NotExpressible,
            at,
            message,
            Some("set `hostname:` in the node's profile, and leave the file out"),
        );
    }
}

/// The bytes of a resource, or a finding about it.
fn resource(work: &mut Work<'_>, at: &Path, resource: &Resource) -> Option<Vec<u8>> {
    contents::bytes(resource).unwrap_or_else(|Trouble { key, message, hint }| {
        let code = if key == "verification" { Code::BadValue } else { Code::NotExpressible };
        work.report(code, &at.then(key), message, hint);
        None
    })
}
