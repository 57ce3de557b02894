//! JSON Schema (draft 2020-12) of the files that people write, made from the types that read them.

use crate::model::butane;
use crate::model::profile::{ClusterProfile, NodeProfile, RoleProfile};
use crate::model::record::{Definitions, Value};
use serde_json::{Value as Json, json};

/// Makes a schema.
pub type Schema = fn() -> Json;

/// The schemas that bake prints: kind of file and how to make its schema. `bake schema KIND` looks here.
pub const KINDS: &[(&str, Schema)] = &[("cluster", cluster), ("role", role), ("node", node), ("butane", butane)];

/// Of `profiles/cluster.yaml`.
pub fn cluster() -> Json {
    schema::<ClusterProfile>("bake: cluster.yaml")
}

/// Of `profiles/roles/*.yaml`.
pub fn role() -> Json {
    schema::<RoleProfile>("bake: a role")
}

/// Of `profiles/nodes/*.yaml`.
pub fn node() -> Json {
    schema::<NodeProfile>("bake: a node")
}

/// Of `butane/*.bu`: Butane, with placeholders where a number, a truth value, a list or a mapping may stand.
pub fn butane() -> Json {
    let mut schema = schema::<butane::Config>("bake: a Butane fragment");
    if let Some(definitions) = schema.get_mut("$defs").and_then(Json::as_object_mut) {
        for properties in definitions.values_mut().filter_map(|definition| definition.get_mut("properties")) {
            for property in properties.as_object_mut().into_iter().flat_map(|properties| properties.values_mut()) {
                placeholder(property);
            }
        }
    }
    schema
}

/// Lets one whole placeholder stand instead of a value that is no text.
fn placeholder(property: &mut Json) {
    let Some(own) = property.as_object_mut() else { return };
    if own.get("type").is_some_and(|kind| kind == "string") {
        return;
    }
    let description = own.remove("description");
    let placeholder = json!({"type": "string", "pattern": r"^\{\{[\s\S]*\}\}$"});
    *property = json!({"anyOf": [property.take(), placeholder]});
    if let (Some(property), Some(description)) = (property.as_object_mut(), description) {
        property.insert("description".to_owned(), description);
    }
}

/// A schema as text: indented by two, one newline at the end.
pub fn text(schema: &Json) -> String {
    format!("{schema:#}\n")
}

/// The schema of the file that holds a `T`.
pub fn schema<T: Value>(title: &str) -> Json {
    let mut definitions = Definitions::new();
    let root = T::schema(&mut definitions);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$defs": definitions,
    });
    if let (Some(schema), Json::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
    }
    schema
}
