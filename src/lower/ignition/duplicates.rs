//! Things that are in a list twice.

use super::Check;
use crate::model::ignition::{Config, Key, Keyed, Resource};
use crate::model::path::At;
use std::collections::BTreeSet;

const TWICE: &str = "duplicate entry defined";

impl Check<'_> {
    pub(super) fn duplicates(&mut self, config: &Config) {
        let ignition = At::top("ignition");
        self.configs(config, &ignition.key("config"));
        let tls = ignition.key("security");
        let tls = tls.key("tls");
        let authorities = &config.ignition.security.tls.certificate_authorities;
        self.resources_twice(authorities, &tls.key("certificateAuthorities"));
        self.twice(&config.ignition.proxy.no_proxy, &ignition.key("proxy").key("noProxy"));
        let arguments = At::top("kernelArguments");
        let mut seen = BTreeSet::new();
        self.seen(&mut seen, &config.kernel_arguments.should_exist, &arguments.key("shouldExist"));
        self.seen(&mut seen, &config.kernel_arguments.should_not_exist, &arguments.key("shouldNotExist"));
        let passwd = At::top("passwd");
        self.twice(&config.passwd.groups, &passwd.key("groups"));
        let users = passwd.key("users");
        self.twice(&config.passwd.users, &users);
        for (index, user) in config.passwd.users.iter().enumerate() {
            let at = users.index(index);
            self.twice(&user.groups, &at.key("groups"));
            self.twice(&user.ssh_authorized_keys, &at.key("sshAuthorizedKeys"));
        }
        self.storage_twice(config);
        let units = At::top("systemd");
        let units = units.key("units");
        self.twice(&config.systemd.units, &units);
        for (index, unit) in config.systemd.units.iter().enumerate() {
            self.twice(&unit.dropins, &units.index(index).key("dropins"));
        }
    }

    fn configs(&mut self, config: &Config, at: &At<'_>) {
        self.resources_twice(&config.ignition.config.merge, &at.key("merge"));
        self.headers(&config.ignition.config.replace, &at.key("replace"));
    }

    fn storage_twice(&mut self, config: &Config) {
        let storage = &config.storage;
        let at = At::top("storage");
        let (files, disks, luks, raid) = (at.key("files"), at.key("disks"), at.key("luks"), at.key("raid"));
        // Nodes of all kinds share one name space.
        let mut seen = BTreeSet::new();
        self.seen(&mut seen, &storage.directories, &at.key("directories"));
        self.seen(&mut seen, &storage.files, &files);
        self.seen(&mut seen, &storage.links, &at.key("links"));
        for (index, file) in storage.files.iter().enumerate() {
            let at = files.index(index);
            self.headers(&file.contents, &at.key("contents"));
            for (index, resource) in file.append.iter().enumerate() {
                self.headers(resource, &at.key("append").index(index));
            }
        }
        self.twice(&storage.disks, &disks);
        for (index, disk) in storage.disks.iter().enumerate() {
            self.twice(&disk.partitions, &disks.index(index).key("partitions"));
        }
        self.twice(&storage.filesystems, &at.key("filesystems"));
        self.twice(&storage.luks, &luks);
        for (index, volume) in storage.luks.iter().enumerate() {
            let at = luks.index(index);
            let tang = volume.clevis.as_ref().map(|clevis| clevis.tang.as_slice()).unwrap_or_default();
            self.twice(tang, &at.key("clevis").key("tang"));
            self.twice(&volume.open_options, &at.key("openOptions"));
            self.headers(&volume.key_file, &at.key("keyFile"));
        }
        self.twice(&storage.raid, &raid);
        for (index, array) in storage.raid.iter().enumerate() {
            self.twice(&array.devices, &raid.index(index).key("devices"));
        }
    }

    fn resources_twice(&mut self, resources: &[Resource], at: &At<'_>) {
        self.twice(resources, at);
        for (index, resource) in resources.iter().enumerate() {
            self.headers(resource, &at.index(index));
        }
    }

    fn headers(&mut self, resource: &Resource, at: &At<'_>) {
        self.twice(&resource.http_headers, &at.key("httpHeaders"));
    }

    fn twice<T: Keyed>(&mut self, list: &[T], at: &At<'_>) {
        if list.len() > 1 {
            self.seen(&mut BTreeSet::new(), list, at);
        }
    }

    fn seen<'k, T: Keyed>(&mut self, seen: &mut BTreeSet<Key<'k>>, list: &'k [T], at: &At<'_>) {
        for (index, item) in list.iter().enumerate() {
            if !seen.insert(item.key()) {
                self.error(&at.index(index), TWICE);
            }
        }
    }
}
