//! A copy of the repository's project that can be changed and built.

use crate::support::{bake, repository, run, said};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Project {
    scratch: tempfile::TempDir,
}

impl Project {
    pub fn new() -> Self {
        let scratch = tempfile::tempdir().expect("scratch folder");
        for part in ["profiles", "butane", "secrets"] {
            let output = run(Command::new("cp").arg("-r").arg(repository().join(part)).arg(scratch.path().join(part)));
            assert!(output.status.success(), "{}", said(&output));
        }
        Self { scratch }
    }

    /// One that is written for this generation of the provider.
    pub fn of(provider: &str) -> Self {
        let project = Self::new();
        let now = format!("terraform: {{provider: {provider}}}");
        project.edit("profiles/cluster.yaml", "terraform: {provider: 0.8.3}", &now);
        project
    }

    pub fn root(&self) -> &Path {
        self.scratch.path()
    }

    pub fn dist(&self) -> PathBuf {
        self.root().join("dist")
    }

    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.root().join(file);
        let text = fs::read_to_string(&path).expect(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(path, text.replacen(from, to, 1)).expect(file);
    }

    /// Runs bake and expects that it ends like this; what it said.
    pub fn ends(&self, arguments: &[&str], status: i32) -> String {
        let output = run(bake().current_dir(self.root()).args(arguments));
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    pub fn build(&self) {
        self.ends(&["build"], 0);
    }

    pub fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.dist().join(file)).expect(file)).expect("JSON")
    }
}

/// Both generations of the provider, as the profile names them.
pub const PROVIDERS: [&str; 2] = ["0.8.3", "0.9"];
