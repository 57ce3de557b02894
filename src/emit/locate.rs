//! Which value of a written text a byte belongs to: the way back from bytes to fields.

use crate::model::Path;

/// The path of the value in a JSON text that the byte at `offset` lies in; that of a key is its value's. The text is one
/// of ours, so it is well-formed as far as it goes.
pub fn json(text: &str, offset: usize) -> Path {
    // For every open bracket: the key that was read last, or the position in the list.
    enum Open {
        Record(Option<String>),
        List(usize),
    }
    let mut open: Vec<Open> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len().min(offset + 1) {
        match bytes[at] {
            b'{' => open.push(Open::Record(None)),
            b'[' => open.push(Open::List(0)),
            b'}' | b']' if at < offset => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Open::List(index)) => *index += 1,
                Some(Open::Record(key)) => *key = None,
                None => {}
            },
            b'"' => {
                let end = string_end(bytes, at);
                if let Some(Open::Record(key @ None)) = open.last_mut() {
                    let whole = text.get(at..=end).unwrap_or_default();
                    *key = serde_json::from_str(whole).ok();
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    let mut path = Path::root();
    for step in open {
        path = match step {
            Open::Record(Some(key)) => path.then(key),
            Open::Record(None) => break,
            Open::List(index) => path.then(index),
        };
    }
    path
}

/// Where the string that begins at `at` ends.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end
}

/// cloud-init's names of keys, and Ignition's.
type Keys = &'static [(&'static str, &'static str)];

/// Lists of a `#cloud-config` whose entries have a name, the key of that name, which comes first, and what other keys are
/// called in Ignition.
const NAMED: &[(&str, &str, Keys)] = &[
    ("users", "name", &[("hashed_passwd", "passwordHash"), ("ssh_authorized_keys", "sshAuthorizedKeys")]),
    ("write_files", "path", &[("content", "contents"), ("permissions", "mode"), ("owner", "user")]),
];

/// An entry of a list in a `#cloud-config`.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The list.
    pub list: &'static str,
    /// The entry's name.
    pub name: String,
    /// Ignition's name of the key, where the entry is looked at more closely and Ignition has one.
    pub field: Option<&'static str>,
}

/// The entry that the byte at `offset` of a `#cloud-config` lies in; `None` where it lies in no such entry.
pub fn cloud_config(text: &str, offset: usize) -> Option<Entry> {
    let (mut within, mut found, mut at) = (None, None, 0);
    for line in text.split_inclusive('\n') {
        if at > offset {
            break;
        }
        at += line.len();
        let line = line.trim_end();
        // Keys of the document are not indented, entries by two, their keys by four, blocks of text further.
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            within = NAMED.iter().find(|(list, ..)| line.strip_suffix(':') == Some(list));
            found = None;
        }
        let Some((list, key, keys)) = within else { continue };
        let key_of = |line: &str| line.split_once(':').map(|(key, _)| key.to_owned());
        if let Some(entry) = line.strip_prefix("  - ") {
            let name = entry.strip_prefix(key).and_then(|rest| rest.strip_prefix(": "));
            let name = name.map(|name| name.trim_matches(['"', '\'']).to_owned());
            found = name.map(|name| Entry { list, name, field: None });
        } else if let (Some(key), Some(entry)) = (line.strip_prefix("    ").and_then(key_of), &mut found)
            && !key.starts_with([' ', '-'])
        {
            entry.field = keys.iter().find(|(name, _)| *name == key).map(|(_, field)| *field);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_json_text() {
        let text = r#"{
  "a": {"b": [1, "x,]\"", {"c": true}]},
  "d": ""
}"#;
        for (part, expected) in [
            ("\"a\"", "$.a"),
            ("1,", "$.a.b.0"),
            ("x,", "$.a.b.1"),
            ("true", "$.a.b.2.c"),
            ("\"d\"", "$.d"),
            ("\"\"\n", "$.d"),
        ] {
            assert_eq!(json(text, text.find(part).unwrap()).to_string(), expected, "{part}");
        }
        assert_eq!(json(text, text.len()).to_string(), "$");
        assert_eq!(json("", 7).to_string(), "$");
        assert_eq!(json("{\"a", 9).to_string(), "$");
    }

    #[test]
    fn entries_of_a_cloud_config() {
        let text = "#cloud-config\nusers:\n  - name: core\n    shell: s\nwrite_files:\n  - path: /a\n    content: |\n      x: 1\n\
                    \x20 - path: \"/b c\"\n    content: y\nruncmd:\n  - z\n";
        let at = |part: &str| {
            let found = cloud_config(text, text.find(part).unwrap())?;
            Some(format!("{} {} {}", found.list, found.name, found.field.unwrap_or("-")))
        };
        assert_eq!(at("x: 1").unwrap(), "write_files /a contents");
        assert_eq!(at("path: /a").unwrap(), "write_files /a -");
        assert_eq!(at("content: y").unwrap(), "write_files /b c contents");
        assert_eq!(at("shell").unwrap(), "users core -");
        assert_eq!((at("- z"), at("#cloud")), (None, None));
    }
}
