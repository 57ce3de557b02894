use super::*;
use rustix::process::{getegid, geteuid};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use tempfile::TempDir;

/// A member of a layer: kind, name, and content or target.
type Item<'a> = (EntryType, &'a str, &'a str);

const FILE: EntryType = EntryType::Regular;
const FOLDER: EntryType = EntryType::Directory;
const SYMLINK: EntryType = EntryType::Symlink;
const LINK: EntryType = EntryType::Link;

/// A layer with names as they are given, however hostile; the builder of the crate would refuse some.
pub(in crate::lab::images) fn layer(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, text) in items {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(if *kind == FOLDER { 0o750 } else { 0o640 });
        header.set_uid(geteuid().as_raw().into());
        header.set_gid(getegid().as_raw().into());
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        let data = if *kind == FILE { text.as_bytes() } else { b"" };
        if matches!(*kind, SYMLINK | LINK) {
            header.as_mut_bytes()[157..157 + text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }
    builder.into_inner().unwrap()
}

struct Root {
    around: TempDir,
    root: Confined,
}

impl Root {
    /// A root with something beside it.
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        fs::create_dir(around.path().join("root")).unwrap();
        fs::write(around.path().join("beside"), "untouched").unwrap();
        let root = Confined::new(around.path().join("root")).unwrap();
        Self { around, root }
    }

    fn with(items: &[Item<'_>]) -> Self {
        let root = Self::new();
        root.add(items).unwrap();
        root
    }

    fn add(&self, items: &[Item<'_>]) -> Result<(), Failure> {
        unpack(layer(items).as_slice(), &self.root)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.around.path().join("root").join(path)
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    /// Whether nothing around it was changed.
    fn kept(&self) -> bool {
        let names = fs::read_dir(self.around.path()).unwrap().count();
        names == 2 && fs::read_to_string(self.around.path().join("beside")).unwrap() == "untouched"
    }
}

#[test]
fn files_folders_and_links_with_their_permissions() {
    let root = Root::with(&[
        (FOLDER, "./", ""),
        (FOLDER, "usr/", ""),
        (FILE, "usr/a", "one"),
        (LINK, "usr/b", "usr/a"),
        (SYMLINK, "usr/c", "/usr/a"),
        (FILE, "opt/deep/d", "two"),
        (EntryType::Fifo, "usr/pipe", ""),
        (EntryType::Char, "usr/null", ""),
    ]);
    let mode = |path: &str| fs::symlink_metadata(root.at(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("usr"), mode("usr/a"), mode("opt")), (0o750, 0o640, 0o755));
    assert_eq!(fs::metadata(root.at("usr/a")).unwrap().ino(), fs::metadata(root.at("usr/b")).unwrap().ino());
    assert_eq!(fs::read_link(root.at("usr/c")).unwrap(), Path::new("/usr/a"));
    assert_eq!(root.text("opt/deep/d").as_deref(), Some("two"));
    assert!(root.at("usr/pipe").exists() && !root.at("usr/null").exists());
}

#[test]
fn a_later_layer_replaces_and_takes_away() {
    let root = Root::with(&[
        (FILE, "etc/a", "one"),
        (FILE, "etc/b", "one"),
        (FILE, "etc/folder/c", "one"),
        (FILE, "etc/kept/d", "one"),
        (SYMLINK, "etc/link", "a"),
    ]);
    root.add(&[
        (FILE, "etc/.wh.b", ""),
        (FILE, "etc/.wh.folder", ""),
        (FILE, "etc/.wh.never-was", ""),
        (FILE, "nowhere/.wh.x", ""),
        (FILE, "etc/link", "no longer a link"),
        (FILE, "etc/.wh..wh.plnk", ""),
    ])
    .unwrap();
    assert_eq!(root.text("etc/a").as_deref(), Some("one"), "it was not written through the link");
    assert_eq!(root.text("etc/link").as_deref(), Some("no longer a link"));
    assert_eq!(root.text("etc/kept/d").as_deref(), Some("one"));
    for gone in ["etc/b", "etc/folder", "nowhere", "etc/.wh.b", "etc/.wh..wh.plnk"] {
        assert!(!root.at(gone).exists(), "{gone}");
    }
    // A folder takes the place of a file, and a file that of a folder.
    root.add(&[(FOLDER, "etc/a", ""), (FILE, "etc/kept", "two")]).unwrap();
    assert!(root.at("etc/a").is_dir() && root.text("etc/kept").as_deref() == Some("two"));
}

#[test]
fn an_opaque_folder_keeps_what_its_own_layer_brings() {
    let root =
        Root::with(&[(FILE, "a/old", "1"), (FILE, "a/both/old", "1"), (FILE, "a/gone/old", "1"), (FILE, "b", "1")]);
    root.add(&[(FILE, "a/new", "2"), (FILE, "a/both/new", "2"), (FILE, "a/.wh..wh..opq", ""), (FILE, "a/last", "2")])
        .unwrap();
    for (path, there) in [
        ("a/old", false),
        ("a/both/old", false),
        ("a/gone", false),
        ("a/new", true),
        ("a/both/new", true),
        ("a/last", true),
    ] {
        assert_eq!(root.at(path).exists(), there, "{path}");
    }
    assert!(root.at("b").exists());
}

#[test]
fn parents_that_are_links_are_followed_within_the_root() {
    let root = Root::with(&[(FOLDER, "usr/lib", ""), (SYMLINK, "lib", "usr/lib"), (SYMLINK, "abs", "/usr/lib")]);
    root.add(&[(FILE, "lib/a", "1"), (FILE, "abs/b", "2")]).unwrap();
    assert_eq!((root.text("usr/lib/a").as_deref(), root.text("usr/lib/b").as_deref()), (Some("1"), Some("2")));
    root.add(&[(FILE, "lib/.wh.a", "")]).unwrap();
    assert!(!root.at("usr/lib/a").exists());
}

#[test]
fn nothing_is_written_outside() {
    // A name that leads out is refused, ...
    for name in ["../beside", "a/../../beside", "/../beside", "a/.wh...", "a/.wh.."] {
        let root = Root::with(&[(FOLDER, "a", "")]);
        let failure = root.add(&[(FILE, name, "changed")]).unwrap_err();
        assert!(failure.message.contains(name) && root.kept(), "{name}: {failure}");
    }
    // ... an absolute one is meant within, ...
    let root = Root::with(&[(FILE, "/beside", "inside")]);
    assert!(root.kept() && root.text("beside").as_deref() == Some("inside"));
    // ... and links lead nowhere, be they of the layer or one below.
    let outside = Root::new();
    let target = outside.around.path().to_str().unwrap();
    for to in [target, "../../../../../../..", "/proc/self/root", ".."] {
        let root = Root::with(&[(SYMLINK, "way", to)]);
        root.add(&[(FILE, "way/beside", "changed")]).ok();
        root.add(&[(FILE, "way/.wh.beside", "")]).ok();
        root.add(&[(FILE, "way/.wh..wh..opq", "")]).ok();
        assert!(root.kept() && outside.kept(), "{to}");
        // What is at the end of a link is not what a file replaces.
        root.add(&[(FILE, "way", "a file")]).unwrap();
        assert!(root.kept() && root.text("way").as_deref() == Some("a file"), "{to}");
    }
}

#[test]
fn hard_links_stay_inside() {
    for to in ["../beside", "x/../../beside"] {
        let root = Root::new();
        let failure = root.add(&[(LINK, "mine", to)]).unwrap_err();
        assert!(failure.message.contains("outside") && !root.at("mine").exists(), "{failure}");
    }
    // Absolute: within the root, where nothing is.
    let root = Root::new();
    let beside = root.around.path().join("beside");
    assert!(root.add(&[(LINK, "mine", beside.to_str().unwrap())]).is_err());
    // Over a link that leads out.
    symlink(root.around.path(), root.at("way")).unwrap();
    assert!(root.add(&[(LINK, "mine", "way/beside")]).is_err());
    // To a link itself: it is that link, not what it leads to.
    root.add(&[(SYMLINK, "far", beside.to_str().unwrap()), (LINK, "mine", "far"), (FILE, "mine", "new")]).unwrap();
    assert!(root.kept() && root.text("mine").as_deref() == Some("new"));
}

#[test]
fn a_layer_that_is_cut_off_is_refused() {
    let whole = layer(&[(FILE, "a", &"x".repeat(5000))]);
    let root = Root::new();
    assert!(unpack(&whole[..3000], &root.root).is_err());
    assert!(unpack(&b"no archive at all, but long enough to be taken for one".repeat(20)[..], &root.root).is_err());
}
