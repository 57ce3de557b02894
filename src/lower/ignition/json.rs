//! JSON, with the words of Go's `encoding/json` for what is wrong with it.

use std::borrow::Cow;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// Members in the order in which they are written, repeated ones included.
    Map(Vec<(String, Json)>),
}

/// Deeper than this is refused.
const DEPTH: usize = 10_000;

/// Reads a text that is one JSON value.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Json, Cow<'static, str>> {
    let mut parser = Parser { bytes: text.as_bytes(), at: 0 };
    let value = parser.document()?;
    Ok(value)
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, Cow<'static, str>>;

/// A collection whose end was not seen yet.
enum Open {
    List(Vec<Json>),
    Map(Vec<(String, Json)>, String),
}

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Json> {
        let mut open: Vec<Open> = Vec::new();
        'value: loop {
            let mut value = match self.next() {
                Some(b'[') => {
                    self.at += 1;
                    if open.len() >= DEPTH {
                        return Err("invalid character '[' exceeded max depth".into());
                    }
                    if self.next() != Some(b']') {
                        open.push(Open::List(Vec::new()));
                        continue 'value;
                    }
                    self.at += 1;
                    Json::List(Vec::new())
                }
                Some(b'{') => {
                    self.at += 1;
                    if open.len() >= DEPTH {
                        return Err("invalid character '{' exceeded max depth".into());
                    }
                    if self.next() != Some(b'}') {
                        let key = self.key("looking for beginning of object key string")?;
                        open.push(Open::Map(Vec::new(), key));
                        continue 'value;
                    }
                    self.at += 1;
                    Json::Map(Vec::new())
                }
                _ => self.scalar()?,
            };
            loop {
                match open.pop() {
                    None => {
                        return match self.next() {
                            None => Ok(value),
                            Some(_) => Err(self.unexpected("after top-level value")),
                        };
                    }
                    Some(Open::List(mut items)) => {
                        items.push(value);
                        match self.next() {
                            Some(b',') => {
                                self.at += 1;
                                open.push(Open::List(items));
                                continue 'value;
                            }
                            Some(b']') => self.at += 1,
                            _ => return Err(self.unexpected("after array element")),
                        }
                        value = Json::List(items);
                    }
                    Some(Open::Map(mut entries, key)) => {
                        entries.push((key, value));
                        match self.next() {
                            Some(b',') => {
                                self.at += 1;
                                self.next();
                                let key = self.key("looking for beginning of object key string")?;
                                open.push(Open::Map(entries, key));
                                continue 'value;
                            }
                            Some(b'}') => self.at += 1,
                            _ => return Err(self.unexpected("after object key:value pair")),
                        }
                        value = Json::Map(entries);
                    }
                }
            }
        }
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn unexpected(&self, context: &str) -> Cow<'static, str> {
        let Some(byte) = self.bytes.get(self.at) else { return "unexpected end of JSON input".into() };
        let shown = match byte {
            b'\'' => "'\\''".to_owned(),
            b'"' => "'\"'".to_owned(),
            b'\\' => "'\\\\'".to_owned(),
            b'\n' => "'\\n'".to_owned(),
            b'\r' => "'\\r'".to_owned(),
            b'\t' => "'\\t'".to_owned(),
            0x07 => "'\\a'".to_owned(),
            0x08 => "'\\b'".to_owned(),
            0x0B => "'\\v'".to_owned(),
            0x0C => "'\\f'".to_owned(),
            b' '..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => format!("'{}'", char::from(*byte)),
            byte if *byte < 0x80 => format!("'\\x{byte:02x}'"),
            byte => format!("'\\u{:04x}'", *byte),
        };
        format!("invalid character {shown} {context}").into()
    }

    fn key(&mut self, context: &str) -> Parsed<String> {
        if self.next() != Some(b'"') {
            return Err(self.unexpected(context));
        }
        let key = self.text()?;
        if self.next() != Some(b':') {
            return Err(self.unexpected("after object key"));
        }
        self.at += 1;
        Ok(key)
    }

    fn scalar(&mut self) -> Parsed<Json> {
        match self.bytes.get(self.at) {
            Some(b'"') => self.text().map(Json::Text),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &'static str, value: Json) -> Parsed<Json> {
        for (index, letter) in word.char_indices() {
            if self.bytes.get(self.at) != word.as_bytes().get(index) {
                return Err(self.unexpected(&format!("in literal {word} (expecting '{letter}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self, context: &str) -> Parsed<()> {
        if !self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            return Err(self.unexpected(context));
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Parsed<Json> {
        let start = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(Json::Number(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()))
    }

    fn text(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.bytes.get(self.at) {
                None => return Err("unexpected end of JSON input".into()),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(&out).into_owned());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let escaped = match self.bytes.get(self.at) {
                        Some(c @ (b'"' | b'\\' | b'/')) => char::from(*c),
                        Some(b'b') => '\u{8}',
                        Some(b'f') => '\u{C}',
                        Some(b'n') => '\n',
                        Some(b'r') => '\r',
                        Some(b't') => '\t',
                        Some(b'u') => self.unicode()?,
                        _ => return Err(self.unexpected("in string escape code")),
                    };
                    self.at += 1;
                    out.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(byte) if *byte < b' ' => return Err(self.unexpected("in string literal")),
                Some(byte) => {
                    out.push(*byte);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads `uXXXX`, and the second half of a pair; stays on the last digit.
    fn unicode(&mut self) -> Parsed<char> {
        let first = self.four()?;
        if (0xD800..0xDC00).contains(&first) && self.bytes.get(self.at + 1..self.at + 3) == Some(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.four()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four(&mut self) -> Parsed<u32> {
        let mut value = 0;
        for _ in 0..4 {
            self.at += 1;
            let digit = self.bytes.get(self.at).and_then(|byte| char::from(*byte).to_digit(16));
            value = value * 16 + digit.ok_or_else(|| self.unexpected("in \\u hexadecimal character escape"))?;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_gos_words() {
        for (text, why) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{a}", "invalid character 'a' looking for beginning of object key string"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("nul1", "invalid character '1' in literal null (expecting 'l')"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("01", "invalid character '1' after top-level value"),
        ] {
            assert_eq!(parse(text), Err(why.into()), "{text}");
        }
        let deep = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
        assert!(parse(&deep).is_ok() && parse(&format!("[{deep}]")).is_err());
        assert_eq!(parse(" [\"\\ud83d\\ude00\"] "), Ok(Json::List(vec![Json::Text("😀".to_owned())])));
    }
}
