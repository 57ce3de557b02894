//! Cards and routes: from `network-config`, and from the files of systemd-networkd.

use super::super::machine::{Machine, Topic};
use super::cloud::{list, map, scalar};
use crate::model::data::Data;
use std::collections::BTreeSet;

/// Where networkd's files lie.
const NETWORKD: &str = "/etc/systemd/network/";

/// `network-config`: the data, and the reasons of its routes in the comments of its text.
pub(super) fn config(text: &str, data: Data, machine: &mut Machine) -> Result<(), String> {
    let mut on_link = BTreeSet::new();
    let mut routes = Vec::new();
    for (key, value) in map(data, "network-config")? {
        match key.as_str() {
            "version" => {
                let version = scalar(value.value, &key)?;
                if version != "2" {
                    return Err(format!("version `{version}` is not known"));
                }
            }
            "ethernets" | "bridges" => {
                for (name, card) in map(value.value, &key)? {
                    self::card(&name, card.value, machine, &mut routes, &mut on_link)?;
                }
            }
            other => return Err(format!("`{other}` is not known")),
        }
    }
    for (card, to, via) in routes {
        let beyond = if on_link.contains(&via) { "yes" } else { "" };
        let prefix = format!("# {to} via {via} on {card}: ");
        let why = text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default();
        route(machine, &to, &card, &via, beyond).set("why", why);
    }
    Ok(())
}

fn route<'a>(
    machine: &'a mut Machine,
    to: &str,
    card: &str,
    via: &str,
    on_link: &str,
) -> &'a mut super::super::machine::Item {
    machine.item(Topic::Route, to).set("via", via).set("card", card).set("on link", on_link)
}

/// A card or a bridge.
fn card(
    name: &str,
    data: Data,
    machine: &mut Machine,
    routes: &mut Vec<(String, String, String)>,
    on_link: &mut BTreeSet<String>,
) -> Result<(), String> {
    let texts = |data: Data, what: &str| -> Result<String, String> {
        let all = list(data, what)?.into_iter().map(|one| scalar(one, what)).collect::<Result<Vec<_>, _>>()?;
        Ok(all.join(" "))
    };
    machine.item(Topic::Interface, name);
    for (key, value) in map(data, name)? {
        let value = value.value;
        match key.as_str() {
            "match" => {
                for (key, value) in map(value, &key)? {
                    if key != "macaddress" {
                        return Err(format!("`match.{key}` is not known"));
                    }
                    machine.item(Topic::Interface, name).set("mac", scalar(value.value, &key)?);
                }
            }
            // Equal to the name.
            "set-name" => {}
            // Of a bridge: the cards that are plugged into it.
            "interfaces" => drop(machine.item(Topic::Interface, name).set("ports", texts(value, &key)?)),
            "parameters" => {
                for (key, value) in map(value, &key)? {
                    if key != "stp" {
                        return Err(format!("`parameters.{key}` is not known"));
                    }
                    machine.item(Topic::Interface, name).set("stp", scalar(value.value, &key)?);
                }
            }
            "mtu" => drop(machine.item(Topic::Interface, name).set("mtu", scalar(value, &key)?)),
            "addresses" => drop(machine.item(Topic::Interface, name).set("address", texts(value, &key)?)),
            "nameservers" => {
                for (key, value) in map(value, &key)? {
                    let field = match key.as_str() {
                        "search" => "search",
                        "addresses" => "dns",
                        other => return Err(format!("`nameservers.{other}` is not known")),
                    };
                    machine.item(Topic::Interface, name).set(field, texts(value.value, &key)?);
                }
            }
            "routes" => {
                for one in list(value, &key)? {
                    let (mut to, mut via) = (String::new(), String::new());
                    for (key, value) in map(one, "routes")? {
                        match key.as_str() {
                            "to" => to = scalar(value.value, &key)?,
                            "via" => via = scalar(value.value, &key)?,
                            other => return Err(format!("`routes.{other}` is not known")),
                        }
                    }
                    match to.strip_suffix("/32").filter(|_| via == "0.0.0.0") {
                        // Says that a next hop is on the link; the route through it follows.
                        Some(hop) => drop(on_link.insert(hop.to_owned())),
                        None => routes.push((name.to_owned(), to, via)),
                    }
                }
            }
            other => return Err(format!("`{name}.{other}` is not known")),
        }
    }
    Ok(())
}

/// Cards and routes in the files of networkd. The files stay, so what is not understood shows there.
pub(super) fn networkd(machine: &mut Machine) {
    let files: Vec<(String, String)> = machine
        .all(Topic::File)
        .filter_map(|(path, item)| Some((path.strip_prefix(NETWORKD)?.to_owned(), item.text()?.to_owned())))
        .collect();
    for (path, text) in files {
        let (stem, drop_in) = match path.split_once(".network") {
            Some((stem, rest)) => (stem, rest.starts_with(".d/")),
            None => continue,
        };
        let card = stem.split_once('-').map_or(stem, |(_, name)| name);
        section(card, &text, drop_in, machine);
    }
}

fn section(card: &str, text: &str, drop_in: bool, machine: &mut Machine) {
    let mut gateway = None;
    let mut own = Vec::new();
    let mut routes: Vec<[&str; 4]> = Vec::new();
    let (mut section, mut why) = ("", "");
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("# ") {
            why = if section.is_empty() && !comment.starts_with("Made by bake") { comment } else { why };
            continue;
        }
        if line.starts_with('[') {
            section = line;
            if section == "[Route]" {
                routes.push(["", "", "", why]);
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        match (section, key) {
            ("[Match]", "MACAddress") => own.push(("mac", value)),
            ("[Link]", "MTUBytes") => own.push(("mtu", value)),
            ("[Network]", "Address") => own.push(("address", value)),
            ("[Network]", "DNS") => own.push(("dns", value)),
            ("[Network]", "Domains") => own.push(("search", value)),
            ("[Network]", "Gateway") => gateway = Some(value),
            ("[Route]", key) => {
                let Some(last) = routes.last_mut() else { continue };
                match key {
                    "Destination" => last[0] = value,
                    "Gateway" => last[1] = value,
                    "GatewayOnLink" => last[2] = value,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if !drop_in {
        let item = machine.item(Topic::Interface, card);
        for (field, value) in own {
            let before = item.get(field).map(|before| format!("{before} ")).unwrap_or_default();
            item.set(field, before + value);
        }
    }
    if let Some(gateway) = gateway {
        route(machine, "0.0.0.0/0", card, gateway, "");
    }
    for [to, via, on_link, why] in routes {
        route(machine, to, card, via, on_link).set("why", why);
    }
}
