//! Which lines of what a template makes carry a secret: those that would be others if the secrets were.

use super::Engine;
use super::context::Scope;
use crate::model::data::Data;
use minijinja::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// The lines of `text`, without the blanks around them, that carry a secret; `text` is what the file template
    /// `name` makes for a node.
    pub fn secret_lines(&self, name: &str, node: usize, text: &str) -> BTreeSet<String> {
        let other = self.disguised(name, node).unwrap_or_default();
        differing(text, &other)
    }

    /// The same for the value of a scalar template. Of a list or mapping every text counts.
    pub fn secret_lines_of(&self, name: &str, node: usize, value: &Data) -> BTreeSet<String> {
        match value {
            Data::Text(text) => self.secret_lines(name, node, text),
            other => {
                let mut found = BTreeSet::new();
                texts(other, &mut found);
                found
            }
        }
    }

    /// What the template makes with other secrets; `None` when it cannot do with those.
    fn disguised(&self, name: &str, node: usize) -> Option<String> {
        let scope = Arc::new(Scope::disguised(self.shared.clone(), node));
        let template = self.environment.get_template(name).ok()?;
        let captured = template.render_captured(Value::from_dyn_object(scope)).ok()?;
        // A template that is one expression keeps its value aside and writes nothing.
        let kept =
            captured.state().get_extension::<super::Kept>().and_then(|kept| kept.0.as_ref().map(Value::to_string));
        Some(kept.unwrap_or_else(|| captured.into_output()))
    }
}

/// The lines that are not the same in both texts, all of them where the texts have different numbers of lines.
fn differing(text: &str, other: &str) -> BTreeSet<String> {
    let comparable = text.lines().count() == other.lines().count();
    let mut others = other.lines();
    let lines = text.lines().filter(|line| {
        let same = others.next() == Some(line);
        !(comparable && same)
    });
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn texts(value: &Data, found: &mut BTreeSet<String>) {
    match value {
        Data::Text(text) => found.extend(differing(text, "")),
        Data::List(items) => items.iter().for_each(|item| texts(item, found)),
        Data::Map(entries) => entries.values().for_each(|entry| texts(entry, found)),
        Data::Integer(number) => drop(found.insert(number.to_string())),
        Data::Float(number) => drop(found.insert(number.to_string())),
        Data::Null | Data::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::differing;

    #[test]
    fn lines_that_depend_on_secrets() {
        let lines = |text, other| differing(text, other).into_iter().collect::<Vec<_>>();
        assert_eq!(lines("a\n  pass hunter\nb\n", "a\n  pass xxxxxx\nb\n"), ["pass hunter"]);
        assert_eq!(lines("a\nb\n", "a\n"), ["a", "b"]);
        assert_eq!(lines("", ""), [""; 0]);
    }
}
