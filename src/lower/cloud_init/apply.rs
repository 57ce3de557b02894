//! `bake-apply`: what happens at the end of the first boot, once everything is in place.
//!
//! systemd has read its units, kernel settings and modules before cloud-init wrote any of them; this script makes it
//! look again, in the order in which a machine would have met them had they been in the image. Nothing waits for a unit
//! that may itself wait for the end of cloud-init.

use super::shell::{quote, words};
use std::fmt::Write as _;

/// What it does, in this order.
#[derive(Debug, Default)]
pub(super) struct Apply {
    /// Whether there was a script before it.
    pub prepared: bool,
    /// Commands that must be there.
    pub requires: Vec<String>,
    /// Commands that set owners and modes.
    pub owners: Vec<String>,
    /// Hard links: target, path, whether something there is replaced.
    pub hard_links: Vec<(String, String, bool)>,
    /// Pieces of files: where they wait, and what they are appended to.
    pub appends: Vec<(String, String)>,
    /// Commands that make image tools read new settings.
    pub settings: Vec<&'static str>,
    /// Files with kernel settings, sorted.
    pub sysctls: Vec<String>,
    /// Units that are masked.
    pub mask: Vec<String>,
    /// Units that are masked no more.
    pub unmask: Vec<String>,
    /// Units that are disabled.
    pub disable: Vec<String>,
    /// Units that are enabled.
    pub enable: Vec<String>,
    /// Units that guard the network, started before anything else.
    pub early: Vec<String>,
    /// NetworkManager profiles: path and UUID.
    pub connections: Vec<(String, String)>,
    /// What systemctl does to services of the image, so that they read their new configuration, and to which.
    pub services: Vec<(&'static str, &'static str)>,
    /// Units of the image that got drop-ins.
    pub restart: Vec<String>,
    /// Mount and swap units.
    pub mounts: Vec<String>,
    /// All other units, each after those that it names in `After=`.
    pub start: Vec<String>,
    /// Mount points that were only needed for writing files, inner ones first.
    pub unmount: Vec<String>,
}

const HEAD: &str = r#"# Ends the first boot: what cloud-init cannot do itself. Run again, it changes nothing more.
# Its result is in /var/lib/bake/result, what it said in /var/log/cloud-init-output.log.
set -eu

current='start'
step() { current=$*; echo "bake-apply: $*"; }
fail() { echo "bake-apply: $*" >&2; exit 1; }
finish() {
	status=$?
	if [ "$status" = 0 ]; then result=ok; else result="failed: $current"; fi
	echo "$result" >/var/lib/bake/result
	echo "bake-apply: $result"
}
mkdir -p /var/lib/bake
trap finish EXIT
"#;

const DISABLE: &str = r#"disable() {
	case $(systemctl is-enabled "$1" 2>/dev/null || true) in
	'' | not-found) echo "bake-apply: $1 is not in this image" ;;
	*)
		systemctl disable "$1"
		systemctl stop "$1"
		;;
	esac
}"#;

const ENABLE: &str = r#"enable() { # units; where one cannot be, all others are
	systemctl enable "$@" && return
	for unit in "$@"; do
		systemctl enable "$unit" || left="$left $unit"
	done
}
left="#;

const TELL: &str = r#"tell() { # what systemctl does, unit
	case $(systemctl is-active "$2" 2>/dev/null || true) in
	inactive | failed | unknown) echo "bake-apply: $2 does not run" ;;
	*) systemctl "$1" "$2" ;;
	esac
}"#;

const LINK: &str = r#"link() { # target, path, whether something there is replaced
	[ "$1" -ef "$2" ] || {
		[ "$3" = true ] || [ ! -e "$2" ] || fail "$2 is in the way of a link to $1; the config does not say overwrite"
		mkdir -p "$(dirname "$2")"
		ln -f "$1" "$2"
	}
}"#;

const APPEND: &str = r#"append() { # piece, file
	[ -e "$1.done" ] || cat "$1" >>"$2"
	rm -f "$1"
	: >"$1.done"
}"#;

impl Apply {
    /// The script. `banner` is its first comment.
    pub(super) fn script(self, banner: &str) -> String {
        let mut script = Steps(format!("#!/bin/sh\n# {banner}\n{HEAD}"));
        if self.prepared {
            let check = "[ -e /var/lib/bake/prepared ] || fail 'the work before files were written has failed; see /var/log/cloud-init-output.log'";
            script.step("look at what was prepared", [check]);
        }
        if !self.requires.is_empty() {
            let required = words(self.requires.iter().map(String::as_str));
            let commands = [
                "missing=".to_owned(),
                format!("for command in {required}; do"),
                "\tcommand -v \"$command\" >/dev/null || missing=\"$missing $command\"".to_owned(),
                "done".to_owned(),
                // Said now, and failed of at the end: the rest, the firewall above all, is done all the same.
                "[ -z \"$missing\" ] || echo \"bake-apply: this image lacks:$missing\" >&2".to_owned(),
            ];
            script.step("look for the commands that the roles need", commands);
        }
        let required = !self.requires.is_empty();
        script.step("set owners and modes that cloud-init cannot set", self.owners);
        let links =
            self.hard_links.iter().map(|(target, path, over)| format!("link {} {} {over}", quote(target), quote(path)));
        script.calls("make hard links", LINK, links);
        let appends = self.appends.iter().map(|(piece, path)| format!("append {piece} {}", quote(path)));
        script.calls("append to files of the image", APPEND, appends);
        script.step("make tools of the image read new settings", self.settings);
        if !self.sysctls.is_empty() {
            // All settings in systemd's order first; a setting of the image that this kernel lacks is not ours to judge.
            let all = "sysctl --quiet --system || echo 'bake-apply: the image has settings that this kernel lacks'"
                .to_owned();
            let own = self.sysctls.iter().map(|file| format!("sysctl --quiet --load {}", quote(file)));
            script.step("apply kernel settings", std::iter::once(all).chain(own));
        }
        script.step("make systemd read its new units", ["systemctl daemon-reload"]);
        let masked = words(self.mask.iter().map(String::as_str));
        let stop = (!self.mask.is_empty()).then(|| format!("systemctl stop {masked} 2>/dev/null || true"));
        script.step("stop masked units", stop);
        script.step("unmask units", on("systemctl unmask", &self.unmask));
        script.calls("disable units", DISABLE, self.disable.iter().map(|unit| format!("disable {}", quote(unit))));
        script.calls("enable units", ENABLE, on("enable", &self.enable));
        script.step("guard the network", on("systemctl restart", &self.early));
        let connections = self.connections.iter().flat_map(|(path, uuid)| {
            [format!("nmcli connection load {}", quote(path)), format!("nmcli --wait 20 connection up uuid {uuid}")]
        });
        script.step("take the richer network profiles", connections);
        let drop_ins = self.restart.iter().map(|unit| ("try-restart", unit.as_str()));
        let told =
            self.services.iter().copied().chain(drop_ins).map(|(verb, unit)| format!("tell {verb} {}", quote(unit)));
        script.calls("make running services of the image read their new configuration", TELL, told);
        script.step("mount file systems and swap", on("systemctl start", &self.mounts));
        script.step("start units, each after what it waits for", on("systemctl start --no-block", &self.start));
        let unmounts =
            self.unmount.iter().map(|path| format!("if mountpoint -q {0}; then umount {0}; fi", quote(path)));
        script.step("unmount what was only mounted for writing files", unmounts);
        if !self.enable.is_empty() {
            // Only now: the firewall above all is up all the same.
            script
                .step("have every unit enabled", ["[ -z \"$left\" ] || fail \"these units cannot be enabled:$left\""]);
        }
        if required {
            let check = "[ -z \"$missing\" ] || fail \"this image lacks:$missing\"";
            script.step("have every command that the roles need", [check]);
        }
        script.0
    }
}

/// One command on all units; nothing without units.
fn on(command: &str, units: &[String]) -> Option<String> {
    (!units.is_empty()).then(|| format!("{command} {}", words(units.iter().map(String::as_str))))
}

struct Steps(String);

impl Steps {
    /// A step that says what it is (no apostrophe in `title`); nothing at all when it has no commands.
    fn step<S: AsRef<str>>(&mut self, title: &str, commands: impl IntoIterator<Item = S>) {
        let mut commands = commands.into_iter().peekable();
        if commands.peek().is_none() {
            return;
        }
        let _ = writeln!(self.0, "\nstep '{title}'");
        for command in commands {
            let _ = writeln!(self.0, "{}", command.as_ref());
        }
    }

    /// A step of calls of a function of its own.
    fn calls(&mut self, title: &str, function: &str, calls: impl IntoIterator<Item = String>) {
        let mut calls = calls.into_iter().peekable();
        if calls.peek().is_some() {
            self.step(title, std::iter::once(function.to_owned()).chain(calls));
        }
    }
}
