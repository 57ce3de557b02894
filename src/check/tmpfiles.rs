//! tmpfiles.d(5): lines that systemd-tmpfiles skips, and lines that do nothing.

use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink};

/// Files that every image has: `f` leaves them alone.
const THERE: &[&str] = &["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd", "/etc/group", "/etc/fstab"];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    for (path, file) in &view.baked.files {
        if path.starts_with("/etc/tmpfiles.d/") && path.strip_suffix(".conf").is_some() {
            tmpfiles(view, file, sink);
        }
    }
}

/// Lines of tmpfiles.d(5): type, path, mode, user, group, age, argument.
fn tmpfiles(view: &View<'_>, file: &BakedFile, sink: &mut Sink) {
    for (number, line) in file.text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let mut words = bare.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let path = words.next().unwrap_or_default();
        let mode = words.next().unwrap_or("-");
        let (letter, modifiers) = kind.split_at(kind.len().min(kind.chars().next().map_or(0, char::len_utf8)));
        let why = if !"fFwdDevqQpLcbCxXrRzZtThHaA".contains(letter)
            || !modifiers.chars().all(|c| "+!-=~^$?".contains(c))
        {
            format!("`{kind}` is no type of line")
        } else if !path.trim_start_matches(['"', '\'']).starts_with(['/', '%']) {
            format!("`{path}` is no absolute path")
        } else if mode != "-" && !mode.trim_start_matches(['~', ':']).chars().all(|c| c.is_digit(8)) {
            format!("`{mode}` is no mode")
        } else {
            if letter == "f" && modifiers.is_empty() && (THERE.contains(&path) || view.baked.files.contains_key(path)) {
                let message = format!("this line does nothing: `{path}` is there already, and `f` leaves it alone");
                let found = Diagnostic::new(Code::TmpfilesSyntax, message).at(view.line(file, number));
                sink.push(found.hint("write the file in a fragment (`storage: files:`), or `f+` to overwrite it"));
            }
            continue;
        };
        let hint =
            "a line is `TYPE PATH MODE USER GROUP AGE ARGUMENT`; text of several lines goes into a file of its own";
        let message = format!("systemd-tmpfiles skips this line: {why}");
        sink.push(Diagnostic::new(Code::TmpfilesSyntax, message).at(view.line(file, number)).hint(hint));
    }
}
