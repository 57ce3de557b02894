//! Between the values of templates and ours.

use crate::diag::Span;
use crate::model::Spanned;
use crate::model::data::Data;
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// How deep a value may be nested.
const DEPTH: usize = 64;

/// What a template sees of `data`.
pub(super) fn value(data: &Data) -> Value {
    match data {
        Data::Null => Value::from(()),
        Data::Bool(value) => Value::from(*value),
        Data::Integer(value) => Value::from(*value),
        Data::Float(value) => Value::from(*value),
        Data::Text(text) => Value::from(text.as_str()),
        Data::List(items) => items.iter().map(|item| value(item)).collect(),
        Data::Map(entries) => Value::from_pairs(entries.iter().map(|(key, item)| (key.as_str(), value(item)))),
    }
}

/// A template's value as ours; everything in it is said to be written at `span`.
pub(super) fn data(value: &Value, span: Span) -> Result<Data, Error> {
    nested(value, span, 0)
}

fn nested(value: &Value, span: Span, depth: usize) -> Result<Data, Error> {
    let refuse = |why: &'static str| Err(Error::new(ErrorKind::InvalidOperation, why));
    if depth > DEPTH {
        return refuse("the value is nested too deep");
    }
    match value.kind() {
        ValueKind::None => Ok(Data::Null),
        ValueKind::Bool => Ok(Data::Bool(value.is_true())),
        ValueKind::Number if value.is_integer() => match value.as_i64() {
            Some(number) => Ok(Data::Integer(number)),
            None => refuse("the number is too large"),
        },
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(number) => Ok(Data::Float(number)),
            Err(error) => Err(error),
        },
        ValueKind::String => Ok(Data::Text(value.as_str().unwrap_or_default().to_owned())),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                items.push(Spanned::new(nested(&item, span, depth + 1)?, span));
            }
            Ok(Data::List(items))
        }
        ValueKind::Map => {
            let mut entries = std::collections::BTreeMap::new();
            for key in value.try_iter()? {
                let item = nested(&value.get_item(&key)?, span, depth + 1)?;
                entries.insert(key.to_string(), Spanned::new(item, span));
            }
            Ok(Data::Map(entries))
        }
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        _ => refuse("the value is neither a text, a number, a truth value, a list nor a mapping"),
    }
}
