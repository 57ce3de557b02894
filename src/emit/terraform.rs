//! Terraform's JSON syntax. <https://developer.hashicorp.com/terraform/language/syntax/json>

use crate::model::terraform::Value;
use serde::{Serialize, Serializer};

/// A file of a module: indented by two, one newline at the end.
pub fn text(root: &Value) -> String {
    let mut text = serde_json::to_string_pretty(&Written(root)).unwrap_or_default();
    text.push('\n');
    text
}

struct Written<'a>(&'a Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => to.serialize_str(&literal(text)),
            Value::Expression(text) => to.collect_str(&format_args!("${{{text}}}")),
            Value::Name(text) => to.serialize_str(text),
            Value::Number(number) => to.serialize_u64(*number),
            Value::Truth(truth) => to.serialize_bool(*truth),
            Value::Null => to.serialize_unit(),
            Value::List(list) => to.collect_seq(list.iter().map(Written)),
            Value::Object(entries) => to.collect_map(entries.iter().map(|(key, value)| (key, Written(value)))),
        }
    }
}

/// A text that stays what it is: every text is a template, in which `${` and `%{` begin something.
pub fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::terraform::{expression, object};

    #[test]
    fn texts_are_literal_and_expressions_are_not() {
        let value = object([
            ("b", "${MAINPID} %{+Q}o $x".into()),
            ("a", expression("file(\"${path.module}/x\")")),
            ("c", Value::Name("terraform_data.x".to_owned())),
        ]);
        let expected = "{\n  \"a\": \"${file(\\\"${path.module}/x\\\")}\",\n  \"b\": \"$${MAINPID} %%{+Q}o $x\",\n  \"c\": \"terraform_data.x\"\n}\n";
        assert_eq!(text(&value), expected);
    }
}
