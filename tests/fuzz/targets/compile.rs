//! Compiles any bytes.

#![no_main]

#[allow(dead_code, unreachable_pub)]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::compiles(bytes));
