//! Contents of files: from Ignition's resources to bytes, and from bytes to the form that cloud-init writes.

use crate::lower::data_url;
use crate::model::cloud::Encoding;
use crate::model::ignition::{Resource, Verification};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256, Sha512};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

/// No file larger than this is unpacked: 64 MiB, what bake reads of a local file.
const LIMIT: u64 = 64 << 20;

/// Why a resource cannot be had, and at which of its keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Key of the resource that is to blame.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

fn trouble(key: &'static str, message: impl Into<String>, hint: impl Into<Option<&'static str>>) -> Trouble {
    Trouble { key, message: message.into(), hint: hint.into() }
}

/// The bytes of a resource, unpacked and checked against its hash. `None` when it has no source.
pub(super) fn bytes(resource: &Resource) -> Result<Option<Vec<u8>>, Trouble> {
    let Resource { compression, http_headers, source, verification } = resource;
    if !http_headers.is_empty() {
        return Err(trouble(
            "httpHeaders",
            "headers of a request that is never made: nothing is fetched at first boot",
            None,
        ));
    }
    let Some(source) = source else { return Ok(None) };
    let mut data = if source.is_empty() { Vec::new() } else { of_url(source)? };
    match compression.as_deref() {
        None | Some("") => {}
        Some("gzip") => data = unpack(&data)?,
        Some(other) => {
            return Err(trouble(
                "compression",
                format!("compression `{other}` is not known"),
                "write `gzip`, or leave it out",
            ));
        }
    }
    verify(verification, &data)?;
    Ok(Some(data))
}

/// The bytes of a data URL.
fn of_url(url: &str) -> Result<Vec<u8>, Trouble> {
    if !url.starts_with("data:") {
        // Only the scheme is named: the rest may carry credentials.
        let scheme = url.split_once(':').map_or("a path", |(scheme, _)| scheme);
        let message = format!("the contents would be fetched (`{scheme}`), and nothing is fetched at first boot");
        return Err(trouble(
            "source",
            message,
            "download the file and include it with `local:`, or write it with `inline:`",
        ));
    }
    data_url::unpack(url).map_err(|why| trouble("source", format!("the data URL is broken: {why}"), None))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Trouble> {
    let mut data = Vec::new();
    MultiGzDecoder::new(packed)
        .take(LIMIT + 1)
        .read_to_end(&mut data)
        .map_err(|_| trouble("compression", "the contents are not gzip", None))?;
    if data.len() as u64 > LIMIT {
        return Err(trouble("compression", "the contents unpack to more than 64 MiB", None));
    }
    Ok(data)
}

/// The hash describes the unpacked contents.
fn verify(Verification { hash }: &Verification, data: &[u8]) -> Result<(), Trouble> {
    let Some(hash) = hash else { return Ok(()) };
    let actual = match hash.split_once('-') {
        Some(("sha256", _)) => format!("sha256-{}", hexadecimal(&Sha256::digest(data))),
        Some(("sha512", _)) => format!("sha512-{}", hexadecimal(&Sha512::digest(data))),
        _ => {
            return Err(trouble(
                "verification",
                format!("hash `{hash}` is of an unknown kind"),
                "write `sha256-...` or `sha512-...`",
            ));
        }
    };
    if actual.eq_ignore_ascii_case(hash) {
        return Ok(());
    }
    Err(trouble("verification", format!("the contents do not have the hash `{hash}`, but `{actual}`"), None))
}

/// A short name for these bytes at this path.
pub(super) fn digest(path: &str, data: &[u8]) -> String {
    let hash = Sha256::new_with_prefix(path).chain_update([0]).chain_update(data).finalize();
    hexadecimal(&hash[..8])
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The contents as `write_files` takes them: text as it is, anything else in base64, packed first if that is shorter.
pub(super) fn written(data: &[u8]) -> (Option<Encoding>, String) {
    if let Ok(text) = std::str::from_utf8(data)
        && text.chars().all(readable)
    {
        return (None, text.to_owned());
    }
    let plain = STANDARD.encode(data);
    match packed(data).map(|packed| STANDARD.encode(packed)) {
        Some(packed) if packed.len() < plain.len() => (Some(Encoding::GzipBase64), packed),
        _ => (Some(Encoding::Base64), plain),
    }
}

/// What an editor shows as itself.
fn readable(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\r')
        || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}'))
}

/// gzip without a name and a date: the same bytes every time.
fn packed(data: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(data).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(source: &str) -> Resource {
        Resource { source: Some(source.to_owned()), ..Resource::default() }
    }

    #[test]
    fn reads_the_forms_of_data_urls() {
        for (url, expected) in [
            ("data:,global%0A", &b"global\n"[..]),
            ("data:,", b""),
            ("", b""),
            ("data:;base64,AAECA/8=", &[0, 1, 2, 3, 255]),
            ("data:text/plain;charset=utf-8;base64,eA==", b"x"),
            ("data:text/plain,a,b", b"a,b"),
        ] {
            assert_eq!(bytes(&resource(url)).unwrap().unwrap(), expected, "{url}");
        }
        assert_eq!(bytes(&Resource::default()), Ok(None));
    }

    #[test]
    fn refuses_what_it_cannot_have() {
        for (url, word) in [
            ("https://user:secret@example.com/x", "`https`"),
            ("s3://bucket/x", "`s3`"),
            ("data:%zz", "broken"),
            ("data:,%zz", "broken"),
            ("data:,%f", "broken"),
            ("data:;base64,a", "broken"),
        ] {
            let trouble = bytes(&resource(url)).unwrap_err();
            assert!(trouble.message.contains(word) && !trouble.message.contains("secret"), "{trouble:?}");
            assert_eq!(trouble.key, "source");
        }
        let gzip = Resource { compression: Some("gzip".to_owned()), ..resource("data:,x") };
        assert_eq!(bytes(&gzip).unwrap_err().key, "compression");
    }

    #[test]
    fn unpacks_and_verifies() {
        let packed = STANDARD.encode(packed(b"hello").unwrap());
        let hashed = |hash: &str| Resource {
            compression: Some("gzip".to_owned()),
            verification: Verification { hash: Some(hash.to_owned()) },
            ..resource(&format!("data:;base64,{packed}"))
        };
        let sha256 = "sha256-2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(bytes(&hashed(sha256)).unwrap().unwrap(), b"hello");
        assert_eq!(bytes(&hashed("sha256-00")).unwrap_err().key, "verification");
        assert_eq!(bytes(&hashed("md5-00")).unwrap_err().key, "verification");
        assert_eq!(bytes(&hashed("sha512-00")).unwrap_err().key, "verification");
    }

    #[test]
    fn writes_text_as_text_and_packs_only_what_shrinks() {
        assert_eq!(written("é\tx\r\n🎉".as_bytes()), (None, "é\tx\r\n🎉".to_owned()));
        assert_eq!(written(&[0, 255]).0, Some(Encoding::Base64));
        assert_eq!(written("\u{85}".as_bytes()).0, Some(Encoding::Base64));
        let (encoding, text) = written(&[0; 1000]);
        assert_eq!(encoding, Some(Encoding::GzipBase64));
        let back = unpack(&STANDARD.decode(text).unwrap()).unwrap();
        assert_eq!(back, [0; 1000]);
    }
}
