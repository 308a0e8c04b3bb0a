//! `retally doctor`: what would run here, and whether it computes the recorded numbers. It fetches and changes nothing.

mod tools;

use super::Document;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::onnx::device::Device;
use crate::onnx::golden::{self, Drift};
use crate::onnx::library::{Library, LibraryLocation, LibraryRecord};
use ort::ep::{self, ExecutionProvider};
use retally_manifests::{Artifact, Settings, Store};
use serde::Serialize;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use tools::Tool;

/// Arguments of `retally doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorCommand {
    /// Where to run the golden input: `cpu` or `cuda:N`.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: Device,
    /// Cores to use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// What `retally doctor` found.
#[derive(Debug, Serialize)]
struct DoctorReport {
    retally: &'static str,
    onnxruntime: LibraryCheck,
    golden: GoldenCheck,
    machine: Machine,
    tools: Vec<Tool>,
    store: PathBuf,
}

/// ONNX Runtime, or why there is none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
enum LibraryCheck {
    Loaded {
        #[serde(flatten)]
        record: Box<LibraryRecord>,
        /// Whether the file is the one that the manifests pin.
        pinned: bool,
        providers: Vec<Provider>,
    },
    NotFetched {
        advice: String,
    },
    Unusable {
        error: String,
    },
}

/// An execution provider that retally can use.
#[derive(Debug, Serialize)]
struct Provider {
    name: &'static str,
    /// Whether the library was built with it, which does not prove that it works here.
    compiled_in: bool,
}

/// The golden input, or why it was not run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
enum GoldenCheck {
    Measured {
        device: Device,
        threads: usize,
        recorded_with: &'static str,
        within_budget: bool,
        #[serde(flatten)]
        drift: Drift,
    },
    NotRun {
        reason: String,
    },
}

pub(super) fn run(command: &DoctorCommand, context: &Context) -> Result<Document, Failure> {
    let machine = Machine::examine();
    let threads = command.threads.map_or(machine.cores, NonZeroUsize::get);
    let store = context.store()?;
    let pinned = pinned(context);
    let (onnxruntime, golden) = match load(context, &store, &pinned) {
        Ok(library) => (loaded(library, &pinned), measure(library, command.device, threads)),
        Err(check) => {
            (check, GoldenCheck::NotRun { reason: "ONNX Runtime is not loaded".to_owned() })
        }
    };
    let report = DoctorReport {
        retally: env!("CARGO_PKG_VERSION"),
        onnxruntime,
        golden,
        machine,
        tools: tools::tools(&Settings::from_environment()),
        store: store.home().to_owned(),
    };
    Document::with_status(report.to_text(), &report, report.status())
}

/// The library that the manifests pin for this platform.
fn pinned(context: &Context) -> Result<&Artifact, Failure> {
    Ok(context.manifest.artifact(&context.onnxruntime_id()?)?)
}

/// Loads the library that a run would load, and does not fetch it.
fn load(
    context: &Context,
    store: &Store,
    pinned: &Result<&Artifact, Failure>,
) -> Result<&'static Library, LibraryCheck> {
    let location = match &context.library {
        Some(location) => location.clone(),
        None => LibraryLocation::stored(stored(store, pinned)?),
    };
    Library::load(&location).map_err(|error| LibraryCheck::Unusable { error: error.to_string() })
}

fn stored(store: &Store, pinned: &Result<&Artifact, Failure>) -> Result<PathBuf, LibraryCheck> {
    let artifact = pinned
        .as_ref()
        .map_err(|failure| LibraryCheck::NotFetched { advice: failure.message() })?;
    match store.verified(artifact) {
        Ok(Some(path)) => Ok(path),
        Ok(None) => Err(LibraryCheck::NotFetched {
            advice: format!(
                "`retally fetch {}` brings it; `retally run` does so by itself",
                artifact.id
            ),
        }),
        Err(error) => Err(LibraryCheck::Unusable { error: error.to_string() }),
    }
}

fn loaded(library: &Library, pinned: &Result<&Artifact, Failure>) -> LibraryCheck {
    let record = library.record().clone();
    let provider = |device: Device, compiled_in: ort::Result<bool>| Provider {
        name: device.provider(),
        compiled_in: compiled_in.unwrap_or(false),
    };
    LibraryCheck::Loaded {
        pinned: pinned.as_ref().is_ok_and(|artifact| artifact.sha256 == record.sha256),
        record: Box::new(record),
        providers: vec![
            provider(Device::Cpu, ep::CPU::is_available()),
            provider(Device::Cuda(0), ep::CUDA::is_available()),
        ],
    }
}

fn measure(library: &Library, device: Device, threads: usize) -> GoldenCheck {
    match golden::measure(library, device, threads) {
        Ok(drift) => GoldenCheck::Measured {
            device,
            threads,
            recorded_with: golden::RECORDED_WITH,
            within_budget: drift.within_budget(),
            drift,
        },
        Err(error) => GoldenCheck::NotRun { reason: error.to_string() },
    }
}

impl DoctorReport {
    fn status(&self) -> ExitStatus {
        match self.golden {
            GoldenCheck::Measured { within_budget: true, .. } => ExitStatus::AsClaimed,
            GoldenCheck::Measured { within_budget: false, .. } => ExitStatus::OutsideBand,
            GoldenCheck::NotRun { .. } => ExitStatus::Invalid,
        }
    }

    fn to_text(&self) -> String {
        let mut lines = Lines::default();
        lines.add("retally", self.retally);
        self.onnxruntime.describe(&mut lines);
        self.golden.describe(&mut lines);
        describe_machine(&self.machine, &mut lines);
        for tool in &self.tools {
            lines.add(
                tool.name,
                tool.version.as_deref().unwrap_or("not found; only some downloads need it"),
            );
        }
        lines.add("store", self.store.display());
        lines.0
    }
}

impl LibraryCheck {
    fn describe(&self, lines: &mut Lines) {
        match self {
            Self::Loaded { record, pinned, providers } => {
                lines.add(
                    "ONNX Runtime",
                    format_args!("{}, from {}", record.version, record.source),
                );
                lines.add("  library", record.path.display());
                let pin = if *pinned { "the pinned file" } else { "not the pinned file" };
                lines.add("  sha256", format_args!("{} ({pin})", record.sha256));
                lines.add("  build", &record.build);
                for provider in providers {
                    lines.add("  provider", provider.describe());
                }
            }
            Self::NotFetched { advice } => {
                lines.add("ONNX Runtime", format_args!("not here: {advice}"))
            }
            Self::Unusable { error } => {
                lines.add("ONNX Runtime", format_args!("not usable: {error}"))
            }
        }
    }
}

impl Provider {
    fn describe(&self) -> String {
        let name = self.name;
        match (self.compiled_in, name == Device::Cpu.provider()) {
            (true, true) => name.to_owned(),
            (true, false) => format!(
                "{name}, compiled in; `retally doctor --device cuda:0` shows whether it works"
            ),
            (false, _) => format!("{name}, not compiled in"),
        }
    }
}

impl GoldenCheck {
    fn describe(&self, lines: &mut Lines) {
        match self {
            Self::Measured { device, threads, recorded_with, within_budget, drift } => {
                let values = drift.values;
                let verdict = match (drift.bit_identical, within_budget) {
                    (true, _) => format!("bit-identical, all {values} values"),
                    (false, true) => {
                        format!("not bit-identical, within the budget of {:.0e}", drift.budget)
                    }
                    (false, false) => format!("drifted beyond the budget of {:.0e}", drift.budget),
                };
                lines.add(
                    "golden input",
                    format_args!("{verdict}, on {device} with {threads} thread(s)"),
                );
                let (absolute, relative) = (drift.max_absolute, drift.max_relative);
                lines.add(
                    "  drift",
                    format_args!("at most {absolute:.2e}, relative {relative:.2e}"),
                );
                lines.add("  recording", recorded_with);
            }
            Self::NotRun { reason } => lines.add("golden input", format_args!("not run: {reason}")),
        }
    }
}

/// Columns that a heading takes.
const WIDTH: usize = 14;

fn describe_machine(machine: &Machine, lines: &mut Lines) {
    let processor = machine.processor.as_deref().unwrap_or("processor unknown");
    lines.add("machine", format_args!("{} {}, {processor}", machine.system, machine.architecture));
    lines.add("  cores", machine.cores);
    lines.add("  features", machine.features.join(" "));
}

/// Lines of a heading and a value, in two columns.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, heading: &str, value: impl std::fmt::Display) {
        let value = value.to_string().replace('\n', &format!("\n{:WIDTH$}", ""));
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{heading:<WIDTH$}{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(golden: GoldenCheck) -> DoctorReport {
        let advice = "`retally fetch onnxruntime` brings it".to_owned();
        DoctorReport {
            retally: "0.1.0",
            onnxruntime: LibraryCheck::NotFetched { advice },
            golden,
            machine: Machine::examine(),
            tools: vec![Tool { name: "npm", version: None }],
            store: PathBuf::from("store"),
        }
    }

    fn measured(max_relative: f64) -> GoldenCheck {
        let bit_identical = max_relative == 0.0;
        let max_absolute = 2.0 * max_relative;
        let budget = golden::BUDGET;
        let drift = Drift { values: 512, bit_identical, max_absolute, max_relative, budget };
        GoldenCheck::Measured {
            device: Device::Cpu,
            threads: 1,
            recorded_with: golden::RECORDED_WITH,
            within_budget: drift.within_budget(),
            drift,
        }
    }

    #[test]
    fn drift_decides_the_exit_code() {
        let status = |golden| report(golden).status();
        assert_eq!(status(measured(0.0)), ExitStatus::AsClaimed);
        assert_eq!(status(measured(golden::BUDGET)), ExitStatus::AsClaimed);
        assert_eq!(status(measured(1.1 * golden::BUDGET)), ExitStatus::OutsideBand);
        assert_eq!(status(GoldenCheck::NotRun { reason: String::new() }), ExitStatus::Invalid);
    }

    #[test]
    fn the_text_says_how_far_the_numbers_are_from_the_recorded_ones() {
        let text = |relative| report(measured(relative)).to_text();
        assert!(text(0.0).contains("golden input  bit-identical, all 512 values, on cpu"));
        let close = text(2e-7);
        assert!(close.contains("not bit-identical, within the budget of 1e-5"), "{close}");
        assert!(close.contains("  drift       at most 4.00e-7, relative 2.00e-7"), "{close}");
        assert!(text(1e-3).contains("drifted beyond the budget of 1e-5"));
    }

    #[test]
    fn what_is_missing_is_said_with_advice() {
        let text = report(GoldenCheck::NotRun { reason: "one\ntwo".to_owned() }).to_text();
        assert!(text.contains("ONNX Runtime  not here: `retally fetch onnxruntime` brings it\n"));
        assert!(text.contains("golden input  not run: one\n              two\n"), "{text}");
        assert!(text.contains("npm           not found; only some downloads need it\n"));
    }
}
