//! The lab as a drawing: networks as buses, machines hanging from them, the hypervisor that routes between them as a spine
//! on the left, and on each machine the VIPs that it holds or may hold.
//!
//! It is drawn twice, for a wide page and for a telephone; the style shows one of them.

use super::markup::{Tag, tag};
use super::svg::{shortened, text, wrapped};
use crate::lab::report::words;
use crate::lab::result::{Attachment, Node, Topology, Vip};
use std::fmt::Write as _;

/// How a page is filled: its width, and how many machines stand side by side.
#[derive(Debug, Clone, Copy)]
struct Format {
    name: &'static str,
    width: u32,
    columns: u32,
}

/// The least and the most machines side by side on a wide page.
const COLUMNS: (usize, usize) = (5, 7);

/// Where the spine is, and where buses begin, from the left.
const SPINE: u32 = 16;
const LEFT: u32 = 40;
/// From the left end of a bus to its first machine, between machines, and from a bus down to them.
const INDENT: u32 = 12;
const GAP: u32 = 10;
const DROP: u32 = 18;
/// Height of a line of text, and what is left above and below the lines of a machine.
const LINE: u32 = 16;
const PAD: u32 = 10;

/// Stands before a VIP that the machine holds.
const HOLDS: char = '◆';

/// Both drawings.
pub(super) fn topology(topology: &Topology) -> [Tag; 2] {
    let fullest = topology.segments.iter().map(|segment| cards(topology, &segment.name).len()).max().unwrap_or(0);
    let columns = u32::try_from(fullest.clamp(COLUMNS.0, COLUMNS.1)).unwrap_or(5);
    let formats = [Format { name: "wide", width: 1080, columns }, Format { name: "narrow", width: 360, columns: 2 }];
    formats.map(|format| Drawing { topology, format, y: 0, lines: Vec::new(), shapes: Vec::new() }.draw())
}

struct Drawing<'a> {
    topology: &'a Topology,
    format: Format,
    y: u32,
    lines: Vec<Tag>,
    shapes: Vec<Tag>,
}

/// What hangs from a bus: a machine by one of its interfaces.
struct Card<'a> {
    node: &'a Node,
    attachment: &'a Attachment,
    client: bool,
    /// Where else it hangs; its roles and VIPs stand there.
    again: Option<&'a str>,
}

/// A line on a card.
struct Words {
    class: &'static str,
    text: String,
}

impl Drawing<'_> {
    fn draw(mut self) -> Tag {
        self.router();
        let mut last_tap = self.y;
        for at in 0..self.topology.segments.len() {
            last_tap = self.segment(at);
        }
        if self.topology.router.is_some() {
            let spine =
                tag("line").class("spine").with("x1", SPINE).with("y1", 30).with("x2", SPINE).with("y2", last_tap);
            self.lines.insert(0, spine);
        }
        let Format { name, width, .. } = self.format;
        let (title, about) = (format!("topology-{name}-title"), format!("topology-{name}-about"));
        let svg = tag("svg").class(&format!("topology {name}")).with("role", "img");
        let svg = svg.with("aria-labelledby", format!("{title} {about}"));
        let svg = svg.with("viewBox", format!("0 0 {width} {}", self.y)).with("width", width).with("height", self.y);
        let svg = svg.child(tag("title").with("id", title).text("What was built"));
        let svg = svg.child(tag("desc").with("id", about).text(described(self.topology)));
        svg.children(self.lines).children(self.shapes)
    }

    /// The hypervisor, at the head of the spine.
    fn router(&mut self) {
        let Some(router) = &self.topology.router else { return };
        let limit = characters(self.format.width - 24);
        let rect = tag("rect").class("router").with("x", 1).with("y", 1);
        self.shapes.push(rect.with("width", self.format.width - 2).with("height", 32).with("rx", 6));
        let name = shortened(&router.name, 30);
        let words = format!("routes between {}", networks(router.attachments.len()));
        let room = limit.saturating_sub(name.chars().count() + 3);
        let label = tag("text").class("name").with("x", 14).with("y", 22).text(name);
        let more = tag("tspan").class("role").with("dx", 8).text(words.clone());
        self.shapes.push(if words.chars().count() <= room { label.child(more) } else { label });
        self.y = 34;
    }

    /// A network with everything that hangs from it; returns where the spine meets it.
    fn segment(&mut self, at: usize) -> u32 {
        let segment = &self.topology.segments[at];
        self.y += 30;
        let head = tag("text").class("segment").with("x", LEFT).with("y", self.y);
        let wide = self.format.columns > 2;
        let name = shortened(&segment.name, if wide { 60 } else { 22 });
        let facts = format!("{} · {} · {}", segment.cidr, segment.mode, shortened(&segment.bridge, 18));
        if wide {
            let facts = tag("tspan").class("facts").with("dx", 10).text(facts);
            self.shapes.push(head.text(name).child(facts));
        } else {
            self.shapes.push(head.text(name));
            self.y += LINE;
            self.shapes.push(text("facts", &LEFT.to_string(), self.y, &facts));
        }
        self.y += 10;
        let tap = self.y;
        let router = self.topology.router.iter().flat_map(|router| &router.attachments);
        if let Some(port) = router.clone().find(|port| port.segment == segment.name) {
            self.lines.push(line("spine", (SPINE, tap), (LEFT, tap)));
            self.shapes.push(tag("circle").class("tap").with("cx", SPINE).with("cy", tap).with("r", 4));
            let right = self.format.width - 2;
            let address =
                tag("text").class("gateway").with("x", right).with("y", if wide { tap - 10 } else { tap - 26 });
            self.shapes.push(address.text(format!("router {}", port.address)));
        }
        let cards = cards(self.topology, &segment.name);
        self.hang(&cards);
        tap
    }

    /// Hangs cards from a bus, in rows; each further row has a rail of the same bus.
    fn hang(&mut self, cards: &[Card<'_>]) {
        let columns = self.format.columns;
        // One pixel is for the edge of the last one.
        let width = (self.format.width - 1 - LEFT - INDENT - GAP * (columns - 1)) / columns;
        let texts: Vec<Vec<Words>> = cards.iter().map(|card| self.words(card, characters(width - 18))).collect();
        let right = self.format.width;
        let mut rail = self.y;
        self.lines.push(line("bus", (LEFT, rail), (right, rail)));
        let rows = cards.chunks(columns as usize).zip(texts.chunks(columns as usize));
        for (row, (cards, texts)) in rows.enumerate() {
            if row > 0 {
                let next = self.y + 8;
                self.lines.push(line("bus", (LEFT, rail), (LEFT, next)));
                self.lines.push(line("bus", (LEFT, next), (right, next)));
                rail = next;
            }
            let lines = texts.iter().map(Vec::len).max().unwrap_or(0);
            let height = PAD * 2 + LINE * u32::try_from(lines).unwrap_or(0) - 3;
            let top = rail + DROP;
            for (at, (card, words)) in (0..).zip(cards.iter().zip(texts)) {
                let x = LEFT + INDENT + at * (width + GAP);
                let middle = x + width / 2;
                self.lines.push(line("stub", (middle, rail), (middle, top)));
                self.shapes.push(tag("circle").class("tap").with("cx", middle).with("cy", rail).with("r", 3.5));
                self.shapes.push(drawn(card, words, (x, top), (width, height)));
            }
            self.y = top + height;
        }
        self.y += 6;
    }

    /// What stands on a card.
    fn words(&self, card: &Card<'_>, limit: usize) -> Vec<Words> {
        let node = card.node;
        let mut words = Vec::new();
        let mut say = |class, lines: Vec<String>| words.extend(lines.into_iter().map(|text| Words { class, text }));
        // Bold, and a little larger.
        say("name", wrapped(&node.name, limit.saturating_sub(3), 4));
        let address = card.attachment.address.to_string();
        say("address", vec![address]);
        match card.again {
            Some(first) => say("role", wrapped(&format!("also on {first}"), limit, 2)),
            None if card.client => say("role", vec!["client".to_owned()]),
            None => {
                // What everybody is says nothing.
                let common = |role: &&String| !self.topology.nodes.iter().all(|node| node.roles.contains(role));
                let roles: Vec<&str> = node.roles.iter().filter(common).map(String::as_str).collect();
                if !roles.is_empty() {
                    say("role", wrapped(&roles.join(", "), limit, 6));
                }
                if let Some(pods) = node.pods {
                    say("role", wrapped(&format!("pods {pods}"), limit, 2));
                }
                for vip in &self.topology.vips {
                    let (mark, class) = match held(vip, node) {
                        Some(true) => (HOLDS, "holds"),
                        Some(false) => ('◇', "may"),
                        None => continue,
                    };
                    say(class, wrapped(&format!("{mark} {} {}", vip.name, vip.address), limit, 3));
                }
            }
        }
        words
    }
}

/// What hangs from a network.
fn cards<'a>(topology: &'a Topology, segment: &str) -> Vec<Card<'a>> {
    let clients = topology.clients.iter().map(|node| (node, true));
    let all = topology.nodes.iter().map(|node| (node, false)).chain(clients);
    let here = all.flat_map(|(node, client)| {
        let ports = node.attachments.iter().enumerate().filter(|(_, port)| port.segment == segment);
        ports.map(move |(at, attachment)| {
            let again = node.attachments.first().filter(|_| at > 0).map(|first| first.segment.as_str());
            Card { node, attachment, client, again }
        })
    });
    here.collect()
}

/// Whether a node holds a VIP; `None` when it is not to.
fn held(vip: &Vip, node: &Node) -> Option<bool> {
    let holds = vip.owners.contains(&node.name);
    (holds || vip.candidates.contains(&node.name)).then_some(holds)
}

fn drawn(card: &Card<'_>, words: &[Words], (x, y): (u32, u32), (width, height): (u32, u32)) -> Tag {
    let class = match (card.client, card.again) {
        (_, Some(_)) => "card again",
        (true, None) => "card client",
        (false, None) => "card",
    };
    let hover = format!("{}, {} on {}", card.node.name, card.attachment.interface, card.attachment.segment);
    let rect = tag("rect").with("x", x).with("y", y).with("width", width).with("height", height);
    let rect = rect.with("rx", if card.client { 14 } else { 5 });
    let base = |at: u32| y + PAD + LINE * at + 10;
    let lines = (0..).zip(words).map(|(at, line)| text(line.class, &(x + 9).to_string(), base(at), &line.text));
    let held = grounds(words).map(|(at, count)| {
        let rect = tag("rect").class("ground").with("x", x + 4).with("y", base(at) - 12);
        rect.with("width", width - 8).with("height", LINE * count - 1).with("rx", 3)
    });
    tag("g").class(class).child(tag("title").text(hover)).child(rect).children(held).children(lines)
}

/// A VIP that is held stands on a ground of its own: its first line, and how many it has.
fn grounds(words: &[Words]) -> impl Iterator<Item = (u32, u32)> {
    let holds = |line: &&Words| line.class == "holds";
    let first = (0..).zip(words).filter(move |(_, line)| holds(line) && line.text.starts_with(HOLDS));
    first.map(move |(at, _)| {
        let rest = words.iter().skip(at as usize + 1).take_while(|line| holds(line) && !line.text.starts_with(HOLDS));
        (at, 1 + u32::try_from(rest.count()).unwrap_or(0))
    })
}

fn line(class: &str, from: (u32, u32), to: (u32, u32)) -> Tag {
    let line = tag("line").class(class).with("x1", from.0).with("y1", from.1);
    line.with("x2", to.0).with("y2", to.1)
}

/// How many characters fit into so many pixels.
fn characters(pixels: u32) -> usize {
    (pixels / 7) as usize
}

fn networks(count: usize) -> String {
    if count == 1 { "1 network".to_owned() } else { format!("{count} networks") }
}

/// The drawing in words.
fn described(topology: &Topology) -> String {
    let mut text = String::new();
    let everybody = topology.nodes.iter().chain(&topology.clients);
    for segment in &topology.segments {
        let here = everybody.clone().flat_map(|node| {
            let ports = node.attachments.iter().filter(|port| port.segment == segment.name);
            ports.map(move |port| format!("{} ({})", node.name, port.address))
        });
        let here: Vec<String> = here.collect();
        let _ = write!(text, "Network {}, {}, {}: {}. ", segment.name, segment.cidr, segment.mode, here.join(", "));
    }
    for vip in &topology.vips {
        let owners = words::holders(&vip.owners);
        let _ = write!(text, "VIP {} ({}) is held by {owners}. ", vip.name, vip.address);
    }
    text
}
