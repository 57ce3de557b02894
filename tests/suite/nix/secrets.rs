//! No secret can reach anything that the flake builds.

use super::lab::{Lab, copy, lab, system};
use crate::support::repository;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Every derivation that the flake offers.
fn derivations(lab: &Lab, flake: &Path) -> Vec<(&'static str, Value)> {
    let system = system();
    let of = |set: &'static str| {
        let apply = "builtins.mapAttrs (_: one: one.drvPath)";
        (set, lab.eval(flake, &format!("{set}.{system}"), apply))
    };
    ["packages", "legacyPackages", "checks", "devShells"].map(of).to_vec()
}

/// A copy of the flake whose secrets are another's; `None` removes them.
fn with_secrets(lab: &Lab, name: &str, value: Option<&str>) -> PathBuf {
    let flake = lab.scratch.path().join(name);
    copy(repository(), &flake);
    let folder = flake.join("secrets");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        match value {
            Some(value) if path.extension().is_none() => fs::write(&path, value).unwrap(),
            Some(_) => {}
            None => fs::remove_file(&path).unwrap(),
        }
    }
    flake
}

#[test]
fn derivations_do_not_depend_on_secrets() {
    let Some(lab) = lab() else { return };
    // A derivation's path is a hash of all that goes into it: what is the same whatever the secrets are cannot know them.
    let one = with_secrets(lab, "secrets-one", Some("correct-horse-battery-staple\n"));
    let other = with_secrets(lab, "secrets-other", Some("tr0ub4dor-and-3\n"));
    let (one, other) = (derivations(lab, &one), derivations(lab, &other));
    assert_eq!(one, other);
    assert!(one.iter().map(|(_, set)| set.as_object().unwrap().len()).sum::<usize>() > 20);
    // The fakes in the repository go into bake (`bake init` brings them along) and its tests. Machines know none, not even
    // that there are any.
    let none = derivations(lab, &with_secrets(lab, "secrets-none", None));
    let fakes = derivations(lab, &lab.flake);
    let machines = |all: &[(&str, Value)]| (all[0].1["cluster"].clone(), all[1].1.clone());
    assert_eq!(machines(&none), machines(&fakes));
    assert_eq!(machines(&one), machines(&fakes));
}
