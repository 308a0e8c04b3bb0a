//! Why a report could not be made.

use std::path::PathBuf;

/// The error of every function of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// An id that becomes a file name or an anchor has a character that is not allowed there.
    #[error(
        "{kind} id `{id}` cannot name a file or an anchor: expected 1 to 200 ASCII letters, digits, `-`, `_` or `.`, \
         starting with a letter or digit; rename it in the suite"
    )]
    UnsafeId {
        /// `table`, `figure`, `cell` or `suite`.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// The same id twice.
    #[error(
        "{kind} id `{id}` occurs twice in the suite; ids must be unique, since links and files are named by them"
    )]
    DuplicateId {
        /// `table`, `figure` or `cell`.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// A row whose number of cells is not the number of columns.
    #[error(
        "row `{row}` of table `{table}` has {found} cells, expected one per column ({expected})"
    )]
    RaggedRow {
        /// Table id.
        table: String,
        /// Row key.
        row: String,
        /// Cells in the row.
        found: usize,
        /// Columns of the table.
        expected: usize,
    },
    /// A number in a figure that cannot be drawn.
    #[error(
        "{what} of figure `{figure}` is {value}, expected a finite number of magnitude at most 1e100, and one above 0 on a \
         logarithmic axis"
    )]
    NotDrawable {
        /// Figure id.
        figure: String,
        /// Which number.
        what: String,
        /// The number.
        value: f64,
    },
    /// A bundled font could not be read.
    #[error("the bundled font {0} cannot be read; this is a bug in retally")]
    Font(&'static str),
    /// The drawing library refused a shape or the picture could not be encoded.
    #[error("figure `{figure}` cannot be drawn: {reason}")]
    Drawing {
        /// Figure id.
        figure: String,
        /// The library's message.
        reason: String,
    },
    /// A sheet of pictures that cannot be drawn.
    #[error("the sheet of pictures cannot be drawn: {0}")]
    Sheet(String),
    /// A picture in a run's folder cannot be shown.
    #[error("the picture {} cannot be shown: {problem}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// The CSV writer failed.
    #[error("table `{table}` cannot be written as CSV")]
    Csv {
        /// Table id.
        table: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The page template failed.
    #[error("the report page cannot be rendered; this is a bug in retally")]
    Page(#[from] minijinja::Error),
    /// The JUnit writer failed.
    #[error("the JUnit file cannot be made; this is a bug in retally")]
    Junit(#[source] quick_junit::SerializeError),
    /// A file or folder could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}
