//! Butane to Ignition, as the reference compiler does it, whatever the version.
//!
//! 1. `check` looks at the Butane config.
//! 2. `convert` makes an Ignition config of it; `mount`, `tree`, `quadlet`, `boot` and `grub` add what
//!    Butane's own words stand for.
//! 3. [`crate::lower::ignition`] looks at the result; its findings travel back by [`Origins`].

mod boot;
mod check;
mod convert;
mod explain;
mod grub;
mod mount;
mod origins;
mod quadlet;
mod resource;
mod tree;
mod wanted;

pub use explain::explain;
pub use origins::{Origins, snake};
pub use wanted::wanted;

use crate::lower::data_url::Packer;
use crate::lower::ignition;
use crate::model::butane;
use crate::model::ignition::Config;
use crate::model::local::Locals;
use crate::model::path::Path;
use crate::model::report::Kind;
use crate::model::shape::{Field, Shape};
use crate::spec::{Spec, fields};
use std::borrow::Cow;

/// Something to say about a config, at a path of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// How bad it is.
    pub kind: Kind,
    /// What it is about: a Butane path, or one of an embedded Ignition config.
    pub path: Path,
    /// What it is, in the words of the reference.
    pub message: Cow<'static, str>,
    /// Whether the last step of the path is about the key itself rather than its value.
    pub key: bool,
    /// Whether the path is one of the Ignition config.
    ignition: bool,
}

/// What was said so far.
#[derive(Debug, Default)]
pub(crate) struct Remarks(Vec<Remark>);

impl Remarks {
    /// An error at a Butane path.
    pub(crate) fn error(&mut self, path: Path, message: impl Into<Cow<'static, str>>) {
        self.0.push(Remark { kind: Kind::Error, path, message: message.into(), key: false, ignition: false });
    }

    /// A warning at a Butane path.
    pub(crate) fn warn(&mut self, path: Path, message: impl Into<Cow<'static, str>>) {
        self.0.push(Remark { kind: Kind::Warning, path, message: message.into(), key: false, ignition: false });
    }

    /// A warning about a key.
    pub(crate) fn warn_key(&mut self, path: Path, message: String) {
        self.0.push(Remark { kind: Kind::Warning, path, message: message.into(), key: true, ignition: false });
    }

    /// A warning at an Ignition path.
    fn warn_result(&mut self, path: Path, message: &'static str) {
        self.0.push(Remark { kind: Kind::Warning, path, message: message.into(), key: false, ignition: true });
    }

    fn failed(&self) -> bool {
        self.0.iter().any(|remark| remark.kind == Kind::Error)
    }
}

/// Why nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The Butane config is wrong.
    Source,
    /// What was made of it is wrong.
    Result,
}

impl std::fmt::Display for Stop {
    /// In the words of the reference.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source config is invalid",
            Self::Result => "config generated was invalid",
        })
    }
}

/// A translated config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The Ignition config, at the version that the specification targets; or why there is none.
    pub config: Result<Config, Stop>,
    /// Where its fields came from.
    pub origins: Origins,
    /// What was found, at Butane paths.
    pub remarks: Vec<Remark>,
    /// Butane paths of local files that were used, with the Ignition path of the file that they went into,
    /// where there is a secret in them.
    pub secret_files: Vec<String>,
}

/// Translates a config of version `spec`, with the local files that [`wanted()`] says it needs. The `packer` may have
/// served other configs; it only saves time.
pub fn translate(config: butane::Config, spec: &'static Spec, locals: &Locals, packer: &mut Packer) -> Translation {
    let mut work = Work {
        spec,
        locals,
        origins: Origins::default(),
        remarks: Remarks::default(),
        packer,
        secret_files: Vec::new(),
    };
    let config = work.run(config);
    let Work { origins, mut remarks, secret_files, .. } = work;
    for remark in &mut remarks.0 {
        if remark.ignition {
            remark.path = origins.of(&remark.path);
            remark.ignition = false;
        }
    }
    Translation { config, origins, remarks: remarks.0, secret_files }
}

/// What the steps of a translation share.
struct Work<'a> {
    spec: &'static Spec,
    locals: &'a Locals,
    origins: Origins,
    remarks: Remarks,
    packer: &'a mut Packer,
    secret_files: Vec<String>,
}

impl Work<'_> {
    fn run(&mut self, source: butane::Config) -> Result<Config, Stop> {
        check::config(&source, self.spec, &mut self.remarks);
        if self.remarks.failed() {
            return Err(Stop::Source);
        }
        let sugar = convert::Sugar::of(&source);
        let mut config = self.convert(source);
        self.mount_units(&sugar, &mut config);
        self.trees(&sugar, &mut config);
        self.quadlets(&sugar, &mut config);
        if self.remarks.failed() {
            return Err(Stop::Source);
        }
        self.boot_device(&sugar, &mut config);
        self.reserved_labels(&config);
        self.grub(&sugar, &mut config);
        if self.remarks.failed() {
            return Err(Stop::Source);
        }
        if let Some((path, message)) = fields::refused(self.spec) {
            let keys: Vec<&str> = path.split('.').collect();
            self.refuse(&config, &keys, &mut Vec::new(), message);
            if self.remarks.failed() {
                return Err(Stop::Source);
            }
        }
        ignition::check(&config, self.spec.target, &mut |kind, path, message| {
            self.remarks.0.push(Remark { kind, path, message, key: false, ignition: true });
        });
        if self.remarks.failed() { Err(Stop::Result) } else { Ok(config) }
    }

    /// Reports everything at `keys` that says something.
    fn refuse(&mut self, value: &dyn Field, keys: &[&str], steps: &mut Vec<crate::model::Step>, message: &'static str) {
        match (value.shape(), keys) {
            (Shape::List(list), _) => list.each(&mut |index, item| {
                steps.push(index.into());
                self.refuse(item, keys, steps, message);
                steps.pop();
            }),
            (Shape::Record(record), [key, rest @ ..]) => record.each(&mut |name, _, field| {
                if name == *key {
                    steps.push(name.into());
                    self.refuse(field, rest, steps, message);
                    steps.pop();
                }
            }),
            (_, []) if !value.is_empty() => {
                let path = steps.iter().cloned().collect();
                self.remarks.0.push(Remark {
                    kind: Kind::Error,
                    path,
                    message: message.into(),
                    key: false,
                    ignition: true,
                });
            }
            _ => {}
        }
    }
}
