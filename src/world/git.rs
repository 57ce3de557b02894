//! A project as it was in a revision of a git repository.
//!
//! git itself is asked (`git ls-tree`, `git cat-file --batch`): it knows packs, alternates and hash functions. Only
//! objects are read; the work tree, the index and every reference stay as they are. Secrets come from where they come
//! from today: they are not in the repository.

use super::disk::Disk;
use super::memory::MemoryWorld;
use super::{Entry, LIMIT, Trouble, World};
use crate::model::path::clean;
use crate::model::scalar::SecretRef;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of a repository as it was.
#[derive(Debug)]
pub struct Revision {
    /// Where git is asked.
    root: PathBuf,
    commit: String,
    /// The folder, from the top of the repository.
    folder: String,
    tree: MemoryWorld,
    secrets: Disk,
}

/// Why there is no such tree, in words.
pub type Refusal = String;

/// Folders that bake reads of a project or library.
const PARTS: [&str; 2] = ["profiles", "butane"];

impl Revision {
    /// What the folder `root`, in a work tree of the repository, holds in `revision` below `profiles` and `butane`; `None`
    /// when git knows no such revision, or the folder is in no repository.
    ///
    /// # Errors
    /// When git cannot be run, or an object cannot be read.
    pub fn open(root: &Path, revision: &str, profiles: &str) -> Result<Option<Self>, Refusal> {
        // What looks like an option is no revision.
        if revision.is_empty() || revision.starts_with('-') {
            return Ok(None);
        }
        let asked = format!("{revision}^{{commit}}");
        let Some(commit) = git(root, &["rev-parse", "--quiet", "--verify", &asked], &[])? else { return Ok(None) };
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let folder = git(root, &["rev-parse", "--show-prefix"], &[])?.unwrap_or_default();
        let folder = String::from_utf8_lossy(&folder).trim_end_matches('\n').to_owned();
        Self::read(root, commit, &clean(&folder), &[profiles, PARTS[1]]).map(Some)
    }

    fn read(root: &Path, commit: String, folder: &str, parts: &[&str]) -> Result<Self, Refusal> {
        let folder = if folder == "." { String::new() } else { folder.to_owned() };
        let shown = format!("`{}:{folder}`", commit.get(..12).unwrap_or(&commit));
        let listed = git(root, &["ls-tree", "-r", "-z", "--full-tree", &format!("{commit}:{folder}")], &[])?;
        let mut entries = entries(&listed.ok_or_else(|| format!("there is no {shown}"))?)?;
        let below = |path: &str, part: &str| path.strip_prefix(part).is_some_and(|rest| rest.starts_with('/'));
        entries.retain(|(_, _, path)| parts.iter().any(|part| below(path, &clean(part))));
        let ids: String = entries.iter().fold(String::new(), |ids, (_, id, _)| ids + id + "\n");
        let objects = git(root, &["cat-file", "--batch"], ids.as_bytes())?;
        let mut objects = objects.as_deref().ok_or_else(|| format!("git cannot read {shown}"))?;
        let mut tree = MemoryWorld::new();
        for (mode, id, path) in entries {
            let bytes = object(&mut objects).ok_or_else(|| format!("git cannot read `{path}` ({id}) in {shown}"))?;
            match mode.as_str() {
                "120000" => drop(tree.link(path, String::from_utf8_lossy(&bytes).into_owned())),
                "100755" => drop(tree.executable(path, bytes)),
                _ => drop(tree.file(path, bytes)),
            }
        }
        let secrets = Disk::open(root).map_err(|_| format!("cannot read `{}`", root.display()))?;
        Ok(Self { root: root.to_owned(), commit, folder, tree, secrets })
    }
}

/// What git prints; `None` when it says no.
fn git(root: &Path, arguments: &[&str], input: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => "git is not installed, which reads revisions".to_owned(),
        _ => format!("cannot run git: {}", super::words(error)),
    };
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(["--no-pager"]).args(arguments).env("GIT_OPTIONAL_LOCKS", "0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let stdin = child.stdin.take();
    let mut output = Vec::new();
    // It answers while it is asked: one thread for each.
    let wrote = std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.map_or(Ok(()), |mut stdin| stdin.write_all(input)));
        let read = child.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut output));
        // git that says no does not listen to the end.
        let _ = writer.join();
        read
    });
    wrote.map_err(|error| failed(&error))?;
    let status = child.wait().map_err(|error| failed(&error))?;
    Ok(status.success().then_some(output))
}

/// Mode, object and path of the files that `git ls-tree -r -z` lists.
fn entries(listed: &[u8]) -> Result<Vec<(String, String, String)>, Refusal> {
    let text = std::str::from_utf8(listed).map_err(|_| "the name of a file is not valid UTF-8".to_owned())?;
    let mut found = Vec::new();
    for line in text.split_terminator('\0') {
        let odd = || format!("git lists `{}`, which is not understood", line.escape_debug());
        let (about, path) = line.split_once('\t').ok_or_else(odd)?;
        let [mode, kind, id] = about.split(' ').collect::<Vec<_>>()[..] else { return Err(odd()) };
        // A submodule is another repository's business.
        if kind == "blob" {
            found.push((mode.to_owned(), id.to_owned(), path.to_owned()));
        }
    }
    Ok(found)
}

/// The next object of `git cat-file --batch`: `<id> blob <size>`, a line end, its bytes, a line end.
fn object(answer: &mut &[u8]) -> Option<Vec<u8>> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let size: usize = head.split(' ').nth(2)?.parse().ok().filter(|size| *size as u64 <= LIMIT)?;
    let rest = answer.get(end + 1..)?;
    let bytes = rest.get(..size)?.to_vec();
    *answer = rest.get(size + 1..)?;
    Some(bytes)
}

impl World for Revision {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        self.tree.read(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        self.tree.list(path)
    }

    fn walk(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        self.tree.walk(path)
    }

    fn has(&self, path: &str) -> bool {
        self.tree.has(path)
    }

    fn secret(&self, reference: &SecretRef) -> Result<Vec<u8>, Trouble> {
        self.secrets.secret(reference)
    }

    /// As it was in the same commit.
    fn library(&self, path: &str) -> Result<Box<dyn World + '_>, Trouble> {
        let folder = if self.folder.is_empty() { clean(path) } else { clean(&format!("{}/{path}", self.folder)) };
        if folder.starts_with("..") || path.starts_with('/') {
            return Err(Trouble::Other("it lies outside of the repository".to_owned()));
        }
        let library = Self::read(&self.root, self.commit.clone(), &folder, &PARTS);
        library.map(|library| -> Box<dyn World> { Box::new(library) }).map_err(Trouble::Other)
    }
}
