//! Daemons from container images: the real Podman has them, in a storage of the test's own.

use super::{ROLE, built, lab, possible, table, traces, wrong};
use crate::handover::project::Project;
use crate::support::{bake, engine, run, said};
use bake::lab::result::{Run, Verdict};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What the scripts of Keepalived need, beside a shell.
const TOOLS: [&str; 4] = ["wget", "mv", "ping", "sleep"];

/// A storage of images that nobody else sees.
struct Storage {
    scratch: tempfile::TempDir,
}

impl Storage {
    fn new() -> Self {
        let storage = Self { scratch: tempfile::tempdir().unwrap() };
        let at = |name: &str| storage.at(name).display().to_string();
        // Plain folders: no mount is left behind, and it works on any file system.
        let places = format!("driver = \"vfs\"\nrunroot = \"{}\"\ngraphroot = \"{}\"\n", at("run"), at("graph"));
        fs::write(storage.at("storage.conf"), format!("[storage]\n{places}")).unwrap();
        let engine = format!("lock_type = \"file\"\nevents_logger = \"none\"\ntmp_dir = \"{}\"\n", at("tmp"));
        fs::write(storage.at("containers.conf"), format!("[engine]\n{engine}")).unwrap();
        storage
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A command that finds this storage, as Podman's own environment says it.
    fn finds(&self, mut command: Command) -> Command {
        command.env("CONTAINERS_STORAGE_CONF", self.at("storage.conf"));
        command.env("CONTAINERS_CONF", self.at("containers.conf"));
        command
    }

    fn podman(&self, arguments: &[&str]) -> String {
        let output = run(self.finds(Command::new("podman")).args(arguments));
        assert!(output.status.success(), "podman {arguments:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// An image with programs of this machine, their libraries and a file that this machine does not have; its name with its
    /// digest.
    fn image(&self, name: &str, programs: &[&str], changes: &[&str]) -> String {
        let root = self.at(&format!("root-{name}"));
        for folder in ["etc", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for link in ["bin", "lib", "lib64", "sbin"] {
            symlink(format!("usr/{link}"), root.join(link)).unwrap();
        }
        fs::write(root.join("marker"), name).unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nproxy:x:99:98::/home/proxy:/bin/sh\n").unwrap();
        for program in programs {
            let path = engine(program).unwrap();
            fs::copy(&path, root.join("usr/bin").join(program)).unwrap();
            for library in libraries(&path) {
                let place = root.join(library.strip_prefix("/").unwrap());
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::copy(&library, place).unwrap();
            }
        }
        let archive = self.at(&format!("{name}.tar"));
        let output = run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."));
        assert!(output.status.success(), "{}", said(&output));
        let reference = format!("localhost/{name}:test");
        let mut arguments = vec!["import", "--quiet"];
        arguments.extend(changes.iter().flat_map(|change| ["--change", *change]));
        arguments.extend([archive.to_str().unwrap(), &reference]);
        self.podman(&arguments);
        let digest = self.podman(&["image", "inspect", "--format", "{{.Digest}}", &reference]);
        format!("localhost/{name}@{digest}")
    }

    fn lab(&self, project: &Project, arguments: &[&str]) -> Output {
        let mut command = self.finds(bake());
        run(command.current_dir(project.root()).arg("lab").args(arguments))
    }

    fn rehearse(&self, project: &Project, level: &str) -> Run {
        let output = self.lab(project, &["test", "--level", level, "--scenario", "start", "--format", "json"]);
        let text = String::from_utf8_lossy(&output.stdout);
        bake::lab::report::read(&text).unwrap_or_else(|why| panic!("{why}: {}", said(&output)))
    }
}

/// The files that the loader opens for a program.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = run(Command::new("ldd").arg(program));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// The project whose balancers run these images.
fn cluster(haproxy: &str, keepalived: &str) -> Project {
    const HAPROXY: &str =
        "docker.io/library/haproxy@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const KEEPALIVED: &str =
        "docker.io/your-account/keepalived@sha256:123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0";
    // Arguments alone: the program is the image's entrypoint.
    let command = "command: [haproxy, -W, -db, -f, /usr/local/etc";
    built(
        &[(ROLE, HAPROXY, haproxy), (ROLE, KEEPALIVED, keepalived), (ROLE, command, &command.replace("haproxy, ", ""))],
        &[],
    )
}

fn images(storage: &Storage) -> [String; 2] {
    let changes = ["ENTRYPOINT [\"/usr/bin/haproxy\"]", "CMD [\"-v\"]", "ENV OF=image", "USER proxy"];
    let haproxy = storage.image("haproxy", &["haproxy"], &changes);
    let tools: Vec<&str> = ["keepalived", "sh"].into_iter().chain(TOOLS).collect();
    [haproxy, storage.image("keepalived", &tools, &["CMD [\"keepalived\"]"])]
}

/// Every daemon was that of its image, and all is well.
fn holds(run: &Run, images: &[String; 2]) {
    assert_eq!(run.verdict(), Verdict::Passed, "{}", table(run));
    for (name, image) in ["HAProxy", "Keepalived"].into_iter().zip(images) {
        let own: Vec<_> = run.engines.iter().filter(|engine| engine.name == name).collect();
        let [one] = own[..] else { panic!("{own:?}") };
        assert_eq!(one.source, format!("image {image} (podman)"));
        assert!(one.version.starts_with(|c: char| c.is_ascii_digit()), "{one:?}");
        assert!(table(run).replace('\n', " ").contains(image.as_str()), "{}", table(run));
    }
    assert!(run.notes.iter().all(|note| !note.contains("This machine's")), "{:?}", run.notes);
}

#[test]
fn daemons_start_from_images_that_are_stored_here() {
    if !possible() || engine("podman").is_none() {
        return;
    }
    let storage = Storage::new();
    let images = images(&storage);
    let project = cluster(&images[0], &images[1]);
    let name = format!("images-{}", std::process::id());
    let up = storage.lab(&project, &["up", "--name", &name]);
    assert!(up.status.success(), "{}", said(&up));
    let look = "for name in haproxy keepalived; do set -- $(pidof $name); cat /proc/$1/root/marker; echo; \
                ls /proc/$1/root/etc; tr '\\0' '\\n' </proc/$1/environ; sed -n 's/^[UG]id:/&/p' /proc/$1/status; done";
    let seen = lab(project.root(), &["exec", "--name", &name, "loadbalancer1", "sh", "-c", look]);
    let down = lab(project.root(), &["down", "--name", &name]);
    assert!(down.status.success(), "{}", said(&down));
    assert_eq!(traces(&name), [""; 0]);
    let text = said(&seen);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    // The root is the image's, with its variables; the unit's user, not the image's.
    for line in ["haproxy", "keepalived", "OF=image", "HOME=/home/proxy", "Gid:\t99\t99\t99\t99"] {
        assert!(lines.contains(&line), "{line}: {text}");
    }
    for absent in ["debian_version", "apt", "BASH"] {
        assert!(!lines.contains(&absent), "{absent} is this machine's: {text}");
    }
    // While an engine gives an image, while it is handed in, while it is unpacked, and after.
    for at in [100, 250, 450, 900] {
        let name = format!("images-killed-{at}-{}", std::process::id());
        let mut command = storage.finds(bake());
        command.current_dir(project.root()).args(["lab", "up", "--name", &name]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(at));
        child.kill().unwrap();
        child.wait().unwrap();
        lab(project.root(), &["down", "--name", &name]);
        let begin = Instant::now();
        while !traces(&name).is_empty() && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(traces(&name), [""; 0], "after {at} ms");
    }
    holds(&storage.rehearse(&project, "daemons"), &images);
}

#[test]
fn machines_with_systemd_start_them_too() {
    if !super::systemd::possible() || engine("podman").is_none() {
        return;
    }
    let storage = Storage::new();
    let images = images(&storage);
    let project = cluster(&images[0], &images[1]);
    let name = format!("booted-images-{}", std::process::id());
    let up = storage.lab(&project, &["up", "--level", "systemd", "--name", &name]);
    assert!(up.status.success(), "{}", said(&up));
    // The image's own program checks the configuration before it is loaded again, and the marker is in its root.
    let look = "systemctl reload haproxy keepalived && podman exec haproxy /usr/bin/haproxy -v && \
                cat /proc/$(pidof -s keepalived)/root/marker";
    let seen = lab(project.root(), &["exec", "--name", &name, "loadbalancer1", "sh", "-c", look]);
    let down = lab(project.root(), &["down", "--name", &name]);
    assert!(down.status.success(), "{}", said(&down));
    assert!(seen.status.success() && said(&seen).contains("HAProxy version"), "{}", said(&seen));
    assert!(said(&seen).lines().any(|line| line == "keepalived"), "{}", said(&seen));
    holds(&storage.rehearse(&project, "systemd"), &images);
}

/// This machine has the tool that the script calls, the image does not: that is what the rehearsal is for.
#[test]
fn a_script_that_needs_what_its_image_lacks_does_not_pass() {
    if !possible() || engine("podman").is_none() {
        return;
    }
    let storage = Storage::new();
    let keepalived = storage.image("keepalived", &["keepalived", "sh"], &["CMD [\"keepalived\"]"]);
    // Of HAProxy's image there is another one: what is pinned is not that.
    let other = storage.image("haproxy", &["haproxy"], &["ENTRYPOINT [\"/usr/bin/haproxy\"]"]);
    let pinned = format!("{}@sha256:{}", other.split_once('@').unwrap().0, "0123456789abcdef".repeat(4));
    let found = storage.rehearse(&cluster(&pinned, &keepalived), "daemons");
    assert_eq!(found.verdict(), Verdict::Failed, "{}", table(&found));
    let wrong = wrong(&found);
    assert!(wrong.iter().any(|line| line.starts_with("one node holds")), "{wrong:#?}");
    let note = found.notes.iter().find(|note| note.contains("This machine's HAProxy ran")).expect("a note");
    assert!(note.contains(&pinned) && note.contains("podman pull"), "{note}");
    assert!(found.engines.iter().any(|engine| engine.name == "HAProxy" && engine.source == "this machine"));
}
