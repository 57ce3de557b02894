//! Butane documents to the union model, with the reference compiler's reading of YAML.
//!
//! The reference decodes into one set of Go structs per version. Here one union model serves all of them, and
//! a [`Dialect`] says which of its keys the version at hand has: the others are not read, and reported as
//! unknown, just as the reference would.

mod mapping;
mod reader;
mod resolve;

use crate::diag::Span;
use crate::load::yaml::{Document, SyntaxError};
use crate::model::Spanned;
use crate::model::record::{Value, record};
use crate::model::report::{Entry, Failure, Problem};
use reader::Decoder;

/// What a version of the language has. Paths are the keys from the root, without positions in lists.
pub trait Dialect {
    /// Whether records at `path` have this key. Asked only about keys of the union model.
    fn known(&self, path: &[&str], key: &str) -> bool;

    /// Whether the record at `path` may be null without a warning.
    fn nullable(&self, path: &[&str]) -> bool {
        let _ = path;
        false
    }

    /// The name that messages give to the type at `path`; `name` is the union model's (`[]File`, `string`).
    fn type_name(&self, path: &[&str], name: &str) -> String {
        let _ = path;
        name.to_owned()
    }
}

impl<F: Fn(&[&str], &str) -> bool> Dialect for F {
    fn known(&self, path: &[&str], key: &str) -> bool {
        self(path, key)
    }
}

/// What a config says, or why it cannot be read.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The config. An empty text gives `None` without a failure.
    pub value: Option<T>,
    /// Warnings about keys, in the order of the text. Empty if there is a failure.
    pub report: Vec<Entry>,
    /// Why there is no value.
    pub failure: Option<Failure>,
}

/// Reads a config of one version.
pub fn decode<T: Value>(document: &Document, dialect: &dyn Dialect) -> Decoded<T> {
    let mut decoder = Decoder::new(document, dialect);
    let value = decoder.root(T::read);
    let (report, failure) = decoder.finish();
    let value = if failure.is_some() { None } else { value };
    Decoded { value, report, failure }
}

record! {
    /// What every version's config has.
    pub struct Header {
        /// The language's variant, such as `flatcar`.
        pub variant: Option<Spanned<String>>,
        /// The variant's version, such as `1.1.0`.
        pub version: Option<Spanned<String>>,
    }
}

/// Reads only `variant` and `version`, which say how to read the rest. Both are absent in an empty text.
///
/// The reference puts `Error unmarshaling yaml: ` before a failure of this step.
pub fn header(document: &Document) -> Result<Header, Failure> {
    struct Any;
    impl Dialect for Any {
        fn known(&self, _: &[&str], _: &str) -> bool {
            true
        }
        fn type_name(&self, _: &[&str], name: &str) -> String {
            if name == "Header" { "config.commonFields".to_owned() } else { name.to_owned() }
        }
    }
    let Decoded { value, failure, .. } = decode::<Header>(document, &Any);
    match failure {
        Some(failure) => Err(failure),
        None => Ok(value.unwrap_or(Header { variant: None, version: None })),
    }
}

impl From<SyntaxError> for Failure {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(Problem { message: error.message, span: Some(error.span), line: error.line })
    }
}

impl Failure {
    /// A failure of a whole text that ends reading at once.
    fn fatal(message: impl Into<String>, span: Option<Span>) -> Self {
        Self::Syntax(Problem { message: message.into(), span, line: None })
    }
}
