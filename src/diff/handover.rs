//! What the hypervisor is told about the machines, read back from the Terraform module of either generation of the
//! provider: `dist/libvirt` says the same.

use super::machine::{Machine, Topic};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is made on the hypervisor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handover {
    /// Networks, images and the pool.
    pub shared: Machine,
    /// Machines by name: hardware, disks and cards.
    pub machines: BTreeMap<String, Machine>,
}

/// Reads `terraform/main.tf.json`.
///
/// # Errors
/// What of it is not as bake writes it.
pub fn read(text: &str) -> Result<Handover, String> {
    let main: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let version = main["terraform"]["required_providers"]["libvirt"]["version"].as_str();
    let mut handover = Handover::default();
    handover.shared.item(Topic::Provider, "dmacvicar/libvirt").set("version", version.ok_or("it names no provider")?);
    let resources = main["resource"].as_object().ok_or("it has no resources")?;
    let blocks = |kind: &str| resources.get(kind).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    for (_, pool) in blocks("libvirt_pool") {
        handover.shared.item(Topic::Pool, word(&pool["name"])).set("path", word(&pool["target"]["path"]));
    }
    for (label, network) in blocks("libvirt_network") {
        self::network(label, network, &mut handover);
    }
    for (label, domain) in blocks("libvirt_domain") {
        self::domain(label, domain, handover.machines.entry(name(label)).or_default());
    }
    for (label, volume) in blocks("libvirt_volume") {
        self::volume(label, volume, &mut handover)?;
    }
    tie(&mut handover);
    Ok(handover)
}

/// What is made anew with something else says so itself: a root disk with its image, a card with its network.
fn tie(handover: &mut Handover) {
    let Handover { shared, machines } = handover;
    for machine in machines.values_mut() {
        for ((topic, _), item) in &mut machine.items {
            match topic {
                Topic::Disk => {
                    let image = item.get("image").and_then(|os| shared.get(Topic::Image, os)?.get("source"));
                    item.set("image", image.unwrap_or_default().to_owned());
                }
                Topic::Card => {
                    let network = item.get("network").and_then(|name| shared.get(Topic::Network, name));
                    let words = ["libvirt", "mode", "bridge", "address", "domain", "dhcp"];
                    let words = words.iter().filter_map(|word| network?.get(word)).collect::<Vec<_>>();
                    item.set("made as", words.join(" "));
                }
                _ => {}
            }
        }
    }
}

/// The node or network that a block is labelled with: identifiers of Terraform do not begin with a digit.
fn name(label: &str) -> String {
    let bare = label.strip_prefix('_').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    bare.unwrap_or(label).to_owned()
}

/// A value in words; references to other blocks by their label.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            // A file of the project.
            Some(quoted) if quoted.starts_with("\"${local.project}/") => {
                quoted.trim_matches('"').replacen("${local.project}/", "", 1)
            }
            Some(reference) if !reference.contains(['"', '(']) => {
                reference.split('.').nth(1).unwrap_or(reference).to_owned()
            }
            _ => text.clone(),
        },
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn network(label: &str, block: &Value, handover: &mut Handover) {
    let item = handover.shared.item(Topic::Network, name(label));
    // In the second generation blocks of one name are objects of the same name.
    let either = |first: &str, second: [&str; 2]| match &block[first] {
        Value::String(text) => text.clone(),
        _ => word(&block[second[0]][second[1]]),
    };
    let address = match &block["ips"][0] {
        Value::Null => word(&block["addresses"]),
        ip => format!("{}/{}", word(&ip["address"]), word(&ip["prefix"])),
    };
    item.set("libvirt", word(&block["name"])).set("mode", either("mode", ["forward", "mode"]));
    item.set("bridge", either("bridge", ["bridge", "name"])).set("domain", either("domain", ["domain", "name"]));
    item.set("address", address);
    let range = &block["ips"][0]["dhcp"]["ranges"][0];
    if !range.is_null() {
        item.set("dhcp", format!("{} to {}", word(&range["start"]), word(&range["end"])));
    }
    let hosts = block["ips"][0]["dhcp"]["hosts"].as_array().into_iter().flatten();
    let hosts = hosts.map(|host| format!("{} {} {}", word(&host["name"]), word(&host["mac"]), word(&host["ip"])));
    let options = block["dnsmasq_options"]["options"].as_array().into_iter().flatten();
    let reserved: Vec<String> = hosts.chain(options.map(|option| word(&option["option_value"]))).collect();
    item.set("reservations", reserved.join(", "));
    // The first generation says by transforming XML where DHCP's range is other than the whole network.
    let sheet = word(&block["xml"]["xslt"]);
    let attributes = sheet.split("<xsl:attribute name=\"").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("\">")?;
        Some(format!("{name} {}", rest.split('<').next()?))
    });
    let attributes: Vec<String> = attributes.collect();
    if !attributes.is_empty() {
        item.set("dhcp", attributes.join(", "));
    }
}

fn domain(label: &str, block: &Value, machine: &mut Machine) {
    let unit = block["memory_unit"].as_str().unwrap_or("MiB");
    let hardware = machine.item(Topic::Hardware, "machine");
    hardware.set("vcpu", word(&block["vcpu"])).set("memory", format!("{} {unit}", word(&block["memory"])));
    let kind = if block["machine"].is_null() { &block["os"]["type_machine"] } else { &block["machine"] };
    hardware.set("type", word(kind));
    let described = word(&block["description"]);
    hardware.set("description", if described == label { String::new() } else { described });
    let first = block["network_interface"].as_array();
    let cards = first.or(block["devices"]["interfaces"].as_array()).into_iter().flatten();
    for (at, card) in cards.enumerate() {
        let item = machine.item(Topic::Card, at.to_string());
        let (mac, network) = match &card["network_id"] {
            Value::Null => (&card["mac"]["address"], &card["source"]["network"]["network"]),
            own => (&card["mac"], own),
        };
        item.set("mac", word(mac)).set("network", word(network)).set("reserved", word(&card["addresses"]));
    }
}

fn volume(label: &str, block: &Value, handover: &mut Handover) -> Result<(), String> {
    let size = if block["size"].is_null() { &block["capacity"] } else { &block["size"] };
    if let Some(os) = label.strip_prefix("base_") {
        let source = if block["source"].is_null() { &block["create"]["content"]["url"] } else { &block["source"] };
        handover.shared.item(Topic::Image, os).set("source", word(source));
        return Ok(());
    }
    // Names of nodes have no `_`.
    let (node, rest) = label.rsplit_once("_disk_").or(label.rsplit_once('_')).ok_or_else(|| odd(label))?;
    let machine = handover.machines.entry(name(node)).or_default();
    match rest {
        "root" => {
            let backing = if block["base_volume_id"].is_null() {
                &block["backing_store"]["path"]
            } else {
                &block["base_volume_id"]
            };
            let image = word(backing);
            let image = image.strip_prefix("base_").unwrap_or(&image).to_owned();
            machine.item(Topic::Disk, "root").set("size", gib(size)).set("image", image);
        }
        // The volume that tells a machine what to become.
        "boot" if !label.contains("_disk_") => {}
        serial => drop(machine.item(Topic::Disk, serial).set("size", gib(size))),
    }
    Ok(())
}

fn odd(label: &str) -> String {
    format!("the volume `{label}` belongs to no machine")
}

/// Bytes in the largest unit that needs no fraction.
fn gib(bytes: &Value) -> String {
    let Some(bytes) = bytes.as_u64() else { return word(bytes) };
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = units.into_iter().find(|(bits, _)| bytes != 0 && bytes % (1 << bits) == 0);
    fits.map_or_else(|| format!("{bytes} bytes"), |(bits, unit)| format!("{} {unit}", bytes >> bits))
}
