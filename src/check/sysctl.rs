//! sysctl.d(5): settings that do not exist, that no card has, that are set twice, and values that the kernel refuses.

use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink, Span, suggest};
use std::collections::BTreeMap;

/// First words of kernel settings (`/proc/sys`).
const ROOTS: &[&str] = &["abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm"];

/// Kernel settings that clusters set, for "did you mean".
const COMMON: &[&str] = &[
    "fs.file-max",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "kernel.panic",
    "kernel.panic_on_oops",
    "net.bridge.bridge-nf-call-arptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.bridge.bridge-nf-call-iptables",
    "net.core.somaxconn",
    "net.ipv4.conf.all.arp_announce",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.proxy_arp",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
    "net.netfilter.nf_conntrack_max",
    "vm.max_map_count",
    "vm.overcommit_memory",
    "vm.swappiness",
];

/// Settings whose value is more than one number.
const TEXTS: &[&str] = &[
    "core_pattern",
    "hostname",
    "domainname",
    "modprobe",
    "hotplug",
    "port_range",
    "tcp_",
    "reserved_ports",
    "qdisc",
    "poweroff_cmd",
    "printk",
    "sem",
    "ping_group_range",
    "congestion",
];

/// Cards that programs make: containers, Flannel, tunnels.
const MADE: &[&str] = &[
    "all", "cali", "cilium", "cni", "default", "docker", "flannel", "kube", "lo", "podman", "tun", "veth", "virbr",
    "wg",
];

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    let folders = ["/etc/sysctl.d/", "/run/sysctl.d/"];
    let read =
        |path: &&String| folders.iter().any(|folder| path.starts_with(folder)) && path.strip_suffix(".conf").is_some();
    let mut ordered: Vec<(&str, &BakedFile)> =
        view.baked.files.iter().filter(|(path, _)| read(path)).map(|(path, file)| (path.as_str(), file)).collect();
    // systemd-sysctl sorts by file name, whatever the folder.
    ordered.sort_by_key(|(path, _)| path.rsplit('/').next());
    let mut settings = BTreeMap::new();
    for (path, file) in ordered {
        sysctl(view, path, file, &mut settings, sink);
    }
}

/// What bake makes from the roles' `sysctls`.
const OWN: &str = "/etc/sysctl.d/90-bake.conf";

/// Where a setting was written: in a role, or in the line of a file.
fn place(view: &View<'_>, key: &str, (path, file): (&str, &BakedFile), number: usize) -> Option<Span> {
    let role = view.node.sysctls.get(key).filter(|_| path == OWN).map(|value| value.span);
    role.or_else(|| view.line(file, number))
}

type Settings<'a> = BTreeMap<String, (&'a str, String, &'a BakedFile, usize)>;

fn sysctl<'a>(view: &View<'_>, path: &'a str, file: &'a BakedFile, settings: &mut Settings<'a>, sink: &mut Sink) {
    for (number, line) in file.text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = bare.split_once('=') else {
            let message = format!("`{bare}` sets nothing: systemd-sysctl passes over lines without `=`");
            let found = Diagnostic::new(Code::SysctlUnknown, message).at(view.line(file, number));
            sink.push(found.hint("write `KEY = VALUE`"));
            continue;
        };
        let (key, value) = (key.trim().trim_start_matches('-').replace('/', "."), value.trim().to_owned());
        let rooted = ROOTS.contains(&key.split('.').next().unwrap_or_default());
        let near = if rooted { slip(&key) } else { suggest::nearest(&key, COMMON.iter().copied()) };
        if !rooted || near.is_some() {
            let mut found = Diagnostic::new(Code::SysctlUnknown, format!("the kernel has no setting `{key}`"));
            found.hint = near.map(|near| format!("did you mean `{near}`?"));
            sink.push(found.at(place(view, &key, (path, file), number)));
        }
        let at = place(view, &key, (path, file), number);
        refused(view, &key, &value, at, sink);
        if let Some((earlier, before, first, at)) = settings.get(&key).filter(|(_, before, ..)| *before != value) {
            let wins = if *earlier == path { "line" } else { "file" };
            let message =
                format!("`{key}` is `{before}` in `{earlier}` and `{value}` in `{path}`: the later {wins} wins");
            let found = Diagnostic::new(Code::SysctlTwice, message).at(place(view, &key, (path, file), number));
            let found = found.hint("set it in one place");
            sink.push(match place(view, &key, (earlier, first), *at) {
                Some(span) => found.related(span, "it is set here first"),
                None => found,
            });
        }
        settings.insert(key, (path, value, file, number));
    }
}

/// The common setting that `key` is a slip of the finger away from. One interface's setting is as near to another's.
fn slip(key: &str) -> Option<&'static str> {
    if COMMON.contains(&key) || key.contains(".conf.") {
        return None;
    }
    // Lengths first: measuring the distance takes the product of both.
    let mut alike = COMMON.iter().filter(|common| common.len().abs_diff(key.len()) <= 2);
    alike.find(|common| strsim::damerau_levenshtein(common, key) <= 2).copied()
}

/// A card that the machine does not have, and a value that is no number.
fn refused(view: &View<'_>, key: &str, value: &str, at: Option<Span>, sink: &mut Sink) {
    let card = key.strip_prefix("net.ipv4.conf.").or_else(|| key.strip_prefix("net.ipv6.conf."));
    let card = card.and_then(|rest| rest.rsplit_once('.')).map(|(card, _)| card);
    let known = |card: &str| {
        card.contains('*')
            || MADE.iter().any(|made| card.starts_with(made))
            || view.node.interfaces.iter().any(|own| own.name.as_str() == card)
    };
    if let Some(card) = card.filter(|card| !known(card)) {
        let message = format!("`{}` has no card `{card}`, which `{key}` is about", view.node.name);
        let names = suggest::list(view.node.interfaces.iter().map(|own| own.name.as_str()));
        sink.push(Diagnostic::new(Code::SysctlUnknown, message).at(at).hint(format!("it has {names}")));
    }
    let number = value.split_whitespace().all(|word| word.trim_start_matches('-').chars().all(|c| c.is_ascii_digit()));
    let text = TEXTS.iter().any(|text| key.contains(text)) || key.starts_with("kernel.") || key.starts_with("dev.");
    if !(number || text) || value.is_empty() {
        let message = format!("the kernel refuses `{value}` for `{key}`: it takes numbers");
        let hint = match value {
            "yes" | "true" | "on" => format!("write `{key}: 1`"),
            "no" | "false" | "off" => format!("write `{key}: 0`"),
            _ => "write a number".to_owned(),
        };
        sink.push(Diagnostic::new(Code::SysctlValue, message).at(at).hint(hint));
    }
}
