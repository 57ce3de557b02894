//! What is made before files are written: directories, links and files that keep what they hold.
//!
//! By systemd-tmpfiles, which labels for SELinux as it makes. But it refuses to pass through a directory of somebody's into
//! one of somebody else's, as from `/home/core` into a `.config` that is root's; what lies there is made by commands.

use super::owners::Given;
use super::shell::{field, quote};
use crate::model::ignition::{Directory, Passwd};
use std::collections::BTreeSet;

/// One of them.
#[derive(Debug)]
pub(super) struct Place {
    /// Where.
    pub path: String,
    /// What.
    pub kind: Kind,
    /// Four octal digits; `None`: as it is, or as new ones are.
    pub mode: Option<String>,
    /// To whom it is given; what is not said stays as it is, or is root's.
    pub owner: Given,
}

/// What is made.
#[derive(Debug)]
pub(super) enum Kind {
    /// A directory.
    Directory,
    /// A file: empty, or what it holds already.
    File,
    /// A symbolic link.
    Link {
        /// What it points at.
        target: String,
        /// Whether anything else than a link gives way to it.
        replace: bool,
    },
}

/// Makes what is not for systemd-tmpfiles.
pub(super) const PLACE: &str = r#"place() { # path, mode, owner, command that makes it; `-`: as it is
	path=$1 mode=$2 owner=$3 first=$1
	shift 3
	while [ ! -e "$(dirname "$first")" ]; do first=$(dirname "$first"); done
	mkdir -p "$(dirname "$path")"
	"$@" "$path"
	[ "$owner" = - ] || chown -h "$owner" "$path"
	[ "$mode" = - ] || chmod "$mode" "$path"
	if command -v restorecon >/dev/null; then restorecon -RF "$first"; fi
}"#;

impl Place {
    /// The line of tmpfiles.d(5).
    pub(super) fn line(&self) -> String {
        let path = field(&self.path);
        let mode = self.mode.as_deref().unwrap_or("-");
        let Given { user, group } = &self.owner;
        let (user, group) = (user.as_deref().unwrap_or("-"), group.as_deref().unwrap_or("-"));
        match &self.kind {
            Kind::Directory => format!("d {path} {mode} {user} {group} -"),
            Kind::File => format!("f {path} {mode} {user} {group} -"),
            Kind::Link { target, replace } => {
                let kind = if *replace { "L+" } else { "L" };
                format!("{kind} {path} - - - - {}", target.replace('%', "%%"))
            }
        }
    }

    /// The commands that do the same.
    pub(super) fn commands(&self) -> Vec<String> {
        let path = quote(&self.path);
        let mode = self.mode.as_deref().unwrap_or("-");
        let owner = match &self.owner {
            Given { user: None, group: None } => "-".to_owned(),
            Given { user: Some(user), group: None } => quote(user),
            Given { user, group: Some(group) } => quote(&format!("{}:{group}", user.as_deref().unwrap_or_default())),
        };
        let mut commands = Vec::new();
        let made = match &self.kind {
            Kind::Directory => "mkdir -p".to_owned(),
            Kind::File => "truncate -s +0".to_owned(),
            Kind::Link { target, replace } => {
                if *replace {
                    commands.push(format!("rm -rf {path}"));
                }
                format!("ln -sT -- {}", quote(target))
            }
        };
        commands.push(format!("place {path} {mode} {owner} {made}"));
        commands
    }
}

/// Directories that are not root's.
pub(super) fn owned<'a>(passwd: &'a Passwd, directories: &'a [Directory]) -> BTreeSet<String> {
    let home = |user: &'a crate::model::ignition::PasswdUser| {
        let own = user.home_dir.clone().filter(|home| !home.is_empty());
        own.unwrap_or_else(|| format!("/home/{}", user.name))
    };
    let homes = passwd.users.iter().filter(|user| user.name != "root").map(home);
    let given = directories.iter().filter(|directory| {
        let user = &directory.user;
        user.id.is_some_and(|id| id != 0) || user.name.as_deref().is_some_and(|name| !matches!(name, "" | "root"))
    });
    homes.chain(given.map(|directory| directory.path.clone())).collect()
}

/// Whether a path leads through one of the directories and on.
pub(super) fn below(path: &str, owned: &BTreeSet<String>) -> bool {
    let mut folders = std::iter::successors(path.rsplit_once('/').map(|(folder, _)| folder), |folder| {
        folder.rsplit_once('/').map(|(folder, _)| folder)
    });
    folders.any(|folder| owned.contains(folder) || folder.starts_with("/home/"))
}

#[cfg(test)]
mod tests {
    use super::{Given, Kind, Place, below};

    #[test]
    fn whose_directories_a_path_leads_through() {
        let owned = ["/srv/app".to_owned()].into();
        for path in ["/srv/app/x", "/srv/app/x/y", "/home/core/.config"] {
            assert!(below(path, &owned), "{path}");
        }
        for path in ["/srv/app", "/srv/apple/x", "/etc/x", "/home/core"] {
            assert!(!below(path, &owned), "{path}");
        }
    }

    #[test]
    fn both_ways_say_the_same() {
        let owner = Given { user: Some("core".to_owned()), group: Some("500".to_owned()) };
        let mode = Some("0700".to_owned());
        let directory = Place { path: "/a b".to_owned(), kind: Kind::Directory, mode, owner };
        assert_eq!(directory.line(), "d \"/a b\" 0700 core 500 -");
        assert_eq!(directory.commands(), ["place '/a b' 0700 core:500 mkdir -p"]);
        let kind = Kind::Link { target: "100%".to_owned(), replace: true };
        let link = Place { path: "/l".to_owned(), kind, mode: None, owner: Given::default() };
        assert_eq!(link.line(), "L+ /l - - - - 100%%");
        assert_eq!(link.commands(), ["rm -rf /l", "place /l - - ln -sT -- '100%'"]);
    }
}
