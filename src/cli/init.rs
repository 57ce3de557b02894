//! `bake init [--from EXAMPLE] [DIR]`.

use super::Outcome;
use super::args::{Form, Init};
use super::ask::{anybody, ask};
use super::report::report;
use super::settings::{Settings, Volume};
use super::show::Show;
use crate::Plan;
use crate::diag::{Code, Diagnostic, Severity, Sources, suggest};
use crate::init::{Draft, Question, examples};
use crate::world::fresh;
use crate::world::output::Failure;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// The cluster that is taken where none is named.
const DEFAULT: &str = "microcloud";

pub(super) fn run(settings: &Settings, show: &Show, args: &Init) -> Outcome {
    let name = args.from.as_deref().unwrap_or(DEFAULT);
    if args.list && args.from.is_none() {
        list(show, args.format);
        return Outcome::Done;
    }
    let Some(mut draft) = Draft::from_example(name) else {
        let all = examples();
        let hint = suggest::hint(name, all.iter().map(|example| example.name)).unwrap_or_default();
        show.note(&format!("error: no cluster is called `{}`; {hint}", name.escape_debug()));
        return Outcome::Failed;
    };
    if args.list {
        values(show, args.format, &draft.questions());
        return Outcome::Done;
    }
    let folder = settings.path(&args.folder);
    if let Err(failure) = fresh::usable(&folder) {
        return refuse(show, args.format, failure);
    }
    if let Err(why) = given(&mut draft, &args.values) {
        show.note(&format!("error: {why}"));
        return Outcome::Failed;
    }
    let asking = !args.yes && args.format == Form::Text && anybody(show);
    if asking && interview(show, &mut draft, &args.values).is_none() {
        show.note("nothing was written");
        return Outcome::Failed;
    }
    write(settings, show, args, &draft, &folder)
}

/// Checks the draft and writes it, unless anything is wrong with it.
fn write(settings: &Settings, show: &Show, args: &Init, draft: &Draft, folder: &Path) -> Outcome {
    let plan = draft.plan();
    let found = plan.check(std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get));
    let wrong = found.iter().any(|found| found.severity == Severity::Error);
    let files = if wrong { Vec::new() } else { draft.files() };
    if !wrong && let Err(failure) = fresh::write(folder, &files) {
        return refuse(show, args.format, failure);
    }
    let questions = draft.questions();
    let fakes: Vec<&Question> = questions.iter().filter(|question| question.fake && !wrong).collect();
    let paths: Vec<&String> = files.iter().map(|file| &file.path).collect();
    let mut more = Map::from_iter([("written".to_owned(), json!(paths))]);
    more.insert("fakes".to_owned(), fakes.iter().map(|fake| json!({"key": fake.key, "file": file(fake)})).collect());
    let outcome = report(show, args.format, &plan.sources, &found, more, &|text| plan.redact(text));
    if outcome == Outcome::Done && args.format == Form::Text {
        summarize(settings, show, folder, files.len(), &fakes);
    }
    outcome
}

/// The values of the command line. A network comes first: it moves what lies in it.
fn given(draft: &mut Draft, values: &[String]) -> Result<(), String> {
    let questions = draft.questions();
    let mut pairs = Vec::new();
    for pair in values {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| format!("`--set {}` is not `KEY=VALUE`", pair.escape_debug()))?;
        let Some(at) = questions.iter().position(|question| question.key == key) else {
            let hint = suggest::hint(key, questions.iter().map(|question| question.key.as_str()));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(format!("no value is called `{}`{hint}", key.escape_debug()));
        };
        if questions[at].secret {
            // Everybody on a machine sees the arguments of its processes.
            return Err(format!("`{key}` is a secret: write it to `{}` afterwards", questions[at].value));
        }
        pairs.push((at, key, value));
    }
    pairs.sort_by_key(|(at, ..)| *at);
    pairs.into_iter().try_for_each(|(_, key, value)| draft.set(key, value))
}

/// Asks for every value that the command line does not have. `None` when somebody had enough of it.
fn interview(show: &Show, draft: &mut Draft, values: &[String]) -> Option<()> {
    show.note("An empty answer keeps what stands in brackets.");
    let keys: Vec<String> = draft.questions().into_iter().map(|question| question.key).collect();
    let named = |key: &str| values.iter().any(|pair| pair.split_once('=').is_some_and(|(named, _)| named == key));
    for key in keys.iter().filter(|key| !named(key)) {
        loop {
            // Anew each time: another network has changed what lies in it.
            let question = draft.questions().into_iter().find(|question| question.key == *key)?;
            let held = if question.secret { "a fake; what you type is not shown" } else { &question.value };
            let answer = ask(show, &format!("{} [{held}]: ", question.text), question.secret)?;
            if answer.is_empty() {
                break;
            }
            let mut next = draft.clone();
            match next.set(key, &answer).and_then(|()| understood(&next.plan())) {
                Ok(()) => {
                    *draft = next;
                    break;
                }
                Err(why) => show.note(&format!("error: {why}")),
            }
        }
    }
    Some(())
}

/// The first thing that is wrong with a project.
fn understood(plan: &Plan) -> Result<(), String> {
    let first = plan.diagnostics.iter().find(|found| found.severity == Severity::Error);
    first.map_or(Ok(()), |found| Err(plan.redact(&found.message)))
}

fn refuse(show: &Show, form: Form, failure: Failure) -> Outcome {
    let mut found = Diagnostic::new(Code::OutputUnwritable, failure.message);
    found.hint = failure.hint;
    let nothing = Map::from_iter([("written".to_owned(), json!([])), ("fakes".to_owned(), json!([]))]);
    report(show, form, &Sources::default(), &[found], nothing, &str::to_owned)
}

fn list(show: &Show, form: Form) {
    let all = examples();
    if form == Form::Json {
        let all: Vec<Value> = all.iter().map(|one| json!({"name": one.name, "summary": one.summary})).collect();
        show.result(&format!("{:#}\n", Value::from(all)));
        return;
    }
    let width = all.iter().map(|example| example.name.len()).max().unwrap_or(0);
    show.result(&all.iter().fold(String::new(), |mut text, example| {
        let _ = writeln!(text, "{:width$}  {}", example.name, example.summary);
        text
    }));
}

fn values(show: &Show, form: Form, questions: &[Question]) {
    if form == Form::Json {
        let all: Vec<Value> = questions
            .iter()
            .map(|one| json!({"key": one.key, "text": one.text, "value": one.value, "secret": one.secret, "fake": one.fake}))
            .collect();
        show.result(&format!("{:#}\n", Value::from(all)));
        return;
    }
    let width = questions.iter().map(|question| question.key.len()).max().unwrap_or(0);
    show.result(&questions.iter().fold(String::new(), |mut text, question| {
        let _ = writeln!(text, "{:width$}  {} [{}]", question.key, question.text, question.value);
        text
    }));
}

/// The file in which somebody has to change something.
fn file(question: &Question) -> &str {
    if question.secret { &question.value } else { &question.place.0 }
}

fn summarize(settings: &Settings, show: &Show, folder: &Path, files: usize, fakes: &[&Question]) {
    if !fakes.is_empty() {
        show.note("warning: these hold fakes, with which no machine must boot:");
        let width = fakes.iter().map(|fake| file(fake).len()).max().unwrap_or(0);
        for fake in fakes {
            show.note(&format!("  {:width$}  {}", file(fake), fake.text));
        }
    }
    if settings.volume > Volume::Quiet {
        let place = folder.display();
        let bake = if folder == Path::new(".") { "bake".to_owned() } else { format!("bake -C {place}") };
        show.note(&format!("{files} files in {place}; next: {bake} check && {bake} build"));
    }
}
