//! Names: what they may look like, and what to say when one is not declared.

use super::{Profiles, bad};
use crate::diag::{Code, Diagnostic, Sink, Span, suggest};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// Whether `name` can be a DNS label (RFC 1123, section 2.1): lower-case letters, digits and inner `-`, at most 63.
pub(in crate::load) fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// Whether `name` is made of labels joined by dots.
pub(super) fn is_domain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether `name` is made of letters, digits, `-`, `_` and `.`, as names in configuration files can be.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Reports a reference to something that is not declared.
pub(super) fn unknown<'a>(
    kind: &str,
    name: &str,
    span: Span,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    sink: &mut Sink,
) {
    let mut diagnostic = Diagnostic::new(Code::UnknownName, format!("there is no {kind} `{name}`")).at(span);
    diagnostic.hint = suggest::hint(name, candidates);
    sink.push(diagnostic);
}

/// A place in the cluster, as `from:` and `to:` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Any,
    Pods,
    Services,
    Network(&'a str),
    Role(&'a str),
    Node(&'a str),
    Vip(&'a str),
    Net(Ipv4Net),
}

/// Forms that a place can take where it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forms {
    /// `any`
    pub(super) any: bool,
    /// `vip:<name>`
    pub(super) vip: bool,
    /// `?` at the end: nobody, where there is no such network, role or node.
    pub(super) optional: bool,
}

/// A name without the `?` that says that there need not be such a thing, and whether it had one.
pub(super) fn optional(text: &str) -> (&str, bool) {
    text.strip_suffix('?').map_or((text, false), |text| (text, true))
}

/// Reads a place and looks its name up. `None` means that an error was reported, or that there need not be such a place.
pub(super) fn place<'a>(
    profiles: &Profiles,
    text: &'a str,
    span: Span,
    forms: Forms,
    sink: &mut Sink,
) -> Option<Place<'a>> {
    let cluster = &profiles.cluster;
    let (text, optional) = if forms.optional { optional(text) } else { (text, false) };
    let check = |known: bool, place: Place<'a>, report: &mut dyn FnMut()| {
        if !known && !optional {
            report();
        }
        known.then_some(place)
    };
    let declared = |known: bool, place, sink: &mut Sink| {
        if !known && !optional {
            let message = format!("`{text}` is not declared in `cluster.yaml`");
            sink.push(Diagnostic::new(Code::UnknownName, message).at(span));
        }
        known.then_some(place)
    };
    match text.split_once(':') {
        None if text == "any" && forms.any => Some(Place::Any),
        None if text == "pods" => declared(cluster.pods.is_some(), Place::Pods, sink),
        None if text == "services" => declared(cluster.services.is_some(), Place::Services, sink),
        Some(("network", name)) => check(cluster.networks.contains_key(name), Place::Network(name), &mut || {
            unknown("network", name, span, cluster.networks.keys().map(String::as_str), sink);
        }),
        Some(("role", name)) => check(profiles.has_role(name), Place::Role(name), &mut || {
            unknown("role", name, span, profiles.role_names(), sink);
        }),
        Some(("node", name)) => check(profiles.nodes.contains_key(name), Place::Node(name), &mut || {
            unknown("node", name, span, profiles.nodes.keys().map(String::as_str), sink);
        }),
        Some(("vip", name)) if forms.vip => check(cluster.vips.contains_key(name), Place::Vip(name), &mut || {
            unknown("VIP", name, span, cluster.vips.keys().map(String::as_str), sink);
        }),
        _ => match net(text) {
            Some(Ok(net)) => Some(Place::Net(net)),
            Some(Err(why)) => {
                sink.push(bad(why, span));
                None
            }
            None => {
                let mut words = vec!["network:<name>", "role:<name>", "node:<name>"];
                words.extend(forms.vip.then_some("vip:<name>"));
                words.extend(forms.any.then_some("any"));
                words.extend(["pods", "services"]);
                let hint = format!("write {}, an address or a network", suggest::list(words));
                sink.push(bad(format!("`{text}` is no place in the cluster"), span).hint(hint));
                None
            }
        },
    }
}

/// `text` as an address or a network; `None` if it looks like neither.
pub(super) fn net(text: &str) -> Option<Result<Ipv4Net, String>> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(Ok(Ipv4Net::from(address)));
    }
    if let Ok(net) = text.parse::<Ipv4Net>() {
        let whole = net.trunc();
        return Some(if whole == net {
            Ok(net)
        } else {
            Err(format!("`{text}` has host bits set; the network is `{whole}`"))
        });
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.');
    numeric.then(|| Err(format!("`{text}` is neither an IPv4 address nor an IPv4 network")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for good in ["a", "worker1", "infra-cluster", "0", &"a".repeat(63)] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", &"a".repeat(64)] {
            assert!(!is_label(bad), "{bad}");
        }
        assert!(is_domain("kube.internal") && !is_domain("kube..internal") && !is_domain("kube.internal."));
    }

    #[test]
    fn what_need_not_be() {
        assert_eq!((optional("network:vpn?"), optional("pods")), (("network:vpn", true), ("pods", false)));
    }

    #[test]
    fn nets() {
        assert_eq!(net("10.0.0.1"), Some(Ok("10.0.0.1/32".parse().unwrap())));
        assert_eq!(net("10.0.0.0/8"), Some(Ok("10.0.0.0/8".parse().unwrap())));
        assert!(net("10.0.0.1/8").unwrap().unwrap_err().contains("`10.0.0.0/8`"));
        assert!(net("10.0.0").unwrap().is_err());
        assert_eq!(net("lan"), None);
    }
}
