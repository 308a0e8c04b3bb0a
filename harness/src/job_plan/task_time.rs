//! How long a task may take, and how long before that it is told to stop: from measured seconds where there are any.
//!
//! With measured seconds the limit is
//!
//! ```text
//! START + SAFETY x (chunks of the fullest shard at the pace of the slowest models + loading each model once) + notice
//! ```
//!
//! rounded up to five minutes. It holds however chunks are dealt out, because the fullest shard is taken to have the
//! slowest ones. Nothing is lost if it is too short all the same: a task that is stopped continues.

use serde::Serialize;
use std::num::NonZeroU32;
use std::time::Duration;

/// Measured seconds are doubled: nodes, file systems and neighbours differ by less than that as a rule, not by law.
const SAFETY: u32 = 2;

/// Opening the data set and computing the digest of every image comes before the first chunk, and was not measured.
const START: Duration = Duration::from_secs(600);

/// Limits are rounded up to this.
const STEP: Duration = Duration::from_secs(300);

/// Notices are rounded up to this, and are never shorter.
const NOTICE_STEP: Duration = Duration::from_secs(60);

/// Slurm keeps a notice in 16 bits.
const LONGEST_NOTICE: Duration = Duration::from_secs(65_535);

/// The limit if nobody measured and nobody says: long enough for hundreds of chunks of most encoders, short enough for the
/// queues of most clusters.
const ASSUMED_LIMIT: Duration = Duration::from_secs(4 * 3600);

/// The notice if nobody measured and nobody says.
const ASSUMED_NOTICE: Duration = Duration::from_secs(300);

/// What was measured of one model, and how much of it there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelSeconds {
    /// Loading it.
    pub load: Duration,
    /// One chunk, from images to the stored file.
    pub chunk: Duration,
    /// Its chunks in the whole run.
    pub chunks: u64,
}

/// Where a time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The user said it.
    Given,
    /// Computed from measured seconds.
    Measured,
    /// A default; nobody measured.
    Assumed,
}

/// How long a task may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskTime {
    limit: Duration,
    basis: Basis,
    notice: Duration,
    notice_basis: Basis,
}

impl TaskTime {
    /// A default that says that it is one.
    #[must_use]
    pub const fn assumed() -> Self {
        Self {
            limit: ASSUMED_LIMIT,
            basis: Basis::Assumed,
            notice: ASSUMED_NOTICE,
            notice_basis: Basis::Assumed,
        }
    }

    /// From measured seconds of every model that has chunks; `None` without any.
    #[must_use]
    pub fn measured(models: &[ModelSeconds], shards: NonZeroU32) -> Option<Self> {
        let slowest =
            models.iter().filter(|model| model.chunks > 0).map(|model| model.chunk).max()?;
        let notice = round_up(slowest.saturating_mul(SAFETY).max(NOTICE_STEP), NOTICE_STEP)
            .min(LONGEST_NOTICE);
        let work = longest_shard(models, shards).saturating_mul(SAFETY);
        let limit = START.saturating_add(work).saturating_add(notice);
        Some(Self {
            limit: round_up(limit, STEP),
            basis: Basis::Measured,
            notice,
            notice_basis: Basis::Measured,
        })
    }

    /// The same with the user's limit, if there is one.
    #[must_use]
    pub const fn with_limit(mut self, limit: Option<Duration>) -> Self {
        if let Some(limit) = limit {
            (self.limit, self.basis) = (limit, Basis::Given);
        }
        self
    }

    /// The same with the user's notice, if there is one.
    #[must_use]
    pub const fn with_notice(mut self, notice: Option<Duration>) -> Self {
        if let Some(notice) = notice {
            (self.notice, self.notice_basis) = (notice, Basis::Given);
        }
        self
    }

    /// When a task is ended.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Where the limit comes from.
    #[must_use]
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// How long before its end a task is told to finish its chunk and stop.
    #[must_use]
    pub const fn notice(&self) -> Duration {
        self.notice
    }

    /// Where the notice comes from.
    #[must_use]
    pub const fn notice_basis(&self) -> Basis {
        self.notice_basis
    }

    /// Why the limit is what it is, in a few words.
    pub(super) const fn reason(&self) -> &'static str {
        match self.basis {
            Basis::Given => "as `retally plan --time` said",
            Basis::Measured => "from measured seconds, doubled and rounded up",
            Basis::Assumed => {
                "a default: nobody measured how long a chunk takes (retally plan --time)"
            }
        }
    }

    /// Why the notice is what it is, in a few words.
    pub(super) const fn notice_reason(&self) -> &'static str {
        match self.notice_basis {
            Basis::Given => "as `retally plan --notice` said",
            Basis::Measured => "twice the slowest chunk that was measured",
            Basis::Assumed => {
                "a default: longer than a chunk takes on most machines (retally plan --notice)"
            }
        }
    }
}

/// A bound for the time of any shard, however chunks are dealt out: the fullest shard has the slowest chunks, and loads every
/// model that it may have a chunk of.
fn longest_shard(models: &[ModelSeconds], shards: NonZeroU32) -> Duration {
    let mut models: Vec<_> = models.iter().filter(|model| model.chunks > 0).collect();
    models.sort_by_key(|model| std::cmp::Reverse(model.chunk));
    let total = models.iter().fold(0_u64, |sum, model| sum.saturating_add(model.chunks));
    let fullest = total.div_ceil(u64::from(shards.get()));
    let (mut left, mut time) = (fullest, Duration::ZERO);
    for model in &models {
        let taken = model.chunks.min(left);
        left -= taken;
        time = time.saturating_add(times(model.chunk, taken));
    }
    let mut loads: Vec<_> = models.iter().map(|model| model.load).collect();
    loads.sort_unstable_by(|a, b| b.cmp(a));
    let most = usize::try_from(fullest).unwrap_or(usize::MAX);
    loads.into_iter().take(most).fold(time, Duration::saturating_add)
}

/// `Duration` multiplies by 32 bits alone.
fn times(time: Duration, count: u64) -> Duration {
    let nanoseconds = time.as_nanos().saturating_mul(u128::from(count));
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX);
    // Below 10^9, so it fits.
    Duration::from_secs(seconds)
        .saturating_add(Duration::from_nanos((nanoseconds % 1_000_000_000) as u64))
}

fn round_up(time: Duration, step: Duration) -> Duration {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    let step = step.as_secs();
    Duration::from_secs(seconds.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(load: u64, chunk: u64, chunks: u64) -> ModelSeconds {
        ModelSeconds { load: Duration::from_secs(load), chunk: Duration::from_secs(chunk), chunks }
    }

    fn shards(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    #[test]
    fn the_formula_by_hand() {
        // 40 chunks of 30 s and 40 of 90 s in 8 shards: the fullest has 10, at worst all of 90 s, and loads both models.
        let time = TaskTime::measured(&[model(5, 30, 40), model(20, 90, 40)], shards(8)).unwrap();
        assert_eq!(time.notice().as_secs(), 180);
        // 600 + 2 x (10 x 90 + 25) + 180 = 2630, rounded up to 300.
        assert_eq!(time.limit().as_secs(), 2700);
        assert_eq!((time.basis(), time.notice_basis()), (Basis::Measured, Basis::Measured));
        // One chunk a shard loads one model: 600 + 2 x (90 + 20) + 180 = 1000.
        let time = TaskTime::measured(&[model(5, 30, 1), model(20, 90, 1)], shards(2)).unwrap();
        assert_eq!(time.limit().as_secs(), 1200);
    }

    #[test]
    fn nothing_measured_gives_no_time() {
        assert_eq!(TaskTime::measured(&[], shards(3)), None);
        assert_eq!(TaskTime::measured(&[model(5, 30, 0)], shards(3)), None);
    }

    #[test]
    fn absurd_measurements_end_in_a_long_limit_not_in_a_short_one() {
        let time = TaskTime::measured(&[model(u64::MAX, u64::MAX, u64::MAX)], shards(1)).unwrap();
        assert!(time.limit().as_secs() > u64::MAX / 2);
        assert_eq!(time.notice(), LONGEST_NOTICE);
    }

    #[test]
    fn what_the_user_says_stands_in_for_the_rest() {
        let time = TaskTime::assumed().with_limit(Some(Duration::from_secs(7)));
        assert_eq!((time.limit().as_secs(), time.basis()), (7, Basis::Given));
        assert_eq!(time.notice_basis(), Basis::Assumed);
        assert_eq!(TaskTime::assumed().with_limit(None).with_notice(None), TaskTime::assumed());
    }

    fn models() -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
        proptest::collection::vec((0_u64..100, 1_u64..400, 1_u64..60), 1..6)
    }

    proptest! {
        /// Deals the chunks out in the order of the models and in a shuffled one: twice the longest shard fits.
        #[test]
        fn every_way_of_dealing_fits_twice(models in models(), count in 1_u32..40, seed in any::<u64>()) {
            let seconds: Vec<_> = models.iter().map(|&(load, chunk, chunks)| model(load, chunk, chunks)).collect();
            let time = TaskTime::measured(&seconds, shards(count)).unwrap();
            let mut list: Vec<usize> =
                models.iter().enumerate().flat_map(|(index, one)| vec![index; one.2 as usize]).collect();
            for shuffled in [false, true] {
                if shuffled {
                    list.sort_by_cached_key(|&index| (seed ^ index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
                    let turn = list.len() / 2;
                    list.rotate_left(turn);
                }
                let size = list.len().div_ceil(count as usize);
                for own in list.chunks(size) {
                    let mut loaded = own.to_vec();
                    loaded.sort_unstable();
                    loaded.dedup();
                    let work: u64 = own.iter().map(|&index| models[index].1).sum();
                    let loads: u64 = loaded.iter().map(|&index| models[index].0).sum();
                    prop_assert!(time.limit().as_secs() >= 2 * (work + loads) + time.notice().as_secs());
                }
            }
            prop_assert!(time.notice().as_secs() >= 2 * models.iter().map(|one| one.1).max().unwrap());
        }

        #[test]
        fn more_shards_never_take_longer(models in models(), count in 1_u32..40) {
            let seconds: Vec<_> = models.iter().map(|&(load, chunk, chunks)| model(load, chunk, chunks)).collect();
            let [few, many] = [count, count + 1].map(|count| TaskTime::measured(&seconds, shards(count)).unwrap());
            prop_assert!(many.limit() <= few.limit());
        }
    }
}
