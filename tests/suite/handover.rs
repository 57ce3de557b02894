//! What other programs take over: seeds, Terraform, libvirt.

#[path = "handover/arguments.rs"]
mod arguments;
#[path = "handover/libvirt.rs"]
mod libvirt;
#[path = "handover/project.rs"]
pub mod project;
#[path = "handover/seed.rs"]
mod seed;
#[path = "handover/shared.rs"]
mod shared;
#[path = "handover/terraform.rs"]
mod terraform;
