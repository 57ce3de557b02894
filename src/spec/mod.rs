//! The Butane specifications and the Ignition specifications that they target, as facts.
//!
//! A new version is one row in [`SPECS`], its rows in [`fields`] and, if behaviour moved, a predicate in
//! [`quirks`].

pub mod fields;
pub mod ignition;
pub mod quirks;

/// An operating system that Butane configs are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// Flatcar Container Linux.
    Flatcar,
    /// Fedora CoreOS.
    Fcos,
}

impl Variant {
    /// As configs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flatcar => "flatcar",
            Self::Fcos => "fcos",
        }
    }
}

/// A version of the Butane specification of a variant.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spec {
    /// The variant.
    pub variant: Variant,
    /// The version as configs write it.
    pub version: &'static str,
    /// Its minor number, which orders the versions of a variant.
    pub minor: u8,
    /// Minor number of the distribution-independent base (0.1 and so on) that it builds on.
    pub base: u8,
    /// The Ignition specification that it is translated to.
    pub target: Target,
}

/// A version of the Ignition specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(pub u8);

impl Target {
    /// The newest.
    pub const NEWEST: Self = Self(7);

    /// The version as configs write it.
    pub fn version(self) -> &'static str {
        ["3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0", "3.5.0", "3.6.0", "3.7.0-experimental"]
            .get(usize::from(self.0))
            .copied()
            .unwrap_or("3.7.0-experimental")
    }
}

const fn row(variant: Variant, version: &'static str, minor: u8, base: u8, target: u8) -> Spec {
    Spec { variant, version, minor, base, target: Target(target) }
}

/// Every version, oldest first.
pub const SPECS: &[Spec] = &[
    row(Variant::Flatcar, "1.0.0", 0, 4, 3),
    row(Variant::Flatcar, "1.1.0", 1, 5, 4),
    row(Variant::Flatcar, "1.2.0-experimental", 2, 8, 7),
    row(Variant::Fcos, "1.0.0", 0, 1, 0),
    row(Variant::Fcos, "1.1.0", 1, 2, 1),
    row(Variant::Fcos, "1.2.0", 2, 3, 2),
    row(Variant::Fcos, "1.3.0", 3, 3, 2),
    row(Variant::Fcos, "1.4.0", 4, 4, 3),
    row(Variant::Fcos, "1.5.0", 5, 5, 4),
    row(Variant::Fcos, "1.6.0", 6, 6, 5),
    row(Variant::Fcos, "1.7.0", 7, 7, 6),
    row(Variant::Fcos, "1.8.0-experimental", 8, 8, 7),
];

impl Spec {
    /// The version of a variant, both as configs write them.
    pub fn find(variant: &str, version: &str) -> Option<&'static Self> {
        SPECS.iter().find(|spec| spec.variant.as_str() == variant && spec.version == version)
    }

    /// The reference's name for the type that the union calls `name`, at `path`: the oldest version had three
    /// types of resources, and options had types of their own.
    pub fn type_name<'a>(&self, path: &[&str], name: &'a str) -> &'a str {
        match (self.base, name, path.first()) {
            (1, "Resource", Some(&"storage")) => "FileContents",
            (1, "Resource", _) if path.contains(&"security") => "CaReference",
            (1, "Resource", _) => "ConfigReference",
            (..=3, "ClevisCustom", _) => "Custom",
            (1, "string", _) if path == ["storage", "filesystems", "options"] => "FilesystemOption",
            (..=4, "string", _) => match path {
                ["storage", "luks", "options"] => "LuksOption",
                ["storage", "raid", "options"] => "RaidOption",
                _ => name,
            },
            _ => name,
        }
    }

    /// Whether the record at `path` may be null without a word about it: two were pointers once.
    pub fn nullable(&self, path: &[&str]) -> bool {
        self.base == 3 && matches!(path, ["storage", "luks", "clevis"] | ["storage", "luks", "clevis", "custom"])
    }

    /// The name of the reference's package that declares the type called `name` in this version, for the
    /// messages about values of wrong types.
    pub fn package(&self, name: &str) -> String {
        let sugar =
            matches!(name, "BootDevice" | "BootDeviceLuks" | "BootDeviceMirror" | "Grub" | "GrubUser" | "Config");
        let (major, minor) = if sugar { (1, self.minor) } else { (0, self.base) };
        let stage = if self.version.ends_with("-experimental") { "_exp" } else { "" };
        format!("v{major}_{minor}{stage}")
    }
}

/// A version in its plain form (`1.1.0` for `01.1.0`), if it is one by the rules of semantic versioning.
pub fn normal_version(text: &str) -> Option<String> {
    let (version, metadata) = text.split_once('+').unwrap_or((text, ""));
    let (version, pre) = version.split_once('-').unwrap_or((version, ""));
    let is_identifier = |text: &str| {
        let is_part =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        text.is_empty() || text.split('.').all(is_part)
    };
    let mut numbers = version.splitn(3, '.').map(|number| number.parse::<i64>().ok());
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if !is_identifier(pre) || !is_identifier(metadata) {
        return None;
    }
    let tail = |sign: &str, text: &str| if text.is_empty() { String::new() } else { format!("{sign}{text}") };
    Some(format!("{major}.{minor}.{patch}{}{}", tail("-", pre), tail("+", metadata)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_once() {
        assert!(SPECS.windows(2).all(|pair| (pair[0].variant, pair[0].minor) < (pair[1].variant, pair[1].minor)));
        assert!(SPECS.iter().all(|spec| Spec::find(spec.variant.as_str(), spec.version) == Some(spec)));
    }
}
