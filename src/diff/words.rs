//! A comparison in words.

use super::compare::{Change, FieldChange, What};
use super::machine::Topic;
use super::report::{Node, Report, Verdict};
use super::rollout::{Etcd, Kind, Move, Step};
use std::fmt::Write as _;

/// What a line is about, for whoever colours it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    /// As it is.
    Plain,
    /// A heading.
    Head,
    /// Something new.
    Added,
    /// Something that is gone.
    Removed,
    /// Something that is another one.
    Changed,
    /// A place in a text.
    Place,
    /// Something that one should know.
    Warning,
}

impl Tone {
    /// The escape sequence that begins it (ECMA-48, SGR).
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Head => "\x1b[1m",
            Self::Added => "\x1b[32m",
            Self::Removed => "\x1b[31m",
            Self::Changed => "\x1b[33m",
            Self::Place => "\x1b[36m",
            Self::Warning => "\x1b[1;33m",
        }
    }
}

struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn line(&mut self, tone: Tone, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() && c != '\t' { '\u{FFFD}' } else { c }).collect();
        let code = tone.code();
        if self.colour && !code.is_empty() && !text.is_empty() {
            let _ = writeln!(self.text, "{code}{text}\x1b[0m");
        } else {
            let _ = writeln!(self.text, "{}", text.trim_end());
        }
    }
}

impl Report {
    /// The whole comparison; `brief` says of each node what becomes of it, and nothing more.
    pub fn text(&self, colour: bool, brief: bool) -> String {
        let mut page = Page { text: String::new(), colour };
        if self.is_empty() {
            page.line(Tone::Plain, &format!("no changes between {} and {}", self.old, self.new));
            return page.text;
        }
        for (name, node) in &self.nodes {
            self::node(&mut page, name, node, brief);
        }
        if !self.shared.is_empty() && !brief {
            page.line(Tone::Head, "the hypervisor and all machines");
            self.shared.iter().for_each(|change| self::change(&mut page, change));
            page.line(Tone::Plain, "");
        }
        page.line(Tone::Head, &summary(self));
        if !self.rollout.steps.is_empty() && !brief {
            page.line(Tone::Plain, "");
            page.line(Tone::Head, "An order that keeps the cluster alive, each step when the one before is done:");
            for (number, step) in (1..).zip(&self.rollout.steps) {
                self::step(&mut page, number, step);
            }
        }
        page.text
    }
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Create => Tone::Added,
        Verdict::Destroy => Tone::Removed,
        Verdict::Replace | Verdict::Restart => Tone::Changed,
        Verdict::Nothing => Tone::Plain,
    }
}

fn node(page: &mut Page, name: &str, node: &Node, brief: bool) {
    let verdict = match node.verdict {
        Verdict::Nothing => "nothing to do",
        other => other.as_str(),
    };
    page.line(tone(node.verdict), &format!("{name}: {verdict}, because {}", node.because));
    for warning in &node.warnings {
        page.line(Tone::Warning, &format!("  ! {warning}"));
    }
    if brief {
        return;
    }
    for change in node.handover.iter().chain(&node.changes) {
        self::change(page, change);
    }
    page.line(Tone::Plain, "");
}

/// What people call a topic.
fn topic(topic: Topic) -> &'static str {
    match topic {
        Topic::Machine => "machine",
        Topic::Hardware => "hardware",
        Topic::Card => "virtual card",
        Topic::Disk => "disk",
        Topic::Interface => "card",
        Topic::Route => "route",
        Topic::Group => "group",
        Topic::User => "user",
        Topic::Key => "key",
        Topic::Filesystem => "file system",
        Topic::Container => "container",
        Topic::Unit => "unit",
        Topic::DropIn => "drop-in",
        Topic::Sysctl => "sysctl",
        Topic::Module => "module",
        Topic::Command => "needs command",
        Topic::File => "file",
        Topic::Directory => "directory",
        Topic::Link => "link",
        Topic::Setting => "setting",
        Topic::Script => "first boot",
        Topic::Network => "network",
        Topic::Image => "image",
        Topic::Pool => "pool",
        Topic::Provider => "provider",
        Topic::Artefact => "artefact",
    }
}

fn change(page: &mut Page, change: &Change) {
    let (sign, tone) = match change.what {
        What::Added => ('+', Tone::Added),
        What::Removed => ('-', Tone::Removed),
        What::Changed => ('~', Tone::Changed),
    };
    let mut line = format!("  {sign} {} {}", topic(change.topic), change.name);
    // What is said in one word stands beside it, everything else below.
    if let [only] = change.fields.as_slice() {
        let _ = write!(line, ": {}", field(only, change.what));
    }
    if change.secret && change.diff.is_some() {
        line.push_str(", secrets not shown");
    }
    page.line(tone, &line);
    if change.fields.len() > 1 {
        for one in &change.fields {
            page.line(Tone::Plain, &format!("      {}", field(one, change.what)));
        }
    }
    for line in change.diff.iter().flat_map(|diff| diff.lines()) {
        let tone = match line.bytes().next() {
            Some(b'+') => Tone::Added,
            Some(b'-') => Tone::Removed,
            Some(b'@') => Tone::Place,
            _ => Tone::Plain,
        };
        page.line(tone, &format!("      {line}"));
    }
}

/// Fields that are what the item is about: naming them adds nothing.
const PLAIN: &[&str] = &["name", "names", "value"];

fn field(field: &FieldChange, what: What) -> String {
    let name = if PLAIN.contains(&field.field) { String::new() } else { format!("{} ", field.field) };
    match (&field.old, &field.new) {
        _ if field.secret => format!("{name}{}", if what == What::Added { "is a secret" } else { "changes, a secret" }),
        (Some(old), Some(new)) => format!("{name}{old} -> {new}"),
        (None, Some(new)) if what == What::Changed => format!("{name}nothing -> {new}"),
        (Some(old), None) if what == What::Changed => format!("{name}{old} -> nothing"),
        (None, Some(only)) | (Some(only), None) => format!("{name}{only}"),
        (None, None) => name,
    }
}

fn summary(report: &Report) -> String {
    let parts: Vec<String> = report
        .summary
        .iter()
        .map(|(verdict, count)| match verdict {
            Verdict::Nothing => format!("{count} as they are"),
            other => format!("{count} to {}", other.as_str()),
        })
        .collect();
    let more = match report.shared.len() {
        0 => String::new(),
        1 => "; 1 change beside them".to_owned(),
        more => format!("; {more} changes beside them"),
    };
    format!("nodes: {}{more}", parts.join(", "))
}

fn step(page: &mut Page, number: usize, step: &Step) {
    let head = format!("{number:3}. {} {}: {}", step.action.as_str(), step.nodes.join(", "), step.why);
    page.line(tone(step.action), &head);
    for line in &step.before {
        page.line(Tone::Plain, &format!("       before: {line}"));
    }
    for line in &step.apply {
        page.line(Tone::Plain, &format!("       {line}"));
    }
    for one in &step.moves {
        page.line(Tone::Plain, &format!("       {}", moved(one)));
    }
    if let Some(etcd) = step.etcd {
        page.line(Tone::Plain, &format!("       {}", arithmetic(etcd, step)));
    }
    for line in &step.after {
        page.line(Tone::Plain, &format!("       go on when {line}"));
    }
    for line in &step.warnings {
        page.line(Tone::Warning, &format!("       ! {line}"));
    }
    if step.kind == Kind::Balancer && step.after.is_empty() && step.action != Verdict::Destroy {
        page.line(Tone::Plain, &format!("       go on when HAProxy and Keepalived run on {}", step.nodes.join(", ")));
    }
}

fn moved(one: &Move) -> String {
    let named = |nodes: &[String]| if nodes.is_empty() { "nobody".to_owned() } else { nodes.join(" and ") };
    let both = if one.to.len() > 1 { " AT ONCE" } else { "" };
    let way = format!("vip {}: {} -> {}{both}", one.vip, named(&one.from), named(&one.to));
    match (one.gap, one.gap_unannounced, one.taken_after) {
        (Some(gap), Some(killed), _) => {
            format!("{way}, after {} ({} if Keepalived is not stopped before)", gap.words(), killed.words())
        }
        (Some(gap), None, _) | (None, Some(gap), _) => format!("{way}, after {}", gap.words()),
        (None, None, Some(taken)) if !one.from.is_empty() && one.to.len() == 1 => {
            format!("{way}, {} after it is up, without a gap", taken.words())
        }
        (None, None, Some(taken)) => format!("{way}, {} after it is up", taken.words()),
        (None, None, None) => way,
    }
}

fn arithmetic(etcd: Etcd, step: &Step) -> String {
    let Etcd { members, quorum, working } = etcd;
    let away = step.nodes.join(", ");
    if members == 0 {
        return format!("etcd: {away} is the only member");
    }
    let more = match etcd.tolerates() {
        None => "there is none".to_owned(),
        Some(0) => "none of them may fail".to_owned(),
        Some(1) => "one of them may fail".to_owned(),
        Some(more) => format!("{more} of them may fail"),
    };
    format!(
        "etcd without {away}: {working} of {members} members work, a majority is {quorum} ({members} / 2 + 1): {more}"
    )
}
