//! Everything that a suite claims, one entry a claim: cells, coefficients, derived numbers, shares that must be counts,
//! identities. Files for CI are drawn from this list.

use crate::cells::Cell;
use crate::evaluation::{
    EvaluatedCell, EvaluatedCorrelation, EvaluatedDerivedClaim, EvaluatedSuite, IdentityCheck,
    PrintedCorrelation, ReachFinding, Verdict,
};
use crate::suite::Suite;
use retally_metrics::Measurement;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimKind {
    /// That what is judged is what the suite is about: its lock, the run's suite, files, completeness.
    Input,
    /// A law that numbers obey by definition.
    Identity,
    /// A printed or recorded number.
    Cell,
    /// A printed coefficient.
    Coefficient,
    /// A number that follows from other printed numbers.
    Derived,
    /// That a printed share is that of a count.
    Reachability,
    /// That a number is what another run measured.
    Drift,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimState {
    /// It does not hold.
    Fails,
    /// It holds, and a reader should know something.
    Remark,
    /// It could not be judged: not run, not comparable, no public points.
    NotJudged,
    /// It holds.
    Holds,
}

/// Where a claim stands in the suite's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimPlace {
    /// Name of the file within the suite's folder: `cells.csv`.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
}

/// One claim and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// What is claimed.
    pub kind: ClaimKind,
    /// Id of its table, figure or group: `table-2`.
    pub group: String,
    /// Heading of that: `Table 2`.
    pub group_label: String,
    /// Id within the suite: the anchor of a cell.
    pub id: String,
    /// What it is about: `DINOv2-B, gFID`.
    pub name: String,
    /// What came out.
    pub state: ClaimState,
    /// The same in the word of its kind: `outside-worse`, `not-run`, `broken`.
    pub word: String,
    /// What was expected, as printed.
    pub expected: Option<String>,
    /// Where that stands or was recorded.
    pub source: Option<String>,
    /// What was measured or recomputed.
    pub measured: Option<f64>,
    /// measured - expected.
    pub difference: Option<f64>,
    /// Half-width of the band.
    pub band: Option<f64>,
    /// Unit.
    pub unit: String,
    /// Why.
    pub explanation: String,
    /// Where it stands in the suite's files, where it stands there.
    pub place: Option<ClaimPlace>,
}

impl Claim {
    /// A claim without numbers.
    #[must_use]
    pub fn new(kind: ClaimKind, group: [&str; 2], name: [&str; 2], state: ClaimState) -> Self {
        Self {
            kind,
            group: group[0].to_owned(),
            group_label: group[1].to_owned(),
            id: name[0].to_owned(),
            name: name[1].to_owned(),
            state,
            word: String::new(),
            expected: None,
            source: None,
            measured: None,
            difference: None,
            band: None,
            unit: "none".to_owned(),
            explanation: String::new(),
            place: None,
        }
    }

    /// How many bands the measured value is off; what has no number comes first.
    fn excess(&self) -> f64 {
        match (self.difference, self.band) {
            (Some(difference), Some(band)) if band > 0.0 => difference.abs() / band,
            (Some(difference), _) => difference.abs(),
            (None, _) => f64::INFINITY,
        }
    }
}

/// Claims by importance: what fails first; inputs and identities before numbers; what is further outside before what is less.
pub fn by_importance(claims: &[Claim]) -> Vec<&Claim> {
    let mut sorted: Vec<&Claim> = claims.iter().collect();
    sorted.sort_by(|a, b| {
        let rank = |claim: &Claim| {
            // A number on the better side is as wrong, but less urgent.
            (claim.state, claim.kind, claim.word == Verdict::OutsideBetter.as_str())
        };
        rank(a).cmp(&rank(b)).then(b.excess().total_cmp(&a.excess()))
    });
    sorted
}

/// Every claim of an evaluated suite, in the order of the report.
#[must_use]
pub fn claims(suite: &Suite, evaluated: &EvaluatedSuite) -> Vec<Claim> {
    let listing = Listing { suite, places: suite.anchored_cells() };
    let mut all = Vec::new();
    for table in &evaluated.tables {
        for row in &table.rows {
            for (column, cell) in table.columns.iter().zip(&row.cells) {
                let Some(cell) = cell else { continue };
                let group = [table.id.as_str(), &table.label];
                let name = format!("{}, {}", row.label, column.label);
                all.extend(listing.cell(group, &name, &column.unit, cell));
            }
        }
    }
    for figure in &evaluated.figures {
        let group = [figure.id.as_str(), &figure.label];
        let panels = figure.panels().iter().map(|panel| &panel.correlation);
        all.extend(panels.filter_map(|correlation| listing.correlation(group, correlation)));
    }
    all.extend(evaluated.printed_correlations.iter().map(|printed| listing.unshown(printed)));
    for derivation in &evaluated.derived {
        let group = [derivation.id.as_str(), &derivation.label];
        let claims = derivation.claims.iter().enumerate();
        all.extend(claims.map(|(index, claim)| listing.derived(group, index, claim)));
    }
    for group in &evaluated.reachability {
        let findings = group.findings.iter().filter(|finding| finding.is_unreachable());
        let label = format!("{}: shares of {} {}", group.label, group.items, group.of);
        all.extend(
            findings
                .enumerate()
                .map(|(index, found)| listing.reach([&group.id, &label], index, found)),
        );
    }
    let identities = evaluated.identity_checks.iter().enumerate();
    all.extend(identities.map(|(index, check)| identity(index, check)));
    all
}

fn state(verdict: Verdict) -> ClaimState {
    match verdict {
        Verdict::Identical | Verdict::WithinNumeric | Verdict::WithinSampling => ClaimState::Holds,
        Verdict::NotRun | Verdict::NotComparable => ClaimState::NotJudged,
        Verdict::OutsideBetter | Verdict::OutsideWorse | Verdict::Invalid => ClaimState::Fails,
    }
}

/// What the entries of a list share.
struct Listing<'a> {
    suite: &'a Suite,
    places: BTreeMap<String, &'a Cell>,
}

impl Listing<'_> {
    fn place(&self, anchor: &str) -> Option<ClaimPlace> {
        let cell = self.places.get(anchor)?;
        Some(ClaimPlace { file: cell.file.clone(), line: cell.line })
    }

    fn cell(
        &self,
        group: [&str; 2],
        name: &str,
        unit: &str,
        cell: &EvaluatedCell,
    ) -> Option<Claim> {
        let verdict = cell.verdict?;
        let band = cell.band.as_ref();
        Some(Claim {
            word: verdict.as_str().to_owned(),
            expected: cell.reported.as_ref().map(|reported| reported.text.clone()),
            source: cell.reported.as_ref().map(|reported| reported.source.clone()),
            measured: cell.measured.as_ref().and_then(Measurement::value),
            difference: cell.difference,
            band: band
                .map(|band| band.print_rounding + band.numeric + band.sampling.unwrap_or(0.0)),
            unit: unit.to_owned(),
            explanation: match band {
                Some(band) if state(verdict) == ClaimState::Fails => {
                    format!("{} Band: {}.", cell.explanation, band.reason)
                }
                _ => cell.explanation.clone(),
            },
            place: self.place(&cell.id),
            ..Claim::new(ClaimKind::Cell, group, [&cell.id, name], state(verdict))
        })
    }

    fn correlation(&self, group: [&str; 2], found: &EvaluatedCorrelation) -> Option<Claim> {
        let verdict = found.verdict?;
        let name = format!("r of {} and {}", found.x, found.y);
        let id = format!("{}--{}--{}", group[0], found.x, found.y);
        let row = self.suite.correlations().iter().find(|row| {
            row.figure == found.figure
                && (row.x.as_str(), row.y.as_str()) == (found.x.as_str(), found.y.as_str())
                && Some(row.number.text()) == found.reported_text.as_deref()
        });
        Some(Claim {
            word: verdict.as_str().to_owned(),
            expected: found.reported_text.clone(),
            source: row.map(|row| row.source.clone()),
            measured: found.pearson,
            difference: found.pearson.zip(found.reported).map(|(own, printed)| own - printed),
            explanation: found.explanation.clone(),
            place: row.map(|row| ClaimPlace { file: row.file.clone(), line: row.line }),
            ..Claim::new(ClaimKind::Coefficient, group, [&id, &name], state(verdict))
        })
    }

    /// A printed coefficient whose points nobody has.
    fn unshown(&self, printed: &PrintedCorrelation) -> Claim {
        let PrintedCorrelation { figure, x, y, subset, coefficient, value, source, .. } = printed;
        let name = format!("{coefficient} of {x} and {y}, {subset}");
        let row = self.suite.correlations().iter().find(|row| {
            row.figure == *figure
                && row.x == *x
                && row.y == *y
                && row.subset == *subset
                && row.coefficient == *coefficient
                && row.source == *source
        });
        let id = format!("{figure}--{x}--{y}--{subset}--{coefficient}");
        Claim {
            word: Verdict::NotRun.as_str().to_owned(),
            expected: Some(value.clone()),
            source: Some(source.clone()),
            explanation: "Its points are not public, so that it cannot be recomputed.".to_owned(),
            place: row.map(|row| ClaimPlace { file: row.file.clone(), line: row.line }),
            ..Claim::new(
                ClaimKind::Coefficient,
                [figure, figure],
                [&id, &name],
                ClaimState::NotJudged,
            )
        }
    }

    fn derived(&self, group: [&str; 2], index: usize, claim: &EvaluatedDerivedClaim) -> Claim {
        let id = format!("{}--{}", group[0], index + 1);
        Claim {
            word: claim.verdict.as_str().to_owned(),
            expected: Some(claim.stated.text.clone()),
            source: Some(claim.stated.source.clone()),
            measured: claim.recomputed,
            difference: claim.difference,
            unit: claim.unit.clone(),
            explanation: format!("From {}. {}", claim.formula, claim.explanation),
            place: claim.cell.as_deref().and_then(|anchor| self.place(anchor)),
            ..Claim::new(ClaimKind::Derived, group, [&id, &claim.subject], state(claim.verdict))
        }
    }

    fn reach(&self, group: [&str; 2], index: usize, finding: &ReachFinding) -> Claim {
        let id = format!("{}--{}", group[0], index + 1);
        let reach = finding.stated.reach.as_ref();
        Claim {
            word: "unreachable".to_owned(),
            expected: Some(finding.stated.text.clone()),
            source: Some(finding.stated.source.clone()),
            explanation: reach.map(|reach| reach.sentence()).unwrap_or_default(),
            place: finding.cell.as_deref().and_then(|anchor| self.place(anchor)),
            ..Claim::new(
                ClaimKind::Reachability,
                group,
                [&id, &finding.subject],
                ClaimState::Remark,
            )
        }
    }
}

fn identity(index: usize, check: &IdentityCheck) -> Claim {
    let state = if check.holds { ClaimState::Holds } else { ClaimState::Fails };
    let name = format!("{}: {}", check.subject, check.law);
    let id = format!("identity--{}", index + 1);
    Claim {
        word: if check.holds { "holds" } else { "broken" }.to_owned(),
        explanation: format!("{}.", check.detail),
        ..Claim::new(ClaimKind::Identity, ["identities", "Identities"], [&id, &name], state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate;

    #[test]
    fn every_judged_thing_of_every_suite_is_listed_once() {
        for id in Suite::builtin_ids() {
            let suite = Suite::builtin(id).unwrap();
            let evaluated = evaluate(&suite, None);
            let claims = claims(&suite, &evaluated);
            let count = |kind| claims.iter().filter(|claim| claim.kind == kind).count();
            let cells = evaluated.tables.iter().flat_map(|table| &table.rows);
            let judged = cells.flat_map(|row| row.cells.iter().flatten());
            let judged = judged.filter(|cell| cell.verdict.is_some()).count();
            assert_eq!(count(ClaimKind::Cell), judged, "{id}");
            let derived: usize = evaluated.derived.iter().map(|group| group.claims.len()).sum();
            assert_eq!(count(ClaimKind::Derived), derived, "{id}");
            assert_eq!(count(ClaimKind::Identity), evaluated.identity_checks.len(), "{id}");
            let mut ids: Vec<_> = claims.iter().map(|claim| (&claim.group, &claim.id)).collect();
            ids.sort_unstable();
            let all = ids.len();
            ids.dedup();
            assert_eq!(ids.len(), all, "{id}: an id stands twice");
            let cells = claims.iter().filter(|claim| claim.kind == ClaimKind::Cell);
            for claim in cells {
                let place = claim.place.as_ref().unwrap();
                let cell = suite
                    .cells()
                    .iter()
                    .find(|cell| cell.file == place.file && cell.line == place.line)
                    .unwrap();
                assert_eq!(claim.expected.as_deref(), Some(cell.number.text()), "{claim:?}");
            }
        }
    }

    #[test]
    fn what_fails_and_is_furthest_out_comes_first() {
        let claim = |id: &str, kind, state, difference| Claim {
            difference,
            band: Some(0.1),
            ..Claim::new(kind, ["g", "G"], [id, id], state)
        };
        let claims = [
            claim("holds", ClaimKind::Cell, ClaimState::Holds, Some(0.0)),
            claim("near", ClaimKind::Cell, ClaimState::Fails, Some(0.2)),
            claim("far", ClaimKind::Cell, ClaimState::Fails, Some(-0.5)),
            claim("lock", ClaimKind::Input, ClaimState::Fails, None),
            claim("remark", ClaimKind::Cell, ClaimState::Remark, None),
        ];
        let order: Vec<&str> =
            by_importance(&claims).iter().map(|claim| claim.id.as_str()).collect();
        assert_eq!(order, ["lock", "far", "near", "remark", "holds"]);
    }
}
