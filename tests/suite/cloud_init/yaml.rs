//! What bake writes, PyYAML reads back unchanged: as a value, in a list, as a key.

use crate::support;
use bake::emit::cloud_config::{user_data, yaml};
use bake::model::cloud::{CloudConfig, WriteFile};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Texts that some YAML reader or writer is known to get wrong.
const NASTY: &[&str] = &[
    "",
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "Y",
    "N",
    "Yes",
    "NO",
    "On",
    "OFF",
    "true",
    "True",
    "TRUE",
    "false",
    "null",
    "Null",
    "NULL",
    "~",
    "=",
    "<<",
    "!",
    "&",
    "*",
    "?",
    ":",
    "-",
    "--",
    "---",
    "...",
    "--- a",
    "... a",
    "12:30:45",
    "1:2",
    "190:20:30",
    "52:54:00:11:22:33",
    "52:54:00:aa:bb:cc",
    "1_000",
    "0644",
    "644",
    "0o17",
    "0o8",
    "0x1F",
    "0b101",
    "08",
    "1e3",
    "1.5",
    "1.",
    ".5",
    "-.5",
    "+1",
    "-1",
    "1e",
    "1.0e+3",
    ".inf",
    "-.INF",
    ".nan",
    "2001-12-14",
    "2001-12-14 21:59:43",
    "2001-12-14t21:59:43.10-05:00",
    "2026-11-21T10:00:00Z",
    "10.17.4.0/24",
    " leading",
    "trailing ",
    " both ",
    "\tleading tab",
    "trailing tab\t",
    "a\tb",
    "# comment",
    "a # b",
    "a #b",
    "a#b",
    "a: b",
    "a:b",
    "a:",
    ": a",
    "- a",
    "-a",
    "-",
    "? a",
    "?a",
    "!x",
    "!!str x",
    "&a",
    "*a",
    "%",
    "%TAG",
    "@",
    "@x",
    "`",
    "`x`",
    "|",
    ">",
    "|-",
    ">+",
    "{",
    "}",
    "{a: b}",
    "[",
    "]",
    "[a]",
    ",",
    "a,b",
    "'",
    "''",
    "'a'",
    "\"",
    "\"a\"",
    "it's",
    "\\",
    "\\n",
    "a\\",
    "{{ x }}",
    "$(x)",
    "${x}",
    "a\rb",
    "a\r\nb",
    "a\r\nb\r\n",
    "\r",
    "\r\n",
    "a\u{85}b",
    "\u{85}",
    "a\u{2028}b",
    "\u{2029}",
    "\u{feff}",
    "\u{feff}a",
    "a\u{feff}",
    "\u{0}",
    "\u{7}",
    "\u{1b}[0m",
    "\u{7f}",
    "\u{80}",
    "\u{9f}",
    "\u{a0}",
    "a\u{a0}",
    "\u{200b}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{e000}",
    "é",
    "日本語",
    "🎉",
    "a 🎉 b",
    "\u{10ffff}",
    "\u{1d11e}\n",
    "one\ntwo",
    "one\ntwo\n",
    "one\ntwo\n\n",
    "one\ntwo\n\n\n",
    "one\n",
    "one\n\n",
    "\none",
    "\n\none\n",
    " one\ntwo\n",
    "  one\n two\n",
    "\tone\ntwo\n",
    "\n one\n",
    "\n\tone\n",
    "one \ntwo\n",
    "one\n \ntwo\n",
    "one\n\t\ntwo\n",
    "one\ntwo ",
    "one\n  ",
    "one\n  \n",
    "one\n ",
    " \none\n",
    "  \n",
    "\n ",
    "one\n\n\ntwo\n",
    "# one\n# two\n",
    "#!/bin/sh\nset -eu\n",
    "- a\n- b\n",
    "a: b\nc: d\n",
    "---\na\n",
    "a\n---\nb\n",
    "a\n...\nb\n",
    "%YAML 1.1\n",
    "one\r\ntwo\r\n",
    "one\u{85}two\n",
    "one\u{2028}two\n",
    "one\n\u{feff}two\n",
    "one\n\u{1}two\n",
    "one\n🎉\n",
    "\"\n'\n",
    "key: |\n  text\n",
    "\u{feff}one\ntwo\n",
    "a\n\u{a0}\nb\n",
    "one\ttwo\n\tthree\n",
    "NaN",
    "nan",
    "inf",
    "0",
    "-0",
    "00",
    "0.0",
    "1__0",
    "_",
    "_1",
    "1,000",
    "0x",
    "0b",
    "0o",
    "1:",
    ":1",
    "a:\nb",
    "a\n:",
    "x\n #y\n",
];

fn nasty() -> Vec<String> {
    let mut all: Vec<String> = NASTY.iter().map(|text| (*text).to_owned()).collect();
    for length in [79, 80, 81, 127, 128, 1023, 1024, 1025, 4095, 4096, 5000] {
        all.push("x".repeat(length));
        all.push("word ".repeat(length / 5));
        all.push(format!("{}\n", "word ".repeat(length / 5).trim_end()));
        all.push(format!("{}: a # b", "k".repeat(length)));
        all.push(format!("one\n{}\n  three\n", "word ".repeat(length / 5)));
    }
    all.sort();
    all.dedup();
    all
}

/// Every text in every position that bake writes texts in.
fn document(texts: &[String]) -> Value {
    json!({
        "values": texts.iter().enumerate().map(|(at, text)| (format!("k{at}"), json!(text))).collect::<serde_json::Map<_, _>>(),
        "list": texts,
        "nested": texts.iter().map(|text| json!([["sh", "-c", text]])).collect::<Vec<_>>(),
        "maps": texts.iter().map(|text| json!({ "path": "/x", "content": text, "after": text })).collect::<Vec<_>>(),
        "keys": texts.iter().enumerate().map(|(at, text)| (text.clone(), json!(at))).collect::<serde_json::Map<_, _>>(),
    })
}

/// What PyYAML reads, as JSON. `None` without PyYAML.
fn pyyaml(text: &str) -> Option<Value> {
    let python = support::python()?;
    let script = "import json, sys, yaml\njson.dump(yaml.safe_load(sys.stdin.buffer.read()), sys.stdout)";
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut stdin = child.stdin.take().expect("stdin");
    let bytes = text.as_bytes().to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().expect("python ends");
    writer.join().expect("writer").expect("written");
    assert!(output.status.success(), "PyYAML refuses:\n{}\n{text:?}", support::said(&output));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn pyyaml_reads_nasty_texts_back() {
    let texts = nasty();
    let document = document(&texts);
    let Some(read) = pyyaml(&yaml(&document)) else { return };
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(read["values"][format!("k{at}")], json!(text), "as a value");
        assert_eq!(read["list"][at], json!(text), "in a list");
        assert_eq!(read["nested"][at], json!([["sh", "-c", text]]), "in a nested list");
        assert_eq!(read["keys"].get(text), Some(&json!(at)), "as a key: {text:?}");
    }
    assert_eq!(read, document);
}

#[test]
fn pyyaml_reads_any_text_back() {
    // One process for many texts: generated here, compared there.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(
        prop_oneof![
            prop::collection::vec(prop::char::any(), 0..20).prop_map(|chars| chars.into_iter().collect::<String>()),
            "[ \t\n#:\\-a0~\"'|>&*!%@\\[\\]{},]{0,24}",
            "([ \t]{0,3}[a-z#:]{0,6}[ \t]{0,2}\n){1,5}[a-z ]{0,3}",
        ],
        2000,
    );
    let mut texts = strategy.new_tree(&mut runner).expect("generated").current();
    texts.sort();
    texts.dedup();
    let document = document(&texts);
    let Some(read) = pyyaml(&yaml(&document)) else { return };
    assert_eq!(read, document);
}

/// Our own reader, which follows Go's, agrees; it needs no Python.
#[test]
fn our_own_reader_agrees() {
    let read = |texts: &[String]| {
        let file = bake::diag::Sources::default().add("list", "");
        let document =
            bake::load::yaml::Document::parse(file, &yaml(&texts)).unwrap_or_else(|error| panic!("{error:?}"));
        document.scalars().map(|(_, text, _)| text.to_owned()).collect::<Vec<_>>()
    };
    // Go refuses a block whose first line starts with a tab; PyYAML and the specification do not.
    let tabbed = |text: &String| text.contains('\n') && text.trim_start_matches('\n').starts_with('\t');
    let texts: Vec<String> = nasty().into_iter().filter(|text| !tabbed(text)).collect();
    for text in &texts {
        assert_eq!(read(std::slice::from_ref(text)), std::slice::from_ref(text));
    }
    assert_eq!(read(&texts), texts);
}

#[test]
fn text_stays_readable() {
    let script = "#!/bin/sh\nset -eu\n\n# 12:30\necho 'yes'  # no\n";
    let file = |path: &str, content: &str| WriteFile {
        path: path.to_owned(),
        owner: None,
        permissions: "0644".to_owned(),
        encoding: None,
        content: content.to_owned(),
    };
    let config = CloudConfig {
        comments: vec!["Made by bake for lb1; changes here are lost.".to_owned(), "a\nb: c".to_owned()],
        bootcmd: vec![vec!["sh".to_owned(), "-euc".to_owned(), script.to_owned()]],
        write_files: vec![file("/etc/a", script), file("/etc/b", &format!("{}\n", "long ".repeat(100).trim_end()))],
        hostname: "lb1".to_owned(),
        fqdn: "lb1.kube.internal".to_owned(),
        ..CloudConfig::default()
    };
    let text = user_data(&config);
    let head = "#cloud-config\n# Made by bake for lb1; changes here are lost.\n# a b: c\nbootcmd:\n";
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains("    permissions: \"0644\"\n"), "{text}");
    assert!(
        text.contains(
            "    content: |\n      #!/bin/sh\n      set -eu\n      \n      # 12:30\n      echo 'yes'  # no\n"
        ),
        "{text}"
    );
    assert!(text.lines().any(|line| line.len() > 400), "long lines are not wrapped");
    if let Some(read) = pyyaml(&text) {
        assert_eq!(read["write_files"][0]["content"], json!(script));
        assert_eq!(read["write_files"][0]["permissions"], json!("0644"));
        assert_eq!(read["bootcmd"][0][2], json!(script));
    }
}
