//! A project of one's own, from one of the clusters that bake brings along.
//!
//! [`Draft`] is such a project in memory: self-contained, with the roles, fragments and payloads that its machines need and
//! no others, and with the values to change marked in its files ([`marks`]). Whoever asks for them sets them here; the
//! draft is a project like any other, so it is read and checked like one before anything is written.

mod draft;
mod embedded;
pub mod marks;
mod renumber;
mod words;

pub use draft::{Draft, Question};
pub use embedded::{Example, examples};
