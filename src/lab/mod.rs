//! Rehearsing a built cluster with the real daemons, before a machine exists.

pub mod report;
pub mod result;
