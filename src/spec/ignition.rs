//! When a field of Ignition's config is legal: one row per path, positions in lists left out.

use super::Target;

/// The table, sorted by path: the minor number of the first specification 3.N that has the field.
pub const FIELDS: &[(&str, u8)] = &[
    ("ignition.config.merge.compression", 1),
    ("ignition.config.merge.httpHeaders", 1),
    ("ignition.config.replace.compression", 1),
    ("ignition.config.replace.httpHeaders", 1),
    ("ignition.proxy", 1),
    ("ignition.security.tls.certificateAuthorities.compression", 1),
    ("ignition.security.tls.certificateAuthorities.httpHeaders", 1),
    ("kernelArguments", 3),
    ("passwd.groups.shouldExist", 2),
    ("passwd.users.shouldExist", 2),
    ("storage.disks.partitions.resize", 2),
    ("storage.files.append.httpHeaders", 1),
    ("storage.files.contents.httpHeaders", 1),
    ("storage.filesystems.mountOptions", 1),
    ("storage.luks", 2),
    ("storage.luks.cex", 5),
    ("storage.luks.clevis.tang.advertisement", 4),
    ("storage.luks.discard", 4),
    ("storage.luks.openOptions", 4),
];

/// The first specification that has the field at `path` (JSON names joined by dots, positions left out).
pub fn since(path: &str) -> Target {
    Target(FIELDS.binary_search_by(|(row, _)| row.cmp(&path)).map_or(0, |at| FIELDS[at].1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_for_the_search() {
        assert!(FIELDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
