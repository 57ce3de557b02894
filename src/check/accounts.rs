//! Who may log in, and with what.

use super::View;
use crate::diag::{Code, Diagnostic, Severity, Sink};
use crate::model::Path;
use crate::model::scalar::SecretRef;

/// Starts of password hashes that hold (crypt(5)).
const STRONG: &[&str] = &["$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$"];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    hashes(view, sink);
    sshd(view, sink);
    selinux(view, sink);
}

/// What stands where a password's hash belongs. Neither it nor its excerpt is shown.
fn hashes(view: &View<'_>, sink: &mut Sink) {
    let users = Path::root().then("passwd").then("users");
    for (at, user) in view.part.config.passwd.users.iter().enumerate() {
        let Some(hash) = user.password_hash.as_deref() else { continue };
        // `*` and `!` lock the password; of a secret that is left out nothing is known.
        if hash.starts_with(['*', '!'])
            || STRONG.iter().any(|start| hash.starts_with(start))
            || hash.len() <= 2
            || SecretRef::is_gap(hash)
        {
            continue;
        }
        let (why, severity) = if hash.starts_with("$1$") {
            ("an MD5 hash, which is guessed in hours", Severity::Warning)
        } else if hash.starts_with('$') {
            continue;
        } else {
            ("no hash: nobody can log in with it, and it is readable on the machine", Severity::Error)
        };
        let message = format!("the password of `{}` is {why}", user.name);
        let span = view.part.trace.span(&users.then(at).then("passwordHash"));
        let mut found = Diagnostic::new(Code::PasswordHash, message).at(span);
        found.severity = severity;
        sink.push(found.hint("make one with `mkpasswd -m yescrypt` or `openssl passwd -6`"));
    }
}

/// Logging in with a password.
fn sshd(view: &View<'_>, sink: &mut Sink) {
    for (path, file) in &view.baked.files {
        let cloud = file.text.starts_with("#cloud-config");
        if !path.starts_with("/etc/ssh/sshd_config") && !cloud {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let lower = line.trim().to_lowercase();
            let mut words =
                lower.split(|c: char| c.is_whitespace() || ":=".contains(c)).filter(|word| !word.is_empty());
            let what = match (words.next(), words.next()) {
                (Some("passwordauthentication"), Some("yes")) | (Some("ssh_pwauth"), Some("true" | "yes" | "1")) => {
                    "lets people in with a password"
                }
                (Some("permitrootlogin"), Some("yes")) => "lets root in, with a password too",
                (Some("permitemptypasswords"), Some("yes")) => "lets people in without any password",
                _ => continue,
            };
            let message = format!("`{}` {what}, on every machine with `{path}`", line.trim());
            let found = Diagnostic::new(Code::SshPassword, message).at(view.line(file, number));
            sink.push(found.hint("write `no`: keys are in `ssh_authorized_keys` of cluster.yaml"));
        }
    }
}

/// SELinux, switched off.
fn selinux(view: &View<'_>, sink: &mut Sink) {
    let files = view.baked.files.iter().map(|(path, file)| (path.as_str(), file));
    let units =
        view.baked.units.iter().flat_map(|(name, unit)| {
            unit.text.iter().chain(unit.dropins.values()).map(move |file| (name.as_str(), file))
        });
    for (name, file) in files.chain(units) {
        for (number, line) in file.text.lines().enumerate() {
            let bare = line.trim();
            let off = bare == "SELINUX=disabled" || (bare.contains("setenforce 0") && !bare.starts_with('#'));
            if off {
                let message = format!("`{name}` switches SELinux off (`{bare}`)");
                let found = Diagnostic::new(Code::SelinuxOff, message).at(view.line(file, number));
                sink.push(found.hint("leave it on, and label what it refuses (`semanage fcontext`)"));
            }
        }
    }
}
