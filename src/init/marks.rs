//! Values to change, as they are marked in a project's files.
//!
//! A comment `# change(KEY): what it is` marks the value on its line, or, on a line of its own, the value on the next one.
//! `# change(KEY)` alone marks another place that has the same value.

use std::ops::Range;

/// What a mark begins with.
const MARK: &str = "# change(";

/// A marked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub key: String,
    /// What it is; `None` where that is said elsewhere.
    pub text: Option<String>,
    /// Where the value stands.
    pub at: Range<usize>,
    /// The value, without quotes.
    pub value: String,
}

/// The marked values of a file, in order. A mark without a value is none.
pub fn find(text: &str) -> Vec<Mark> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut above: Option<(String, Option<String>)> = None;
    for line in text.split_inclusive('\n') {
        let at = line.find(MARK);
        let named = at.and_then(|at| name(&line[at + MARK.len()..]));
        let body = &line[..at.unwrap_or(line.len())];
        if let Some((key, text)) = above.take().or_else(|| named.clone().filter(|_| !body.trim().is_empty()))
            && let Some((range, value)) = value(body)
        {
            found.push(Mark { key, text, at: start + range.start..start + range.end, value });
        } else if body.trim().is_empty() {
            above = named;
        }
        start += line.len();
    }
    found
}

/// Key and text behind the start of a mark.
fn name(rest: &str) -> Option<(String, Option<String>)> {
    let (key, rest) = rest.split_once(')')?;
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let text = rest.strip_prefix(':').map(|text| text.trim().to_owned());
    plain.then(|| (key.to_owned(), text))
}

/// The scalar of a line: behind `key: ` or `- `, before a comment.
fn value(line: &str) -> Option<(Range<usize>, String)> {
    let mut start = line.len() - line.trim_start().len();
    while let Some(rest) = line[start..].strip_prefix("- ") {
        start = line.len() - rest.trim_start().len();
    }
    let key =
        line[start..].find(": ").filter(|at| line[start..start + at].chars().all(|c| c.is_alphanumeric() || c == '_'));
    if let Some(at) = key {
        start += at + 2;
        start += line[start..].len() - line[start..].trim_start().len();
    }
    let rest = &line[start..];
    let end = match rest.chars().next()? {
        '"' => rest[1..].find('"')? + 2,
        _ => rest.find(" #").unwrap_or(rest.len()),
    };
    let scalar = rest[..end].trim_end();
    let value = scalar.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(scalar);
    (!value.is_empty()).then(|| (start..start + scalar.len(), value.to_owned()))
}

/// A file with every value marked `key` replaced. What stands behind it keeps its column where there is room.
pub fn replace(text: &str, key: &str, value: &str) -> String {
    let written = scalar(value);
    let mut out = String::with_capacity(text.len() + written.len());
    let mut done = 0;
    for mark in find(text).into_iter().filter(|mark| mark.key == key) {
        out.push_str(&text[done..mark.at.start]);
        out.push_str(&written);
        done = mark.at.end;
        let blanks = text[done..].len() - text[done..].trim_start_matches(' ').len();
        if text[done + blanks..].starts_with('#') {
            let column = mark.at.len() + blanks;
            out.push_str(&" ".repeat(column.saturating_sub(written.chars().count()).max(1)));
            done += blanks;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// A value as YAML writes it: plain where nothing else could be read from that, and quoted otherwise.
fn scalar(value: &str) -> String {
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || " /._-+=@~".contains(c))
        && value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && value.trim() == value
        && value.parse::<f64>().is_err()
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&value.to_ascii_lowercase().as_str());
    // JSON's strings are YAML's.
    if plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
name: small      # change(name): what it is called
keys:
  # change(ssh_key): your key
  - ssh-ed25519 AAAA you@example.org
lan: {a: b}
bridge: \"br 0\"  # change(bridge)
  - address: 10.0.0.1 # change(router): the router
# change(nothing): here

end: 1
";

    #[test]
    fn marks_name_the_value_on_their_line_or_below() {
        let found: Vec<_> = find(TEXT).into_iter().map(|mark| (mark.key, mark.value, mark.text)).collect();
        let own =
            |key: &str, value: &str, text: Option<&str>| (key.to_owned(), value.to_owned(), text.map(str::to_owned));
        assert_eq!(
            found,
            [
                own("name", "small", Some("what it is called")),
                own("ssh_key", "ssh-ed25519 AAAA you@example.org", Some("your key")),
                own("bridge", "br 0", None),
                own("router", "10.0.0.1", Some("the router")),
            ]
        );
    }

    #[test]
    fn values_are_replaced_where_they_stand() {
        let text = replace(TEXT, "name", "my-cluster");
        assert!(text.starts_with("name: my-cluster # change(name): what it is called\n"), "{text}");
        let text = replace(&text, "name", "x");
        assert!(text.starts_with("name: x          # change(name)"), "{text}");
        let text = replace(&text, "ssh_key", "ssh-rsa AAAB me");
        assert!(text.contains("\n  - ssh-rsa AAAB me\n"), "{text}");
        let text = replace(&text, "bridge", "br1");
        assert!(text.contains("\nbridge: br1     # change(bridge)\n"), "{text}");
        for (value, written) in [
            ("10.0.0.1", "10.0.0.1"),
            ("a: b", "\"a: b\""),
            ("12", "\"12\""),
            ("No", "\"No\""),
            ("- x", "\"- x\""),
            ("a#b", "\"a#b\""),
            ("say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""),
            ("https://example.org/x", "\"https://example.org/x\""),
            ("/srv/image.qcow2", "/srv/image.qcow2"),
            ("ñ", "\"ñ\""),
        ] {
            assert_eq!(scalar(value), written);
        }
    }
}
