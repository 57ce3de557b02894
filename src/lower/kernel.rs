//! Sysctls and kernel modules to their drop-in folders (sysctl.d(5), modules-load.d(5)).

use super::assemble::Assembly;
use super::unit::banner;
use crate::model::Part;
use crate::model::cluster::{Cluster, Node};
use std::fmt::Write;

const FORWARD: &str = "net.ipv4.ip_forward";

/// `/etc/sysctl.d/90-bake.conf` and `/etc/modules-load.d/bake.conf`, each only if it has something to say.
///
/// Both are applied before `sysinit.target`, hence before every ordinary service, modules first. Keys that name
/// an interface (`net.ipv4.conf.eth0.proxy_arp`) are applied again by udev when the interface appears.
/// A router forwards IPv4 unless a role says otherwise.
pub fn part(node: &Node, _cluster: &Cluster) -> Part {
    let mut part = Assembly::new(node.span);
    let mut settings: Vec<(&str, &str)> = node.sysctls.iter().map(|(key, value)| (&**key, &***value)).collect();
    if node.router && !node.sysctls.contains_key(FORWARD) {
        settings.push((FORWARD, "1"));
        settings.sort_unstable();
    }
    if !settings.is_empty() {
        let mut text = banner(&node.name);
        for (key, value) in settings {
            let _ = writeln!(text, "{key} = {}", value.replace(char::is_control, " "));
        }
        let span = node.sysctls.values().next().map_or(node.span, |value| value.span);
        part.file("/etc/sysctl.d/90-bake.conf", 0o644, &text, span);
    }
    if let Some(first) = node.kernel_modules.first() {
        let mut text = banner(&node.name);
        for module in &node.kernel_modules {
            let _ = writeln!(text, "{module}");
        }
        part.file("/etc/modules-load.d/bake.conf", 0o644, &text, first.span);
    }
    part.finish()
}
