//! cloud-init's documents as YAML that people can read and PyYAML reads back unchanged.
//!
//! Texts of several lines become literal blocks, and a scalar is quoted exactly when YAML 1.1 (PyYAML's language,
//! in which `yes`, `012` and `12:30:45` are not texts) would read something else. Nothing is folded: a long line is
//! a long line.

use super::manifest::instance_id;
use crate::model::cloud::{CloudConfig, CloudInit, MetaData, NetworkConfig};
use serde::Serialize;
use std::fmt::Write as _;

/// The three documents of a NoCloud seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// `user-data`.
    pub user_data: String,
    /// `meta-data`.
    pub meta_data: String,
    /// `network-config`.
    pub network_config: String,
    /// The instance-id in `meta-data`.
    pub instance_id: String,
}

/// All documents of the machine called `node`. The instance-id is the name and a digest of the other two documents:
/// it changes exactly when they do.
pub fn seed(node: &str, documents: &CloudInit) -> Seed {
    let user_data = user_data(&documents.user_data);
    let network_config = network_config(&documents.network_config);
    let files = [("user-data", user_data.as_bytes()), ("network-config", network_config.as_bytes())];
    let instance_id = instance_id(node, files);
    let local_hostname = documents.local_hostname.clone();
    let meta_data = meta_data(&MetaData { instance_id: instance_id.clone(), local_hostname });
    Seed { user_data, meta_data, network_config, instance_id }
}

/// `user-data`: the line that makes it a cloud-config, comments, and the document.
pub fn user_data(config: &CloudConfig) -> String {
    format!("#cloud-config\n{}{}", comments(&config.comments), yaml(config))
}

/// `meta-data`.
pub fn meta_data(meta: &MetaData) -> String {
    yaml(meta)
}

/// `network-config`, bare: without a `network:` around it.
pub fn network_config(config: &NetworkConfig) -> String {
    format!("{}{}", comments(&config.comments), yaml(config))
}

/// Any value as YAML for PyYAML. The types of `model::cloud` always serialise: their keys are texts.
pub fn yaml(value: &impl Serialize) -> String {
    let options = serde_saphyr::ser_options! {
        folded_wrap_chars: 1_000_000_000,
        min_fold_chars: 1_000_000_000,
        compact_list_indent: false,
        indent_step: 2,
    };
    let mut text = String::new();
    match serde_saphyr::to_fmt_writer_with_options(&mut text, value, options) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

fn comments(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        // A line break inside would end the comment and begin YAML.
        let line = line.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ");
        let _ = writeln!(text, "# {line}");
        text
    })
}
