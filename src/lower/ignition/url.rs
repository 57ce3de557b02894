//! URLs, read as leniently and as strictly as Go's `net/url` reads them.

use super::{Verdict, wrong};
use crate::lower::data_url;
use crate::spec::Target;
use std::borrow::Cow;
use std::net::Ipv6Addr;

/// The parts of a URL that anybody asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// The scheme in lower case; empty if there is none.
    pub(super) scheme: String,
    /// What follows the scheme if it does not begin with a slash.
    pub(super) opaque: String,
    query: String,
}

impl Url {
    /// Reads a URL; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7F) {
            return None;
        }
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        if !escapes_are_whole(fragment) {
            return None;
        }
        let (scheme, rest) = scheme(text)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut url = Self { scheme: scheme.to_ascii_lowercase(), opaque: String::new(), query: query.to_owned() };
        if text == "*" {
            return Some(url);
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Some(url);
            }
            let first = rest.split('/').next().unwrap_or_default();
            return (!first.contains(':') && escapes_are_whole(rest)).then_some(url);
        }
        let path = match rest.strip_prefix("//") {
            Some(after) if !url.scheme.is_empty() || !rest.starts_with("///") => {
                let (authority, path) = after.find('/').map_or((after, ""), |at| after.split_at(at));
                if !is_authority(authority) {
                    return None;
                }
                path
            }
            _ => rest,
        };
        escapes_are_whole(path).then_some(url)
    }

    /// The first value of a parameter of the query.
    fn parameter(&self, name: &str) -> Option<String> {
        self.query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.contains(';'))
            .find_map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (unescape(key)? == name.as_bytes()).then(|| unescape(value)).flatten()
            })
            .map(|value| String::from_utf8_lossy(&value).into_owned())
    }
}

/// Splits off the scheme. `None` if there should be one and is not.
fn scheme(text: &str) -> Option<(&str, &str)> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Some(("", text))
}

fn is_authority(text: &str) -> bool {
    let host = match text.rsplit_once('@') {
        Some((user, host)) => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
            if !user.bytes().all(allowed) || !escapes_are_whole(user) {
                return false;
            }
            host
        }
        None => text,
    };
    let is_port = |text: &str| match text.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()),
        None => text.is_empty(),
    };
    if let Some(start) = host.rfind('[') {
        let Some(end) = host.rfind(']').filter(|end| *end > start) else { return false };
        let (address, zone) = match host[start + 1..end].split_once("%25") {
            Some((address, zone)) => (address, Some(zone)),
            None => (&host[start + 1..end], None),
        };
        return is_port(&host[end + 1..])
            && address.parse::<Ipv6Addr>().is_ok()
            && zone.is_none_or(|zone| !zone.is_empty() && is_host(zone, true));
    }
    host.rfind(':').is_none_or(|at| is_port(&host[at..])) && is_host(host, false)
}

/// Whether the name of a host, or the zone of an address, holds nothing that it may not.
fn is_host(host: &str, zone: bool) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!$&'()*+,;=:[]<>\"-_.~".contains(&byte);
    let bytes = host.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let Some(value) = escape(bytes, at) else { return false };
                // Escapes are for what is not ASCII in names, and for blanks in zones.
                let allowed = if zone { value == b' ' || plain(value) } else { value >= 0x80 };
                if !allowed && &bytes[at..at + 3] != b"%25" {
                    return false;
                }
                at += 2;
            }
            byte if byte < 0x80 && !plain(byte) => return false,
            _ => {}
        }
        at += 1;
    }
    true
}

fn escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok()
}

fn escapes_are_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| *byte != b'%' || escape(bytes, at).is_some())
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                out.push(escape(bytes, at)?);
                at += 2;
            }
            b'+' => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    Some(out)
}

/// Whether Ignition can fetch from a URL.
pub(super) fn check(text: &str, target: Target) -> Verdict {
    let version = |url: &Url| match url.parameter("versionId").as_deref() {
        Some("") => wrong("invalid S3 object VersionId"),
        _ => Ok(()),
    };
    // Contents are long, and all that Go reads of their URL beforehand is its scheme.
    if text.starts_with("data:,") || text.starts_with("data:;base64,") {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7F) {
            return wrong("unable to parse url");
        }
        if text.split_once('#').is_some_and(|(_, fragment)| !escapes_are_whole(fragment)) {
            return wrong("unable to parse url");
        }
        return data_url::unpack(text).map(|_| ()).map_err(Cow::Owned);
    }
    let Some(url) = Url::parse(text) else { return wrong("unable to parse url") };
    match url.scheme.as_str() {
        "http" | "https" | "tftp" => Ok(()),
        "gs" if target.knows_gs() => Ok(()),
        "s3" => version(&url),
        "arn" if target.knows_arn() => {
            const BAD: &str = "invalid S3 ARN format";
            let name = format!("arn:{}", url.opaque);
            let mut sections = name.splitn(6, ':');
            let service = sections.nth(2);
            let Some(resource) = sections.nth(2) else { return wrong(BAD) };
            let parts = name.split('/').count();
            if service != Some("s3") || parts < if resource.starts_with("accesspoint/") { 3 } else { 2 } {
                return wrong(BAD);
            }
            version(&url)
        }
        "data" => data_url::unpack(text).map(|_| ()).map_err(Cow::Owned),
        _ => wrong("invalid url scheme"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_go_reads_them() {
        for bad in [
            ":x",
            "http://a b",
            "http://h:port/",
            "http://[::1",
            "http://h/%zz",
            "a:b\n",
            "1:b:c",
            "http://u ser@h",
            "http://h[",
            "http://[h]/",
            "http://[1.2.3.4]/",
            "http://[::1]x/",
        ] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
        for good in [
            "",
            "x",
            "http://u@h:80/a?b#c",
            "HTTP://[::1]:8/",
            "http://[fe80::1%25eth0]/",
            "http://h:/",
            "data:,x%",
            "/a:b",
        ] {
            assert!(Url::parse(good).is_some(), "{good}");
        }
    }

    #[test]
    fn schemes_depend_on_the_version() {
        assert!(check("gs://a/b", Target(1)).is_err() && check("gs://a/b", Target(2)).is_ok());
        assert!(check("arn:aws:s3:::b/k", Target(3)).is_err() && check("arn:aws:s3:::b/k", Target(4)).is_ok());
        assert!(check("s3://b/k?versionId=", Target(4)).is_err());
    }
}
