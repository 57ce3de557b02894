//! Terraform's configuration in its JSON syntax, as values that know whether they are texts or expressions.
//!
//! In that syntax every text is a template. A text here is always literal: the writer escapes it, so that nothing
//! from a profile can become an expression by accident.

use std::collections::BTreeMap;

/// A value of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A literal text.
    Text(String),
    /// An expression, such as `libvirt_pool.cluster.name`.
    Expression(String),
    /// The name of something, where Terraform takes names only: in `replace_triggered_by`.
    Name(String),
    /// A whole number.
    Number(u64),
    /// A truth value.
    Truth(bool),
    /// Nothing.
    Null,
    /// A list.
    List(Vec<Value>),
    /// An object or a block, sorted by key.
    Object(BTreeMap<String, Value>),
}

/// An expression.
pub fn expression(text: impl Into<String>) -> Value {
    Value::Expression(text.into())
}

/// An object with these entries.
pub fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Value {
    /// Sets an entry of an object; anything else stays as it is.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        if let Self::Object(entries) = self {
            entries.insert(key.to_owned(), value.into());
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Self::List(list)
    }
}

impl From<BTreeMap<String, Value>> for Value {
    fn from(entries: BTreeMap<String, Value>) -> Self {
        Self::Object(entries)
    }
}
