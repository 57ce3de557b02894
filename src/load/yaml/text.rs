//! Bytes to text: byte order marks, UTF-16, and the characters that YAML forbids.

/// Why bytes are no YAML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadText {
    /// The offending byte.
    pub offset: usize,
    /// What is wrong with it, in the words of the reference compiler.
    pub message: &'static str,
}

/// The text of a YAML file: UTF-8, or UTF-16 behind a byte order mark. The mark is not part of the text.
///
/// Positions in diagnostics refer to what this returns.
pub fn decode_text(bytes: &[u8]) -> Result<String, BadText> {
    match bytes {
        [0xFF, 0xFE, ..] => utf16(bytes, u16::from_le_bytes),
        [0xFE, 0xFF, ..] => utf16(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest, 3),
        _ => utf8(bytes, 0),
    }
}

fn utf8(bytes: &[u8], skipped: usize) -> Result<String, BadText> {
    let (text, bad) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (good, rest) = bytes.split_at(error.valid_up_to());
            let bad = BadText { offset: skipped + good.len(), message: utf8_problem(rest) };
            (std::str::from_utf8(good).unwrap_or_default(), Some(bad))
        }
    };
    // A forbidden character before the broken one is found first.
    match (forbidden(text), bad) {
        (Some(offset), _) => Err(BadText { offset: skipped + offset, message: CONTROL }),
        (None, Some(bad)) => Err(bad),
        (None, None) => Ok(text.to_owned()),
    }
}

/// What is wrong with the broken UTF-8 sequence at the start of `bytes`.
fn utf8_problem(bytes: &[u8]) -> &'static str {
    let Some(first) = bytes.first().copied() else { return "incomplete UTF-8 octet sequence" };
    let (width, least) = match first {
        0xC0..=0xDF => (2, 0x80),
        0xE0..=0xEF => (3, 0x800),
        0xF0..=0xF7 => (4, 0x1_0000),
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(tail) = bytes.get(1..width) else { return "incomplete UTF-8 octet sequence" };
    if tail.iter().any(|byte| byte & 0xC0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    let head = u32::from(first) & (0xFF >> (width + 1));
    let value = tail.iter().fold(head, |value, byte| value << 6 | u32::from(byte & 0x3F));
    if value < least { "invalid length of a UTF-8 sequence" } else { "invalid Unicode character" }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, BadText> {
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 2;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let fail = |offset, message| Err(BadText { offset, message });
        let [a, b, tail @ ..] = rest else { return fail(at, "incomplete UTF-16 character") };
        let high = unit([*a, *b]);
        let value = match high {
            0xDC00..=0xDFFF => return fail(at, "unexpected low surrogate area"),
            0xD800..=0xDBFF => {
                let [c, d, ..] = tail else { return fail(at, "incomplete UTF-16 surrogate pair") };
                let low = unit([*c, *d]);
                if low & 0xFC00 != 0xDC00 {
                    return fail(at + 2, "expected low surrogate area");
                }
                0x1_0000 + ((u32::from(high) & 0x3FF) << 10) + (u32::from(low) & 0x3FF)
            }
            _ => u32::from(high),
        };
        let character = char::from_u32(value).unwrap_or_default();
        if !allowed(character) {
            return fail(at, CONTROL);
        }
        text.push(character);
        at += if value < 0x1_0000 { 2 } else { 4 };
    }
    Ok(text)
}

const CONTROL: &str = "control characters are not allowed";

fn forbidden(text: &str) -> Option<usize> {
    text.char_indices().find(|(_, character)| !allowed(*character)).map(|(at, _)| at)
}

/// YAML 1.1, `c-printable`.
fn allowed(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{1_0000}'..)
}
