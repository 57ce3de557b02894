//! A machine in words: what it runs, listens on and needs, each with the place that it comes from.

use super::View;
use crate::diag::Span;
use crate::model::cluster::{Bringer, Service};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Lines of a topic: what is said, and where it was written.
type Lines = Vec<(String, Option<Span>)>;

/// The whole description.
pub fn node(view: &View<'_>) -> String {
    let node = view.node;
    let mut text = format!("{}: {}\n", node.name, node.description.as_deref().unwrap_or("no description"));
    let _ = writeln!(text, "{}, {}, {}", node.fqdn, node.os, place(view, Some(node.span)));
    let topics: [(&str, Lines); 12] = [
        ("roles", node.roles.iter().map(|role| (role.value.clone(), Some(role.span))).collect()),
        ("network cards", cards(view)),
        ("routes", routes(view)),
        ("virtual addresses it may hold", vips(view)),
        ("listens on", listens(view)),
        (
            "containers",
            node.containers.iter().map(|(name, c)| (format!("{name}  {}", c.image), Some(c.span))).collect(),
        ),
        ("programs without a container", services(view)),
        ("kernel settings", node.sysctls.iter().map(|(key, v)| (format!("{key} = {v}"), Some(v.span))).collect()),
        ("kernel modules", node.kernel_modules.iter().map(|m| (m.value.clone(), Some(m.span))).collect()),
        ("needs of its image", node.requires.iter().map(|c| (c.value.clone(), Some(c.span))).collect()),
        ("files", files(view)),
        ("units", units(view)),
    ];
    for (topic, lines) in topics {
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{topic}");
        let width = lines.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0).min(60);
        for (what, span) in lines {
            let line = format!("  {what:width$}  {}", place(view, span));
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

fn place(view: &View<'_>, span: Option<Span>) -> String {
    let Some(span) = span else { return String::new() };
    let name = view.sources.get(span.file).name();
    if (span.start, span.end) == (0, 0) {
        return name.to_owned();
    }
    format!("{name}:{}", view.sources.position(span.file, span.start).line)
}

fn services(view: &View<'_>) -> Lines {
    let line = |(name, service): (&String, &Service)| {
        let from = match &service.from {
            Bringer::Package(package) => format!("package {}", package.name),
            Bringer::Sysext(sysext) => format!("system extension {}", sysext.extension.name),
        };
        (format!("{}  {from}", service.unit(name)), Some(service.span))
    };
    view.node.services.iter().map(line).collect()
}

fn cards(view: &View<'_>) -> Lines {
    let card = |card: &crate::model::cluster::Interface| {
        let mut what = format!("{}  {}/{} on {}", card.name, card.address, card.cidr.prefix_len(), card.network);
        if let Some(mac) = &card.mac {
            let _ = write!(what, ", {mac}");
        }
        if let Some(gateway) = &card.gateway {
            let _ = write!(what, ", default route via {gateway}");
        }
        (what, Some(card.name.span))
    };
    let dns = |server: &crate::model::Spanned<Ipv4Addr>| (format!("resolver {server}"), Some(server.span));
    view.node.interfaces.iter().map(card).chain(view.node.dns_servers.iter().map(dns)).collect()
}

fn routes(view: &View<'_>) -> Lines {
    let routes = view.node.routes.iter();
    let line = |route: &crate::model::cluster::Route| {
        let on_link = if route.on_link { " on link" } else { "" };
        format!("{} via {}{on_link} dev {}: {}", route.destination, route.gateway, route.interface, route.reason)
    };
    routes.map(|route| (line(route), Some(route.span))).collect()
}

fn vips(view: &View<'_>) -> Lines {
    let found = view.node.vips.iter().filter_map(|own| {
        let vip = view.cluster.vips.iter().find(|vip| vip.name == own.vip)?;
        let rank = vip.candidates.iter().position(|name| *name == view.node.name)? + 1;
        let what = format!(
            "{}  {} on {}, priority {} ({rank} of {})",
            vip.name,
            vip.address,
            own.interface,
            own.priority,
            vip.candidates.len()
        );
        Some((what, Some(own.priority.span)))
    });
    found.collect()
}

fn listens(view: &View<'_>) -> Lines {
    let line = |listen: &crate::model::cluster::Listen| {
        let ports = match listen.ports {
            Some((first, last)) if first == last => format!(" {first}"),
            Some((first, last)) => format!(" {first}-{last}"),
            None => String::new(),
        };
        let from: Vec<String> = listen.sources.iter().take(4).map(ToString::to_string).collect();
        let more = listen.sources.len().saturating_sub(from.len());
        let from = match (from.is_empty(), more) {
            (true, _) => "anybody".to_owned(),
            (false, 0) => from.join(", "),
            (false, more) => format!("{} and {more} more", from.join(", ")),
        };
        format!("{}{ports}  {} from {from}", listen.protocol, listen.name)
    };
    view.node.listens.iter().map(|listen| (line(listen), Some(listen.name.span))).collect()
}

fn files(view: &View<'_>) -> Lines {
    let line = |(path, file): (&String, &super::BakedFile)| {
        let mode = file.mode.map_or("----".to_owned(), |mode| format!("{mode:04o}"));
        let secret = if file.secret { "  (holds a secret)" } else { "" };
        (format!("{mode} {path}{secret}"), file.origin)
    };
    view.baked.files.iter().map(line).collect()
}

fn units(view: &View<'_>) -> Lines {
    let mut lines = Lines::new();
    for (name, unit) in &view.baked.units {
        let state = match (unit.mask, unit.enabled) {
            (true, _) => "  masked",
            (_, Some(true)) => "  enabled",
            (_, Some(false)) => "  disabled",
            (_, None) => "",
        };
        lines.push((format!("{name}{state}"), unit.text.as_ref().and_then(|file| file.origin).or(unit.origin)));
        let dropins = unit.dropins.iter();
        lines.extend(dropins.map(|(dropin, file)| (format!("{name}.d/{dropin}"), file.origin)));
    }
    lines
}
