//! `bake schema KIND`.

use super::Outcome;
use super::args::Schema;
use super::show::Show;
use crate::diag::suggest;

pub(super) fn run(show: &Show, args: &Schema) -> Outcome {
    if let Some(text) = crate::schema(&args.kind) {
        show.result(&text);
        return Outcome::Done;
    }
    let hint = suggest::hint(&args.kind, crate::schemas());
    show.note(&format!(
        "error: no kind of profile is called `{}`; {}",
        args.kind.escape_debug(),
        hint.unwrap_or_default()
    ));
    Outcome::Failed
}
