//! Statistics of small samples: correlations with their uncertainty, agreement of raters, means and proportions with intervals, paired tests.

pub mod agreement;
pub mod correlation;
pub mod mean;
pub mod proportion;

mod bootstrap;
mod centred;
mod fisher;
mod leave_one_out;
mod paired_difference;
mod paired_tests;
mod ranks;
mod resample;

pub use agreement::{CohenKappa, KAPPA_METHOD, cohen_kappa};
pub(crate) use bootstrap::quantile;
pub use correlation::{Correlation, CorrelationOptions, Line};
pub use fisher::fisher_test;
pub(crate) use fisher::normal_quantile_two_sided;
pub use mean::{MeanEstimate, mean_estimate};
pub use paired_difference::{mcnemar_exact, paired_difference};
pub use paired_tests::{
    PairedTest, PairedTests, PairedTestsMemory, holm_critical_values, paired_t_test,
};
pub use proportion::wilson_interval;
pub use ranks::average_ranks;
pub use resample::{ResampleOptions, resampled_interval};
