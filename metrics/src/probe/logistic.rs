//! Multinomial logistic regression with an L2 penalty, as scikit-learn's `LogisticRegression`.

mod objective;
mod preconditioner;

use super::ProbeError;
use super::lbfgs::{Memory, Minimum, Stop, minimise};
use super::scaled_rows::{MOST_HELD, ScaledRows};
use ndarray::{Array2, ArrayView1, s};
use objective::{Data, Features, Objective};
use preconditioner::{Preconditioner, SecondMoments};

/// Gradients down to this are found in `f32`, whose rounding reaches some 1e-8.
const ROUGH: f64 = 1e-6;

/// The gradient at which samples are weighed anew for the preconditioner, in shares of the gradient without weights.
const REWEIGHED: f64 = 0.03;

/// Second moments of D features cost D / 4 K evaluations for K classes, and save most evaluations of correlated features.
const WIDTH_PER_CLASS: usize = 48;

/// Samples whose logits are computed at one time where no fit goes on.
const BLOCK: usize = 1024;

/// Scaled features with class indices in `0..classes`, made ready for fits.
pub(super) struct Samples<'a> {
    rows: ScaledRows<'a>,
    /// Once more in both types, where they are not too many.
    held: Option<(Vec<f64>, Vec<f32>)>,
    targets: &'a [usize],
    classes: usize,
    /// Whether second moments of the features are worth their price.
    preconditioned: bool,
}

/// A fitted model. Two classes have one row of weights, for the second class; more have one row a class.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// [rows, D].
    weights: Array2<f64>,
    /// One intercept per row.
    intercepts: Vec<f64>,
    classes: usize,
    /// The minimised sum C · Σ loss + ½ |W|².
    pub(super) objective: f64,
    pub(super) iterations: usize,
    /// Largest absolute component of the gradient of the mean objective.
    gradient: f64,
}

impl<'a> Samples<'a> {
    /// N rows with N class indices.
    pub(super) fn new(rows: ScaledRows<'a>, targets: &'a [usize], classes: usize) -> Self {
        Self::holding(rows, targets, classes, MOST_HELD)
    }

    fn holding(rows: ScaledRows<'a>, targets: &'a [usize], classes: usize, most: usize) -> Self {
        let held = rows.held(most).zip(rows.held(most));
        let preconditioned = rows.rows.width() <= WIDTH_PER_CLASS * classes;
        Self { rows, held, targets, classes, preconditioned }
    }

    /// For a search that begins at a point; `None` for features that are too many, or too large for `f32` once squared.
    fn preconditioner(&self, c: f64, point: &[f64]) -> Option<Preconditioner> {
        if !self.preconditioned {
            return None;
        }
        let weights = Objective::new(self.rough(), c, None).curvatures(point);
        let moments = SecondMoments::of(self.rough(), &weights);
        let penalty = 1.0 / (c * self.targets.len() as f64);
        if moments.is_finite() { moments.preconditioner(penalty) } else { None }
    }

    /// Rows of weights.
    fn rows(&self) -> usize {
        if self.classes == 2 { 1 } else { self.classes }
    }

    fn data<'b, T>(&'b self, held: Option<&'b [T]>) -> Data<'b, T> {
        let features = held.map_or_else(|| Features::Stored(self.rows.view()), Features::Held);
        let (targets, classes) = (self.targets, self.classes);
        Data { features, width: self.rows.rows.width(), targets, classes, rows: self.rows() }
    }

    fn rough(&self) -> Data<'_, f32> {
        self.data(self.held.as_ref().map(|(_, rough)| rough.as_slice()))
    }

    fn exact(&self) -> Data<'_, f64> {
        self.data(self.held.as_ref().map(|(exact, _)| exact.as_slice()))
    }
}

impl Model {
    /// Minimises C · Σᵢ -ln p(yᵢ | xᵢ) + ½ |W|² over weights W and unpenalised intercepts b.
    ///
    /// p is the softmax of W x + b; with two classes the logits are (0, w x + b), as in scikit-learn, where this halves
    /// the penalty's share. The search is on the objective divided by C · N, scikit-learn's scaling, and has converged
    /// when no component of that gradient exceeds `stop.tolerance`. It starts at `start` or at zero; the objective is
    /// strictly convex in W, so the start changes the path and not the predictions. Far from the minimum it is computed in
    /// `f32`, which decides where the search in `f64` begins and nothing else.
    ///
    /// # Errors
    /// If the tolerance is not reached.
    pub(super) fn fit(
        samples: &Samples<'_>,
        c: f64,
        stop: Stop,
        start: Option<&Self>,
    ) -> Result<Self, ProbeError> {
        let model = Self::approach(samples, c, stop, start);
        if model.gradient <= stop.tolerance {
            return Ok(model);
        }
        let (iterations, gradient, tolerance) = (model.iterations, model.gradient, stop.tolerance);
        Err(ProbeError::NotConverged { c, iterations, gradient, tolerance })
    }

    /// As [`Self::fit`], but a search that ends early counts as it is.
    pub(super) fn approach(
        samples: &Samples<'_>,
        c: f64,
        stop: Stop,
        start: Option<&Self>,
    ) -> Self {
        let (rows, width) = (samples.rows(), samples.rows.rows.width());
        let initial = match start {
            Some(model) => model.weights.iter().chain(&model.intercepts).copied().collect(),
            None => vec![0.0; rows * (width + 1)],
        };
        let mut preconditioner = samples.preconditioner(c, &initial);
        let (mut point, mut done) = (initial, 0);
        if preconditioner.is_some() && start.is_none() {
            // A few steps to where the probabilities are no longer the class shares.
            let mut objective = Objective::new(samples.rough(), c, preconditioner.as_ref());
            let tolerance = stop.tolerance.max(REWEIGHED * objective.largest_slope(&point));
            let stop = Stop { tolerance, ..stop };
            let near = minimise(&mut objective, point, stop, &mut Memory::default());
            (point, done) = (near.point, near.iterations);
            preconditioner = samples.preconditioner(c, &point);
        }
        let preconditioner = preconditioner.as_ref();
        let mut memory = Memory::default();
        let left = |done| stop.iterations.saturating_sub(done);
        let rough = minimise(
            &mut Objective::new(samples.rough(), c, preconditioner),
            point,
            Stop { tolerance: stop.tolerance.max(ROUGH), iterations: left(done) },
            &mut memory,
        );
        done += rough.iterations;
        let rest = Stop { iterations: left(done), ..stop };
        let mut exact = Objective::new(samples.exact(), c, preconditioner);
        let minimum = minimise(&mut exact, rough.point, rest, &mut memory);
        Self::of(samples, c, minimum, done)
    }

    fn of(samples: &Samples<'_>, c: f64, minimum: Minimum, iterations: usize) -> Self {
        let (rows, width) = (samples.rows(), samples.rows.rows.width());
        let (weights, intercepts) = minimum.point.split_at(rows * width);
        Self {
            weights: Array2::from_shape_fn((rows, width), |(row, column)| {
                weights[row * width + column]
            }),
            intercepts: intercepts.to_vec(),
            classes: samples.classes,
            objective: minimum.value * c * samples.targets.len() as f64,
            iterations: iterations + minimum.iterations,
            gradient: minimum.gradient,
        }
    }

    /// ln p for every sample and class, [N, classes].
    pub(super) fn log_probabilities(&self, rows: ScaledRows<'_>) -> Array2<f64> {
        let mut whole = Array2::zeros((rows.rows.len(), self.classes));
        self.in_blocks(rows, |start, block| {
            whole.slice_mut(s![start..start + block.nrows(), ..]).assign(&block);
        });
        whole
    }

    /// Mean of -ln p(target) in nats, as `sklearn.metrics.log_loss`.
    pub(super) fn mean_loss(&self, rows: ScaledRows<'_>, targets: &[usize]) -> f64 {
        let mut loss = 0.0;
        self.in_blocks(rows, |start, block| {
            let own = block.outer_iter().zip(&targets[start..]);
            own.for_each(|(row, &target)| loss -= row[target]);
        });
        loss / targets.len() as f64
    }

    /// ln p of a block of samples after the other, with the place of its first.
    pub(super) fn in_blocks(&self, rows: ScaledRows<'_>, mut take: impl FnMut(usize, Array2<f64>)) {
        let count = rows.rows.len();
        for start in (0..count).step_by(BLOCK) {
            let block = rows.array(start..(start + BLOCK).min(count));
            take(start, self.log_probabilities_of(&block));
        }
    }

    fn log_probabilities_of(&self, features: &Array2<f64>) -> Array2<f64> {
        let mut logits = features.dot(&self.weights.t());
        for mut row in logits.outer_iter_mut() {
            row.iter_mut().zip(&self.intercepts).for_each(|(logit, intercept)| *logit += intercept);
        }
        let mut log_probabilities = Array2::zeros((features.nrows(), self.classes));
        for (logits, mut row) in logits.outer_iter().zip(log_probabilities.outer_iter_mut()) {
            let offset = self.classes - logits.len();
            (0..logits.len()).for_each(|class| row[class + offset] = logits[class]);
            let normaliser = log_sum_exp(row.view());
            row.mapv_inplace(|logit| logit - normaliser);
        }
        log_probabilities
    }
}

/// ln Σ exp(x), shifted by the largest so that nothing overflows.
fn log_sum_exp(values: ArrayView1<'_, f64>) -> f64 {
    let largest = values.fold(f64::NEG_INFINITY, |largest, &value| largest.max(value));
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::lbfgs::Function;
    use crate::probe::rows::Rows;
    use crate::probe::standardise::Standardiser;
    use crate::random::Stream;

    /// Features as they are, with classes in turn.
    struct Case {
        features: Array2<f32>,
        scale: Standardiser,
        targets: Vec<usize>,
        classes: usize,
    }

    impl Case {
        fn random(classes: usize) -> Self {
            let mut stream = Stream::new(classes as u64, "test", 0);
            let features = Array2::from_shape_fn((30, 4), |_| (stream.uniform() - 0.5) as f32);
            let scale = Standardiser::choose(Rows::all(features.view()), false);
            let targets = (0..30).map(|sample| sample % classes).collect();
            Self { features, scale, targets, classes }
        }

        fn rows(&self) -> ScaledRows<'_> {
            ScaledRows { rows: Rows::all(self.features.view()), scale: &self.scale }
        }

        fn samples(&self) -> Samples<'_> {
            Samples::new(self.rows(), &self.targets, self.classes)
        }
    }

    #[test]
    fn the_gradient_is_the_derivative() {
        for classes in [2, 3, 5] {
            let case = Case::random(classes);
            let samples = case.samples();
            let rows = samples.rows();
            let mut objective = Objective::new(samples.exact(), 0.7, None);
            let mut stream = Stream::new(1, "test", 1);
            let point: Vec<f64> = (0..rows * 5).map(|_| stream.uniform() - 0.5).collect();
            let (mut gradient, mut unused) = (vec![0.0; point.len()], vec![0.0; point.len()]);
            objective.evaluate(&point, &mut gradient);
            for index in 0..point.len() {
                let mut value_at = |step: f64| {
                    let mut moved = point.clone();
                    moved[index] += step;
                    objective.evaluate(&moved, &mut unused)
                };
                let numeric = (value_at(1e-5) - value_at(-1e-5)) / 2e-5;
                assert!(
                    (numeric - gradient[index]).abs() < 1e-9,
                    "{numeric} is not {}",
                    gradient[index]
                );
            }
        }
    }

    #[test]
    fn both_precisions_see_one_function() {
        for classes in [2, 3, 5] {
            let case = Case::random(classes);
            let samples = case.samples();
            let mut stream = Stream::new(1, "test", 1);
            let point: Vec<f64> = (0..samples.rows() * 5).map(|_| stream.uniform() - 0.5).collect();
            let (mut exact, mut rough) = (vec![0.0; point.len()], vec![0.0; point.len()]);
            let value = Objective::new(samples.exact(), 0.7, None).evaluate(&point, &mut exact);
            let near = Objective::new(samples.rough(), 0.7, None).evaluate(&point, &mut rough);
            assert!((value - near).abs() < 1e-6);
            exact.iter().zip(rough).for_each(|(a, b)| assert!((a - b).abs() < 1e-6));
        }
    }

    /// Features that are nearly one: 1,000 iterations do not suffice without second moments, few do with them.
    #[test]
    fn correlated_features_need_few_iterations() {
        let mut case = Case::random(3);
        for mut row in case.features.outer_iter_mut() {
            let first = row[0];
            row.iter_mut().skip(1).for_each(|value| *value = 1e-3 * *value + first);
        }
        let samples = case.samples();
        let stop = Stop { tolerance: 1e-9, iterations: 1000 };
        let model = Model::fit(&samples, 1e4, stop, None).unwrap();
        let plain = Samples { preconditioned: false, ..case.samples() };
        let slow = Model::approach(&plain, 1e4, stop, None);
        assert!(model.iterations < slow.iterations, "{} {}", model.iterations, slow.iterations);
        assert!(model.objective <= slow.objective * (1.0 + 1e-9));
    }

    #[test]
    fn strong_regularisation_leaves_the_class_shares() {
        let mut case = Case::random(3);
        case.targets =
            (0..30).map(|sample| usize::from(sample >= 15) + usize::from(sample >= 24)).collect();
        let samples = case.samples();
        let stop = Stop { tolerance: 1e-10, iterations: 1000 };
        let model = Model::fit(&samples, 1e-12, stop, None).unwrap();
        let probabilities = model.log_probabilities(case.rows()).mapv(f64::exp);
        for (probability, share) in probabilities.row(0).iter().zip([0.5, 0.3, 0.2]) {
            assert!((probability - share).abs() < 1e-8);
        }
    }

    #[test]
    fn too_few_iterations_are_an_error() {
        let case = Case::random(3);
        let samples = case.samples();
        let stop = Stop { tolerance: 1e-8, iterations: 1 };
        assert!(matches!(
            Model::fit(&samples, 1.0, stop, None),
            Err(ProbeError::NotConverged { .. })
        ));
    }

    /// A set that is too large to be held once more is computed to the same bits.
    #[test]
    fn held_and_stored_features_give_the_same_model() {
        for classes in [2, 3] {
            let case = Case::random(classes);
            let scale = Standardiser::choose(Rows::all(case.features.view()), true);
            let rows = ScaledRows { scale: &scale, ..case.rows() };
            let stop = Stop { tolerance: 1e-9, iterations: 1000 };
            let fit = |most| {
                let samples = Samples::holding(rows, &case.targets, classes, most);
                assert_eq!(samples.held.is_some(), most > 0);
                Model::fit(&samples, 2.0, stop, None).unwrap()
            };
            let (held, stored) = (fit(MOST_HELD), fit(0));
            assert_eq!(held.weights, stored.weights);
            assert_eq!(held.intercepts, stored.intercepts);
            assert_eq!(held.objective.to_bits(), stored.objective.to_bits());
        }
    }
}
