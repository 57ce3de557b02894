//! What EL cannot do at first boot, refused where it is written.

use super::{Work, element};
use crate::model::Path;
use crate::model::ignition::{
    Disk, Ignition, IgnitionConfig, KernelArguments, Luks, Raid, Resource, Security, Timeouts, Tls,
};

/// Settings of Ignition itself: all of them are about fetching.
pub(super) fn ignition(work: &mut Work<'_>, ignition: &Ignition) {
    let Ignition { config, proxy, security, timeouts, version: _ } = ignition;
    let IgnitionConfig { merge, replace } = config;
    let Security { tls: Tls { certificate_authorities } } = security;
    let Timeouts { http_response_headers, http_total } = timeouts;
    let root = Path::root().then("ignition");
    let fetches = "nothing is fetched at first boot on this operating system";
    let found = [
        (!merge.is_empty(), root.then("config").then("merge"), "other configs to merge"),
        (*replace != Resource::default(), root.then("config").then("replace"), "another config to take instead"),
        (*proxy != crate::model::ignition::Proxy::default(), root.then("proxy"), "a proxy"),
        (!certificate_authorities.is_empty(), root.then("security"), "certificate authorities for fetching"),
        (http_response_headers.or(*http_total).is_some(), root.then("timeouts"), "timeouts for fetching"),
    ];
    for (there, path, what) in found {
        if there {
            work.refuse(
                &path,
                format!("{what}: {fetches}"),
                "put everything into fragments and local files, and remove this",
            );
        }
    }
}

/// Kernel arguments only count after another boot; bake does not boot a machine twice behind its owner's back, and a
/// loader's configuration is the image's.
pub(super) fn kernel_arguments(work: &mut Work<'_>, arguments: &KernelArguments) {
    let KernelArguments { should_exist, should_not_exist } = arguments;
    let root = Path::root().then("kernelArguments");
    let hint = "set them in the image (`grubby --update-kernel=ALL --args=...`), or use a sysctl";
    for (list, key) in [(should_exist, "shouldExist"), (should_not_exist, "shouldNotExist")] {
        for (index, argument) in list.iter().enumerate() {
            let message = format!("kernel argument `{argument}` would only count after a second boot");
            work.refuse(&root.then(key).then(index), message, hint);
        }
    }
}

/// cloud-init lays out disks by percentages only, and by tools that would erase what is there.
pub(super) fn disks(work: &mut Work<'_>, disks: &[Disk], raid: &[Raid], luks: &[Luks]) {
    let hint = "put a file system on the whole disk (`storage.filesystems`), or lay the disk out in the image";
    for (index, disk) in disks.iter().enumerate() {
        let message = format!("`{}` cannot be partitioned without the risk of erasing it", disk.device);
        work.refuse(&element("storage", "disks", index), message, hint);
    }
    for (index, raid) in raid.iter().enumerate() {
        work.refuse(&element("storage", "raid", index), format!("RAID `{}` cannot be assembled", raid.name), hint);
    }
    for (index, luks) in luks.iter().enumerate() {
        work.refuse(&element("storage", "luks", index), format!("LUKS volume `{}` cannot be set up", luks.name), hint);
    }
}
