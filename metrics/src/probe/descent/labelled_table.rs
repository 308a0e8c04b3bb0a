//! Features with their labels, as a training reads them.

use super::super::ProbeError;
use super::DescentError;
use crate::executor::{Executor, map};
use crate::table::{FeatureTable, View};

/// Rows that are looked at together when a table is checked.
const CHECKED: usize = 1024;

/// Features with their labels, one label a sample.
#[derive(Clone, Copy)]
pub struct LabelledTable<'a> {
    /// The features.
    pub features: &'a dyn FeatureTable,
    /// N labels. The numbers need not be consecutive.
    pub labels: &'a [u32],
}

impl LabelledTable<'_> {
    /// Refuses a table without numbers, of another length than its labels, or with a number that is not finite.
    pub(super) fn check(
        &self,
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<(), DescentError> {
        let shape = self.features.shape();
        if shape.samples != self.labels.len() {
            let (features, labels) = (shape.samples, self.labels.len());
            return Err(ProbeError::RowCount { set, features, labels }.into());
        }
        let rows = shape.rows();
        if rows == 0 || shape.row() == 0 {
            return Err(ProbeError::Empty { set, rows, columns: shape.row() }.into());
        }
        let blocks = map(executor, rows.div_ceil(CHECKED), |block| {
            let rows = block * CHECKED..((block + 1) * CHECKED).min(rows);
            let views: Vec<View> = rows.clone().map(|row| shape.view(row)).collect();
            let mut values = vec![0.0; views.len() * shape.row()];
            self.features.read(&views, &mut values).map_err(DescentError::Read)?;
            match values.iter().position(|value| !value.is_finite()) {
                Some(place) => {
                    let (row, column) = (rows.start + place / shape.row(), place % shape.row());
                    Err(ProbeError::NonFinite { set, row, column }.into())
                }
                None => Ok(()),
            }
        });
        blocks.into_iter().collect()
    }
}
