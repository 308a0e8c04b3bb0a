//! Why a run could not be written in another format.

/// The error of an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The format demands what no run can know.
    #[error(
        "{format} demands what no run can know. Write it into a file and name that with --about:\n\n{lines}\n\n\
         docs/interchange.md explains each key"
    )]
    Missing {
        /// Name of the format.
        format: &'static str,
        /// The lines of TOML that are missing, with words in capitals to fill in.
        lines: String,
    },
    /// The user's file names something that the run does not have.
    #[error("the run has no {kind} `{id}`; it has: {known}")]
    Unknown {
        /// `model`, `data set`, `metric`.
        kind: &'static str,
        /// The id.
        id: String,
        /// What there is.
        known: String,
    },
    /// A measurement that the format cannot hold.
    #[error("{format} cannot hold {what}: {reason}")]
    NotExpressible {
        /// Name of the format.
        format: &'static str,
        /// The measurement.
        what: String,
        /// Why, and what to do.
        reason: String,
    },
    /// Nothing is left to write.
    #[error("{format}: the run has nothing that the format can hold. {reasons}")]
    Nothing {
        /// Name of the format.
        format: &'static str,
        /// What was left out and why.
        reasons: String,
    },
}
