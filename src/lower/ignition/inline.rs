//! Ignition configs inside Butane configs: read as JSON and checked like any other.

use super::json::{Json, parse};
use crate::lower::butane::Remarks;
use crate::model::ignition::Config;
use crate::model::path::{At, Path, Step};
use crate::model::report::Kind;
use crate::model::shape::{Field, Fill, List, Record, RecordSlot, Shape, Slot};
use crate::spec::{Target, ignition::since, normal_version};

const UNKNOWN_VERSION: &str = "unsupported config version";

/// Checks the config in `text`, which is given at `at` as `inline`. Findings are at paths of that config.
pub(crate) fn check(text: &str, target: Target, remarks: &mut Remarks, at: &At<'_>) {
    let mut config = Config::default();
    let json = match parse(text) {
        Ok(json) => json,
        Err(why) => return refuse(why.into_owned(), remarks, at),
    };
    let mut decoder = Decoder { target, keys: Vec::new(), context: Vec::new(), error: None };
    decoder.value(&json, &mut config, "types.Config");
    if let Some(why) = decoder.error {
        return refuse(why, remarks, at);
    }
    let version = match normal_version(&config.ignition.version) {
        None => Err("invalid config version (couldn't parse)"),
        Some(version) if version != target.version() => Err(UNKNOWN_VERSION),
        Some(_) => Ok(()),
    };
    if version == Err(UNKNOWN_VERSION) {
        const SKIPPED: &str = "skipping validation for the merge/replace ignition config due to an unkown version";
        remarks.warn(at.key("version").path(), SKIPPED);
        return;
    }
    if let Err(message) = version {
        remarks.error(At::top("ignition").key("version").path(), message);
    }
    super::check(&config, target, &mut |kind, path, message| match kind {
        Kind::Error => remarks.error(path, message),
        Kind::Warning | Kind::Info => remarks.warn(path, message),
    });
    unused(&config, &json, target, &mut Vec::new(), remarks);
}

fn refuse(why: String, remarks: &mut Remarks, at: &At<'_>) {
    remarks.error(Path::root(), why);
    remarks.error(at.key("inline").path(), "config is not valid");
}

/// The reference's names for types that are called otherwise here.
fn type_name(name: &'static str) -> &'static str {
    match name {
        "Tls" => "TLS",
        "HttpHeader" => "HTTPHeader",
        name => name,
    }
}

/// The reference's type of the texts in a list.
fn text_type(record: &str, field: &str) -> &'static str {
    match (record, field) {
        (_, "groups") => "types.Group",
        (_, "sshAuthorizedKeys") => "types.SSHAuthorizedKey",
        (_, "devices") => "types.Device",
        (_, "mountOptions") => "types.MountOption",
        (_, "openOptions") => "types.OpenOption",
        (_, "noProxy") => "types.NoProxyItem",
        (_, "shouldExist" | "shouldNotExist") => "types.KernelArgument",
        ("Filesystem", _) => "types.FilesystemOption",
        ("Luks", _) => "types.LuksOption",
        ("Raid", _) => "types.RaidOption",
        _ => "string",
    }
}

/// The records that the reference embeds in others, which show in its paths.
fn embedded(record: &str, field: &str) -> Option<&'static str> {
    match (record, field) {
        ("Directory" | "File" | "Link", "group" | "overwrite" | "path" | "user") => Some("Node"),
        ("Directory", _) => Some("DirectoryEmbedded1"),
        ("File", _) => Some("FileEmbedded1"),
        ("Link", _) => Some("LinkEmbedded1"),
        _ => None,
    }
}

/// Fills in a config as Go does: names whatever their case, the first wrong type remembered.
struct Decoder {
    target: Target,
    /// Names on the way, for the table of versions.
    keys: Vec<&'static str>,
    /// Names on the way, as the reference shows them, with the record that each is in.
    context: Vec<(&'static str, &'static str)>,
    error: Option<String>,
}

impl Decoder {
    fn value(&mut self, json: &Json, fill: &mut dyn Fill, expected: &str) {
        match (json, fill.slot()) {
            (Json::Null, Slot::List(list)) => list.clear(),
            (Json::Null, _) => {}
            (Json::Bool(value), Slot::Bool(slot)) => *slot = Some(*value),
            (Json::Text(value), Slot::Text(slot)) => *slot = Some(value.clone()),
            (Json::Text(value), Slot::Name(slot)) => value.clone_into(slot),
            (Json::Number(value), slot @ (Slot::Integer(_) | Slot::Number(_))) => match (value.parse::<i64>(), slot) {
                (Ok(value), Slot::Integer(slot)) => *slot = Some(value),
                (Ok(value), Slot::Number(slot)) => *slot = value,
                _ => self.wrong(&format!("number {value}"), "int"),
            },
            (Json::List(items), Slot::List(list)) => {
                list.clear();
                let element = list.element();
                let expected = match element {
                    Some(name) => format!("types.{}", type_name(name)),
                    None => self.context.last().map_or("string", |(record, field)| text_type(record, field)).to_owned(),
                };
                for item in items {
                    self.value(item, list.push(), &expected);
                }
            }
            (Json::Map(entries), Slot::Record(record)) => {
                for (key, value) in entries {
                    self.entry(key, value, record);
                }
            }
            (json, _) => self.wrong(kind(json), expected),
        }
    }

    fn entry(&mut self, key: &str, value: &Json, record: &mut dyn RecordSlot) {
        let name = type_name(record.name());
        let mut names = Vec::new();
        record.each_slot(&mut |field, _| names.push(field));
        let same = names.iter().find(|field| **field == key);
        let Some(field) = same.or_else(|| names.iter().find(|field| field.eq_ignore_ascii_case(key))).copied() else {
            return;
        };
        self.keys.push(field);
        if since(&self.keys.join(".")) <= self.target {
            let depth = self.context.len();
            self.context.extend(embedded(name, field).map(|outer| (name, outer)));
            self.context.push((name, field));
            record.each_slot(&mut |other, fill| {
                if other == field {
                    let expected = expected(fill, name, field);
                    self.value(value, fill, &expected);
                }
            });
            self.context.truncate(depth);
        }
        self.keys.pop();
    }

    fn wrong(&mut self, found: &str, expected: &str) {
        if self.error.is_some() {
            return;
        }
        let place = match self.context.last() {
            None => "Go value".to_owned(),
            Some((record, _)) => {
                let fields: Vec<&str> = self.context.iter().map(|(_, field)| *field).collect();
                format!("Go struct field {record}.{}", fields.join("."))
            }
        };
        self.error = Some(format!("json: cannot unmarshal {found} into {place} of type {expected}"));
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::Text(_) => "string",
        Json::List(_) => "array",
        Json::Map(_) => "object",
    }
}

/// The type of a field in the reference's words.
fn expected(fill: &mut dyn Fill, record: &str, field: &str) -> String {
    match fill.slot() {
        Slot::Bool(_) => "bool".to_owned(),
        Slot::Integer(_) | Slot::Number(_) => "int".to_owned(),
        Slot::Text(_) | Slot::Name(_) => "string".to_owned(),
        Slot::List(list) => match list.element() {
            Some("HttpHeader") => "types.HTTPHeaders".to_owned(),
            Some(name) => format!("[]types.{}", type_name(name)),
            None => format!("[]{}", text_type(record, field)),
        },
        Slot::Record(record) => format!("types.{}", type_name(record.name())),
    }
}

/// Warns of keys that nothing reads, also where only their case is wrong.
fn unused(value: &dyn Field, json: &Json, target: Target, steps: &mut Vec<Step>, remarks: &mut Remarks) {
    match (value.shape(), json) {
        (Shape::List(list), Json::List(items)) => unused_items(list, items, target, steps, remarks),
        (Shape::Record(record), Json::Map(entries)) => unused_keys(record, entries, target, steps, remarks),
        (Shape::Record(_), _) => {
            let path: Path = steps.iter().cloned().collect();
            let message = format!(
                "context tree does not match content tree at {path}. Line and column reporting may be inconsistent. Unused keys may not be reported"
            );
            remarks.warn(path, message);
        }
        _ => {}
    }
}

fn unused_items(list: &dyn List, items: &[Json], target: Target, steps: &mut Vec<Step>, remarks: &mut Remarks) {
    list.each(&mut |index, item| {
        if let Some(json) = items.get(index) {
            steps.push(index.into());
            unused(item, json, target, steps, remarks);
            steps.pop();
        }
    });
}

fn unused_keys(
    record: &dyn Record,
    entries: &[(String, Json)],
    target: Target,
    steps: &mut Vec<Step>,
    remarks: &mut Remarks,
) {
    let mut known = Vec::new();
    record.each(&mut |name, _, field| {
        steps.push(name.into());
        if since(&keys(steps)) <= target {
            known.push(name);
            // Of repeated keys the last one counts.
            if let Some((_, json)) = entries.iter().rfind(|(key, _)| key == name) {
                unused(field, json, target, steps, remarks);
            }
        }
        steps.pop();
    });
    let mut reported: Vec<&str> = Vec::new();
    for (key, _) in entries {
        if !known.contains(&key.as_str()) && !reported.contains(&key.as_str()) {
            reported.push(key);
            let path: Path = steps.iter().cloned().chain([Step::from(key.clone())]).collect();
            remarks.warn_key(path, format!("unused key {key}"));
        }
    }
}

fn keys(steps: &[Step]) -> String {
    let keys: Vec<&str> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_ref()),
            Step::Index(_) => None,
        })
        .collect();
    keys.join(".")
}
