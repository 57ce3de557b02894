//! What plain scalars mean (YAML 1.2.2, section 10.3.2).

/// What YAML 1.2's core schema makes of a plain scalar (YAML 1.2.2, section 10.3.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Integer(i64),
    TooLarge,
    Float(f64),
    Text,
}

/// The value of a plain scalar.
pub(super) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Plain::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Plain::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Plain::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let radix = |digits: &str, radix, all: fn(&u8) -> bool| {
        let whole = !digits.is_empty() && digits.as_bytes().iter().all(all);
        whole.then(|| i64::from_str_radix(digits, radix).map_or(Plain::TooLarge, Plain::Integer))
    };
    let special = text.strip_prefix("0o").and_then(|digits| radix(digits, 8, |b| (b'0'..=b'7').contains(b)));
    if let Some(value) = special.or_else(|| text.strip_prefix("0x").and_then(|d| radix(d, 16, u8::is_ascii_hexdigit))) {
        return value;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_or(Plain::TooLarge, Plain::Integer);
    }
    // A digit somewhere and nothing but what floats are made of: `inf` and `nan` of Rust are texts in YAML.
    let float = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if float { text.parse().map_or(Plain::Text, Plain::Float) } else { Plain::Text }
}

/// A number that YAML 1.1 reads as octal and YAML 1.2 as decimal.
pub(super) fn octal_looking(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `text` in double quotes, as YAML takes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_schema() {
        for (text, expected) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("nULL", Plain::Text),
            ("True", Plain::Bool(true)),
            ("yes", Plain::Text),
            ("12", Plain::Integer(12)),
            ("-7", Plain::Integer(-7)),
            ("0o17", Plain::Integer(15)),
            ("0x1F", Plain::Integer(31)),
            ("0o8", Plain::Text),
            ("99999999999999999999", Plain::TooLarge),
            ("1.5", Plain::Float(1.5)),
            (".5", Plain::Float(0.5)),
            ("1e3", Plain::Float(1000.0)),
            ("1.1.0", Plain::Text),
            ("10.17.4.0/24", Plain::Text),
            ("52:54:00:12:35:44", Plain::Text),
            ("1_000", Plain::Text),
            ("inf", Plain::Text),
            ("nan", Plain::Text),
            ("-", Plain::Text),
            ("2026-11-21", Plain::Text),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn octal() {
        assert!(octal_looking("0644") && octal_looking("-07") && octal_looking("08"));
        assert!(!octal_looking("0") && !octal_looking("0o644") && !octal_looking("640"));
    }
}
