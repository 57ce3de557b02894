//! Sets the Ignition version that a config is emitted at.

use crate::diag::{Code, Diagnostic, Sink};
use crate::model::shape::populated;
use crate::model::{Part, Path, Step};
use crate::spec::{Target, ignition};
use std::collections::BTreeSet;

/// Makes `part` a config of spec `target`, and refuses every field that this version does not have: Ignition would
/// ignore it.
pub fn pin(part: &mut Part, target: Target, sink: &mut Sink) {
    let mut lacking = BTreeSet::new();
    populated(&part.config, &mut |steps, _| {
        let keys = steps.iter().filter_map(|step| if let Step::Key(key) = step { Some(key.as_ref()) } else { None });
        let name = keys.collect::<Vec<_>>().join(".");
        let since = ignition::since(&name);
        if since > target && matches!(steps.last(), Some(Step::Key(_))) {
            lacking.insert((steps.iter().cloned().collect::<Path>(), name, since));
        }
    });
    for (path, name, since) in lacking {
        let message =
            format!("`{name}` needs Ignition {}, but this node is emitted at {}", since.version(), target.version());
        let hint = format!("write `ignition: {}` in the node's profile or in `cluster.yaml`", since.version());
        sink.push(Diagnostic::new(Code::NotExpressible, message).at(part.trace.span(&path)).hint(hint));
    }
    target.version().clone_into(&mut part.config.ignition.version);
}
