//! A build under other circumstances: the project copied to another place, and this program run there.
//!
//! What could get into an output although it is not part of the project differs: the folder, the order in which
//! folders list their files (in memory where there is such a file system: there it is the order in which they were
//! made), umask, locale, time zone, home, number of threads, and the time, by more than the two seconds that the
//! coarsest stamps (FAT) resolve.

use super::output::{Failure, SECRET};
use super::record::{Record, Seen, Stored};
use super::words;
use crate::model::scalar::SecretRef;
use rustix::fs::Mode;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What differs from the build that is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// In words.
    pub name: &'static str,
    umask: u32,
    threads: &'static str,
    locale: &'static str,
    zone: &'static str,
    /// Decides in which order files are made.
    order: u64,
}

/// The builds that are made. Turkish has its own upper case of `i`; Nepal is 5:45 and the Line Islands 14:00 ahead.
pub const OTHERS: &[Circumstances] = &[
    Circumstances {
        name: "one thread, umask 077, Turkish, Kathmandu",
        umask: 0o077,
        threads: "1",
        locale: "tr_TR.UTF-8",
        zone: "Asia/Kathmandu",
        order: 1,
    },
    Circumstances {
        name: "seven threads, umask 000, no locale, Kiritimati",
        umask: 0,
        threads: "7",
        locale: "C",
        zone: "Pacific/Kiritimati",
        order: 2,
    },
];

/// How much later: more than FAT's two seconds.
const LATER: Duration = Duration::from_millis(2100);

/// What was built again, until this is dropped.
#[derive(Debug)]
pub struct Built {
    /// The output.
    pub folder: PathBuf,
    _scratch: Scratch,
}

/// Builds the project in `root`, of which `read` knows the files, once more; `arguments` are those of `bake build`
/// without `-C`, `--jobs` and `--out`. `nodes` are named in a file. The error has what bake said.
pub fn build(
    root: &Path,
    read: &Record<'_>,
    nodes: &[&str],
    arguments: &[&str],
    other: Circumstances,
) -> Result<Built, Failure> {
    std::thread::sleep(LATER);
    let failed = |path: &Path, error: &io::Error| Failure {
        message: format!("cannot build again in `{}`: {}", path.display(), words(error)),
        hint: None,
    };
    let root = fs::canonicalize(root).map_err(|error| failed(root, &error))?;
    let memory = Path::new("/dev/shm");
    let inputs = Scratch::new(memory).or_else(|_| Scratch::new(&std::env::temp_dir()));
    let inputs = inputs.map_err(|error| failed(memory, &error))?;
    // Outputs can be large, and the order of their files is not read by anybody.
    let outputs = Scratch::new(&std::env::temp_dir()).map_err(|error| failed(&std::env::temp_dir(), &error))?;
    let project = inputs.beneath(&root);
    copy(read, &root, &inputs, other.order).map_err(|error| failed(&inputs.0, &error))?;
    let (list, folder) = (outputs.0.join("nodes"), outputs.0.join("dist"));
    write(&list, nodes.join("\n").as_bytes(), SECRET).map_err(|error| failed(&list, &error))?;

    let program = std::env::current_exe().map_err(|error| failed(Path::new("/proc/self/exe"), &error))?;
    let mut command = Command::new(program);
    command.arg("-C").arg(&project).args(["--quiet", "--color", "never", "build", "--jobs", other.threads]);
    command.args(arguments).arg("--nodes-file").arg(&list).arg("--out").arg(&folder);
    command.env_clear().envs(variables(read)).envs([("LC_ALL", other.locale), ("LANG", other.locale)]);
    command.env("TZ", other.zone).env("HOME", "/nonexistent").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let before = rustix::process::umask(Mode::from_raw_mode(other.umask));
    let child = command.spawn();
    rustix::process::umask(before);
    let output = child.and_then(std::process::Child::wait_with_output);
    let output = output.map_err(|error| failed(&project, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let message = format!("the same project does not build again ({}):\n{}", other.name, said.trim_end());
        return Err(Failure { message, hint: None });
    }
    Ok(Built { folder, _scratch: outputs })
}

/// The variables that secrets come from.
fn variables(read: &Record<'_>) -> Vec<(String, OsString)> {
    let named = read.seen().secrets.clone().into_iter().filter_map(|reference| match &reference {
        SecretRef::Env(name) => Some((name.clone(), OsString::from_vec(read.world().secret(&reference).ok()?))),
        SecretRef::File(_) => None,
    });
    named.collect()
}

/// Copies what was read, each file to the same path below the scratch folder that it has below `/`.
fn copy(read: &Record<'_>, root: &Path, to: &Scratch, order: u64) -> io::Result<()> {
    let Seen { files, secrets } = read.seen().clone();
    let mut files: Vec<(PathBuf, Stored, u32)> =
        files.into_iter().map(|(path, stored)| (root.join(path), stored, 0o644)).collect();
    for reference in &secrets {
        if let (SecretRef::File(path), Ok(mut bytes)) = (reference, read.world().secret(reference))
            && !path.starts_with('/')
        {
            // One line end is not part of a secret.
            bytes.push(b'\n');
            files.push((root.join(path), Stored::File { bytes, executable: false }, SECRET));
        }
    }
    files.sort_by_key(|(path, ..)| scramble(path, order));
    for (path, stored, mode) in files {
        let target = to.beneath(&path);
        let parent = if matches!(stored, Stored::Folder) { Some(target.as_path()) } else { target.parent() };
        DirBuilder::new().recursive(true).create(parent.unwrap_or(&to.0))?;
        let done = match stored {
            Stored::Folder => Ok(()),
            Stored::File { bytes, executable } => write(&target, &bytes, if executable { 0o755 } else { mode }),
            Stored::Link(aim) => symlink(aim, &target),
        };
        // What was reached through a link is there already.
        done.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}

/// An order that has nothing to do with the alphabet.
fn scramble(path: &Path, order: u64) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().fold(order, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

/// A folder that nobody else reads and that goes with this value.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> io::Result<Self> {
        let own = std::process::id();
        for attempt in 0..1000 {
            let path = parent.join(format!("bake-again-{own}-{attempt}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map(|()| Self(path)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The place of an absolute path below this folder, `..` taken out.
    fn beneath(&self, path: &Path) -> PathBuf {
        let mut place = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => place.push(name),
                Component::ParentDir => drop(place.pop()),
                _ => {}
            }
        }
        self.0.join(place.into_iter().collect::<PathBuf>())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
