//! Control groups of a lab's machines: the one thing of a lab that no namespace takes away (cgroups(7)).

use crate::lab::failure::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the kernel may take to let go of a group whose processes are dead.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the hierarchy of version 2 is mounted, if it is.
pub(super) fn mounted() -> Option<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        after.starts_with("cgroup2 ").then(|| before.split(' ').nth(4).map(PathBuf::from))?
    };
    table.lines().find_map(own)
}

/// The group of a lab.
fn of(lab: &str) -> Option<PathBuf> {
    Some(mounted()?.join(format!("bake-lab-{lab}")))
}

/// Makes the group of a lab, in which those of its machines are.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn begin(lab: &str) -> Result<(), Failure> {
    forget(lab)?;
    let group = of(lab).ok_or_else(|| Failure::new("cgroup2 is not mounted"))?;
    fs::create_dir(&group).map_err(Failure::io(&format!("make the control group `{}`", group.display())))
}

/// Makes the group of a machine, an empty one; its path. Not after the lab has been forgotten: its own group is gone then.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn make(lab: &str, node: &str) -> Result<PathBuf, Failure> {
    let group = of(lab).ok_or_else(|| Failure::new("cgroup2 is not mounted"))?.join(node);
    remove(&group)?;
    fs::create_dir(&group).map_err(Failure::io(&format!("make the control group `{}`", group.display())))?;
    Ok(group)
}

/// Moves the calling process into a group.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn enter(group: &Path) -> Result<(), Failure> {
    fs::write(group.join("cgroup.procs"), "0")
        .map_err(Failure::io(&format!("enter the control group `{}`", group.display())))
}

/// Removes the groups of a lab; what still runs in them is killed.
///
/// # Errors
/// When the kernel keeps one of them.
pub fn forget(lab: &str) -> Result<(), Failure> {
    let Some(group) = of(lab).filter(|group| group.exists()) else { return Ok(()) };
    // Kernels before 5.14 do not have it; there, whoever ends a lab has ended its processes before.
    fs::write(group.join("cgroup.kill"), "1").ok();
    remove(&group)
}

/// Removes a group with those below it.
fn remove(group: &Path) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        match take(group) {
            Ok(()) => return Ok(()),
            Err(error) if begin.elapsed() > PATIENCE => {
                return Err(Failure::new(format!("cannot remove the control group `{}`: {error}", group.display())));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn take(group: &Path) -> std::io::Result<()> {
    if !group.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(group)?.flatten() {
        if entry.file_type()?.is_dir() {
            take(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
