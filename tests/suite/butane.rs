//! The Butane compiler on cases of its own: one folder per case under `tests/cases/butane`, what it says and makes
//! beside what it was given. `BLESS=1 cargo test butane` rewrites the expectations.

use crate::support::{engine, repository, said as said_by};
use bake::butane::{Compiled, Kind, Locals, compile, locals_from};
use bake::spec::{SPECS, Spec};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    repository().join("tests/cases/butane")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 30, "the cases are somewhere else");
    cases
}

fn run(case: &Path, text: &[u8]) -> Compiled {
    let files = case.join("files");
    let links = case.join("links");
    if links.is_file() {
        let scratch = linked(&files, &fs::read_to_string(links).unwrap());
        return compile("input.bu", text, &mut locals_from(scratch.path().to_str()));
    }
    let files = files.is_dir().then(|| files.to_str().unwrap().to_owned());
    compile("input.bu", text, &mut locals_from(files.as_deref()))
}

/// A copy of `files` with symbolic links, one `path -> target` a line: archives and copies of a repository tend to lose
/// them, and a case without its link would test something else.
fn linked(files: &Path, links: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(files.join(".")).arg(scratch.path()).status().unwrap();
    assert!(copied.success());
    for line in links.lines() {
        let (path, target) = line.split_once(" -> ").unwrap();
        std::os::unix::fs::symlink(target, scratch.path().join(path)).unwrap();
    }
    scratch
}

/// What a case says, without the folder that the repository is in.
fn said(compiled: &Compiled, case: &Path) -> String {
    let mut lines: Vec<String> = compiled.report.iter().map(ToString::to_string).collect();
    lines.extend(compiled.failure.as_ref().map(|failure| format!("failed: {failure}")));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    text.replace(&format!("{}/", case.display()), "")
}

fn expect(path: &Path, got: Option<&str>) {
    if std::env::var_os("BLESS").is_some() {
        match got {
            Some(text) => fs::write(path, text).unwrap(),
            None => drop(fs::remove_file(path)),
        }
    }
    let expected = fs::read_to_string(path).ok();
    assert_eq!(got, expected.as_deref(), "{} differs", path.display());
}

#[test]
fn butane_cases_are_as_expected() {
    for case in cases() {
        let compiled = run(&case, &fs::read(case.join("input.bu")).unwrap());
        let report = said(&compiled, &case);
        let json = compiled.json(true).map(|json| format!("{json}\n"));
        assert_eq!(json.is_some(), compiled.failure.is_none(), "{}", case.display());
        expect(&case.join("expected.json"), json.as_deref());
        expect(&case.join("report.txt"), (!report.is_empty()).then_some(report.as_str()));
        let notes: String = compiled.notes.iter().map(|note| format!("{note}\n")).collect();
        expect(&case.join("notes.txt"), (!notes.is_empty()).then_some(notes.as_str()));
    }
}

#[test]
fn butane_cases_hold_nothing_that_no_test_reads() {
    for case in cases() {
        for entry in fs::read_dir(&case).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known =
                ["input.bu", "files", "links", "expected.json", "report.txt", "notes.txt"].contains(&name.as_str());
            assert!(known, "{} is read by no test", case.join(name).display());
        }
        assert!(case.join("input.bu").is_file(), "{} has no input", case.display());
    }
}

/// The version that a case is written in, and its text in another one.
fn versions(text: &str) -> Option<(&'static Spec, impl Fn(&Spec) -> String)> {
    let word = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let (variant, version) = (word("variant:")?, word("version:")?);
    let spec = Spec::find(variant, version)?;
    let line = format!("version: {version}");
    Some((spec, move |other: &Spec| text.replacen(&line, &format!("version: {}", other.version), 1)))
}

/// Whoever moves a config to a later version of its variant must not be met with new errors, except where a
/// version says that it forbids what was a mistake before.
#[test]
fn what_compiles_compiles_in_later_versions() {
    let forbidden_later = ["storage.filesystems.0.path", "boot_device.mirror", "ignition.config.merge.0"];
    for case in cases() {
        let text = fs::read_to_string(case.join("input.bu")).unwrap();
        let Some((spec, moved)) = versions(&text) else { continue };
        if run(&case, text.as_bytes()).failure.is_some() {
            continue;
        }
        for later in SPECS.iter().filter(|other| other.variant == spec.variant && other.minor > spec.minor) {
            let compiled = run(&case, moved(later).as_bytes());
            let mut errors = compiled.report.iter().filter(|entry| entry.kind == Kind::Error);
            let new = errors.find(|entry| !forbidden_later.iter().any(|path| entry.path.to_string().ends_with(path)));
            assert_eq!(new, None, "{} in {}", case.display(), later.version);
        }
    }
}

/// The `ignition-config` crate was made from Ignition's own JSON Schemas by other people.
#[test]
fn what_is_emitted_is_read_by_an_independent_reader() {
    let mut read = 0;
    for case in cases() {
        let compiled = run(&case, &fs::read(case.join("input.bu")).unwrap());
        let Some(json) = compiled.json(false) else { continue };
        if json.contains("-experimental") {
            continue;
        }
        let (_, warnings) = ignition_config::Config::parse_slice(json.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}\n{json}", case.display()));
        assert!(warnings.is_empty(), "{}: {warnings:?}", case.display());
        read += 1;
    }
    assert!(read > 10, "too little was emitted");
}

/// Configs that a case makes in the versions whose targets Debian's `ignition-validate` knows are valid to it.
#[test]
fn what_is_emitted_is_valid_to_ignition() {
    let Some(validate) = engine("ignition-validate") else { return };
    let scratch = tempfile::tempdir().unwrap();
    let mut valid = 0;
    for case in cases() {
        let text = fs::read_to_string(case.join("input.bu")).unwrap();
        let Some((spec, moved)) = versions(&text) else { continue };
        for other in SPECS.iter().filter(|other| other.variant == spec.variant && other.target.0 <= 3) {
            let Some(json) = run(&case, moved(other).as_bytes()).json(false) else { continue };
            let path = scratch.path().join("config.ign");
            fs::write(&path, json).unwrap();
            let output = Command::new(&validate).arg(&path).output().unwrap();
            assert!(output.status.success(), "{} in {}: {}", case.display(), other.version, said_by(&output));
            valid += 1;
        }
    }
    assert!(valid > 50, "only {valid} configs were looked at");
}

/// What is emitted, read as an embedded config and emitted once more, has no findings and is the same.
#[test]
fn what_is_emitted_is_read_again() {
    let mut read = 0;
    for case in cases() {
        let compiled = run(&case, &fs::read(case.join("input.bu")).unwrap());
        let (Some(json), Some(spec)) = (compiled.json(false), compiled.spec) else { continue };
        if spec.base < 2 {
            continue;
        }
        let (variant, version) = (spec.variant.as_str(), spec.version);
        let text = format!(
            "variant: {variant}\nversion: {version}\nignition: {{config: {{replace: {{compression: none, inline: {}}}}}}}\n",
            serde_json::to_string(&json).unwrap()
        );
        let again = compile("again.bu", text.as_bytes(), &mut |_| Locals::default());
        let errors: Vec<_> = again.report.iter().filter(|entry| entry.path.to_string().contains("inline")).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", case.display());
        // The reference's own writing of JSON is a fixed point of reading it.
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let pretty: serde_json::Value = serde_json::from_str(&compiled.json(true).unwrap()).unwrap();
        assert_eq!(value, pretty, "{}", case.display());
        assert_eq!(run(&case, &fs::read(case.join("input.bu")).unwrap()).json(false), Some(json));
        read += 1;
    }
    assert!(read > 15, "only {read} configs were looked at");
}

#[test]
fn every_version_names_its_target() {
    for spec in SPECS {
        let text = format!("variant: {}\nversion: {}\n", spec.variant.as_str(), spec.version);
        let json = compile("x", text.as_bytes(), &mut |_| Locals::default()).json(false).unwrap();
        assert_eq!(json, format!(r#"{{"ignition":{{"version":"{}"}}}}"#, spec.target.version()));
    }
}

#[test]
fn bake_says_what_to_write_instead() {
    let advice = |text: &str| {
        let compiled = compile("x.bu", text.as_bytes(), &mut |_| Locals::default());
        let found = compiled.diagnostics();
        found.iter().map(|finding| finding.hint.clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    let old = "variant: flatcar\nversion: 1.0.0\n";
    for (text, hint) in [
        ("systemd: {units: [{name: a.service, contents_local: a}]}", "needs `version: 1.1.0`"),
        ("grub: {}", "only `variant: fcos` has it, from 1.5.0 on"),
        ("passwd: {users: [{name: a, sshAuthorizedKeys: []}]}", "Butane writes it `ssh_authorized_keys`"),
        ("passwd: {users: [{name: a, ssh_authorised_keys: []}]}", "did you mean `ssh_authorized_keys`?"),
        ("passwd: {users: [{name: a, passwd: x}]}", "Butane writes it `password_hash`"),
        ("write_files: []", "files are under `storage.files`"),
        ("runcmd: [ls]", "Butane runs no commands; write a unit under `systemd.units`"),
        ("locksmith: {}", "Container Linux configs had it; write `/etc/flatcar/update.conf` under `storage.files`"),
        ("kernelArguments: {}", "Butane writes it `kernel_arguments`"),
        ("storage: {files: [{path: /a, permissions: '0644'}]}", "Butane writes it `mode`, an octal number"),
        ("storage: {filesystems: [{device: /dev/a, mountOptions: [ro]}]}", "Butane writes it `mount_options`"),
        ("storage: {disks: [{device: /dev/a, wipeTable: true}]}", "Butane writes it `wipe_table`"),
        ("systemd: {units: [{name: a.service, enable: true}]}", "Butane writes it `enabled`"),
        ("systemd: {units: [{name: a.service, content: x}]}", "Butane writes it `contents`"),
        ("systemd: {quadlets: []}", "needs `version: 1.2.0-experimental`"),
    ] {
        assert_eq!(advice(&format!("{old}{text}\n")), [hint], "{text}");
    }
}

/// The corpus that was made with the reference compiler, where it is at hand.
#[test]
fn the_reference_corpus_is_met() {
    let corpus = repository().join("../shared/conformance/butane");
    let corpus = std::env::var_os("BAKE_CONFORMANCE").map_or(corpus, PathBuf::from);
    let python = Command::new("python3").arg("--version").output().is_ok();
    if !corpus.join("run.py").is_file() || !python {
        let place = corpus.display();
        println!("skipped: no conformance corpus (or no python3) at {place}; BAKE_CONFORMANCE names one");
        return;
    }
    let output = Command::new("python3")
        .args(["run.py", "--quiet", "cases", "--", env!("CARGO_BIN_EXE_bake"), "transpile"])
        .current_dir(&corpus)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_default();
    let words: Vec<&str> = last.split(' ').collect();
    // A checkout without symbolic links loses a few trees; with them, nothing is lost.
    for (score, least) in [("json", 93), ("rc", 99), ("positions", 99), ("messages", 99)] {
        let at = words.iter().position(|word| *word == score).unwrap_or_else(|| panic!("{text}"));
        let (met, all) = words[at + 1].split_once('/').unwrap();
        let (met, all): (u32, u32) = (met.parse().unwrap(), all.parse().unwrap());
        assert!(met * 100 >= all * least, "{score}: {last}");
    }
}

fn seeds() -> Vec<String> {
    cases().iter().map(|case| fs::read_to_string(case.join("input.bu")).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens to a config, compiling it ends, and says the same when it is done again.
    #[test]
    fn compiling_is_a_function(seed in 0..36usize, at in 0.0..1.0f64, cut in 0..40usize, insert in "[\\PC\n\t]{0,12}") {
        let seeds = seeds();
        let text = &seeds[seed % seeds.len()];
        let mut bytes = text.as_bytes().to_vec();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let start = (at * bytes.len() as f64) as usize;
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, insert.bytes());
        let once = compile("x", &bytes, &mut |_| Locals::default());
        let twice = compile("x", &bytes, &mut |_| Locals::default());
        prop_assert_eq!(&once.report, &twice.report);
        prop_assert_eq!(&once.failure, &twice.failure);
        prop_assert_eq!(once.json(false), twice.json(false));
        prop_assert_eq!(once.failure.is_some(), once.config.is_none());
    }

    #[test]
    fn bytes_of_any_kind_are_refused_or_compiled(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = compile("x", &bytes, &mut |_| Locals::default());
    }
}
