//! `bake transpile` as a command, and beside `bake build`.

use crate::support::{bake, repository, run, said};
use bake::butane::{Packer, compile, fragment, locals_from};
use bake::diag::{Sink, Sources};
use bake::load::yaml::Document;
use bake::lower::butane::wanted;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The repository's fragments that hold no placeholders, so that they are Butane configs as they stand.
fn plain() -> Vec<(String, PathBuf)> {
    let folder = repository().join("butane");
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bu"))
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            // Units whose text is a template are none before it is rendered.
            let template = |line: &str| line.contains("contents_local:") && line.contains(".j2");
            !text.contains("{{") && !text.lines().any(template)
        })
        .map(|path| (format!("butane/{}", path.file_name().unwrap().to_str().unwrap()), path))
        .collect();
    found.sort();
    assert!(found.len() > 8, "the fragments are somewhere else");
    found
}

/// The compiler behind `transpile` and the one behind `build` make the same of a fragment.
#[test]
fn fragments_compile_to_what_build_uses() {
    let files = repository().join("butane/files");
    let files = files.to_str().unwrap();
    for (name, path) in plain() {
        let text = fs::read_to_string(path).unwrap();
        let mut compiled = compile(&name, text.as_bytes(), &mut locals_from(Some(files)));
        assert!(compiled.report.is_empty(), "{name}: {:?}", compiled.report);
        let mut sources = Sources::default();
        let file = sources.add(name.as_str(), text.as_str());
        let document = Document::parse(file, &text).unwrap();
        let config = bake::load::butane::decode(&document, &bake::butane::Language::of(compiled.spec.unwrap()));
        let locals = locals_from(Some(files))(&wanted(&config.value.unwrap()));
        let mut sink = Sink::default();
        let part = fragment(&document, &locals, &mut Packer::new(), &mut sink).unwrap();
        // The node decides the version that it is given.
        compiled.config.as_mut().unwrap().ignition.version.clear();
        assert_eq!(Some(part.config), compiled.config, "{name}");
    }
}

/// What `transpile` prints of a fragment is in the configs of the Flatcar machines that have it.
#[test]
fn fragments_are_in_the_configs_of_their_machines() {
    let scratch = tempfile::tempdir().unwrap();
    let dist = scratch.path().join("dist");
    let output = run(bake().current_dir(repository()).args(["build", "--out"]).arg(&dist));
    assert!(output.status.success(), "{}", said(&output));
    let manifest: Value = serde_json::from_slice(&fs::read(dist.join("manifest.json")).unwrap()).unwrap();
    let mut found = 0;
    for (name, path) in plain() {
        let mut command = bake();
        command.current_dir(repository()).args(["transpile", "--strict", "--files-dir", "butane/files"]).arg(&path);
        let output = run(&mut command);
        assert!(output.status.success(), "{name}: {}", said(&output));
        let config: Value = serde_json::from_slice(&output.stdout).unwrap();
        for (node, made) in manifest["nodes"].as_object().unwrap() {
            let inputs = made.pointer("/files/config.ign/inputs").and_then(Value::as_array);
            if !inputs.is_some_and(|inputs| inputs.contains(&Value::from(name.as_str()))) {
                continue;
            }
            let file = format!("{node}/config.ign");
            let whole: Value = serde_json::from_slice(&fs::read(dist.join(&file)).unwrap()).unwrap();
            for (list, key) in [
                ("/storage/files", "path"),
                ("/storage/links", "path"),
                ("/storage/directories", "path"),
                ("/systemd/units", "name"),
            ] {
                for entry in config.pointer(list).and_then(Value::as_array).into_iter().flatten() {
                    let there = whole.pointer(list).and_then(Value::as_array).into_iter().flatten();
                    let same = there.into_iter().find(|other| other[key] == entry[key]);
                    let same = same.unwrap_or_else(|| panic!("{file} has no {}", entry[key]));
                    // Local files that end in `.j2` are rendered for the machine, and drop-ins of several fragments meet.
                    let (mut one, mut other) = (entry.clone(), same.clone());
                    for value in [&mut one, &mut other] {
                        let fields = value.as_object_mut().unwrap();
                        fields.remove("dropins");
                        if fs::read_to_string(&path).unwrap().contains(".j2") {
                            fields.remove("contents");
                        }
                    }
                    assert_eq!(one, other, "{name} in {file}");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 10, "only {found} entries were found again");
}

/// A deprecated switch is named as often as it is used, before what is wrong with the rest.
#[test]
fn an_old_switch_is_named_first() {
    let output = run(bake().args(["transpile", "--input", "a", "--input=b", "-o"]));
    assert_eq!(output.status.code(), Some(2));
    let text = said(&output);
    let mut lines = text.lines();
    for _ in 0..2 {
        let note = "Flag --input has been deprecated, specify filename directly on command line";
        assert_eq!(lines.next(), Some(note));
    }
    assert_eq!(lines.next(), Some("Usage: bake transpile [options] [input-file]"));
    assert_eq!(lines.next_back(), Some("flag needs an argument: 'o' in -o"));
}
