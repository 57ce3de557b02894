//! `bake check`.

use super::Outcome;
use super::args::{Check, Report};
use super::report::{redacted, report_as, unusable};
use super::settings::Settings;
use super::show::Show;
use crate::Request;
use crate::diag::{Code, Diagnostic, Severity, Sources, suggest};
use crate::world::disk::Disk;

pub(super) fn run(settings: &Settings, show: &Show, args: &Check) -> Outcome {
    for rule in &args.rules {
        if !Code::ALL.iter().any(|code| code.id() == rule) {
            let hint = suggest::nearest(rule, Code::ALL.iter().map(|code| code.id()));
            let hint = hint.map_or("`bake explain` lists all".to_owned(), |near| format!("did you mean `{near}`?"));
            show.note(&format!("error: no rule has the code `{}`; {hint}", rule.escape_debug()));
            return Outcome::Failed;
        }
    }
    let disk = match Disk::open(&settings.root) {
        Ok(disk) => disk,
        Err(trouble) => {
            let found = [unusable(&settings.root, trouble)];
            return tell(show, args, &Sources::default(), &found, &str::to_owned);
        }
    };
    let plan = crate::plan(&disk, &Request { profiles: args.profiles.clone(), nodes: Vec::new() });
    let mut found = plan.check(std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get));
    // What cannot be read or built is said whatever was asked for: it hides the rest.
    let wanted = |found: &Diagnostic| {
        let asked = args.rules.is_empty() || args.rules.iter().any(|rule| rule == found.code.id());
        asked || (!found.code.is_rule() && found.severity == Severity::Error)
    };
    found.retain(wanted);
    tell(show, args, &plan.sources, &found, &|text| plan.redact(text))
}

fn tell(
    show: &Show,
    args: &Check,
    sources: &Sources,
    found: &[Diagnostic],
    redact: &dyn Fn(&str) -> String,
) -> Outcome {
    if args.format == Report::Sarif {
        let clean: Vec<Diagnostic> = found.iter().map(|finding| redacted(finding, redact)).collect();
        show.result(&crate::diag::sarif::text(sources, &clean));
    } else {
        report_as(show, args.format, sources, found, redact);
    }
    let limit = if args.strict { Severity::Warning } else { Severity::Error };
    // Severities are ordered from the worst.
    let refused = found.iter().any(|finding| finding.severity <= limit);
    if refused { Outcome::Refused } else { Outcome::Done }
}
