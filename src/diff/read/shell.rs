//! Lines of the scripts that cloud-init runs, taken apart again: words of a POSIX shell, fields of tmpfiles.d(5).

/// The words of a simple command; `None` for anything that is more than that.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let own = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => own.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            '$' | '`' | '"' | ';' | '|' | '&' | '<' | '>' | '(' | ')' | '{' | '}' | '*' | '?' => return None,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// The first `count` fields of a line of tmpfiles.d(5), and what follows them, specifiers undone.
pub(super) fn fields(line: &str, count: usize) -> Option<(Vec<String>, String)> {
    let mut rest = line;
    let mut fields = Vec::new();
    for _ in 0..count {
        rest = rest.trim_start_matches(' ');
        let mut field = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut chars = quoted.char_indices();
            let end = loop {
                match chars.next()? {
                    (at, '"') => break at,
                    (_, '\\') => field.push(chars.next()?.1),
                    (_, c) => field.push(c),
                }
            };
            rest = &quoted[end + 1..];
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            field.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        if field.is_empty() {
            return None;
        }
        fields.push(field.replace("%%", "%"));
    }
    Some((fields, rest.trim_start_matches(' ').replace("%%", "%")))
}

#[cfg(test)]
mod tests {
    use super::{fields, words};

    #[test]
    fn words_come_back() {
        let own = |line: &str| words(line).map(|words| words.join("|"));
        assert_eq!(own("a '' 'it'\\''s $x' /b"), Some("a||it's $x|/b".to_owned()));
        assert_eq!(own("a; b"), None);
        assert_eq!(own("a \"$b\""), None);
        assert_eq!(own("a 'b"), None);
    }

    #[test]
    fn fields_come_back() {
        let (own, rest) = fields("L+ \"/a \\\"b\" - - - - /c%% d", 6).unwrap();
        assert_eq!((own.join("|"), rest.as_str()), ("L+|/a \"b|-|-|-|-".to_owned(), "/c% d"));
        assert_eq!(fields("d /x", 3), None);
    }
}
