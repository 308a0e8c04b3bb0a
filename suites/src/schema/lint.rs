//! What is said about printed numbers as numbers: versions that print them differently, shares that no count gives,
//! aggregates that nothing gives.

use super::{CellSet, Definition, DefinitionError, DefinitionText};
use serde::Deserialize;
use toml::Spanned;

/// A version of the paper.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Short name that stands beside its numbers: `P1`.
    pub label: Spanned<String>,
    /// What it is, one sentence without a full stop.
    pub title: String,
    /// How the `source` of its cells begins, in one of these ways.
    pub sources: Vec<String>,
}

/// Printed shares that should be counts of some items.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reachability {
    /// Id, unique among tables, figures, pictures and groups of numbers.
    pub id: Spanned<String>,
    /// `MMVP`.
    pub label: String,
    /// What is counted and why so many, one sentence.
    pub title: String,
    /// How many items; at least 1.
    pub items: Spanned<u64>,
    /// What they are: `pairs`.
    pub of: String,
    /// The shares, in percent or as fractions.
    pub cells: Vec<Spanned<CellSet>>,
}

/// Columns of a table whose numbers are constants of the paper.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantColumns {
    /// Column keys.
    pub columns: Vec<Spanned<String>>,
    /// Why nobody can recompute them, one sentence.
    pub reason: Spanned<String>,
}

/// Checks what can be checked without the data files.
pub(super) fn check(
    definition: &Definition,
    place: DefinitionText<'_>,
) -> Result<(), Box<DefinitionError>> {
    place.unique("version", definition.versions.iter().map(|version| &version.label))?;
    for version in &definition.versions {
        if version.label.get_ref().is_empty() || version.sources.iter().any(String::is_empty) {
            let problem = "a version needs a `label` and how its sources begin";
            return Err(place.error(version.label.span(), problem));
        }
    }
    for lint in &definition.reachability {
        if *lint.items.get_ref() == 0 {
            return Err(place.error(lint.items.span(), "nothing is a share of 0 items"));
        }
    }
    for constant in definition.tables.iter().flat_map(|table| &table.constants) {
        if constant.reason.get_ref().is_empty() {
            let problem = "say why the numbers cannot be recomputed";
            return Err(place.error(constant.reason.span(), problem));
        }
    }
    Ok(())
}
