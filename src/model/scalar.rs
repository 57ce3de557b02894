//! Small values with a text form of their own: addresses, sizes, ports, references to secrets.

use super::record::{Definitions, Reader, Value, parse};
use ipnet::Ipv4Net;
use serde_json::{Value as Json, json};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

macro_rules! text_value {
    ($type:ty, $expected:literal, $schema:expr, $parse:expr) => {
        impl Value for $type {
            fn schema(_: &mut Definitions) -> Json {
                $schema
            }
            fn read<R: Reader>(reader: &mut R) -> Option<Self> {
                parse(reader, $expected, $parse)
            }
        }
    };
}

text_value!(Ipv4Addr, "an IPv4 address", json!({"type": "string", "format": "ipv4"}), |text| {
    text.parse().map_err(|_| "four numbers from 0 to 255, as in `10.17.4.21`".to_owned())
});

text_value!(Ipv4Net, "an IPv4 network", json!({"type": "string", "pattern": r"^[0-9.]+/[0-9]{1,2}$"}), |text| {
    let net: Ipv4Net = text.parse().map_err(|_| "an address and a prefix length, as in `10.17.4.0/24`".to_owned())?;
    if net.trunc() == net { Ok(net) } else { Err(format!("it has host bits set; the network is `{}`", net.trunc())) }
});

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let why = || "six pairs of hexadecimal digits, as in `52:54:00:ce:eb:e6`".to_owned();
        let mut octets = [0; 6];
        let mut pairs = text.split(':');
        for octet in &mut octets {
            let pair = pairs.next().filter(|pair| pair.len() == 2).ok_or_else(why)?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| why())?;
        }
        if pairs.next().is_some() {
            return Err(why());
        }
        if octets[0] & 1 == 1 {
            return Err("the lowest bit of its first byte marks a group address, which no machine can have".to_owned());
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, octet) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

text_value!(
    Mac,
    "an Ethernet (MAC) address",
    json!({"type": "string", "pattern": "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$"}),
    str::parse
);

/// An amount of memory or disk space in bytes, written with a binary unit: `512 MiB`, `30 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let why = || "a number and one of `KiB`, `MiB`, `GiB` or `TiB`, as in `512 MiB`".to_owned();
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(why)?;
        let (number, unit) = text.split_at(split);
        let number: u64 = number.parse().map_err(|_| why())?;
        let (_, shift) = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(why)?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(|| "it is too large".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().rev().find(|(_, shift)| self.0 != 0 && self.0.is_multiple_of(1 << shift));
        match exact {
            Some((unit, shift)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} B", self.0),
        }
    }
}

text_value!(Size, "a size", json!({"type": "string", "pattern": "^[0-9]+ ?(KiB|MiB|GiB|TiB)$"}), str::parse);

/// Where a secret comes from. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// `env:NAME`: an environment variable of the `bake` process.
    Env(String),
    /// `file:PATH`: a file, relative to the project or absolute; one trailing newline is not part of the secret.
    File(String),
}

impl FromStr for SecretRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            _ => Err("a reference, `env:NAME` or `file:PATH`; a secret itself never stands in a profile".to_owned()),
        }
    }
}

impl SecretRef {
    /// What stands where the secret was left out: no blank, no quote, nothing that a configuration file reads as more
    /// than a word. No password hash (crypt(5)) looks like it.
    pub fn gap(&self) -> String {
        format!("@omitted:{self}@")
    }

    /// Whether `text` is such a mark, so that nothing can be said about the value.
    pub fn is_gap(text: &str) -> bool {
        text.starts_with("@omitted:") && text.ends_with('@')
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl Value for SecretRef {
    fn schema(_: &mut Definitions) -> Json {
        json!({"type": "string", "pattern": "^(env|file):.+"})
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        // The text is not repeated in the message: it may be the secret itself.
        let text = reader.text("a reference to a secret")?;
        match text.parse() {
            Ok(reference) => Some(reference),
            Err(why) => {
                reader.refuse_secret(format!("this is not {why}"), Some("write `env:NAME` or `file:PATH`".to_owned()));
                None
            }
        }
    }
}
