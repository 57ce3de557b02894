//! Where secrets may go: into files that only their owner reads, and into password hashes.

use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::shape::populated;
use crate::model::{Part, Path, Step};
use std::collections::BTreeSet;

/// Notes what the values written at `secret` went into: files become secret files, anything that everybody on the
/// machine may read is an error.
pub fn mark(part: &mut Part, secret: &BTreeSet<Span>, sink: &mut Sink) {
    if secret.is_empty() {
        return;
    }
    let mut files = Vec::new();
    let mut exposed = BTreeSet::new();
    populated(&part.config, &mut |steps, _| {
        let path: Path = steps.iter().cloned().collect();
        let Some(span) = part.trace.exact(&path).filter(|span| secret.contains(span)) else { return };
        match place(steps) {
            Place::File(index) => files.push(index),
            Place::Protected => {}
            Place::Public(what) => {
                exposed.insert((span, what));
            }
        }
    });
    for (span, what) in exposed {
        let hint = "put the secret into a file of its own with `mode: 0600` and let the program read that";
        sink.push(
            Diagnostic::new(
                Code::SecretExposed,
                format!("a secret goes into {what}, which everybody on the machine may read"),
            )
            .at(span)
            .hint(hint),
        );
    }
    for index in files {
        part.secret_files.insert(part.config.storage.files[index].path.clone());
    }
}

enum Place {
    File(usize),
    Protected,
    Public(&'static str),
}

fn place(steps: &[Step]) -> Place {
    let keys: Vec<&str> = steps.iter().map(|step| if let Step::Key(key) = step { key.as_ref() } else { "" }).collect();
    match (keys.as_slice(), steps.get(2)) {
        (["storage", "files", "", "contents" | "append", ..], Some(Step::Index(index))) => Place::File(*index),
        // Records and lists on the way to a value are no place; their parts are looked at by themselves.
        (
            ["passwd", _, "", "passwordHash"] | ["storage", "luks", "", "keyFile", ..] | [] | [_] | [_, _] | [_, _, ""],
            _,
        ) => Place::Protected,
        (["systemd", ..], _) => Place::Public("a systemd unit"),
        (["passwd", ..], _) => Place::Public("an account"),
        (["storage", ..], _) => Place::Public("a name"),
        _ => Place::Public("the configuration"),
    }
}

/// Every right of the group and of others.
const OTHERS: i64 = 0o077;

/// Gives secret files mode 0600 where the fragment leaves the mode open, and refuses a mode that lets others read.
pub fn guard(part: &mut Part, sink: &mut Sink) {
    let trace = &part.trace;
    for (index, file) in part.config.storage.files.iter_mut().enumerate() {
        if !part.secret_files.contains(&file.path) {
            continue;
        }
        match file.mode {
            None => file.mode = Some(0o600),
            Some(mode) if mode & OTHERS == 0 => {}
            Some(mode) => {
                let place = Path::root().then("storage").then("files").then(index).then("mode");
                let message =
                    format!("`{}` carries a secret, but its mode `{mode:04o}` lets others read it", file.path);
                sink.push(
                    Diagnostic::new(Code::SecretExposed, message).at(trace.span(&place)).hint("write `mode: 0600`"),
                );
            }
        }
    }
}
