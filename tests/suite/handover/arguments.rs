//! Arguments of the provider's resources, per generation, as far as bake writes them; every path that it writes must be
//! here. Nested attributes that do not exist are ignored without a word by 0.9, so nothing else would find a slip.

/// dmacvicar/terraform-provider-libvirt, tag v0.8.3: the schemas in `libvirt/resource_libvirt_{pool,network,volume,domain}.go`,
/// `resource_libvirt_coreos_ignition.go` and `resource_libvirt_cloud_init.go`.
const FIRST: &str = "
libvirt_pool name type target target.path
libvirt_network name mode bridge domain addresses autostart dhcp dhcp.enabled dns dns.enabled dns.local_only
libvirt_network dnsmasq_options dnsmasq_options.options dnsmasq_options.options.option_name dnsmasq_options.options.option_value
libvirt_network xml xml.xslt
libvirt_volume name pool source size format base_volume_id
libvirt_ignition name pool content
libvirt_cloudinit_disk name pool user_data meta_data network_config
libvirt_domain name description vcpu memory machine cpu cpu.mode autostart coreos_ignition fw_cfg_name cloudinit
libvirt_domain disk disk.volume_id xml xml.xslt
libvirt_domain network_interface network_interface.network_id network_interface.mac network_interface.hostname network_interface.addresses
libvirt_domain console console.type console.target_type console.target_port
libvirt_domain graphics graphics.type graphics.listen_type graphics.autoport
terraform_data input
";

/// The same, tag v0.9.7: `docs/resources/{pool,network,volume,domain}.md`, generated from the provider's schemas.
const SECOND: &str = "
libvirt_pool name type target target.path
libvirt_network name autostart bridge bridge.name forward forward.mode domain domain.name domain.local_only
libvirt_network ips ips.address ips.prefix ips.dhcp ips.dhcp.ranges ips.dhcp.ranges.start ips.dhcp.ranges.end
libvirt_network ips.dhcp.hosts ips.dhcp.hosts.mac ips.dhcp.hosts.ip ips.dhcp.hosts.name
libvirt_volume name pool capacity target target.format target.format.type create create.content create.content.url
libvirt_volume backing_store backing_store.path backing_store.format backing_store.format.type
libvirt_domain name description type vcpu memory memory_unit autostart running cpu cpu.mode
libvirt_domain os os.type os.type_arch os.type_machine os.boot_devices os.boot_devices.dev
libvirt_domain features features.acpi features.apic
libvirt_domain sys_info sys_info.fw_cfg sys_info.fw_cfg.entry
libvirt_domain sys_info.fw_cfg.entry.name sys_info.fw_cfg.entry.value sys_info.fw_cfg.entry.file
libvirt_domain devices devices.disks devices.disks.device devices.disks.driver devices.disks.driver.name devices.disks.driver.type
libvirt_domain devices.disks.read_only devices.disks.serial devices.disks.target devices.disks.target.dev devices.disks.target.bus
libvirt_domain devices.disks.source devices.disks.source.volume devices.disks.source.volume.pool devices.disks.source.volume.volume
libvirt_domain devices.interfaces devices.interfaces.model devices.interfaces.model.type
libvirt_domain devices.interfaces.mac devices.interfaces.mac.address
libvirt_domain devices.interfaces.source devices.interfaces.source.network devices.interfaces.source.network.network
libvirt_domain devices.consoles devices.consoles.target devices.consoles.target.type devices.consoles.target.port
libvirt_domain devices.rngs devices.rngs.model devices.rngs.backend devices.rngs.backend.random
terraform_data input
";

/// What the same sources call required, of what bake writes.
const REQUIRED: &str = "
libvirt_pool name type
libvirt_network name
libvirt_volume name pool
libvirt_domain name
";

/// Whether this generation's resource has this argument.
pub fn known(provider: &str, resource: &str, path: &str) -> bool {
    let table = if provider == "0.8.3" { FIRST } else { SECOND };
    rows(table, resource).any(|known| known == path)
}

/// Arguments that a resource must have.
pub fn required(resource: &str) -> impl Iterator<Item = &'static str> {
    rows(REQUIRED, resource)
}

fn rows(table: &'static str, resource: &str) -> impl Iterator<Item = &'static str> {
    let resource = resource.to_owned();
    table
        .lines()
        .filter_map(move |row| row.split_once(' ').filter(|(name, _)| *name == resource))
        .flat_map(|(_, paths)| paths.split(' '))
}
