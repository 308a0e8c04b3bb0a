//! Memory, time limits and GPUs as users write them.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

/// An amount of memory, whole MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory(NonZeroU64);

impl Memory {
    /// In MiB.
    #[must_use]
    pub const fn mebibytes(self) -> u64 {
        self.0.get()
    }

    /// In GiB, rounded up.
    #[must_use]
    pub const fn gibibytes(self) -> u64 {
        self.0.get().div_ceil(1024)
    }
}

/// A text that is no amount of memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount of memory: write `16G`, or `500M`")]
pub struct InvalidMemory(String);

impl FromStr for Memory {
    type Err = InvalidMemory;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, factor) = match text.strip_suffix('G') {
            Some(digits) => (digits, 1024),
            None => (text.strip_suffix('M').unwrap_or_default(), 1),
        };
        number(digits)
            .and_then(|count| count.checked_mul(factor))
            .and_then(NonZeroU64::new)
            .map(Self)
            .ok_or_else(|| InvalidMemory(text.to_owned()))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = self.0.get();
        if mebibytes.is_multiple_of(1024) {
            write!(formatter, "{}G", mebibytes / 1024)
        } else {
            write!(formatter, "{mebibytes}M")
        }
    }
}

/// One GPU of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// Whatever the engine has.
    Any,
    /// A kind.
    Named(GpuName),
}

/// An engine's name for a kind of GPU: letters, digits, points, hyphens, underscores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuName(String);

/// A text that names no GPU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a kind of GPU: write it as the engine does, `a100` or `A100-80GB`, without a count: a task has one"
)]
pub struct InvalidGpuName(String);

impl FromStr for GpuName {
    type Err = InvalidGpuName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_name =
            text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(plain);
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidGpuName(text.to_owned())) }
    }
}

impl fmt::Display for GpuName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that is no time limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time limit: write it as Slurm does, `90` (minutes), `4:00:00` or `1-12:00:00` (a day and a half)"
)]
pub struct InvalidTimeLimit(String);

/// A time limit as Slurm reads it: `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`,
/// `days-hours:minutes`, `days-hours:minutes:seconds`.
///
/// # Errors
/// If it is none, or 0.
pub fn parse_time_limit(text: &str) -> Result<Duration, InvalidTimeLimit> {
    seconds(text)
        .filter(|&seconds| seconds > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| InvalidTimeLimit(text.to_owned()))
}

fn seconds(text: &str) -> Option<u64> {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(number(days)?), rest),
        None => (None, text),
    };
    let parts = rest.split(':').map(number).collect::<Option<Vec<_>>>()?;
    let [hours, minutes, seconds] = match (days, parts.as_slice()) {
        (None, &[minutes]) => [0, minutes, 0],
        (None, &[minutes, seconds]) => [0, minutes, seconds],
        (Some(_), &[hours]) => [hours, 0, 0],
        (Some(_), &[hours, minutes]) => [hours, minutes, 0],
        (_, &[hours, minutes, seconds]) => [hours, minutes, seconds],
        _ => return None,
    };
    let hours = days.unwrap_or_default().checked_mul(24)?.checked_add(hours)?;
    hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?.checked_add(seconds)
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// Seconds as Slurm writes them: `[days-]hours:minutes:seconds`.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = if days == 0 { String::new() } else { format!("{days}-") };
    format!("{days}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_as_slurm_reads_them() {
        for (text, seconds) in [
            ("90", 5400),
            ("90:30", 5430),
            ("4:00:00", 14_400),
            ("2-0", 172_800),
            ("1-12:30", 131_400),
            ("1-12:00:01", 129_601),
        ] {
            assert_eq!(parse_time_limit(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "0",
            "0:00",
            "4h",
            "-1",
            "1-",
            "+4",
            "1:2:3:4",
            "1-1:2:3:4",
            "18446744073709551615",
            " 4",
        ] {
            let message = parse_time_limit(text).unwrap_err().to_string();
            assert!(message.contains("4:00:00"), "{message}");
        }
    }

    #[test]
    fn memory_is_read_and_rounded_up() {
        let memory: Memory = "1500M".parse().unwrap();
        assert_eq!((memory.mebibytes(), memory.gibibytes()), (1500, 2));
        for text in ["", "G", "0G", "16", "16GB", "-1G", "1.5G", "18446744073709551615G"] {
            assert!(text.parse::<Memory>().unwrap_err().to_string().contains("16G"));
        }
    }

    #[test]
    fn a_gpu_has_a_name_and_no_count() {
        for text in ["a100", "A100-80GB", "3g.40gb"] {
            assert_eq!(text.parse::<GpuName>().unwrap().to_string(), text);
        }
        for text in ["", "a100:2", "-x", "a b", "$(x)"] {
            assert!(
                text.parse::<GpuName>().unwrap_err().to_string().contains("A100-80GB"),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 1_u64..100_000_000, mebibytes in 1_u64..10_000_000) {
            let time = Duration::from_secs(seconds);
            prop_assert_eq!(parse_time_limit(&clock(time)), Ok(time));
            let memory: Memory = format!("{mebibytes}M").parse().unwrap();
            prop_assert_eq!(memory.to_string().parse::<Memory>().unwrap(), memory);
        }
    }
}
