//! Roles: each is looked up once for the whole cluster, then composed into its nodes.

use super::name::{Forms, Place, is_plain, place, unknown};
use super::{Members, Profiles, bad, cluster, runtime};
use crate::diag::{Code, Diagnostic, Sink};
use crate::model::Spanned;
use crate::model::cluster::{Listen, Node};
use crate::model::data::Data;
use crate::model::profile::container::Container;
use crate::model::profile::role::{Listen as Wish, RoleProfile, RouteWish};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// Beyond this many addresses, adjacent ones are joined into networks: a firewall rule with thousands of
/// addresses for each of thousands of nodes would make the cluster's size count twice.
const LISTED: usize = 64;

/// A role with its names looked up.
pub(super) struct Compiled<'a> {
    pub(super) profile: &'a RoleProfile,
    sysctls: BTreeMap<&'a str, Spanned<String>>,
    listens: Vec<Listen>,
    pub(super) routes: &'a [Spanned<RouteWish>],
}

pub(super) fn compile<'a>(
    profiles: &Profiles,
    profile: &'a RoleProfile,
    nodes: &[Node],
    members: &Members<'_>,
    sink: &mut Sink,
) -> Compiled<'a> {
    for fragment in &profile.fragments {
        let name = &fragment.name;
        if !profiles.fragments.contains(name.as_str()) {
            let hint = format!("write it to `butane/{name}.bu`");
            let known = profiles.fragments.iter().map(String::as_str);
            let near = crate::diag::suggest::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
            let message = format!("there is no fragment `{name}`");
            sink.push(Diagnostic::new(Code::UnknownName, message).at(name.span).hint(near.unwrap_or(hint)));
        }
    }
    for module in &profile.kernel_modules {
        if !is_plain(module) {
            sink.push(bad(format!("`{module}` is not a name of a kernel module"), module.span));
        }
    }
    for command in &profile.requires {
        if !is_plain(command) {
            sink.push(bad(format!("`{command}` is not a name of a command"), command.span));
        }
    }
    for (name, container) in &profile.containers {
        self::container(name, container, sink);
    }
    let sysexts = profile.containers.values().filter_map(|container| container.sysext.as_ref());
    for extension in profile.extensions.iter().chain(sysexts.map(|sysext| &sysext.extension)) {
        runtime::extension(extension, sink);
    }
    let listens = profile.listens.iter().filter_map(|wish| listen(profiles, wish, nodes, members, sink)).collect();
    Compiled { profile, sysctls: sysctls(profile, sink), listens, routes: &profile.routes }
}

fn sysctls<'a>(profile: &'a RoleProfile, sink: &mut Sink) -> BTreeMap<&'a str, Spanned<String>> {
    let mut sysctls = BTreeMap::new();
    for (key, data) in &profile.sysctls {
        let named = |c: char| c.is_ascii_alphanumeric() || "-_./*".contains(c);
        if key.is_empty() || !key.chars().all(named) {
            sink.push(bad(format!("`{key}` is not a name of a kernel setting"), data.span));
        }
        let text = match &data.value {
            Data::Integer(number) => number.to_string(),
            Data::Text(text) if !text.is_empty() && !text.contains('\n') => text.clone(),
            _ => {
                let message = format!("the kernel setting `{key}` takes a number or one line of text");
                sink.push(Diagnostic::new(Code::WrongType, message).at(data.span));
                continue;
            }
        };
        sysctls.insert(key.as_str(), Spanned::new(text, data.span));
    }
    sysctls
}

fn container(name: &str, container: &Spanned<Container>, sink: &mut Sink) {
    if !is_plain(name) {
        sink.push(bad(
            format!("`{name}` is not a name of a service: letters, digits, `-`, `_` and `.`"),
            container.span,
        ));
    }
    let image = &container.image;
    let pinned = image.split_once("@sha256:").is_some_and(|(repository, digest)| {
        !repository.is_empty()
            && digest.len() == 64
            && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    if !pinned {
        let repository = image.split('@').next().unwrap_or_default();
        let message = format!("the image `{image}` is not pinned by digest");
        let hint = format!("write `{repository}@sha256:` and the 64 digits of the image's digest");
        sink.push(Diagnostic::new(Code::ImageUnpinned, message).at(image.span).hint(hint));
    }
}

/// `None` if nobody could connect: an error was reported, or there is nobody of those that are named.
fn listen(
    profiles: &Profiles,
    wish: &Spanned<Wish>,
    nodes: &[Node],
    members: &Members<'_>,
    sink: &mut Sink,
) -> Option<Listen> {
    cluster::port(wish.protocol, wish.port.as_ref(), wish.span, sink);
    let ports = wish.port.map(|first| (first.value, wish.end_port.map_or(first.value, |last| last.value)));
    if let (Some((first, last)), Some(end)) = (ports, &wish.end_port)
        && last < first
    {
        sink.push(bad(format!("the ports end at `{last}`, before they start at `{first}`"), end.span));
    }
    if wish.from.is_empty() {
        let message = format!("the key `from` is missing: nobody may connect to `{}`", wish.name);
        sink.push(Diagnostic::new(Code::MissingKey, message).at(wish.span).hint("write `from: [any]` for everybody"));
        return None;
    }
    let forms = Forms { any: true, vip: false, optional: true };
    let (mut any, mut sources) = (false, BTreeSet::new());
    let addresses = |at: usize| nodes[at].interfaces.iter().map(|card| Ipv4Net::from(card.address.value));
    for from in &wish.from {
        match place(profiles, from, from.span, forms, sink) {
            Some(Place::Any) => any = true,
            Some(Place::Pods) => sources.extend(profiles.cluster.pods.as_ref().map(|pods| pods.cidr.value)),
            Some(Place::Services) => sources.extend(profiles.cluster.services.as_ref().map(|all| all.cidr.value)),
            Some(Place::Network(name)) => sources.extend(profiles.cluster.networks.get(name).map(|net| net.cidr.value)),
            Some(Place::Role(name)) => {
                sources.extend(members.get(name).into_iter().flatten().flat_map(|at| addresses(*at)));
            }
            Some(Place::Node(name)) => {
                let at = nodes.binary_search_by(|node| node.name.as_str().cmp(name));
                sources.extend(at.into_iter().flat_map(addresses));
            }
            Some(Place::Net(net)) => {
                sources.insert(net);
            }
            Some(Place::Vip(_)) | None => {}
        }
    }
    if any {
        sources.clear();
    } else if sources.is_empty() {
        return None;
    }
    let mut sources: Vec<Ipv4Net> = sources.into_iter().collect();
    if sources.len() > LISTED {
        sources = Ipv4Net::aggregate(&sources);
        sources.sort();
    }
    Some(Listen { name: wish.name.clone(), protocol: wish.protocol, ports, sources: sources.into() })
}

/// Joins the node's roles in order: lists without repeats, and the later role wins where two set the same.
pub(super) fn compose(profiles: &Profiles, roles: &BTreeMap<&str, Compiled<'_>>, node: &mut Node, sink: &mut Sink) {
    let own_values = std::mem::take(&mut node.values);
    let mut fragments = BTreeSet::new();
    let mut modules = BTreeMap::new();
    let mut requires = BTreeMap::new();
    let mut open = BTreeMap::new();
    for name in &node.roles {
        let Some(role) = roles.get(name.as_str()) else { continue };
        for fragment in &role.profile.fragments {
            let applies = fragment.os.is_empty() || fragment.os.iter().any(|os| os.value == node.os);
            let exists = profiles.fragments.contains(fragment.name.as_str());
            if applies && exists && fragments.insert(fragment.name.as_str()) {
                node.fragments.push(fragment.name.clone());
            }
        }
        node.sysctls.extend(role.sysctls.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        for module in &role.profile.kernel_modules {
            modules.entry(module.as_str()).or_insert(module);
        }
        for command in &role.profile.requires {
            requires.entry(command.as_str()).or_insert(command);
        }
        for listen in &role.listens {
            if !node.listens.contains(listen) {
                node.listens.push(listen.clone());
            }
        }
        for (name, value) in &role.profile.values {
            match &value.value.0.default {
                Some(default) => drop(node.values.insert(name.clone(), default.clone())),
                None => drop(open.insert(name.as_str(), value.span)),
            }
        }
        node.inputs.extend(profiles.roles.get(name.as_str()).map(|role| role.path.clone()));
    }
    node.kernel_modules = modules.into_values().cloned().collect();
    node.requires = requires.into_values().cloned().collect();
    node.values.extend(own_values);
    for (name, span) in open.into_iter().filter(|(name, _)| !node.values.contains_key(*name)) {
        let message = format!("the value `{name}` has no default, and nobody gives `{}` one", node.name);
        let found = Diagnostic::new(Code::MissingKey, message).at(node.span).related(span, "it is declared here");
        sink.push(found.hint(format!("write `values: {{{name}: ...}}`")));
    }
    runtime::compose(profiles, roles, node, sink);
    node.inputs.sort();
    node.inputs.dedup();
}

/// Reports a role that is named where nobody has it.
pub(super) fn known(profiles: &Profiles, role: &Spanned<String>, sink: &mut Sink) -> bool {
    let known = profiles.has_role(role);
    if !known {
        unknown("role", role, role.span, profiles.role_names(), sink);
    }
    known
}
