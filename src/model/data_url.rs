//! The bytes in `data:` URLs (RFC 2397), as the reference implementation reads them.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Forgives bits that the last character need not have set.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The bytes in a `data:` URL, whatever its media type; compression is not looked at.
///
/// # Errors
/// What is wrong with the URL, in the words of the reference.
pub fn unpack(url: &str) -> Result<Vec<u8>, String> {
    let rest = url.strip_prefix("data:").ok_or("missing data prefix")?;
    let (base64, data) = head(rest)?;
    if base64 {
        if data.contains(|c: char| !(c.is_ascii_alphanumeric() || "+/=\n".contains(c))) {
            return Err("invalid data character".to_owned());
        }
        let joined: String = data.chars().filter(|c| *c != '\n').collect();
        return LENIENT.decode(&joined).map_err(|_| format!("illegal base64 data at input byte {}", bad_base64(data)));
    }
    if data.contains(|c: char| !c.is_ascii() || c.is_ascii_control() || " <>#\"{}|\\^[]`".contains(c)) {
        return Err("invalid data character".to_owned());
    }
    unescape(data)
}

/// Where a decoder of groups of four characters gives up.
fn bad_base64(data: &str) -> usize {
    let bytes = data.as_bytes();
    let mut filled = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => {}
            b'=' => {
                if filled < 2 {
                    return at;
                }
                let mut next = at + 1;
                while next < bytes.len() && bytes[next] == b'\n' {
                    next += 1;
                }
                if filled == 2 {
                    if next == bytes.len() {
                        return bytes.len();
                    }
                    if bytes[next] != b'=' {
                        return next - 1;
                    }
                    next += 1;
                }
                while next < bytes.len() && bytes[next] == b'\n' {
                    next += 1;
                }
                return next.min(bytes.len());
            }
            _ => filled = (filled + 1) % 4,
        }
        at += 1;
    }
    // The text ended within a group.
    bytes.len() - filled
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let mut value = 0;
            for offset in 1..=2 {
                let digit = bytes.get(at + offset).ok_or("rfc2396: unexpected end of unescape sequence")?;
                let digit = char::from(*digit).to_digit(16).ok_or("rfc2396: invalid char 0x25 in unescape sequence")?;
                value = value * 16 + digit;
            }
            out.push(u8::try_from(value).unwrap_or_default());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    Ok(out)
}

/// Reads up to and with the comma: whether the data is in base64, and the data.
fn head(text: &str) -> Result<(bool, &str), String> {
    let mut at = 0;
    let next = |at: usize| text[at..].chars().next();
    match next(0) {
        Some(';' | ',') => {}
        None => return Err("missing comma before data".to_owned()),
        Some(c) if is_token(c) => {
            let extension = matches!(c, 'x' | 'X') && text[1..].starts_with('-');
            let slash = text.find(|c| !is_token(c));
            // `x` alone swallows the character after it before it looks again.
            let slash = if matches!(c, 'x' | 'X') && !extension && slash == Some(1) {
                text[1..]
                    .char_indices()
                    .nth(1)
                    .and_then(|(skip, _)| text[1 + skip..].find(|c| !is_token(c)).map(|found| found + 1 + skip))
            } else {
                slash
            };
            let Some(slash) = slash else { return Err("missing media type slash".to_owned()) };
            if next(slash) != Some('/') {
                return Err("invalid character for media type".to_owned());
            }
            let known = ["text", "image", "audio", "video", "application", "message", "multipart"];
            if !extension && !known.iter().any(|kind| text[..slash].starts_with(kind)) {
                return Err("invalid media type".to_owned());
            }
            at = slash + 1;
            let Some(end) = text[at..].find(|c| !is_token(c)) else { return Err("incomplete media type".to_owned()) };
            at += end;
            if !matches!(next(at), Some(';' | ',')) {
                return Err("invalid character for media subtype".to_owned());
            }
        }
        Some(_) => return Err("invalid character after data prefix".to_owned()),
    }
    parameters(text, at)
}

fn parameters(text: &str, mut at: usize) -> Result<(bool, &str), String> {
    loop {
        if text[at..].starts_with(',') {
            return Ok((false, &text[at + 1..]));
        }
        // At a semicolon.
        at += 1;
        match text[at..].chars().next() {
            None | Some('=' | ',') => return Err("unterminated parameter sequence".to_owned()),
            Some(c) if is_token(c) => {}
            Some(_) => return Err("invalid character for parameter attribute".to_owned()),
        }
        let Some(end) = text[at..].find(|c| !is_token(c)) else {
            return Err("unterminated parameter sequence".to_owned());
        };
        let name = &text[at..at + end];
        at += end;
        match text[at..].chars().next() {
            Some(',') if name == "base64" => return Ok((true, &text[at + 1..])),
            Some(',') => return Err(format!("expected base64, got {name}")),
            Some('=') => at += 1,
            _ => return Err("invalid character for parameter attribute".to_owned()),
        }
        at = value(text, at)?;
    }
}

/// Reads a parameter's value that begins at `at`; the position of what follows it.
fn value(text: &str, at: usize) -> Result<usize, String> {
    let rest = &text[at..];
    match rest.chars().next() {
        None => Err("missing comma before data".to_owned()),
        Some('"') => {
            let mut characters = rest[1..].char_indices();
            loop {
                match characters.next() {
                    None => return Err("unclosed quoted string".to_owned()),
                    Some((_, '\\')) => match characters.next() {
                        Some((_, escaped)) if escaped.is_ascii() => {}
                        Some(_) => return Err("invalid escaped character".to_owned()),
                        None => return Err("unclosed quoted string".to_owned()),
                    },
                    Some((end, '"')) => {
                        let after = at + 1 + end + 1;
                        return match text[after..].chars().next() {
                            Some(';' | ',') => Ok(after),
                            None => Err("missing comma before data".to_owned()),
                            Some(_) => Err("expected semicolon or comma".to_owned()),
                        };
                    }
                    Some((_, c)) if c.is_ascii() => {}
                    Some(_) => return Err("invalid character for parameter value".to_owned()),
                }
            }
        }
        Some(c) if is_token(c) => {
            let Some(end) = rest.find(|c| !is_token(c)) else { return Err("missing comma before data".to_owned()) };
            if !rest[end..].starts_with([';', ',']) {
                return Err("invalid character for parameter value".to_owned());
            }
            unescape(&rest[..end])?;
            Ok(at + end)
        }
        Some(_) => Err("invalid character for parameter value".to_owned()),
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_urls_say_what_is_wrong() {
        for (url, why) in [
            ("data:", "missing comma before data"),
            ("data:text", "missing media type slash"),
            ("data:foo/bar,x", "invalid media type"),
            ("data:;base65,x", "expected base64, got base65"),
            ("data:,a b", "invalid data character"),
            ("data:,%4", "rfc2396: unexpected end of unescape sequence"),
            ("data:;base64,abc", "illegal base64 data at input byte 0"),
            ("data:;base64,YWJjZ", "illegal base64 data at input byte 4"),
        ] {
            assert_eq!(unpack(url), Err(why.to_owned()), "{url}");
        }
    }
}
