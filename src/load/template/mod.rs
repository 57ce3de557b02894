//! Templates: placeholders in fragments and `.j2` files, rendered for one node.
//!
//! Every template is compiled once per project. What templates see ([`context`]) is looked up when they ask for it,
//! so that a node's rendering costs what its templates use, however many nodes there are.

mod context;
mod convert;
mod explain;
mod lines;
mod secret;
mod shape;

pub use lines::TemplateLine;

use super::secret::Secrets;
use crate::diag::{FileId, Sink, Span};
use crate::model::cluster::Cluster;
use crate::model::data::Data;
use crate::model::scalar::SecretRef;
use context::{Scope, Shared};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

/// Steps that a template may take, and how many more for each node of the cluster: a template that lists all
/// nodes is fine, one that never ends is not.
const FUEL: (u64, u64) = (1_000_000, 1_000);

/// Begins the names of templates that are one expression whose value is wanted, not its text.
const TYPED: &str = "=";

/// All templates of a project, ready to be rendered for any node on any thread.
#[derive(Debug)]
pub struct Engine {
    environment: Environment<'static>,
    origins: BTreeMap<String, Origin>,
    shared: Arc<Shared>,
    /// The same templates with marks, made when somebody asks where a line comes from.
    marked: OnceLock<Environment<'static>>,
}

/// Where a template is written.
#[derive(Debug, Clone)]
struct Origin {
    /// The whole file, or the scalar in it.
    span: Span,
    /// The file's text, if the template is a scalar in it.
    scalar_of: Option<Arc<str>>,
}

/// What a template makes for one node.
#[derive(Clone, PartialEq)]
pub struct Rendered<T> {
    /// The text, or the value of a scalar.
    pub value: T,
    /// Whether a secret went into it.
    pub used_secret: bool,
}

impl<T: std::fmt::Debug> std::fmt::Debug for Rendered<T> {
    /// Without the value of something secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.used_secret { f.write_str("(secret)") } else { self.value.fmt(f) }
    }
}

/// The value of a template that is one expression, kept aside while it is rendered.
#[derive(Default)]
struct Kept(Option<Value>);

/// Whether a text holds a placeholder or a statement.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

impl Engine {
    /// An engine without templates.
    pub fn new(cluster: Arc<Cluster>, secrets: Arc<Secrets>) -> Self {
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        // The defaults are valid delimiters, so building cannot fail.
        if let Ok(syntax) = syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        // Makes errors know their place; its function that prints the whole context is not for us.
        environment.set_debug(true);
        environment.remove_global("debug");
        environment.set_fuel(Some(FUEL.0 + FUEL.1 * cluster.nodes.len() as u64));
        environment.set_formatter(|out, state, value| {
            if state.name().starts_with(TYPED) {
                state.get_or_insert_extension(Kept::default()).0 = Some(value.clone());
                return Ok(());
            }
            if value.is_none() {
                return Err(Error::new(ErrorKind::InvalidOperation, "a value that is null has no text"));
            }
            minijinja::escape_formatter(out, state, value)
        });
        environment.add_filter("reverse_pointer", reverse_pointer);
        Self {
            environment,
            origins: BTreeMap::new(),
            shared: Arc::new(Shared::new(cluster, secrets)),
            marked: OnceLock::new(),
        }
    }

    /// Compiles a file; templates include it by `name`. False means that an error was reported.
    pub fn add_file(&mut self, name: &str, file: FileId, text: &str, sink: &mut Sink) -> bool {
        let span = Span::new(file, 0, text.len());
        self.add(name.to_owned(), text, Origin { span, scalar_of: None }, sink)
    }

    /// Compiles a scalar that is written at `span` of `source` and returns the name to evaluate it by.
    /// `None` means that an error was reported.
    pub fn add_scalar(&mut self, span: Span, text: &str, source: &Arc<str>, sink: &mut Sink) -> Option<String> {
        let expression = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let typed =
            expression.is_some_and(|inner| self.environment.compile_expression(inner.trim_matches('-')).is_ok());
        let kind = if typed { TYPED } else { "~" };
        let name = format!("{kind}{span:?}");
        let origin = Origin { span, scalar_of: Some(source.clone()) };
        self.add(name.clone(), text, origin, sink).then_some(name)
    }

    fn add(&mut self, name: String, text: &str, origin: Origin, sink: &mut Sink) -> bool {
        if let Err(error) = self.environment.add_template_owned(name.clone(), text.to_owned()) {
            sink.push(explain::syntax(&error, &origin, text));
            return false;
        }
        self.origins.insert(name, origin);
        true
    }

    /// The text that the file template `name` makes for a node. `None` means that an error was reported.
    pub fn render(&self, name: &str, node: usize, sink: &mut Sink) -> Option<Rendered<String>> {
        let scope = Arc::new(Scope::new(self.shared.clone(), node));
        let result = self.environment.get_template(name).and_then(|template| template.render(scope.value()));
        match result {
            Ok(value) => Some(Rendered { value, used_secret: scope.used_secret() }),
            Err(error) => {
                sink.push(explain::failure(self, name, &scope, &error));
                None
            }
        }
    }

    /// The value that the scalar template `name` has for a node. `None` means that an error was reported.
    pub fn evaluate(&self, name: &str, node: usize, sink: &mut Sink) -> Option<Rendered<Data>> {
        if !name.starts_with(TYPED) {
            let Rendered { value, used_secret } = self.render(name, node, sink)?;
            return Some(Rendered { value: Data::Text(value), used_secret });
        }
        let scope = Arc::new(Scope::new(self.shared.clone(), node));
        let span = self.origins.get(name)?.span;
        let result = self.environment.get_template(name).and_then(|template| {
            let captured = template.render_captured(scope.value())?;
            match captured.state().get_extension::<Kept>().and_then(|kept| kept.0.as_ref()) {
                Some(value) => convert::data(value, span),
                None => Ok(Data::Text(captured.into_output())),
            }
        });
        match result {
            Ok(value) => Some(Rendered { value, used_secret: scope.used_secret() }),
            Err(error) => {
                sink.push(explain::failure(self, name, &scope, &error));
                None
            }
        }
    }

    /// The secrets that templates can use.
    pub fn secrets(&self) -> &Secrets {
        &self.shared.secrets
    }

    /// Where a secret comes from, by name.
    pub fn reference(&self, name: &str) -> Option<&SecretRef> {
        self.shared.cluster.profile.secrets.get(name).map(|reference| &reference.value)
    }
}

/// The name under which an address is looked up in reverse (RFC 1035, section 3.5).
fn reverse_pointer(address: &str) -> Result<String, Error> {
    let address: Ipv4Addr = address
        .parse()
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "`reverse_pointer` takes an IPv4 address"))?;
    let [a, b, c, d] = address.octets();
    Ok(format!("{d}.{c}.{b}.{a}.in-addr.arpa"))
}
