//! Users and groups by name, as a root's own files have them (passwd(5), group(5)).

use crate::lab::confined::Confined;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Who a container's process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::lab) struct Identity {
    /// The user.
    pub(in crate::lab) user: u32,
    /// His group.
    pub(in crate::lab) group: u32,
    /// His folder.
    pub(in crate::lab) home: String,
}

/// Whom `name` (`user`, `user:group`, each a name or a number) means in the root at `root`; `None` if it has
/// no such user or group.
pub(in crate::lab) fn identity(root: &str, name: &str) -> Option<Identity> {
    let read = |path: &str| {
        let mut text = String::new();
        let file = Confined::new(root).ok()?.open(Path::new(path), OFlags::RDONLY, Mode::empty()).ok()?;
        File::from(file).read_to_string(&mut text).ok()?;
        Some(text)
    };
    find(&read("/etc/passwd").unwrap_or_default(), &read("/etc/group").unwrap_or_default(), name)
}

/// The line whose field number `at` is `value`.
fn line<'a>(table: &'a str, at: usize, value: &str) -> Option<Vec<&'a str>> {
    table.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.get(at) == Some(&value))
}

fn find(users: &str, groups: &str, name: &str) -> Option<Identity> {
    let (user, group) = name.split_once(':').map_or((name, None), |(user, group)| (user, Some(group)));
    let known = line(users, 0, user).or_else(|| line(users, 2, user));
    let field = |at: usize| known.as_ref().and_then(|fields| fields.get(at).copied());
    let group = match group {
        Some(group) => match line(groups, 0, group) {
            Some(fields) => fields.get(2)?.parse().ok()?,
            None => group.parse().ok()?,
        },
        // A number that nobody has is of the group of root, as the engines have it.
        None => field(3).unwrap_or("0").parse().ok()?,
    };
    let home = field(5).filter(|home| !home.is_empty()).unwrap_or("/").to_owned();
    Some(Identity { user: field(2).unwrap_or(user).parse().ok()?, group, home })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let users = "root:x:0:0::/root:/bin/sh\nhaproxy:x:99:98::/var/lib/haproxy:/bin/false\n";
        let groups = "root:x:0:\nproxies:x:97:haproxy\n";
        let found = |name: &str| find(users, groups, name).map(|one| (one.user, one.group, one.home));
        let home = "/var/lib/haproxy".to_owned();
        assert_eq!(found("haproxy"), Some((99, 98, home.clone())));
        assert_eq!(found("99"), Some((99, 98, home.clone())));
        assert_eq!(found("99:99"), Some((99, 99, home.clone())));
        assert_eq!(found("haproxy:proxies"), Some((99, 97, home)));
        assert_eq!(found("1000"), Some((1000, 0, "/".to_owned())));
        assert_eq!(found("nobody"), None);
        assert_eq!(found("99:nogroup"), None);
    }
}
