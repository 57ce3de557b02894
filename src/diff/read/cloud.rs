//! `user-data` and `meta-data`.

use super::super::machine::{Body, Item, Machine, Topic};
use super::{files, ignition, script};
use crate::model::Spanned;
use crate::model::data::Data;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Where the script for the end of the first boot lies.
const APPLY: &str = "/usr/local/libexec/bake-apply";

/// How the script from before it is run, up to its text.
const PREPARE: &[&str] = &["cloud-init-per", "instance", "bake-prepare", "sh", "-c"];

type Entries = BTreeMap<String, Spanned<Data>>;

pub(super) fn user_data(data: Data, machine: &mut Machine) -> Result<(), String> {
    let mut prepare = None;
    for (key, value) in map(data, "user-data")? {
        match key.as_str() {
            "bootcmd" => prepare = Some(bootcmd(value.value)?),
            "write_files" => list(value.value, &key)?.into_iter().try_for_each(|file| write_file(file, machine))?,
            "users" => list(value.value, &key)?.into_iter().try_for_each(|user| self::user(user, machine))?,
            "hostname" => drop(machine.item(Topic::Machine, "hostname").set("name", scalar(value.value, &key)?)),
            "timezone" => drop(machine.item(Topic::Machine, "timezone").set("name", scalar(value.value, &key)?)),
            "runcmd" => {
                let commands = list(value.value, &key)?;
                let commands: Vec<Vec<String>> = commands.into_iter().map(words).collect::<Result<_, _>>()?;
                if commands != [[APPLY]] {
                    return Err("`runcmd` has other commands than bake's own".to_owned());
                }
            }
            "preserve_hostname"
            | "prefer_fqdn_over_hostname"
            | "fqdn"
            | "manage_etc_hosts"
            | "disable_root"
            | "ssh_pwauth" => drop(machine.item(Topic::Setting, &key).set("value", scalar(value.value, &key)?)),
            other => return Err(format!("`{other}` is not known")),
        }
    }
    // After the files that they change something about.
    if let Some(text) = prepare {
        script::prepare(&text, machine);
    }
    if let Some(file) = machine.items.remove(&(Topic::File, APPLY.to_owned())) {
        script::apply(file.text().ok_or("bake-apply is no text")?, machine);
    }
    Ok(())
}

fn bootcmd(data: Data) -> Result<String, String> {
    let mut commands = list(data, "bootcmd")?.into_iter().map(words);
    match (commands.next().transpose()?, commands.next()) {
        (Some(mut command), None) if command.len() == PREPARE.len() + 1 && command.starts_with(&own(PREPARE)) => {
            Ok(command.pop().unwrap_or_default())
        }
        _ => Err("`bootcmd` has other commands than bake's own".to_owned()),
    }
}

fn own(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn write_file(data: Data, machine: &mut Machine) -> Result<(), String> {
    let (mut path, mut item) = (String::new(), Item::default());
    let (mut content, mut encoding) = (String::new(), String::new());
    for (key, value) in map(data, "write_files")? {
        let value = scalar(value.value, &key)?;
        match key.as_str() {
            "path" => path = value,
            "owner" => drop(item.set("owner", files::owner(&value))),
            "permissions" => drop(item.set("mode", value)),
            "encoding" => encoding = value,
            "content" => content = value,
            other => return Err(format!("`write_files.{other}` is not known")),
        }
    }
    let decoded = || STANDARD.decode(&content).map_err(|_| format!("the contents of `{path}` are not base64"));
    let bytes = match encoding.as_str() {
        "" => content.into_bytes(),
        "b64" => decoded()?,
        "gz+b64" => ignition::unpack(&decoded()?).map_err(|why| format!("the contents of `{path}`: {why}"))?,
        other => return Err(format!("encoding `{other}` of `{path}` is not known")),
    };
    item.body = Some(Body { bytes, ..Body::default() });
    machine.items.insert((Topic::File, path), item);
    Ok(())
}

/// What cloud-init adds to an account that the script has made.
fn user(data: Data, machine: &mut Machine) -> Result<(), String> {
    let mut entries = map(data, "users")?;
    let name = entries.remove("name").ok_or("a user has no name")?;
    let name = scalar(name.value, "users.name")?;
    for (key, value) in entries {
        match key.as_str() {
            "hashed_passwd" => drop(machine.item(Topic::User, &name).hide("password", scalar(value.value, &key)?)),
            // Says that there is a password.
            "lock_passwd" => drop(scalar(value.value, &key)?),
            "ssh_authorized_keys" => {
                for key in list(value.value, &key)? {
                    machine.item(Topic::Key, format!("{name}: {}", scalar(key, "ssh_authorized_keys")?));
                }
            }
            other => return Err(format!("`users.{other}` is not known")),
        }
    }
    Ok(())
}

pub(super) fn meta_data(data: Data, machine: &mut Machine) -> Result<(), String> {
    for (key, value) in map(data, "meta-data")? {
        let value = scalar(value.value, &key)?;
        match key.as_str() {
            // Follows from all the rest.
            "instance-id" => {}
            "local-hostname" => drop(machine.item(Topic::Machine, "hostname").set("name", value)),
            other => return Err(format!("`{other}` is not known")),
        }
    }
    Ok(())
}

pub(super) fn map(data: Data, what: &str) -> Result<Entries, String> {
    if let Data::Map(entries) = data { Ok(entries) } else { Err(format!("`{what}` is no mapping")) }
}

pub(super) fn list(data: Data, what: &str) -> Result<Vec<Data>, String> {
    match data {
        Data::List(items) => Ok(items.into_iter().map(|item| item.value).collect()),
        _ => Err(format!("`{what}` is no list")),
    }
}

pub(super) fn scalar(data: Data, what: &str) -> Result<String, String> {
    match data {
        Data::Text(text) => Ok(text),
        Data::Bool(value) => Ok(value.to_string()),
        Data::Integer(value) => Ok(value.to_string()),
        Data::Float(value) => Ok(value.to_string()),
        Data::Null => Ok(String::new()),
        Data::List(_) | Data::Map(_) => Err(format!("`{what}` is no text")),
    }
}

fn words(data: Data) -> Result<Vec<String>, String> {
    list(data, "a command")?.into_iter().map(|word| scalar(word, "a command")).collect()
}
