//! What several tests need: the built cluster, engines, and a clear word when an engine is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The `bake` that is being tested.
pub fn bake() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bake"))
}

/// Whether this run must have every engine (continuous integration says so).
pub fn engines_required() -> bool {
    std::env::var_os("BAKE_ENGINES").is_some_and(|value| value == "required")
}

/// Says that a test was skipped, or fails where nothing may be skipped.
pub fn skip(why: &str) {
    assert!(!engines_required(), "BAKE_ENGINES=required, but {why}");
    eprintln!("skipped: {why}");
}

/// A program by name, looked up in PATH and in the folders of system programs; skips when it is not there.
pub fn engine(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/lib/dracut/modules.d/30ignition", "/lib/systemd"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(system).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("`{name}` is not installed (see tests/engines/packages.txt)"));
    }
    found
}

/// Whether we are root, which namespaces with real daemons need; skips when not.
pub fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("this needs root");
    }
    root
}

/// Runs to the end and returns everything that was printed.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Standard output and error together, for messages.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Every project of the repository: its own cluster, then the examples by name.
pub fn projects() -> Vec<(String, PathBuf)> {
    let examples = std::fs::read_dir(repository().join("examples")).expect("examples");
    let paths =
        examples.map(|entry| entry.expect("entry").path()).filter(|path| path.join("profiles/cluster.yaml").is_file());
    let mut found: Vec<(String, PathBuf)> =
        paths.map(|path| (path.file_name().expect("name").to_str().expect("UTF-8").to_owned(), path)).collect();
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    found.insert(0, ("microcloud".to_owned(), repository().to_owned()));
    found
}

/// The projects, and the one of the tests' own that runs every role on the systems that the others do not.
pub fn all_projects() -> Vec<(String, PathBuf)> {
    let mut all = projects();
    all.push(("other-systems".to_owned(), repository().join("tests/projects/other-systems")));
    all
}

/// All clusters of the repository, built once per test run, and the trees that their nodes would get.
pub struct Built {
    _scratch: tempfile::TempDir,
    /// The projects' outputs by name.
    pub dist: PathBuf,
    /// The nodes' trees below the projects' names.
    pub trees: PathBuf,
}

impl Built {
    /// The nodes of all projects, as `project/node`, sorted within each.
    pub fn nodes(&self) -> Vec<String> {
        all_projects().into_iter().flat_map(|(project, _)| self.nodes_of(&project)).collect()
    }

    fn nodes_of(&self, project: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.dist.join(project)).expect("dist").map(|entry| entry.expect("entry"));
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().join("meta-data").exists() || entry.path().join("config.ign").exists())
            .map(|entry| format!("{project}/{}", entry.file_name().to_str().expect("UTF-8")))
            .collect();
        names.sort();
        names
    }

    /// Every file called `name` at `path` in the nodes' trees, with the node.
    pub fn each(&self, path: &str) -> Vec<(String, PathBuf)> {
        let found = self.nodes().into_iter().map(|node| {
            let file = self.trees.join(&node).join(path);
            (node, file)
        });
        found.filter(|(_, file)| file.exists()).collect()
    }
}

/// Builds every cluster with the real binary and lays out its files. `None` without Python and PyYAML.
pub fn built() -> Option<&'static Built> {
    static BUILT: OnceLock<Option<Built>> = OnceLock::new();
    BUILT.get_or_init(build).as_ref()
}

fn build() -> Option<Built> {
    let python = python()?;
    let scratch = tempfile::tempdir().expect("scratch folder");
    let (dist, trees) = (scratch.path().join("dist"), scratch.path().join("trees"));
    for (name, project) in all_projects() {
        let output = run(bake().current_dir(&project).args(["build", "--out"]).arg(dist.join(&name)));
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
    let built = Built { _scratch: scratch, dist, trees };
    for node in built.nodes() {
        let tree = built.trees.join(&node);
        std::fs::create_dir_all(&tree).expect("tree");
        let mut extract = Command::new(&python);
        extract.arg(repository().join("tests/engines/extract.py")).arg(built.dist.join(&node)).arg(&tree);
        let output = run(&mut extract);
        assert!(output.status.success(), "{node}: {}", said(&output));
    }
    Some(built)
}

/// A Python that has PyYAML; skips when there is none.
pub fn python() -> Option<PathBuf> {
    let usable = |path: &PathBuf| {
        path.is_file() && Command::new(path).args(["-c", "import yaml"]).output().is_ok_and(|out| out.status.success())
    };
    let found = ["/usr/bin/python3", "/usr/local/bin/python3"].map(PathBuf::from).into_iter().find(usable);
    if found.is_none() {
        skip("no Python with PyYAML (python3-yaml)");
    }
    found
}

/// Podman's quadlet generator, from this machine or, once per test run, from the next Debian release.
pub fn quadlet() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find_quadlet).as_deref()
}

fn find_quadlet() -> Option<PathBuf> {
    if engine("apt-get").is_none() || engine("dpkg-deb").is_none() {
        return None;
    }
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("quadlet");
    let output = run(Command::new(repository().join("tests/engines/quadlet.sh")).arg(cache));
    if !output.status.success() {
        skip(&format!("quadlet cannot be had: {}", said(&output)));
        return None;
    }
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// An Ignition config as JSON, read field by field through the model's own description of itself.
pub fn ignition_json(value: &dyn bake::model::shape::Field) -> serde_json::Value {
    use bake::model::shape::Shape;
    match value.shape() {
        Shape::Absent => serde_json::Value::Null,
        Shape::Bool(value) => value.into(),
        Shape::Integer(value) => value.into(),
        Shape::Text(value) => value.into(),
        Shape::List(list) => {
            let mut values = Vec::new();
            list.each(&mut |_, value| values.push(ignition_json(value)));
            values.into()
        }
        Shape::Record(record) => {
            let mut fields = serde_json::Map::new();
            record.each(&mut |name, required, value| {
                if required || !value.is_empty() {
                    fields.insert(name.to_owned(), ignition_json(value));
                }
            });
            fields.into()
        }
    }
}
