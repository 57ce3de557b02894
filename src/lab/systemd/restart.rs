//! What only a machine with systemd can show: a daemon dies, and its unit starts it again (systemd.service(5), `Restart=`).

use crate::lab::life::Act;
use crate::lab::plan::Plan;
use crate::lab::result::EventKind;
use crate::lab::scenario::{Action, Plot, Scenario, Step, Told, milliseconds};
use crate::lab::service::{Daemon, Service};
use crate::lab::tree::Tree;
use crate::lab::unit::entries;
use crate::model::summary::{Fault, Outcome, Vip};
use std::collections::BTreeMap;

/// How long is looked, beyond the time that is foretold.
const MORE_MS: u32 = 1500;

/// A scenario for each daemon of the machine that holds the addresses, if its unit starts it again.
pub(in crate::lab) fn scenarios(plan: &Plan) -> Vec<Scenario> {
    let vips = &plan.summary.vips;
    let holder = vips.iter().find_map(|vip| vip.election.as_ref()?.start.owners.first());
    let found = holder.and_then(|holder| Some((holder, plan.trees.get(holder)?)));
    let Some((holder, tree)) = found else { return Vec::new() };
    tree.services.iter().filter_map(|service| scenario(vips, holder, service, seconds(tree, service)?)).collect()
}

fn scenario(vips: &[Vip], node: &str, service: &Service, pause: f64) -> Option<Scenario> {
    let daemon = service.daemon;
    let fault = if daemon == Daemon::Haproxy { Fault::Haproxy } else { Fault::Node };
    let elections: Vec<_> = vips.iter().filter_map(|vip| Some((&vip.name, vip.election.as_ref()?))).collect();
    let back = elections.iter().flat_map(|(_, election)| &election.failures);
    let back = back.filter(|failure| failure.event.node == node && failure.event.fault == fault);
    // The addresses may leave meanwhile; when all is done they are where they belong.
    let longest = back.filter_map(|failure| failure.back.after).map(|range| range.most).fold(0.0, f64::max);
    let stays: BTreeMap<String, Outcome> = elections
        .iter()
        .map(|(name, election)| ((*name).clone(), Outcome { owners: election.start.owners.clone(), after: None }))
        .collect();
    let title = format!("{} dies on {node}, and its unit starts it again", daemon.title());
    let steps = vec![
        Step {
            what: format!("{} dies on {node}", daemon.title()),
            kind: EventKind::Fault,
            action: Action::Daemon(node.to_owned(), daemon, Act::Die),
            told: Told::Wait(milliseconds(pause + longest) + MORE_MS),
        },
        Step {
            what: format!("{} has been started again on {node}", daemon.title()),
            kind: EventKind::Step,
            action: Action::Look,
            told: Told::Of(stays, MORE_MS),
        },
    ];
    let name = format!("{}-restarts", daemon.program());
    (!elections.is_empty()).then_some(Scenario { name, title, plot: Plot::Steps(steps), short: false })
}

/// After how many seconds a unit is started again when its process was killed; `None` if it is not.
fn seconds(tree: &Tree, service: &Service) -> Option<f64> {
    let unit = format!("{}.service", service.unit);
    let places = [format!("/etc/containers/systemd/{}.container", service.unit), format!("/etc/systemd/system/{unit}")];
    let dropins = format!("/etc/systemd/system/{unit}.d/");
    let own = places.iter().filter_map(|path| tree.files.get(path));
    let all = own.chain(tree.files.iter().filter(|(path, _)| path.starts_with(&dropins)).map(|(_, file)| file));
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for file in all {
        let entries = entries(&String::from_utf8_lossy(&file.bytes)).into_iter();
        said.extend(entries.filter(|(section, ..)| section == "Service").map(|(_, key, value)| (key, value)));
    }
    let again = ["always", "on-failure", "on-abnormal", "on-abort"].contains(&said.get("Restart")?.as_str());
    // systemd's own pause, if nothing else is said; bake writes whole seconds.
    let pause = said.get("RestartSec").map_or(Some(0.1), |value| value.trim_end_matches('s').parse().ok());
    again.then_some(pause?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::tree::File;

    #[test]
    fn the_last_word_counts() {
        let mut tree = Tree::default();
        let mut put = |path: &str, text: &str| {
            tree.files.insert(path.to_owned(), File { bytes: text.as_bytes().to_vec(), mode: 0o644 });
        };
        put("/etc/systemd/system/keepalived.service", "[Service]\nRestart=always\nRestartSec=5\n");
        put("/etc/systemd/system/keepalived.service.d/10-vips.conf", "[Service]\nRestartSec=1\n");
        put("/etc/containers/systemd/haproxy.container", "[Container]\nExec=haproxy\n[Service]\nRestart=no\n");
        let words = ["docker", "run", "image", "keepalived"].map(str::to_owned);
        let keepalived = crate::lab::service::run("keepalived", &words).unwrap();
        assert_eq!(seconds(&tree, &keepalived), Some(1.0));
        assert_eq!(seconds(&tree, &Service { unit: "haproxy".to_owned(), ..keepalived }), None);
    }
}
