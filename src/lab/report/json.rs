//! JSON: the data with the verdicts that follow from them.

use crate::lab::result::{Run, VERSION, Verdict};
use serde_json::Value;

/// The run as JSON, keys sorted, with a `verdict` for itself and for each scenario.
pub fn write(run: &Run) -> String {
    // Texts, numbers and lists with texts as keys: serde_json has nothing to refuse.
    let mut value = serde_json::to_value(run).unwrap_or_default();
    let verdicts = run.scenarios.iter().map(super::super::result::Scenario::verdict);
    let scenarios = value.get_mut("scenarios").and_then(Value::as_array_mut);
    for (scenario, verdict) in scenarios.into_iter().flatten().zip(verdicts) {
        insert(scenario, verdict);
    }
    insert(&mut value, run.verdict());
    format!("{value:#}\n")
}

fn insert(value: &mut Value, verdict: Verdict) {
    if let Some(object) = value.as_object_mut() {
        object.insert("verdict".to_owned(), verdict.as_str().into());
    }
}

/// Reads what [`write()`] wrote; verdicts in it are ignored, because they follow from the rest.
///
/// # Errors
/// What is wrong with the text, for people: no JSON, another version, or something missing.
pub fn read(text: &str) -> Result<Run, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(format!("version {version} of a lab's result; this bake reads version {VERSION}")),
        None => return Err("not the result of a lab: it has no `version`".to_owned()),
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}
