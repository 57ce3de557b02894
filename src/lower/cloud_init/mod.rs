//! Ignition to cloud-init: the same machine, made by other means.
//!
//! cloud-init writes files and knows users; the rest is done by two generated scripts that people can read:
//!
//! - [`prepare`] runs as `bootcmd`, before any file is written: file systems and their mounts, accounts, directories
//!   and links. It uses the tools that Ignition itself calls (`useradd`, `groupadd`) and systemd-tmpfiles, so that
//!   owners exist before files need them and SELinux labels are right from the start.
//! - [`apply`] is a file, `/usr/local/libexec/bake-apply`, run by `runcmd` at the end: owners by number, hard links,
//!   kernel settings, the network's richer profiles, and units: systemd started before their files were there.
//!
//! What neither can do is refused at its place in the fragment. Every struct of the model is taken apart without
//! `..`, so that a field that is added to it must be dealt with here before this compiles.
//!
//! Known differences from Ignition, all harmless on a fresh disk: a file of the image is replaced although
//! `overwrite` is not set; keys go to `~/.ssh/authorized_keys`; there is no preset file, the links are made directly.

mod accounts;
mod apply;
mod contents;
mod files;
mod filesystems;
mod nodes;
mod order;
mod owners;
mod place;
mod prepare;
mod reactions;
mod refuse;
mod shell;
mod units;

use crate::diag::{Code, Diagnostic, Sink};
use crate::model::cloud::{CloudConfig, CloudInit, NetworkFiles, User, WriteFile};
use crate::model::cluster::{Cluster, Node};
use crate::model::ignition::{Config, Storage, Systemd};
use crate::model::{Part, Path};

/// Where the script for the end of the first boot lies.
pub const APPLY: &str = "/usr/local/libexec/bake-apply";

/// The documents of one node. `part` is everything that its fragments and the model say, merged.
///
/// What EL cannot do is reported as [`Code::NotExpressible`]; the documents are then incomplete.
pub fn lower(part: &Part, node: &Node, cluster: &Cluster, network: NetworkFiles, sink: &mut Sink) -> CloudInit {
    let mut work = Work { part, node, sink, out: Out::default() };
    let Config { ignition, kernel_arguments, passwd, storage, systemd } = &part.config;
    let Storage { directories, disks, files, filesystems, links, luks, raid } = storage;
    let Systemd { units } = systemd;

    refuse::ignition(&mut work, ignition);
    refuse::kernel_arguments(&mut work, kernel_arguments);
    refuse::disks(&mut work, disks, raid, luks);
    filesystems::lower(&mut work, filesystems, units);
    accounts::lower(&mut work, passwd);
    let owners = owners::Known::new(passwd);
    work.out.prepare.owned = place::owned(passwd, directories);
    nodes::directories(&mut work, directories);
    files::lower(&mut work, files, &owners);
    nodes::links(&mut work, links);
    units::lower(&mut work, units, files);
    reactions::lower(&mut work);

    let Out { mut prepare, mut apply, mut write_files, mut users, localtime } = work.out;
    for keyfile in network.keyfiles {
        write_files.push(file(&keyfile.path, "0600", keyfile.contents));
        apply.connections.push((keyfile.path, keyfile.uuid));
    }
    prepare.parents_of(&write_files);
    let banner = format!("Made by bake for {}; changes here are lost.", node.name);
    let boot = prepare.script();
    apply.prepared = boot.is_some();
    let engine = (!node.containers.is_empty()).then(|| "podman".to_owned());
    apply.requires = node.requires.iter().map(|command| command.value.clone()).chain(engine).collect();
    write_files.push(file(APPLY, "0755", apply.script(&banner)));

    let secret = !part.secret_files.is_empty() || users.iter().any(|user| user.hashed_passwd.is_some());
    let root_logs_in = users.iter().any(|user| user.name == "root" && !user.ssh_authorized_keys.is_empty());
    if users.is_empty() {
        // An empty list is not allowed, and without one cloud-init makes the image's default user, who may do anything.
        users.push(User { name: "root".to_owned(), ..User::default() });
    }
    CloudInit {
        user_data: CloudConfig {
            comments: vec![banner],
            bootcmd: boot.into_iter().map(once_per_instance).collect(),
            write_files,
            preserve_hostname: false,
            prefer_fqdn_over_hostname: false,
            hostname: node.hostname.clone(),
            fqdn: node.fqdn.clone(),
            manage_etc_hosts: false,
            no_ssh_fingerprints: users.iter().any(|user| user.ssh_authorized_keys.is_empty()),
            users,
            disable_root: !root_logs_in,
            ssh_pwauth: false,
            timezone: (!localtime).then(|| cluster.profile.timezone.value.clone()),
            runcmd: vec![vec![APPLY.to_owned()]],
        },
        network_config: network.config,
        local_hostname: node.hostname.clone(),
        secret,
    }
}

/// `bootcmd` runs on every boot; cloud-init's own guard makes it once per instance-id.
fn once_per_instance(script: String) -> Vec<String> {
    ["cloud-init-per", "instance", "bake-prepare", "sh", "-c"].map(str::to_owned).into_iter().chain([script]).collect()
}

/// A text file of root.
fn file(path: &str, permissions: &str, content: String) -> WriteFile {
    WriteFile { path: path.to_owned(), owner: None, permissions: permissions.to_owned(), encoding: None, content }
}

/// What is read, and what has come of it so far.
struct Work<'a> {
    part: &'a Part,
    node: &'a Node,
    sink: &'a mut Sink,
    out: Out,
}

/// What the sections of the config turn into.
#[derive(Debug, Default)]
struct Out {
    prepare: prepare::Prepare,
    apply: apply::Apply,
    write_files: Vec<WriteFile>,
    users: Vec<User>,
    /// Whether a fragment sets the time zone itself, by a link.
    localtime: bool,
}

impl Work<'_> {
    /// Reports what EL cannot do, at its place.
    fn refuse(&mut self, path: &Path, message: impl Into<String>, hint: &str) {
        self.report(Code::NotExpressible, path, message, Some(hint));
    }

    fn report(&mut self, code: Code, path: &Path, message: impl Into<String>, hint: Option<&str>) {
        let mut diagnostic = Diagnostic::new(code, message).at(self.part.trace.span(path));
        diagnostic.hint = hint.map(str::to_owned);
        self.sink.push(diagnostic);
    }
}

/// The path of element `index` of a list such as `storage.files`.
fn element(section: &'static str, list: &'static str, index: usize) -> Path {
    Path::root().then(section).then(list).then(index)
}
