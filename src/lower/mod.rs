//! Model to targets. Pure.

mod assemble;
pub mod butane;
pub mod cloud_init;
pub mod cluster;
pub mod container;
pub mod contents;
pub mod data_url;
pub mod firewall;
pub mod identity;
pub mod ignition;
pub mod kernel;
pub mod later;
pub mod libvirt;
pub mod merge;
pub mod network_config;
pub mod networkd;
pub mod networkmanager;
pub mod router;
pub mod secrets;
pub mod service;
pub mod terraform;
mod unit;
pub mod version;
pub mod virt;

pub use cluster::cluster_parts;
