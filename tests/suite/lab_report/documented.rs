//! The document about the lab: its table is made from a result that is kept beside it.
