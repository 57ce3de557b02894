//! What a scalar means, by the rules of Go's yaml.v3: YAML 1.1's octals beside 1.2's, underscores in numbers,
//! and `yes` as a text that only truth values understand.

use crate::load::yaml::{Content, Node, Style};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// The meaning of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A whole number above `i64::MAX`.
    Large(u64),
    Float(f64),
    Timestamp,
    Text(&'a str),
    /// What `!!binary` decodes to.
    Bytes(Vec<u8>),
}

const NULL: &str = "!!null";
const BOOL: &str = "!!bool";
const STRING: &str = "!!str";
const INTEGER: &str = "!!int";
const FLOAT: &str = "!!float";
const TIMESTAMP: &str = "!!timestamp";
const BINARY: &str = "!!binary";
const MERGE: &str = "!!merge";
const SEQUENCE: &str = "!!seq";
const MAPPING: &str = "!!map";

/// The node's tag in its short form: the written one, or else what its text looks like.
pub(super) fn tag(node: &Node) -> Cow<'_, str> {
    if let Some(written) = node.tag.as_deref().filter(|tag| !tag.is_empty() && *tag != "!") {
        return match written.strip_prefix("tag:yaml.org,2002:") {
            Some(name) => format!("!!{name}").into(),
            None => written.into(),
        };
    }
    match &node.content {
        Content::Scalar { text, style: Style::Plain } if &**text == "<<" => MERGE.into(),
        Content::Scalar { text, style: Style::Plain } => untagged(text, true).0.into(),
        Content::Scalar { .. } => STRING.into(),
        Content::Sequence(_) => SEQUENCE.into(),
        Content::Mapping(_) => MAPPING.into(),
        Content::Alias(_) => "".into(),
    }
}

/// Whether the node is the key of a merge.
pub(super) fn is_merge(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar { text, .. } if &**text == "<<") && tag(node) == MERGE
}

/// Whether the node is a scalar that says nothing.
pub(super) fn is_null(node: &Node) -> bool {
    let Content::Scalar { text, .. } = &node.content else { return false };
    tag(node) == NULL && matches!(untagged(text, false).1, Scalar::Null)
}

/// What `text` means under `tag`. `Err` is a message that ends reading.
pub(super) fn resolve<'a>(tag: &str, text: &'a str) -> Result<Scalar<'a>, String> {
    let (found, value) = match tag {
        BINARY => return binary(text).map(Scalar::Bytes),
        BOOL | INTEGER | FLOAT | NULL | TIMESTAMP => untagged(text, tag == TIMESTAMP),
        _ => return Ok(Scalar::Text(text)),
    };
    match value {
        value if found == tag => Ok(value),
        #[allow(clippy::cast_precision_loss)]
        Scalar::Integer(whole) if tag == FLOAT => Ok(Scalar::Float(whole as f64)),
        _ => Err(format!("cannot decode {found} `{text}` as a {tag}")),
    }
}

/// What a text without quotes and tag means, with the tag for it.
fn untagged(text: &str, timestamps: bool) -> (&'static str, Scalar<'_>) {
    let string = (STRING, Scalar::Text(text));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => (NULL, Scalar::Null),
        "true" | "True" | "TRUE" => (BOOL, Scalar::Bool(true)),
        "false" | "False" | "FALSE" => (BOOL, Scalar::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => (FLOAT, Scalar::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => (FLOAT, Scalar::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => (FLOAT, Scalar::Float(f64::NEG_INFINITY)),
        _ => match text.as_bytes()[0] {
            b'.' => float(text).map_or(string, |value| (FLOAT, value)),
            b'+' | b'-' | b'0'..=b'9' if timestamps && is_timestamp(text) => (TIMESTAMP, Scalar::Timestamp),
            b'+' | b'-' | b'0'..=b'9' => {
                let plain = text.replace('_', "");
                let whole = integer(&plain, 0).or_else(|| large(&plain));
                let number = whole.or_else(|| float(&plain)).or_else(|| odd_integer(&plain));
                match number {
                    Some(value @ Scalar::Float(_)) => (FLOAT, value),
                    Some(Scalar::Integer(value)) => (INTEGER, Scalar::Integer(value)),
                    Some(Scalar::Large(value)) => (INTEGER, Scalar::Large(value)),
                    _ => string,
                }
            }
            _ => string,
        },
    }
}

/// A signed whole number; radix 0 means that a prefix says it, a bare `0` being octal's.
fn integer(text: &str, radix: u32) -> Option<Scalar<'static>> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (radix, digits) = if radix == 0 { prefixed(digits) } else { (radix, digits) };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok().map(Scalar::Integer)
}

fn large(text: &str) -> Option<Scalar<'static>> {
    let (radix, digits) = prefixed(text);
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Scalar::Large)
}

fn prefixed(digits: &str) -> (u32, &str) {
    match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// Signs behind the prefix, which the fallbacks for `0b` and `0o` let through.
fn odd_integer(text: &str) -> Option<Scalar<'static>> {
    let radix = match text.trim_start_matches('-').get(..2)? {
        "0b" => 2,
        "0o" => 8,
        _ => return None,
    };
    match text.strip_prefix('-') {
        Some(rest) => integer(&format!("-{}", &rest[2..]), radix),
        None => integer(&text[2..], radix),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, if it is finite.
fn float(text: &str) -> Option<Scalar<'static>> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    if !mantissa_fits || !exponent.is_none_or(digits) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Scalar::Float)
}

fn binary(text: &str) -> Result<Vec<u8>, String> {
    const ENGINE: GeneralPurpose =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    let joined: Cow<'_, str> =
        if text.contains(['\r', '\n']) { text.replace(['\r', '\n'], "").into() } else { text.into() };
    ENGINE.decode(joined.as_bytes()).map_err(|_| "!!binary value contains invalid base64 data".to_owned())
}

/// `2006-1-2`, with an optional time behind `T` or `t` (and then a zone) or a blank (and then none).
fn is_timestamp(text: &str) -> bool {
    parse_timestamp(text).is_some()
}

fn parse_timestamp(text: &str) -> Option<()> {
    let (year, rest) = text.split_at_checked(4)?;
    if !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = rest.strip_prefix('-')?;
    let (month, rest) = number(rest, 12)?;
    let rest = rest.strip_prefix('-')?;
    let (day, rest) = number(rest, 31)?;
    let year: u32 = year.parse().ok()?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 31,
    };
    if month == 0 || day == 0 || day > days {
        return None;
    }
    if rest.is_empty() {
        return Some(());
    }
    let (zoned, rest) = match rest.strip_prefix(['T', 't']) {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix(' ')?.trim_start_matches(' ')),
    };
    let (_, rest) = number(rest, 23)?;
    let (_, rest) = number(rest.strip_prefix(':')?, 59)?;
    let (_, mut rest) = number(rest.strip_prefix(':')?, 59)?;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        rest = if digits > 0 { &fraction[digits..] } else { rest };
    }
    match (zoned, rest.as_bytes()) {
        (false, b"") | (true, b"Z") => Some(()),
        (true, [b'+' | b'-', a, b, b':', c, d]) => {
            let two = |tens: u8, ones: u8| {
                (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + ones - b'0')
            };
            (two(*a, *b)? <= 24 && two(*c, *d)? < 60).then_some(())
        }
        _ => None,
    }
}

/// One or two digits worth at most `most`.
fn number(text: &str, most: u32) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(digits)?;
    digits.parse().ok().filter(|value| *value <= most).map(|value| (value, rest))
}
