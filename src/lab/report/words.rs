//! How a report says things.

use crate::lab::result::{Measured, Predicted};
use std::borrow::Cow;

/// A duration: `0`, `0.34 s`, `3.6 s`, `4 min 02 s`.
pub(super) fn seconds(ms: u32) -> String {
    match ms {
        0 => "0".to_owned(),
        1..1000 => match (ms + 5) / 10 {
            0 => "0.01 s".to_owned(),
            100 => "1.0 s".to_owned(),
            hundredths => format!("0.{hundredths:02} s"),
        },
        1000..60_000 => {
            let tenths = (ms + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => {
            let whole = ms / 1000 + u32::from(ms % 1000 >= 500);
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
    }
}

/// A moment: a duration since the start, `0 s` at the start itself.
pub(super) fn moment(ms: u32) -> String {
    if ms == 0 { "0 s".to_owned() } else { seconds(ms) }
}

/// From one duration to another: `3.6 s`, `3.0 to 4.0 s`.
pub(super) fn range(least: u32, most: u32) -> String {
    let (low, high) = (seconds(least), seconds(most));
    match (low == high, low.strip_suffix(" s")) {
        (true, _) => high,
        (false, Some(short)) if high.ends_with(" s") && !high.contains("min") => format!("{short} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// A number with its thousands set apart: `1,401`.
pub(super) fn number(value: u32) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 scenario`, `2 scenarios`.
pub(super) fn count(value: usize, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(u32::try_from(value).unwrap_or(u32::MAX)))
}

/// Who holds something: `nobody`, `a`, `a and b`, `a, b and c`.
pub(super) fn holders(owners: &[String]) -> String {
    match owners {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What was foretold: `loadbalancer2 after 3.0 to 4.0 s`.
pub(super) fn predicted(predicted: &Predicted) -> String {
    let who = holders(&predicted.owners);
    if predicted.owners.is_empty() {
        who
    } else if predicted.most_ms == 0 {
        format!("stays with {who}")
    } else {
        format!("{who} after {}", range(predicted.least_ms, predicted.most_ms))
    }
}

/// What came: `loadbalancer2 after 3.4 s`.
pub(super) fn measured(measured: &Measured) -> String {
    let who = holders(&measured.owners);
    match measured.moved_ms {
        Some(ms) => format!("{who} after {}", seconds(ms)),
        None if measured.owners.is_empty() => who,
        None => format!("stayed with {who}"),
    }
}

/// A text that does nothing but stand there: control characters become their pictures, and those that turn the direction
/// of writing or cannot be seen the replacement character. Line ends stay when `lines`.
pub(super) fn clean(text: &str, lines: bool) -> Cow<'_, str> {
    let odd = |c: char| (c.is_control() && !(lines && c == '\n')) || is_format(c);
    if !text.chars().any(odd) {
        return Cow::Borrowed(text);
    }
    let picture = |c: char| match c {
        '\n' if lines => c,
        '\0'..' ' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7F}' => '\u{2421}',
        c if odd(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    Cow::Owned(text.chars().map(picture).collect())
}

/// Invisible characters that order others: bidirectional controls, byte order mark, non-characters.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (ms, text) in [
            (0, "0"),
            (1, "0.01 s"),
            (4, "0.01 s"),
            (340, "0.34 s"),
            (994, "0.99 s"),
            (996, "1.0 s"),
            (3640, "3.6 s"),
            (59_940, "59.9 s"),
            (242_000, "4 min 02 s"),
        ] {
            assert_eq!(seconds(ms), text, "{ms}");
        }
        assert_eq!(range(3000, 4000), "3.0 to 4.0 s");
        assert_eq!(range(3610, 3640), "3.6 s");
        assert_eq!(range(0, 700), "0 to 0.70 s");
    }

    #[test]
    fn numbers() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(clean("a\x1b[31mb\n\u{202E}c\u{7f}", false), "a\u{241B}[31mb\u{240A}\u{FFFD}c\u{2421}");
        assert_eq!(clean("a\nb\r", true), "a\nb\u{240D}");
        assert_eq!(clean("grün → 東", false), "grün → 東");
    }
}
