//! Rehearsing a built cluster with the real daemons, before a machine exists.
//!
//! [`plan`] is pure: what was baked becomes namespaces, cables, rules and stubs, and [`scenario`] says what is tried and
//! what is foretold of it. Everything else does it, inside of a [`sandbox`] that the kernel takes away when bake ends: the
//! first process in there ([`inside`]) builds the networks, brings machines to life ([`life`], the seam between the
//! levels), breaks things and looks on. [`result`] is what was seen, [`report`] tells it.

mod account;
mod answer;
mod confined;
pub mod failure;
pub mod labs;
mod libvirt;
pub mod life;
pub mod load;
mod notice;
pub mod plan;
pub mod report;
pub mod result;
pub mod scenario;
pub mod service;
pub mod tree;
mod unit;

// The sandbox is a world of its own: `/proc`, `/sys` and memory, none of which `World` is about.
#[allow(clippy::disallowed_methods)]
pub mod bench;
#[allow(clippy::disallowed_methods)]
mod build;
#[allow(clippy::disallowed_methods)]
pub mod daemons;
#[allow(clippy::disallowed_methods)]
mod doubt;
#[allow(clippy::disallowed_methods)]
pub mod first;
#[allow(clippy::disallowed_methods)]
pub mod images;
pub mod inside;
#[allow(clippy::disallowed_methods)]
mod origin;
mod ping;
mod probe;
#[allow(clippy::disallowed_methods)]
mod process;
#[allow(clippy::disallowed_methods)]
mod root;
pub mod run;
#[allow(clippy::disallowed_methods)]
pub mod sandbox;
mod space;
#[allow(clippy::disallowed_methods)]
mod stub;
#[allow(clippy::disallowed_methods)]
pub mod systemd;
#[allow(clippy::disallowed_methods)]
mod watch;
