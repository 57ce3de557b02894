//! What profiles accept: takes it out of the findings, and reports what accepts nothing.

use crate::diag::{Code, Diagnostic, Sink, Sources, suggest};
use crate::model::allow::Allowance;
use crate::model::glob::glob_match;
use std::collections::BTreeSet;

/// Whether the entries of `allow` make sense.
pub(super) fn form(allowances: &[Allowance], sink: &mut Sink) {
    for Allowance { allow, .. } in allowances {
        let rule = &allow.rule;
        match Code::ALL.iter().find(|code| code.id() == rule.as_str()) {
            Some(code) if code.is_rule() => {}
            Some(_) => {
                let message = format!("`{rule}` cannot be accepted: nothing can be built from what it is about");
                sink.push(Diagnostic::new(Code::BadValue, message).at(rule.span).hint("correct the place itself"));
            }
            None => {
                let rules = Code::ALL.iter().filter(|code| code.is_rule()).map(|code| code.id());
                let hint = suggest::nearest(rule, rules).map(|near| format!("did you mean `{near}`?"));
                let message = format!("no rule is called `{rule}`");
                let found = Diagnostic::new(Code::UnknownName, message).at(rule.span);
                sink.push(found.hint(hint.unwrap_or("`bake explain` lists all".to_owned())));
            }
        }
        if allow.reason.trim().is_empty() {
            let message = format!("`{rule}` is accepted without a reason");
            sink.push(Diagnostic::new(Code::BadValue, message).at(allow.reason.span));
        }
    }
}

/// Hands on what is not accepted. `node` is the machine that the findings are about.
pub(super) fn settle(own: Sink, allowances: &[Allowance], node: Option<&str>, sources: &Sources, sink: &mut Sink) {
    if own.is_empty() {
        return;
    }
    for found in own.finish() {
        let mut accepted = false;
        for allowance in allowances.iter().filter(|allowance| covers(allowance, &found, node, sources)) {
            sink.accept(allowance.span);
            accepted = true;
        }
        if !accepted {
            sink.push(found);
        }
    }
}

fn covers(allowance: &Allowance, found: &Diagnostic, node: Option<&str>, sources: &Sources) -> bool {
    let allow = &allowance.allow;
    let place = found.span.map(|span| sources.get(span.file).name());
    let here = if let Some(pattern) = &allow.file {
        place.is_some_and(|place| glob_match(pattern, place))
    } else {
        let inside = found.span.is_some_and(|span| span.file == allowance.span.file);
        inside || (node.is_some() && allowance.node.as_deref() == node)
    };
    here && found.code.is_rule()
        && allow.rule.as_str() == found.code.id()
        && allow.value.as_ref().is_none_or(|value| found.message.contains(value.as_str()))
}

/// Reports entries that accepted nothing, although everything was looked at.
pub fn unused(allowances: &[Allowance], sink: &mut Sink) {
    let used: BTreeSet<_> = sink.accepted().clone();
    for allowance in allowances.iter().filter(|allowance| !allowance.shared && !used.contains(&allowance.span)) {
        if !Code::ALL.iter().any(|code| code.is_rule() && code.id() == allowance.allow.rule.as_str()) {
            continue; // was refused as such
        }
        let message = format!("`{}` is accepted here, but nothing like it is found", allowance.allow.rule);
        sink.push(Diagnostic::new(Code::UnusedAllow, message).at(allowance.span).hint("remove the entry"));
    }
}
