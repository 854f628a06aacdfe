//! libFuzzer's door to `checks/saved.rs`; what must hold stands there.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trailhound_fuzz::saved::check(bytes));
