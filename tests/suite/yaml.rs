//! The reference compiler's reading of YAML, rule by rule.

use bake::diag::{FileId, Sources};
use bake::load::butane::{Decoded, decode, header};
use bake::load::yaml::{Content, Document, Style, decode_text};
use bake::model::Path;
use bake::model::data::Data;
use bake::model::record::{Definitions, Reader, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A config that has a key of every kind.
#[derive(Debug, Default, Clone, PartialEq)]
struct Probe {
    text: Option<String>,
    number: Option<i64>,
    flag: Option<bool>,
    words: Vec<String>,
    inner: Option<Box<Probe>>,
    list: Vec<Probe>,
}

impl Value for Box<Probe> {
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Probe::schema(definitions)
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        Probe::read(reader).map(Box::new)
    }
    const RECORD: bool = true;
}

impl Value for Probe {
    fn schema(_: &mut Definitions) -> serde_json::Value {
        serde_json::Value::Null
    }
    fn read<R: Reader>(reader: &mut R) -> Option<Self> {
        let mut probe = Self::default();
        reader.expecting(Self::type_name);
        let read = reader.record(&["text", "number", "flag", "words", "inner", "list"], &mut |key, item| match key {
            "text" => probe.text = Value::read(item).unwrap_or_default(),
            "number" => probe.number = Value::read(item).unwrap_or_default(),
            "flag" => probe.flag = Value::read(item).unwrap_or_default(),
            "words" => probe.words = Value::read(item).unwrap_or_default(),
            "inner" => probe.inner = Value::read(item).unwrap_or_default(),
            _ => probe.list = Value::read(item).unwrap_or_default(),
        });
        read.then_some(probe)
    }
    const RECORD: bool = true;
    fn type_name() -> String {
        "Probe".to_owned()
    }
}

fn file() -> FileId {
    Sources::default().add("probe", "")
}

fn everything(_: &[&str], _: &str) -> bool {
    true
}

/// Reads a config: the value and what was said about it, or why it could not be read.
fn read_bytes(bytes: &[u8]) -> Result<(Probe, Vec<String>), String> {
    let text = decode_text(bytes).map_err(|bad| format!("yaml: {}", bad.message))?;
    let document = Document::parse(file(), &text).map_err(|error| error.to_string())?;
    let Decoded { value, report, failure } = decode::<Probe>(&document, &everything);
    match failure {
        Some(failure) => Err(failure.to_string()),
        None => Ok((value.unwrap_or_default(), report.iter().map(ToString::to_string).collect())),
    }
}

fn read(text: &str) -> Result<(Probe, Vec<String>), String> {
    read_bytes(text.as_bytes())
}

fn value(text: &str) -> Probe {
    read(text).unwrap_or_else(|error| panic!("{text:?}: {error}")).0
}

fn warnings(text: &str) -> Vec<String> {
    read(text).unwrap_or_else(|error| panic!("{text:?}: {error}")).1
}

fn error(text: &str) -> String {
    match read(text) {
        Ok((probe, _)) => panic!("{text:?} was read as {probe:?}"),
        Err(error) => error,
    }
}

#[test]
fn whole_numbers_are_read_as_go_reads_them() {
    for (written, meant) in [
        ("0755", 493),
        ("0o755", 493),
        ("0O755", 493),
        ("0x1F", 31),
        ("0b101", 5),
        ("-0b101", -5),
        ("+7", 7),
        ("-0o17", -15),
        ("0_17", 15),
        ("12_000", 12000),
        ("09", 9),
        ("0789", 789),
        ("6.9", 6),
        ("-6.9", -6),
        (".9e1", 9),
        ("3e2", 300),
        ("7.", 7),
        ("!!int \"0755\"", 493),
        ("!!int '17'", 17),
        ("9223372036854775807", i64::MAX),
    ] {
        assert_eq!(value(&format!("number: {written}\n")).number, Some(meant), "{written}");
    }
}

#[test]
fn what_is_no_whole_number_is_refused_by_its_type() {
    for (written, shown) in [
        ("'17'", "!!str `17`"),
        ("\"0755\"", "!!str `0755`"),
        ("seven", "!!str `seven`"),
        ("12:30", "!!str `12:30`"),
        ("yes", "!!str `yes`"),
        ("true", "!!bool `true`"),
        ("0x", "!!str `0x`"),
        ("1e30", "!!float `1e30`"),
        ("18446744073709551615", "!!int `1844674...`"),
        ("99999999999999999999", "!!float `9999999...`"),
        ("2021-02-03", "!!timestamp `2021-02-03`"),
        ("2021-02-30", "!!str `2021-02-30`"),
        ("!part 17", "!part `17`"),
        ("{a: 1}", "!!map"),
        ("[1]", "!!seq"),
        ("_17", "!!str `_17`"),
    ] {
        let expected = format!("yaml: unmarshal errors:\n  line 1: cannot unmarshal {shown} into int");
        assert_eq!(error(&format!("number: {written}\n")), expected, "{written}");
    }
}

#[test]
fn truth_values_know_the_words_of_yaml_1_1() {
    for (word, meant) in [
        ("true", true),
        ("True", true),
        ("FALSE", false),
        ("y", true),
        ("Yes", true),
        ("ON", true),
        ("n", false),
        ("NO", false),
        ("off", false),
        ("\"on\"", true),
        ("'no'", false),
        ("!!str yes", true),
        ("!!bool 'true'", true),
    ] {
        assert_eq!(value(&format!("flag: {word}\n")).flag, Some(meant), "{word}");
    }
    for word in ["tRUE", "yES", "oN", "t", "1", "\"true\"", "!!str false"] {
        assert!(error(&format!("flag: {word}\n")).ends_with("into bool"), "{word}");
    }
}

#[test]
fn texts_keep_what_was_written() {
    for (written, meant) in [
        ("17", "17"),
        ("0755", "0755"),
        ("2.50", "2.50"),
        ("yes", "yes"),
        ("true", "true"),
        ("2021-02-03", "2021-02-03"),
        ("!!binary bGFi", "lab"),
        ("!!binary \"bG\\nFi\"", "lab"),
        ("!!binary AA==", "\0"),
        ("a#b", "a#b"),
        ("http://h:1/", "http://h:1/"),
        ("''", ""),
        ("\"null\"", "null"),
        ("'~'", "~"),
        ("!!str ~", "~"),
        ("\"t\\x41\\u0042\\n\"", "tAB\n"),
        ("one\n  two\n\n  three", "one two\nthree"),
    ] {
        assert_eq!(value(&format!("text: {written}\n")).text.as_deref(), Some(meant), "{written}");
    }
    for nothing in ["", "~", "null", "NULL", "!!null ''"] {
        assert_eq!(value(&format!("text: {nothing}\n")).text, None, "{nothing}");
    }
    assert_eq!(error("text: !!binary '?'\n"), "yaml: !!binary value contains invalid base64 data");
    assert_eq!(error("text: !!int lab\n"), "yaml: cannot decode !!str `lab` as a !!int");
    assert_eq!(error("text: !!null lab\n"), "yaml: cannot decode !!str `lab` as a !!null");
    assert_eq!(error("text: !!timestamp lab\n"), "yaml: cannot decode !!str `lab` as a !!timestamp");
    assert!(error("text: \"a\\/b\"\n").ends_with("found unknown escape character"));
    assert!(error("text: \"\\uD83D\\uDE00\"\n").ends_with("found invalid Unicode character escape code"));
}

#[test]
fn block_texts_end_as_the_reference_ends_them() {
    for (written, meant) in [
        ("|\n  a\n  b\n", "a\nb\n"),
        ("|-\n  a\n", "a"),
        ("|+\n  a\n\n", "a\n\n"),
        (">\n  a\n  b\n\n  c\n", "a b\nc\n"),
        ("|2\n    a\n", "  a\n"),
        ("|#remark\n  a\n", "a\n"),
        ("|\n  a", "a"),
        ("|+\n  a", "a"),
        ("|\n\n  a\n", "\na\n"),
        ("|\r\n  a\r\n", "a\n"),
    ] {
        assert_eq!(value(&format!("text: {written}")).text.as_deref(), Some(meant), "{written:?}");
    }
    assert!(error("text: |\n\ta\n").ends_with("found a tab character where an indentation space is expected"));
    assert!(error("text: |0\n  a\n").ends_with("found an indentation indicator equal to 0"));
}

#[test]
fn nulls_leave_lists() {
    let probe = value("words: [a, null, ~, b, '']\nlist:\n  - text: x\n  -\n  - text: y\n");
    assert_eq!(probe.words, ["a", "b", ""]);
    assert_eq!(probe.list.len(), 2);
    assert_eq!(value("words:\nlist: ~\n"), Probe::default());
}

#[test]
fn all_type_errors_are_told_at_once() {
    assert_eq!(
        error("text: [a]\nnumber: x\nlist:\n  - flag: 3\n    words: abcdefghijkl\n  - 7\ninner: []\n"),
        "yaml: unmarshal errors:\n  \
         line 1: cannot unmarshal !!seq into string\n  \
         line 2: cannot unmarshal !!str `x` into int\n  \
         line 4: cannot unmarshal !!int `3` into bool\n  \
         line 5: cannot unmarshal !!str `abcdefg...` into []string\n  \
         line 6: cannot unmarshal !!int `7` into Probe\n  \
         line 7: cannot unmarshal !!seq into Probe"
    );
    assert!(error("list:\n  text: a\n").ends_with("line 2: cannot unmarshal !!map into []Probe"));
    assert!(error("{a: b}: c\ntext: d\n").ends_with("line 1: cannot unmarshal !!map into string"));
}

#[test]
fn keys_are_unique_where_anyone_looks() {
    assert_eq!(
        error("text: a\ntext: b\n"),
        "yaml: unmarshal errors:\n  line 2: mapping key \"text\" already defined at line 1"
    );
    assert!(error("a: 1\na: 2\na: 3\n").matches("already defined").count() == 3);
    assert_eq!(warnings("extra: {a: 1, a: 2}\n").len(), 1);
    assert!(error("<<: {}\n<<: {}\n").contains("mapping key \"<<\""));
    assert!(error("&k text: a\n? *k\n: b\n").contains("field text already set in type Probe"));
}

#[test]
fn unknown_keys_are_told_with_path_and_place() {
    assert_eq!(
        warnings("text: a\nextra: {x: y}\nlist:\n  - {text: é, odd: 1}\n  - inner:\n      'null': 3\nnull: 1\n"),
        [
            "warning at $.extra, line 2 col 1: unused key extra",
            "warning at $.list.0.odd, line 4 col 15: unused key odd",
            "warning at $.list.1.inner.null, line 6 col 7: unused key null",
            "warning at $.null, line 7 col 1: unused key null",
        ]
    );
    // Nulls leave the list of values, but not the list that is searched for unknown keys.
    assert_eq!(warnings("list:\n  - text: a\n  -\n  - odd: 1\n").len(), 1);
    assert!(warnings("inner:\n")[0].starts_with("warning at $.inner, line 1 col 7: context tree does not match"));
}

#[test]
fn keys_of_other_versions_are_unknown() {
    let document = Document::parse(file(), "text: a\nlist: [{text: b, number: x}]\n").unwrap();
    let known = |path: &[&str], key: &str| !(path == ["list"] && key == "number");
    let decoded = decode::<Probe>(&document, &known);
    assert_eq!(decoded.failure, None);
    assert_eq!(decoded.report[0].to_string(), "warning at $.list.0.number, line 2 col 18: unused key number");
    assert_eq!(decoded.value.unwrap().list[0].number, None);
}

#[test]
fn aliases_stand_for_what_they_name() {
    let probe = value("text: &t 0755\nnumber: *t\nwords: &w [*t, b]\ninner: {words: *w}\n");
    assert_eq!((probe.text.as_deref(), probe.number), (Some("0755"), Some(493)));
    assert_eq!(probe.inner.unwrap().words, ["0755", "b"]);
    assert_eq!(value("inner: {text: &a x}\nlist: [{text: &a y}, {text: *a}]\n").list[1].text.as_deref(), Some("y"));
    assert_eq!(
        warnings("odd: &o {text: a, odd: 1}\ninner: *o\n")[1],
        "warning at $.inner, line 2 col 8: context tree does not match content tree at $.inner. \
         Line and column reporting may be inconsistent. Unused keys may not be reported"
    );
    assert_eq!(error("text: *nobody\n"), "yaml: unknown anchor 'nobody' referenced");
    assert_eq!(error("inner: &i\n  inner: *i\n"), "yaml: anchor 'i' value contains itself");
    assert_eq!(value("odd: &i [*i]\n"), Probe::default());
    assert!(error("text: &a.b x\n").contains("did not find expected alphabetic or numeric character"));
}

#[test]
fn merges_fill_what_is_not_written() {
    let text = "odd:\n  - &a {text: a, number: 1, inner: {text: deep}}\n  - &b {<<: *a, number: 2, flag: on}\n\
                list:\n  - <<: *b\n    text: own\n  - <<: [{flag: off}, *b]\n    inner: {number: 3}\n";
    let (probe, warnings) = read(text).unwrap();
    let first = &probe.list[0];
    assert_eq!((first.text.as_deref(), first.number, first.flag), (Some("own"), Some(2), Some(true)));
    assert_eq!(first.inner.as_ref().unwrap().text.as_deref(), Some("deep"));
    let second = &probe.list[1];
    assert_eq!((second.text.as_deref(), second.number, second.flag), (Some("a"), Some(2), Some(false)));
    assert_eq!(second.inner.as_ref().unwrap().text, None);
    assert_eq!(warnings[1], "warning at $.list.0.<<, line 5 col 5: unused key <<");
    assert_eq!(value("'<<': {text: a}\n").text, None);
    for wrong in ["<<: 1\n", "<<:\n", "a: &a [1]\n<<: *a\n", "<<: [{}, 1]\n"] {
        assert_eq!(error(wrong), "yaml: map merge requires map or sequence of maps as the value", "{wrong}");
    }
}

#[test]
fn only_the_first_document_counts() {
    assert_eq!(value("text: a\n---\n[[[").text.as_deref(), Some("a"));
    assert_eq!(value("text: a\n---\n- b\nc\n").text.as_deref(), Some("a"));
    // Two tokens behind its end have to be ones.
    assert_eq!(error("text: a\n...\n\""), "yaml: line 3: found unexpected end of stream");
    assert_eq!(error("text: a\n---\nb\nc: d\n"), "yaml: line 4: mapping values are not allowed in this context");
    assert_eq!(value("%YAML 1.1\n---\ntext: a\n").text.as_deref(), Some("a"));
    assert_eq!(error("%YAML 1.2\n---\ntext: a\n").split(": ").last(), Some("found incompatible YAML document"));
    assert_eq!(error("%ODD x\n---\ntext: a\n"), "yaml: found unknown directive name");
    assert_eq!(value(""), Probe::default());
    assert_eq!(value("# nothing\n"), Probe::default());
}

#[test]
fn encodings_are_known_by_their_mark() {
    let text = "text: é😀\nodd: 1\n";
    let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    for bytes in [
        text.as_bytes().to_vec(),
        [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        [b"\xFF\xFE".to_vec(), wide(u16::to_le_bytes)].concat(),
        [b"\xFE\xFF".to_vec(), wide(u16::to_be_bytes)].concat(),
    ] {
        let (probe, warnings) = read_bytes(&bytes).unwrap();
        assert_eq!(probe.text.as_deref(), Some("é😀"));
        assert_eq!(warnings, ["warning at $.odd, line 2 col 1: unused key odd"]);
    }
    for (bytes, message) in [
        (&b"text: \xE9\nab"[..], "invalid trailing UTF-8 octet"),
        (b"text: \xE9", "incomplete UTF-8 octet sequence"),
        (b"text: \xFFab", "invalid leading UTF-8 octet"),
        (b"text: \xC0\x80", "invalid length of a UTF-8 sequence"),
        (b"text: \xED\xA0\x80", "invalid Unicode character"),
        (b"text: \x07", "control characters are not allowed"),
        (b"text: \xC2\x80", "control characters are not allowed"),
        (b"\xFF\xFEa", "incomplete UTF-16 character"),
        (b"\xFE\xFF\xDC\x00", "unexpected low surrogate area"),
        (b"\xFE\xFF\xD8\x00", "incomplete UTF-16 surrogate pair"),
        (b"\xFE\xFF\xD8\x00\x00a", "expected low surrogate area"),
    ] {
        assert_eq!(read_bytes(bytes), Err(format!("yaml: {message}")), "{bytes:?}");
    }
}

#[test]
fn flow_collections_are_read_as_the_reference_reads_them() {
    assert_eq!(value("words: [-, a, -]\n").words, ["-", "a", "-"]);
    assert_eq!(value("words: [a:, b]\n").words, ["a:", "b"]);
    assert_eq!(warnings("{text: a, odd:, b}\n")[0], "warning at $.odd:, line 1 col 11: unused key odd:");
    assert_eq!(value("{\"text\":a}\n").text.as_deref(), Some("a"));
    assert_eq!(value("text: \"one\ntwo\n\n  three\"\n").text.as_deref(), Some("one two\nthree"));
    assert_eq!(value("inner:\n  text: 'one\n two'\nnumber: 1\n").inner.unwrap().text.as_deref(), Some("one two"));
    for (text, problem) in [
        ("{text: a, te\n  xt: b}\n", "did not find expected ',' or '}'"),
        ("{\"text\"\n: b}\n", "did not find expected ',' or '}'"),
        ("words: [a?b]\n", "did not find expected ',' or ']'"),
        ("words: [::1]\n", "did not find expected node content"),
        ("{text:[a]}\n", "did not find expected ',' or '}'"),
        ("{: a}\n", "did not find expected node content"),
        (": a\n", "did not find expected key"),
    ] {
        assert!(error(text).ends_with(problem), "{text:?}: {}", error(text));
    }
}

/// Whoever knows the reference's messages finds them here, with the lines that it names.
#[test]
fn syntax_errors_have_the_words_of_the_reference() {
    for (text, message) in [
        ("text: a\n  inner: b\n", "line 2: mapping values are not allowed in this context"),
        ("list:\n- a\n b: c\n", "line 3: mapping values are not allowed in this context"),
        ("a: b: c\n", "mapping values are not allowed in this context"),
        ("text: - a\n", "block sequence entries are not allowed in this context"),
        ("text: ? a\n", "mapping keys are not allowed in this context"),
        ("text: a\nnumber\nflag: no\n", "line 2: could not find expected ':'"),
        ("list:\n  - a\n  b: c\n", "line 1: did not find expected '-' indicator"),
        ("inner:\n  text: a\n - b\n", "line 2: did not find expected key"),
        ("words: [a, b\ntext: c\n", "line 1: did not find expected ',' or ']'"),
        ("\ninner: {text: a\n  number 1\n", "line 1: did not find expected ',' or '}'"),
        ("text: }\n", "did not find expected node content"),
        ("text: \"a\n", "line 2: found unexpected end of stream"),
        ("text: 'a\n---\nb'\n", "line 2: found unexpected document indicator"),
        ("text: \"\\/\"\n", "found unknown escape character"),
        ("text: \"\\xg0\"\n", "did not find expected hexdecimal number"),
        ("text: \"\\ud800\"\n", "found invalid Unicode character escape code"),
        ("text: @a\n", "found character that cannot start any token"),
        ("inner:\n\ttext: a\n", "line 2: found character that cannot start any token"),
        ("text: a\n\tb\n", "line 2: found a tab character that violates indentation"),
        ("text: |\n\ta\n", "line 2: found a tab character where an indentation space is expected"),
        ("text: |0\n", "found an indentation indicator equal to 0"),
        ("text: | a\n", "did not find expected comment or line break"),
        ("text: *nobody\n", "unknown anchor 'nobody' referenced"),
        ("text: &a.b c\n", "did not find expected alphabetic or numeric character"),
        ("text: !e!a b\n", "found undefined tag handle"),
        ("text: !<a b\n", "did not find the expected '>'"),
        ("text: !a%zz b\n", "did not find URI escaped octet"),
        ("%YAML 1.1\n%YAML 1.1\n---\ntext: a\n", "line 1: found duplicate %YAML directive"),
        ("%TAG !e! tag:a\n%TAG !e! tag:b\n---\ntext: a\n", "line 1: found duplicate %TAG directive"),
        ("%YAML 1\n---\n", "did not find expected digit or '.' character"),
        ("%TAG e a\n---\n", "did not find expected '!'"),
        ("%YAML 1.1\ntext\n", "line 1: did not find expected <document start>"),
    ] {
        assert_eq!(error(text), format!("yaml: {message}"), "{text:?}");
    }
}

#[test]
fn tags_and_comments_stand_where_the_reference_lets_them() {
    assert_eq!(value("%TAG !e! tag:yaml.org,2002:\n---\ntext: !e!str 1\n").text.as_deref(), Some("1"));
    assert_eq!(value("number: !<tag:yaml.org,2002:int> 7\n").number, Some(7));
    assert_eq!(value("number: !!i%6et 7\n").number, Some(7));
    assert_eq!(value("text: \"a\"#b\nnumber: 1\n").number, Some(1));
    assert_eq!(value("# a\n\t# b\ntext: c\n").text.as_deref(), Some("c"));
    assert_eq!(value("text: a#b\n").text.as_deref(), Some("a#b"));
    assert_eq!(value("? text\n: a\n? number\n").text.as_deref(), Some("a"));
}

#[test]
fn tabs_do_not_indent() {
    for (text, good) in [
        ("text:\ta\n", true),
        ("text: a\t# remark\n", true),
        ("inner: {\n\ttext: a}\n", true),
        ("text: |\n  a\tb\n", true),
        ("inner:\n\ttext: a\n", false),
        ("inner:\n\t\n  text: a\n", false),
        ("list:\n  -\ttext: a\n", false),
        ("\t# remark\ntext: a\n", false),
    ] {
        assert_eq!(read(text).is_ok(), good, "{text:?}");
    }
}

#[test]
fn the_header_is_read_without_the_rest() {
    let read = |text| header(&Document::parse(file(), text).unwrap());
    let found = read("storage: {mode: x, y}\nversion: 1.1\nvariant: \"flatcar\"\n").unwrap();
    assert_eq!(found.variant.unwrap().value, "flatcar");
    assert_eq!(found.version.unwrap().value, "1.1");
    assert!(read("").unwrap().variant.is_none());
    let failure = read("just a text\n").unwrap_err().to_string();
    let expected = "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `just a ...` into config.commonFields";
    assert_eq!(failure, expected);
}

/// Places of all nodes, as `line:column`.
fn places(text: &str) -> String {
    let document = Document::parse(file(), text).unwrap();
    let mut found = Vec::new();
    let mut open = vec![document.root().unwrap()];
    while let Some(id) = open.pop() {
        let node = document.node(id);
        found.push(format!("{}:{}", node.at.line, node.at.column));
        match &node.content {
            Content::Sequence(items) => open.extend(items.iter().rev()),
            Content::Mapping(entries) => open.extend(entries.iter().rev().flat_map(|(key, value)| [value, key])),
            _ => {}
        }
    }
    found.join(" ")
}

#[test]
fn nodes_begin_where_the_reference_says() {
    for (text, expected) in [
        ("a: b\n", "1:1 1:1 1:4"),
        ("a: &x !!str b\n", "1:1 1:1 1:4"),
        ("a: !!str &x b\n", "1:1 1:1 1:4"),
        ("a: &x\n  b: c\n", "1:1 1:1 1:4 2:3 2:6"),
        ("a:   # remark\nb: c\n", "1:1 1:1 1:3 2:1 2:4"),
        ("a: >-  # > |\n\n  x\nb: |\n", "1:1 1:1 1:4 4:1 4:4"),
        ("a:\n- x\n-\n- - y\n", "1:1 1:1 2:1 2:3 3:2 4:3 4:5"),
        ("{a: , b}\n", "1:1 1:2 1:5 1:7 1:8"),
        ("é: {ü: x}\n", "1:1 1:1 1:4 1:5 1:8"),
        ("a:\r  b\rc: d\r", "1:1 1:1 2:3 3:1 3:4"),
    ] {
        assert_eq!(places(text), expected, "{text:?}");
    }
}

#[test]
fn a_path_leads_as_deep_as_it_can() {
    let text = "list:\n  - text: &t {a: b}\n  - text: *t\n";
    let document = Document::parse(file(), text).unwrap();
    let at = |steps: &[&str]| {
        let path: Path = steps
            .iter()
            .map(|step| step.parse::<usize>().map_or_else(|_| (*step).to_owned().into(), Into::into))
            .collect();
        let span = document.locate(&path).unwrap();
        &text[span.start as usize..span.end as usize]
    };
    assert_eq!(at(&["list", "0", "text", "a"]), "b");
    assert_eq!(at(&["list", "1", "text", "a"]), "*t");
    assert_eq!(at(&["list", "0", "text", "zz", "0"]), "&t {a: b}");
    assert_eq!(at(&["list", "7"]), "- text: &t {a: b}\n  - text: *t");
}

#[test]
fn replaced_scalars_keep_their_place_and_quotes() {
    let document =
        Document::parse(file(), "text: '{{ t }}'\nnumber: '{{ n }}'\nwords: \"{{ w }}\"\nflag: on\n").unwrap();
    let scalars: BTreeMap<_, _> = document.scalars().map(|(id, text, style)| (text, (id, style))).collect();
    assert_eq!(scalars["{{ w }}"].1, Style::Double);
    let spanned = |data| bake::model::Spanned::new(data, document.node(scalars["{{ w }}"].0).span);
    let words = Data::List(vec![spanned(Data::Text("1".to_owned())), spanned(Data::Text("null".to_owned()))]);
    let changes = BTreeMap::from([
        (scalars["{{ t }}"].0, Data::Text("0755".to_owned())),
        (scalars["{{ n }}"].0, Data::Integer(8)),
        (scalars["{{ w }}"].0, words),
    ]);
    let changed = document.replaced(&changes);
    assert_eq!(changed.locate(&Path::root().then("words").then(1)), document.locate(&Path::root().then("words")));
    let probe = decode::<Probe>(&changed, &everything).value.unwrap();
    assert_eq!((probe.text.as_deref(), probe.number, probe.flag), (Some("0755"), Some(8), Some(true)));
    assert_eq!(probe.words, ["1", "null"]);
}

#[test]
fn bombs_and_pits_are_refused_at_once() {
    let started = std::time::Instant::now();
    let pit = format!("odd: {}", "[".repeat(100_000));
    assert!(read(&pit).is_err());
    let deep = format!("odd: {}{}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(warnings(&deep).len(), 1);
    let stairs = format!("odd:\n  {}x\n", "- ".repeat(9000));
    assert_eq!(warnings(&stairs).len(), 1);
    // Nobody reads what is below an unknown key, so nothing explodes there.
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&["a", &level.to_string(), ": &a", &level.to_string(), " [", &aliases, "]\n"].concat());
    }
    assert_eq!(warnings(&bomb).len(), 30);
    let many: Vec<String> = (0..2000).map(|word| word.to_string()).collect();
    let heavy = format!("odd: &w [{}]\nlist:\n{}", many.join(","), "  - words: *w\n".repeat(2000));
    assert_eq!(error(&heavy), "yaml: document contains excessive aliasing");
    let links: Vec<String> = (1..5000).map(|n| format!("k{n}: &k{n} {{<<: *k{}}}\n", n - 1)).collect();
    let chain = links.concat();
    assert!(error(&format!("k0: &k0 {{text: x}}\n{chain}inner: *k4999\n")).contains("merges are nested too deeply"));
    let tabs = format!("text: {}a\nodd: [{}]\n", "\t".repeat(40_000), "{a: },".repeat(20_000));
    assert_eq!(warnings(&tabs).len(), 1);
    let quoted = format!("inner: {{text: \"a{}\"}}\n", "\nb".repeat(20_000));
    assert_eq!(value(&quoted).inner.unwrap().text.map(|text| text.len()), Some(40_001));
    let same = "a: 1\n".repeat(20_000);
    assert!(error(&same).lines().count() <= 1001);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// Pieces that YAML is made of, and some that it is not.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "text", "number", "flag", "words", "inner", "list", "odd", ": ", ":", "\n", "\n  ", "\n    ", "- ", "? ", "[",
        "]", "{", "}", ", ", "|", ">", "|-\n", ">2\n", "#c", " # c", "&a ", "*a", "<<", "!!str ", "!!int ", "!x ", "'",
        "\"", "\\", "\\u", "~", "null", "0755", "1e3", "yes", "a", "é", "\t", "\r\n", "\r", "---\n", "...\n", "%",
        "\u{85}", "\u{2028}", " ", "  ",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_bytes(&bytes);
    }

    #[test]
    fn any_pieces_are_read_or_refused(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        prop_assert_eq!(read(&text), read(&text));
        if let Ok(document) = Document::parse(file(), &text) {
            for (id, _, _) in document.scalars() {
                let span = document.node(id).span;
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some(), "{:?} {:?}", text, span);
            }
        }
    }

    #[test]
    fn any_change_to_a_config_is_read_or_refused(at in 0usize..130, gone in 0usize..6, put in piece()) {
        let text = "text: &t |\n  a\n  b\nlist:\n- <<: {text: *t}\n  words: ['x', \"y\\n\", z]\n- {number: 0755, flag: on}\ninner:\n  text: >-\n    q\n";
        let from = at.min(text.len());
        let to = (from + gone).min(text.len());
        let _ = read(&format!("{}{put}{}", &text[..from], &text[to..]));
    }

    #[test]
    fn quoted_texts_come_back(text in "[ -~é\u{4E2D}\n]{0,30}") {
        let quoted = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(value(&format!("text: {quoted}\n")).text, Some(text));
    }
}
