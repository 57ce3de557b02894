//! Rulesets of nftables: what throws everybody's rules away, what has no effect, and what hides the pods' addresses.

use super::BakedFile;
use super::View;
use crate::diag::{Code, Diagnostic, Severity, Sink};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

/// Bake's own ruleset.
const OWN: &str = "/etc/nftables/bake.nft";

/// Every rule of this topic.
pub(super) fn check(view: &View<'_>, sink: &mut Sink) {
    flush(view, sink);
    for (path, file) in &view.baked.files {
        let ruleset =
            path.strip_suffix(".nft").is_some() || path.starts_with("/etc/nftables") || path.contains("/nftables.conf");
        if ruleset && path != OWN {
            structure(view, path, file, sink);
            masquerade(view, file, sink);
        }
    }
}

/// Rulesets that throw away everybody's rules, as files and as commands.
fn flush(view: &View<'_>, sink: &mut Sink) {
    let files = view.baked.files.iter();
    let units = view.baked.units.iter();
    let units =
        units.flat_map(|(name, unit)| unit.text.iter().chain(unit.dropins.values()).map(move |file| (name, file)));
    for (name, file) in files.chain(units) {
        // Most texts have none of these words: only the others are read line by line.
        if !["flush", "-F"].iter().any(|word| file.text.contains(word)) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let bare = line.trim();
            if bare.starts_with('#') || !flushes(bare) {
                continue;
            }
            let message = format!("`{name}` deletes the rules of Docker, K3s and libvirt with its own");
            let hint = "declare and delete your own table: `table inet mine` and `delete table inet mine`";
            sink.push(Diagnostic::new(Code::NftFlush, message).at(view.line(file, number)).hint(hint));
        }
    }
}

fn flushes(line: &str) -> bool {
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || ";=&|".contains(c)).filter(|w| !w.is_empty()).collect();
    // `iptables -F` without a chain flushes all of them.
    let iptables = words.iter().enumerate().any(|(at, word)| {
        let program = word.trim_start_matches('-').rsplit('/').next().unwrap_or_default();
        let all = |at: usize| words.get(at).is_none_or(|next| next.starts_with('-') || next.contains("iptables"));
        matches!(program, "iptables" | "ip6tables")
            && matches!(words.get(at + 1), Some(&"-F" | &"--flush"))
            && all(at + 2)
    });
    line.trim_end_matches(';') == "flush ruleset" || line.contains("nft flush ruleset") || iptables
}

/// A chain as far as it matters.
#[derive(Default)]
struct Chain {
    name: String,
    line: usize,
    hook: Option<String>,
    drops: Option<usize>,
}

/// Chains that nothing leads to, and those that decide about what bake's own table lets in.
fn structure(view: &View<'_>, path: &str, file: &BakedFile, sink: &mut Sink) {
    let mut chains: Vec<Chain> = Vec::new();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let (mut depth, mut opened) = (0usize, Vec::new());
    for (number, line) in file.text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> =
            code.split(|c: char| c.is_whitespace() || ";{}".contains(c)).filter(|w| !w.is_empty()).collect();
        let after = |word: &str| words.iter().position(|own| *own == word).and_then(|at| words.get(at + 1)).copied();
        if words.first() == Some(&"chain") {
            chains.push(Chain { name: words.last().unwrap_or(&"").to_string(), line: number, ..Chain::default() });
        }
        for verb in ["jump", "goto"] {
            wanted.extend(after(verb).map(str::to_owned));
        }
        if let Some(chain) = chains.last_mut() {
            chain.hook = after("hook").map(str::to_owned).or(chain.hook.take());
            if after("policy") == Some("drop") {
                chain.drops = Some(number);
            }
        }
        for brace in code.chars().filter(|c| "{}".contains(*c)) {
            if brace == '{' {
                depth += 1;
                opened.push(number);
            } else if opened.pop().is_none() {
                depth = usize::MAX;
            } else {
                depth = depth.saturating_sub(1);
            }
        }
    }
    if depth != 0 {
        let at = opened.last().copied().unwrap_or(0);
        let message = format!("`{path}` has a brace without partner: nft refuses the whole file");
        let found = Diagnostic::new(Code::NftChain, message).at(view.line(file, at));
        let mut found = found.hint("write one `}` for each `{`");
        found.severity = Severity::Error;
        sink.push(found);
        return;
    }
    for chain in &chains {
        if chain.hook.is_none() && !wanted.contains(&chain.name) {
            let message = format!("nothing leads to the chain `{}`: its rules have no effect", chain.name);
            let found = Diagnostic::new(Code::NftChain, message).at(view.line(file, chain.line));
            sink.push(found.hint("give it a hook (`type filter hook forward priority 0;`), or jump to it"));
        }
        let own = view.baked.files.contains_key(OWN) && chain.hook.as_deref() == Some("input");
        if let Some(line) = chain.drops.filter(|_| own) {
            let message = format!("the chain `{}` drops what bake's own table lets in: both must accept", chain.name);
            let found = Diagnostic::new(Code::NftChain, message).at(view.line(file, line));
            sink.push(found.hint("write `policy accept`, and say in `listens` what may come in"));
        }
    }
}

/// Rewritten senders on the way to the pods: those would no longer see who calls.
fn masquerade(view: &View<'_>, file: &BakedFile, sink: &mut Sink) {
    let Some(pods) = &view.cluster.profile.pods else { return };
    for (number, line) in file.text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = code.split_whitespace().map(|word| word.trim_end_matches(';')).collect();
        if !words.iter().any(|word| matches!(*word, "masquerade" | "snat")) {
            continue;
        }
        let to = words.windows(2).find(|pair| pair[0] == "daddr").and_then(|pair| pair[1].parse::<Ipv4Net>().ok());
        if to.is_some_and(|to| pods.cidr.contains(&to) || to.contains(&pods.cidr.value) && to.prefix_len() > 0) {
            let message =
                format!("this rewrites who talks to pods (`{}`): they would see this machine instead", pods.cidr);
            let found = Diagnostic::new(Code::NftMasquerade, message).at(view.line(file, number));
            let found = found.related(pods.cidr.span, "the pods' network is declared here");
            sink.push(found.hint("remove the rule; masquerade what leaves towards the Internet only"));
        }
    }
}
