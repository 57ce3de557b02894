//! What the lowering says: refusals at their places, documents that cloud-init's own checker and shells accept.

use super::fixture::{self, data, directory, file, lowered, node, part, unit};
use crate::support;
use bake::diag::{Code, Span};
use bake::emit::cloud_config::seed;
use bake::instance_id;
use bake::model::ignition::*;
use bake::model::{Part, Path, Step};
use std::process::Command;

/// A path such as `$.storage.files.0.mode`.
fn path(text: &str) -> Path {
    let steps = text.trim_start_matches('$').split('.').filter(|step| !step.is_empty());
    steps.map(|step| step.parse().map_or_else(|_| Step::from(step.to_owned()), Step::Index)).collect()
}

/// A config with one change.
fn config(change: impl FnOnce(&mut Config)) -> Part {
    let mut part = Part::default();
    change(&mut part.config);
    part
}

fn with_file(file: File) -> Part {
    config(|config| config.storage.files.push(file))
}

fn with_filesystem(filesystem: Filesystem) -> Part {
    config(|config| config.storage.filesystems.push(filesystem))
}

fn with_unit(unit: Unit) -> Part {
    config(|config| config.systemd.units.push(unit))
}

fn remote(source: &str) -> Resource {
    Resource { source: Some(source.to_owned()), ..Resource::default() }
}

fn ext4() -> Filesystem {
    let (device, format) = ("/dev/vdb".to_owned(), Some("ext4".to_owned()));
    Filesystem { device, format, path: Some("/srv".to_owned()), ..Filesystem::default() }
}

fn quadlet(install: bool) -> File {
    let text = if install {
        "[Container]\nImage=x\n[Install]\nWantedBy=multi-user.target\n"
    } else {
        "[Container]\nImage=x\n"
    };
    file("/etc/containers/systemd/web.container", 0o644, text.as_bytes())
}

#[test]
fn refuses_at_its_place_what_el_cannot_do() {
    let hashed = Resource { verification: Verification { hash: Some("sha256-00".to_owned()) }, ..data(b"x") };
    let group =
        PasswdGroup { name: "a".to_owned(), password_hash: Some("$6$fake".to_owned()), ..PasswdGroup::default() };
    let headers =
        Resource { http_headers: vec![HttpHeader { name: "a".to_owned(), value: None }], ..remote("https://x/y") };
    let quadlet_unit = |install, enabled| {
        config(|config| {
            config.storage.files.push(quadlet(install));
            config.systemd.units.push(unit("web.service", Some(enabled), ""));
        })
    };
    let file = |contents| File { path: "/a".to_owned(), contents, ..File::default() };
    let cases = vec![
        ("$.storage.files.0.contents.source", "`https`", with_file(file(remote("https://x/y")))),
        ("$.storage.files.0.contents.source", "broken", with_file(file(remote("data:;base64,*")))),
        ("$.storage.files.0.contents.httpHeaders", "request", with_file(file(headers))),
        (
            "$.storage.files.0.contents.compression",
            "`xz`",
            with_file(file(Resource { compression: Some("xz".to_owned()), ..data(b"") })),
        ),
        ("$.storage.files.0.contents.verification", "hash", with_file(file(hashed))),
        (
            "$.storage.files.0.append.0.source",
            "`tftp`",
            with_file(File { append: vec![remote("tftp://x/y")], ..file(Resource::default()) }),
        ),
        ("$.storage.files.0", "`/etc/hostname`", with_file(fixture::file("/etc/hostname", 0o644, b"other\n"))),
        (
            "$.storage.directories.0.overwrite",
            "`/a`",
            config(|config| {
                config.storage.directories.push(Directory { overwrite: Some(true), ..directory("/a", None) });
            }),
        ),
        ("$.storage.links.0.target", "`/a`", config(|config| config.storage.links.push(fixture::link("/a", "")))),
        (
            "$.storage.disks.0",
            "`/dev/vdb`",
            config(|config| {
                config.storage.disks.push(Disk { device: "/dev/vdb".to_owned(), ..Disk::default() });
            }),
        ),
        (
            "$.storage.raid.0",
            "`md`",
            config(|config| config.storage.raid.push(Raid { name: "md".to_owned(), ..Raid::default() })),
        ),
        (
            "$.storage.luks.0",
            "`c`",
            config(|config| config.storage.luks.push(Luks { name: "c".to_owned(), ..Luks::default() })),
        ),
        (
            "$.storage.filesystems.0.wipeFilesystem",
            "erased",
            with_filesystem(Filesystem { wipe_filesystem: Some(true), ..ext4() }),
        ),
        (
            "$.storage.filesystems.0.format",
            "`zfs`",
            with_filesystem(Filesystem { format: Some("zfs".to_owned()), ..ext4() }),
        ),
        ("$.storage.filesystems.0.path", "root", with_filesystem(Filesystem { path: Some("/".to_owned()), ..ext4() })),
        ("$.passwd.groups.0.passwordHash", "`a`", config(|config| config.passwd.groups.push(group))),
        (
            "$.kernelArguments.shouldExist.0",
            "`quiet`",
            config(|config| config.kernel_arguments.should_exist.push("quiet".to_owned())),
        ),
        (
            "$.kernelArguments.shouldNotExist.0",
            "`quiet`",
            config(|config| config.kernel_arguments.should_not_exist.push("quiet".to_owned())),
        ),
        ("$.ignition.config.merge", "fetched", config(|config| config.ignition.config.merge.push(remote("data:,{}")))),
        ("$.ignition.config.replace", "fetched", config(|config| config.ignition.config.replace = remote("data:,{}"))),
        ("$.ignition.proxy", "fetched", config(|config| config.ignition.proxy.no_proxy.push("x".to_owned()))),
        ("$.ignition.timeouts", "fetched", config(|config| config.ignition.timeouts.http_total = Some(1))),
        (
            "$.ignition.security",
            "fetched",
            config(|config| config.ignition.security.tls.certificate_authorities.push(data(b""))),
        ),
        (
            "$.systemd.units.0",
            "`cloud-final.service`",
            with_unit(unit("a.service", Some(true), "[Unit]\nAfter=cloud-final.service\n")),
        ),
        ("$.systemd.units.0.enabled", "no `[Install]`", quadlet_unit(false, true)),
        ("$.systemd.units.0.enabled", "an `[Install]`", quadlet_unit(true, false)),
    ];
    for (number, (place, word, mut part)) in (1..).zip(cases) {
        let span = Span::new(fixture::file_id(), number, number + 1);
        part.trace.set(path(place), span);
        let (_, found) = lowered(&part, &node());
        let [finding] = &found[..] else { panic!("{place}: {found:?}") };
        assert!(finding.message.contains(word), "{place}: {}", finding.message);
        assert_eq!(finding.span, Some(span), "{place}: {}", finding.message);
        let expected = if place.ends_with("verification") { Code::BadValue } else { Code::NotExpressible };
        assert_eq!(finding.code, expected);
    }
}

#[test]
fn keeps_secrets_out_of_messages_and_marks_documents() {
    let (documents, found) =
        lowered(&with_file(File { contents: remote("https://user:hunter2@x/y"), ..file("/a", 0o600, b"") }), &node());
    assert!(!format!("{found:?}").contains("hunter2"));
    assert!(!documents.secret);
    let mut part = with_file(file("/a", 0o600, b"x"));
    part.secret_files.insert("/a".to_owned());
    assert!(lowered(&part, &node()).0.secret);
    let user = PasswdUser { name: "a".to_owned(), password_hash: Some("$6$fake".to_owned()), ..PasswdUser::default() };
    let (documents, _) = lowered(&config(|config| config.passwd.users.push(user)), &node());
    assert!(documents.secret, "a password hash is a secret");
    assert!(!documents.user_data.bootcmd.concat().concat().contains("$6$fake"), "a command line is seen by everybody");
}

#[test]
fn an_empty_config_needs_no_preparation() {
    let (documents, found) = lowered(&Part::default(), &node());
    assert!(found.is_empty());
    let config = documents.user_data;
    assert!(config.bootcmd.is_empty());
    assert!(config.users.len() == 1 && config.users[0].name == "root", "no default user is made");
    assert_eq!(config.write_files.len(), 1);
    assert_eq!(config.runcmd, [["/usr/local/libexec/bake-apply"]]);
    assert_eq!((config.hostname.as_str(), config.fqdn.as_str()), ("lb1", "lb1.kube.internal"));
    assert_eq!(config.timezone.as_deref(), Some("Europe/Madrid"));
}

#[test]
fn a_fragment_may_set_the_time_zone_itself() {
    let part = config(|config| config.storage.links.push(fixture::link("/etc/localtime", "../usr/share/zoneinfo/UTC")));
    assert_eq!(lowered(&part, &node()).0.user_data.timezone, None);
}

#[test]
fn a_masked_unit_is_only_a_link() {
    let (documents, _) =
        lowered(&with_unit(Unit { mask: Some(true), ..unit("a.service", Some(true), "[Service]\n") }), &node());
    assert!(!documents.user_data.write_files.iter().any(|file| file.path.ends_with("a.service")));
    let apply = &documents.user_data.write_files.last().unwrap().content;
    assert!(!apply.contains("systemctl enable") && !apply.contains("systemctl start"), "{apply}");
}

#[test]
fn the_instance_id_follows_the_content() {
    let (documents, _) = lowered(&part(), &node());
    let one = seed("lb1", &documents);
    assert_eq!(one, seed("lb1", &documents));
    assert!(one.instance_id.starts_with("lb1-") && one.instance_id.len() == 20);
    assert!(one.meta_data.contains(&one.instance_id));
    let mut other = documents.clone();
    other.network_config.comments.clear();
    assert_ne!(seed("lb1", &other).instance_id, one.instance_id);
    let id =
        |one: &'static str, other: &'static str| instance_id("n", [("a", one.as_bytes()), ("b", other.as_bytes())]);
    assert_ne!(id("ab", "c"), id("a", "bc"));
}

/// What people review: the whole document of the fixture. `BLESS=1` writes it anew.
#[test]
fn documents_are_as_reviewed() {
    let seed = seed("lb1", &lowered(&part(), &node()).0);
    let folder = support::repository().join("tests/cases/cloud_init");
    for (name, text) in
        [("user-data", seed.user_data), ("meta-data", seed.meta_data), ("network-config", seed.network_config)]
    {
        let path = folder.join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, &text).expect("written");
        }
        assert_eq!(text, std::fs::read_to_string(&path).unwrap_or_default(), "{name}: see BLESS");
    }
}

#[test]
fn cloud_init_accepts_the_document() {
    let Some(engine) = support::engine("cloud-init") else { return };
    let scratch = tempfile::tempdir().expect("scratch folder");
    for (name, part) in [("everything", part()), ("nothing", Part::default())] {
        let path = scratch.path().join(name);
        std::fs::write(&path, seed("lb1", &lowered(&part, &node()).0).user_data).expect("written");
        let output = support::run(Command::new(&engine).args(["schema", "-c"]).arg(&path));
        let said = support::said(&output);
        assert!(output.status.success() && said.contains("Valid cloud-config"), "{name}: {said}");
    }
}

#[test]
fn shells_accept_the_scripts() {
    let config = lowered(&part(), &node()).0.user_data;
    let scratch = tempfile::tempdir().expect("scratch folder");
    let scripts = [("prepare", &config.bootcmd[0][5]), ("apply", &config.write_files.last().unwrap().content)];
    for (name, text) in scripts {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).expect("written");
        for shell in ["sh", "bash"] {
            let output = support::run(Command::new(shell).arg("-n").arg(&path));
            assert!(output.status.success() && output.stderr.is_empty(), "{shell} {name}: {}", support::said(&output));
        }
    }
}
