//! Building the plan's networks.

use super::failure::Failure;
use super::plan::{Plan, Space};
use super::space::{NAMES, run, within};
use std::fmt::Write as _;
use std::fs;
use std::io;

/// Makes every namespace and every cable. Nothing is configured yet.
pub(super) fn lay(plan: &Plan) -> Result<(), Failure> {
    fs::create_dir_all(NAMES).map_err(Failure::io("make /run/netns"))?;
    let mut batch = String::new();
    for space in plan.spaces.keys() {
        let _ = writeln!(batch, "netns add {space}");
    }
    for cable in &plan.cables {
        batch.push_str(&cut(cable));
    }
    run("ip", &["-batch", "-"], &batch).map(drop)
}

/// The command that makes a cable.
fn cut(cable: &super::plan::Cable) -> String {
    let mac = cable.mac.as_ref().map(|mac| format!("address {mac} ")).unwrap_or_default();
    format!(
        "link add {} netns {} type veth peer name {} {mac}netns {}\n",
        cable.port, cable.far, cable.card, cable.space
    )
}

/// Pulls out all cables of a machine, for good, and takes what else its network was with them: it dies.
pub(super) fn unplug(plan: &Plan, space: &str) -> Result<(), Failure> {
    for cable in plan.cables_of(space) {
        let line = format!("link delete {}\n", cable.port);
        within(&cable.far, || run("ip", &["-batch", "-"], &line).map(drop))?;
    }
    within(space, || {
        run("nft", &["flush", "ruleset"], "")?;
        let shown = run("ip", &["-o", "link", "show"], "")?;
        // Bridges and tunnels of its own; what is left belongs to the namespace.
        let names = shown.lines().filter_map(|line| line.split(": ").nth(1));
        let names = names.map(|name| name.split('@').next().unwrap_or(name)).filter(|name| *name != "lo");
        let batch = names.fold(String::new(), |batch, name| batch + "link delete " + name + "\n");
        run("ip", &["-force", "-batch", "-"], &batch).ok();
        Ok(())
    })
}

/// Makes the cables of a machine anew, after they went with it.
pub(super) fn replug(plan: &Plan, space: &str) -> Result<(), Failure> {
    let cables: String = plan.cables_of(space).map(cut).collect();
    run("ip", &["-batch", "-"], &cables)?;
    let own: String = plan.cables.iter().filter(|cable| cable.far == space).map(cut).collect();
    run("ip", &["-batch", "-"], &own)?;
    for cable in plan.cables_of(space) {
        if let Some(bridge) = &cable.bridge {
            let line = format!("link set {} master {bridge} up\n", cable.port);
            within(&cable.far, || run("ip", &["-batch", "-"], &line).map(drop))?;
        }
    }
    Ok(())
}

/// Configures a namespace: settings, filters, addresses, routes. What of the settings the kernel does not have here.
pub(super) fn configure(plan: &Plan, name: &str) -> Result<Vec<String>, Failure> {
    let Some(space) = plan.spaces.get(name) else { return Ok(Vec::new()) };
    let mut ip = String::from("link set lo up\n") + &space.ip;
    for cable in plan.cables.iter().filter(|cable| cable.far == name) {
        if let Some(bridge) = &cable.bridge {
            let _ = writeln!(ip, "link set {} master {bridge} up", cable.port);
        }
    }
    within(name, || {
        let missing = settings(space)?;
        if !space.rules.is_empty() {
            run("nft", &["-f", "-"], &space.rules)?;
        }
        run("ip", &["-batch", "-"], &ip)?;
        if !space.bridge.is_empty() {
            run("bridge", &["-batch", "-"], &space.bridge)?;
        }
        // Those of devices that were only made now.
        settings(space)?;
        Ok(missing)
    })
    .map_err(|failure| Failure::new(format!("{name}: {}", failure.message)))
}

/// Where the kernel keeps a setting.
fn path(key: &str) -> String {
    let path = if key.contains('/') { key.to_owned() } else { key.replace('.', "/") };
    format!("/proc/sys/{path}")
}

/// Makes the settings that a network namespace has; the others are returned.
fn settings(space: &Space) -> Result<Vec<String>, Failure> {
    // Nothing here speaks IPv6; its neighbour discovery would only cost time.
    for conf in ["all", "default"] {
        fs::write(format!("/proc/sys/net/ipv6/conf/{conf}/disable_ipv6"), "1").ok();
    }
    let mut missing = Vec::new();
    for (key, value) in &space.sysctls {
        let mut paths = vec![path(key)];
        // Devices that are there already took over the defaults before they were set.
        if let Some((before, after)) = paths[0].clone().split_once("/conf/default/") {
            let devices = fs::read_dir(format!("{before}/conf")).into_iter().flatten().flatten();
            let names = devices.filter_map(|entry| entry.file_name().into_string().ok());
            let mut names: Vec<String> = names.filter(|name| !["all", "default", "lo"].contains(&&**name)).collect();
            names.sort();
            paths.extend(names.iter().map(|name| format!("{before}/conf/{name}/{after}")));
        }
        for path in paths {
            match fs::write(&path, value) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                    missing.push(key.clone());
                }
                Err(error) => return Err(Failure::new(format!("cannot set `{key}` to `{value}`: {error}"))),
            }
        }
    }
    missing.dedup();
    Ok(missing)
}

/// Whether a setting is one of the network namespace's own.
pub(super) fn settable(key: &str) -> bool {
    fs::OpenOptions::new().write(true).open(path(key)).is_ok()
}

/// The value of a setting in the namespace of the calling thread.
pub(super) fn setting(key: &str) -> Option<String> {
    fs::read_to_string(path(key)).ok().map(|text| text.trim().to_owned())
}
