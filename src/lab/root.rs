//! Roots: a machine's own, and those of its containers. Runs as the first process of the new namespaces.
//!
//! A machine's root is this machine's with the baked tree over it. A container's is its image's or, where that is not stored
//! here, this machine's without that tree, since an image knows nothing of what was baked: it sees what its unit mounts, and
//! nothing else.

use super::confined::{self, Confined};
use super::failure::Failure;
use super::images;
use super::service::{Container, Origin, Service, Volume};
use rustix::fs::{Mode, OFlags, symlinkat};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};
use std::ffi::{CStr, CString};
use std::fs;
use std::path::Path;

/// Where a machine keeps what belongs to the lab.
pub(super) const OWN: &str = "/.lab";

/// Folders in memory that every machine has, with their permissions.
const MEMORY: [(&str, &CStr); 3] = [("/dev", c"mode=755"), ("/run", c"mode=755"), ("/tmp", c"mode=1777")];

/// Files that an engine shares with every container (docker-run(1), `--network host`).
const NAMES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// The streams of a process as devices.
const STREAMS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

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
    /// Whether `/run` and `/tmp` are in memory; they are the image's own otherwise.
    pub(super) fresh: bool,
}

fn step<T>(doing: &str, done: rustix::io::Result<T>) -> Result<T, Failure> {
    done.map_err(|error| Failure::new(format!("cannot {doing}: {error}")))
}

fn folder(path: &str) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(Failure::io(&format!("make the folder `{path}`")))
}

/// Puts the layers together, with the file systems that every machine has; the path of the root.
pub(super) fn assemble(layers: &Layers<'_>) -> Result<String, Failure> {
    let Layers { tree, image, scratch, fresh } = layers;
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
    let inside = Confined::new(&root).map_err(Failure::io("open the root"))?;
    let none = MountFlags::empty();
    on(&inside, "/proc", |place| mount("proc", place, "proc", none, None))?;
    on(&inside, "/sys", |place| mount("sysfs", place, "sysfs", MountFlags::RDONLY, None))?;
    for (path, mode) in MEMORY.iter().filter(|(path, _)| *fresh || *path == "/dev") {
        on(&inside, path, |place| mount("tmpfs", place, "tmpfs", none, Some(*mode)))?;
    }
    for device in DEVICES {
        bind(&inside, &format!("/dev/{device}"), &format!("/dev/{device}"), true)?;
    }
    Ok(root)
}

/// Mounts something on a folder of a root.
fn on(root: &Confined, path: &str, how: impl FnOnce(&Path) -> rustix::io::Result<()>) -> Result<(), Failure> {
    let open = step(&format!("make the folder `{path}`"), root.folder(Path::new(path)))?;
    step(&format!("mount `{path}`"), how(&confined::path(&open)))
}

/// Shows a file or folder of the machine in a root.
fn bind(root: &Confined, host: &str, inside: &str, writable: bool) -> Result<(), Failure> {
    let place = Path::new(inside);
    let open = if Path::new(host).is_dir() { root.folder(place) } else { root.file(place) };
    let open = step(&format!("make `{inside}`"), open)?;
    step(&format!("mount `{inside}`"), mount_bind(host, confined::path(&open)))?;
    if writable {
        return Ok(());
    }
    // What is open is below what was mounted.
    let open = step(&format!("open `{inside}`"), root.open(place, OFlags::PATH, Mode::empty()))?;
    let flags = MountFlags::BIND | MountFlags::RDONLY;
    step(&format!("make `{inside}` read-only"), mount_remount(confined::path(&open), flags, c""))
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

/// What belongs to the lab: bake itself, what containers start from, and where they are.
pub(super) fn own(root: &str) -> Result<(), Failure> {
    let (machine, containers) = (format!("{root}{}", images::machine()), format!("{root}{OWN}/containers"));
    folder(&machine)?;
    step("bind /", mount_bind("/", machine))?;
    folder(&containers)?;
    // An overlay cannot lie on an overlay's upper layer, but on memory it can.
    step("mount tmpfs", mount("tmpfs", containers, "tmpfs", MountFlags::empty(), None))?;
    images::show(root)?;
    let failed = || Failure::io("make the lab's own folder");
    let bake = format!("{root}{OWN}/bake");
    let program = fs::read_link("/proc/1/exe").or_else(|_| std::env::current_exe()).map_err(failed())?;
    fs::write(&bake, "").map_err(failed())?;
    if mount_bind(&program, &bake).is_err() {
        fs::copy("/proc/self/exe", &bake).map_err(failed())?;
    }
    Ok(())
}

/// A container's root, with what its unit mounts; becomes the root.
pub(super) fn container(service: &Service, container: &Container) -> Result<(), Failure> {
    let scratch = format!("{OWN}/containers/{}", service.unit);
    // What an earlier one wrote is gone, as it is for the engines' `--rm`.
    fs::remove_dir_all(&scratch).ok();
    let image = container.image_root();
    let root = assemble(&Layers { tree: None, image: &image, scratch: &scratch, fresh: container.origin.is_none() })?;
    let inside = Confined::new(&root).map_err(Failure::io("open the root"))?;
    match &container.origin {
        // A distribution's package may come with a configuration of its own, which no image has.
        None => {
            for place in ["/etc/haproxy", "/etc/keepalived"].into_iter().filter(|place| Path::new(place).is_dir()) {
                on(&inside, place, |place| mount("tmpfs", place, "tmpfs", MountFlags::empty(), None))?;
            }
        }
        Some(origin) => prepare(&inside, origin, container)?,
    }
    for place in &container.tmpfs {
        let (place, options) = place.split_once(':').unwrap_or((place, "mode=1777"));
        let options = CString::new(options).map_err(|_| Failure::new("an option with a zero byte"))?;
        on(&inside, place, |place| mount("tmpfs", place, "tmpfs", MountFlags::empty(), options.as_c_str()))?;
    }
    for Volume { host, inside: place, writable } in &container.volumes {
        if !Path::new(host).exists() {
            return Err(Failure::new(format!("`{host}`, which `{}` mounts, is not on the machine", service.unit)));
        }
        bind(&inside, host, place, *writable)?;
    }
    pivot(&root)?;
    if container.read_only {
        step("make the root read-only", mount_remount("/", MountFlags::BIND | MountFlags::RDONLY, c""))?;
    }
    Ok(())
}

/// What an engine gives to every container, beside what its image has and its unit asks for.
fn prepare(inside: &Confined, origin: &Origin, container: &Container) -> Result<(), Failure> {
    let devices = step("open `/dev`", inside.folder(Path::new("/dev")))?;
    for (name, to) in STREAMS {
        step("make a device", symlinkat(to, &devices, name))?;
    }
    on(inside, "/dev/shm", |place| mount("tmpfs", place, "tmpfs", MountFlags::empty(), Some(c"mode=1777")))?;
    for name in NAMES.into_iter().filter(|name| Path::new(name).is_file()) {
        bind(inside, name, name, false)?;
    }
    // A volume of the image's own begins with what the image has there, and can be written to.
    for volume in &origin.volumes {
        on(inside, volume, |place| mount_bind(place, place))?;
    }
    if let Some(folder) = &container.folder {
        step(&format!("make the folder `{folder}`"), inside.folder(Path::new(folder)))?;
    }
    Ok(())
}
