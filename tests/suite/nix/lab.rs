//! A Nix with a store of its own.

use crate::support::{engine, repository, root, run, said, skip};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The name of a file or folder that is not part of the repository.
pub(super) fn is_made(name: &str) -> bool {
    matches!(name, "target" | "dist" | ".git" | "artifacts" | "__pycache__")
}

/// Copies a folder, without what is made in it.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let target = to.join(&name);
        let name = name.to_str().unwrap();
        if is_made(name) || (path.is_symlink() && name.starts_with("result")) {
        } else if path.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).unwrap(), target).unwrap();
        } else if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// The flake, what stands for nixpkgs, and a store.
pub(super) struct Lab {
    pub(super) scratch: tempfile::TempDir,
    program: PathBuf,
    /// A copy of the repository.
    pub(super) flake: PathBuf,
    /// The stub of nixpkgs, with the `bake` that is being tested in it.
    pub(super) nixpkgs: PathBuf,
    /// The root of the store: its paths are below `nix/store`.
    pub(super) store: PathBuf,
}

/// One for all tests. `None` without Nix or root.
pub(super) fn lab() -> Option<&'static Lab> {
    static LAB: OnceLock<Option<Lab>> = OnceLock::new();
    LAB.get_or_init(|| Some(Lab::new()?.with_program(Path::new(env!("CARGO_BIN_EXE_bake"))))).as_ref()
}

/// This machine's name of its kind.
pub(super) fn system() -> String {
    format!("{}-linux", std::env::consts::ARCH)
}

/// Rust's toolchain, and the folder of crates as cargo downloaded them.
fn toolchain() -> Option<(PathBuf, PathBuf)> {
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]));
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).ok()?.trim());
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let cache = fs::read_dir(home.join("registry/cache")).ok()?.flatten().map(|entry| entry.path());
    let crates = cache.filter(|path| path.to_str().is_some_and(|path| path.contains("crates.io"))).max()?;
    Some((sysroot, crates))
}

/// A folder among what cargo makes. What is shared by all tests is never dropped, so what earlier runs left goes now.
fn scratch() -> tempfile::TempDir {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nix");
    fs::create_dir_all(&root).unwrap();
    for entry in fs::read_dir(&root).unwrap().flatten() {
        let process = entry.file_name().to_str().and_then(|name| Some(name.split_once('-')?.0.to_owned()));
        let runs = process.is_some_and(|process| Path::new("/proc").join(process).exists());
        if !runs {
            // Folders of a store are read-only.
            run(Command::new("chmod").args(["-R", "u+w"]).arg(entry.path()));
            fs::remove_dir_all(entry.path()).ok();
        }
    }
    tempfile::Builder::new().prefix(&format!("{}-", std::process::id())).tempdir_in(root).unwrap()
}

impl Lab {
    /// A store of its own, in which building `bake` means compiling it.
    pub(super) fn new() -> Option<Self> {
        let program = engine("nix")?;
        if !root() {
            return None;
        }
        let scratch = scratch();
        let [flake, nixpkgs, store, home] = ["flake", "nixpkgs", "store", "home"].map(|name| scratch.path().join(name));
        copy(repository(), &flake);
        copy(&repository().join("tests/nix/nixpkgs"), &nixpkgs);
        fs::create_dir(home).unwrap();
        let lab = Self { scratch, program, flake, nixpkgs, store };
        // Makes the store's database: of several that find none, all but one would find it busy.
        let output = run(&mut lab.nix("store ping", &[]));
        assert!(output.status.success() && lab.store.join("nix/var/nix/db/db.sqlite").exists(), "{}", said(&output));
        Some(lab)
    }

    /// The same, with building `bake` meaning that this program is taken.
    pub(super) fn with_program(self, program: &Path) -> Self {
        let taken = self.nixpkgs.join("bake");
        // Without its symbols a program is a tenth as large, and it is copied into stores.
        let mut strip = Command::new("strip");
        if !strip.arg("-o").arg(&taken).arg(program).status().is_ok_and(|done| done.success()) {
            fs::copy(program, &taken).unwrap();
        }
        self
    }

    /// Whether there is all that compiling needs; skips when not.
    pub(super) fn can_compile() -> bool {
        let fetched = || run(Command::new("cargo").current_dir(repository()).args(["fetch", "--locked", "--offline"]));
        let able = toolchain().is_some() && fetched().status.success();
        if !able {
            skip("not every crate is downloaded: run `cargo fetch --locked`");
        }
        able
    }

    /// `nix VERB ARGUMENTS` in the store of the lab.
    pub(super) fn nix(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut paths = vec!["/etc/alternatives".to_owned(), "/bin".to_owned(), "/usr".to_owned()];
        paths.extend(["/lib", "/lib64"].into_iter().filter(|path| Path::new(path).exists()).map(str::to_owned));
        if let Some((rust, crates)) = toolchain() {
            paths.extend([format!("/rust={}", rust.display()), format!("/crates={}", crates.display())]);
        }
        let settings = [
            "experimental-features = nix-command flakes".to_owned(),
            "substituters =".to_owned(),
            "flake-registry =".to_owned(),
            "build-users-group =".to_owned(),
            "sandbox = true".to_owned(),
            "sandbox-fallback = false".to_owned(),
            format!("sandbox-paths = {}", paths.join(" ")),
        ];
        let mut command = Command::new(&self.program);
        command.env("NIX_CONFIG", settings.join("\n")).env("HOME", self.scratch.path().join("home"));
        command.args(verb.split(' ')).args(arguments).arg("--store").arg(&self.store);
        command
    }

    /// The same about the flake in `folder`, with the stub in place of nixpkgs.
    pub(super) fn about(&self, folder: &Path, verb: &str, arguments: &[&str]) -> Command {
        let mut command = self.nix(verb, arguments);
        let stub = format!("path:{}", self.nixpkgs.display());
        command.current_dir(folder).args(["--no-write-lock-file", "--override-input", "nixpkgs", &stub]);
        command
    }

    /// Builds attributes of the flake in `folder`: where each one's output lies.
    pub(super) fn build(&self, folder: &Path, attributes: &[&str], more: &[&str]) -> Vec<PathBuf> {
        let asked: Vec<String> = attributes.iter().map(|attribute| format!("path:.#{attribute}")).collect();
        let mut arguments: Vec<&str> = asked.iter().map(String::as_str).collect();
        arguments.extend(["--no-link", "--json"]);
        arguments.extend(more);
        let built = json(&mut self.about(folder, "build", &arguments));
        let outputs: Vec<&str> =
            built.as_array().unwrap().iter().map(|one| one["outputs"]["out"].as_str().unwrap()).collect();
        // Nix answers in an order of its own; the name of a derivation stands behind the hash.
        let of = |attribute: &str| {
            let version = format!("{attribute}-{}", env!("CARGO_PKG_VERSION"));
            let found = outputs.iter().find(|path| {
                let name = path.split_once('-').unwrap().1;
                name == attribute || name == version
            });
            self.inside(found.unwrap_or_else(|| panic!("{attribute}: {outputs:?}")))
        };
        attributes.iter().map(|attribute| of(attribute)).collect()
    }

    /// Where a store path really lies.
    pub(super) fn inside(&self, path: &str) -> PathBuf {
        self.store.join(path.trim_start_matches('/'))
    }

    /// The value of an attribute of the flake in `folder`, after `apply`.
    pub(super) fn eval(&self, folder: &Path, attribute: &str, apply: &str) -> Value {
        let attribute = format!("path:.#{attribute}");
        json(&mut self.about(folder, "eval", &[&attribute, "--json", "--apply", apply]))
    }

    /// `nix hash path`.
    pub(super) fn hash(&self, path: &Path) -> String {
        let output = run(Command::new(&self.program)
            .env("NIX_CONFIG", "experimental-features = nix-command")
            .args(["hash", "path"])
            .arg(path));
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// What a command prints, as JSON.
pub(super) fn json(command: &mut Command) -> Value {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{command:?}: {why}"))
}
