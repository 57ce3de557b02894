//! What a role is, as a page: `bake explain role NAME` and `docs/roles/`.

use crate::model::data::Data;
use crate::model::profile::RoleProfile;
use crate::model::profile::cluster::Protocol;
use crate::model::profile::container::{Container, Runtime};
use crate::model::profile::node::Os;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What a fragment makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Makes {
    /// Name of the fragment.
    pub fragment: String,
    /// Paths of files, directories, links and mount points, as they are written.
    pub paths: Vec<String>,
    /// Names of units.
    pub units: Vec<String>,
    /// Names of users.
    pub users: Vec<String>,
}

/// The page in Markdown. `secrets` are the names of those that go into its files.
pub fn page(name: &str, role: &RoleProfile, makes: &[Makes], secrets: &BTreeSet<String>) -> String {
    let mut text = format!("# `{name}`\n\n{}.\n\n", role.description.trim_end_matches('.'));
    let systems = if role.os.is_empty() {
        Os::ALL.iter().map(|(os, _)| label(*os)).collect()
    } else {
        role.os.iter().map(|os| label(os.value)).collect::<Vec<_>>()
    };
    let _ = writeln!(text, "- Runs on {}.", join(&systems, "and"));
    if !role.requires.is_empty() {
        let commands: Vec<String> = role.requires.iter().map(|command| format!("`{command}`")).collect();
        let _ = writeln!(text, "- The image brings {}: nothing is installed at first boot.", join(&commands, "and"));
    }
    if !secrets.is_empty() {
        let names: Vec<String> = secrets.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "- Secrets: {}.", join(&names, "and"));
    }
    bakes(&mut text, role, makes);
    listens(&mut text, role);
    values(&mut text, role);
    text
}

fn bakes(text: &mut String, role: &RoleProfile, makes: &[Makes]) {
    let mut lines = Vec::new();
    for made in makes {
        let all = made.fragment_list();
        let only = role.fragments.iter().find(|fragment| fragment.name.value == made.fragment);
        let only: Vec<&str> = only.into_iter().flat_map(|fragment| &fragment.os).map(|os| label(os.value)).collect();
        let only = if only.is_empty() { String::new() } else { format!(", on {}", join(&only, "and")) };
        if !all.is_empty() {
            lines.push(format!("- {} (fragment `{}`{only})", all.join(", "), made.fragment));
        }
    }
    for (service, container) in &role.containers {
        lines.push(format!("- `{service}.service`: {}; {}", container.description, runtimes(role, container)));
    }
    for extension in &role.extensions {
        lines.push(format!("- the system extension `{}`, on Flatcar", extension.name));
    }
    for (key, value) in &role.sysctls {
        lines.push(format!("- `{key} = {}`", shown(value)));
    }
    if !role.kernel_modules.is_empty() {
        let modules: Vec<String> = role.kernel_modules.iter().map(|module| format!("`{module}`")).collect();
        lines.push(format!("- kernel modules {}", join(&modules, "and")));
    }
    for route in &role.routes {
        lines.push(format!("- a route to `{}`: {}", route.to, route.reason));
    }
    if !lines.is_empty() {
        let _ = writeln!(text, "\n## What it bakes\n\n{}", lines.join("\n"));
    }
}

impl Makes {
    fn fragment_list(&self) -> Vec<String> {
        let users = self.users.iter().map(|user| format!("the user `{user}`"));
        let things = self.paths.iter().chain(&self.units).map(|thing| format!("`{thing}`"));
        things.chain(users).collect()
    }
}

/// How a service can run; the first is what the role chooses.
fn runtimes(role: &RoleProfile, container: &Container) -> String {
    let chosen = role.runtime.map_or(Runtime::Container, |runtime| runtime.value);
    let able = |runtime: &Runtime| match runtime {
        Runtime::Container => true,
        Runtime::Package => container.package.is_some(),
        Runtime::Sysext => container.sysext.is_some(),
    };
    let others = Runtime::ALL.iter().map(|(runtime, _)| *runtime).filter(|runtime| *runtime != chosen && able(runtime));
    let others: Vec<String> = others.map(|runtime| format!("`{runtime}`")).collect();
    let also = if others.is_empty() { String::new() } else { format!(", or {}", join(&others, "or")) };
    format!("runtime `{chosen}`{also}")
}

fn listens(text: &mut String, role: &RoleProfile) {
    text.push_str("\n## What it listens on\n\n");
    if role.listens.is_empty() {
        text.push_str("Nothing that others may connect to.\n");
        return;
    }
    text.push_str("| what | port | for whom |\n|---|---|---|\n");
    for listen in &role.listens {
        let port = match (listen.port, listen.end_port) {
            (Some(port), Some(last)) => format!("{}-{} {}", port, last, listen.protocol),
            (Some(port), None) => format!("{port} {}", listen.protocol),
            (None, _) if listen.protocol == Protocol::Vrrp => "VRRP (IP protocol 112)".to_owned(),
            (None, _) => listen.protocol.to_string(),
        };
        let from: Vec<String> = listen.from.iter().map(|from| format!("`{from}`")).collect();
        let _ = writeln!(text, "| {} | {port} | {} |", listen.name, from.join(", "));
    }
}

fn values(text: &mut String, role: &RoleProfile) {
    if role.values.is_empty() {
        return;
    }
    text.push_str("\n## Values\n\nA node's profile may set them otherwise, under `values`.\n\n");
    text.push_str("| value | default | what for |\n|---|---|---|\n");
    for (name, value) in &role.values {
        let default = value.value.0.default.as_ref().map_or("none: the node says it".to_owned(), |default| {
            let shown = shown(default);
            if shown.is_empty() { "empty".to_owned() } else { format!("`{shown}`") }
        });
        let what = value.value.0.description.as_ref().map_or(String::new(), |what| cell(what));
        let _ = writeln!(text, "| `{name}` | {} | {what} |", default.replace('|', "\\|"));
    }
}

/// A text in one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn label(os: Os) -> &'static str {
    match os {
        Os::Flatcar => "Flatcar",
        Os::Almalinux => "AlmaLinux",
        Os::Rocky => "Rocky Linux",
    }
}

fn join<T: AsRef<str>>(words: &[T], last: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., end] => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// A value on one line, in YAML's flow style.
fn shown(value: &Data) -> String {
    match value {
        Data::Null => "null".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Integer(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Text(text) => text.clone(),
        Data::List(items) => format!("[{}]", items.iter().map(|item| shown(item)).collect::<Vec<_>>().join(", ")),
        Data::Map(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
