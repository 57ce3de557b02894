//! The command line: what was asked for, one file per verb, and what is shown.

mod args;
mod ask;
mod build;
mod check;
mod diff;
mod explain;
mod found;
mod init;
mod lab;
mod rebuild;
mod rehearse;
mod report;
mod schema;
mod settings;
mod show;
mod transpile;
mod verify;

use args::Verb;
use settings::Settings;
use std::process::ExitCode;

/// How a run ended, as the exit status tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything that was asked for.
    Done = 0,
    /// The input is wrong; nothing was written.
    Refused = 1,
    /// bake was misused or could not do its work.
    Failed = 2,
}

/// Runs the command that the arguments ask for.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|verb| verb == "transpile") {
        return transpile::run(arguments);
    }
    let line = match args::read() {
        Ok(line) => line,
        Err(refusal) => {
            settings::show(None).either(&refusal.text, refusal.asked);
            return code(if refusal.asked { Outcome::Done } else { Outcome::Failed });
        }
    };
    let settings = Settings::new(&line.global);
    let show = settings::show(Some(line.global.color));
    let outcome = match line.verb {
        // Run above when it stands first, as its own options then do behind it.
        Verb::Transpile => {
            show.note("error: `transpile` must be the first word behind `bake`; its options follow it");
            Outcome::Failed
        }
        Verb::Init(args) => init::run(&settings, &show, &args),
        Verb::Build(args) => build::run(&settings, &show, &args),
        Verb::Check(args) => check::run(&settings, &show, &args),
        Verb::Diff(args) => diff::run(&settings, &show, &args),
        Verb::Verify(args) => verify::run(&settings, &show, &args),
        Verb::Lab(args) => lab::run(&settings, &show, &args.verb),
        Verb::Schema(args) => schema::run(&show, &args),
        Verb::Explain(args) => explain::run(&settings, &show, &args),
    };
    code(if show.failed() { Outcome::Failed } else { outcome })
}

fn code(outcome: Outcome) -> ExitCode {
    ExitCode::from(outcome as u8)
}
