//! Files that programs read silently wrong: sysctl.d, tmpfiles.d, `.network`, quadlets, cloud-config, what templates
//! left behind.

use super::text::{Table, table, unknown};
use super::units::KEYS;
use super::{BakedFile, View};
use crate::diag::{Code, Diagnostic, Sink, suggest};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static NETWORKD: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/networkd.txt")));

static QUADLET: LazyLock<Table> = LazyLock::new(|| {
    let mut all = table(include_str!("tables/quadlet.txt"));
    all.extend(KEYS.iter().map(|(section, keys)| (*section, keys.clone())));
    all
});

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

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    let mut settings = BTreeMap::new();
    let mut ordered: Vec<(&str, &BakedFile)> = Vec::new();
    for (path, file) in &view.baked.files {
        let end = path.rsplit('.').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        match folder {
            "/etc/sysctl.d" | "/run/sysctl.d" if end == "conf" => ordered.push((path, file)),
            "/etc/tmpfiles.d" if end == "conf" => tmpfiles(view, file, sink),
            "/etc/containers/systemd" => unknown(view, file, &QUADLET, Code::QuadletUnknownKey, "a quadlet", sink),
            _ if folder.starts_with("/etc/systemd/network") && is_network(path) => {
                unknown(view, file, &NETWORKD, Code::NetworkdUnknownKey, "networkd", sink);
            }
            _ => {}
        }
        if file.text.starts_with("#cloud-config") {
            cloud_config(view, path, file, sink);
        }
        leftovers(view, path, file, sink);
    }
    // systemd-sysctl sorts by file name, whatever the folder (sysctl.d(5)).
    ordered.sort_by_key(|(path, _)| path.rsplit('/').next());
    for (path, file) in ordered {
        sysctl(view, path, file, &mut settings, sink);
    }
}

fn is_network(path: &str) -> bool {
    let of = |name: &str| name.ends_with(".network") || name.ends_with(".netdev");
    of(path) || path.rsplit_once('/').and_then(|(folder, _)| folder.strip_suffix(".d")).is_some_and(of)
}

type Settings<'a> = BTreeMap<String, (&'a str, String, &'a BakedFile, usize)>;

fn sysctl<'a>(view: &View<'_>, path: &'a str, file: &'a BakedFile, settings: &mut Settings<'a>, sink: &mut Sink) {
    for (number, line) in file.text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = bare.split_once('=') else { continue };
        let (key, value) = (key.trim().trim_start_matches('-').replace('/', "."), value.trim().to_owned());
        let rooted = ROOTS.contains(&key.split('.').next().unwrap_or_default());
        let near = if rooted { slip(&key) } else { suggest::nearest(&key, COMMON.iter().copied()) };
        if !rooted || near.is_some() {
            let mut found = Diagnostic::new(Code::SysctlUnknown, format!("the kernel has no setting `{key}`"));
            found.hint = near.map(|near| format!("did you mean `{near}`?"));
            sink.push(found.at(view.line(file, number)));
        }
        if let Some((earlier, before, first, at)) = settings.get(&key).filter(|(_, before, ..)| *before != value) {
            let message =
                format!("`{key}` is `{before}` in `{earlier}` and `{value}` in `{path}`: the later file wins");
            let found = Diagnostic::new(Code::SysctlTwice, message).at(view.line(file, number));
            let found = found.hint("set it in one place");
            sink.push(match view.line(first, *at) {
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

/// Lines of tmpfiles.d(5): type, path, mode, user, group, age, argument.
fn tmpfiles(view: &View<'_>, file: &BakedFile, sink: &mut Sink) {
    for (number, line) in file.text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let mut words = bare.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let path = words.next().unwrap_or_default();
        let mode = words.next().unwrap_or("-");
        let (letter, modifiers) = kind.split_at(kind.len().min(kind.chars().next().map_or(0, char::len_utf8)));
        let why =
            if !"fFwdDevqQpLcbCxXrRzZtThHaA".contains(letter) || !modifiers.chars().all(|c| "+!-=~^$?".contains(c)) {
                format!("`{kind}` is no type of line")
            } else if !path.trim_start_matches(['"', '\'']).starts_with(['/', '%']) {
                format!("`{path}` is no absolute path")
            } else if mode != "-" && !mode.trim_start_matches(['~', ':']).chars().all(|c| c.is_digit(8)) {
                format!("`{mode}` is no mode")
            } else {
                continue;
            };
        let hint =
            "a line is `TYPE PATH MODE USER GROUP AGE ARGUMENT`; text of several lines goes into a file of its own";
        let message = format!("systemd-tmpfiles skips this line: {why}");
        sink.push(Diagnostic::new(Code::TmpfilesSyntax, message).at(view.line(file, number)).hint(hint));
    }
}

/// cloud-init reads the network from its own document only.
fn cloud_config(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    for (number, _) in file.text.lines().enumerate().filter(|(_, line)| line.starts_with("network:")) {
        let message = format!("cloud-init ignores `network:` in the user-data `{path}`");
        let hint = "remove it: the node's `interfaces` say it, and bake writes `network-config`";
        sink.push(Diagnostic::new(Code::CloudConfigNetwork, message).at(view.line(file, number)).hint(hint));
    }
}

/// Placeholders that nobody filled in.
fn leftovers(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let found = placeholder(line, "{{", "}}").or_else(|| {
            let shell =
                file.text.starts_with("#!") || path.starts_with("/etc/systemd") || path.starts_with("/etc/containers");
            let expands = [".env", ".sh", ".cfg", "profile", ".service"].iter().any(|end| path.ends_with(end));
            if shell || expands { None } else { placeholder(line, "${", "}") }
        });
        if let Some(found) = found {
            let message = format!("`{found}` in `{path}` was never filled in");
            let hint = "give the file's name the end `.j2` and write `{{ values.name }}`";
            sink.push(Diagnostic::new(Code::PlaceholderLeft, message).at(view.line(file, number)).hint(hint));
        }
    }
}

/// A placeholder around nothing but a name.
fn placeholder<'a>(line: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let start = line.find(open)?;
    let end = start + line[start..].find(close)?;
    let name = line[start + open.len()..end].trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.[]\"'".contains(c));
    // Go's templates begin with a dot; they are for other programs.
    (plain && name.starts_with(|c: char| c.is_ascii_lowercase())).then(|| &line[start..end + close.len()])
}
