//! What a new project says about itself.

use super::Question;
use std::fmt::Write as _;

/// `.gitignore`: what is built, and what nobody else should read.
pub(super) const IGNORED: &str = "/dist*\n/.dist*\n/secrets/\n";

/// `README.md`.
pub(super) fn readme(name: &str, summary: &str, secrets: &[&Question]) -> String {
    let mut text = format!(
        "# {name}

{summary}

Made by `bake init`; everything in here is yours to change.

    bake check                  # what would fail at run time
    bake build                  # everything that the machines need, in dist/
    grep -rn 'change(' profiles # the values that differ from home to home

| folder | what is in it |
|---|---|
| `profiles/cluster.yaml` | networks, virtual addresses, images, and where secrets come from |
| `profiles/nodes/` | one machine each |
| `profiles/roles/` | what machines do |
| `butane/` | fragments that roles name, and what those include |
| `schema/` | for editors that check YAML; `bake schema` prints them anew |
| `secrets/` | not in Git: keep them elsewhere, too |

## Secrets

What `bake init` was not told is a fake that lets the project build. Replace it before a machine boots.

| file | what it is |
|---|---|
"
    );
    for secret in secrets {
        let _ = writeln!(text, "| `{}` | {} |", secret.value, secret.text);
    }
    text
}
