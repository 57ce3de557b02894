//! Bytes to text: byte order marks, UTF-16, and the characters that YAML forbids.

/// Why bytes are no YAML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadText {
    /// The offending byte.
    pub offset: usize,
    /// What is wrong with it, in the words of the reference compiler.
    pub message: &'static str,
}

/// As much of a text as can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// The text. Positions in diagnostics refer to it.
    pub text: String,
    /// Why it ends, if that is not the end of the file.
    pub broken: Option<BadText>,
}

/// The text of a YAML file: UTF-8, or UTF-16 behind a byte order mark. The mark is not part of the text.
///
/// Positions in diagnostics refer to what this returns.
pub fn decode_text(bytes: &[u8]) -> Result<String, BadText> {
    let Readable { text, broken } = readable(bytes);
    broken.map_or(Ok(text), Err)
}

/// The text of a YAML file up to where the reference could not read on.
///
/// It decodes some bytes at a time, and says what is wrong with them when it comes to need the first of them. Until
/// then it may have found something else.
pub fn readable(bytes: &[u8]) -> Readable {
    let wide = matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
    let width = |character: char| if wide { 2 * character.len_utf16() } else { character.len_utf8() };
    let (mark, (mut text, stop)) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (2, utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => (2, utf16(rest, u16::from_be_bytes)),
        [0xEF, 0xBB, 0xBF, rest @ ..] => (3, utf8(rest)),
        _ => (0, utf8(bytes)),
    };
    let broken = stop.map(|stop| {
        // Where the bytes begin that the reference decodes together, in the file and in the text.
        let (mut unit, mut cut) = (0, 0);
        let mut at = mark;
        for (index, character) in text.char_indices() {
            if at + width(character) > unit + UNIT {
                (unit, cut) = (at, index);
            }
            at += width(character);
        }
        // A character that is cut off is looked at once more when there are more bytes, or none.
        if stop.wants.is_some_and(|wants| at + wants > (unit + UNIT).min(bytes.len())) {
            cut = text.len();
        }
        text.truncate(cut);
        BadText { offset: mark + stop.offset, message: stop.message }
    });
    Readable { text, broken }
}

/// How many bytes the reference decodes together.
const UNIT: usize = 512;

/// What precedes the first bad byte, and why that is bad.
type Decoded = (String, Option<Stop>);

/// Where decoding stopped.
struct Stop {
    offset: usize,
    message: &'static str,
    /// How many bytes the character would have had.
    wants: Option<usize>,
}

fn utf8(bytes: &[u8]) -> Decoded {
    let (text, bad) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (good, rest) = bytes.split_at(error.valid_up_to());
            let (message, wants) = utf8_problem(rest);
            (std::str::from_utf8(good).unwrap_or_default(), Some(Stop { offset: good.len(), message, wants }))
        }
    };
    // A forbidden character before the broken one is found first.
    match forbidden(text) {
        Some((offset, character)) => {
            let stop = Stop { offset, message: CONTROL, wants: Some(character.len_utf8()) };
            (text[..offset].to_owned(), Some(stop))
        }
        None => (text.to_owned(), bad),
    }
}

/// What is wrong with the broken UTF-8 sequence at the start of `bytes`, and how long it would be.
fn utf8_problem(bytes: &[u8]) -> (&'static str, Option<usize>) {
    let first = bytes.first().copied().unwrap_or_default();
    let (width, least) = match first {
        0xC0..=0xDF => (2, 0x80),
        0xE0..=0xEF => (3, 0x800),
        0xF0..=0xF7 => (4, 0x1_0000),
        _ => return ("invalid leading UTF-8 octet", None),
    };
    let message = match bytes.get(1..width) {
        None => "incomplete UTF-8 octet sequence",
        Some(tail) if tail.iter().any(|byte| byte & 0xC0 != 0x80) => "invalid trailing UTF-8 octet",
        Some(tail) => {
            let head = u32::from(first) & (0xFF >> (width + 1));
            let value = tail.iter().fold(head, |value, byte| value << 6 | u32::from(byte & 0x3F));
            if value < least { "invalid length of a UTF-8 sequence" } else { "invalid Unicode character" }
        }
    };
    (message, Some(width))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Decoded {
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let stop = |message, wants| Some(Stop { offset: at, message, wants: Some(wants) });
        let [a, b, tail @ ..] = rest else { return (text, stop("incomplete UTF-16 character", 2)) };
        let high = unit([*a, *b]);
        let value = match high {
            0xDC00..=0xDFFF => return (text, stop("unexpected low surrogate area", 2)),
            0xD800..=0xDBFF => {
                let [c, d, ..] = tail else { return (text, stop("incomplete UTF-16 surrogate pair", 4)) };
                let low = unit([*c, *d]);
                if low & 0xFC00 != 0xDC00 {
                    return (text, stop("expected low surrogate area", 4));
                }
                0x1_0000 + ((u32::from(high) & 0x3FF) << 10) + (u32::from(low) & 0x3FF)
            }
            _ => u32::from(high),
        };
        let character = char::from_u32(value).unwrap_or_default();
        let width = if value < 0x1_0000 { 2 } else { 4 };
        if !allowed(character) {
            return (text, stop(CONTROL, width));
        }
        text.push(character);
        at += width;
    }
    (text, None)
}

const CONTROL: &str = "control characters are not allowed";

fn forbidden(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|(_, character)| !allowed(*character))
}

/// YAML 1.1, `c-printable`.
fn allowed(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{1_0000}'..)
}
