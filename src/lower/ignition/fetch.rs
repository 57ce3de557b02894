//! The `ignition` section, and resources wherever they are.

use super::{Check, Verdict, says, url, wrong};
use crate::model::ignition::{HttpHeader, Ignition, Resource, Verification};
use crate::model::path::At;
use std::borrow::Cow;

impl Check<'_> {
    pub(super) fn ignition(&mut self, ignition: &Ignition) {
        let at = At::top("ignition");
        let config = at.key("config");
        let merge = config.key("merge");
        let plain = self.target.has_plain_references();
        for (index, resource) in ignition.config.merge.iter().enumerate() {
            let at = merge.index(index);
            if !plain {
                self.required(resource, &at);
            }
            self.resource(resource, &at);
        }
        self.resource(&ignition.config.replace, &config.key("replace"));
        let security = at.key("security");
        let tls = security.key("tls");
        let authorities = tls.key("certificateAuthorities");
        for (index, resource) in ignition.security.tls.certificate_authorities.iter().enumerate() {
            let at = authorities.index(index);
            if plain {
                let verdict = url::check(resource.source.as_deref().unwrap_or_default(), self.target);
                self.expect(&at.key("source"), verdict);
                self.verification(&resource.verification, &at.key("verification"));
            } else {
                self.required(resource, &at);
                self.resource(resource, &at);
            }
        }
        let proxy = at.key("proxy");
        self.proxy(ignition.proxy.http_proxy.as_deref(), true, &proxy.key("httpProxy"));
        self.proxy(ignition.proxy.https_proxy.as_deref(), false, &proxy.key("httpsProxy"));
    }

    fn required(&mut self, resource: &Resource, at: &At<'_>) {
        let verdict = match resource.source.as_deref() {
            None | Some("") => wrong("source is required"),
            Some(source) => url::check(source, self.target),
        };
        self.expect(at, verdict);
    }

    fn proxy(&mut self, proxy: Option<&str>, http: bool, at: &At<'_>) {
        let Some(proxy) = proxy else { return };
        match url::Url::parse(proxy).as_ref().map(|url| url.scheme.as_str()) {
            None => self.error(at, "unable to parse url"),
            Some("https") => {}
            Some("http") if http => {}
            Some("http") => self.warn(at, "insecure plaintext HTTP proxy specified for HTTPS resources"),
            Some(_) => self.error(at, "proxies must be http(s)"),
        }
    }

    pub(super) fn resource(&mut self, resource: &Resource, at: &At<'_>) {
        if !matches!(resource.compression.as_deref(), None | Some("" | "gzip")) {
            self.error(&at.key("compression"), "invalid compression method");
        }
        let verification = at.key("verification");
        let config_reference = self.target.has_plain_references() && is_config(at);
        if resource.verification.hash.is_some() && resource.source.is_none() && !config_reference {
            self.error(&verification.key("hash"), "source must be specified if verification is specified");
        }
        if let Some(source) = resource.source.as_deref().filter(|source| !source.is_empty()) {
            self.expect(&at.key("source"), url::check(source, self.target));
        }
        if !resource.http_headers.is_empty() {
            let headers = at.key("httpHeaders");
            let verdict = match resource.source.as_deref().filter(|source| !source.is_empty()).and_then(url::Url::parse)
            {
                None => wrong("unable to parse url"),
                Some(url) if matches!(url.scheme.as_str(), "http" | "https") => Ok(()),
                Some(_) => wrong("cannot use HTTP headers with this source scheme"),
            };
            self.expect(&headers, verdict);
            for (index, header) in resource.http_headers.iter().enumerate() {
                self.header(header, &headers.index(index));
            }
        }
        self.verification(&resource.verification, &verification);
    }

    fn header(&mut self, header: &HttpHeader, at: &At<'_>) {
        if header.name.is_empty() {
            self.error(&at.key("name"), "HTTP header name can't be empty");
        }
        if header.value.as_deref() == Some("") {
            self.error(&at.key("value"), "unable to parse HTTP header");
        }
    }

    fn verification(&mut self, verification: &Verification, at: &At<'_>) {
        let Some(hash) = &verification.hash else { return };
        let verdict: Verdict = match hash.split_once('-') {
            None => wrong("malformed hash specifier"),
            Some((function, digest)) => match function {
                "sha512" if digest.len() == 128 => Ok(()),
                "sha256" if self.target.knows_sha256() && digest.len() == 64 => Ok(()),
                "sha512" => wrong("incorrect size for hash sum"),
                "sha256" if self.target.knows_sha256() => wrong("incorrect size for hash sum"),
                _ => wrong("unrecognized hash function"),
            },
        };
        self.expect(&at.key("hash"), verdict);
    }

    /// A Tang server.
    pub(super) fn tang(&mut self, tang: &crate::model::ignition::Tang, at: &At<'_>) {
        let verdict = match url::Url::parse(&tang.url) {
            None => wrong("unable to parse url"),
            Some(url) if matches!(url.scheme.as_str(), "http" | "https") => Ok(()),
            Some(_) => wrong("invalid url scheme"),
        };
        self.expect(&at.key("url"), verdict);
        if !says(tang.thumbprint.as_ref()) {
            self.error(&at.key("thumbprint"), "thumbprint is required");
        }
        let advertisement = tang.advertisement.as_deref().filter(|text| !text.is_empty());
        let known = self.target.knows_tang_advertisement();
        if advertisement.is_some_and(|text| known && super::json::parse(text).is_err()) {
            self.error(&at.key("advertisement"), Cow::Borrowed("advertisement is not valid JSON"));
        }
    }
}

/// Whether the place is in `ignition.config`.
fn is_config(at: &At<'_>) -> bool {
    use crate::model::Step;
    matches!(at.path().steps(), [Step::Key(first), Step::Key(second), ..] if first == "ignition" && second == "config")
}
