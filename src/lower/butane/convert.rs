//! What Butane and Ignition have in common, field by field.

use super::Work;
use crate::model::butane;
use crate::model::ignition::{
    Cex, Clevis, ClevisCustom, Config, Directory, Disk, Dropin, File, Filesystem, Ignition, IgnitionConfig,
    KernelArguments, Link, Luks, NodeGroup, NodeUser, Partition, Passwd, PasswdGroup, PasswdUser, Proxy, Raid,
    Security, Storage, Systemd, Tang, Timeouts, Tls, Unit,
};
use crate::model::local::{LocalError, text_of};
use crate::model::path::At;
use crate::model::shape::Field;

/// The parts of a Butane config that Ignition has no equal of.
#[derive(Debug, Clone, Default)]
pub(super) struct Sugar {
    /// Positions of the file systems that get a mount unit.
    pub(super) mounted: Vec<usize>,
    pub(super) trees: Vec<butane::Tree>,
    pub(super) quadlets: Vec<butane::Quadlet>,
    pub(super) boot_device: Option<butane::BootDevice>,
    pub(super) grub: Vec<butane::GrubUser>,
}

impl Sugar {
    pub(super) fn of(config: &butane::Config) -> Self {
        let storage = config.storage.as_ref();
        let filesystems = storage.iter().flat_map(|storage| &storage.filesystems).enumerate();
        Self {
            mounted: filesystems
                .filter(|(_, filesystem)| filesystem.with_mount_unit == Some(true))
                .map(|(index, _)| index)
                .collect(),
            trees: storage.map(|storage| storage.trees.clone()).unwrap_or_default(),
            quadlets: config.systemd.as_ref().map(|systemd| systemd.quadlets.clone()).unwrap_or_default(),
            boot_device: config.boot_device.clone(),
            grub: config.grub.as_ref().map(|grub| grub.users.clone()).unwrap_or_default(),
        }
    }
}

fn text(text: Option<String>) -> String {
    text.unwrap_or_default()
}

/// The owner of a node.
pub(super) fn user(from: Option<butane::NodeUser>) -> NodeUser {
    from.map(|from| NodeUser { id: from.id, name: from.name }).unwrap_or_default()
}

/// The group of a node.
pub(super) fn group(from: Option<butane::NodeGroup>) -> NodeGroup {
    from.map(|from| NodeGroup { id: from.id, name: from.name }).unwrap_or_default()
}

/// Tang servers.
pub(super) fn tang(from: Vec<butane::Tang>) -> Vec<Tang> {
    let one = |from: butane::Tang| Tang {
        advertisement: from.advertisement,
        thumbprint: from.thumbprint,
        url: text(from.url),
    };
    from.into_iter().map(one).collect()
}

fn cex(from: Option<butane::Cex>) -> Cex {
    Cex { enabled: from.and_then(|from| from.enabled) }
}

impl Work<'_> {
    /// Translates everything that has an equal.
    pub(super) fn convert(&mut self, from: butane::Config) -> Config {
        let mut config = Config::default();
        if let Some(ignition) = from.ignition {
            config.ignition = self.ignition(ignition);
        }
        self.spec.target.version().clone_into(&mut config.ignition.version);
        self.origins.set(At::top("ignition").key("version").path(), At::top("version").path());
        if let Some(from) = from.kernel_arguments {
            let plain =
                |arguments: Vec<butane::KernelArgument>| arguments.into_iter().map(|argument| argument.0).collect();
            config.kernel_arguments = KernelArguments {
                should_exist: plain(from.should_exist),
                should_not_exist: plain(from.should_not_exist),
            };
        }
        if let Some(passwd) = from.passwd {
            config.passwd = self.passwd(passwd);
        }
        if let Some(storage) = from.storage {
            config.storage = self.storage(storage);
        }
        if let Some(systemd) = from.systemd {
            config.systemd = self.systemd(systemd);
        }
        config
    }

    fn ignition(&mut self, from: butane::Ignition) -> Ignition {
        let at = At::top("ignition");
        let config = from.config.map(|from| {
            let at = at.key("config");
            IgnitionConfig {
                merge: self.resources(from.merge, &at.key("merge")),
                replace: self.resource(from.replace, &at.key("replace")),
            }
        });
        let proxy = from.proxy.map(|from| Proxy {
            http_proxy: from.http_proxy,
            https_proxy: from.https_proxy,
            no_proxy: from.no_proxy,
        });
        let tls = from.security.and_then(|from| from.tls).map(|from| {
            let at = at.key("security");
            let at = at.key("tls");
            Tls {
                certificate_authorities: self
                    .resources(from.certificate_authorities, &at.key("certificateAuthorities")),
            }
        });
        let timeouts = from
            .timeouts
            .map(|from| Timeouts { http_response_headers: from.http_response_headers, http_total: from.http_total });
        Ignition {
            config: config.unwrap_or_default(),
            proxy: proxy.unwrap_or_default(),
            security: Security { tls: tls.unwrap_or_default() },
            timeouts: timeouts.unwrap_or_default(),
            version: String::new(),
        }
    }

    fn passwd(&mut self, from: butane::Passwd) -> Passwd {
        let group = |from: butane::PasswdGroup| PasswdGroup {
            gid: from.gid,
            name: text(from.name),
            password_hash: from.password_hash,
            should_exist: from.should_exist,
            system: from.system,
        };
        let at = At::top("passwd");
        let at = at.key("users");
        Passwd {
            groups: from.groups.into_iter().map(group).collect(),
            users: from.users.into_iter().enumerate().map(|(index, user)| self.user(user, &at.index(index))).collect(),
        }
    }

    fn user(&mut self, from: butane::PasswdUser, at: &At<'_>) -> PasswdUser {
        let mut keys: Vec<String> = from.ssh_authorized_keys.into_iter().map(|key| key.0).collect();
        if !from.ssh_authorized_keys_local.is_empty() {
            let origin = at.key("ssh_authorized_keys_local");
            let here = at.key("sshAuthorizedKeys");
            self.origins.set(here.path(), origin.path());
            for (index, name) in from.ssh_authorized_keys_local.iter().enumerate() {
                match self.locals.file(name) {
                    Ok(file) => {
                        for line in text_of(&file.bytes).split('\n') {
                            let line = line.strip_suffix('\r').unwrap_or(line);
                            if !line.is_empty() {
                                self.origins.set(here.index(keys.len()).path(), origin.index(index).path());
                                keys.push(line.to_owned());
                            }
                        }
                    }
                    Err(error @ LocalError::NoDirectory) => {
                        self.remarks.error(origin.path(), error.to_string());
                        break;
                    }
                    Err(error) => self.remarks.error(origin.index(index).path(), error.to_string()),
                }
            }
        }
        PasswdUser {
            gecos: from.gecos,
            groups: from.groups.into_iter().map(|group| group.0).collect(),
            home_dir: from.home_dir,
            name: text(from.name),
            no_create_home: from.no_create_home,
            no_log_init: from.no_log_init,
            no_user_group: from.no_user_group,
            password_hash: from.password_hash,
            primary_group: from.primary_group,
            ssh_authorized_keys: keys,
            shell: from.shell,
            should_exist: from.should_exist,
            system: from.system,
            uid: from.uid,
        }
    }

    fn storage(&mut self, from: butane::Storage) -> Storage {
        let always = self.spec.target.writes_target_and_level();
        // What was written even when it was empty.
        let written = |value: Option<String>| if always { Some(text(value)) } else { value };
        let at = At::top("storage");
        let (files, luks) = (at.key("files"), at.key("luks"));
        Storage {
            directories: from.directories.into_iter().map(directory).collect(),
            disks: from.disks.into_iter().map(disk).collect(),
            files: from
                .files
                .into_iter()
                .enumerate()
                .map(|(index, from)| self.file(from, &files.index(index)))
                .collect(),
            filesystems: from.filesystems.into_iter().map(filesystem).collect(),
            links: from
                .links
                .into_iter()
                .map(|from| Link {
                    group: group(from.group),
                    overwrite: from.overwrite,
                    path: text(from.path),
                    user: user(from.user),
                    hard: from.hard,
                    target: written(from.target),
                })
                .collect(),
            luks: from.luks.into_iter().enumerate().map(|(index, from)| self.luks(from, &luks.index(index))).collect(),
            raid: from
                .raid
                .into_iter()
                .map(|from| Raid {
                    devices: from.devices.into_iter().map(|device| device.0).collect(),
                    level: written(from.level),
                    name: text(from.name),
                    options: from.options,
                    spares: from.spares,
                })
                .collect(),
        }
    }

    fn file(&mut self, from: butane::File, at: &At<'_>) -> File {
        let path = text(from.path);
        let locals = from.append.iter().chain(&from.contents).filter_map(|resource| resource.local.as_deref());
        if locals.into_iter().any(|name| self.locals.file(name).is_ok_and(|file| file.secret)) {
            self.secret_files.push(path.clone());
        }
        File {
            group: group(from.group),
            overwrite: from.overwrite,
            path,
            user: user(from.user),
            append: self.resources(from.append, &at.key("append")),
            contents: self.resource(from.contents, &at.key("contents")),
            mode: from.mode,
        }
    }

    fn luks(&mut self, from: butane::Luks, at: &At<'_>) -> Luks {
        let always = self.spec.target.custom_clevis_is_present_when_written();
        let clevis = from.clevis.map(|from| Clevis {
            custom: from
                .custom
                .map(|from| ClevisCustom {
                    config: if always { Some(text(from.config)) } else { from.config },
                    needs_network: from.needs_network,
                    pin: if always { Some(text(from.pin)) } else { from.pin },
                })
                .unwrap_or_default(),
            tang: tang(from.tang),
            threshold: from.threshold,
            tpm2: from.tpm2,
        });
        Luks {
            cex: cex(from.cex),
            clevis: clevis.filter(|clevis| always || !clevis.is_empty()),
            device: from.device,
            discard: from.discard,
            key_file: self.resource(from.key_file, &at.key("keyFile")),
            label: from.label,
            name: text(from.name),
            open_options: from.open_options,
            options: from.options,
            uuid: from.uuid,
            wipe_volume: from.wipe_volume,
        }
    }

    fn systemd(&mut self, from: butane::Systemd) -> Systemd {
        let at = At::top("systemd");
        let at = at.key("units");
        let units = from.units.into_iter().enumerate();
        Systemd { units: units.map(|(index, unit)| self.unit(unit, &at.index(index))).collect() }
    }

    fn unit(&mut self, from: butane::Unit, at: &At<'_>) -> Unit {
        let dropins = at.key("dropins");
        Unit {
            dropins: from
                .dropins
                .into_iter()
                .enumerate()
                .map(|(index, from)| Dropin {
                    contents: self.text(from.contents, from.contents_local, &dropins.index(index)),
                    name: text(from.name),
                })
                .collect(),
            contents: self.text(from.contents, from.contents_local, at),
            enabled: from.enabled,
            mask: from.mask,
            name: text(from.name),
        }
    }

    /// A unit's text: the local file's if there is one.
    fn text(&mut self, contents: Option<String>, local: Option<String>, at: &At<'_>) -> Option<String> {
        let Some(name) = local.filter(|name| !name.is_empty()) else { return contents };
        let origin = at.key("contents_local").path();
        match self.locals.file(&name) {
            Ok(file) => {
                self.origins.set(at.key("contents").path(), origin);
                Some(text_of(&file.bytes))
            }
            Err(error) => {
                self.remarks.error(origin, error.to_string());
                contents
            }
        }
    }
}

fn directory(from: butane::Directory) -> Directory {
    Directory {
        group: group(from.group),
        overwrite: from.overwrite,
        path: text(from.path),
        user: user(from.user),
        mode: from.mode,
    }
}

fn disk(from: butane::Disk) -> Disk {
    let partition = |from: butane::Partition| Partition {
        guid: from.guid,
        label: from.label,
        number: from.number.unwrap_or(0),
        resize: from.resize,
        should_exist: from.should_exist,
        size_mib: from.size_mib,
        start_mib: from.start_mib,
        type_guid: from.type_guid,
        wipe_partition_entry: from.wipe_partition_entry,
    };
    Disk {
        device: text(from.device),
        partitions: from.partitions.into_iter().map(partition).collect(),
        wipe_table: from.wipe_table,
    }
}

fn filesystem(from: butane::Filesystem) -> Filesystem {
    Filesystem {
        device: text(from.device),
        format: from.format,
        label: from.label,
        mount_options: from.mount_options,
        options: from.options,
        path: from.path,
        uuid: from.uuid,
        wipe_filesystem: from.wipe_filesystem,
    }
}
