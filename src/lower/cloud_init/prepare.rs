//! The script that runs before any file is written.

use super::owners::Given;
use super::place::{self, Kind, Place};
use super::shell::{Script, quote};
use crate::model::cloud::WriteFile;
use std::collections::BTreeSet;

/// What it does, in this order.
#[derive(Debug, Default)]
pub(super) struct Prepare {
    /// Calls of `filesystem`.
    pub filesystems: Vec<String>,
    /// Calls of `mounted`.
    pub mounts: Vec<String>,
    /// Commands that make accounts.
    pub accounts: Vec<String>,
    /// Paths at which a link would be followed instead of replaced.
    pub replaced: Vec<String>,
    /// Directories, links and files that keep what they hold.
    pub places: Vec<Place>,
    /// Directories that are not root's.
    pub owned: BTreeSet<String>,
    /// Commands that set owners of links.
    pub link_owners: Vec<String>,
}

const HEAD: &str = r#"set -eu
# Runs once, before any file is written.
fail() { echo "bake: $*" >&2; exit 1; }
mkdir -p /var/lib/bake
rm -f /var/lib/bake/prepared
"#;

const FILESYSTEM: &str = r#"filesystem() { # device, type, label, UUID, command that makes it
	device=$1 type=$2 label=$3 uuid=$4
	shift 4
	waited=0
	until [ -e "$device" ]; do
		[ "$waited" -lt 30 ] || fail "$device is not there"
		sleep 1
		waited=$((waited + 1))
	done
	status=0
	found=$(blkid -p -s TYPE -o value "$device") || status=$?
	case $status in
	0)
		[ "$found" = "$type" ] || fail "$device holds '$found', not $type; it was left alone"
		[ -z "$label" ] || [ "$(blkid -p -s LABEL -o value "$device")" = "$label" ] || fail "$device has another label than $label"
		[ -z "$uuid" ] || [ "$(blkid -p -s UUID -o value "$device")" = "$uuid" ] || fail "$device has another UUID than $uuid"
		;;
	2) "$@" ;;
	*) fail "$device: what it holds cannot be told; it was left alone" ;;
	esac
}"#;

const MOUNTED: &str = r#"mounted() { # mount point, command that mounts
	path=$1
	shift
	mountpoint -q "$path" || { mkdir -p "$path" && "$@"; }
	if command -v restorecon >/dev/null; then restorecon -F "$path"; fi
}"#;

const HAS_ID: &str = r#"has_id() { # database, name, number
	[ "$(getent "$1" "$2" | cut -d: -f3)" = "$3" ] || fail "$2 has another number than $3 in $1"
}"#;

const LINKED: &str = r#"linked() { # path, target
	[ "$(readlink "$1")" = "$2" ] || fail "$1 is in the way of a link to $2; the config does not say overwrite"
}"#;

impl Prepare {
    /// Directories of files that belong to somebody: left to cloud-init, some versions give them to the file's owner.
    pub(super) fn parents_of(&mut self, files: &[WriteFile]) {
        let owned = files.iter().filter(|file| file.owner.is_some());
        let parents: BTreeSet<&str> =
            owned.filter_map(|file| file.path.rsplit_once('/')).map(|(parent, _)| parent).collect();
        // Folders in the root, such as /etc, are in every image.
        let made = self.places.iter().filter(|place| matches!(place.kind, Kind::Directory));
        let made: BTreeSet<&str> = made.map(|place| place.path.as_str()).collect();
        let missing = parents.into_iter().filter(|parent| parent.matches('/').count() > 1 && !made.contains(parent));
        let directory =
            |path: &str| Place { path: path.to_owned(), kind: Kind::Directory, mode: None, owner: Given::default() };
        let missing: Vec<Place> = missing.map(directory).collect();
        self.places.extend(missing);
    }

    /// The script; `None` when there is nothing to do.
    pub(super) fn script(self) -> Option<String> {
        let mut script = Script::default();
        let helper = |helper: &str, calls: Vec<String>| {
            let helper = (!calls.is_empty()).then(|| helper.to_owned());
            helper.into_iter().chain(calls).collect::<Vec<_>>()
        };
        script.paragraph(
            "File systems are made on empty devices only; a device that holds anything is never formatted.",
            helper(FILESYSTEM, self.filesystems),
        );
        script.paragraph("They are mounted now, so that files are written into them.", helper(MOUNTED, self.mounts));
        let numbered = self.accounts.iter().any(|line| line.starts_with("has_id"));
        let accounts = if numbered { helper(HAS_ID, self.accounts) } else { self.accounts };
        script.paragraph("Groups and users exist before files belong to them.", accounts);
        let replaced: BTreeSet<String> = self.replaced.into_iter().collect();
        script.paragraph("A link is replaced, not followed.", replace(&replaced));
        let (theirs, roots): (Vec<&Place>, Vec<&Place>) =
            self.places.iter().partition(|place| place::below(&place.path, &self.owned));
        let mut tmpfiles: Vec<String> = roots.iter().map(|place| place.line()).collect();
        if !tmpfiles.is_empty() {
            tmpfiles.insert(0, "systemd-tmpfiles --create - <<'END'".to_owned());
            tmpfiles.push("END".to_owned());
        }
        script.paragraph("Directories and links, labelled for SELinux as they are made.", tmpfiles);
        let theirs: Vec<String> = theirs.iter().flat_map(|place| place.commands()).collect();
        script.paragraph("The same inside of other people's directories.", helper(place::PLACE, theirs));
        let links = self.places.iter().filter_map(|place| match &place.kind {
            Kind::Link { target, .. } => Some(format!("linked {} {}", quote(&place.path), quote(target))),
            Kind::Directory | Kind::File => None,
        });
        script.paragraph("Links are what they should be.", helper(LINKED, links.collect()));
        script.paragraph("Owners of links.", self.link_owners);
        if script.is_empty() {
            return None;
        }
        script.paragraph("All of this has worked: bake-apply asks.", ["touch /var/lib/bake/prepared"]);
        Some(script.under(HEAD))
    }
}

fn replace(paths: &BTreeSet<String>) -> Vec<String> {
    if paths.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["for path in \\".to_owned()];
    lines.extend(paths.iter().map(|path| format!("\t{} \\", quote(path))));
    lines.extend(["; do".to_owned(), "\t[ ! -L \"$path\" ] || rm -f \"$path\"".to_owned(), "done".to_owned()]);
    lines
}
