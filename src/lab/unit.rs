//! systemd's and Podman's units as far as the lab must understand them: what they start, and how it ends.
//!
//! Syntax: systemd.syntax(7), systemd.service(5), podman-systemd.unit(5).

/// The entries of a unit in order: section, key, value. Lines that end in `\` go on in the next one.
pub(super) fn entries(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut carried = String::new();
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with(['#', ';']) || (bare.is_empty() && carried.is_empty()) {
            continue;
        }
        if let Some(open) = bare.strip_suffix('\\') {
            carried.push_str(open.trim_end());
            carried.push(' ');
            continue;
        }
        let whole = std::mem::take(&mut carried) + bare;
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = whole.split_once('=') {
            found.push((section.clone(), key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

/// A command line as words: quotes and backslashes are taken off, `%%` and `$$` are one sign, `%N` is `name`.
pub(super) fn words(line: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (' ' | '\t', None) => found.extend(word.take()),
            ('\\', open) if open != Some('\'') => word.get_or_insert_default().extend(chars.next()),
            ('%', _) => match chars.next() {
                Some('N' | 'n' | 'p') => word.get_or_insert_default().push_str(name),
                other => word.get_or_insert_default().extend(other),
            },
            ('$', _) if chars.peek() == Some(&'$') => {
                chars.next();
                word.get_or_insert_default().push('$');
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on() {
        let text = "# c\n[Service]\nExecStart=/bin/a \\\n    b\n; d\n[Install]\nWantedBy=x\n";
        let found = entries(text);
        assert_eq!(found[0], ("Service".into(), "ExecStart".into(), "/bin/a b".into()));
        assert_eq!(found[1].0, "Install");
    }

    #[test]
    fn quotes_and_specifiers() {
        assert_eq!(
            words(r#"a "b c" 'd\n' e\"f %N 5%% $$x """#, "n"),
            ["a", "b c", "d\\n", "e\"f", "n", "5%", "$x", ""]
        );
    }
}
