//! How long to wait before a request is tried again.

use retally_manifests::Digest;
use retally_metrics::random::Stream;
use std::time::Duration;

/// Pauses that double with each failure, spread by a share of chance that depends on the request alone: the clients of a busy
/// server do not come back together, and a test can compute every pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// How often a request is tried, at least once.
    pub tries: u32,
    /// Pause after the first failure, before it is spread.
    pub first: Duration,
    /// Longest pause, also where a server asks for a longer one.
    pub longest: Duration,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self { tries: 6, first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

impl RetrySchedule {
    /// The pause after the `failures`-th failure of `request` in a row: first · 2^(failures - 1), times a number from 0.5 to 1.5
    /// that request and failure decide, but at least what the server asked for, and at most the longest.
    pub(crate) fn pause(
        &self,
        request: &Digest,
        failures: u32,
        asked: Option<Duration>,
    ) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let doubled = self.first.saturating_mul(factor).min(self.longest);
        let (seed, _) = request.as_bytes().split_at(8);
        let seed = seed.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let spread = 0.5 + Stream::new(seed, "endpoint-retry", u64::from(failures)).uniform();
        doubled.mul_f64(spread).max(asked.unwrap_or_default()).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_spread_and_bounded() {
        let schedule =
            RetrySchedule { longest: Duration::from_secs(20), ..RetrySchedule::default() };
        let request = Digest::of_bytes(b"request");
        for (failures, middle) in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0)] {
            let pause = schedule.pause(&request, failures, None).as_secs_f64();
            assert!((0.5 * middle..1.5 * middle).contains(&pause), "{failures}: {pause}");
            assert_eq!(schedule.pause(&request, failures, None).as_secs_f64(), pause);
        }
        assert!(schedule.pause(&request, 40, None) <= schedule.longest);
        assert_ne!(
            schedule.pause(&request, 1, None),
            schedule.pause(&Digest::of_bytes(b"other"), 1, None)
        );
    }

    #[test]
    fn a_server_may_ask_for_longer_but_not_for_ever() {
        let schedule = RetrySchedule::default();
        let request = Digest::of_bytes(b"request");
        assert_eq!(
            schedule.pause(&request, 1, Some(Duration::from_secs(7))),
            Duration::from_secs(7)
        );
        assert_eq!(schedule.pause(&request, 1, Some(Duration::from_secs(3600))), schedule.longest);
    }
}
