//! The cloud-init backend: its YAML against PyYAML, its lowering against the real Ignition and the real cloud-init.

#[path = "cloud_init/acid.rs"]
pub(crate) mod acid;
#[path = "cloud_init/boot.rs"]
mod boot;
#[path = "cloud_init/fixture.rs"]
mod fixture;
#[path = "cloud_init/lower.rs"]
mod lower;
#[path = "cloud_init/network.rs"]
mod network;
#[path = "cloud_init/yaml.rs"]
mod yaml;
