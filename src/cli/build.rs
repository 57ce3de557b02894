//! `bake build`.

use super::Outcome;
use super::args::{Build, Form, Secrets};
use super::report::{report, unusable};
use super::settings::{Settings, Volume};
use super::show::Show;
use crate::diag::{Code, Diagnostic, Sink, Sources};
use crate::model::artifact::Artifact;
use crate::world::disk::Disk;
use crate::world::file;
use crate::world::omit::Omit;
use crate::world::output::{Failure, MANIFEST, Output};
use crate::{Facts, Manifest, ManifestCluster, ManifestNode, Plan, Request};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

type Nodes = BTreeMap<String, ManifestNode>;

/// A node that was written, and what is remembered of it.
type Baked = (ManifestNode, Facts);

/// Where people keep files of their own beside ours (`providers.tf`, `terraform.tfstate`, `.terraform`).
const SHARED: &str = "terraform";

/// What was written.
struct Written {
    nodes: Nodes,
    cluster: Option<ManifestCluster>,
}

pub(super) fn run(settings: &Settings, show: &Show, args: &Build) -> Outcome {
    let opened = Disk::open(&settings.root).map_err(|trouble| unusable(&settings.root, trouble));
    let (disk, nodes) = match opened.and_then(|disk| Ok((disk, wanted(settings, args)?))) {
        Ok(opened) => opened,
        Err(found) => {
            return report(show, args.format, &Sources::default(), &[found], written(None), &str::to_owned);
        }
    };
    let nobody = nodes.is_empty() && args.nodes_file.is_some();
    let request = Request { profiles: args.profiles.clone(), nodes };
    let mut plan = match args.secrets {
        Secrets::Read => crate::plan(&disk, &request),
        Secrets::Omit => crate::plan(&Omit(&disk), &request),
    };
    if nobody {
        plan.selected.clear();
    }
    let mut sink = Sink::default();
    plan.diagnostics.iter().for_each(|found| sink.push(found.clone()));
    plan.accepted.iter().for_each(|place| sink.accept(*place));
    let out = settings.path(&args.out);
    let done = match args.flat {
        _ if sink.failed() => None,
        true => flat(&plan, &out, &mut sink),
        false => bake(&plan, &out, settings, show, args, &mut sink),
    };
    let found = sink.finish();
    let outcome = report(show, args.format, &plan.sources, &found, written(done.as_ref()), &|text| plan.redact(text));
    if let (Some(done), Form::Text, true) = (&done, args.format, settings.volume > Volume::Quiet) {
        summarize(show, settings, done, &out);
    }
    outcome
}

/// The names and patterns of nodes that were asked for: those of the command line, and a line of the file each.
fn wanted(settings: &Settings, args: &Build) -> Result<Vec<String>, Diagnostic> {
    let mut nodes = args.nodes.clone();
    let Some(list) = &args.nodes_file else { return Ok(nodes) };
    let path = settings.path(list);
    let read = file::read(&path).map_err(|failure| Diagnostic::new(Code::FileUnreadable, failure.message))?;
    let text = String::from_utf8(read)
        .map_err(|_| Diagnostic::new(Code::NotUtf8, format!("`{}` is not valid UTF-8", path.display())))?;
    nodes.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    Ok(nodes)
}

/// Compiles one node and writes its files into the output itself, for somebody to whom a node is a folder of its own.
fn flat(plan: &Plan, out: &Path, sink: &mut Sink) -> Option<Written> {
    let mut refuse = |failure: Failure| sink.push(refusal(failure));
    let [name] = plan.selected.as_slice() else {
        let message = format!("`--flat` writes one node, and {} are selected", plan.selected.len());
        refuse(Failure { message, hint: Some("name one with `--node`".to_owned()) });
        return None;
    };
    let output = Output::begin(out).map_err(&mut refuse).ok()?;
    if output.previous().is_some() {
        let message = format!("`{}` holds a build of nodes, which a flat one does not replace", out.display());
        refuse(Failure { message, hint: Some("remove it, or choose another `--out`".to_owned()) });
        return None;
    }
    let (node, facts) = one(plan, &output, name, "", sink).map_err(|failure| sink.push(refusal(failure))).ok()??;
    plan.conclude(vec![facts], sink);
    if sink.failed() {
        return None;
    }
    output.finish_bare().map_err(|failure| sink.push(refusal(failure))).ok()?;
    Some(Written { nodes: Nodes::from([(name.clone(), node)]), cluster: None })
}

/// Compiles what was selected and writes it, unless anything is wrong. The nodes that were written.
fn bake(plan: &Plan, out: &Path, settings: &Settings, show: &Show, args: &Build, sink: &mut Sink) -> Option<Written> {
    let mut refuse = |failure: Failure| sink.push(refusal(failure));
    let output = Output::begin(out).map_err(&mut refuse).ok()?;
    let mut manifest = Manifest::default();
    if let Some(bytes) = output.previous() {
        let before = Manifest::parse(bytes).map_err(|why| refuse(corrupt(out, &why))).ok()?;
        for node in plan.all.iter().filter(|node| plan.selected.binary_search(node).is_err()) {
            let Some(entry) = before.nodes.get(node) else { continue };
            if output.keep(node).map_err(&mut refuse).ok()? {
                manifest.nodes.insert(node.clone(), entry.clone());
            }
        }
        let ours = before.cluster.unwrap_or_default().files;
        output.keep_others(SHARED, &|path| ours.contains_key(path)).map_err(&mut refuse).ok()?;
    }
    let watch = (settings.volume > Volume::Quiet && args.format == Form::Text).then_some(show);
    let nodes = compile(plan, &output, jobs(args), watch, sink);
    if sink.failed() {
        return None;
    }
    manifest.nodes.extend(nodes.clone());
    let finish = || {
        manifest.cluster = cluster(plan, &output, &manifest.nodes)?;
        output.finish(manifest.to_text().as_bytes())?;
        Ok(manifest.cluster)
    };
    let cluster = finish().map_err(|failure| sink.push(refusal(failure))).ok()?;
    Some(Written { nodes, cluster })
}

/// Writes what is about all nodes together, whichever of them were compiled now: the summary, and from the
/// instance-ids in the manifest what makes the machines. While some node was never built, there is none of the latter.
fn cluster(plan: &Plan, output: &Output, nodes: &Nodes) -> Result<Option<ManifestCluster>, Failure> {
    let mut files: Vec<Artifact> = plan.summary().into_iter().collect();
    if plan.all.iter().all(|node| nodes.contains_key(node)) {
        let ids = nodes.iter().map(|(name, node)| (name.clone(), node.instance_id.clone())).collect();
        files.extend(plan.cluster_artifacts(&ids));
    }
    for file in &files {
        match file.path.split_once('/') {
            Some((folder, path)) => output.write(folder, path, &file.bytes, file.secret)?,
            None => output.write_top(&file.path, &file.bytes, file.secret)?,
        }
    }
    Ok(Some(ManifestCluster::from(files.as_slice())))
}

fn jobs(args: &Build) -> usize {
    let asked = args.jobs.or_else(|| std::thread::available_parallelism().ok());
    asked.map_or(1, std::num::NonZeroUsize::get)
}

/// Compiles the selected nodes on `jobs` threads. Each goes to disk as soon as it is compiled, so that memory
/// does not grow with the cluster; findings are joined in the order of the nodes, whoever was faster.
fn compile(plan: &Plan, output: &Output, jobs: usize, watch: Option<&Show>, sink: &mut Sink) -> Nodes {
    let total = plan.selected.len();
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, (Sink, Option<Baked>)>> = Mutex::default();
    let work = || loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(name) = plan.selected.get(index) else { return };
        let mut own = Sink::default();
        let node = one(plan, output, name, name, &mut own).unwrap_or_else(|failure| {
            own.push(refusal(failure));
            next.store(total, Ordering::Relaxed); // a full disk is full for every node: say so once
            None
        });
        let Ok(mut done) = done.lock() else { return };
        done.insert(index, (own, node));
        if let Some(show) = watch.filter(|_| total >= 200 && done.len() % 50 == 0) {
            show.progress(&format!("{} of {total} nodes", done.len()));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(total) {
            scope.spawn(work);
        }
        work();
    });
    let (mut nodes, mut facts) = (Nodes::new(), Vec::new());
    for (index, (own, node)) in done.into_inner().unwrap_or_default() {
        sink.append(own);
        if let (Some(name), Some((node, fact))) = (plan.selected.get(index), node) {
            nodes.insert(name.clone(), node);
            facts.push(fact);
        }
    }
    plan.conclude(facts, sink);
    nodes
}

/// Compiles one node and writes it into `folder`; `None` when it does not compile.
fn one(plan: &Plan, output: &Output, name: &str, folder: &str, sink: &mut Sink) -> Result<Option<Baked>, Failure> {
    let Some((node, facts)) = plan.bake(name, sink) else { return Ok(None) };
    for file in &node.artifacts {
        output.write(folder, &file.path, &file.bytes, file.secret)?;
    }
    Ok(Some((ManifestNode::from(&node), facts)))
}

fn refusal(failure: Failure) -> Diagnostic {
    let mut found = Diagnostic::new(Code::OutputUnwritable, failure.message);
    found.hint = failure.hint;
    found
}

fn corrupt(out: &Path, why: &str) -> Failure {
    Failure {
        message: format!("`{}` is not a manifest of bake: {why}", out.join(MANIFEST).display()),
        hint: Some("remove the folder, or choose another `--out`".to_owned()),
    }
}

/// What was written, for programs: the files of every node, and those about all of them.
fn written(done: Option<&Written>) -> Map<String, Value> {
    let files =
        |node: &ManifestNode| json!({"instance_id": node.instance_id, "files": node.files.keys().collect::<Vec<_>>()});
    let nodes: Map<String, Value> =
        done.into_iter().flat_map(|done| &done.nodes).map(|(name, node)| (name.clone(), files(node))).collect();
    let cluster = done.and_then(|done| done.cluster.as_ref());
    let cluster: Vec<&String> = cluster.into_iter().flat_map(|cluster| cluster.files.keys()).collect();
    Map::from_iter([("written".to_owned(), Value::Object(nodes)), ("cluster".to_owned(), json!(cluster))])
}

fn summarize(show: &Show, settings: &Settings, done: &Written, out: &Path) {
    let Written { nodes, cluster } = done;
    let shared = || cluster.iter().flat_map(|cluster| &cluster.files);
    if settings.volume == Volume::Verbose {
        for (name, node) in nodes {
            for (path, file) in &node.files {
                show.note(&format!("{}  {} bytes", out.join(name).join(path).display(), file.size));
            }
        }
        for (path, file) in shared() {
            show.note(&format!("{}  {} bytes", out.join(path).display(), file.size));
        }
    }
    let files: usize = nodes.values().map(|node| node.files.len()).sum::<usize>() + shared().count();
    let plural = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    show.note(&format!("{}, {} in {}", plural(nodes.len(), "node"), plural(files, "file"), out.display()));
}
