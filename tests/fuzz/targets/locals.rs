//! Compiles configs that refer to local files.

#![no_main]

#[allow(dead_code, unreachable_pub)]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::locals(bytes));
