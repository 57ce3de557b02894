//! Who held each VIP, over time: a lane for each node that may, what was done across all of them, and below the bar
//! of what came the line of what was foretold.
//!
//! A time without an owner is hatched across all lanes of its VIP, one with several is crossed, and both say so in words
//! where there is room. Names stand beside the lanes, or above them where that is too narrow: the style decides.

use super::markup::{Tag, tag};
use super::svg::{Scale, bar, mark, shortened, text, upright};
use crate::lab::report::words::{self, number, seconds};
use crate::lab::result::{Held, Move, Probe, Scenario, Topology, Tries, Watch};

/// What the drawing measures where names stand beside it, and on a telephone, in pixels: texts are left out where
/// they would not fit.
const WIDE: u32 = 840;
const NARROW: u32 = 330;
/// Characters that fit beside a lane, and above it on a telephone.
const BESIDE: usize = 27;
const ABOVE: usize = 33;
/// Rows of pixels: marks of events, a VIP's name, the name above a bar, the bar itself, what was foretold, a probe.
const MARKS: u32 = 24;
const HEAD: u32 = 26;
const NAME: u32 = 16;
const BAR: u32 = 16;
const FORETOLD: u32 = 10;
const PROBE: u32 = 12;
const AXIS: u32 = 26;

/// The chart of a scenario; `None` when nothing was watched.
pub(super) fn chart(topology: &Topology, scenario: &Scenario, id: &str) -> Option<Tag> {
    if scenario.length_ms == 0 || (scenario.vips.is_empty() && scenario.probes.is_empty()) {
        return None;
    }
    let scale = Scale::new(scenario.length_ms);
    let mut plot = Plot {
        scale,
        length: scenario.length_ms,
        y: 0,
        lines: Vec::new(),
        shapes: Vec::new(),
        names: Vec::new(),
        beside: true,
    };
    let marks = plot.marks(scenario);
    let top = plot.y;
    for watch in &scenario.vips {
        plot.vip(topology, watch);
        let own = scenario.probes.iter().filter(|probe| probe.vip.as_ref() == Some(&watch.vip));
        own.for_each(|probe| plot.probe(probe));
    }
    let known = |probe: &Probe| scenario.vips.iter().any(|watch| Some(&watch.vip) == probe.vip.as_ref());
    let others: Vec<&Probe> = scenario.probes.iter().filter(|probe| !known(probe)).collect();
    if !others.is_empty() {
        plot.head("Connections", "");
        for probe in others {
            plot.probe(probe);
        }
    }
    let bottom = plot.y + 4;
    let events = scenario.events.iter().map(|event| upright("event-line", scale, event.at_ms, top - 3, bottom));
    let events: Vec<Tag> = events.collect();
    plot.y = bottom;
    plot.axis();
    let (title, about) = (format!("{id}-title"), format!("{id}-about"));
    let svg = tag("svg").class("plot").with("role", "img").with("aria-labelledby", format!("{title} {about}"));
    let svg = svg.with("width", "100%").with("height", plot.y);
    let svg = svg.child(tag("title").with("id", title).text(format!("Owners over time: {}", scenario.title)));
    let svg = svg.child(tag("desc").with("id", about).text(described(scenario)));
    let svg = svg.children(plot.lines).children(events).children(plot.shapes).children(plot.names).children(marks);
    let class = if plot.beside { "chart" } else { "chart long" };
    Some(tag("div").class(class).child(svg))
}

struct Plot {
    scale: Scale,
    length: u32,
    /// The first row that is free.
    y: u32,
    /// What lies behind the lines of events, what lies before them, and the names on top of everything.
    lines: Vec<Tag>,
    shapes: Vec<Tag>,
    names: Vec<Tag>,
    /// Whether all names fit beside their lanes.
    beside: bool,
}

impl Plot {
    /// The marks of events, in as many rows as keep them apart on a telephone.
    fn marks(&mut self, scenario: &Scenario) -> Vec<Tag> {
        let mut rows: Vec<u32> = Vec::new();
        let mut marks = Vec::new();
        for (number, event) in (1..).zip(&scenario.events) {
            let x = self.scale.pixels(event.at_ms, NARROW);
            let free = rows.iter().position(|end| *end <= x).unwrap_or(rows.len()).min(3);
            match rows.get_mut(free) {
                Some(end) => *end = x + 21,
                None => rows.push(x + 21),
            }
            let y = MARKS / 2 + MARKS * u32::try_from(free).unwrap_or(0);
            let place = tag("svg").class("place").with("x", self.scale.at(event.at_ms)).with("y", y);
            let hover = tag("title").text(format!("{}: {}", seconds(event.at_ms), event.what));
            let place = place.with("overflow", "visible").with("width", 1).with("height", 1);
            marks.push(place.child(hover).children(mark(event.kind, number)));
        }
        self.y = MARKS * u32::try_from(rows.len()).unwrap_or(0);
        marks
    }

    /// A heading above lanes.
    fn head(&mut self, name: &str, address: &str) {
        self.y += if self.lines.is_empty() { HEAD } else { HEAD + 10 };
        let words = if address.is_empty() { name.to_owned() } else { format!("{} {address}", shortened(name, 17)) };
        for (class, x) in [("head beside", "-12"), ("head above", "0")] {
            self.names.push(text(class, x, self.y - 8, &words));
        }
        self.beside &= words.chars().count() <= BESIDE;
    }

    /// The name of a lane whose bar begins at `y`, beside and above it.
    fn name(&mut self, name: &str, y: u32, height: u32) {
        self.beside &= name.chars().count() <= BESIDE;
        self.names.push(text("lane-name beside", "-12", y + height / 2 + 4, name));
        self.names.push(text("lane-name above", "0", y - 4, &shortened(name, ABOVE)));
    }

    fn vip(&mut self, topology: &Topology, watch: &Watch) {
        let vip = topology.vips.iter().find(|vip| vip.name == watch.vip);
        self.head(&watch.vip, &vip.map_or_else(String::new, |vip| vip.address.to_string()));
        let mut lanes: Vec<&str> = vip.iter().flat_map(|vip| &vip.candidates).map(String::as_str).collect();
        for owner in owners(watch) {
            if !lanes.contains(&owner) {
                lanes.push(owner);
            }
        }
        let first = self.y + NAME;
        for lane in &lanes {
            self.y += NAME;
            self.lane(lane, watch);
            self.y += BAR + FORETOLD;
        }
        let height = NAME + BAR + FORETOLD;
        let last = self.y.saturating_sub(FORETOLD);
        for (since, until, held) in spans(&watch.held) {
            match held.owners.len() {
                0 => self.band("nobody", "nobody", (since, until), first, last),
                1 => {}
                many => self.band("several", &format!("{many} owners"), (since, until), first, last),
            }
        }
        let seen: u32 = watch.held.iter().map(|held| held.for_ms).fold(0, u32::saturating_add);
        // The last look is never at the very end.
        if self.length.saturating_sub(seen) > self.length / 50 {
            self.band("unseen", "not seen", (seen, self.length), first, last);
        }
        for (row, lane) in (0..).zip(&lanes) {
            for (at, one) in watch.moves.iter().enumerate() {
                let until = watch.moves.get(at + 1).map_or(self.length, |next| next.since_ms);
                self.foretold(lane, one, until, first + height * row + BAR + 5);
            }
        }
    }

    /// One node's bar: when it held the VIP.
    fn lane(&mut self, node: &str, watch: &Watch) {
        self.lines.push(bar("track", self.scale, (0, self.length), self.y, BAR).with("rx", 3));
        self.name(node, self.y, BAR);
        for (since, until, held) in spans(&watch.held) {
            if held.owners.iter().any(|owner| owner == node) {
                let hover = format!("{node} held {} from {} to {}", watch.vip, seconds(since), seconds(until));
                let held = bar("held", self.scale, (since, until), self.y, BAR).with("rx", 3);
                self.shapes.push(held.child(tag("title").text(hover)));
            }
        }
    }

    /// What was foretold of a node: a line for as long as it was to hold the VIP, a box for when that was to begin, and
    /// whiskers for what still agrees.
    fn foretold(&mut self, node: &str, one: &Move, until: u32, y: u32) {
        let Some(predicted) = one.predicted.as_ref().filter(|it| it.owners.iter().any(|owner| owner == node)) else {
            return;
        };
        let line = |class, since: u32, until: u32| {
            let (x1, x2) = (self.scale.at(since), self.scale.at(until));
            tag("line").class(class).with("x1", x1).with("y1", y).with("x2", x2).with("y2", y)
        };
        let (least, most) = (
            one.since_ms.saturating_add(predicted.least_ms),
            one.since_ms.saturating_add(predicted.most_ms).min(until),
        );
        let mut shapes = vec![line("foretold", most, until)];
        if predicted.most_ms > 0 {
            let early = least.saturating_sub(predicted.tolerance_ms).max(one.since_ms);
            let late = most.saturating_add(predicted.tolerance_ms).min(until);
            shapes.push(line("whisker", early, late));
            shapes.extend([early, late].map(|at| upright("whisker", self.scale, at, y - 3, y + 3)));
            let hover = format!("foretold for {} of {}", words::predicted(predicted), seconds(one.since_ms));
            // A moment is seen, too.
            let window =
                bar("window", self.scale, (least, most.max(least.saturating_add(self.length / 300))), y - 3, 6);
            shapes.push(window.child(tag("title").text(hover)));
        }
        self.shapes.extend(shapes);
    }

    /// A time that is marked across all lanes of a VIP.
    fn band(&mut self, class: &str, words: &str, (since, until): (u32, u32), from: u32, to: u32) {
        let (height, length) = (to.saturating_sub(from) + 4, until.saturating_sub(since));
        let hover = format!("{words} from {} to {}", seconds(since), seconds(until));
        let band = bar(&format!("band {class}"), self.scale, (since, until), from - 2, height);
        self.shapes.push(band.child(tag("title").text(hover)));
        let x = self.scale.at(since + length / 2);
        // On the bar of a lane in the middle: above it may stand a name.
        let lane = NAME + BAR + FORETOLD;
        let y = from + (to.saturating_sub(from) / lane / 2) * lane + BAR / 2 + 4;
        let (long, short) = (format!("{words} {}", seconds(length)), seconds(length));
        let fits =
            |words: &str, width| u32::try_from(words.len()).unwrap_or(0) * 7 + 6 <= self.scale.pixels(length, width);
        let mut say = |class: &str, words: &str| {
            self.names.push(text(&format!("band-text {class}"), &x, y, words));
        };
        match (fits(&long, WIDE), fits(&long, NARROW), fits(&short, WIDE), fits(&short, NARROW)) {
            (_, true, ..) => say("", &long),
            (true, _, _, narrow) => {
                say("only-wide", &long);
                if narrow {
                    say("only-narrow", &short);
                }
            }
            // Nobody knows what a bare number means where nothing was seen.
            (_, _, _, true) if class != "unseen" => say("", &short),
            (_, _, true, _) if class != "unseen" => say("only-wide", &short),
            _ => {}
        }
    }

    /// Connections: a low line while they are answered, a block as high as the part that is lost.
    fn probe(&mut self, probe: &Probe) {
        self.y += NAME;
        let to = match (&probe.vip, probe.to.rsplit_once(':')) {
            (Some(_), Some((_, port))) => format!(":{port}"),
            _ => probe.to.clone(),
        };
        self.name(&format!("{} → {to}", probe.from), self.y, PROBE);
        let bottom = self.y + PROBE;
        self.lines.push(bar("track thin", self.scale, (0, self.length), bottom - 1, 1));
        let mut at = 0_u32;
        for tries in &probe.tries {
            let (since, until) = (at, at.saturating_add(tries.for_ms));
            at = until;
            let shape = match tries {
                Tries { sent: 0, .. } => continue,
                Tries { lost: 0, .. } => bar("answered", self.scale, (since, until), bottom - 3, 3),
                Tries { sent, lost, .. } => {
                    let share = u64::from(*lost) * u64::from(PROBE) / u64::from((*sent).max(1));
                    let height = u32::try_from(share).unwrap_or(PROBE).clamp(5, PROBE);
                    bar("lost", self.scale, (since, until), bottom - height, height)
                }
            };
            let (lost, sent) = (number(tries.lost), number(tries.sent));
            let hover = format!("{} to {}: {lost} of {sent} lost", seconds(since), seconds(until));
            self.shapes.push(shape.child(tag("title").text(hover)));
        }
        self.y = bottom + 2;
    }

    fn axis(&mut self) {
        let y = self.y;
        let line = tag("line").class("axis").with("x1", 0).with("y1", y).with("x2", "100%").with("y2", y);
        self.shapes.push(line);
        let ticks = self.scale.ticks(16);
        for (at, tick) in ticks.iter().enumerate() {
            // Half of the marks are enough on a telephone.
            let rare = if at % 2 == 0 { "" } else { " only-wide" };
            self.shapes.push(upright(&format!("axis{rare}"), self.scale, *tick, y, y + 4));
            let anchor = match (at, self.scale.pixels(self.length - tick, NARROW)) {
                (0, _) => " first",
                (_, 0..=12) => " last",
                _ => "",
            };
            let words = if at == 0 { "0 s".to_owned() } else { axis_text(*tick) };
            self.shapes.push(text(&format!("tick{anchor}{rare}"), &self.scale.at(*tick), y + 17, &words));
        }
        self.y += AXIS;
    }
}

/// A moment on the axis: `2`, `0.5`, `1:30`.
fn axis_text(ms: u32) -> String {
    match ms {
        0..60_000 if ms.is_multiple_of(1000) => (ms / 1000).to_string(),
        0..60_000 => format!("{}.{}", ms / 1000, ms % 1000 / 100),
        _ => format!("{}:{:02}", ms / 60_000, ms / 1000 % 60),
    }
}

/// Everybody who ever held it, in order of appearance.
fn owners(watch: &Watch) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for owner in watch.held.iter().flat_map(|held| &held.owners) {
        if !found.contains(&owner.as_str()) {
            found.push(owner);
        }
    }
    found
}

/// The times with their beginnings and ends.
pub(super) fn spans(held: &[Held]) -> impl Iterator<Item = (u32, u32, &Held)> {
    held.iter().scan(0_u32, |at, one| {
        let since = *at;
        *at = at.saturating_add(one.for_ms);
        Some((since, *at, one))
    })
}

/// The chart in words.
fn described(scenario: &Scenario) -> String {
    let mut text = String::new();
    for watch in &scenario.vips {
        let times = spans(&watch.held).map(|(since, until, held)| {
            format!("{} from {} to {}", words::holders(&held.owners), seconds(since), seconds(until))
        });
        text.extend([&watch.vip, ": ", &times.collect::<Vec<_>>().join(", "), ". "]);
    }
    for event in &scenario.events {
        text.extend([&event.what, " at ", &words::moment(event.at_ms), ". "]);
    }
    text
}
