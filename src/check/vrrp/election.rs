//! What the instances of all machines lead to: do they hear each other, and is the VIP always where it is of use.

use super::super::keepalived::Config;
use super::super::written::Machine;
use super::CONF;
use super::group::{Wanted, weight};
use crate::diag::{Code, Diagnostic, Severity, Sink};
use crate::topology::vrrp::{Deaf, Fault, Finding, Group, Speaker, Trouble, findings};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub(super) fn check(wanted: &Wanted<'_>, sink: &mut Sink) {
    states(wanted, sink);
    ties(wanted, sink);
    let before = sink.iter().count();
    hearing(wanted, sink);
    if sink.iter().count() == before {
        outcomes(wanted, sink);
        others(wanted, sink);
    }
}

/// A virtual router id belongs to one set of addresses on a segment.
pub(super) fn router_ids(configs: &[(Machine<'_>, Config)], sink: &mut Sink) {
    /// The instance that has an id first, its addresses, and where it says the id.
    type First<'a> = (&'a str, BTreeSet<Ipv4Addr>, (&'a Machine<'a>, usize));
    let mut seen: BTreeMap<(&str, u8), First<'_>> = BTreeMap::new();
    for (machine, config) in configs {
        for instance in &config.instances {
            let name = instance.interface.as_ref().map(|interface| interface.value.as_str());
            let Some(card) = machine.node.interfaces.iter().find(|card| Some(card.name.as_str()) == name) else {
                continue;
            };
            let Some(id) = instance.router_id else {
                // One that is no number is reported as such.
                if instance.numbered {
                    continue;
                }
                let message = format!("the VRRP instance `{}` has no `virtual_router_id`", instance.name.value);
                sink.push(
                    machine
                        .finding(CONF, instance.name.line, Code::VrrpRouterId, message)
                        .hint("write one from 1 to 255"),
                );
                continue;
            };
            let own: BTreeSet<Ipv4Addr> = instance.addresses.iter().map(|one| one.address.value).collect();
            let key = (card.network.as_str(), id.value);
            let Some((other, addresses, (there, line))) = seen.get(&key) else {
                seen.insert(key, (&instance.name.value, own, (machine, id.line)));
                continue;
            };
            if addresses.is_disjoint(&own) {
                let message = format!(
                    "`{other}` and `{}` both have the virtual router id `{}` on `{}`",
                    instance.name.value, id.value, card.network
                );
                let found = machine.finding(CONF, id.line, Code::VrrpRouterId, message);
                let first = there.span(CONF, *line);
                sink.push(found.related(first, "it is used here first").hint("take another number from 1 to 255"));
            } else if *addresses != own {
                let message =
                    format!("`{}` has other addresses on `{}` than elsewhere", instance.name.value, machine.node.name);
                let found = machine.finding(CONF, instance.name.line, Code::VrrpParameters, message);
                sink.push(found.related(there.span(CONF, *line), "the same virtual router has others here"));
            }
        }
    }
}

/// Who says that it is master and will not be.
fn states(wanted: &Wanted<'_>, sink: &mut Sink) {
    let start = wanted.group.start();
    let elected: Vec<&str> = start.holders(&wanted.group).map(|speaker| speaker.node.as_str()).collect();
    let [elected] = elected.as_slice() else { return };
    for (member, speaker) in wanted.members.iter().zip(&wanted.group.speakers) {
        let Some(state) = member.instance.master.filter(|state| state.value && speaker.node != *elected) else {
            continue;
        };
        let winner = wanted.group.speakers.iter().find(|other| other.node == *elected);
        let winner = winner.map_or(0, |winner| winner.priority);
        let message = format!(
            "`{}` calls itself master of {}, but `{elected}` with priority `{winner}` is elected over its `{}`",
            speaker.node,
            wanted.name(),
            speaker.priority
        );
        let found = member.machine.finding(CONF, state.line, Code::VrrpState, message);
        sink.push(
            found.hint("the highest priority wins: write `state BACKUP` everywhere and give this node the highest"),
        );
    }
}

/// The same priority twice: the higher address wins, and whoever is master stays.
fn ties(wanted: &Wanted<'_>, sink: &mut Sink) {
    let mut seen: BTreeMap<u8, usize> = BTreeMap::new();
    for (at, speaker) in wanted.group.speakers.iter().enumerate() {
        let Some(first) = seen.insert(speaker.priority, at) else { continue };
        let other = &wanted.group.speakers[first];
        let message = format!(
            "`{}` and `{}` have the same priority `{}` for {}: who starts first, or has the higher address, is master",
            other.node,
            speaker.node,
            speaker.priority,
            wanted.name()
        );
        let mut found = place(wanted, at, Code::VrrpTie, message);
        if let Some(span) = priority(wanted, first) {
            found = found.related(span, format!("the priority of `{}`", other.node));
        }
        sink.push(found.hint("give every node its own priority, 50 apart"));
    }
}

/// The place of a speaker's priority in its profile.
fn priority(wanted: &Wanted<'_>, at: usize) -> Option<crate::diag::Span> {
    let (node, vip) = (wanted.members.get(at)?.machine.node, wanted.vip?);
    let own = node.vips.iter().find(|own| own.vip == vip.name)?;
    (own.priority.value == wanted.group.speakers.get(at)?.priority).then_some(own.priority.span)
}

/// A finding at a speaker's priority: where the template takes it, and where it comes from.
fn place(wanted: &Wanted<'_>, at: usize, code: Code, message: String) -> Diagnostic {
    let member = &wanted.members[at];
    let found = member.machine.finding(CONF, member.instance.priority.line, code, message);
    match priority(wanted, at) {
        Some(span) => found.related(span, format!("the priority of `{}`", member.machine.node.name)),
        None => found,
    }
}

/// Who does not take whose adverts, pair by pair.
fn hearing(wanted: &Wanted<'_>, sink: &mut Sink) {
    let group = &wanted.group;
    let several = group.start().trouble() == Some(Trouble::Several);
    for at in 0..group.speakers.len() {
        for other in 0..group.speakers.len() {
            let Some(why) = (at != other).then(|| group.deaf(at, other)).flatten() else { continue };
            // Nor is there more to say of a machine without the interface.
            if group.speakers[at].segment.is_none() || group.speakers[other].segment.is_none() {
                continue;
            }
            // The firewall between candidates of a declared VIP has a rule of its own, about the model.
            if why == Deaf::Firewall && wanted.vip.is_some() {
                continue;
            }
            // What goes for both ways is said once.
            let mutual = !matches!(why, Deaf::NotSent | Deaf::NotExpected | Deaf::Firewall);
            if mutual && other < at || why == Deaf::NotExpected && group.deaf(other, at) == Some(Deaf::NotSent) {
                continue;
            }
            let lead = match why {
                _ if several => ", so both hold it at once",
                Deaf::Firewall => ", so both hold it for a moment whenever one starts",
                _ => "",
            };
            sink.push(deaf(wanted, (at, other), why, lead));
        }
    }
}

fn deaf(wanted: &Wanted<'_>, (listener, sender): (usize, usize), why: Deaf, lead: &str) -> Diagnostic {
    let name = wanted.name();
    let speakers = &wanted.group.speakers;
    let reason = why.describe(&speakers[listener], &speakers[sender]);
    let blamed = if why == Deaf::NotSent { sender } else { listener };
    let (member, other) = (&wanted.members[blamed], &wanted.members[if blamed == sender { listener } else { sender }]);
    let of = |member: &super::group::Member<'_>| {
        let instance = member.instance;
        match why {
            Deaf::Segment => instance.interface.as_ref().map(|at| at.line),
            Deaf::NotSent | Deaf::NotExpected => instance.peers.as_ref().map(|at| at.line),
            Deaf::Version => instance.version.or(member.config.version).map(|at| at.line),
            Deaf::RouterId => instance.router_id.map(|at| at.line),
            Deaf::Advert => Some(instance.advert.line),
            Deaf::Password => instance.auth_pass.as_ref().map(|at| at.line),
            Deaf::Firewall => None,
        }
        .unwrap_or(instance.name.line)
    };
    let (code, hint) = match why {
        Deaf::Segment => (Code::VrrpPeers, "a VIP can only move between machines on one network".to_owned()),
        Deaf::NotSent | Deaf::NotExpected => {
            let missing = &speakers[if blamed == sender { listener } else { sender }];
            (Code::VrrpPeers, format!("add `{}` to `unicast_peer`", missing.address))
        }
        Deaf::Firewall => (
            Code::FirewallClosed,
            "add `{name: vrrp, protocol: vrrp, from: [...]}` to `listens` of its role".to_owned(),
        ),
        _ => (Code::VrrpParameters, "write the same on every candidate".to_owned()),
    };
    let found = member.machine.finding(CONF, of(member), code, format!("for {name}, {reason}{lead}"));
    if why == Deaf::Firewall {
        return found.hint(hint);
    }
    let there = other.machine.span(CONF, of(other));
    found.related(there, format!("`{}` says so here", other.machine.node.name)).hint(hint)
}

/// Where the VIP ends up after every failure and every pair: each kind of trouble is told once, by its shortest story.
fn outcomes(wanted: &Wanted<'_>, sink: &mut Sink) {
    let mut told = BTreeSet::new();
    let speakers = &wanted.group.speakers;
    if speakers.iter().any(|one| one.segment.is_none()) {
        return;
    }
    // What `nopreempt` does to weights has a rule of its own.
    if speakers.iter().any(|one| !one.preempts && one.trackers.iter().any(|tracker| tracker.weight != 0)) {
        told.insert(Trouble::Useless);
    }
    // As if the firewalls let everything pass: what they drop has a rule of its own, and hides nothing else here.
    let heard = speakers.iter().map(|one| Speaker { admits: vec![Ipv4Net::default()], ..one.clone() });
    for finding in findings(&Group::new(heard.collect()), &wanted.faults) {
        let Some(trouble) = finding.trouble.filter(|trouble| !told.contains(trouble)) else { continue };
        told.insert(trouble);
        sink.push(outcome(wanted, &finding, trouble));
    }
}

/// Scripts that watch something else than HAProxy, with a weight that does not move the VIP when they alone fail. The
/// election is the same as for HAProxy, with other trackers.
fn others(wanted: &Wanted<'_>, sink: &mut Sink) {
    let speakers = &wanted.group.speakers;
    if speakers.iter().any(|one| one.segment.is_none() || !one.preempts) {
        return;
    }
    let names = speakers.iter().flat_map(|one| &one.trackers).filter(|tracker| !tracker.watches_haproxy);
    for name in names.map(|tracker| tracker.name.as_str()).collect::<BTreeSet<_>>() {
        let only = |one: &Speaker| {
            let mut one = Speaker { admits: vec![Ipv4Net::default()], ..one.clone() };
            one.trackers.iter_mut().for_each(|tracker| tracker.watches_haproxy = tracker.name == name);
            one
        };
        let group = Group::new(speakers.iter().map(only).collect());
        let stays = findings(&group, &[Fault::Haproxy]).into_iter().find(|finding| {
            let [event] = finding.events.as_slice() else { return false };
            let held = finding.end.masters.contains(&event.speaker);
            finding.trouble == Some(Trouble::Useless) && held
        });
        let Some((event, end)) = stays.and_then(|finding| Some((*finding.events.first()?, finding.end))) else {
            continue;
        };
        let (member, holder) = (&wanted.members[event.speaker], &group.speakers[event.speaker]);
        let (ill, weight) = (holder.effective(end.health[event.speaker]).unwrap_or(0), holder.trackers.iter());
        let weight = weight.filter(|tracker| tracker.watches_haproxy).map(|tracker| tracker.weight).sum::<i32>();
        let message = format!(
            "when only `{name}` fails on `{}`, the VIP {} stays there: with its weight `{weight}` the priority is still `{ill}`",
            holder.node,
            wanted.name()
        );
        let tracks = member.instance.tracks.iter();
        let script = tracks.filter_map(|track| member.config.tracked(track).map(|script| (track, script)));
        let script = script.into_iter().find(|(_, script)| script.name.value == name);
        let line =
            script.map_or(member.instance.name.line, |(track, script)| track.weight.unwrap_or(script.weight).line);
        let mut found = member.machine.finding(CONF, line, Code::VrrpNoFailover, message);
        found.severity = Severity::Warning;
        sink.push(found.hint(cure(wanted)));
    }
}

fn outcome(wanted: &Wanted<'_>, finding: &Finding, trouble: Trouble) -> Diagnostic {
    let speakers = &wanted.group.speakers;
    let stories: Vec<String> =
        finding.events.iter().map(|event| event.fault.describe(&speakers[event.speaker].node)).collect();
    let when = if stories.is_empty() {
        "when everything works".to_owned()
    } else {
        format!("when {}", stories.join(" and then "))
    };
    let holder = finding.end.masters.first().copied();
    let ends = match (trouble, holder) {
        (Trouble::Useless, Some(holder)) => {
            format!("stays on `{}`, which does not serve: {}", speakers[holder].node, why(wanted, finding, holder))
        }
        (Trouble::Several, _) => {
            let all = finding.end.holders(&wanted.group).map(|speaker| speaker.node.as_str());
            format!("is held by {} at once", crate::diag::suggest::list(all))
        }
        _ => "is held by nobody, although a healthy node is left".to_owned(),
    };
    let blamed = holder.unwrap_or(0);
    let member = &wanted.members[blamed];
    let message = format!("{when}, the VIP {} {ends}", wanted.name());
    let weight = weight(member);
    let line = weight.map_or(member.instance.priority.line, |weight| weight.line);
    let mut found = member.machine.finding(CONF, line, Code::VrrpNoFailover, message);
    for (at, speaker) in speakers.iter().enumerate() {
        if let Some(span) = priority(wanted, at) {
            found = found.related(span, format!("the priority of `{}` is `{}`", speaker.node, speaker.priority));
        }
    }
    if finding.events.len() > 1 {
        found.severity = Severity::Warning;
    }
    let alone = finding.end.health.iter().any(|health| health.serves() && !health.company);
    if trouble == Trouble::Nobody && alone {
        return found.hint(
            "let the script ask somebody else as well, a backend or the gateway: who is left over is not cut off",
        );
    }
    found.hint(cure(wanted))
}

/// Why nobody takes the VIP from `holder`.
fn why(wanted: &Wanted<'_>, finding: &Finding, holder: usize) -> String {
    let (speakers, health) = (&wanted.group.speakers, &finding.end.health);
    let own = &speakers[holder];
    if !own.trackers.iter().any(|tracker| tracker.watches_haproxy) {
        return "nothing tells its Keepalived that HAProxy is down".to_owned();
    }
    let ill = own.effective(health[holder]).unwrap_or(0);
    let well = (0..speakers.len()).filter(|at| health[*at].serves());
    let best = well
        .filter_map(|at| Some((speakers[at].effective(health[at])?, &speakers[at])))
        .max_by_key(|(priority, _)| *priority);
    let Some((priority, best)) = best else { return "nobody is left".to_owned() };
    let weights: i32 =
        own.trackers.iter().filter(|tracker| tracker.watches_haproxy).map(|tracker| tracker.weight).sum();
    let falls = match weights {
        _ if own.priority == 255 => "a priority of `255` is the owner's, which no weight changes".to_owned(),
        1.. => format!("its priority without the weight `{weights}` is still `{ill}`"),
        _ => format!("its priority `{}` with the weight `{weights}` is `{ill}`", own.priority),
    };
    if !best.preempts && ill < priority {
        return format!("{falls}, but `{}` does not preempt", best.node);
    }
    let relation = if ill == priority { "equal to" } else { "above" };
    format!("{falls}, {relation} the `{priority}` of `{}`, which only takes over from a lower one", best.node)
}

/// What to write so that an ill node always comes below a healthy one.
fn cure(wanted: &Wanted<'_>) -> String {
    let speakers = &wanted.group.speakers;
    if !speakers.iter().any(|speaker| speaker.trackers.iter().any(|tracker| tracker.watches_haproxy)) {
        return "let a `vrrp_script` ask HAProxy, and name it in `track_script`".to_owned();
    }
    if speakers.iter().any(|speaker: &Speaker| !speaker.preempts) {
        return "remove `nopreempt`, or the weight: an ill master then gives up at once".to_owned();
    }
    let priorities = || speakers.iter().map(|speaker| speaker.priority);
    if priorities().any(|priority| priority == 255) {
        return "write a priority of 254 or less".to_owned();
    }
    let gap = priorities().max().unwrap_or(0) - priorities().min().unwrap_or(0);
    let weight = u16::from(gap) + 10;
    let none = "write no weight: an ill master then gives up at once";
    if priorities().max().is_some_and(|highest| u16::from(highest) <= weight) {
        return none.to_owned();
    }
    format!("write `weight -{weight}`, more than the gap of `{gap}` between the priorities; or {none}")
}
