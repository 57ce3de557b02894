//! Ignition's JSON into our types, strictly.

use crate::model::ignition::Config;
use crate::model::shape::{Fill, Slot};
use serde_json::Value;

/// The config in `text`.
///
/// # Errors
/// The path of what is not known or of another type, or what is wrong with the JSON.
pub(super) fn config(text: &str) -> Result<Config, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut config = Config::default();
    fill(&json, &mut config, "$")?;
    Ok(config)
}

fn fill(json: &Value, target: &mut dyn Fill, path: &str) -> Result<(), String> {
    let wrong = || Err(format!("`{path}` has another type than Ignition's"));
    match (json, target.slot()) {
        (Value::Null, _) => Ok(()),
        (Value::Bool(value), Slot::Bool(slot)) => {
            *slot = Some(*value);
            Ok(())
        }
        (Value::String(value), Slot::Text(slot)) => {
            *slot = Some(value.clone());
            Ok(())
        }
        (Value::String(value), Slot::Name(slot)) => {
            value.clone_into(slot);
            Ok(())
        }
        (Value::Number(value), slot) => match (value.as_i64(), slot) {
            (Some(value), Slot::Integer(slot)) => {
                *slot = Some(value);
                Ok(())
            }
            (Some(value), Slot::Number(slot)) => {
                *slot = value;
                Ok(())
            }
            _ => wrong(),
        },
        (Value::Array(items), Slot::List(list)) => {
            items.iter().enumerate().try_for_each(|(at, item)| fill(item, list.push(), &format!("{path}.{at}")))
        }
        (Value::Object(entries), Slot::Record(record)) => entries.iter().try_for_each(|(key, value)| {
            let path = format!("{path}.{key}");
            let mut done = None;
            record.each_slot(&mut |name, slot| {
                if name == key {
                    done = Some(fill(value, slot, &path));
                }
            });
            done.unwrap_or_else(|| Err(format!("`{path}` is not known")))
        }),
        _ => wrong(),
    }
}

#[cfg(test)]
mod tests {
    use super::config;

    #[test]
    fn what_is_not_known_is_an_error() {
        let read = config(r#"{"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": "/a", "mode": 420}]}}"#);
        assert_eq!(read.map(|config| config.storage.files[0].mode), Ok(Some(0o644)));
        for (text, word) in [
            (r#"{"ignition": {"version": "3.4.0", "more": 1}}"#, "`$.ignition.more` is not known"),
            (r#"{"storage": {"files": [{"path": 7}]}}"#, "`$.storage.files.0.path`"),
            ("{", "EOF"),
        ] {
            let error = config(text).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
