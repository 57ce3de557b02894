//! Every test that needs more than one module, in one binary.

// Tests may panic, print why they skip, and read and write as they like; speed is not their point.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]
#![allow(clippy::disallowed_methods, clippy::assigning_clones, clippy::format_collect, missing_docs, unreachable_pub)]

#[path = "suite/acceptance.rs"]
mod acceptance;
#[path = "suite/asis.rs"]
mod asis;
#[path = "suite/both.rs"]
mod both;
#[path = "suite/build.rs"]
mod build;
#[path = "suite/butane.rs"]
mod butane;
#[path = "suite/check.rs"]
mod check;
#[path = "suite/cloud_init.rs"]
mod cloud_init;
#[path = "suite/determinism.rs"]
mod determinism;
#[path = "suite/diff.rs"]
mod diff;
#[path = "suite/docs.rs"]
mod docs;
#[path = "suite/engines.rs"]
mod engines;
#[path = "suite/fuzz.rs"]
mod fuzz;
#[path = "suite/handover.rs"]
mod handover;
#[path = "suite/init.rs"]
mod init;
#[path = "suite/lab.rs"]
mod lab;
#[path = "suite/lab_report.rs"]
mod lab_report;
#[path = "suite/lowering.rs"]
mod lowering;
#[path = "suite/nix.rs"]
mod nix;
#[path = "suite/parts.rs"]
mod parts;
#[path = "suite/profiles.rs"]
mod profiles;
#[path = "suite/projects.rs"]
mod projects;
#[path = "suite/rebuild.rs"]
mod rebuild;
#[path = "suite/roles.rs"]
mod roles;
#[path = "suite/rooms.rs"]
mod rooms;
#[path = "suite/summary.rs"]
mod summary;
#[path = "suite/support.rs"]
mod support;
#[path = "suite/topology.rs"]
mod topology;
#[path = "suite/transpile.rs"]
mod transpile;
#[path = "suite/vrrp.rs"]
mod vrrp;
#[path = "suite/yaml.rs"]
mod yaml;
