//! What an image says about starting it (OCI image specification, "Image Configuration", `config`), and what becomes of it
//! together with what a unit asks for.

use crate::lab::service::{Origin, Service};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An image that was unpacked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Image {
    /// Its reference, as units have it.
    pub reference: String,
    /// The engine that it is from.
    pub engine: String,
    /// Its root, as machines see it.
    pub root: String,
    /// What it says about starting it.
    pub config: Config,
}

/// What an image says about starting it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// First words of its command, whatever else follows.
    pub entrypoint: Option<Vec<String>>,
    /// The others, where nobody says any.
    pub cmd: Option<Vec<String>>,
    /// Environment variables, as `NAME=value`.
    pub env: Option<Vec<String>>,
    /// Where it runs.
    pub working_dir: Option<String>,
    /// Who runs it.
    pub user: Option<String>,
    /// What stops it.
    pub stop_signal: Option<String>,
    /// Folders that are not part of its root.
    pub volumes: Option<BTreeMap<String, serde_json::Value>>,
}

impl Image {
    /// A service that starts from this image: the unit's words come after the image's, and otherwise the unit has the last word.
    pub fn start(&self, service: &Service) -> Service {
        let mut service = service.clone();
        let Some(container) = &mut service.container else { return service };
        let config = self.config.clone();
        // Who names another beginning wants nothing of the image's command.
        let (mut command, own) = match container.entrypoint.take() {
            Some(other) => (other, None),
            None => (config.entrypoint.unwrap_or_default(), config.cmd),
        };
        let asked = std::mem::take(&mut container.arguments);
        command.extend(if asked.is_empty() { own.unwrap_or_default() } else { asked });
        service.command = command;
        container.environment.splice(0..0, config.env.unwrap_or_default());
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        container.user = container.user.take().or(said(config.user));
        container.folder = container.folder.take().or(said(config.working_dir));
        container.origin = Some(Origin {
            root: self.root.clone(),
            engine: self.engine.clone(),
            volumes: config.volumes.unwrap_or_default().into_keys().collect(),
        });
        service.stop_signal = service.stop_signal.take().or(said(config.stop_signal));
        service
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::service;
    use crate::lab::unit::words;

    fn image(config: &str) -> Image {
        let config = serde_json::from_str(config).unwrap();
        Image { reference: "r".into(), engine: "podman".into(), root: "/.lab/images/0/root".into(), config }
    }

    fn started(unit: &str, config: &str) -> Service {
        image(config).start(&service::run("haproxy", &words(unit, "haproxy")).unwrap())
    }

    const OFFICIAL: &str = r#"{"Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
        "Env": ["PATH=/usr/local/bin", "A=1"], "User": "haproxy", "WorkingDir": "/var/lib/haproxy", "StopSignal": "SIGUSR1"}"#;

    #[test]
    fn what_the_unit_does_not_say_is_the_images() {
        let found = started("docker run --read-only r", OFFICIAL);
        assert_eq!(found.command, ["docker-entrypoint.sh", "haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]);
        assert_eq!(found.stop_signal.as_deref(), Some("SIGUSR1"));
        let container = found.container.unwrap();
        assert_eq!(container.user.as_deref(), Some("haproxy"));
        assert_eq!(container.folder.as_deref(), Some("/var/lib/haproxy"));
        assert_eq!(container.origin.unwrap().root, "/.lab/images/0/root");
    }

    #[test]
    fn the_unit_has_the_last_word() {
        let unit = "docker run --user 99:99 --stop-signal SIGTERM --workdir /w --env A=2 r haproxy -W -f /x";
        let found = started(unit, OFFICIAL);
        assert_eq!(found.command, ["docker-entrypoint.sh", "haproxy", "-W", "-f", "/x"]);
        assert_eq!(found.stop_signal.as_deref(), Some("TERM"));
        let container = found.container.unwrap();
        assert_eq!(container.environment, ["PATH=/usr/local/bin", "A=1", "A=2"]);
        assert_eq!((container.user.as_deref(), container.folder.as_deref()), (Some("99:99"), Some("/w")));
    }

    #[test]
    fn arguments_alone_follow_the_entrypoint() {
        let config = r#"{"Entrypoint": ["/usr/sbin/haproxy"], "Cmd": ["-v"], "Env": null, "User": ""}"#;
        let found = started("docker run r -W -f /x", config);
        assert_eq!(found.command, ["/usr/sbin/haproxy", "-W", "-f", "/x"]);
        assert_eq!(found.container.unwrap().user, None);
    }

    #[test]
    fn another_entrypoint_takes_the_images_command_away() {
        let found = started("docker run --entrypoint /bin/haproxy r -f /x", OFFICIAL);
        assert_eq!(found.command, ["/bin/haproxy", "-f", "/x"]);
    }

    #[test]
    fn a_service_without_a_container_stays_as_it_is() {
        let mut service = service::run("haproxy", &words("docker run r", "haproxy")).unwrap();
        service.container = None;
        assert_eq!(image(OFFICIAL).start(&service), service);
    }
}
