//! What is left of etcd while a server is away.

use super::Step;
use crate::diff::report::Verdict;
use serde::Serialize;
use std::collections::BTreeSet;

/// The arithmetic of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Etcd {
    /// Members while the node is away: one that is deleted is none any more.
    pub members: usize,
    /// How many of them must agree.
    pub quorum: usize,
    /// How many of them work.
    pub working: usize,
}

impl Etcd {
    /// How many more may fail.
    pub fn tolerates(self) -> Option<usize> {
        self.working.checked_sub(self.quorum)
    }
}

/// `name` leaves the `servers`, one of which it is.
pub(super) fn leave(name: &str, servers: &BTreeSet<&str>, step: &mut Step) {
    let working = servers.len().saturating_sub(1);
    // A member that is only switched off still counts.
    let members = if step.action == Verdict::Restart { servers.len() } else { working };
    let etcd = Etcd { members, quorum: members / 2 + 1, working };
    step.etcd = Some(etcd);
    if working == 0 {
        step.warnings.push(if step.action == Verdict::Restart {
            format!("`{name}` is the only K3s server: there is no API until it is back")
        } else {
            format!("`{name}` is the only K3s server: the cluster's state goes with its disk; take a snapshot (`k3s etcd-snapshot save`) and restore it")
        });
    } else if etcd.tolerates().is_none() {
        step.warnings.push(format!("etcd loses its majority while `{name}` is away: the API is read-only at best"));
    }
}

/// What happens to a server that is told to start a cluster when there is one.
pub(super) fn second_cluster(name: &str) -> String {
    format!(
        "`{name}` is told to start a cluster (`cluster-init`), and with an empty disk it would start a second one: \
         before its turn, give that role to a server that is done, build again, and make only `{name}` anew (the other \
         one has its data and takes no notice)"
    )
}
