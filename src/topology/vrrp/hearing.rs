//! Who hears whose adverts, and why not.

use super::Speaker;
use ipnet::Ipv4Net;
use std::fmt;

/// What adverts carry to be taken; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Password {
    /// What goes over the wire: eight bytes (RFC 2338, section 5.3.10).
    fn wire(&self) -> &[u8] {
        self.0.as_bytes().get(..8).unwrap_or(self.0.as_bytes())
    }
}

/// Why a speaker does not take another one's adverts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deaf {
    /// They are on different segments.
    Segment,
    /// The sender does not send to the listener.
    NotSent,
    /// The listener does not know the sender.
    NotExpected,
    /// The listener's firewall drops them.
    Firewall,
    /// They speak different versions.
    Version,
    /// They mean different virtual routers.
    RouterId,
    /// They advertise at different intervals.
    Advert,
    /// They have different passwords.
    Password,
}

/// Whether a speaker takes another one's adverts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hears {
    /// It does.
    Always,
    /// Its firewall takes them for answers to its own, and lets them in once it has sent some: connection tracking knows a
    /// pair of addresses and a protocol, and unicast adverts of both directions are such a pair.
    Answers,
    /// It does not.
    Never,
}

/// Whether `listener` takes the adverts of `sender`.
pub(super) fn hears(listener: &Speaker, sender: &Speaker) -> Hears {
    let open = || Speaker { admits: vec![Ipv4Net::default()], ..listener.clone() };
    let asked = || listener.peers.as_ref().is_some_and(|peers| peers.contains(&sender.address));
    match deaf(listener, sender) {
        None => Hears::Always,
        Some(Deaf::Firewall) if asked() && deaf(&open(), sender).is_none() => Hears::Answers,
        Some(_) => Hears::Never,
    }
}

/// Why `listener` does not take the adverts of `sender`; `None` if it does.
pub(super) fn deaf(listener: &Speaker, sender: &Speaker) -> Option<Deaf> {
    let lists = |one: &Speaker, other: &Speaker| one.peers.as_ref().is_none_or(|all| all.contains(&other.address));
    let password = |one: &Speaker| one.password.as_ref().filter(|_| one.version == 2).map(|own| own.wire().to_vec());
    let unicast = sender.peers.is_some();
    let admitted = listener.admits.iter().any(|net| net.contains(&sender.address));
    // Unicast adverts may be routed, and Keepalived takes them; but an address that moves between segments is of no use.
    let checks: [(bool, Deaf); 8] = [
        (listener.segment.is_some() && listener.segment == sender.segment, Deaf::Segment),
        (lists(sender, listener) && unicast == listener.peers.is_some(), Deaf::NotSent),
        (!listener.checks_source || lists(listener, sender), Deaf::NotExpected),
        (admitted, Deaf::Firewall),
        (listener.version == sender.version, Deaf::Version),
        (listener.router_id == sender.router_id, Deaf::RouterId),
        // Version 3 adopts the master's interval (RFC 5798, section 6.4.2).
        (sender.version == 3 || (listener.advert - sender.advert).abs() < 0.005, Deaf::Advert),
        (password(listener) == password(sender), Deaf::Password),
    ];
    checks.into_iter().find(|(fine, _)| !fine).map(|(_, why)| why)
}

impl Deaf {
    /// The reason in words: `listener` does not take adverts of `sender`.
    pub fn describe(self, listener: &Speaker, sender: &Speaker) -> String {
        let (here, there) = (&listener.node, &sender.node);
        match self {
            Self::Segment => {
                let name = |one: &Speaker| one.segment.clone().unwrap_or_else(|| "no network".to_owned());
                format!("`{here}` is on `{}` and `{there}` on `{}`", name(listener), name(sender))
            }
            Self::NotSent if sender.peers.is_some() != listener.peers.is_some() => {
                format!("one of `{here}` and `{there}` speaks unicast and the other one multicast")
            }
            Self::NotSent => format!("`{there}` does not list `{here}` (`{}`) as a peer", listener.address),
            Self::NotExpected => format!("`{here}` does not list `{there}` (`{}`) as a peer", sender.address),
            Self::Firewall => format!("the firewall of `{here}` drops VRRP from `{there}` (`{}`)", sender.address),
            Self::Version => {
                format!("`{here}` speaks VRRP {} and `{there}` {}", listener.version, sender.version)
            }
            Self::RouterId => {
                format!(
                    "`{here}` has the virtual router id `{}` and `{there}` `{}`",
                    listener.router_id, sender.router_id
                )
            }
            Self::Advert => {
                format!("`{here}` advertises every `{}` s and `{there}` every `{}` s", listener.advert, sender.advert)
            }
            Self::Password => format!("`{here}` and `{there}` have different passwords"),
        }
    }
}
