//! What came of a comparison: for every node what changes and what that means, and in which order to do it.

use super::compare::{Change, What};
use super::machine::Topic;
use super::rollout::Rollout;
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the JSON; it changes when a key changes its meaning.
pub const FORMAT: u32 = 1;

/// A comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of the format: [`FORMAT`].
    pub format: u32,
    /// What is compared.
    pub old: String,
    /// With what.
    pub new: String,
    /// How many nodes there are for each verdict.
    pub summary: BTreeMap<Verdict, usize>,
    /// Nodes that are not as they were, by name.
    pub nodes: BTreeMap<String, Node>,
    /// What changes on the hypervisor and belongs to no single machine.
    pub shared: Vec<Change>,
    /// How to get from one to the other.
    pub rollout: Rollout,
}

/// A node that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// What the changes mean.
    pub verdict: Verdict,
    /// Why, in words.
    pub because: String,
    /// What changes in the machine.
    pub changes: Vec<Change>,
    /// What changes about the machine on the hypervisor.
    pub handover: Vec<Change>,
    /// What one should know before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What changes mean for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is new.
    Create,
    /// It is made anew, with its root disk: its artefacts are for the first boot.
    Replace,
    /// It is defined anew and started again; its disks stay.
    Restart,
    /// It is gone.
    Destroy,
    /// Nothing happens to it.
    Nothing,
}

impl Verdict {
    /// The verdict as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Restart => "restart",
            Self::Destroy => "destroy",
            Self::Nothing => "nothing",
        }
    }
}

impl Report {
    /// Whether nothing at all is different.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.shared.is_empty()
    }
}

/// What becomes of a node: it is there before or after, its artefacts are others or not, and what changes about the machine.
pub fn verdict(there: (bool, bool), content: bool, handover: &[Change]) -> (Verdict, String) {
    match there {
        (false, _) => return (Verdict::Create, "it is new".to_owned()),
        (_, false) => return (Verdict::Destroy, "it is gone".to_owned()),
        _ => {}
    }
    if content {
        return (Verdict::Replace, "what it reads at its first boot is something else".to_owned());
    }
    let root = |change: &&Change| change.topic == Topic::Disk && change.name == "root";
    if handover.iter().any(|change| root(&change)) {
        return (Verdict::Replace, "its root disk is made anew".to_owned());
    }
    let machine = |change: &&Change| matches!(change.topic, Topic::Hardware | Topic::Card | Topic::Disk);
    if handover.iter().any(|change| machine(&change)) {
        return (Verdict::Restart, "only the virtual machine changes".to_owned());
    }
    (Verdict::Nothing, "what changes does not reach the machine".to_owned())
}

/// What one should know before a node gets this verdict. `lost` are folders that containers write to and that lie on the
/// root disk.
pub fn warnings(verdict: Verdict, handover: &[Change], lost: &[(String, String)], made: bool) -> Vec<String> {
    let mut found = Vec::new();
    if matches!(verdict, Verdict::Replace | Verdict::Destroy) {
        for (container, folder) in lost {
            found.push(format!("`{container}` keeps its data in {folder}, on the root disk: save it before"));
        }
    }
    for change in handover.iter().filter(|change| change.topic == Topic::Disk && change.name != "root") {
        let disk = &change.name;
        found.push(match change.what {
            What::Removed => format!("its disk `{disk}` is deleted with all that is on it"),
            What::Added => continue,
            What::Changed => format!(
                "its disk `{disk}` changes its size: Terraform's provider 0.8.3 makes it anew, empty, and 0.9 refuses; \
                 `virsh vol-resize` keeps what is on it"
            ),
        });
    }
    if !made && verdict != Verdict::Nothing {
        found.push("no virtual machine is made for it here: bring its files to it yourself".to_owned());
    }
    found
}
