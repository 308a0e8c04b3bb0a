//! The text of a manifest and where in it a problem is.

use crate::ErrorClass;
use miette::{Diagnostic, LabeledSpan, NamedSource};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The text of one manifest file.
pub(crate) struct Document {
    /// Path or name, as messages show it.
    pub(crate) name: String,
    /// The whole text.
    pub(crate) text: String,
    /// Folder that `file:` sources are relative to.
    pub(crate) folder: Folder,
}

/// The folder that the `file:` sources of a manifest are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Folder {
    /// The repository root, for the manifests inside the program.
    Root,
    /// The folder of a manifest on disk.
    At(PathBuf),
}

/// One step of the way from the top of a document to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key of a table.
    Key(&'static str),
    /// An element of an array.
    Index(usize),
}

/// The way from the top of a document to a value: `artifact`, 2, `sha256`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(Vec<Step>);

impl Place {
    /// An element of a top-level array.
    pub(crate) fn element(array: &'static str, index: usize) -> Self {
        Self(vec![Step::Key(array), Step::Index(index)])
    }

    /// The value of `key` below this place.
    pub(crate) fn key(&self, key: &'static str) -> Self {
        self.then(Step::Key(key))
    }

    /// An element of the array at this place.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().copied().chain([step]).collect())
    }
}

/// Something wrong at a place.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl fmt::Debug for Document {
    /// Every entry of a manifest points to its document: without the text.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Document").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Document {
    /// The error that lists `problems`, each with its line and column.
    pub(crate) fn error(self: &Arc<Self>, problems: &[Problem]) -> ManifestError {
        let table = DeTable::parse(&self.text).ok();
        let located = problems.iter().map(|problem| {
            let span = table
                .as_ref()
                .map_or(0..0, |table| locate(table.get_ref(), table.span(), &problem.place));
            (span, problem.message.clone())
        });
        self.error_at(located.collect())
    }

    /// The error for text that is no manifest at all.
    pub(crate) fn syntax_error(self: &Arc<Self>, error: &toml::de::Error) -> ManifestError {
        let span = error.span().unwrap_or(0..0);
        self.error_at(vec![(span, error.message().trim_end().to_owned())])
    }

    fn error_at(&self, mut problems: Vec<(Range<usize>, String)>) -> ManifestError {
        problems.sort_by_key(|(span, _)| span.start);
        let lines = problems.iter().map(|(span, message)| {
            let (line, column) = self.position(span.start);
            PlacedProblem { line, column, message: message.clone() }
        });
        let labels =
            problems.iter().map(|(span, message)| LabeledSpan::at(span.clone(), message.as_str()));
        ManifestError::Invalid(Box::new(InvalidManifest {
            name: self.name.clone(),
            problems: lines.collect(),
            labels: labels.collect(),
            text: NamedSource::new(&self.name, self.text.clone()).with_language("TOML"),
        }))
    }

    /// 1-based line and column (in characters) of a byte offset.
    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }
}

/// The span of a place, or of the last step that exists (a missing key is reported at its table).
fn locate(table: &DeTable<'_>, span: Range<usize>, place: &Place) -> Range<usize> {
    let mut span = span;
    let mut current: Option<&DeValue<'_>> = None;
    for step in &place.0 {
        let next = match (step, current) {
            (Step::Key(key), None) => table.get(*key),
            (Step::Key(key), Some(DeValue::Table(inner))) => inner.get(*key),
            (Step::Index(index), Some(DeValue::Array(inner))) => inner.get(*index),
            _ => None,
        };
        let Some(next) = next else { break };
        span = next.span();
        current = Some(next.get_ref());
    }
    span
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("cannot read manifest `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is too large to be a manifest.
    #[error("manifest `{}` is larger than {limit} bytes; is it a manifest?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Largest manifest that is read.
        limit: u64,
    },
    /// The content is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(Box<InvalidManifest>),
}

impl ManifestError {
    /// Whether trying again may help.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Read { source, .. } if temporary(source) => ErrorClass::Temporary,
            Self::Read { .. } | Self::TooLarge { .. } | Self::Invalid(_) => ErrorClass::Invalid,
        }
    }
}

/// A missing file or one that is no text stays so.
fn temporary(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData | io::ErrorKind::IsADirectory
    )
}

/// A manifest whose content is wrong; lists every problem with its place.
#[derive(Debug)]
pub struct InvalidManifest {
    name: String,
    problems: Vec<PlacedProblem>,
    labels: Vec<LabeledSpan>,
    text: NamedSource<String>,
}

/// One problem with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedProblem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl InvalidManifest {
    /// Path or name of the manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every problem, in the order of the text.
    #[must_use]
    pub fn problems(&self) -> &[PlacedProblem] {
        &self.problems
    }
}

impl fmt::Display for InvalidManifest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "manifest `{}` is invalid", self.name)?;
        for problem in &self.problems {
            write!(
                formatter,
                "\n  line {}, column {}: {}",
                problem.line, problem.column, problem.message
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidManifest {}

impl Diagnostic for InvalidManifest {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
