//! What is different between two builds, for people who must decide what to do about it.
//!
//! Pure: [`read()`] takes a machine's artefacts apart, [`compare()`] puts two machines side by side.

mod compare;
pub mod handover;
mod machine;
mod read;
mod report;
pub mod rollout;
mod traits;
mod unified;
mod words;

pub use compare::{Change, FieldChange, What, artefacts, compare};
pub use machine::{Body, Item, Machine, Secret, Topic, Value};
pub use read::{Baked, KINDS, read};
pub use report::{FORMAT, Node, Report, Verdict, verdict, warnings};
pub use rollout::Rollout;
pub use traits::Traits;
