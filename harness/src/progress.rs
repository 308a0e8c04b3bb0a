//! Progress on standard error: bars on a terminal, plain lines elsewhere, nothing with `--json`.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Where progress goes.
#[derive(Clone, Debug)]
pub struct Progress {
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    Silent,
    Lines,
    Bars(MultiProgress),
}

impl Progress {
    /// Bars if standard error is a terminal, lines otherwise, nothing if `silent`.
    #[must_use]
    pub fn new(silent: bool) -> Self {
        let mode = if silent {
            Mode::Silent
        } else if std::io::stderr().is_terminal() {
            Mode::Bars(MultiProgress::new())
        } else {
            Mode::Lines
        };
        Self { mode }
    }

    /// Whether nothing is shown, because standard output is for a program (`--json`).
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self.mode, Mode::Silent)
    }

    /// One line of news.
    #[expect(clippy::print_stderr, reason = "progress belongs on standard error")]
    pub fn note(&self, text: impl AsRef<str>) {
        match &self.mode {
            Mode::Silent => {}
            Mode::Lines => eprintln!("{}", text.as_ref()),
            Mode::Bars(bars) => {
                // The only error is a closed standard error, where nobody reads.
                let _ = bars.println(text.as_ref());
            }
        }
    }

    /// Starts a job of `total` units that are counted as `unit` (`images`, or `bytes` for byte sizes).
    #[must_use]
    pub fn job(&self, title: impl Into<String>, total: u64, unit: &'static str) -> Job {
        let title = title.into();
        let bar = match &self.mode {
            Mode::Bars(bars) => {
                let template = if unit == "bytes" {
                    "{msg:32!} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta:>4}"
                } else {
                    "{msg:32!} {wide_bar} {pos}/{len} {per_sec} {eta:>4}"
                };
                let bar = bars.add(ProgressBar::new(total));
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.set_message(title.clone());
                Some(bar)
            }
            Mode::Silent | Mode::Lines => None,
        };
        Job {
            progress: self.clone(),
            bar,
            title,
            unit,
            total,
            done: 0,
            started: Instant::now(),
            last_line: Instant::now(),
        }
    }
}

/// A running job. Dropping it removes its bar.
#[derive(Debug)]
pub struct Job {
    progress: Progress,
    bar: Option<ProgressBar>,
    title: String,
    unit: &'static str,
    total: u64,
    done: u64,
    started: Instant,
    last_line: Instant,
}

/// Without a terminal a job prints at most one line in this time (and one at its end).
const LINE_INTERVAL: Duration = Duration::from_secs(10);

impl Job {
    /// `amount` more units are done.
    pub fn advance(&mut self, amount: u64) {
        self.set(self.done + amount);
    }

    /// Says something else of the job from now on.
    pub fn rename(&mut self, title: impl Into<String>) {
        self.title = title.into();
        if let Some(bar) = &self.bar {
            bar.set_message(self.title.clone());
        }
    }

    /// `done` units are done.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        if done < self.total && self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            self.line();
        }
    }

    /// Ends a job whose total was not known before.
    pub fn finish_at(mut self, total: u64) {
        self.total = total;
        self.finish();
    }

    /// Ends the job with a line.
    pub fn finish(mut self) {
        self.done = self.total;
        if self.bar.is_none() {
            self.line();
        }
    }

    fn line(&self) {
        let elapsed = self.started.elapsed().as_secs_f64();
        let left = match (self.done, self.total) {
            (0, _) => String::new(),
            (done, total) if done < total => {
                format!(", {:.0} s to go", elapsed / done as f64 * (total - done) as f64)
            }
            _ => format!(" in {elapsed:.1} s"),
        };
        let count = if self.unit == "bytes" {
            format!("{:.1}/{:.1} MB", self.done as f64 / 1e6, self.total as f64 / 1e6)
        } else {
            format!("{}/{} {}", self.done, self.total, self.unit)
        };
        self.progress.note(format!("{}: {count}{left}", self.title));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
