//! libFuzzer's door to `checks/values.rs`; what must hold stands there.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trailhound_fuzz::values::check(bytes));
