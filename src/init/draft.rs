//! A project in memory, before it is written.

use super::marks::{self, Mark};
use super::renumber::renumber;
use super::{embedded, words};
use crate::world::fresh::NewFile;
use crate::world::memory::MemoryWorld;
use crate::world::output::{PUBLIC, SECRET};
use crate::{Plan, Request};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

/// How an example names the repository as its library.
pub(super) const LIBRARY: &str = "../..";

/// The folder of the profiles, which hold the marks.
const PROFILES: &str = "profiles/";

/// Stands for a secret that was not brought along.
const NOBODYS: &[u8] = b"FAKE-replace-me\n";

/// A value to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its name, as in `--set KEY=VALUE`.
    pub key: String,
    /// What it is.
    pub text: String,
    /// Its value now; of a secret, the file that has it.
    pub value: String,
    /// Where it is marked: path and line.
    pub place: (String, usize),
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether what stands there is nobody's: a machine must not boot with it.
    pub fake: bool,
}

/// A project of somebody's own.
#[derive(Clone)]
pub struct Draft {
    files: BTreeMap<String, Vec<u8>>,
    summary: String,
}

impl std::fmt::Debug for Draft {
    /// Paths only: a secret may have been set.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.files.keys()).finish()
    }
}

impl Draft {
    /// The example of this name with its library's files in the places where its own would be. `None` when there is no
    /// such example.
    pub fn from_example(name: &str) -> Option<Self> {
        let example = super::examples().into_iter().find(|example| example.name == name)?;
        let plan = crate::plan(&embedded::world(name), &request());
        let own: BTreeMap<_, _> = embedded::files(name).collect();
        let library: BTreeMap<_, _> = embedded::files(embedded::OWN).collect();
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for path in plan.inputs() {
            let shared = path.strip_prefix(LIBRARY).and_then(|rest| rest.strip_prefix('/'));
            let bytes = shared.map_or_else(|| own.get(path.as_str()), |path| library.get(path));
            let path = shared.unwrap_or(&path).to_owned();
            files.insert(path.clone(), alone(&path, bytes?));
        }
        files.extend(
            crate::schemas()
                .filter_map(|kind| Some((format!("schema/{kind}.json"), crate::schema(kind)?.into_bytes()))),
        );
        let mut draft = Self { files, summary: example.summary };
        let secrets: Vec<String> =
            draft.marks().iter().filter_map(|(_, mark)| Some(secret(mark)?.to_owned())).collect();
        for path in secrets {
            // Not there if it was somebody's own when this program was made.
            let fake = own.get(path.as_str()).map_or(NOBODYS, |bytes| *bytes);
            draft.files.insert(path, fake.to_vec());
        }
        Some(draft)
    }

    /// The values to change, in the order in which they are marked.
    pub fn questions(&self) -> Vec<Question> {
        let mut found: Vec<Question> = Vec::new();
        for (path, mark) in self.marks() {
            let Some(text) = mark.text.clone().filter(|_| found.iter().all(|known| known.key != mark.key)) else {
                continue;
            };
            let file = secret(&mark).and_then(|path| self.files.get(path));
            let held = file.map_or_else(|| mark.value.clone().into_bytes(), Clone::clone);
            let lines = self.text(path)[..mark.at.start].matches('\n').count();
            found.push(Question {
                value: secret(&mark).map_or_else(|| mark.value.clone(), str::to_owned),
                secret: file.is_some(),
                fake: is_fake(&String::from_utf8_lossy(&held)),
                place: (path.to_owned(), lines + 1),
                key: mark.key,
                text,
            });
        }
        found
    }

    /// Sets a value wherever it is marked. A network takes all addresses in it along.
    ///
    /// # Errors
    /// Why it cannot be that, in words. Whether it makes sense in the project is for [`Self::plan`] to say.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let (value, marks) = (value.trim(), self.marks());
        let Some((_, mark)) = marks.iter().find(|(_, mark)| mark.key == key) else {
            return Err(format!("no value is called `{key}`"));
        };
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(format!("`{key}` takes one line of text"));
        }
        if let Some(path) = secret(mark) {
            self.files.insert(path.to_owned(), format!("{value}\n").into_bytes());
            return Ok(());
        }
        let networks = match mark.value.parse::<Ipv4Net>() {
            Ok(old) => Some((old, network(value, old)?)),
            Err(_) => None,
        };
        let mut changed = Vec::new();
        for path in self.files.keys().filter(|path| path.starts_with(PROFILES)) {
            let text = self.text(path);
            let text = match networks {
                None => marks::replace(&text, key, value),
                Some((old, new)) => renumber(&text, old, new)
                    .map_err(|address| format!("`{new}` has no room for the counterpart of `{address}`"))?,
            };
            changed.push((path.clone(), text.into_bytes()));
        }
        self.files.extend(changed);
        Ok(())
    }

    /// The project as it is now, read as any other.
    pub fn plan(&self) -> Plan {
        let mut world = MemoryWorld::new();
        for (path, bytes) in &self.files {
            world.file(path.as_str(), bytes.as_slice());
        }
        crate::plan(&world, &request())
    }

    /// Everything that is to be written, by path.
    pub fn files(&self) -> Vec<NewFile> {
        let questions = self.questions();
        let secrets: Vec<&Question> = questions.iter().filter(|question| question.secret).collect();
        let name = questions.iter().find(|question| question.key == "name").map_or("cluster", |name| &name.value);
        let mut all = self.files.clone();
        all.insert("README.md".to_owned(), words::readme(name, &self.summary, &secrets).into_bytes());
        all.insert(".gitignore".to_owned(), words::IGNORED.as_bytes().to_vec());
        let file = |(path, bytes): (String, Vec<u8>)| {
            let mode = if secrets.iter().any(|secret| secret.value == path) { SECRET } else { PUBLIC };
            NewFile { path, bytes, mode }
        };
        all.into_iter().map(file).collect()
    }

    fn marks(&self) -> Vec<(&str, Mark)> {
        let profiles = self.files.keys().filter(|path| path.starts_with(PROFILES));
        profiles
            .flat_map(|path| marks::find(&self.text(path)).into_iter().map(move |mark| (path.as_str(), mark)))
            .collect()
    }

    fn text(&self, path: &str) -> String {
        self.files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }
}

/// A network in the place of `old`.
fn network(value: &str, old: Ipv4Net) -> Result<Ipv4Net, String> {
    let new: Ipv4Net = value.parse().map_err(|_| format!("`{value}` is no network such as `{old}`"))?;
    let whole = new.trunc();
    if whole == new { Ok(new) } else { Err(format!("`{value}` has host bits set; the network is `{whole}`")) }
}

fn request() -> Request {
    Request { profiles: "profiles".to_owned(), nodes: Vec::new() }
}

/// The file of the secret that a mark is about.
fn secret(mark: &Mark) -> Option<&str> {
    mark.value.strip_prefix("file:")
}

/// Whether a value says so itself, in letters or in base64.
fn is_fake(value: &str) -> bool {
    value.to_ascii_lowercase().contains("fake") || value.contains("RkFLR")
}

/// A file of an example as one of a project that stands alone: no library, and the schemas beside it.
fn alone(path: &str, bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let up = "../".repeat(path.matches('/').count());
    let line = |line: &str| match line.split_once("$schema=") {
        Some((start, rest)) if line.starts_with("# yaml-language-server:") => {
            let name = rest.rsplit('/').next().unwrap_or_default();
            format!("{start}$schema={up}schema/{name}")
        }
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').filter(|line| !line.starts_with("library:")).map(line).collect::<String>().into_bytes()
}
