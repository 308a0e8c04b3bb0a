//! Features with labels, and their checks.

use super::ProbeError;
use ndarray::ArrayView2;

/// Samples with their classes.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// [N, D]: one row per sample.
    pub features: ArrayView2<'a, f32>,
    /// N labels. The numbers need not be consecutive.
    pub labels: &'a [u32],
}

/// The distinct labels of the train set in rising order; a label's place in it is its class index.
#[derive(Clone, Debug)]
pub(super) struct Classes(Vec<u32>);

impl Classes {
    /// At least two of them.
    pub(super) fn of(labels: &[u32]) -> Result<Self, ProbeError> {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        match distinct[..] {
            [label] => Err(ProbeError::OneClass { label }),
            _ => Ok(Self(distinct)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn label(&self, class: usize) -> u32 {
        self.0[class]
    }

    /// Class indices in place of labels.
    pub(super) fn indices(&self, labels: &[u32]) -> Result<Vec<usize>, ProbeError> {
        let index = |(row, &label): (usize, &u32)| {
            self.0.binary_search(&label).map_err(|_| ProbeError::UnknownLabel { row, label })
        };
        labels.iter().enumerate().map(index).collect()
    }
}

/// Checked input: class indices in place of labels.
pub(super) struct Task {
    pub(super) classes: Classes,
    pub(super) train_targets: Vec<usize>,
    pub(super) test_targets: Vec<usize>,
}

impl Task {
    pub(super) fn of(train: Labelled<'_>, test: Labelled<'_>) -> Result<Self, ProbeError> {
        check(train, "train")?;
        check(test, "test")?;
        let (train_width, test_width) = (train.features.ncols(), test.features.ncols());
        if train_width != test_width {
            return Err(ProbeError::Width { train: train_width, test: test_width });
        }
        let classes = Classes::of(train.labels)?;
        let train_targets = classes.indices(train.labels)?;
        let test_targets = classes.indices(test.labels)?;
        Ok(Self { classes, train_targets, test_targets })
    }
}

fn check(data: Labelled<'_>, set: &'static str) -> Result<(), ProbeError> {
    let (rows, columns) = data.features.dim();
    if rows != data.labels.len() {
        return Err(ProbeError::RowCount { set, features: rows, labels: data.labels.len() });
    }
    if rows == 0 || columns == 0 {
        return Err(ProbeError::Empty { set, rows, columns });
    }
    match data.features.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), _)) => Err(ProbeError::NonFinite { set, row, column }),
        None => Ok(()),
    }
}
