//! A machine as it was baked: the files that it gets, and what its network and kernel settings say.

use super::service::{Service, services};
use crate::diff::{Machine, Topic};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    /// Files by path.
    pub files: BTreeMap<String, File>,
    /// Directories by path, with their permissions.
    pub directories: BTreeMap<String, u32>,
    /// Links by path, with their targets.
    pub links: BTreeMap<String, String>,
    /// Host name.
    pub hostname: String,
    /// Network cards.
    pub cards: Vec<Card>,
    /// Routes beyond its own networks.
    pub routes: Vec<Route>,
    /// Kernel settings in the order in which they are made.
    pub sysctls: Vec<(String, String)>,
    /// HAProxy and Keepalived.
    pub services: Vec<Service>,
    /// Units that start with the machine.
    pub enabled: Vec<String>,
    /// What it is provisioned with: files of the output by name.
    pub artefacts: BTreeMap<String, File>,
}

/// A file.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

impl std::fmt::Debug for File {
    /// Without its bytes: secrets are among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({} bytes, {:04o})", self.bytes.len(), self.mode)
    }
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Its Ethernet address, by which the machine knows it.
    pub mac: Option<String>,
    /// Its addresses.
    pub addresses: Vec<Ipv4Net>,
    /// Largest packet in bytes.
    pub mtu: Option<u16>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Destination.
    pub to: Ipv4Net,
    /// Next hop.
    pub via: Ipv4Addr,
    /// Card.
    pub card: String,
    /// Whether the next hop is taken to be on the link.
    pub on_link: bool,
}

/// Where systemd looks for units that an administrator wrote.
const UNITS: &str = "/etc/systemd/system/";

impl Tree {
    /// What a machine's artefacts make of it.
    ///
    /// # Errors
    /// What is said about its network and cannot be understood.
    pub fn new(machine: &Machine) -> Result<Self, String> {
        let mut tree = Self { services: services(machine), ..Self::default() };
        let mode = |item: &crate::diff::Item, usual: u32| {
            item.get("mode")
                .and_then(|mode| u32::from_str_radix(mode.trim_start_matches("0o"), 8).ok())
                .unwrap_or(usual)
        };
        for (topic, folder) in [(Topic::File, ""), (Topic::Unit, UNITS), (Topic::DropIn, UNITS)] {
            for (name, item) in machine.all(topic) {
                let Some(body) = &item.body else { continue };
                let file = File { bytes: body.bytes.clone(), mode: mode(item, 0o644) };
                tree.files.insert(format!("{folder}{name}"), file);
            }
        }
        tree.directories =
            machine.all(Topic::Directory).map(|(path, item)| (path.to_owned(), mode(item, 0o755))).collect();
        tree.links = machine
            .all(Topic::Link)
            .filter_map(|(path, item)| Some((path.to_owned(), item.get("target")?.to_owned())))
            .collect();
        let hostname = machine.get(Topic::Machine, "hostname").and_then(|item| item.get("name"));
        hostname.unwrap_or_default().clone_into(&mut tree.hostname);
        for (name, item) in machine.all(Topic::Interface) {
            let mut card = Card { name: name.to_owned(), mac: None, addresses: Vec::new(), mtu: None };
            card.mac = item.get("mac").map(str::to_owned);
            card.mtu = item.get("mtu").and_then(|mtu| mtu.parse().ok());
            for address in item.get("address").unwrap_or_default().split_whitespace() {
                card.addresses
                    .push(address.parse().map_err(|_| format!("`{address}` on `{name}` is no address/prefix"))?);
            }
            tree.cards.push(card);
        }
        for (to, item) in machine.all(Topic::Route) {
            let said = |field: &str| item.get(field).unwrap_or_default();
            let wrong = |what: &str| format!("the route to `{to}`: `{what}` is no address");
            tree.routes.push(Route {
                to: to.parse().map_err(|_| wrong(to))?,
                via: said("via").parse().map_err(|_| wrong(said("via")))?,
                card: said("card").to_owned(),
                on_link: said("on link") == "yes",
            });
        }
        tree.sysctls = machine
            .all(Topic::Sysctl)
            .filter_map(|(key, item)| Some((key.to_owned(), item.get("value")?.to_owned())))
            .collect();
        let enabled = machine.all(Topic::Unit).filter(|(_, item)| item.get("enabled") == Some("yes"));
        tree.enabled = enabled.map(|(name, _)| name.to_owned()).collect();
        Ok(tree)
    }

    /// The service that runs a daemon.
    pub fn service(&self, daemon: super::service::Daemon) -> Option<&Service> {
        self.services.iter().find(|service| service.daemon == daemon)
    }
}
