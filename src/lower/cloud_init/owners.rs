//! Owners of files, directories and links.

use crate::model::ignition::{NodeGroup, NodeUser, Passwd};
use std::collections::BTreeSet;

/// The names that surely exist when files are written: root and what the config itself makes.
pub(super) struct Known<'a> {
    users: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    pub(super) fn new(passwd: &'a Passwd) -> Self {
        let users = passwd.users.iter().filter(|user| user.should_exist != Some(false)).map(|user| user.name.as_str());
        let groups =
            passwd.groups.iter().filter(|group| group.should_exist != Some(false)).map(|group| group.name.as_str());
        Self { users: users.chain(["root"]).collect(), groups: groups.chain(["root"]).collect() }
    }
}

/// To whom an entry of the image is given that may be there already: what is not said stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// User, a name or a number.
    pub user: Option<String>,
    /// Group, a name or a number.
    pub group: Option<String>,
}

impl Given {
    pub(super) fn of(user: &NodeUser, group: &NodeGroup) -> Self {
        let NodeUser { id: uid, name: user } = user;
        let NodeGroup { id: gid, name: group } = group;
        Self { user: said(user.as_deref(), *uid), group: said(group.as_deref(), *gid) }
    }
}

/// An owner: names where names are given, else numbers, else root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// User, a name or a number.
    pub user: String,
    /// Group, a name or a number.
    pub group: String,
}

impl Owner {
    pub(super) fn of(user: &NodeUser, group: &NodeGroup) -> Self {
        let Given { user, group } = Given::of(user, group);
        let or_root = |name: Option<String>| name.unwrap_or_else(|| "root".to_owned());
        Self { user: or_root(user), group: or_root(group) }
    }

    /// Whether it is what everything has by default.
    pub(super) fn is_root(&self) -> bool {
        self.user == "root" && self.group == "root"
    }

    /// Whether cloud-init may be given it: it stops writing files at a number or at a name that does not exist.
    pub(super) fn is_sure(&self, known: &Known<'_>) -> bool {
        known.users.contains(self.user.as_str()) && known.groups.contains(self.group.as_str())
    }

    /// `user:group`.
    pub(super) fn pair(&self) -> String {
        format!("{}:{}", self.user, self.group)
    }
}

fn said(name: Option<&str>, id: Option<i64>) -> Option<String> {
    match (name.filter(|name| !name.is_empty()), id) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(0)) => Some("root".to_owned()),
        (None, id) => id.map(|id| id.to_string()),
    }
}
