//! Derived claims as the page's template sees them.

use super::view::{MarkView, VerdictView};
use crate::number::{fixed, signed, typographic};
use crate::words;
use retally_suites::evaluation::{EvaluatedDerivation, EvaluatedDerivedClaim};
use serde::Serialize;

/// A group of derived claims.
#[derive(Serialize)]
pub(super) struct DerivedView<'a> {
    id: &'a str,
    label: &'a str,
    title: &'a str,
    claims: Vec<ClaimView<'a>>,
}

#[derive(Serialize)]
struct ClaimView<'a> {
    subject: &'a str,
    cell: Option<&'a str>,
    stated: String,
    stated_mark: MarkView,
    formula: String,
    input_marks: Vec<MarkView>,
    recomputed: String,
    difference: String,
    verdict: VerdictView,
    explanation: String,
    source: &'a str,
}

impl<'a> DerivedView<'a> {
    pub(super) fn of(group: &'a EvaluatedDerivation) -> Self {
        Self {
            id: &group.id,
            label: &group.label,
            title: &group.title,
            claims: group.claims.iter().map(ClaimView::of).collect(),
        }
    }
}

impl<'a> ClaimView<'a> {
    fn of(claim: &'a EvaluatedDerivedClaim) -> Self {
        let decimals = claim.decimals;
        Self {
            subject: &claim.subject,
            cell: claim.cell.as_deref(),
            stated: typographic(&words::reported_text(&claim.stated)),
            stated_mark: claim.stated.provenance.into(),
            formula: typographic(&claim.formula).replace(" - ", " − "),
            input_marks: claim.inputs.iter().copied().map(MarkView::from).collect(),
            recomputed: claim
                .recomputed
                .map(|value| typographic(&fixed(value, decimals)))
                .unwrap_or_default(),
            difference: claim
                .difference
                .map(|difference| typographic(&signed(difference, decimals)))
                .unwrap_or_default(),
            verdict: claim.verdict.into(),
            explanation: typographic(&claim.explanation),
            source: &claim.stated.source,
        }
    }
}
