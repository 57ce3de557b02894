//! Which line of a template a line of its text comes from.
//!
//! A second version of every file template, made and rendered only when somebody asks, holds a mark before the first
//! thing that each line writes. A text that differs once its marks are taken out again is not believed.

use super::{Engine, TYPED};
use crate::diag::Span;
use crate::load::template::context::Scope;
use minijinja::Environment;
use std::sync::Arc;

/// A line of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateLine {
    /// Its place, without the blanks around it.
    pub span: Span,
    /// Names in `values.<name>` that it uses.
    pub values: Vec<String>,
}

// A mark is BEGIN, the number of the template, NEXT, the number of the line, END; digits are letters from DIGIT on.
// All of them are of a plane that is nobody's (Unicode 15, section 23.5).
const BEGIN: char = '\u{F0000}';
const NEXT: char = '\u{F0001}';
const END: char = '\u{F0002}';
const DIGIT: u32 = 0xF_0010;

/// A template's number and a line's.
type Mark = (usize, usize);

impl Engine {
    /// The template's lines that the lines of `text` come from; `text` is what the template `name` makes for a
    /// node. `None` when that cannot be told.
    pub fn lines(&self, name: &str, node: usize, text: &str) -> Option<Vec<TemplateLine>> {
        let scope = Arc::new(Scope::new(self.shared.clone(), node));
        let marked = self.marked.get_or_init(|| self.with_marks());
        let rendered = marked.get_template(name).and_then(|template| template.render(scope.value())).ok()?;
        let (clean, marks) = take_marks(&rendered)?;
        if clean != text {
            return None;
        }
        let names: Vec<&String> = self.file_templates().collect();
        let own = names.iter().position(|other| *other == name)?;
        marks.into_iter().map(|mark| self.line(&names, mark.unwrap_or((own, 0)))).collect()
    }

    /// Names of the templates that are files, in the order of their numbers.
    fn file_templates(&self) -> impl Iterator<Item = &String> {
        self.origins.iter().filter(|(_, origin)| origin.scalar_of.is_none()).map(|(name, _)| name)
    }

    fn with_marks(&self) -> Environment<'static> {
        let mut marked = self.environment.clone();
        for (number, name) in self.file_templates().enumerate() {
            debug_assert!(!name.starts_with(TYPED));
            let Ok(template) = self.environment.get_template(name) else { continue };
            // One that cannot be marked stays as it is.
            let _ = marked.add_template_owned(name.clone(), with_marks(template.source(), number));
        }
        marked
    }

    fn line(&self, names: &[&String], (template, line): Mark) -> Option<TemplateLine> {
        let name = names.get(template)?;
        let file = self.origins.get(*name)?.span.file;
        let template = self.environment.get_template(name).ok()?;
        let text = template.source();
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let line = text.get(start..)?.lines().next().unwrap_or_default();
        let indent = line.len() - line.trim_start().len();
        let span = Span::new(file, start + indent, start + line.trim_end().len().max(indent));
        Some(TemplateLine { span, values: values(line) })
    }
}

/// The names in `values.<name>`.
fn values(line: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = |at: usize| !line[..at].ends_with(|c: char| is_word(c) || c == '.');
    let found = line.match_indices("values.").filter(|(at, _)| begins(*at));
    let names = found.map(|(at, word)| line[at + word.len()..].chars().take_while(|c| is_word(*c)).collect());
    names.filter(|name: &String| !name.is_empty()).collect()
}

/// `text` with a mark before the first thing that each line writes. Nothing is put where a tag may swallow blanks.
fn with_marks(text: &str, template: usize) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    // What ends the tag that is open, and the quote that is open in it.
    let (mut tag, mut quote): (Option<&str>, Option<char>) = (None, None);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let mut done = false;
        let mut chars = line.char_indices();
        while let Some((at, c)) = chars.next() {
            let rest = &line[at..];
            if let Some(end) = tag {
                if quote.is_none() && rest.starts_with(end) {
                    tag = None;
                    out.push_str(end);
                    chars.next();
                    continue;
                }
                if quote == Some(c) {
                    quote = None;
                } else if quote.is_none() && "\"'".contains(c) && end != "#}" {
                    quote = Some(c);
                }
                out.push(c);
                continue;
            }
            tag = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
                .into_iter()
                .find(|(begin, _)| rest.starts_with(begin))
                .map(|(_, end)| end);
            let writes = match tag {
                Some("}}") => !rest.starts_with("{{-"),
                Some(_) => false,
                None => !c.is_whitespace(),
            };
            if writes && !done {
                push_mark(&mut out, (template, number));
                done = true;
            }
            out.push(c);
            if tag.is_some() {
                out.extend(chars.next().map(|(_, c)| c));
            }
        }
    }
    out
}

fn push_mark(out: &mut String, (template, line): Mark) {
    let digits = |number: usize| {
        number.to_string().into_bytes().into_iter().filter_map(|digit| char::from_u32(DIGIT + u32::from(digit - b'0')))
    };
    out.push(BEGIN);
    out.extend(digits(template));
    out.push(NEXT);
    out.extend(digits(line));
    out.push(END);
}

/// The text without marks and, for each of its lines, its first mark or else the one before.
fn take_marks(marked: &str) -> Option<(String, Vec<Option<Mark>>)> {
    let mut text = String::with_capacity(marked.len());
    let mut marks = Vec::new();
    let mut before = None;
    for line in marked.split_inclusive('\n') {
        let mut first = None;
        let mut rest = line;
        while let Some((plain, tail)) = rest.split_once(BEGIN) {
            let (mark, tail) = tail.split_once(END)?;
            let (template, number) = mark.split_once(NEXT)?;
            let mark = (number_of(template)?, number_of(number)?);
            first = first.or(Some(mark));
            before = Some(mark);
            text.push_str(plain);
            rest = tail;
        }
        text.push_str(rest);
        marks.push(first.or(before));
    }
    Some((text, marks))
}

fn number_of(digits: &str) -> Option<usize> {
    digits.chars().try_fold(0usize, |number, c| {
        let digit = u32::from(c).checked_sub(DIGIT).filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::{take_marks, values, with_marks};

    #[test]
    fn marks_come_off_again() {
        let text = "a\n  {% if x %}\n  b {{ \"{{ }}\" }}\n{% endif %}{{- y }} c\n{# d\n e #}f\n";
        let (clean, marks) = take_marks(&with_marks(text, 3)).unwrap();
        assert_eq!(clean, text);
        let lines: Vec<_> = marks.into_iter().map(|mark| mark.map(|(_, line)| line)).collect();
        assert_eq!(lines, [Some(0), Some(0), Some(2), Some(3), Some(3), Some(5)]);
    }

    #[test]
    fn values_are_named() {
        assert_eq!(values("weight {{ values.vrrp_weight + values.x }} {{ my.values.y }}"), ["vrrp_weight", "x"]);
    }
}
