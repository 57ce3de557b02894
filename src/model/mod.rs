//! Plain data: what people write, what it means, and what is emitted. Nothing here reads, judges or prints.

pub mod allow;
pub mod artifact;
pub mod butane;
pub mod cloud;
pub mod cluster;
pub mod data;
pub mod data_url;
pub mod glob;
pub mod ignition;
pub mod join;
pub mod local;
pub mod part;
pub mod path;
pub mod profile;
pub mod quote;
pub mod record;
pub mod report;
pub mod scalar;
pub mod shape;
pub mod sibling;
pub mod spanned;
pub mod summary;
pub mod terraform;
pub mod trace;
pub mod virt;
pub mod xml;

pub use part::Part;
pub use path::{Path, Step};
pub use spanned::Spanned;
pub use trace::Trace;
