//! Behaviour that differs between versions, one named predicate each.

use super::{Spec, Target, Variant};

impl Spec {
    /// Embedded contents may become base64 or gzip; before, they were always percent-encoded.
    pub fn picks_smallest_encoding(&self) -> bool {
        self.base >= 2
    }

    /// A mount unit for a volume behind Tang waits for the network.
    pub fn mounts_know_the_network(&self) -> bool {
        self.base >= 3
    }

    /// `with_mount_unit` makes swap units.
    pub fn has_swap_units(&self) -> bool {
        self.base >= 4
    }

    /// A resource may come from a local file.
    pub fn has_local_files(&self) -> bool {
        self.base >= 2
    }

    /// Reserved partition labels are checked against their numbers.
    pub fn checks_reserved_labels(&self) -> bool {
        self.variant == Variant::Fcos
    }

    /// The size of the root partition is checked.
    pub fn checks_root_size(&self) -> bool {
        self.variant == Variant::Fcos && self.minor >= 3
    }

    /// Partitions without a number, and mount points outside `/etc` and `/var`, are looked at.
    pub fn checks_disks_and_mount_points(&self) -> bool {
        self.variant == Variant::Fcos && self.minor >= 6
    }

    /// The s390x layouts exist.
    pub fn has_s390x(&self) -> bool {
        self.variant == Variant::Fcos && self.minor >= 6
    }

    /// A mirror without a layout is an error, and so is a LUKS device without a method.
    pub fn requires_mirror_layout(&self) -> bool {
        self.variant == Variant::Fcos && self.minor >= 7
    }

    /// Files are made below `/boot` for the users of the boot loader.
    pub fn has_grub(&self) -> bool {
        self.variant == Variant::Fcos && self.minor >= 5
    }
}

impl Target {
    /// References to other configs and certificates were types of their own, with a source and nothing more.
    pub fn has_plain_references(self) -> bool {
        self.0 == 0
    }

    /// SHA-256 is known beside SHA-512.
    pub fn knows_sha256(self) -> bool {
        self.0 >= 1
    }

    /// Mount options are a reason to name a format.
    pub fn counts_mount_options(self) -> bool {
        self.0 >= 1
    }

    /// Google Cloud Storage URLs are known.
    pub fn knows_gs(self) -> bool {
        self.0 >= 2
    }

    /// A link's target and a RAID's level were always written.
    pub fn writes_target_and_level(self) -> bool {
        self.0 <= 2
    }

    /// A custom Clevis pin counts as soon as it is written.
    pub fn custom_clevis_is_present_when_written(self) -> bool {
        self.0 <= 2
    }

    /// A link without a target and a RAID without a level have messages of their own.
    pub fn requires_target_and_level(self) -> bool {
        self.0 >= 3
    }

    /// `none` is a format.
    pub fn knows_format_none(self) -> bool {
        self.0 >= 3
    }

    /// ARNs are known beside `s3` URLs.
    pub fn knows_arn(self) -> bool {
        self.0 >= 4
    }

    /// Tang advertisements exist.
    pub fn knows_tang_advertisement(self) -> bool {
        self.0 >= 4
    }

    /// Keys in CryptoExpress cards exist.
    pub fn knows_cex(self) -> bool {
        self.0 >= 5
    }

    /// Set-uid, set-gid and sticky bits did nothing.
    pub fn lacks_special_mode_bits(self) -> bool {
        self.0 <= 5
    }

    /// Only three Clevis pins were known.
    pub fn limits_clevis_pins(self) -> bool {
        self.0 <= 5
    }
}
