//! Derived claims as the page's template sees them.

use super::view::{MarkView, VerdictView};
use crate::number::{fixed, signed, typographic};
use crate::words;
use retally_suites::evaluation::{EvaluatedDerivation, EvaluatedDerivedClaim, Verdict};
use serde::Serialize;
use std::collections::HashSet;

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
    stated_mark: String,
    formula: String,
    input_marks: Vec<MarkView>,
    recomputed: String,
    difference: String,
    verdict: VerdictView,
    explanation: String,
    source: &'a str,
}

impl<'a> DerivedView<'a> {
    /// A claim links to its cell where that is among the cells `shown`.
    pub(super) fn of(group: &'a EvaluatedDerivation, shown: &HashSet<&str>) -> Self {
        Self {
            id: &group.id,
            label: &group.label,
            title: &group.title,
            claims: group.claims.iter().map(|claim| ClaimView::of(claim, shown)).collect(),
        }
    }
}

impl<'a> ClaimView<'a> {
    fn of(claim: &'a EvaluatedDerivedClaim, shown: &HashSet<&str>) -> Self {
        let decimals = claim.decimals;
        Self {
            subject: &claim.subject,
            cell: claim.cell.as_deref().filter(|cell| shown.contains(cell)),
            stated: typographic(&words::reported_text(&claim.stated)),
            stated_mark: words::marks(&claim.stated),
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
            // Of a confirmed cell the chip says it all; a coefficient has its interval there.
            explanation: match claim.verdict {
                Verdict::Identical if claim.cell.is_some() => String::new(),
                _ => typographic(&claim.explanation),
            },
            source: &claim.stated.source,
        }
    }
}
