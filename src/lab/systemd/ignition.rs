//! Ignition applies a config to a machine's root, as it does in a machine's first boot before systemd starts.

use crate::diag::conceal::conceal;
use crate::lab::failure::Failure;
use crate::lab::space::run;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where distributions keep the engine: it belongs to the initial RAM disk, not to the system.
const PLACES: [&str; 4] = [
    "/usr/lib/dracut/modules.d/30ignition/ignition",
    "/usr/libexec/ignition",
    "/usr/lib/ignition/ignition",
    "/usr/bin/ignition",
];

/// The newest version of the config that an engine may know while bake writes a newer one that says nothing more.
const OLDER: &str = "3.3.0";

/// Keys of the config whose values are not for others.
const SECRET: [&str; 3] = ["passwordHash", "source", "value"];

/// What stands in their place.
const HIDDEN: &str = "<hidden>";

/// The engine, if there is one.
pub(super) fn engine() -> Option<PathBuf> {
    PLACES.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Applies a config to `root`. `scratch` is for what the engine needs meanwhile. What there is to note about it.
///
/// # Errors
/// What the engine says.
pub(super) fn apply(config: &[u8], root: &str, scratch: &str) -> Result<Vec<String>, Failure> {
    let (config, mut notes) = offline(config)?;
    notes.extend(applied(&config, root, scratch)?);
    Ok(notes)
}

/// The config without files from the Internet, which a lab does not have, and the engine would wait for; and what to note.
fn offline(config: &[u8]) -> Result<(Vec<u8>, Vec<String>), Failure> {
    let failed = |error: serde_json::Error| Failure::new(format!("the config for Ignition is no JSON: {error}"));
    let mut config: serde_json::Value = serde_json::from_slice(config).map_err(failed)?;
    let mut notes = Vec::new();
    if let Some(files) = config.pointer_mut("/storage/files").and_then(serde_json::Value::as_array_mut) {
        files.retain(|file| {
            let source = file.pointer("/contents/source").and_then(serde_json::Value::as_str).unwrap_or("data:");
            let inline = source.starts_with("data:");
            let path = file.get("path").and_then(serde_json::Value::as_str).unwrap_or_default();
            if !inline {
                notes.push(format!("`{path}` was left out: a lab cannot fetch {}.", conceal(source)));
            }
            inline
        });
    }
    Ok((serde_json::to_vec(&config).map_err(failed)?, notes))
}

fn applied(config: &[u8], root: &str, scratch: &str) -> Result<Option<String>, Failure> {
    let engine = engine().ok_or_else(|| Failure::new("there is no Ignition"))?;
    fs::create_dir_all(scratch).map_err(Failure::io("make a folder for Ignition"))?;
    let policy = Policy::new(root, scratch)?;
    let done = stages(&engine, config, root, scratch);
    let done = match done {
        Err(failure) if failure.message.contains("unsupported config version") => {
            let older = older(config).ok_or(failure)?;
            stages(&engine, &older, root, scratch)?;
            let version = run(&engine.to_string_lossy(), &["--version"], "").unwrap_or_default();
            let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
            let version = version.split_whitespace().find(number).unwrap_or("here").to_owned();
            Ok(Some(format!("Ignition {version} got its config as version {OLDER}: it knows no newer one.")))
        }
        other => other.map(|()| None),
    };
    policy.end();
    done
}

/// The config with an older version in it; `None` if it has something that the older one does not know. Engines take what
/// they do not know for nothing.
fn older(config: &[u8]) -> Option<Vec<u8>> {
    let mut config: serde_json::Value = serde_json::from_slice(config).ok()?;
    // What version 3.4.0 brought that bake writes: modes with special bits.
    let special = |key: &str| {
        let all = config.get("storage").and_then(|storage| storage.get(key)).and_then(serde_json::Value::as_array);
        let mode = |one: &serde_json::Value| one.get("mode").and_then(serde_json::Value::as_u64).unwrap_or(0);
        all.is_some_and(|all| all.iter().any(|one| mode(one) > 0o777))
    };
    if special("files") || special("directories") {
        return None;
    }
    *config.get_mut("ignition")?.get_mut("version")? = serde_json::Value::from(OLDER);
    serde_json::to_vec(&config).ok()
}

fn stages(engine: &Path, config: &[u8], root: &str, scratch: &str) -> Result<(), Failure> {
    let file = format!("{scratch}/config.ign");
    fs::write(&file, config)
        .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o600)))
        .map_err(Failure::io("write the config for Ignition"))?;
    fs::remove_file(format!("{scratch}/cache.json")).ok();
    let path = format!("{scratch}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    for stage in ["fetch", "files"] {
        // It tries for ever what it cannot reach.
        let mut command = Command::new("timeout");
        command.arg("60").arg(engine).args(["--platform=file", "--log-to-stdout"]).arg(format!("--stage={stage}"));
        command.arg(format!("--root={root}")).arg(format!("--config-cache={scratch}/cache.json"));
        command.arg(format!("--state-file={scratch}/state")).arg(format!("--neednet={scratch}/neednet"));
        let command = command.env("IGNITION_CONFIG_FILE", &file).env("PATH", &path);
        let output = command.output().map_err(Failure::io("run Ignition"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("Ignition, stage `{stage}`: {}", grave(&said, config))));
        }
    }
    Ok(())
}

/// What the engine says last of what went wrong. It tells more than others may see: the commands that it runs, with their
/// arguments, and the whole config.
fn grave(said: &str, config: &[u8]) -> String {
    let grave = |line: &&str| ["CRITICAL ", "ERROR ", "WARNING "].iter().any(|level| line.starts_with(level));
    let said: Vec<&str> = said.lines().filter(grave).map(str::trim).collect();
    let mut last = said[said.len().saturating_sub(3)..].join("; ");
    let mut hidden = Vec::new();
    if let Ok(config) = serde_json::from_slice(config) {
        secrets(&config, &mut hidden);
    }
    // A longer one may have a shorter one in it.
    hidden.sort_by_key(|text: &String| std::cmp::Reverse(text.len()));
    for text in hidden {
        last = last.replace(&text, HIDDEN);
    }
    conceal(&last)
}

/// What is not for others in a config: passwords, and what is fetched from where and how.
fn secrets(config: &serde_json::Value, found: &mut Vec<String>) {
    match config {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    serde_json::Value::String(text) if SECRET.contains(&key.as_str()) && !text.is_empty() => {
                        found.push(text.clone());
                    }
                    value => secrets(value, found),
                }
            }
        }
        serde_json::Value::Array(all) => all.iter().for_each(|one| secrets(one, found)),
        _ => {}
    }
}

/// Distributions build the engine to label files for SELinux at its end, which fails without a policy. It gets one that says
/// nothing, for so long.
struct Policy {
    place: String,
    made: bool,
}

impl Policy {
    fn new(root: &str, scratch: &str) -> Result<Self, Failure> {
        let failed = || Failure::io("write an empty policy for Ignition");
        let place = format!("{root}/etc/selinux");
        let made = !Path::new(&place).exists();
        let bin = format!("{scratch}/bin");
        fs::create_dir_all(&place).and_then(|()| fs::create_dir_all(&bin)).map_err(failed())?;
        mount("tmpfs", &place, "tmpfs", MountFlags::empty(), None)
            .map_err(|error| Failure::new(format!("cannot mount tmpfs for Ignition: {error}")))?;
        let contexts = format!("{place}/none/contexts/files");
        let setfiles = format!("{bin}/setfiles");
        fs::create_dir_all(&contexts)
            .and_then(|()| fs::write(format!("{contexts}/file_contexts"), ""))
            .and_then(|()| fs::write(format!("{place}/config"), "SELINUXTYPE=none\n"))
            .and_then(|()| fs::write(&setfiles, "#!/bin/sh\ncat >/dev/null\n"))
            .and_then(|()| fs::set_permissions(&setfiles, fs::Permissions::from_mode(0o755)))
            .map_err(failed())?;
        Ok(Self { place, made })
    }

    fn end(self) {
        unmount(&self.place, UnmountFlags::DETACH).ok();
        if self.made {
            fs::remove_dir(&self.place).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_elsewhere_is_left_out() {
        let config =
            br#"{"storage":{"files":[{"path":"/a","contents":{"source":"https://example.org/a"}},{"path":"/b"}]}}"#;
        let (config, notes) = offline(config).unwrap();
        assert_eq!(config, br#"{"storage":{"files":[{"path":"/b"}]}}"#);
        assert_eq!(notes, ["`/a` was left out: a lab cannot fetch https://example.org/a."]);
    }

    #[test]
    fn who_fetches_is_not_said() {
        let config =
            br#"{"storage":{"files":[{"path":"/a","contents":{"source":"https://me:hunter2@example.org/a"}}]}}"#;
        let (_, notes) = offline(config).unwrap();
        assert_eq!(notes, ["`/a` was left out: a lab cannot fetch https://<hidden>@example.org/a."]);
    }

    #[test]
    fn what_the_engine_says_gives_no_secret_away() {
        let config = br#"{"passwd":{"users":[{"name":"core","passwordHash":"$y$fake"}]},
            "storage":{"files":[{"path":"/a","contents":{"source":"data:,an%20error","httpHeaders":
            [{"name":"Authorization","value":"Bearer fake"}]}}]}}"#;
        let said = "DEBUG    : parsed\n  \"source\": \"data:,an%20error failed\"\n\
            ERROR    : Authorization: Bearer fake was refused\n\
            CRITICAL : failed: Cmd: \"useradd\" \"--password\" \"$y$fake\" \"core\"\n";
        let told = "ERROR    : Authorization: <hidden> was refused; \
            CRITICAL : failed: Cmd: \"useradd\" \"--password\" \"<hidden>\" \"core\"";
        assert_eq!(grave(said, config), told);
    }

    #[test]
    fn a_version_is_lowered_only_if_nothing_is_lost() {
        let plain = br#"{"ignition":{"version":"3.4.0"},"storage":{"files":[{"mode":420}]}}"#;
        assert!(String::from_utf8(older(plain).unwrap()).unwrap().contains("\"version\":\"3.3.0\""));
        let special = br#"{"ignition":{"version":"3.4.0"},"storage":{"files":[{"mode":2541}]}}"#;
        assert_eq!(older(special), None);
    }
}
