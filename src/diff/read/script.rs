//! The two scripts that make an EL machine what Ignition makes of a Flatcar: what they say is taken apart again, and
//! what is left is kept as it stands.
//!
//! Comments, and lines that only repeat what another one says (checks, titles), are left out.

use super::super::machine::{Body, Item, Machine, Topic};
use super::{files, shell};

/// The script that runs before files are written.
pub(super) fn prepare(text: &str, machine: &mut Machine) {
    let mut left = Left::new("bake-prepare");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if left.function(line, &mut lines, machine) || matches!(line, "else" | "fi") {
            continue;
        }
        match line {
            "systemd-tmpfiles --create - <<'END'" => {
                for line in lines.by_ref().take_while(|line| *line != "END") {
                    if !tmpfile(line, machine) {
                        left.keep(line);
                    }
                }
            }
            "for path in \\" => {
                let paths = lines.by_ref().take_while(|line| *line != "; do");
                for path in paths.filter_map(|line| shell::words(line.trim_end_matches('\\'))).flatten() {
                    // Links are replaced anyway.
                    if machine.get(Topic::File, &path).is_some() {
                        machine.item(Topic::File, path).set("overwrite", "yes");
                    }
                }
                lines.by_ref().take_while(|line| *line != "done").for_each(drop);
            }
            line if command(line, machine) => {}
            line => left.keep(line),
        }
    }
    left.finish(machine);
}

/// One command of it; false when it is none that is known.
fn command(line: &str, machine: &mut Machine) -> bool {
    let line = line.trim_start();
    // `if getent passwd NAME >/dev/null; then` and the `usermod` in it repeat what `useradd` says.
    if let Some(rest) = line.strip_prefix("if getent ") {
        if let Some((_, command)) = rest.split_once("; then ") {
            return gone(command.trim_end_matches("; fi"), machine);
        }
        return rest.ends_with("; then");
    }
    let line = match line.split_once(" >/dev/null || ") {
        Some((guard, command)) if guard.starts_with("getent ") => command,
        _ => line,
    };
    let Some(words) = shell::words(line) else { return false };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["usermod" | "has_id" | "linked", ..] => {}
        ["groupadd", options @ .., name] => account(machine.item(Topic::Group, *name), options),
        ["useradd", options @ .., name] => account(machine.item(Topic::User, *name), options),
        ["filesystem", device, format, label, uuid, _, options @ .., _] => {
            let item = machine.item(Topic::Filesystem, *device);
            item.set("format", *format).set("label", *label).set("uuid", *uuid);
            item.set("options", making(options, label, uuid).join(" "));
        }
        ["mounted", path, "mount", "-t", _, options @ .., device, _] => {
            let item = machine.item(Topic::Filesystem, *device);
            item.set("path", *path).set("mount options", if let ["-o", options] = options { options } else { "" });
        }
        ["rm", "-rf", path] => drop(machine.item(Topic::Link, *path).set("overwrite", "yes")),
        ["place", path, mode, owner, made @ ..] => return place(path, mode, owner, made, machine),
        ["chown", "-h", owner, path] => drop(machine.item(Topic::Link, *path).set("owner", files::owner(owner))),
        _ => return false,
    }
    true
}

/// A call of `place`: the same as a line of tmpfiles.d(5), by a command.
fn place(path: &str, mode: &str, owner: &str, made: &[&str], machine: &mut Machine) -> bool {
    let item = match made {
        ["mkdir", "-p"] => machine.item(Topic::Directory, path),
        ["truncate", "-s", "+0"] => machine.item(Topic::File, path).set("contents", "as in the image"),
        ["ln", "-sT", "--", target] => machine.item(Topic::Link, path).set("target", *target),
        _ => return false,
    };
    item.set("mode", if mode == "-" { "" } else { mode });
    let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
    item.set("owner", given(user, group));
    true
}

/// `userdel NAME` and the like.
fn gone(command: &str, machine: &mut Machine) -> bool {
    let Some(words) = shell::words(command) else { return false };
    let topic = match words.first().map(String::as_str) {
        Some("userdel") => Topic::User,
        Some("groupdel") => Topic::Group,
        _ => return false,
    };
    words.get(1).is_some_and(|name| {
        machine.item(topic, name).set("exists", "no");
        true
    })
}

/// Options of the command that makes a file system, without those that say label and UUID once more.
fn making<'a>(options: &[&'a str], label: &str, uuid: &str) -> Vec<&'a str> {
    let mut left = Vec::new();
    let mut rest = options.iter().peekable();
    while let Some(word) = rest.next() {
        let value = rest.peek().copied();
        let repeats = |value: &&str| {
            let named = matches!(*word, "-L" | "--label" | "-n") && *value == label;
            let numbered = matches!(*word, "-U" | "--uuid" | "-i") && *value == uuid;
            named || numbered || (*word == "-m" && value.strip_prefix("uuid=") == Some(uuid))
        };
        if value.is_some_and(repeats) {
            rest.next();
        } else {
            left.push(*word);
        }
    }
    left
}

/// Options of `useradd` and `groupadd`, in Ignition's words.
fn account(item: &mut Item, options: &[&str]) {
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let flag = match *option {
            "--create-home" => continue,
            "--no-create-home" => Some("no home"),
            "--no-user-group" => Some("no own group"),
            "--no-log-init" => Some("no log"),
            "--system" => Some("system"),
            _ => None,
        };
        if let Some(field) = flag {
            item.set(field, "yes");
            continue;
        }
        let value = rest.next().copied().unwrap_or_default();
        match *option {
            "--uid" => item.set("uid", value),
            "--comment" => item.set("comment", value),
            "--shell" => item.set("shell", value),
            "--home-dir" => item.set("home", value),
            "--groups" => item.set("groups", value),
            // `useradd --gid` names a group, `groupadd --gid` numbers the one that is made.
            "--gid" if value.bytes().all(|byte| byte.is_ascii_digit()) => item.set("gid", value),
            "--gid" => item.set("group", value),
            // No password at all: cloud-init sets those that there are.
            _ => item,
        };
    }
}

/// A line of tmpfiles.d(5).
fn tmpfile(line: &str, machine: &mut Machine) -> bool {
    let Some((fields, argument)) = shell::fields(line, 6) else { return five(line, machine) };
    let [kind, path, ..] = fields.as_slice() else { return false };
    match kind.as_str() {
        "L" | "L+" => {
            let item = machine.item(Topic::Link, path);
            item.set("target", argument).set("overwrite", if kind == "L+" { "yes" } else { "" });
            true
        }
        "d" | "f" => five(line, machine),
        _ => false,
    }
}

/// One without an argument: a directory, or a file that keeps what it holds.
fn five(line: &str, machine: &mut Machine) -> bool {
    let Some((fields, _)) = shell::fields(line, 5) else { return false };
    let [kind, path, mode, user, group] = fields.as_slice() else { return false };
    let item = match kind.as_str() {
        "d" => machine.item(Topic::Directory, path),
        "f" => machine.item(Topic::File, path).set("contents", "as in the image"),
        _ => return false,
    };
    let said = |text: &str| if text == "-" { String::new() } else { text.to_owned() };
    item.set("mode", said(mode)).set("owner", given(user, group));
    true
}

/// An owner of whom a part may not be said.
fn given(user: &str, group: &str) -> String {
    let or_root = |name: &str| if matches!(name, "" | "-") { "root" } else { name }.to_owned();
    files::owner(&format!("{}:{}", or_root(user), or_root(group)))
}

/// The script that ends the first boot.
pub(super) fn apply(text: &str, machine: &mut Machine) {
    let mut left = Left::new("bake-apply");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !left.function(line, &mut lines, machine) && !applied(line, machine) {
            left.keep(line);
        }
    }
    left.finish(machine);
}

fn applied(line: &str, machine: &mut Machine) -> bool {
    if line.starts_with("step '") || (line.starts_with("systemctl stop ") && line.ends_with("2>/dev/null || true")) {
        return true;
    }
    if let Some(commands) = line.strip_prefix("for command in ").and_then(|rest| rest.strip_suffix("; do")) {
        for command in shell::words(commands).unwrap_or_default() {
            machine.item(Topic::Command, command);
        }
        return true;
    }
    let Some(words) = shell::words(line) else { return false };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut units = |units: &[&str], field, value| {
        for unit in units {
            machine.item(Topic::Unit, *unit).set(field, value);
        }
    };
    match words.as_slice() {
        ["enable", names @ ..] => units(names, "enabled", "yes"),
        ["disable", names @ ..] => units(names, "enabled", "no"),
        ["systemctl", "unmask", names @ ..] => units(names, "masked", "no"),
        ["chown", owner, path] => drop(machine.item(Topic::File, *path).set("owner", files::owner(owner))),
        ["chmod", mode, path] => drop(machine.item(Topic::File, *path).set("mode", *mode)),
        ["link", target, path, over] => {
            let item = machine.item(Topic::Link, *path);
            item.set("target", *target).set("hard", "yes").set("overwrite", if *over == "true" { "yes" } else { "" });
        }
        ["append", piece, path] => {
            let Some(piece) = machine.items.remove(&(Topic::File, (*piece).to_owned())) else { return false };
            let file = machine.item(Topic::File, *path);
            file.set("contents", "appended to the image's");
            let bytes = &mut file.body.get_or_insert_default().bytes;
            bytes.extend(piece.body.into_iter().flat_map(|body| body.bytes));
        }
        // Says again that there are such files.
        ["sysctl", "--quiet", "--load", _] => {}
        _ => return false,
    }
    true
}

/// What of a script is not understood.
struct Left {
    name: &'static str,
    text: String,
}

impl Left {
    fn new(name: &'static str) -> Self {
        Self { name, text: String::new() }
    }

    /// Takes over a line that says something.
    fn keep(&mut self, line: &str) {
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// Takes a function of several lines that begins here; it is there exactly when something calls it.
    fn function<'a>(&self, line: &str, lines: &mut impl Iterator<Item = &'a str>, machine: &mut Machine) -> bool {
        let Some((name, rest)) = line.split_once("() {") else { return false };
        if line.starts_with(' ') || !(rest.is_empty() || rest.starts_with(" #")) {
            return false;
        }
        let body: String = lines.take_while(|line| *line != "}").fold(String::new(), |text, line| text + line + "\n");
        let item = machine.item(Topic::Script, format!("{}, {name}()", self.name));
        item.body = Some(Body { bytes: body.into_bytes(), ..Body::default() });
        true
    }

    fn finish(self, machine: &mut Machine) {
        let item = machine.item(Topic::Script, self.name);
        item.body = Some(Body { bytes: self.text.into_bytes(), ..Body::default() });
    }
}
