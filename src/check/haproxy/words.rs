//! Lines that HAProxy does not understand, and sections that it looks for in vain: it refuses to start.

use super::super::haproxy_config::{Kind, Line, Section};
use super::super::text::{Table, table};
use super::Proxy;
use crate::diag::{Code, Severity, Sink, suggest};
use std::sync::LazyLock;

static WORDS: LazyLock<Table> = LazyLock::new(|| table(include_str!("../tables/haproxy.txt")));

/// Beginnings of settings that are not listed: HAProxy's tuning and those of vendors.
const OPEN: &[&str] = &["tune.", "51degrees", "deviceatlas", "wurfl"];

pub(super) fn check(proxy: &Proxy<'_>, sink: &mut Sink) {
    for section in &proxy.config.sections {
        let kind = match section.kind {
            Kind::Global => "global",
            Kind::Other => continue,
            _ => "proxy",
        };
        for line in &section.lines {
            word(proxy, kind, line, sink);
        }
        if section.kind.listens() {
            leads(proxy, section, sink);
        }
    }
}

fn word(proxy: &Proxy<'_>, kind: &str, line: &Line, sink: &mut Sink) {
    // `no option x` and `default option x` switch off.
    let skip = usize::from(matches!(line.word(0), "no" | "default"));
    let first = line.word(skip);
    if first.starts_with('.') || (kind == "global" && OPEN.iter().any(|start| first.starts_with(start))) {
        return;
    }
    let lists: &[(&str, &str)] = match first {
        "option" | "timeout" if kind == "proxy" => &[(kind, first), (first, line.word(skip + 1))],
        _ => &[(kind, first)],
    };
    for (list, wanted) in lists {
        let Some(known) = WORDS.get(list).filter(|known| !known.contains(wanted)) else { continue };
        let place = match *list {
            "global" => "in `global`".to_owned(),
            "proxy" => "in a proxy".to_owned(),
            list => format!("as `{list}`"),
        };
        let message = format!("HAProxy knows no `{wanted}` {place}, and refuses to start");
        let message = if proxy.machine.is_secret(super::CONF, line.number) {
            "HAProxy does not understand this line, and refuses to start".to_owned()
        } else {
            message
        };
        let mut found = proxy.found(line.number, Code::HaproxySyntax, message);
        found.hint = suggest::nearest(wanted, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        sink.push(found);
    }
}

/// Whether what comes in at a section goes somewhere.
fn leads(proxy: &Proxy<'_>, section: &Section, sink: &mut Sink) {
    let backends = || proxy.config.sections.iter().filter(|other| other.kind.serves()).map(|other| other.name.as_str());
    let named = proxy.config.lines(section).filter(|line| matches!(line.word(0), "default_backend" | "use_backend"));
    let mut leads = false;
    for line in named {
        leads = true;
        let name = line.word(1);
        // `%[...]` is decided for each connection.
        if !name.starts_with("%[") && !backends().any(|own| own == name) {
            let message = format!(
                "`{}` hands on to `{name}`, and no backend is called so: HAProxy refuses to start",
                section.name
            );
            let mut found = proxy.found(line.number, Code::HaproxySyntax, message);
            found.hint = suggest::hint(name, backends().collect::<Vec<_>>());
            sink.push(found);
        }
    }
    let answers = |line: &Line| {
        ["monitor-uri", "redirect"].contains(&line.word(0))
            || line.begins(&["stats", "enable"])
            || line.begins(&["stats", "uri"])
            || (line.word(0) == "http-request"
                && matches!(line.word(1), "return" | "redirect" | "deny" | "use-service"))
    };
    let alone = !leads && section.servers().is_empty() && !proxy.config.lines(section).any(answers);
    if alone && !section.binds().is_empty() {
        let message = format!("`{}` hands connections on to nobody", section.name);
        let mut found = proxy.found(section.line, Code::HaproxySyntax, message);
        found.severity = Severity::Warning;
        sink.push(found.hint("write `default_backend` with the name of a backend"));
    }
}
