//! Which local files a config needs, so that somebody can read them beforehand.

use crate::model::butane::{Config, Dropin, Resource};
use crate::model::local::Wanted;

/// Everything local that `config` refers to.
pub fn wanted(config: &Config) -> Wanted {
    let mut wanted = Wanted::default();
    let mut resource = |resource: &Resource| wanted.files.extend(resource.local.clone());
    if let Some(ignition) = &config.ignition {
        if let Some(config) = &ignition.config {
            config.merge.iter().chain(&config.replace).for_each(&mut resource);
        }
        if let Some(tls) = ignition.security.as_ref().and_then(|security| security.tls.as_ref()) {
            tls.certificate_authorities.iter().for_each(&mut resource);
        }
    }
    if let Some(storage) = &config.storage {
        storage.files.iter().flat_map(|file| file.append.iter().chain(&file.contents)).for_each(&mut resource);
        storage.luks.iter().filter_map(|luks| luks.key_file.as_ref()).for_each(&mut resource);
        wanted.trees.extend(storage.trees.iter().filter_map(|tree| tree.local.clone()));
    }
    for user in config.passwd.iter().flat_map(|passwd| &passwd.users) {
        wanted.files.extend(user.ssh_authorized_keys_local.iter().cloned());
    }
    if let Some(systemd) = &config.systemd {
        let mut text = |local: Option<&String>| wanted.files.extend(local.filter(|local| !local.is_empty()).cloned());
        let dropins = |dropins: &[Dropin], text: &mut dyn FnMut(Option<&String>)| {
            for dropin in dropins {
                text(dropin.contents_local.as_ref());
            }
        };
        for unit in &systemd.units {
            text(unit.contents_local.as_ref());
            dropins(&unit.dropins, &mut text);
        }
        for quadlet in &systemd.quadlets {
            text(quadlet.contents_local.as_ref());
            dropins(&quadlet.dropins, &mut text);
        }
    }
    wanted
}
