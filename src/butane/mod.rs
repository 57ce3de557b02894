//! The Butane compiler as a library: text in, Ignition config and report out.
//!
//! ```
//! let text = b"variant: flatcar\nversion: 1.1.0\nkernel_arguments: {should_exist: [quiet]}\n";
//! let compiled = bake::butane::compile("example.bu", text, &mut |_| bake::butane::Locals::default());
//! assert!(compiled.report.is_empty());
//! let json = compiled.json(false).unwrap_or_default();
//! assert_eq!(json, r#"{"ignition":{"version":"3.4.0"},"kernelArguments":{"shouldExist":["quiet"]}}"#);
//! ```

mod advice;

pub use advice::{diagnostic, refused};

use crate::diag::{Diagnostic, Severity, Sink, Sources, Span};
use crate::load::butane::{Dialect, decode, header};
use crate::load::yaml::{Content, Document, Style, readable};
use crate::lower::butane::{Remark, Translation, explain, translate, wanted};
pub use crate::lower::data_url::Packer;
use crate::model::ignition::Config;
pub use crate::model::local::{LocalError, LocalFile, Locals, TreeNode, Wanted};
use crate::model::report::Failure;
pub use crate::model::report::{Entry, Kind};
use crate::model::shape::populated;
use crate::model::{Part, Path, butane};
use crate::spec::{Spec, fields, normal_version};
use std::fmt;

/// What came of a config.
#[derive(Debug)]
pub struct Compiled {
    /// The Ignition config, unless there is a failure.
    pub config: Option<Config>,
    /// Errors and warnings, in the words of the reference compiler.
    pub report: Vec<Entry>,
    /// What the reference accepts without a word and probably was not meant.
    pub notes: Vec<Entry>,
    /// Why there is no config.
    pub failure: Option<Refusal>,
    /// The version that the config names.
    pub spec: Option<&'static Spec>,
    /// The text as it was understood: positions in the report refer to it.
    pub sources: Sources,
}

impl Compiled {
    /// The Ignition config as JSON, without a line end behind it.
    pub fn json(&self, pretty: bool) -> Option<String> {
        self.config.as_ref().map(|config| crate::emit::json::ignition(config, pretty))
    }
}

impl Compiled {
    /// The findings for people, with advice. Warnings stay warnings.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.findings(&self.report)
    }

    /// [`Compiled::notes`] for people.
    pub fn advice(&self) -> Vec<Diagnostic> {
        let spec = self.spec.unwrap_or(&crate::spec::SPECS[0]);
        let note = |entry: &Entry| Diagnostic { severity: Severity::Note, ..diagnostic(entry, spec) };
        self.notes.iter().map(note).collect()
    }

    fn findings(&self, report: &[Entry]) -> Vec<Diagnostic> {
        let mut all = Vec::new();
        for entry in report {
            let mut finding = diagnostic(entry, self.spec.unwrap_or(&crate::spec::SPECS[0]));
            finding.severity = match entry.kind {
                Kind::Error => Severity::Error,
                Kind::Warning => Severity::Warning,
                Kind::Info => Severity::Note,
            };
            all.push(finding);
        }
        if let (Some(refusal), Some((file, _))) = (&self.failure, self.sources.iter().next()) {
            all.extend(refused(refusal, file));
        }
        all
    }
}

/// Why a config was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The text is no YAML, or values have wrong types; `first` if the version was not known yet.
    Unreadable {
        /// What is wrong.
        failure: Failure,
        /// Whether that was found while looking for the version.
        first: bool,
    },
    /// No variant is named.
    NoVariant,
    /// The version is not a version.
    NoVersion,
    /// There is no such variant or version.
    Unknown {
        /// The variant.
        variant: String,
        /// The version.
        version: String,
    },
    /// The variant was given up.
    Removed,
    /// The report says why.
    Invalid(crate::lower::butane::Stop),
}

impl fmt::Display for Refusal {
    /// In the words of the reference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { failure, first: true } => write!(f, "Error unmarshaling yaml: {failure}"),
            Self::Unreadable { failure, first: false } => failure.fmt(f),
            Self::NoVariant => f.write_str("error parsing variant; must be specified"),
            Self::NoVersion => f.write_str("error parsing version; must be a valid semver"),
            Self::Unknown { variant, version } => {
                write!(f, "No translator exists for variant {variant} with version {version}")
            }
            Self::Removed => f.write_str(
                "rhcos variant has been removed; use openshift variant instead: https://coreos.github.io/butane/upgrading-openshift/",
            ),
            Self::Invalid(stop) => stop.fmt(f),
        }
    }
}

/// Compiles a config. `read` is asked once for all the local files that it refers to.
///
/// `name` is what findings call the text.
pub fn compile(name: &str, bytes: &[u8], read: &mut dyn FnMut(&Wanted) -> Locals) -> Compiled {
    let mut sources = Sources::default();
    let mut report = Vec::new();
    let mut spec = None;
    let mut notes = Vec::new();
    let config = run(name, bytes, read, &mut sources, &mut report, &mut spec, &mut notes);
    let (config, failure) = match config {
        Ok(config) => (Some(config), None),
        Err(refusal) => (None, Some(refusal)),
    };
    Compiled { config, report, notes, failure, spec, sources }
}

fn run(
    name: &str,
    bytes: &[u8],
    read: &mut dyn FnMut(&Wanted) -> Locals,
    sources: &mut Sources,
    report: &mut Vec<Entry>,
    named: &mut Option<&'static Spec>,
    notes: &mut Vec<Entry>,
) -> Result<Config, Refusal> {
    let unreadable = |failure: Failure| Refusal::Unreadable { failure, first: true };
    let readable = readable(bytes);
    let file = sources.add(name, readable.text.as_str());
    let document = Document::parse_readable(file, &readable).map_err(|error| unreadable(error.into()))?;
    let spec = version(&document)?;
    *named = Some(spec);
    let decoded = decode::<butane::Config>(&document, &Language::of(spec));
    report.extend(decoded.report);
    let config = match (decoded.value, decoded.failure) {
        (_, Some(failure)) => return Err(Refusal::Unreadable { failure, first: false }),
        (Some(config), None) => config,
        // An empty text names no variant and does not come here.
        (None, None) => return Err(Refusal::NoVariant),
    };
    let locals = read(&wanted(&config));
    notes.extend(locate(&explain(&config, spec, &locals), &document));
    notes.extend(dropped(&document));
    let translation = translate(config, spec, &locals, &mut Packer::new());
    report.extend(entries(&translation, &document));
    translation.config.map_err(Refusal::Invalid)
}

/// The specification that a document says it follows.
pub fn version(document: &Document) -> Result<&'static Spec, Refusal> {
    let header = header(document).map_err(|failure| Refusal::Unreadable { failure, first: true })?;
    let variant = header.variant.map(|variant| variant.value).unwrap_or_default();
    if variant.is_empty() {
        return Err(Refusal::NoVariant);
    }
    let version = header.version.map(|version| version.value).unwrap_or_default();
    let Some(version) = normal_version(&version) else { return Err(Refusal::NoVersion) };
    if variant == "rhcos" && version == "0.1.0" {
        return Err(Refusal::Removed);
    }
    Spec::find(&variant, &version).ok_or(Refusal::Unknown { variant, version })
}

/// What was found in a translation, with places in the document that it was made of.
pub fn entries(translation: &Translation, document: &Document) -> Vec<Entry> {
    locate(&translation.remarks, document)
}

fn locate(remarks: &[Remark], document: &Document) -> Vec<Entry> {
    let entry = |remark: &Remark| {
        let key = remark.key.then(|| document.find_key(&remark.path)).flatten();
        let node = key.or_else(|| document.find(&remark.path)).map(|id| document.node(id));
        Entry {
            kind: remark.kind,
            message: remark.message.clone().into_owned(),
            path: remark.path.clone(),
            at: node.map(|node| node.at),
            span: node.map(|node| node.span),
        }
    };
    remarks.iter().map(entry).collect()
}

/// Elements of lists that are not written: the reference leaves them out, and what follows moves up.
fn dropped(document: &Document) -> Vec<Entry> {
    let mut found = Vec::new();
    for items in document.lists() {
        for id in items {
            let node = document.node(*id);
            let nothing = matches!(&node.content, Content::Scalar { text, style: Style::Plain } if text.is_empty() || &**text == "~" || &**text == "null");
            if nothing && node.tag.is_none() {
                let message = "an empty element of a list is left out".to_owned();
                let (at, span) = (Some(node.at), Some(node.span));
                found.push(Entry { kind: Kind::Info, message, path: Path::root(), at, span });
            }
        }
    }
    found
}

/// The keys that a version has, for the reader.
#[derive(Debug, Clone)]
pub struct Language {
    spec: &'static Spec,
    /// The keys of the union that the version lacks, by path: few, so that looking through them is quick.
    lacks: Vec<&'static str>,
}

impl Language {
    /// The language of a version.
    pub fn of(spec: &'static Spec) -> Self {
        Self { spec, lacks: fields::lacking(spec).collect() }
    }
}

impl Dialect for Language {
    fn known(&self, path: &[&str], key: &str) -> bool {
        !self.lacks.iter().any(|row| {
            let above = row.strip_suffix(key);
            above.is_some_and(|above| {
                above.split_terminator('.').eq(path.iter().copied()) && !above.ends_with(|c| c != '.')
            })
        })
    }

    fn nullable(&self, path: &[&str]) -> bool {
        self.spec.nullable(path)
    }

    fn type_name(&self, path: &[&str], name: &str) -> String {
        let element = name.trim_start_matches("[]");
        let list = &name[..name.len() - element.len()];
        let element = self.spec.type_name(path, element);
        if element.starts_with(|c: char| c.is_ascii_lowercase()) {
            return name.to_owned();
        }
        format!("{list}{}.{element}", self.spec.package(element))
    }
}

/// Turns a translated document into what it contributes to a node. The version that the document targets is left
/// out: the node has its own.
pub fn part(translation: Translation, document: &Document) -> Option<Part> {
    let Translation { config, origins, secret_files, .. } = translation;
    let mut config = config.ok()?;
    config.ignition.version.clear();
    let mut part = Part { secret_files: secret_files.into_iter().collect(), ..Part::default() };
    part.trace.set(Path::root(), Span::whole(document.file));
    populated(&config, &mut |steps, _| {
        let path = Path::root().below(steps);
        if let Some(span) = document.locate(&origins.of(&path)) {
            part.trace.set(path, span);
        }
    });
    part.config = config;
    Some(part)
}

/// Compiles a document whose placeholders are filled in, as `bake build` does: strictly, and into a part of a node.
/// `None` means that errors were reported.
pub fn fragment(document: &Document, locals: &Locals, packer: &mut Packer, sink: &mut Sink) -> Option<Part> {
    let spec = match version(document) {
        Ok(spec) => spec,
        Err(refusal) => return refuse(&refusal, document, sink),
    };
    let before = sink.errors();
    let decoded = decode::<butane::Config>(document, &Language::of(spec));
    for entry in &decoded.report {
        sink.push(diagnostic(entry, spec));
    }
    if let Some(failure) = decoded.failure {
        return refuse(&Refusal::Unreadable { failure, first: false }, document, sink);
    }
    let config = decoded.value?;
    let notes = explain(&config, spec, locals);
    for entry in locate(&notes, document).into_iter().chain(dropped(document)) {
        sink.push(diagnostic(&entry, spec));
    }
    let translation = translate(config, spec, locals, packer);
    for entry in entries(&translation, document) {
        sink.push(diagnostic(&entry, spec));
    }
    part(translation, document).filter(|_| sink.errors() == before)
}

fn refuse(refusal: &Refusal, document: &Document, sink: &mut Sink) -> Option<Part> {
    for finding in refused(refusal, document.file) {
        sink.push(finding);
    }
    None
}

/// Reads local files from a directory of the disk, as the reference's `--files-dir` does.
pub fn locals_from(directory: Option<&str>) -> impl FnMut(&Wanted) -> Locals {
    move |wanted| crate::world::local::read(wanted, directory)
}

pub use crate::world::local::{describe, read_input, write_output};
