//! Roots: a machine's own, and those of its containers. Runs as the first process of the new namespaces.
//!
//! A machine's root is this machine's with the baked tree over it. A container's is this machine's without that tree, since
//! an image knows nothing of what was baked: it sees what its unit mounts, and nothing else.

use super::failure::Failure;
use super::service::{Container, Service, Volume};
use rustix::fs::{CWD, Mode};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};
use std::ffi::CString;
use std::fs;
use std::path::Path;

/// Where a machine keeps what belongs to the lab.
pub(super) const OWN: &str = "/.lab";

/// Devices that programs expect.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// File systems that are the kernel's, and places that a machine has for itself.
const NOT_SHARED: [&str; 6] = ["/proc", "/sys", "/dev", "/run", "/tmp", "/.lab"];

/// What a machine's root is made from.
pub(super) struct Layers<'a> {
    /// The upper lower one: what was baked; `None` for a container.
    pub(super) tree: Option<&'a str>,
    /// The lowest one.
    pub(super) image: &'a str,
    /// A folder for what is written, and the root itself.
    pub(super) scratch: &'a str,
}

fn step<T>(doing: &str, done: rustix::io::Result<T>) -> Result<T, Failure> {
    done.map_err(|error| Failure::new(format!("cannot {doing}: {error}")))
}

fn folder(path: &str) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(Failure::io(&format!("make the folder `{path}`")))
}

/// Puts the layers together, with the file systems that every machine has; the path of the root.
pub(super) fn assemble(layers: &Layers<'_>) -> Result<String, Failure> {
    let Layers { tree, image, scratch } = layers;
    let root = format!("{scratch}/root");
    for part in ["upper", "work", "root"] {
        folder(&format!("{scratch}/{part}"))?;
    }
    // What happens to mounts here is nobody else's business.
    step("keep mounts apart", mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC))?;
    let lower = tree.map_or((*image).to_owned(), |tree| format!("{tree}:{image}"));
    let options = format!("lowerdir={lower},upperdir={scratch}/upper,workdir={scratch}/work");
    let options = CString::new(options).map_err(|_| Failure::new("a path with a zero byte"))?;
    step("mount an overlay", mount("overlay", &root, "overlay", MountFlags::empty(), options.as_c_str())).map_err(
        |failure| failure.hint("the kernel must have overlayfs (CONFIG_OVERLAY_FS), over the file system of /"),
    )?;
    for place in ["proc", "sys", "dev", "run", "tmp"] {
        folder(&format!("{root}/{place}"))?;
    }
    let none = MountFlags::empty();
    step("mount proc", mount("proc", format!("{root}/proc"), "proc", none, None))?;
    step("mount sysfs", mount("sysfs", format!("{root}/sys"), "sysfs", MountFlags::RDONLY, None))?;
    for place in ["dev", "run", "tmp"] {
        let mode = if place == "tmp" { c"mode=1777" } else { c"mode=755" };
        step("mount tmpfs", mount("tmpfs", format!("{root}/{place}"), "tmpfs", none, Some(mode)))?;
    }
    for device in DEVICES {
        let target = format!("{root}/dev/{device}");
        fs::write(&target, "").map_err(Failure::io("make a device"))?;
        step("bind a device", mount_bind(format!("/dev/{device}"), &target))?;
    }
    Ok(root)
}

/// Other file systems of this machine (a separate `/usr`, say), which an overlay over `/` does not show.
pub(super) fn share(root: &str) -> Result<(), Failure> {
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(Failure::io("read the mounts"))?;
    let mut places: Vec<&str> = table.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    places.sort_unstable();
    places.dedup();
    let special = |place: &str| NOT_SHARED.iter().any(|own| place == *own || place.starts_with(&format!("{own}/")));
    for place in places.into_iter().filter(|place| *place != "/" && !special(place)) {
        let target = format!("{root}{place}");
        // A single file that is mounted (as container engines do) is no loss.
        if Path::new(&target).is_dir() {
            step("bind a file system", mount_bind(place, &target)).ok();
        }
    }
    Ok(())
}

/// Makes `root` the root, and forgets the old one.
pub(super) fn pivot(root: &str) -> Result<(), Failure> {
    let old = format!("{root}/.old");
    folder(&old)?;
    step("change the root", rustix::process::pivot_root(root, &old))?;
    std::env::set_current_dir("/").map_err(Failure::io("enter the root"))?;
    step("leave the old root", unmount("/.old", UnmountFlags::DETACH))?;
    fs::remove_dir("/.old").ok();
    Ok(())
}

/// A container's root, with what its unit mounts; becomes the root.
pub(super) fn container(service: &Service, container: &Container, image: &str) -> Result<(), Failure> {
    let scratch = format!("{OWN}/containers/{}", service.unit);
    // What an earlier one wrote is gone, as it is for the engines' `--rm`.
    fs::remove_dir_all(&scratch).ok();
    let root = assemble(&Layers { tree: None, image, scratch: &scratch })?;
    // A distribution's package may come with a configuration of its own, which no image has.
    for daemon in ["haproxy", "keepalived"] {
        let place = format!("{root}/etc/{daemon}");
        if Path::new(&place).is_dir() {
            step("hide a configuration", mount("tmpfs", &place, "tmpfs", MountFlags::empty(), None))?;
        }
    }
    for place in &container.tmpfs {
        let (place, options) = place.split_once(':').unwrap_or((place, "mode=1777"));
        let options = CString::new(options).map_err(|_| Failure::new("an option with a zero byte"))?;
        let target = format!("{root}{place}");
        folder(&target)?;
        step("mount a tmpfs", mount("tmpfs", &target, "tmpfs", MountFlags::empty(), options.as_c_str()))?;
    }
    for Volume { host, inside, writable } in &container.volumes {
        let target = format!("{root}{inside}");
        if !Path::new(host).exists() {
            return Err(Failure::new(format!("`{host}`, which `{}` mounts, is not on the machine", service.unit)));
        }
        if Path::new(host).is_dir() {
            folder(&target)?;
        } else {
            folder(Path::new(&target).parent().and_then(Path::to_str).unwrap_or("/"))?;
            step(
                "make a file",
                rustix::fs::openat(CWD, &target, rustix::fs::OFlags::CREATE, Mode::from_raw_mode(0o644)),
            )?;
        }
        step("mount a volume", mount_bind(host, &target))?;
        if !writable {
            let flags = MountFlags::BIND | MountFlags::RDONLY;
            step("make a volume read-only", mount_remount(&target, flags, c""))?;
        }
    }
    pivot(&root)?;
    if container.read_only {
        step("make the root read-only", mount_remount("/", MountFlags::BIND | MountFlags::RDONLY, c""))?;
    }
    Ok(())
}
