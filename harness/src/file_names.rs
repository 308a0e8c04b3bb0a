//! What a file's name says of its content.

use std::path::Path;

/// Whether the name ends in `.expected`, in upper or lower case.
pub(crate) fn has_extension(path: &Path, expected: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(expected))
}
