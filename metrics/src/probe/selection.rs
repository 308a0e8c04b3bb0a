//! Choosing C without looking at the test set.

use super::ProbeError;
use super::accuracy::rank;
use super::labelled::Labelled;
use super::lbfgs::Stop;
use super::logistic::{Model, Samples};
use super::rows::Rows;
use super::scaled_rows::ScaledRows;
use super::standardise::Standardiser;
use crate::random::Stream;

/// The values of C that are tried, from strong to weak regularisation. Standardised features need little.
pub(super) const GRID: [f64; 6] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

/// Share of each class that is held out, rounded down but at least one sample where the class has two.
pub(super) const HELD_OUT_SHARE: f64 = 0.2;

/// Gradient tolerance while C is chosen; held-out accuracy does not see smaller differences.
pub(super) const TOLERANCE: f64 = 1e-5;

/// How C is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct CSearch {
    /// The values that are tried, each fit starting from the one before.
    pub grid: Vec<f64>,
    /// Share of each class that is held out.
    pub held_out: f64,
    /// Gradient tolerance of these fits.
    pub tolerance: f64,
    /// Most iterations of one of them.
    pub iterations: usize,
    /// Whether a fit that has not converged by then is an error; otherwise it counts as it is.
    pub must_converge: bool,
}

/// The C of the grid with the highest accuracy on a stratified held-out part of the train set; of equal accuracies the
/// lower held-out loss, then the smaller C. Features are standardised on the part that is fitted, if at all.
pub(super) fn choose_c(
    train: Labelled<'_>,
    targets: &[usize],
    classes: usize,
    seed: u64,
    (search, standardise): (&CSearch, bool),
) -> Result<f64, ProbeError> {
    let (fitted, held_out) = split(targets, classes, search.held_out, seed);
    if held_out.is_empty() {
        return Err(ProbeError::NothingToHoldOut { what: "C" });
    }
    let pick = |rows: &[usize]| rows.iter().map(|&row| targets[row]).collect::<Vec<_>>();
    let (fitted_targets, held_out_targets) = (pick(&fitted), pick(&held_out));
    let fitted = Rows::chosen(train.features, &fitted);
    let scale = Standardiser::choose(fitted, standardise);
    let held_out = ScaledRows { rows: Rows::chosen(train.features, &held_out), scale: &scale };
    let fitted = ScaledRows { rows: fitted, scale: &scale };

    let samples = Samples::new(fitted, &fitted_targets, classes);
    let stop = Stop { tolerance: search.tolerance, iterations: search.iterations };
    let mut best: Option<Candidate> = None;
    let mut last: Option<Model> = None;
    for &c in &search.grid {
        // Neighbours on the grid are similar, so each fit starts from the one before.
        let model = if search.must_converge {
            Model::fit(&samples, c, stop, last.as_ref())?
        } else {
            Model::approach(&samples, c, stop, last.as_ref())
        };
        let mut correct = 0;
        model.in_blocks(held_out, |start, scores| {
            let rows = scores.outer_iter().zip(&held_out_targets[start..]);
            correct += rows.filter(|(row, target)| rank(row.view(), **target) == 0).count();
        });
        let candidate =
            Candidate { c, correct, loss: model.mean_loss(held_out, &held_out_targets) };
        if best.as_ref().is_none_or(|best| candidate.beats(best)) {
            best = Some(candidate);
        }
        last = Some(model);
    }
    best.map(|best| best.c).ok_or(ProbeError::NothingToHoldOut { what: "C" })
}

struct Candidate {
    c: f64,
    correct: usize,
    loss: f64,
}

impl Candidate {
    fn beats(&self, other: &Self) -> bool {
        self.correct > other.correct || (self.correct == other.correct && self.loss < other.loss)
    }
}

/// Row indices to fit on and to hold out, each in rising order. Class c is shuffled by the stream
/// (seed, `probe-held-out`, c) and gives its first share away, rounded down but at least one of two.
pub(super) fn split(
    targets: &[usize],
    classes: usize,
    share: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let mut rows_of_class = vec![Vec::new(); classes];
    for (row, &class) in targets.iter().enumerate() {
        rows_of_class[class].push(row);
    }
    let (mut fitted, mut held_out) = (Vec::new(), Vec::new());
    for (class, mut rows) in rows_of_class.into_iter().enumerate() {
        Stream::new(seed, "probe-held-out", class as u64).shuffle(&mut rows);
        let given = (rows.len() as f64 * share) as usize;
        let count = if rows.len() > 1 { given.max(1) } else { 0 };
        held_out.extend_from_slice(&rows[..count]);
        fitted.extend_from_slice(&rows[count..]);
    }
    fitted.sort_unstable();
    held_out.sort_unstable();
    (fitted, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_is_stratified_complete_and_repeatable() {
        let targets: Vec<usize> =
            (0..100).map(|row| usize::from(row % 10 == 0)).chain([2]).collect();
        let (fitted, held_out) = split(&targets, 3, 0.2, 7);
        let count =
            |rows: &[usize], class| rows.iter().filter(|&&row| targets[row] == class).count();
        assert_eq!((count(&held_out, 0), count(&held_out, 1), count(&held_out, 2)), (18, 2, 0));
        let mut all = [fitted.clone(), held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..101).collect::<Vec<_>>());
        assert_eq!(split(&targets, 3, 0.2, 7), (fitted, held_out.clone()));
        assert_ne!(split(&targets, 3, 0.2, 8).1, held_out);
    }
}
