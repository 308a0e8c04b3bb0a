#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| retally_fuzz::read("signature", input));
