//! Secrets: those that stand where everybody reads them, those that are shared, those that anybody guesses.
//!
//! No message holds a secret, and excerpts of such findings are not shown (`diag/text.rs`).

use super::{Overview, Survey, View};
use crate::diag::conceal::user;
use crate::diag::{Code, Diagnostic, Sink, Span};
use crate::model::Path;
use std::collections::BTreeMap;

/// Passwords that people try first, and what documents use in examples.
const GUESSED: &[&str] = &[
    "12345678",
    "123456789",
    "1234567890",
    "admin123",
    "changeme",
    "changeit",
    "homelab1",
    "letmein1",
    "password",
    "password1",
    "passw0rd",
    "p@ssw0rd",
    "qwerty123",
    "secret123",
    "test1234",
    "welcome1",
    "raspberry",
    "keepalived",
];

/// Starts of password hashes (crypt(5)).
const HASHES: &[&str] = &["$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$"];

/// Texts with secrets in them, and secrets that are no good.
pub(super) fn check(survey: &Survey<'_>, sink: &mut Sink) {
    for (file, source) in survey.sources.iter() {
        let mut at = 0;
        for line in source.text().split_inclusive('\n') {
            let from = at + line.len() - line.trim_start().len();
            at += line.len();
            let line = line.trim();
            let Some(what) = literal(line) else { continue };
            let message = format!("this is {what}, for everybody who reads `{}`", source.name());
            let hint = "declare it in `secrets` of cluster.yaml and write `{{ secrets.name }}`; what was committed is known, \
                        so make a new one";
            sink.push(
                Diagnostic::new(Code::CommittedSecret, message).at(Span::new(file, from, from + line.len())).hint(hint),
            );
        }
    }
    unused(survey, sink);
    let mut values: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for (name, span, value) in survey.secrets {
        if let Some((first, at)) = values.insert(value.trim(), (name, *span)).filter(|_| !value.trim().is_empty()) {
            let message = format!("the secrets `{first}` and `{name}` have the same value");
            let found = Diagnostic::new(Code::SharedPassword, message).at(*span);
            let found = found.related(at, "the first one is declared here");
            sink.push(found.hint("make one for each: who learns the one has the other"));
        }
        let value = value.trim();
        let hash = HASHES.iter().any(|start| value.starts_with(start));
        let why = if hash {
            continue;
        } else if GUESSED.contains(&value.to_lowercase().as_str()) {
            "is one that everybody tries first".to_owned()
        } else if value.chars().count() < 8 {
            "has fewer than 8 characters".to_owned()
        } else if value.chars().all(|c| value.starts_with(c)) {
            "is one character repeated".to_owned()
        } else {
            continue;
        };
        let found = Diagnostic::new(Code::WeakSecret, format!("the secret `{name}` {why}")).at(*span);
        sink.push(found.hint("make one with `openssl rand -hex 16` (VRRP takes 8 characters: `openssl rand -hex 4`)"));
    }
}

/// Secrets that no fragment and no template takes.
fn unused(survey: &Survey<'_>, sink: &mut Sink) {
    let texts = || survey.sources.iter().map(|(_, source)| &**source.text());
    // `secrets[values.key]`: the name is a value somewhere.
    let looked_up = texts().flat_map(|text| text.split("secrets[").skip(1)).any(|rest| !rest.starts_with(['"', '\'']));
    for (name, declared) in &survey.cluster.profile.secrets {
        let named = |text: &str| {
            let starts = [format!("secrets.{name}"), format!("secrets[\"{name}\"]"), format!("secrets['{name}']")];
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            starts.iter().any(|start| text.split(start.as_str()).skip(1).any(ends))
        };
        let is_value =
            |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name);
        let elsewhere = survey.sources.iter().filter(|(file, _)| *file != declared.span.file);
        if texts().any(named) || looked_up && elsewhere.map(|(_, source)| &**source.text()).any(is_value) {
            continue;
        }
        let message = format!("no fragment and no template uses the secret `{name}`");
        let found = Diagnostic::new(Code::SecretUnused, message).at(declared.span);
        sink.push(found.hint(format!("write `{{{{ secrets.{name} }}}}` where it belongs, or take it out")));
    }
}

/// Whether a line has a URL with a password in it.
fn logs_in(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let password = user(rest).split_once(':').map_or("", |(_, password)| password);
        !password.is_empty() && !password.contains(['{', '$', '<'])
    })
}

/// What secret a line holds, in words.
fn literal(line: &str) -> Option<&'static str> {
    let bare = line.trim_start();
    if bare.contains("-----BEGIN") && bare.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if bare.starts_with(['#', ';']) || bare.starts_with("//") {
        return None;
    }
    let hash = HASHES.iter().filter_map(|start| bare.find(start).map(|at| &bare[at..])).any(|rest| {
        let body = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"./$=,".contains(b)).count();
        body >= 20
    });
    if hash {
        return Some("a password hash");
    }
    if logs_in(bare) {
        return Some("a password");
    }
    // In a mapping in one line, each key by itself.
    if let Some((_, inner)) = bare.split_once('{').filter(|(_, rest)| rest.contains(':') && !rest.starts_with('{')) {
        let inner = inner.trim_end_matches('}');
        if let Some(found) = inner.split(',').find_map(|pair| literal(pair.trim())) {
            return Some(found);
        }
    }
    let end = bare.find([':', '=', ' '])?;
    let key = bare[..end].trim_start_matches("- ").trim_matches(['"', '\'']).to_lowercase();
    let value = bare[end..].trim_start_matches([':', '=', ' ']).trim();
    let value = value.trim_matches(['"', '\'']);
    let named = matches!(key.as_str(), "auth_pass" | "password" | "passwd" | "plain_text_passwd" | "token" | "secret")
        || ["_password", "_passwd", "_token", "_secret", "_access_key", "_api_key", "_secret_key"]
            .iter()
            .any(|end| key.ends_with(end));
    let plain = value.len() >= 4
        && !value.contains(['{', '$', '(', '<', ' '])
        && !["file:", "env:", "/"].iter().any(|start| value.starts_with(start))
        && !matches!(value, "true" | "false" | "null" | "none");
    if named && plain {
        return Some("a password");
    }
    let words: Vec<&str> = bare.split_whitespace().collect();
    match words.as_slice() {
        ["stats", "auth", pair] if pair.contains(':') && !pair.contains("{{") => Some("a password"),
        _ => None,
    }
}

/// One password of an account on several machines.
pub(super) fn everywhere(overview: &Overview<'_>, sink: &mut Sink) {
    let mut seen: BTreeMap<(&str, [u8; 32]), Vec<Option<Span>>> = BTreeMap::new();
    for baked in overview.nodes {
        for (name, account) in &baked.users {
            let Some(password) = account.password else { continue };
            seen.entry((name, password)).or_default().push(account.origin);
        }
    }
    for ((name, _), places) in seen.into_iter().filter(|(_, places)| places.len() > 1) {
        let (count, origin) = (places.len(), places[0]);
        let message = format!("`{name}` has one password on `{count}` machines: who learns it on one has all of them");
        let found = Diagnostic::new(Code::SharedPassword, message).at(origin);
        sink.push(
            found.hint("take a secret for each machine (`values` of the node), or lock the password and use keys"),
        );
    }
}

/// One password for several accounts of a machine.
pub(super) fn shared(view: &View<'_>, sink: &mut Sink) {
    let mut seen: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let place = |index: usize| {
        let path = Path::root().then("passwd").then("users").then(index).then("passwordHash");
        view.part.trace.span(&path)
    };
    for (index, user) in view.part.config.passwd.users.iter().enumerate() {
        let Some(hash) = user.password_hash.as_deref().filter(|hash| hash.len() > 2) else { continue };
        if let Some((first, name)) = seen.get(hash) {
            let message = format!("`{name}` and `{}` have the same password", user.name);
            let found = Diagnostic::new(Code::SharedPassword, message).at(place(index));
            let found = found.hint("give each account a password of its own, or none");
            sink.push(match place(*first) {
                Some(span) => found.related(span, format!("`{name}` is declared here")),
                None => found,
            });
        } else {
            seen.insert(hash, (index, &user.name));
        }
    }
}
