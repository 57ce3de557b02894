//! Where HAProxy listens: whether it may, and before it holds the address.

use super::super::haproxy_config::{Bind, Section};
use super::Proxy;
use crate::diag::{Code, Sink, suggest};
use crate::model::profile::node::Os;
use std::net::Ipv4Addr;

/// The first port that an ordinary user may bind, unless a sysctl says otherwise.
const UNPRIVILEGED: u16 = 1024;

const NONLOCAL: &str = "net.ipv4.ip_nonlocal_bind";
const PORT_START: &str = "net.ipv4.ip_unprivileged_port_start";

pub(super) fn check(proxy: &Proxy<'_>, sink: &mut Sink) {
    let mut seen: Vec<(String, Bind)> = Vec::new();
    for section in proxy.config.sections.iter().filter(|section| section.kind.listens()) {
        for bind in section.binds() {
            address(proxy, &bind, sink);
            if bind.transparent && bind.address.is_none() {
                let message = format!("`transparent` on {} takes connections that are meant for others", shown(&bind));
                let found = proxy.found(bind.line, Code::HaproxyBind, message);
                sink.push(found.hint("name the VIP instead of `*`, or remove `transparent`"));
            }
            privilege(proxy, &bind, sink);
            let clash = seen.iter().find(|(_, other)| overlap(other, &bind));
            if let Some((name, other)) = clash {
                let message = format!("`{name}` and `{}` both listen on {}", section.name, shown(&bind));
                let found = proxy.found(bind.line, Code::HaproxyDuplicate, message);
                sink.push(found.related(proxy.machine.span(super::CONF, other.line), "it is bound here first"));
            }
            seen.push((section.name.clone(), bind));
        }
    }
    offered(proxy, sink);
}

/// What a VIP offers and nobody listens on.
fn offered(proxy: &Proxy<'_>, sink: &mut Sink) {
    let binds: Vec<Bind> = proxy.config.sections.iter().flat_map(Section::binds).collect();
    let fronts = || proxy.config.sections.iter().filter(|section| section.kind.listens());
    for vip in proxy.vips() {
        let here = |bind: &&Bind| bind.address.is_none_or(|address| address == vip.address.value);
        for port in &vip.ports {
            let wanted = port.port.value;
            if binds.iter().filter(here).any(|bind| (bind.ports.0..=bind.ports.1).contains(&wanted)) {
                continue;
            }
            let line = fronts().next_back().map_or(1, |section| section.line);
            let message = format!(
                "nothing listens on `{}:{wanted}`, where the VIP `{}` offers `{}`",
                vip.address, vip.name, port.name
            );
            let found = proxy.found(line, Code::HaproxyBind, message).at(proxy.machine.span(super::CONF, line));
            let found = found.related(port.port.span, "the port is declared here");
            sink.push(found.hint(format!("add `bind {}:{wanted}` to a frontend", vip.address)));
        }
    }
}

fn shown(bind: &Bind) -> String {
    let address = bind.address.map_or("*".to_owned(), |address| address.to_string());
    if bind.ports.0 == bind.ports.1 {
        format!("`{address}:{}`", bind.ports.0)
    } else {
        format!("`{address}:{}-{}`", bind.ports.0, bind.ports.1)
    }
}

fn overlap(a: &Bind, b: &Bind) -> bool {
    let same = a.address.is_none() || b.address.is_none() || a.address == b.address;
    same && a.ports.0 <= b.ports.1 && b.ports.0 <= a.ports.1
}

fn address(proxy: &Proxy<'_>, bind: &Bind, sink: &mut Sink) {
    let Some(address) = bind.address else { return };
    let node = proxy.node();
    if address.is_loopback() || node.interfaces.iter().any(|card| card.address.value == address) {
        return;
    }
    let Some(vip) = proxy.vips().find(|vip| vip.address.value == address) else {
        foreign(proxy, bind, address, sink);
        return;
    };
    let allowed = proxy.sysctl(NONLOCAL) == Some("1");
    if !allowed && !bind.transparent {
        let message = format!(
            "HAProxy cannot listen on {} while another node holds the VIP `{}`: it does not start",
            shown(bind),
            vip.name
        );
        let mut found =
            proxy.found(bind.line, Code::HaproxyBind, message).related(vip.address.span, "the VIP is declared here");
        if let Some(value) = node.sysctls.get(NONLOCAL) {
            found = found.related(value.span, format!("`{NONLOCAL}` is `{value}`"));
        }
        sink.push(found.hint(format!("write `{NONLOCAL}: 1` in the role's `sysctls`")));
    }
    if let Some(container) = proxy.inside.filter(|_| bind.transparent && !allowed && proxy.is_ordinary()) {
        let able = |name: &str| container.capabilities.iter().any(|own| own.trim_start_matches("CAP_") == name);
        if !able("NET_ADMIN") && !able("NET_RAW") {
            let message = format!(
                "`transparent` on {} takes a capability that an ordinary user in a container lacks",
                shown(bind)
            );
            let found = proxy.found(bind.line, Code::HaproxyBind, message);
            sink.push(found.hint(format!("remove `transparent` and write `{NONLOCAL}: 1` in the role's `sysctls`")));
        }
    }
}

/// An address that the machine will never have.
fn foreign(proxy: &Proxy<'_>, bind: &Bind, address: Ipv4Addr, sink: &mut Sink) {
    let node = proxy.node();
    let message = format!("`{}` never has the address `{address}`, which HAProxy listens on", node.name);
    let mut found = proxy.found(bind.line, Code::HaproxyBind, message);
    if let Some(other) = proxy.cluster.vips.iter().find(|vip| vip.address.value == address) {
        found = found.related(other.span, format!("`{}` is no candidate of this VIP", node.name));
    }
    let own = proxy.vips().map(|vip| vip.address.value).chain(node.interfaces.iter().map(|card| card.address.value));
    let own: Vec<String> = own.map(|address| address.to_string()).collect();
    sink.push(found.hint(format!("its addresses and VIPs are {}", suggest::list(own.iter().map(String::as_str)))));
}

/// Ports of the system against the user that binds them.
fn privilege(proxy: &Proxy<'_>, bind: &Bind, sink: &mut Sink) {
    let node = proxy.node();
    let (Some(user), true) = (proxy.user(), proxy.is_ordinary()) else { return };
    let start = proxy.sysctl(PORT_START).and_then(|value| value.parse().ok()).unwrap_or(UNPRIVILEGED);
    // Docker does not hand capabilities on to an ordinary user, Podman does.
    let capabilities = proxy.inside.map_or(&[][..], |container| &container.capabilities);
    let able = capabilities.iter().any(|own| own.trim_start_matches("CAP_") == "NET_BIND_SERVICE");
    if bind.ports.0 >= start || (able && node.os != Os::Flatcar) {
        return;
    }
    let message = format!("the user `{user}` may not listen on {}: ports below `{start}` are root's", shown(bind));
    let found = proxy.found(bind.line, Code::HaproxyPort, message).related(user.span, "the user that it runs as");
    sink.push(found.hint(format!("write `{PORT_START}: {}` in the role's `sysctls`", bind.ports.0)));
}
