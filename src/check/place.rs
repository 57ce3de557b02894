//! From a line of a rendered text back to the line of its template.
//!
//! Rendering keeps no map, so the line is looked for: each line of the template is a pattern, its placeholders match
//! anything. The same rendered line for the third time is the third line of the template that it matches.

use crate::diag::{FileId, Sources, Span};

/// Where payloads are, relative to the project.
const FILES: &str = "butane/files/";

/// Where line `number` (from 0) of `text` was written, given where the text was asked for; that place itself when the
/// line cannot be found.
pub(super) fn line(sources: &Sources, origin: Span, text: &str, number: usize) -> Span {
    let Some(wanted) = text.lines().nth(number).map(str::trim) else { return origin };
    if wanted.is_empty() {
        return origin;
    }
    let earlier = text.lines().take(number).filter(|line| line.trim() == wanted).count();
    let (file, start, end) = region(sources, origin);
    let Some(source) = sources.get(file).text().get(start..end) else { return origin };
    let mut found: Vec<(usize, Span)> = Vec::new();
    let mut at = start;
    for line in source.split_inclusive('\n') {
        let pattern = line.trim();
        if let Some(weight) = matches(pattern, wanted) {
            let from = at + line.len() - line.trim_start().len();
            found.push((weight, Span::new(file, from, from + pattern.len())));
        }
        at += line.len();
    }
    // The line that says most literally what was rendered.
    let best = found.iter().map(|(weight, _)| *weight).max();
    let mut best: Vec<Span> = found.into_iter().filter(|(weight, _)| Some(*weight) == best).map(|(_, at)| at).collect();
    let last = best.pop();
    best.get(earlier).copied().or(last).unwrap_or(origin)
}

/// The text to look in: the payload that `origin` names, or what stands at `origin` itself.
fn region(sources: &Sources, origin: Span) -> (FileId, usize, usize) {
    let (start, end) = (origin.start as usize, origin.end as usize);
    let written = sources.get(origin.file).text().get(start..end).unwrap_or_default();
    let name = written.trim_matches(['"', '\'']);
    if !name.is_empty() && !name.contains('\n') {
        let path = format!("{FILES}{name}");
        if let Some((file, source)) = sources.iter().find(|(_, source)| source.name() == path) {
            return (file, 0, source.text().len());
        }
    }
    (origin.file, start, end)
}

/// How many characters of `line` the pattern fixes, if it matches. Placeholders (`{{ ... }}`) match anything.
fn matches(pattern: &str, line: &str) -> Option<usize> {
    if !pattern.contains("{{") && !pattern.contains("{%") {
        return (pattern == line).then_some(line.len() + 1);
    }
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        pieces.push(&rest[..at]);
        let close = if rest[at..].starts_with("{{") { "}}" } else { "%}" };
        let end = rest[at..].find(close)?;
        rest = &rest[at + end + close.len()..];
    }
    pieces.push(rest);
    let (first, last) = (pieces.first()?, pieces.last()?);
    if line.len() < first.len() + last.len() || !line.starts_with(first) || !line.ends_with(last) {
        return None;
    }
    let mut inner = &line[first.len()..line.len() - last.len()];
    for piece in &pieces[1..pieces.len() - 1] {
        let at = inner.find(piece)?;
        inner = &inner[at + piece.len()..];
    }
    let weight = pieces.iter().map(|piece| piece.trim().len()).sum::<usize>();
    (weight > 0).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(template: &str, rendered: &str, number: usize) -> String {
        let mut sources = Sources::default();
        let fragment = sources.add("butane/x.bu", "contents: {local: x.j2}");
        let file = sources.add("butane/files/x.j2", template);
        let span = line(&sources, Span::new(fragment, 18, 22), rendered, number);
        if span.file == file { template[span.start as usize..span.end as usize].to_owned() } else { String::new() }
    }

    #[test]
    fn finds_the_line_of_the_template() {
        let template = "a\n{% for x in y %}\n  bind {{ x }}:{{ p }}\n{{ x }}\n{% endfor %}\nbind 1:2\nb\nb\n";
        let rendered = "a\n  bind 9:8\n9\nbind 1:2\nb\nb\n";
        assert_eq!(at(template, rendered, 1), "bind {{ x }}:{{ p }}");
        assert_eq!(at(template, rendered, 3), "bind 1:2");
        assert_eq!(at(template, rendered, 4), "b");
        assert_eq!(at(template, rendered, 2), "");
        assert_eq!(at(template, rendered, 99), "");
    }
}
