//! Texts as contents of Ignition files.

use crate::model::ignition::Resource;
use std::fmt::Write;

/// `text` as a resource: a data URL (RFC 2397) with everything but RFC 3986's unreserved characters
/// percent-encoded. The one place that decides how texts made from the cluster model are encoded.
pub fn inline(text: &str) -> Resource {
    let mut source = String::with_capacity(text.len() * 2 + 6);
    source.push_str("data:,");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            source.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(source, "%{byte:02X}");
        }
    }
    Resource { source: Some(source), ..Resource::default() }
}

#[cfg(test)]
mod tests {
    use super::inline;

    #[test]
    fn everything_but_unreserved_characters_is_encoded() {
        assert_eq!(inline("a-b_c.d~9\n%é").source.as_deref(), Some("data:,a-b_c.d~9%0A%25%C3%A9"));
        assert_eq!(inline("").source.as_deref(), Some("data:,"));
    }
}
