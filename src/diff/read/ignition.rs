//! `config.ign`.
//!
//! What has a topic of its own is read here field by field; everything else of the config is taken over as settings by
//! the paths of its fields, so that nothing of it can be overlooked.

use super::super::machine::{Body, Item, Machine, Topic};
use super::{files, json};
use crate::model::data_url;
use crate::model::ignition::{
    Config, Directory, Dropin, File, Filesystem, Link, NodeGroup, NodeUser, Passwd, PasswdGroup, PasswdUser, Resource,
    Storage, Systemd, Unit,
};
use crate::model::shape::{Field, Shape};
use flate2::bufread::MultiGzDecoder;
use std::io::Read as _;

/// No file larger than this is unpacked: 64 MiB, what bake reads of a local file.
const LIMIT: u64 = 64 << 20;

pub(super) fn read(text: &str, machine: &mut Machine) -> Result<(), String> {
    let Config { ignition, kernel_arguments, passwd, storage, systemd } = json::config(text)?;
    flatten(&ignition, "ignition", machine);
    flatten(&kernel_arguments, "kernelArguments", machine);
    let Storage { directories, disks, files, filesystems, links, luks, raid } = storage;
    flatten(&disks, "storage.disks", machine);
    flatten(&luks, "storage.luks", machine);
    flatten(&raid, "storage.raid", machine);
    for one in filesystems {
        filesystem(one, machine);
    }
    for one in directories {
        directory(one, machine);
    }
    for one in links {
        link(one, machine);
    }
    files.into_iter().try_for_each(|one| file(one, machine))?;
    let Passwd { groups, users } = passwd;
    for one in groups {
        group(one, machine);
    }
    for one in users {
        user(one, machine);
    }
    let Systemd { units } = systemd;
    for one in units {
        unit(one, machine);
    }
    Ok(())
}

/// Takes over everything that is said below `value`, by its path. What could open a volume is never shown.
fn flatten(value: &dyn Field, path: &str, machine: &mut Machine) {
    let topic = if path.starts_with("storage.") { Topic::Disk } else { Topic::Setting };
    let secret = path.contains(".keyFile") || path.ends_with(".custom.config");
    let mut say = |text: String| {
        let item = machine.item(topic, path);
        if secret {
            item.hide("value", text)
        } else {
            item.set("value", text)
        };
    };
    match value.shape() {
        Shape::Absent => {}
        Shape::Bool(value) => say(value.to_string()),
        Shape::Integer(value) => say(value.to_string()),
        Shape::Text(text) => say(text.to_owned()),
        Shape::List(list) => list.each(&mut |at, item| flatten(item, &format!("{path}.{at}"), machine)),
        Shape::Record(record) => {
            record.each(&mut |name, _, field| flatten(field, &format!("{path}.{name}"), machine));
        }
    }
}

fn filesystem(filesystem: Filesystem, machine: &mut Machine) {
    let Filesystem { device, format, label, mount_options, options, path, uuid, wipe_filesystem } = filesystem;
    let item = machine.item(Topic::Filesystem, device);
    item.set("format", format.unwrap_or_default()).set("label", label.unwrap_or_default());
    item.set("uuid", uuid.unwrap_or_default()).set("options", options.join(" "));
    item.set("path", path.unwrap_or_default()).set("mount options", mount_options.join(","));
    item.set("wipe", yes(wipe_filesystem));
}

fn directory(directory: Directory, machine: &mut Machine) {
    let Directory { group, overwrite, path, user, mode } = directory;
    let item = machine.item(Topic::Directory, path);
    item.set("mode", mode.map(|mode| format!("{mode:04o}")).unwrap_or_default());
    item.set("owner", owner(&user, &group)).set("overwrite", yes(overwrite));
}

fn link(link: Link, machine: &mut Machine) {
    let Link { group, overwrite, path, user, hard, target } = link;
    let item = machine.item(Topic::Link, path);
    item.set("target", target.unwrap_or_default()).set("hard", yes(hard));
    item.set("owner", owner(&user, &group)).set("overwrite", yes(overwrite));
}

fn file(file: File, machine: &mut Machine) -> Result<(), String> {
    let File { group, overwrite, path, user, append, contents, mode } = file;
    let broken = |why: String| format!("the contents of `{path}`: {why}");
    let fetched = fetched(&contents);
    let whole = if fetched.is_some() { None } else { bytes(&contents).map_err(broken)? };
    let appended = append.iter().map(bytes).collect::<Result<Vec<_>, _>>().map_err(broken)?;
    let mut body = Item::default();
    body.set("overwrite", yes(overwrite)).set("owner", owner(&user, &group));
    body.set("mode", mode.map_or(files::MODE.to_owned(), |mode| format!("{mode:04o}")));
    if let Some(from) = fetched {
        body.set("contents", from).set("compression", contents.compression.unwrap_or_default());
    } else if whole.is_none() {
        body.set("contents", if append.is_empty() { "as in the image" } else { "appended to the image's" });
    }
    body.set("verification", contents.verification.hash.unwrap_or_default());
    let mut bytes = whole.clone().unwrap_or_default();
    bytes.extend(appended.into_iter().flatten().flatten());
    if whole.is_some() || !append.is_empty() {
        body.body = Some(Body { bytes, ..Body::default() });
    }
    machine.items.insert((Topic::File, path), body);
    Ok(())
}

/// Where a machine fetches a file from; `None` for one whose contents are in the config. Its hash says which one it is.
fn fetched(resource: &Resource) -> Option<String> {
    let source = resource.source.as_ref().filter(|source| !source.is_empty() && !source.starts_with("data:"))?;
    (resource.http_headers.is_empty() && resource.verification.hash.is_some()).then(|| format!("from {source}"))
}

/// The bytes of a resource; `None` when it has no source.
fn bytes(resource: &Resource) -> Result<Option<Vec<u8>>, String> {
    let Resource { compression, http_headers, source, verification: _ } = resource;
    let Some(source) = source else { return Ok(None) };
    if !source.is_empty() && !source.starts_with("data:") || !http_headers.is_empty() {
        return Err("they would be fetched with headers or without a hash, which bake never writes".to_owned());
    }
    let data = if source.is_empty() { Vec::new() } else { data_url::unpack(source)? };
    match compression.as_deref() {
        None | Some("") => Ok(Some(data)),
        Some("gzip") => unpack(&data).map(Some),
        Some(other) => Err(format!("compression `{other}` is not known")),
    }
}

/// What gzip has packed.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    let read = MultiGzDecoder::new(packed).take(LIMIT + 1).read_to_end(&mut data);
    match read {
        Ok(_) if data.len() as u64 <= LIMIT => Ok(data),
        Ok(_) => Err("they unpack to more than 64 MiB".to_owned()),
        Err(_) => Err("they are not gzip".to_owned()),
    }
}

fn group(group: PasswdGroup, machine: &mut Machine) {
    let PasswdGroup { gid, name, password_hash, should_exist, system } = group;
    let item = machine.item(Topic::Group, name);
    item.set("gid", number(gid)).set("system", yes(system)).set("exists", no(should_exist));
    if let Some(hash) = password_hash {
        item.hide("password", hash);
    }
}

fn user(user: PasswdUser, machine: &mut Machine) {
    let PasswdUser {
        gecos,
        groups,
        home_dir,
        name,
        no_create_home,
        no_log_init,
        no_user_group,
        password_hash,
        primary_group,
        shell,
        should_exist,
        ssh_authorized_keys,
        system,
        uid,
    } = user;
    for key in ssh_authorized_keys {
        machine.item(Topic::Key, format!("{name}: {key}"));
    }
    let item = machine.item(Topic::User, name);
    item.set("uid", number(uid)).set("comment", gecos.unwrap_or_default()).set("groups", groups.join(","));
    item.set("home", home_dir.unwrap_or_default()).set("shell", shell.unwrap_or_default());
    item.set("group", primary_group.unwrap_or_default()).set("system", yes(system));
    item.set("no home", yes(no_create_home)).set("no log", yes(no_log_init)).set("no own group", yes(no_user_group));
    item.set("exists", no(should_exist));
    if let Some(hash) = password_hash {
        item.hide("password", hash);
    }
}

fn unit(unit: Unit, machine: &mut Machine) {
    let Unit { contents, dropins, enabled, mask, name } = unit;
    for Dropin { contents, name: dropin } in dropins {
        let item = machine.item(Topic::DropIn, format!("{name}.d/{dropin}"));
        item.body = contents.map(|text| Body { bytes: text.into_bytes(), ..Body::default() });
    }
    let item = machine.item(Topic::Unit, name);
    item.set("enabled", enabled.map(files::yes_or_no).unwrap_or_default());
    item.set("masked", mask.map(files::yes_or_no).unwrap_or_default());
    item.body = contents.map(|text| Body { bytes: text.into_bytes(), ..Body::default() });
}

/// `user:group`; nothing for root, whom everything belongs to that nobody is named for.
fn owner(user: &NodeUser, group: &NodeGroup) -> String {
    let either = |name: &Option<String>, id: Option<i64>| match (name.as_deref(), id) {
        (Some(name), _) if !name.is_empty() => name.to_owned(),
        (_, None | Some(0)) => "root".to_owned(),
        (_, Some(id)) => id.to_string(),
    };
    files::owner(&format!("{}:{}", either(&user.name, user.id), either(&group.name, group.id)))
}

fn number(value: Option<i64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// What is only worth a word when it is so.
fn yes(value: Option<bool>) -> &'static str {
    if value == Some(true) { "yes" } else { "" }
}

/// What is only worth a word when it is not so.
fn no(value: Option<bool>) -> &'static str {
    if value == Some(false) { "no" } else { "" }
}
