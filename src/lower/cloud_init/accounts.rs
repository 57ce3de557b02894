//! Groups and users, made before files are written, by the tools that Ignition calls.
//!
//! cloud-init's own `users` would come after the files that they own, cannot set a group's id and leaves existing
//! accounts alone; it only adds passwords and keys to what is made here.

use super::{Work, element, shell};
use crate::model::cloud::User;
use crate::model::ignition::{Passwd, PasswdGroup, PasswdUser};
use std::collections::BTreeSet;

pub(super) fn lower(work: &mut Work<'_>, passwd: &Passwd) {
    let Passwd { groups, users } = passwd;
    let mut lines = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        if group.password_hash.is_some() {
            let at = element("passwd", "groups", index).then("passwordHash");
            work.refuse(&at, format!("group `{}` cannot have a password", group.name), "make its members members");
        }
        if group.should_exist != Some(false) {
            lines.extend(add_group(group));
        }
    }
    let declared: BTreeSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    lines.extend(lent_groups(users, &declared));
    for user in users {
        if user.should_exist == Some(false) {
            let name = shell::quote(&user.name);
            lines.push(format!("if getent passwd {name} >/dev/null; then userdel {name}; fi"));
        } else {
            lines.extend(add_user(user, &declared));
            work.out.users.extend(login(user));
        }
    }
    for group in groups.iter().filter(|group| group.should_exist == Some(false)) {
        let name = shell::quote(&group.name);
        lines.push(format!("if getent group {name} >/dev/null; then groupdel {name}; fi"));
    }
    work.out.prepare.accounts = lines;
}

fn add_group(group: &PasswdGroup) -> Vec<String> {
    let PasswdGroup { gid, name, password_hash: _, should_exist: _, system } = group;
    let gid = gid.map(|gid| gid.to_string());
    let mut words = vec!["groupadd"];
    if *system == Some(true) {
        words.push("--system");
    }
    if let Some(gid) = &gid {
        words.extend(["--gid", gid]);
    }
    words.extend(["--password", "*", name]);
    let quoted = shell::quote(name);
    let mut lines = vec![format!("getent group {quoted} >/dev/null || {}", shell::words(words))];
    if let Some(gid) = gid {
        lines.push(format!("has_id group {quoted} {gid}"));
    }
    lines
}

/// Groups that users are put into and that nobody declares. They exist on Flatcar, but perhaps not in this image, and
/// a user that cannot be made for want of a group is a machine that nobody can log in to.
fn lent_groups(users: &[PasswdUser], declared: &BTreeSet<&str>) -> Vec<String> {
    let present = users.iter().filter(|user| user.should_exist != Some(false));
    let named = present.flat_map(|user| user.groups.iter().chain(&user.primary_group)).map(String::as_str);
    let lent: BTreeSet<&str> = named.filter(|name| !name.is_empty() && !declared.contains(name)).collect();
    let line = |name: &str| {
        let name = shell::quote(name);
        format!("getent group {name} >/dev/null || groupadd --system --password '*' {name}")
    };
    lent.into_iter().map(line).collect()
}

fn add_user(user: &PasswdUser, declared_groups: &BTreeSet<&str>) -> Vec<String> {
    let PasswdUser {
        gecos,
        groups,
        home_dir,
        name,
        no_create_home,
        no_log_init,
        no_user_group,
        password_hash: _, // `login`
        primary_group,
        shell,
        should_exist: _,        // the caller
        ssh_authorized_keys: _, // `login`
        system,
        uid,
    } = user;
    let uid_text = uid.map(|uid| uid.to_string());
    let groups = groups.join(",");
    // `useradd` refuses to make a group that exists: the one declared with the user's name is its primary one.
    let own_group = declared_groups.contains(name.as_str()).then_some(name.as_str());
    let primary_group = primary_group.as_deref().filter(|group| !group.is_empty()).or(own_group);
    let values = [
        ("--uid", uid_text.as_deref()),
        ("--comment", gecos.as_deref()),
        ("--gid", primary_group),
        ("--shell", shell.as_deref().filter(|shell| !shell.is_empty())),
    ];
    let home = home_dir.as_deref().filter(|home| !home.is_empty());
    let mut common = Vec::new();
    for (option, value) in values {
        common.extend(value.into_iter().flat_map(|value| [option, value]));
    }

    let mut add = vec!["useradd"];
    add.push(if *no_create_home == Some(true) { "--no-create-home" } else { "--create-home" });
    for (option, set) in [("--no-user-group", no_user_group), ("--system", system), ("--no-log-init", no_log_init)] {
        if *set == Some(true) {
            add.push(option);
        }
    }
    add.extend(home.into_iter().flat_map(|home| ["--home-dir", home]));
    add.extend(&common);
    let mut change = vec!["usermod"];
    change.extend(home.into_iter().flat_map(|home| ["--home", home]));
    change.extend(&common);
    if !groups.is_empty() {
        add.extend(["--groups", &groups]);
        change.extend(["--append", "--groups", &groups]);
    }
    add.extend(["--password", "*", name]);

    let quoted = shell::quote(name);
    let add = shell::words(add);
    let mut lines = if change.len() == 1 {
        vec![format!("getent passwd {quoted} >/dev/null || {add}")]
    } else {
        change.push(name);
        let change = shell::words(change);
        vec![
            format!("if getent passwd {quoted} >/dev/null; then"),
            format!("\t{change}"),
            "else".into(),
            format!("\t{add}"),
            "fi".into(),
        ]
    };
    lines.extend(uid_text.map(|uid| format!("has_id passwd {quoted} {uid}")));
    lines
}

/// What cloud-init adds to the account. Nothing, when it has neither password nor keys.
fn login(user: &PasswdUser) -> Option<User> {
    let hash = user.password_hash.as_deref().filter(|hash| !hash.is_empty() && *hash != "*");
    if hash.is_none() && user.ssh_authorized_keys.is_empty() {
        return None;
    }
    let mut seen = BTreeSet::new();
    Some(User {
        name: user.name.clone(),
        lock_passwd: hash.map(|_| false),
        hashed_passwd: hash.map(str::to_owned),
        ssh_authorized_keys: user.ssh_authorized_keys.iter().filter(|key| seen.insert(*key)).cloned().collect(),
    })
}
