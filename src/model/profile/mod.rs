//! What a user writes: `profiles/cluster.yaml`, `profiles/roles/*.yaml`, `profiles/nodes/*.yaml`.
//!
//! These types are the language: their doc comments are its reference and the descriptions in the JSON Schema
//! that `bake schema` prints. What the files mean together is [`super::cluster`].

pub mod allow;
pub mod cluster;
pub mod container;
pub mod node;
pub mod role;

pub use allow::Allow;
pub use cluster::ClusterProfile;
pub use container::Container;
pub use node::NodeProfile;
pub use role::RoleProfile;
