//! `manifest.json`: what was built, from what.
//!
//! Holds no time, host or path of the machine that built, so that equal inputs give an equal manifest. The
//! inputs are named per file and without digests of their own: a build of some nodes keeps the entries of the others,
//! whose inputs may have changed since.

use super::nar;
use crate::model::artifact::{Artifact, NodeOutput, complete};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Version of the format; it changes when a key changes its meaning.
pub const FORMAT: u32 = 1;

/// The format of manifests that do not name theirs.
fn first() -> u32 {
    1
}

/// What a build wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the bake that wrote it.
    pub bake: String,
    /// Version of this format: [`FORMAT`].
    #[serde(default = "first")]
    pub format: u32,
    /// The nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// What is about all nodes together: the summary, and what makes the machines once all of them are built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}

/// What was written for the cluster as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The files by path below the output.
    pub files: BTreeMap<String, File>,
}

impl From<&[Artifact]> for Cluster {
    fn from(artifacts: &[Artifact]) -> Self {
        Self { files: artifacts.iter().map(|artifact| (artifact.path.clone(), File::from(artifact))).collect() }
    }
}

/// What was written for one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Operating system, as the profile writes it.
    pub os: String,
    /// Changes exactly when the contents do; see [`instance_id`].
    pub instance_id: String,
    /// What `nix hash path` says of the node's folder; absent in manifests of older versions.
    #[serde(rename = "narHash", default, skip_serializing_if = "Option::is_none")]
    pub nar_hash: Option<String>,
    /// Files on the machine that carry secrets, with the numbers of their lines that do; no number means all lines.
    /// Absent in manifests of before: then every file that only its owner may read is taken for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<BTreeMap<String, Vec<usize>>>,
    /// Its files by path below the node's folder.
    pub files: BTreeMap<String, File>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// SHA-256 of the contents in hexadecimal.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
    /// Permissions in octal: `0644`, or `0600` when it carries a secret.
    pub mode: String,
    /// Files of the project that it was made from, sorted.
    pub inputs: Vec<String>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { bake: env!("CARGO_PKG_VERSION").to_owned(), format: FORMAT, nodes: BTreeMap::new(), cluster: None }
    }
}

impl Manifest {
    /// Reads a manifest; the error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            bake: String,
            #[serde(default = "first")]
            format: u32,
        }
        // Whatever else a later format may hold, these two it has.
        let Version { bake, format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if format != FORMAT {
            return Err(format!("it has format {format}, written by bake {bake}; this one reads format {FORMAT}"));
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// The manifest as a file: sorted, indented by two, one newline at the end.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl From<&NodeOutput> for Node {
    fn from(node: &NodeOutput) -> Self {
        let files = node.artifacts.iter().map(|artifact| (artifact.path.clone(), File::from(artifact)));
        let contents = node.artifacts.iter().map(|artifact| (artifact.path.as_str(), artifact.bytes.as_slice()));
        Self {
            os: node.os.to_owned(),
            instance_id: node.instance_id.clone(),
            nar_hash: Some(nar::hash(contents)),
            secrets: Some(node.secrets.clone()),
            files: files.collect(),
        }
    }
}

impl From<&Artifact> for File {
    fn from(artifact: &Artifact) -> Self {
        Self {
            sha256: sha256(&artifact.bytes),
            size: artifact.bytes.len() as u64,
            mode: if artifact.secret { "0600" } else { "0644" }.to_owned(),
            inputs: artifact.inputs.clone(),
        }
    }
}

impl File {
    /// How a file on disk differs from this entry, in words; empty when it does not.
    ///
    /// A file that nobody may write (as in a Nix store) is as good as one its owner may.
    pub fn differences(&self, bytes: &[u8], mode: u32) -> Vec<String> {
        let mut found = Vec::new();
        let (size, digest) = (bytes.len() as u64, sha256(bytes));
        if size != self.size {
            found.push(format!("has {size} bytes instead of {}", self.size));
        } else if digest != self.sha256 {
            found.push(format!("has SHA-256 `{digest}` instead of `{}`", self.sha256));
        }
        match u32::from_str_radix(&self.mode, 8) {
            Ok(expected) if mode == expected || mode == expected & !0o222 => {}
            _ => found.push(format!("has mode `{mode:04o}` instead of `{}`", self.mode)),
        }
        found
    }
}

/// Files that do not count towards the instance-id, and why.
const UNCOUNTED: &[(&str, &str)] = &[
    ("meta-data", "it holds the instance-id itself"),
    ("seed.iso", "it is made from the others, `meta-data` among them"),
];

/// `<node>-<16 hexadecimal digits>` from the contents of all files of a node but `meta-data` and `seed.iso`.
///
/// cloud-init runs its per-instance steps again when this changes. Path and length go into the digest with the
/// bytes, so that moving text from one file to the next changes it. A file with gaps counts under its own name.
pub fn instance_id<'a>(node: &str, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let counts = |(path, _): &(&str, &[u8])| UNCOUNTED.iter().all(|(name, _)| name != path);
    let sorted: BTreeMap<&str, &[u8]> =
        files.into_iter().map(|(path, bytes)| (complete(path), bytes)).filter(counts).collect();
    let mut hash = Sha256::new();
    for (path, bytes) in sorted {
        for part in [path.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    let mut id = format!("{node}-{}", hex(&hash.finalize()));
    id.truncate(node.len() + 17);
    id
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeOutput {
        let artifact = |path: &str, text: &str, secret| Artifact {
            path: path.to_owned(),
            bytes: text.as_bytes().to_vec(),
            secret,
            inputs: vec!["profiles/cluster.yaml".to_owned()],
        };
        NodeOutput {
            name: "n".to_owned(),
            os: "almalinux",
            instance_id: "n-0".to_owned(),
            artifacts: vec![artifact("meta-data", "m", false), artifact("user-data", "", true)],
            secrets: BTreeMap::from([("/etc/x".to_owned(), vec![3])]),
        }
    }

    #[test]
    fn the_text() {
        let manifest = Manifest {
            bake: "9".to_owned(),
            format: FORMAT,
            nodes: BTreeMap::from([("n".to_owned(), Node::from(&node()))]),
            cluster: None,
        };
        let expected = r#"{
  "bake": "9",
  "format": 1,
  "nodes": {
    "n": {
      "os": "almalinux",
      "instance_id": "n-0",
      "narHash": "sha256-hc13y7Mbe5DyEnBMolr3s5sgFe7bLJcB83zsc5k8mT4=",
      "secrets": {
        "/etc/x": [
          3
        ]
      },
      "files": {
        "meta-data": {
          "sha256": "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a",
          "size": 1,
          "mode": "0644",
          "inputs": [
            "profiles/cluster.yaml"
          ]
        },
        "user-data": {
          "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "size": 0,
          "mode": "0600",
          "inputs": [
            "profiles/cluster.yaml"
          ]
        }
      }
    }
  }
}
"#;
        assert_eq!(manifest.to_text(), expected);
        assert_eq!(Manifest::parse(expected.as_bytes()), Ok(manifest));
        assert!(Manifest::parse(br#"{"name": "a web app"}"#).is_err());
        assert!(Manifest::parse(b"").is_err());
        let before = expected.replace("  \"format\": 1,\n", "");
        assert_eq!(Manifest::parse(before.as_bytes()), Manifest::parse(expected.as_bytes()));
        let later = Manifest::parse(br#"{"bake": "10", "format": 2, "more": []}"#);
        assert_eq!(later, Err("it has format 2, written by bake 10; this one reads format 1".to_owned()));
    }

    #[test]
    fn differences() {
        let file = File::from(&node().artifacts[1]);
        assert!(file.differences(b"", 0o600).is_empty());
        assert!(file.differences(b"", 0o400).is_empty());
        assert_eq!(file.differences(b"", 0o644), ["has mode `0644` instead of `0600`"]);
        assert_eq!(file.differences(b"x", 0o600), ["has 1 bytes instead of 0"]);
        let file = File::from(&node().artifacts[0]);
        assert_eq!(file.differences(b"n", 0o444).len(), 1);
    }

    #[test]
    fn the_instance_id_changes_exactly_with_the_contents() {
        let id = |files: &[(&'static str, &'static str)]| {
            instance_id("n", files.iter().map(|(path, text)| (*path, text.as_bytes())))
        };
        let base = id(&[("a", "1"), ("b", "2"), ("meta-data", "x")]);
        assert!(base.starts_with("n-") && base.len() == 18, "{base}");
        assert_eq!(base, id(&[("meta-data", "y"), ("b", "2"), ("a", "1"), ("seed.iso", "z")]));
        for other in [
            &[("a", "1"), ("b", "3")][..],
            &[("a", "1b"), ("b", "2")],
            &[("a", "1")],
            &[("a", "1"), ("c", "2")],
            &[("ab", "12")],
        ] {
            assert_ne!(base, id(other), "{other:?}");
        }
    }
}
