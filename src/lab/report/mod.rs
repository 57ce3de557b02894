//! A run, told: pure functions from [`Run`](super::result::Run) to text.
//!
//! The same run gives the same bytes. What comes out of programs and machines (names, what was seen) is taken for any text
//! at all: nothing in it moves a cursor, ends a tag or turns a line around.

mod html;
mod json;
mod junit;
mod summary;
mod text;
mod words;

pub use html::page;
pub use json::{read, write as json};
pub use junit::write as junit;
pub use summary::{Row, rows};
pub use text::write as text;
