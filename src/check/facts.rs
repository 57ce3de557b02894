//! The profile's values behind a line of a template: a finding there names them, because that is where it is put right.

use crate::diag::{Diagnostic, Sources, Span};
use crate::model::cluster::{Cluster, Node, Vip};

/// How many values one finding names at most.
const NAMED: usize = 3;

/// Adds the places of the values that the line of a finding takes from profiles. Without a node only what is the same
/// for all of them.
pub(super) fn name(cluster: &Cluster, node: Option<&Node>, sources: &Sources, found: &mut Diagnostic) {
    let Some(span) = found.span.filter(|span| (span.start, span.end) != (0, 0)) else { return };
    let source = sources.get(span.file);
    if !source.name().trim_start_matches("../").starts_with("butane/") {
        return;
    }
    let text = source.text();
    let Some(before) = text.get(..span.start as usize) else { return };
    let from = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[from..].lines().next().unwrap_or_default();
    for expression in expressions(line) {
        for place in places(cluster, node, expression, &found.message) {
            let known = found.related.iter().any(|related| related.span == place) || found.related.len() >= NAMED + 2;
            if place != span && !known {
                *found = found.clone().related(place, format!("`{expression}` comes from here"));
            }
        }
    }
}

/// Names with a dot inside the placeholders of a line: `values.weight`, `vip.address`.
fn expressions(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((_, inner)) = rest.split_once("{{").or_else(|| rest.split_once("{%")) {
        let (inner, after) = inner.split_once("}}").or_else(|| inner.split_once("%}")).unwrap_or((inner, ""));
        let part = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
        let words = inner.split(|c: char| !part(c));
        found.extend(words.filter(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_lowercase())));
        rest = after;
    }
    found.truncate(NAMED);
    found
}

/// Where an expression's value was written. Of several that it may mean, those that the message is about.
fn places(cluster: &Cluster, node: Option<&Node>, expression: &str, message: &str) -> Vec<Span> {
    let profile = &cluster.profile;
    let parts: Vec<&str> = expression.split('.').collect();
    let one = |span: Option<Span>| span.into_iter().collect::<Vec<_>>();
    match parts.as_slice() {
        ["values", name, ..] => one(node.and_then(|node| node.values.get(*name)).map(|value| value.span)),
        ["secrets", name] => one(profile.secrets.get(*name).map(|secret| secret.span)),
        ["cluster", "domain"] => one(Some(profile.domain.span)),
        ["cluster", "timezone"] => one(Some(profile.timezone.span)),
        ["cluster", "pods_cidr"] => one(profile.pods.as_ref().map(|pods| pods.cidr.span)),
        ["cluster", "services_cidr"] => one(profile.services.as_ref().map(|services| services.cidr.span)),
        ["networks", name, ..] => one(profile.networks.get(*name).map(|network| network.cidr.span)),
        ["vips", name, key] => {
            let vip = cluster.vips.iter().find(|vip| vip.name == *name);
            one(vip.and_then(|vip| of_vip(vip, key)))
        }
        ["node", "address"] => one(node.and_then(|node| node.interfaces.first()).map(|card| card.address.span)),
        ["vip", key] => {
            let Some(node) = node else { return Vec::new() };
            let meant = |own: &&crate::model::cluster::Candidacy| message.contains(&format!("`{}`", own.vip));
            let any = node.vips.iter().any(|own| meant(&own));
            let owns = node.vips.iter().filter(|own| !any || meant(own));
            let spans = owns.filter_map(|own| {
                let vip = cluster.vips.iter().find(|vip| vip.name == own.vip)?;
                if *key == "priority" { Some(own.priority.span) } else { of_vip(vip, key) }
            });
            spans.collect()
        }
        ["port", key @ ("port" | "backend_port" | "role" | "check")] => {
            let Some(node) = node else { return Vec::new() };
            let own = cluster.vips.iter().filter(|vip| node.vips.iter().any(|own| own.vip == vip.name));
            let ports = own.flat_map(|vip| &vip.ports);
            let meant = ports.filter(|port| {
                let wanted = if *key == "backend_port" { port.backend_port } else { port.port.value };
                message.contains(&format!("`{}`", port.name)) || message.contains(&format!("{wanted}`"))
            });
            meant.map(|port| if *key == "role" { port.role.span } else { port.port.span }).collect()
        }
        _ => Vec::new(),
    }
}

fn of_vip(vip: &Vip, key: &str) -> Option<Span> {
    match key {
        "address" => Some(vip.address.span),
        "virtual_router_id" => Some(vip.virtual_router_id.span),
        "dns_name" => vip.dns_name.as_ref().map(|name| name.span),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::expressions;

    #[test]
    fn expressions_are_names_with_dots_inside_placeholders() {
        assert_eq!(expressions("bind {{ vip.address }}:{{ port.port }} a.b"), ["vip.address", "port.port"]);
        assert_eq!(expressions("{% if values.x == \"y\" %}1.2{% endif %}"), ["values.x"]);
        assert_eq!(expressions("nothing"), [""; 0]);
    }
}
