//! The archive of a bundle: a zip file of one form only.
//!
//! Every file is stored, not compressed; there are no times, comments, extra fields or flags; files follow each other without
//! gaps, and the directory follows the last. So the names and contents of the files decide every byte, and what can be read
//! here is what any other zip reader sees. An archive in another form is refused, also where zip would allow it.

mod layout;
mod reader;
mod writer;

pub use reader::{ArchiveError, ArchiveReader, ArchivedFile};
pub use writer::ArchiveWriter;

#[cfg(test)]
mod tests;
