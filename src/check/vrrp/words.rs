//! Lines that Keepalived does not understand: it logs them at start, goes on without them, and is not what was meant.

use super::super::keepalived::{Config, Statement, statements};
use super::super::text::{Table, table};
use super::super::written::Machine;
use super::CONF;
use crate::diag::{Code, Diagnostic, Sink, suggest};
use std::sync::LazyLock;

static WORDS: LazyLock<Table> = LazyLock::new(|| table(include_str!("../tables/keepalived.txt")));

/// Numbers with the range that Keepalived takes (keepalived.conf(5)), by block.
const RANGES: &[(&str, &str, f64, f64)] = &[
    ("vrrp_instance", "advert_int", 0.01, 255.0),
    ("vrrp_instance", "preempt_delay", 0.0, 1000.0),
    ("vrrp_instance", "priority", 1.0, 255.0),
    ("vrrp_instance", "version", 2.0, 3.0),
    ("vrrp_instance", "virtual_router_id", 1.0, 255.0),
    ("vrrp_script", "fall", 1.0, f64::MAX),
    ("vrrp_script", "interval", 0.000_001, f64::MAX),
    ("vrrp_script", "rise", 1.0, f64::MAX),
    ("vrrp_script", "timeout", 0.000_001, f64::MAX),
    ("vrrp_script", "weight", -253.0, 253.0),
    ("vrrp_track_process", "weight", -254.0, 254.0),
    ("global_defs", "vrrp_version", 2.0, 3.0),
];

pub(super) fn check(machine: &Machine<'_>, config: &Config, sink: &mut Sink) {
    let Some(file) = machine.file(CONF) else { return };
    let (all, unbalanced) = statements(&file.text);
    let found = |line: usize, message: String| {
        let secret = machine.is_secret(CONF, line);
        let message = if secret { "Keepalived does not understand this line".to_owned() } else { message };
        machine.finding(CONF, line, Code::VrrpSyntax, message)
    };
    for line in unbalanced {
        let message = "this brace has no partner: Keepalived reads what follows as something else";
        sink.push(found(line, message.to_owned()).hint("write one `}` for each `{`"));
    }
    if !config.unbalanced.is_empty() {
        return;
    }
    block("file", &all, &found, sink);
    for (line, name) in config.groups.iter().flat_map(|group| group.iter().map(|member| (member.line, &member.value))) {
        let known = || config.instances.iter().map(|instance| instance.name.value.as_str());
        if !known().any(|own| own == name) {
            let mut wrong = found(line, format!("no instance is called `{name}`: the group has one member less"));
            wrong.hint = suggest::hint(name, known());
            sink.push(wrong);
        }
    }
}

/// A finding in a line.
type Found<'a> = &'a dyn Fn(usize, String) -> Diagnostic;

fn block(name: &str, all: &[Statement], found: Found<'_>, sink: &mut Sink) {
    let Some(known) = WORDS.get(name) else { return };
    for statement in all {
        let word = statement.words.first().map_or("", String::as_str);
        // Conditions (`@node`), variables (`$NAME=`) and lists (`~SEQ`) may stand anywhere.
        if word.starts_with(['@', '$', '~']) || word.is_empty() {
            continue;
        }
        if !known.contains(word) {
            let place = if name == "file" { "here".to_owned() } else { format!("in `{name}`") };
            let mut wrong = found(statement.line, format!("Keepalived knows no `{word}` {place}, and ignores it"));
            let elsewhere = WORDS.iter().find(|(_, words)| words.contains(word)).map(|(block, _)| *block);
            let near = suggest::nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            wrong.hint = near.or(elsewhere.map(|block| match block {
                "file" => format!("`{word}` stands by itself, outside of every block"),
                block => format!("`{word}` belongs into `{block}`"),
            }));
            sink.push(wrong);
            continue;
        }
        let written = statement.words.get(1).map_or("", String::as_str);
        let range = RANGES.iter().find(|(block, own, ..)| *block == name && *own == word);
        if let Some((.., least, most)) = range
            && !written.parse::<f64>().is_ok_and(|number| (*least..=*most).contains(&number))
        {
            let takes = if *most < f64::MAX { format!("{least} to {most}") } else { "a number above 0".to_owned() };
            let wrong = found(statement.line, format!("`{word} {written}` is ignored: Keepalived takes {takes}"));
            sink.push(wrong.hint(format!("write a value of {takes}")));
        }
        if !statement.block.is_empty() {
            block(word, &statement.block, found, sink);
        }
    }
}
