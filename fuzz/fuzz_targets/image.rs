#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = retally::fuzzing::image(input);
});
