//! What a run of the lab found, in the form that was asked for.

use super::Outcome;
use super::args::{Found, LabReport, LabTold};
use super::settings::{Settings, Volume};
use super::show::Show;
use crate::lab::report;
use crate::lab::result::{Run, Verdict};
use crate::world::file;

/// `bake lab report RESULT.json`.
pub(super) fn again(settings: &Settings, show: &Show, args: &LabReport) -> Outcome {
    let (path, input) = (settings.path(&args.result), args.result.as_os_str() == "-");
    let bytes = if input { file::read_input() } else { file::read(&path) };
    let name = if input { "standard input".to_owned() } else { format!("`{}`", path.display()) };
    let run = bytes.map_err(|failure| failure.message).and_then(|bytes| {
        let text = String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
        report::read(&text).map_err(|why| format!("{name} is not what `bake lab test --format json` prints: {why}"))
    });
    match run {
        Ok(run) => tell(settings, show, &run, &args.told),
        Err(message) => {
            show.note(&format!("error: {message}"));
            Outcome::Refused
        }
    }
}

/// Tells it. Something wrong in the cluster is what 1 is for; what could not be tried is bake's failure.
pub(super) fn tell(settings: &Settings, show: &Show, run: &Run, told: &LabTold) -> Outcome {
    match told.format {
        Found::Text => show.fitted(|columns, colour| report::text(run, columns, colour)),
        Found::Json => show.result(&report::json(run)),
        Found::Junit => show.result(&report::junit(run)),
    }
    if let Some(path) = &told.report {
        let path = settings.path(path);
        if let Err(failure) = file::replace(&path, report::page(run).as_bytes()) {
            show.note(&format!("error: {}", failure.message));
            return Outcome::Failed;
        }
        if settings.volume > Volume::Quiet {
            show.note(&format!("wrote `{}`", path.display()));
        }
    }
    match run.verdict() {
        Verdict::Passed => Outcome::Done,
        Verdict::Failed => Outcome::Refused,
        Verdict::Incomplete => Outcome::Failed,
    }
}
