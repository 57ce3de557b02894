//! What a cluster's summary says of its order, and the order in which all of it is replaced.

use super::{Election, Member, Rollout, Situation, plan};
use crate::diff::Verdict;
use crate::diff::traits::Traits;
use crate::model::summary::{Origin, Summary};
use crate::topology::summary::restored;
use std::collections::BTreeMap;

/// The order in which every machine is replaced, one worker at a time. `traits` are the machines', by name.
pub fn whole(summary: &Summary, traits: &BTreeMap<String, Traits>) -> Rollout {
    let member = |(name, traits): (&String, &Traits)| {
        let (names, only) = served(summary, name);
        Member {
            name: name.clone(),
            verdict: Verdict::Replace,
            old: Some(traits.clone()),
            new: Some(traits.clone()),
            made: true,
            host: summary.networks.iter().any(|network| network.host.as_deref() == Some(name)),
            names,
            only,
        }
    };
    let elections = summary.vips.iter().map(|vip| {
        let speakers = vip.election.iter().flat_map(|election| &election.speakers);
        let speakers: Vec<_> = speakers.map(|speaker| restored(speaker, None)).collect();
        Election { vip: vip.name.clone(), old: speakers.clone(), new: speakers }
    });
    let members = traits.iter().map(member).collect();
    plan(&Situation { members, elections: elections.collect(), max_unavailable: 1 })
}

/// Whether others ask a node for names or time, and what of what must work only it offers.
pub fn served(summary: &Summary, name: &str) -> (bool, Vec<String>) {
    let (mut names, mut only) = (false, Vec::new());
    for flow in &summary.flows {
        let [receiver] = flow.receivers.as_slice() else {
            names |=
                flow.origin == Origin::Server && flow.receivers.iter().any(|end| end.node.as_deref() == Some(name));
            continue;
        };
        if receiver.node.as_deref() != Some(name) || receiver.vip.is_some() || receiver.pod || !flow.works {
            continue;
        }
        names |= flow.origin == Origin::Server;
        if flow.origin == Origin::Declared {
            let port = flow.port.map(|port| format!(" {}/{port}", flow.protocol.as_str())).unwrap_or_default();
            let what = format!("{}{port}", flow.to);
            if !only.contains(&what) {
                only.push(what);
            }
        }
    }
    (names, only)
}
