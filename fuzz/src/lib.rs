//! What the fuzz targets share.

/// Gives an input to the reader of this name.
///
/// # Panics
/// Where the reader has a fault. Without a reader of this name the process ends.
pub fn read(name: &str, input: &[u8]) {
    let Some(target) = retally::fuzzing::target(name) else {
        eprintln!("harness/src/fuzzing has no reader `{name}`");
        std::process::abort();
    };
    let _ = (target.read)(input);
}
