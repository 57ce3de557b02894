//! Targets to bytes. Pure; the same input gives the same bytes.

pub mod cloud_config;
pub mod iso;
pub mod json;
pub mod locate;
pub mod manifest;
pub mod nar;
pub mod schema;
pub mod summary;
pub mod terraform;
pub mod xml;
