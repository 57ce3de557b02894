//! Who is behind HAProxy: nodes that listen, asked in a way that they answer, with the patience that they need.

use super::super::haproxy_config::{Line, Section, Server};
use super::{API, Proxy};
use crate::diag::{Code, Severity, Sink, suggest};
use crate::model::cluster::{Node, VipPort};
use crate::model::profile::cluster::{HealthCheck, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// How long a connection to an API server may be silent, in milliseconds: watches and `kubectl exec` are for an hour.
const PATIENCE: u64 = 3_600_000;

pub(super) fn check(proxy: &Proxy<'_>, sink: &mut Sink) {
    for section in proxy.config.sections.iter().filter(|section| section.kind.serves()) {
        for server in section.servers() {
            serves(proxy, section, &server, sink);
        }
    }
    // A backend is judged once, whatever the number of frontends that use it.
    let mut judged = BTreeSet::new();
    for (front, back) in proxy.paths() {
        let service = proxy.service(front).map(|(_, port)| port);
        missing(proxy, front, back, sink);
        if let Some(port) = service {
            encrypted(proxy, front, port, sink);
        }
        let api = service.is_some_and(|port| port.check == HealthCheck::K3sApi)
            || back.servers().iter().any(|server| server.port == Some(API));
        if api {
            timeouts(proxy, front, back, sink);
        }
        if judged.insert(back.line) {
            if api {
                asks(proxy, back, sink);
                lets_go(proxy, back, sink);
            }
            if let Some(port) = service {
                members(proxy, back, port, sink);
            }
        }
    }
}

/// Whether a server is a node that listens on the port.
fn serves(proxy: &Proxy<'_>, section: &Section, server: &Server, sink: &mut Sink) {
    let found = |message: String| proxy.found(server.line, Code::HaproxyBackend, message);
    if !is_checked(proxy, section, server) {
        let message = format!(
            "nobody asks whether the server `{}` is alive: it keeps its share of connections when it is dead",
            server.name
        );
        let mut found = proxy.found(server.line, Code::HaproxyCheck, message).hint("add `check`");
        found.severity = Severity::Warning;
        sink.push(found);
    }
    let Ok(address) = server.host.parse::<Ipv4Addr>() else { return };
    let Some(node) = proxy.owners.get(&address) else {
        if !server.host.starts_with("127.") {
            let message = format!(
                "the server `{}` of `{}` is at `{address}`, an address that no machine has",
                server.name, section.name
            );
            let named = proxy.cluster.node(&server.name).and_then(Node::address);
            let found = found(message);
            sink.push(match named {
                Some(right) => found.hint(format!("`{}` has `{right}`", server.name)),
                None => found,
            });
        }
        return;
    };
    let Some(port) = server.port else { return };
    let covers = |ports: Option<(u16, u16)>| ports.is_some_and(|(first, last)| (first..=last).contains(&port));
    if node.build && !node.listens.iter().any(|listen| listen.protocol == Protocol::Tcp && covers(listen.ports)) {
        let message = format!("`{}` of `{}` does not listen on port `{port}`", node.name, section.name);
        let tcp = node.listens.iter().filter(|listen| listen.protocol == Protocol::Tcp);
        let ports: BTreeSet<u16> = tcp.filter_map(|listen| listen.ports).map(|(first, _)| first).collect();
        let ports: Vec<String> = ports.into_iter().map(|port| port.to_string()).collect();
        let found = found(message).related(node.span, format!("`{}` is described here", node.name));
        sink.push(found.hint(format!(
            "it listens on {}; declare what it serves in its role's `listens`",
            suggest::list(ports.iter().map(String::as_str))
        )));
    }
    if server.words.words.iter().any(|word| word.starts_with("send-proxy")) {
        if port == API {
            let message = format!("the API server of `{}` does not understand the PROXY protocol", node.name);
            sink.push(found(message).hint("remove `send-proxy`"));
        } else if !proxy.trusts {
            let message = format!("`{}` gets the PROXY protocol, and nothing here tells it to expect that", node.name);
            let mut found = found(message);
            found.severity = Severity::Warning;
            sink.push(
                found.hint("give Traefik `proxyProtocol.trustedIPs` (a HelmChartConfig), or remove `send-proxy`"),
            );
        }
    }
}

/// What decides whether a word is in force for a server: its own line or `default-server`.
fn is_checked(proxy: &Proxy<'_>, section: &Section, server: &Server) -> bool {
    if server.words.has("no-check") {
        return false;
    }
    server.words.has("check") || defaults(proxy, section).any(|line| line.has("check"))
}

fn defaults<'a>(proxy: &Proxy<'a>, section: &'a Section) -> impl Iterator<Item = &'a Line> {
    proxy.config.lines(section).filter(|line| line.word(0) == "default-server")
}

/// The servers against the nodes that the profile names.
fn members(proxy: &Proxy<'_>, back: &Section, port: &VipPort, sink: &mut Sink) {
    let servers = back.servers();
    let mut missing: BTreeMap<String, &str> = BTreeMap::new();
    for name in &port.backends {
        let address = proxy.cluster.node(name).and_then(Node::address);
        missing.extend(address.map(|address| (address.to_string(), name.as_str())));
    }
    let wanted = missing.clone();
    for server in &servers {
        missing.remove(&server.host);
        let owner = server.host.parse().ok().and_then(|address: Ipv4Addr| proxy.owners.get(&address));
        if let Some(node) = owner.filter(|_| !wanted.contains_key(&server.host)) {
            let message = format!("`{}` gets connections for `{}`, but is no `{}`", node.name, port.name, port.role);
            let found = proxy.found(server.line, Code::HaproxyBackend, message);
            sink.push(found.related(port.role.span, format!("`{}` is served by the role `{}`", port.name, port.role)));
        }
    }
    if !servers.is_empty() && !missing.is_empty() {
        let message = format!(
            "`{}` leaves out {}, which serves `{}`",
            back.name,
            suggest::list(missing.into_values()),
            port.name
        );
        let mut found = proxy.found(back.line, Code::HaproxyBackend, message);
        found.severity = Severity::Warning;
        sink.push(found.related(port.role.span, format!("`{}` is served by the role `{}`", port.name, port.role)));
    }
}

/// What is passed on without being looked at must be passed on as bytes.
fn encrypted(proxy: &Proxy<'_>, front: &Section, port: &VipPort, sink: &mut Sink) {
    let tls = port.check == HealthCheck::K3sApi || port.port.value == 443;
    let ends = front.lines.iter().any(|line| line.word(0) == "bind" && line.has("ssl"));
    if tls && !ends && !proxy.config.is_tcp(front) {
        let line = proxy.config.setting(front, &["mode"]).map_or(front.line, |line| line.number);
        let message = format!("`{}` takes TLS on port `{}` for HTTP, and answers with an error", front.name, port.port);
        let mut found = proxy.found(line, Code::HaproxyMode, message);
        found.severity = Severity::Error;
        sink.push(found.hint("write `mode tcp` in it and in its backend"));
    }
}

/// Whether connections to an API server that died are cut: clients would wait for it as long as timeouts allow.
fn lets_go(proxy: &Proxy<'_>, back: &Section, sink: &mut Sink) {
    let cuts = |line: &Line| line.after("on-marked-down") == Some("shutdown-sessions");
    if back.servers().is_empty() || defaults(proxy, back).any(cuts) || back.servers().iter().all(|one| cuts(&one.words))
    {
        return;
    }
    let message =
        format!("`{}` keeps connections to an API server that is down, for as long as they are silent", back.name);
    let mut found = proxy.found(back.line, Code::HaproxyCheck, message);
    found.severity = Severity::Warning;
    sink.push(found.hint("write `default-server on-marked-down shutdown-sessions`"));
}

/// Patience with silent connections.
fn timeouts(proxy: &Proxy<'_>, front: &Section, back: &Section, sink: &mut Sink) {
    let tunnel = proxy.config.timeout(back, "tunnel").filter(|_| proxy.config.is_tcp(front));
    let client = proxy.config.timeout(front, "client");
    let server = proxy.config.timeout(back, "server");
    // The tunnel's timeout supersedes both others once the connection is established.
    let limits = if tunnel.is_some() { [tunnel, None] } else { [client, server] };
    let Some((limit, line)) = limits.into_iter().flatten().min() else { return };
    if tunnel.is_some() && limit >= PATIENCE && proxy.config.timeout(front, "client-fin").is_none() {
        let message = format!("`{}` keeps connections that the client has closed for `{}` s", front.name, limit / 1000);
        let mut found = proxy.found(line, Code::HaproxyTimeout, message);
        found.severity = Severity::Note;
        sink.push(found.hint("write `timeout client-fin 30s`"));
    }
    if limit < PATIENCE {
        let which = if tunnel.is_some() { "`timeout tunnel`" } else { "without `timeout tunnel`, HAProxy" };
        let message = format!(
            "{which} cuts connections to the API in `{}` after `{}` s of silence: `kubectl logs -f`, `exec` and watches",
            front.name,
            limit / 1000
        );
        sink.push(
            proxy
                .found(line, Code::HaproxyTimeout, message)
                .hint("write `timeout tunnel 1h` and `timeout client-fin 30s`"),
        );
    }
}

/// Timeouts without which HAProxy warns at start and connections stay for ever.
fn missing(proxy: &Proxy<'_>, front: &Section, back: &Section, sink: &mut Sink) {
    let wanted = [(front, "client"), (back, "server"), (back, "connect")];
    let lacks = wanted.iter().filter(|(section, name)| proxy.config.timeout(section, name).is_none());
    let lacks: Vec<&str> = lacks.map(|(_, name)| *name).collect();
    if back.servers().is_empty() || lacks.is_empty() {
        return;
    }
    let list = suggest::list(
        lacks.iter().map(|name| format!("timeout {name}")).collect::<Vec<_>>().iter().map(String::as_str),
    );
    let message = format!("{list} is not set for `{}`: a peer that vanishes keeps its connection for ever", front.name);
    sink.push(proxy.found(front.line, Code::HaproxyTimeout, message).hint("write them in `defaults`"));
}

/// Whether API servers are asked something that they answer.
fn asks(proxy: &Proxy<'_>, back: &Section, sink: &mut Sink) {
    let Some(server) = back.servers().into_iter().next() else { return };
    let words: Vec<&Line> = defaults(proxy, back).chain([&server.words]).collect();
    let Some(http) = proxy.config.setting(back, &["option", "httpchk"]) else {
        let message = format!(
            "`{}` only asks whether the API servers accept connections: one that hangs keeps its share",
            back.name
        );
        let mut found = proxy.found(back.line, Code::HaproxyCheck, message);
        found.severity = Severity::Warning;
        sink.push(found.hint("write `option httpchk`, `http-check connect ssl`, `http-check send meth GET uri /ping` and `http-check expect status 200,401`"));
        return;
    };
    let connects = proxy.config.lines(back).find(|line| line.begins(&["http-check", "connect"]));
    let encrypted = words.iter().any(|line| line.has("check-ssl") || line.has("ssl"))
        || connects.is_some_and(|line| line.has("ssl"));
    if !encrypted {
        let message =
            format!("`{}` asks the API servers without TLS: they refuse, and all are taken for dead", back.name);
        sink.push(
            proxy
                .found(http.number, Code::HaproxyCheck, message)
                .hint("write `http-check connect ssl` and `check-ssl verify none`"),
        );
        return;
    }
    let send = proxy.config.lines(back).find(|line| line.begins(&["http-check", "send"]));
    let uri =
        send.and_then(|line| line.after("uri")).or_else(|| http.words.get(3).or(http.words.get(2)).map(String::as_str));
    let uri = uri.unwrap_or("/");
    let expect = proxy.config.lines(back).find(|line| line.begins(&["http-check", "expect"]));
    let accepts = expect.is_some_and(|line| {
        line.words.iter().any(|word| word.contains("401") || word.contains("40[") || word.contains("4[0-9]"))
    });
    // K3s answers `/ping` to everybody, and anything else with 401 without credentials.
    if uri != "/ping" && !accepts {
        let message = format!(
            "K3s answers `{uri}` with 401 to whoever has no credentials: `{}` takes every server for dead",
            back.name
        );
        let line = expect.or(send).map_or(http.number, |line| line.number);
        sink.push(
            proxy
                .found(line, Code::HaproxyCheck, message)
                .hint("ask for `/ping`, or write `http-check expect status 200,401`"),
        );
    }
}
