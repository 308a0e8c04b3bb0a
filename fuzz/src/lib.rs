//! What the fuzz targets share.

/// Gives an input to the reader of this name.
///
/// # Panics
/// If there is no such reader; and where the reader has a fault.
pub fn read(name: &str, input: &[u8]) {
    let target = retally::fuzzing::target(name).expect("a target has a reader of its name");
    let _ = (target.read)(input);
}
