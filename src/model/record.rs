//! One declaration per record type gives the struct, its reader and its JSON Schema.
//!
//! Serde stops at the first error and knows no positions, so profiles and Butane configs are read
//! through two small traits instead: a type says what it wants ([`Value`]), a reader walks the document
//! and reports everything that is wrong ([`Reader`], implemented in `load`).

use super::{Spanned, data::Data};
use crate::diag::Span;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// JSON Schemas of the named records that a schema refers to, by name.
pub type Definitions = BTreeMap<String, Json>;

/// A type that can be read from a document.
pub trait Value: Sized {
    /// Its JSON Schema (draft 2020-12). Named records go to `definitions` and are referred to.
    fn schema(definitions: &mut Definitions) -> Json;

    /// Reads it. `None` means that an error was reported.
    fn read<R: Reader>(reader: &mut R) -> Option<Self>;

    /// The value of a key that is not written. `None` means that the key is required.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether it is a record, perhaps an optional one.
    const RECORD: bool = false;

    /// The name of the type where a dialect shows types: `[]File`, `string`.
    fn type_name() -> String {
        String::new()
    }
}

/// Walks one value of a document. Every method that returns `None` or skips something has reported why.
pub trait Reader {
    /// Where the value is written.
    fn span(&self) -> Span;

    /// The value as text; `expected` names what the text means, for the message ("an IPv4 address").
    fn text(&mut self, expected: &str) -> Option<String>;

    /// The value as bytes, which need not be text.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.text("a text").map(String::into_bytes)
    }

    /// The value as a truth value.
    fn boolean(&mut self) -> Option<bool>;

    /// The value as a whole number.
    fn integer(&mut self) -> Option<i64>;

    /// The value whatever it is.
    fn data(&mut self) -> Option<Spanned<Data>>;

    /// Calls `each` for every element of a list. False if the value is no list.
    fn list(&mut self, each: &mut dyn FnMut(&mut Self)) -> bool;

    /// Calls `each` for every entry of a mapping. False if the value is no mapping.
    fn map(&mut self, each: &mut dyn FnMut(Spanned<String>, &mut Self)) -> bool;

    /// Calls `each` for every known key of a mapping; reports unknown and repeated ones.
    /// False if the value is no mapping.
    fn record(&mut self, fields: &'static [&'static str], each: &mut dyn FnMut(&'static str, &mut Self)) -> bool;

    /// Whether the value is `null`, `~` or nothing.
    fn is_null(&self) -> bool;

    /// Whether the value is a mapping (to choose between a short and a long form).
    fn is_map(&self) -> bool;

    /// Whether the value is a list.
    fn is_list(&self) -> bool;

    /// Reports that the value means nothing, at the value.
    fn refuse(&mut self, message: String, hint: Option<String>);

    /// Reports that the value, which may be a secret, means nothing: nobody may show what is written there.
    fn refuse_secret(&mut self, message: String, hint: Option<String>) {
        self.refuse(message, hint);
    }

    /// Reports that a required key of this mapping is not written.
    fn missing(&mut self, key: &'static str);

    /// Says what the next [`Self::list`], [`Self::map`] or [`Self::record`] is for, for messages.
    fn expecting(&mut self, type_name: fn() -> String) {
        let _ = type_name;
    }

    /// Says that nothing stands where a record could.
    fn null_record(&mut self) {}
}

impl<T: Value> Value for Option<T> {
    fn schema(definitions: &mut Definitions) -> Json {
        T::schema(definitions)
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        if reader.is_null() {
            if T::RECORD {
                reader.null_record();
            }
            return Some(None);
        }
        T::read(reader).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    const RECORD: bool = T::RECORD;
    fn type_name() -> String {
        T::type_name()
    }
}

impl<T: Value> Value for Vec<T> {
    fn schema(definitions: &mut Definitions) -> Json {
        json!({"type": "array", "items": T::schema(definitions)})
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        let mut items = Vec::new();
        if reader.is_null() {
            return Some(items);
        }
        reader.expecting(Self::type_name);
        let read = reader.list(&mut |item| items.extend(T::read(item)));
        read.then_some(items)
    }
    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
    fn type_name() -> String {
        format!("[]{}", T::type_name())
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn schema(definitions: &mut Definitions) -> Json {
        json!({"type": "object", "additionalProperties": T::schema(definitions)})
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        let mut entries = Self::new();
        if reader.is_null() {
            return Some(entries);
        }
        reader.expecting(Self::type_name);
        let read = reader.map(&mut |key, item| entries.extend(T::read(item).map(|value| (key.value, value))));
        read.then_some(entries)
    }
    fn absent() -> Option<Self> {
        Some(Self::new())
    }
    fn type_name() -> String {
        format!("map[string]{}", T::type_name())
    }
}

impl<T: Value> Value for Spanned<T> {
    fn schema(definitions: &mut Definitions) -> Json {
        T::schema(definitions)
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        let span = reader.span();
        T::read(reader).map(|value| Self::new(value, span))
    }
    const RECORD: bool = T::RECORD;
    fn type_name() -> String {
        T::type_name()
    }
}

impl Value for bool {
    fn schema(_: &mut Definitions) -> Json {
        json!({"type": "boolean"})
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        reader.boolean()
    }
    fn type_name() -> String {
        "bool".to_owned()
    }
}

impl Value for String {
    fn schema(_: &mut Definitions) -> Json {
        json!({"type": "string"})
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        reader.text("a text")
    }
    fn type_name() -> String {
        "string".to_owned()
    }
}

impl Value for i64 {
    fn schema(_: &mut Definitions) -> Json {
        json!({"type": "integer"})
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        reader.integer()
    }
    fn type_name() -> String {
        "int".to_owned()
    }
}

macro_rules! small_integers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn schema(_: &mut Definitions) -> Json {
                json!({"type": "integer", "minimum": <$type>::MIN, "maximum": <$type>::MAX})
            }
            fn read<R: Reader>(reader: &mut R) -> Option<Self> {
                let wide = reader.integer()?;
                let value = Self::try_from(wide).ok();
                if value.is_none() {
                    let message = format!("`{wide}` is not between {} and {}", <$type>::MIN, <$type>::MAX);
                    reader.refuse(message, None);
                }
                value
            }
        }
    )*};
}
small_integers!(u8, u16, u32);

impl Value for Spanned<Data> {
    fn schema(_: &mut Definitions) -> Json {
        json!({})
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        reader.data()
    }
}

/// Reads a text that parses: addresses, sizes, names.
pub fn parse<R: Reader, T>(reader: &mut R, expected: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let text = reader.text(expected)?;
    match parse(&text) {
        Ok(value) => Some(value),
        Err(why) => {
            reader.refuse(format!("`{text}` is not {expected}: {why}"), None);
            None
        }
    }
}

/// The Markdown of a doc comment as the compiler hands it over: one leading blank per line goes.
pub fn doc(lines: &[&str]) -> String {
    let trimmed: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    trimmed.join("\n").trim().to_owned()
}

/// Declares record types: structs whose fields are the keys of a mapping.
///
/// A field is required unless its type has an absent value (`Option`, `Vec`, maps) or it is declared with
/// `= default`. Doc comments become the descriptions in the JSON Schema.
macro_rules! record {
    ($(
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $( $(#[doc = $field_doc:literal])* pub $field:ident : $type:ty $(= $default:expr)? ),* $(,)?
        }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $( $(#[doc = $field_doc])* pub $field: $type, )* }

        impl $crate::model::record::Value for $name {
            fn schema(definitions: &mut $crate::model::record::Definitions) -> serde_json::Value {
                use $crate::model::record::Value;
                let name = stringify!($name);
                if !definitions.contains_key(name) {
                    definitions.insert(name.to_owned(), serde_json::Value::Null);
                    let mut properties = serde_json::Map::new();
                    let mut required = Vec::new();
                    $(
                        let key = $crate::model::record::key(stringify!($field));
                        #[allow(unused_mut, unused_assignments)]
                        let mut optional = <$type as Value>::absent().is_some();
                        $( let _ = || -> $type { $default }; optional = true; )?
                        if !optional { required.push(key); }
                        let mut schema = <$type as Value>::schema(definitions);
                        if let Some(object) = schema.as_object_mut() {
                            object.insert("description".to_owned(), $crate::model::record::doc(&[$($field_doc),*]).into());
                        }
                        properties.insert(key.to_owned(), schema);
                    )*
                    definitions.insert(name.to_owned(), serde_json::json!({
                        "type": "object",
                        "description": $crate::model::record::doc(&[$($doc),*]),
                        "properties": properties,
                        "required": required,
                        "additionalProperties": false,
                    }));
                }
                serde_json::json!({"$ref": format!("#/$defs/{name}")})
            }

            const RECORD: bool = true;

            fn type_name() -> String {
                stringify!($name).to_owned()
            }

            fn read<R: $crate::model::record::Reader>(reader: &mut R) -> Option<Self> {
                use $crate::model::record::Value;
                const FIELDS: &[&str] = &[ $( $crate::model::record::key(stringify!($field)) ),* ];
                reader.expecting(Self::type_name);
                // Outer `Option`: was the key written; inner: could it be read.
                $( let mut $field: Option<Option<$type>> = None; )*
                let read = reader.record(FIELDS, &mut |key, item| {
                    $( if key == $crate::model::record::key(stringify!($field)) {
                        $field = Some(<$type as Value>::read(item));
                        return;
                    } )*
                });
                if !read { return None; }
                $(
                    let $field: Option<$type> = $field.unwrap_or_else(|| {
                        #[allow(unused_mut, unused_assignments)]
                        let mut value = <$type as Value>::absent();
                        $( value = Some($default); )?
                        if value.is_none() { reader.missing($crate::model::record::key(stringify!($field))); }
                        value
                    });
                )*
                Some(Self { $( $field: $field?, )* })
            }
        }
    )*};
}

pub(crate) use record;

/// The key of a field: its name without the `r#` that Rust needs for `type` and the like.
pub const fn key(field: &'static str) -> &'static str {
    let bytes = field.as_bytes();
    if bytes.len() > 2 && bytes[0] == b'r' && bytes[1] == b'#' { field.split_at(2).1 } else { field }
}

/// Declares choices: enums whose variants are written as fixed words.
macro_rules! choice {
    ($(
        $(#[doc = $doc:literal])*
        pub enum $name:ident { $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal ),* $(,)? }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $( $(#[doc = $variant_doc])* #[serde(rename = $word)] $variant, )* }

        impl $name {
            /// Every choice with its word.
            pub const ALL: &'static [(Self, &'static str)] = &[ $( (Self::$variant, $word), )* ];

            /// The word that is written for it.
            pub fn as_str(self) -> &'static str { match self { $( Self::$variant => $word, )* } }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }

        impl $crate::model::record::Value for $name {
            fn schema(_: &mut $crate::model::record::Definitions) -> serde_json::Value {
                serde_json::json!({"enum": [ $( $word ),* ]})
            }
            fn read<R: $crate::model::record::Reader>(reader: &mut R) -> Option<Self> {
                let text = reader.text("a word")?;
                let found = Self::ALL.iter().find(|(_, word)| *word == text).map(|(value, _)| *value);
                if found.is_none() {
                    let hint = $crate::diag::suggest::hint(&text, Self::ALL.iter().map(|(_, word)| *word));
                    reader.refuse(format!("`{text}` is not known here"), hint);
                }
                found
            }
        }
    )*};
}

pub(crate) use choice;
