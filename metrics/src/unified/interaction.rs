//! Cross-modal interaction intensity (AIA, arXiv:2511.22663, Eq. 1): how much of its attention the modality that is produced puts on the modality that it is
//! conditioned on, layer by layer; the loss that draws it to staged targets; and what attention that knows nothing would give.

mod curve;
mod error;
mod intensity;
mod loss;
mod slices;
mod spans;
mod task;
mod uniform;

pub use curve::{CurveOptions, CurveSummary, LayerSummary, SampleCurve, curve_correlation};
pub use error::InteractionError;
pub use intensity::{LayerIntensity, RowPlace, row_tolerance};
pub use loss::{StageBounds, StageTarget, aia_losses, huber, stage_target};
pub use slices::{AttentionSlices, SliceRule, TokenPositions};
pub use spans::Spans;
pub use task::InteractionTask;
pub use uniform::{Visibility, uniform_causal, uniform_over_visible};
