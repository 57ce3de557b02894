//! Commands that units and scripts run: containers of their own, addresses and routes set by hand, where the model has
//! words for both.

use super::text::entries;
use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink};
use std::net::Ipv4Addr;

/// A command with its line, from 0.
struct Command<'a> {
    words: Vec<&'a str>,
    line: usize,
}

impl Command<'_> {
    /// The file name of its program.
    fn program(&self) -> &str {
        self.words.first().map_or("", |word| word.rsplit('/').next().unwrap_or_default())
    }
}

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    for (name, unit) in &view.baked.units {
        for file in unit.text.iter().chain(unit.dropins.values()) {
            for entry in entries(&file.text).iter().filter(|entry| entry.key.starts_with("Exec")) {
                let value = entry.value.trim_start_matches(['-', '@', '+', '!', ':', '|']);
                each(value, entry.line, &mut |command| judge(view, name, file, &command, sink));
            }
        }
    }
    for (path, file) in &view.baked.files {
        if file.text.starts_with("#!") {
            script(&file.text, &mut |command| judge(view, path, file, &command, sink));
        } else if path.ends_with(".container") && path.starts_with("/etc/containers/systemd/") {
            quadlet(view, path, file, sink);
        } else if path.starts_with("/etc/systemd/network/") {
            network(view, path, file, sink);
        }
    }
}

fn judge(view: &View<'_>, name: &str, file: &BakedFile, command: &Command<'_>, sink: &mut Sink) {
    match command.program() {
        "docker" | "podman" | "nerdctl" => {
            if let Some(image) = image(&command.words[1..]) {
                unpinned(view, name, file, (image, command.line), sink);
            }
        }
        "ip" => {
            assigned(view, name, file, command, sink);
            routed(view, name, file, command, sink);
        }
        "ifconfig" | "nmcli" => assigned(view, name, file, command, sink),
        _ => {}
    }
}

/// The commands of a script, continued lines joined; comments and what is only printed are none.
fn script(text: &str, visit: &mut dyn FnMut(Command<'_>)) {
    let (mut whole, mut first) = (String::new(), 0);
    for (number, line) in text.lines().enumerate() {
        if whole.is_empty() {
            first = number;
        }
        let bare = line.trim();
        if bare.starts_with('#') {
            continue;
        }
        if let Some(body) = bare.strip_suffix('\\') {
            whole.push_str(body);
            whole.push(' ');
            continue;
        }
        whole.push_str(bare);
        each(&whole, first, visit);
        whole.clear();
    }
}

/// The simple commands of a line, without what stands before their programs.
fn each(line: &str, number: usize, visit: &mut dyn FnMut(Command<'_>)) {
    const BEFORE: &[&str] = &["!", "do", "else", "env", "exec", "if", "nice", "sudo", "then", "until", "while"];
    // `sh -c '...'` is read like a line of a script.
    let pieces = line.split([';', '|', '&', '\'', '"', '(', ')', '`']);
    for piece in pieces {
        let words: Vec<&str> = piece.split_whitespace().collect();
        let is_before =
            |word: &&str| BEFORE.contains(word) || word.split_once('=').is_some_and(|(name, _)| is_name(name));
        let start = words.iter().take_while(|word| is_before(word)).count();
        if start < words.len() {
            visit(Command { words: words[start..].to_vec(), line: number });
        }
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The image that a command of Docker or Podman runs, makes a container of, or fetches; `None` where it cannot be told.
fn image<'a>(words: &[&'a str]) -> Option<&'a str> {
    /// Options without a value (docker-run(1), podman-run(1)).
    const FLAGS: &[&str] = &[
        "--all-tags",
        "--detach",
        "--disable-content-trust",
        "--init",
        "--interactive",
        "--no-healthcheck",
        "--no-hosts",
        "--oom-kill-disable",
        "--privileged",
        "--publish-all",
        "--quiet",
        "--read-only",
        "--replace",
        "--rm",
        "--rmi",
        "--rootfs",
        "--tls-verify",
        "--tty",
    ];
    let mut words = words.iter().copied().skip_while(|word| word.starts_with('-') || *word == "container");
    let verb = words.next()?;
    let verb = if verb == "image" { words.next()? } else { verb };
    if !matches!(verb, "run" | "create" | "pull") {
        return None;
    }
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-') else {
            return Some(word).filter(|word| !word.contains(['$', '%', '{']));
        };
        let long = option.starts_with('-');
        let flag = if long {
            FLAGS.contains(&word) || word.contains('=')
        } else {
            option.chars().all(|c| "diPqt".contains(c))
        };
        // `-v/a:/b` carries its value.
        if !flag
            && (long
                || option.len() == 1
                || option.ends_with(['e', 'h', 'l', 'm', 'p', 'u', 'v', 'w']) && option.len() == 2)
        {
            words.next();
        }
    }
    None
}

fn unpinned(view: &View<'_>, name: &str, file: &BakedFile, (image, line): (&str, usize), sink: &mut Sink) {
    if image.contains("@sha256:") || image.starts_with("localhost/") {
        return;
    }
    let tag = image.rsplit('/').next().unwrap_or_default().split_once(':').map(|(_, tag)| tag);
    let why = match tag {
        Some("latest") | None => "whatever it is on the day that it is fetched".to_owned(),
        Some(tag) => format!("and the tag `{tag}` may mean another image tomorrow"),
    };
    let message = format!("`{name}` runs the image `{image}`, {why}");
    let found = Diagnostic::new(Code::ContainerUnpinned, message).at(view.line(file, line));
    let bare = image.strip_suffix(tag.unwrap_or_default()).unwrap_or(image).trim_end_matches(':');
    sink.push(found.hint(format!("write `{bare}@sha256:...`, or describe it in the role's `containers`")));
}

/// A quadlet's image; those ending in `.image` and `.build` are quadlets of their own.
fn quadlet(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    let all = entries(&file.text);
    for entry in all.iter().filter(|entry| entry.section == "Container" && entry.key == "Image") {
        let own = [".image", ".build"].iter().any(|end| entry.value.ends_with(end));
        if !own && !entry.value.contains(['$', '%']) {
            unpinned(view, path, file, (entry.value.as_str(), entry.line), sink);
        }
    }
}

/// The VIP that a word names, with or without a prefix length.
fn vip<'a>(view: &View<'a>, word: &str) -> Option<&'a crate::model::cluster::Vip> {
    let address = word.split('/').next().unwrap_or_default().parse::<Ipv4Addr>().ok()?;
    view.cluster.vips.iter().find(|vip| vip.address.value == address)
}

/// A VIP that somebody but Keepalived sets.
fn assigned(view: &View<'_>, name: &str, file: &BakedFile, command: &Command<'_>, sink: &mut Sink) {
    let words = &command.words;
    let sets = match command.program() {
        "ip" => {
            let object = words[1..].iter().position(|word| !word.starts_with('-')).map(|at| &words[at + 1..]);
            object.is_some_and(|rest| {
                rest.first().is_some_and(|object| object.starts_with('a') && "address".starts_with(object))
                    && rest.get(1).is_some_and(|verb| matches!(*verb, "add" | "a" | "replace" | "change"))
            })
        }
        "nmcli" => words.iter().any(|word| word.trim_start_matches('+').starts_with("ipv4.address") || *word == "ip4"),
        _ => true,
    };
    let named = words.iter().flat_map(|word| word.split(',')).find_map(|word| vip(view, word));
    if let Some(vip) = named.filter(|_| sets) {
        by_hand(view, name, file, command.line, vip, sink);
    }
}

fn by_hand(
    view: &View<'_>,
    name: &str,
    file: &BakedFile,
    line: usize,
    vip: &crate::model::cluster::Vip,
    sink: &mut Sink,
) {
    let message =
        format!("`{name}` gives the VIP `{}` (`{}`) to `{}`, whoever holds it", vip.name, vip.address, view.node.name);
    let found = Diagnostic::new(Code::VipByHand, message).at(view.line(file, line));
    let found = found.related(vip.address.span, "the VIP is declared here");
    sink.push(found.hint("take it out: Keepalived adds the address where it is held, and removes it elsewhere"));
}

/// A route of a command: `ip route add 10.42.0.0/16 via 10.17.4.21`.
fn routed(view: &View<'_>, name: &str, file: &BakedFile, command: &Command<'_>, sink: &mut Sink) {
    let words = &command.words;
    let object = words[1..].iter().position(|word| !word.starts_with('-')).map(|at| &words[at + 1..]);
    let Some([object, verb, to, rest @ ..]) = object else { return };
    let adds = object.starts_with('r') && "route".starts_with(object) && matches!(*verb, "add" | "replace" | "append");
    let via = rest.iter().position(|word| *word == "via").and_then(|at| rest.get(at + 1));
    let Some(via) = via.and_then(|via| via.parse().ok()).filter(|_| adds && !rest.contains(&"onlink")) else { return };
    off_link(view, name, file, (command.line, to, via, "onlink"), sink);
}

/// VIPs and routes of networkd's files.
fn network(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    let all = entries(&file.text);
    for entry in all.iter().filter(|entry| entry.key == "Address") {
        if let Some(vip) = vip(view, &entry.value) {
            by_hand(view, path, file, entry.line, vip, sink);
        }
    }
    // A section is what stands between its head and the next one.
    for section in
        all.split(|entry| entry.key.is_empty()).filter(|section| section.iter().all(|e| e.section == "Route"))
    {
        let value = |key: &str| section.iter().find(|entry| entry.key == key);
        let on_link =
            value("GatewayOnLink").is_some_and(|entry| matches!(entry.value.as_str(), "yes" | "true" | "1" | "on"));
        let Some(gateway) = value("Gateway").filter(|_| !on_link) else { continue };
        let Ok(via) = gateway.value.parse() else { continue };
        let to = value("Destination").map_or("0.0.0.0/0", |entry| entry.value.as_str());
        off_link(view, path, file, (gateway.line, to, via, "GatewayOnLink=yes"), sink);
    }
}

/// A next hop that is on none of the machine's networks: the kernel refuses the route.
fn off_link(
    view: &View<'_>,
    name: &str,
    file: &BakedFile,
    (line, to, via, on_link): (usize, &str, Ipv4Addr, &str),
    sink: &mut Sink,
) {
    if view.node.interfaces.iter().any(|card| card.cidr.contains(&via)) {
        return;
    }
    let message =
        format!("`{name}` routes `{to}` via `{via}`, which is on none of the networks of `{}`", view.node.name);
    let found = Diagnostic::new(Code::NextHopUnreachable, message).at(view.line(file, line));
    sink.push(found.hint(format!(
        "name a router on one of its networks, write `{on_link}` if it answers there all the same, or declare the route in \
         the role's `routes`"
    )));
}

#[cfg(test)]
mod tests {
    use super::{each, image};

    #[test]
    fn finds_the_image_of_a_command() {
        for (command, expected) in [
            ("run --rm --name web --network host -v /etc/x:/etc/x nginx", Some("nginx")),
            ("run -d -p 80:80 -e A=b --privileged nginx:1.27 nginx -g daemon", Some("nginx:1.27")),
            ("run -it --env=A=b docker.io/library/nginx@sha256:00 -x", Some("docker.io/library/nginx@sha256:00")),
            ("--log-level debug pull nginx", None),
            ("pull -q nginx", Some("nginx")),
            ("image pull nginx", Some("nginx")),
            ("container run nginx", Some("nginx")),
            ("run $IMAGE", None),
            ("start nginx", None),
            ("run --rm", None),
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(image(&words), expected, "{command}");
        }
    }

    #[test]
    fn takes_lines_apart() {
        let mut found = Vec::new();
        let line =
            "if ! ip a | grep -q x; then sudo A=b ip addr add 1.2.3.4/24 dev eth0 && sh -c 'ip r add default'; fi";
        each(line, 0, &mut |command| found.push(command.words.join(" ")));
        assert_eq!(found, ["ip a", "grep -q x", "ip addr add 1.2.3.4/24 dev eth0", "sh -c", "ip r add default", "fi"]);
    }
}
