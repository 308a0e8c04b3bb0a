//! STUB
use super::ArrayError;
use ndarray::{Array1, Array2};
use std::path::Path;
#[derive(Debug)]
/// x
pub struct StatisticsFile;
/// x
#[derive(Clone, Copy, Debug)]
pub enum StatisticsOf { /// x
Features, /// x
Spatial }
impl StatisticsFile {
    /// x
    pub fn open(_p: &Path) -> Result<Self, ArrayError> { Ok(Self) }
    /// x
    pub fn has_images(&self) -> bool { true }
    /// x
    pub fn features(&self) -> Result<Option<Array2<f32>>, ArrayError> { Ok(None) }
    /// x
    pub fn moments(&self, _o: StatisticsOf) -> Result<Option<(Array1<f64>, Array2<f64>)>, ArrayError> { Ok(None) }
}
