//! Unified diffs of texts, with what must not be shown masked.

use super::machine::Secret;
use similar::{Algorithm, TextDiff};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The unified diff of two texts, without the lines that name the files. A line end that is missing is said.
pub(super) fn diff(old: &str, new: &str) -> String {
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(old, new);
    diff.unified_diff().context_radius(CONTEXT).to_string()
}

/// Both texts with their secret lines masked. Masks are equal exactly where the lines are.
pub(super) fn masked<'a>(
    (old, old_secret): (&'a str, &Secret),
    (new, new_secret): (&'a str, &Secret),
) -> (Cow<'a, str>, Cow<'a, str>) {
    // A line that carries a secret in one of the texts is not shown in the other one either.
    let mut hidden: BTreeSet<&str> = secret(old, old_secret).collect();
    hidden.extend(secret(new, new_secret));
    (mask(old, &hidden, new, "<a secret, as it was>"), mask(new, &hidden, old, "<a secret, as it will be>"))
}

/// The lines of `text` that must not be shown, without the blanks around them.
fn secret<'a>(text: &'a str, secret: &'a Secret) -> impl Iterator<Item = &'a str> {
    let lines = (1..).zip(text.lines()).filter(|(number, _)| is_secret(secret, *number));
    lines.map(|(_, line)| line.trim()).filter(|line| !line.is_empty())
}

fn is_secret(secret: &Secret, number: usize) -> bool {
    match secret {
        Secret::Nothing => false,
        Secret::Lines(lines) => lines.contains(&number),
        Secret::Everything => true,
    }
}

fn mask<'a>(text: &'a str, hidden: &BTreeSet<&str>, other: &str, differs: &str) -> Cow<'a, str> {
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    let others: BTreeSet<&str> = other.lines().map(str::trim).collect();
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if hidden.contains(bare) {
            let indent = line.len() - line.trim_start().len();
            out.push_str(&line[..indent]);
            out.push_str(if others.contains(bare) { "<a secret>" } else { differs });
            out.push_str(if line.ends_with('\n') { "\n" } else { "" });
        } else {
            out.push_str(line);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_secret_shows_as_changed_without_its_value() {
        let lines = |numbers: &[usize]| Secret::Lines(numbers.iter().copied().collect());
        let (old, new) =
            masked(("a\n  pass old\nsame\nb\n", &lines(&[2, 3])), ("a\n  pass new\nsame\nc\n", &lines(&[2, 3])));
        let text = diff(&old, &new);
        assert!(
            text.contains("-  <a secret, as it was>\n") && text.contains("+  <a secret, as it will be>\n"),
            "{text}"
        );
        assert!(text.contains(" <a secret>\n") && text.contains("-b\n") && text.contains("+c\n"), "{text}");
        assert!(!text.contains("pass") && !text.contains("same"), "{text}");
        // Known to be secret on one side only.
        let (old, new) = masked(("x\n", &Secret::Nothing), ("x\ny\n", &lines(&[1])));
        assert_eq!((&*old, &*new), ("<a secret>\n", "<a secret>\ny\n"));
    }
}
