//! Any YAML value, for the free `values` of roles and nodes.

use super::Spanned;
use std::collections::BTreeMap;

/// A value of no particular type.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Spanned<Data>>),
    /// A mapping with text keys, sorted.
    Map(BTreeMap<String, Spanned<Data>>),
}
