//! What the firewall opens against what HAProxy listens on.

use super::super::haproxy_config::{Bind, Section};
use super::Proxy;
use crate::diag::{Code, Diagnostic, Severity, Sink};
use crate::model::cluster::Listen;
use crate::model::profile::cluster::Protocol;

pub(super) fn check(proxy: &Proxy<'_>, sink: &mut Sink) {
    let binds: Vec<Bind> = proxy.config.sections.iter().flat_map(Section::binds).collect();
    for listen in &proxy.node().listens {
        opened(proxy, listen, &binds, sink);
    }
    for bind in &binds {
        closed(proxy, bind, sink);
    }
}

fn is_local(bind: &Bind) -> bool {
    bind.address.is_some_and(|address| address.is_loopback())
}

/// A door that the role of HAProxy opens for nobody who would answer. Where the role runs other programs as well,
/// nothing is known of what those listen on.
fn opened(proxy: &Proxy<'_>, listen: &Listen, binds: &[Bind], sink: &mut Sink) {
    let Some((first, last)) = listen.ports else { return };
    let here = |file| file == listen.name.span.file;
    let known = |name: &str| ["haproxy", "keepalived"].contains(&name);
    let mut containers = proxy.node().containers.iter().filter(|(_, container)| here(container.span.file));
    if proxy.inside.is_none() || containers.clone().next().is_none() || !containers.all(|(name, _)| known(name)) {
        return;
    }
    let mut there = binds.iter().filter(|bind| bind.ports.0 <= last && first <= bind.ports.1).peekable();
    let local = there.peek().filter(|bind| is_local(bind)).map(|bind| bind.line);
    if listen.protocol == Protocol::Tcp && there.any(|bind| !is_local(bind)) {
        return;
    }
    let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
    let (why, hint) = match local {
        Some(_) => {
            ("HAProxy listens there on the loopback interface only", "take the entry out, or bind another address")
        }
        None => ("HAProxy does not listen there", "take the entry out, or add a frontend that binds the port"),
    };
    let message = format!("the firewall opens `{}` ({} port `{ports}`), but {why}", listen.name, listen.protocol);
    let mut found = Diagnostic::new(Code::HaproxyListens, message).at(listen.name.span).hint(hint);
    if let Some(line) = local {
        found = found.related(proxy.machine.span(super::CONF, line), "it is bound here");
    }
    sink.push(found);
}

/// A port that HAProxy serves to nobody, because the firewall does not let them in. What VIPs offer has a rule about
/// the model.
fn closed(proxy: &Proxy<'_>, bind: &Bind, sink: &mut Sink) {
    let node = proxy.node();
    let port = bind.ports.0;
    let offered = proxy.vips().any(|vip| vip.ports.iter().any(|own| own.port.value == port));
    let opened = node.listens.iter().any(|listen| {
        let covers = listen.ports.is_none_or(|(first, last)| (first..=last).contains(&port));
        listen.protocol == Protocol::Tcp && covers
    });
    if is_local(bind) || offered || opened {
        return;
    }
    let message = format!("HAProxy listens on port `{port}`, and the firewall of `{}` lets nobody in", node.name);
    let mut found = proxy.found(bind.line, Code::HaproxyListens, message);
    found.severity = Severity::Warning;
    sink.push(found.hint("bind `127.0.0.1`, or declare it in the role's `listens`"));
}
