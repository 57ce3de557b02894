//! `bake verify [DIR]`.

use super::Outcome;
use super::args::{Form, Verify};
use super::rebuild;
use super::report::{report, unusable};
use super::settings::{Settings, Volume};
use super::show::Show;
use crate::diag::conceal::conceal;
use crate::diag::{Code, Diagnostic, Sink, Sources};
use crate::model::artifact::complete;
use crate::world::disk::Disk;
use crate::world::output::MANIFEST;
use crate::world::{Kind, Trouble, World as _};
use crate::{Manifest, ManifestFile, ManifestNode, instance_id, nar_hash};
use serde_json::Map;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn run(settings: &Settings, show: &Show, args: &Verify) -> Outcome {
    let folder = settings.path(&args.folder);
    let mut sink = Sink::default();
    let checked = check(&folder, &mut sink);
    let manifest = checked.as_ref().map(|checked| &checked.manifest).filter(|_| args.rebuild);
    let plan = manifest.and_then(|manifest| rebuild::run(settings, show, args, &folder, manifest, &mut sink));
    let found = sink.finish();
    let none = Sources::default();
    let sources = plan.as_ref().map_or(&none, |plan| &plan.sources);
    let redact = |text: &str| plan.as_ref().map_or_else(|| conceal(text), |plan| plan.redact(text));
    let outcome = report(show, args.format, sources, &found, Map::new(), &redact);
    if let (Some(checked), Outcome::Done, Form::Text, true) =
        (checked, outcome, args.format, settings.volume > Volume::Quiet)
    {
        let Checked { files, incomplete, .. } = checked;
        let again = if args.rebuild { ", and built again they are the same" } else { "" };
        show.note(&format!("{}: all of {files} files are as they were built{again}", folder.display()));
        if incomplete > 0 {
            show.note(&format!("{incomplete} of them without their secrets: no machine can start from them"));
        }
    }
    outcome
}

/// Folders in which people keep files of their own beside ours.
const SHARED: &[&str] = &["terraform/"];

/// What a manifest lists.
struct Checked {
    manifest: Manifest,
    files: usize,
    /// Files with gaps in place of secrets.
    incomplete: usize,
}

/// Compares everything in `folder` with the manifest there.
fn check(folder: &Path, sink: &mut Sink) -> Option<Checked> {
    let disk = Disk::open(folder).map_err(|trouble| sink.push(unusable(folder, trouble))).ok()?;
    let shown = folder.join(MANIFEST).display().to_string();
    let bytes = disk.read(MANIFEST).map_err(|trouble| sink.push(no_manifest(&shown, &trouble))).ok()?;
    let manifest = Manifest::parse(&bytes)
        .map_err(|why| sink.push(mismatch(format!("`{shown}` is not a manifest of bake: {why}"))))
        .ok()?;
    let mut listed = BTreeSet::from([MANIFEST.to_owned()]);
    for (name, node) in &manifest.nodes {
        compare(&disk, name, node, sink);
        listed.insert(name.clone());
        for path in node.files.keys() {
            let whole = format!("{name}/{path}");
            listed.extend(whole.match_indices('/').map(|(at, _)| whole[..at].to_owned()));
            listed.insert(whole);
        }
    }
    let shared = manifest.cluster.as_ref().map(|cluster| cluster.files.clone()).unwrap_or_default();
    for (path, file) in &shared {
        file_as_listed(&disk, path, file, sink);
        listed.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        listed.insert(path.clone());
    }
    let entries = disk.walk("").map_err(|trouble| sink.push(unusable(folder, trouble))).ok()?;
    for entry in entries {
        if SHARED.iter().any(|folder| entry.path.starts_with(folder)) && !shared.contains_key(&entry.path) {
            continue;
        }
        if !listed.contains(&entry.path) {
            sink.push(mismatch(format!("`{}` is not in the manifest", entry.path)));
        } else if entry.kind == Kind::Link || entry.kind == Kind::Other {
            sink.push(mismatch(format!("`{}` is not a regular file", entry.path)));
        }
    }
    let of_nodes: Vec<&String> = manifest.nodes.values().flat_map(|node| node.files.keys()).collect();
    let incomplete = of_nodes.iter().filter(|path| complete(path) != **path).count();
    let files = of_nodes.len() + shared.len();
    Some(Checked { manifest, files, incomplete })
}

fn compare(disk: &Disk, name: &str, node: &ManifestNode, sink: &mut Sink) {
    let mut contents = Vec::new();
    for (path, file) in &node.files {
        contents
            .extend(file_as_listed(disk, &format!("{name}/{path}"), file, sink).map(|bytes| (path.as_str(), bytes)));
    }
    let id = instance_id(name, contents.iter().map(|(path, bytes)| (*path, bytes.as_slice())));
    if contents.len() == node.files.len() && id != node.instance_id {
        let listed = &node.instance_id;
        sink.push(mismatch(format!("the files of `{name}` give the instance-id `{id}` instead of `{listed}`")));
    }
    let nar = nar_hash(contents.iter().map(|(path, bytes)| (*path, bytes.as_slice())));
    if let Some(listed) = node.nar_hash.as_ref().filter(|listed| contents.len() == node.files.len() && **listed != nar)
    {
        sink.push(mismatch(format!("the files of `{name}` give the narHash `{nar}` instead of `{listed}`")));
    }
}

/// Compares one file with its entry; its contents, if they could be read.
fn file_as_listed(disk: &Disk, whole: &str, file: &ManifestFile, sink: &mut Sink) -> Option<Vec<u8>> {
    match disk.read(whole).and_then(|bytes| Ok((bytes, disk.mode(whole)?))) {
        Ok((bytes, mode)) => {
            for difference in file.differences(&bytes, mode) {
                sink.push(mismatch(format!("`{whole}` {difference}")));
            }
            return Some(bytes);
        }
        Err(Trouble::Missing) => sink.push(mismatch(format!("`{whole}` is missing"))),
        Err(Trouble::Other(why)) => sink.push(mismatch(format!("`{whole}` cannot be read: {why}"))),
        Err(_) => sink.push(mismatch(format!("`{whole}` is not a regular file"))),
    }
    None
}

fn mismatch(message: String) -> Diagnostic {
    Diagnostic::new(Code::VerifyMismatch, message).hint("build again")
}

fn no_manifest(shown: &str, trouble: &Trouble) -> Diagnostic {
    match trouble {
        Trouble::Missing => {
            Diagnostic::new(Code::FileMissing, format!("there is no `{shown}`")).hint("name an output of `bake build`")
        }
        Trouble::Other(why) => Diagnostic::new(Code::FileUnreadable, format!("cannot read `{shown}`: {why}")),
        _ => Diagnostic::new(Code::FileUnreadable, format!("`{shown}` is not a regular file")),
    }
}
