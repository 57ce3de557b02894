//! What a run of the lab found, as data: everything that a report shows, and nothing that it does not.
//!
//! The same types are the JSON that `bake lab test --format json` prints ([`VERSION`]). Times are whole milliseconds,
//! counted from the start of the scenario that they are in; there is no clock in it. Lists are in the order in which
//! they are shown. Readers ignore keys that they do not know: new ones do not make a new version.

mod judge;
mod time;

pub use judge::Verdict;
pub use time::{during, lost, moved};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Version of the JSON: it changes when a key goes away or means something else.
pub const VERSION: u32 = 1;

/// How long two nodes may have an address while one hands it over to the other, in milliseconds: the new holder takes it
/// when it begins to advertise, the old one gives it back when it hears that.
pub const HANDOVER_MS: u32 = 150;

/// One run of `bake lab test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// [`VERSION`] of these data.
    pub version: u32,
    /// Name of the cluster.
    pub cluster: String,
    /// How much of a machine was real.
    pub level: Level,
    /// SHA-256, in hexadecimal digits, of the manifest of what was rehearsed: `dist/manifest.json`.
    pub dist: String,
    /// The programs that ran, with their versions and where they came from.
    pub engines: Vec<Engine>,
    /// How long building the lab took, from nothing to every daemon started.
    pub up_ms: u32,
    /// How long taking it down took.
    pub down_ms: u32,
    /// How long the whole run took.
    pub took_ms: u32,
    /// What was built.
    pub topology: Topology,
    /// What was tried, in order.
    pub scenarios: Vec<Scenario>,
    /// Whole parts that were not tried.
    pub skipped: Vec<Skipped>,
    /// Further words for people, a sentence each.
    pub notes: Vec<String>,
}

/// How much of a machine was real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// HAProxy and Keepalived, started directly.
    Daemons,
    /// systemd as process 1, from the tree that Ignition or cloud-init applied.
    Systemd,
}

impl Level {
    /// Its word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daemons => "daemons",
            Self::Systemd => "systemd",
        }
    }
}

/// A program that the lab ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Its name: `HAProxy`.
    pub name: String,
    /// What it says its version is.
    pub version: String,
    /// Where it came from: `this machine`, or an image.
    pub source: String,
}

/// What was built: enough for drawing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// The networks.
    pub segments: Vec<Segment>,
    /// The machine that routes between them: the hypervisor.
    pub router: Option<Node>,
    /// The machines.
    pub nodes: Vec<Node>,
    /// Who connects from outside of the cluster's machines.
    pub clients: Vec<Node>,
    /// The virtual addresses.
    pub vips: Vec<Vip>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub cidr: Ipv4Net,
    /// How libvirt connects it: `nat`, `route`, `open`, `isolated`, `bridge`, `tunnel`.
    pub mode: String,
    /// Name of its bridge on the hypervisor.
    pub bridge: String,
}

/// A machine, the router or a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its roles, in the order of its profile.
    pub roles: Vec<String>,
    /// Where it is connected.
    pub attachments: Vec<Attachment>,
    /// Addresses of the pods behind it.
    pub pods: Option<Ipv4Net>,
}

/// A machine's interface on a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Name of the interface.
    pub interface: String,
    /// Name of the segment.
    pub segment: String,
    /// Its address there.
    pub address: Ipv4Addr,
}

/// A virtual address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vip {
    /// Its name.
    pub name: String,
    /// The address.
    pub address: Ipv4Addr,
    /// Name of the segment that it is on.
    pub segment: String,
    /// Ports that are served on it.
    pub ports: Vec<u16>,
    /// The nodes that may hold it; charts have their lanes in this order.
    pub candidates: Vec<String>,
    /// Who held it when everything worked and nothing had been tried.
    pub owners: Vec<String>,
}

/// Something that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name, as `--scenario` takes it; no two have the same.
    pub name: String,
    /// What it is about, for people: `HAProxy is killed on loadbalancer1`.
    pub title: String,
    /// How long was watched. 0 for what is asked once, such as flows.
    pub length_ms: u32,
    /// The longest time between two looks at who holds a VIP.
    pub interval_ms: u32,
    /// What was done when, in order of time.
    pub events: Vec<Event>,
    /// Who held each VIP.
    pub vips: Vec<Watch>,
    /// Who could connect where.
    pub probes: Vec<Probe>,
    /// What had to be so.
    pub assertions: Vec<Assertion>,
    /// Parts of it that were not tried.
    pub skipped: Vec<Skipped>,
    /// Further words for people, a sentence each.
    pub notes: Vec<String>,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at_ms: u32,
    /// What sort of thing.
    pub kind: EventKind,
    /// In words: `HAProxy killed on loadbalancer1`.
    pub what: String,
}

/// What sort of thing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Something was broken.
    Fault,
    /// Something was made whole again.
    Repair,
    /// Something else.
    Step,
}

/// Who held a VIP over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Name of the VIP.
    pub vip: String,
    /// The samples, run-length encoded, from the scenario's start on; two neighbours differ. They may end early: what
    /// follows was not seen.
    pub held: Vec<Held>,
    /// What was foretold and what came, event by event, in order of time.
    pub moves: Vec<Move>,
}

/// A time in which the same nodes held a VIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How long.
    pub for_ms: u32,
    /// Who, sorted; nobody when it is empty.
    pub owners: Vec<String>,
}

/// What an event did to a VIP, beside what it was to do. It lasts until the next one, or to the scenario's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// When the event was.
    pub since_ms: u32,
    /// What `bake explain vip` says; `None` where it says nothing.
    pub predicted: Option<Predicted>,
    /// What came.
    pub measured: Measured,
}

/// Where a VIP was to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predicted {
    /// Who was to hold it at the end, sorted.
    pub owners: Vec<String>,
    /// After at least so long; 0 when it was to stay where it was.
    pub least_ms: u32,
    /// After at most so long.
    pub most_ms: u32,
    /// How much longer or shorter still agrees.
    pub tolerance_ms: u32,
}

/// Where a VIP went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Who held it at the end, sorted.
    pub owners: Vec<String>,
    /// How long it took from the event until they held it for good; `None` when it was never theirs or never moved.
    pub moved_ms: Option<u32>,
    /// How long nobody held it.
    pub without_ms: u32,
    /// How long more than one node held it.
    pub several_ms: u32,
    /// Connections through it that were tried, at [`Probe::per_second`].
    pub sent: u32,
    /// Those that got no answer from a backend.
    pub lost: u32,
}

/// Connections that were tried again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Who connected: a client or a node.
    pub from: String,
    /// To whom: an address with its port, `192.168.0.32:6443`, or a pod.
    pub to: String,
    /// Name of the VIP that this is, if it is one.
    pub vip: Option<String>,
    /// How many were begun in a second.
    pub per_second: u32,
    /// What became of them, from the scenario's start on, neighbours alike taken together.
    pub tries: Vec<Tries>,
    /// Who answered how often, by name of the backend.
    pub answers: BTreeMap<String, u32>,
}

/// What became of the connections that were begun in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// How long.
    pub for_ms: u32,
    /// How many were begun.
    pub sent: u32,
    /// How many of them got no answer from a backend.
    pub lost: u32,
}

/// Something that had to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// What: `one owner of api at any time`.
    pub what: String,
    /// What was to be seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether that is as it had to be.
    pub passed: bool,
    /// Why it is not, or why it had to be; may be empty.
    pub why: String,
}

/// A part that was not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which part.
    pub what: String,
    /// Why.
    pub why: String,
    /// Whether the run cannot pass without it. Not so for what this cluster does not have, or what was not asked for.
    pub required: bool,
}
