//! Bytes to model. Reads everything that is needed and judges nothing but form.

pub mod butane;
pub mod decode;
pub mod project;
pub mod resolve;
pub mod secret;
pub mod template;
pub mod yaml;
