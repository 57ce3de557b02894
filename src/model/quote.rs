//! Texts in quotes, as Go writes them: the messages of the reference have them.

use std::fmt::Write as _;

/// The text in double quotes, with escapes for what cannot be printed.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{B}' => out.push_str("\\v"),
            '\u{C}' => out.push_str("\\f"),
            c if c == ' ' || !(c.is_control() || c.is_whitespace() || is_invisible(c)) => out.push(c),
            c if u32::from(c) < 0x80 => drop(write!(out, "\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Characters of formatting and private use.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0xAD | 0x61C | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xE000..=0xF8FF | 0xFEFF | 0xE_0000..)
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        for (text, quoted) in [
            ("a \u{e9}\u{2713}", "\"a \u{e9}\u{2713}\""),
            ("\"\\\n", r#""\"\\\n""#),
            ("\u{feff}a\u{2028}", r#""\ufeffa\u2028""#),
            ("\u{1}\u{7f}\u{b}\u{e0041}", r#""\x01\x7f\v\U000e0041""#),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }
}
