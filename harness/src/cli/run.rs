//! `retally run`: fetch and verify, encode, measure, judge, report.

use super::Document;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::machine;
use crate::onnx::device::Device;
use crate::run::{Ended, RunRequest, execute, plan};
use retally_suites::Suite;
use std::path::PathBuf;

/// Arguments of `retally run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunCommand {
    /// The suite: `starter`, `irepa` … (`retally list suites`).
    suite: String,
    /// Only these models, or models of your own manifest; may be repeated.
    #[arg(long = "model", value_name = "ID")]
    models: Vec<String>,
    /// These data sets instead of the suite's; may be repeated.
    #[arg(long = "data", value_name = "ID")]
    datasets: Vec<String>,
    /// Where models run: `cpu` or `cuda:N`.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: Device,
    /// Cores to use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    /// Faster kernels whose results may differ between runs (recorded).
    #[arg(long)]
    fast: bool,
    /// Where the run's files go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only the first N samples of each data set.
    #[arg(long, value_name = "N")]
    limit: Option<std::num::NonZeroUsize>,
    /// Show what would be fetched and computed, and do neither.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(command: &RunCommand, context: &Context) -> Result<Document, Failure> {
    let suite = Suite::builtin(&command.suite)?;
    let request = request(command, &suite);
    if command.dry_run {
        let plan = plan(&request, context)?;
        return Document::new(plan.to_text(), &plan);
    }
    interrupt::listen()?;
    match execute(&request, context)? {
        Ended::Interrupted { out } => Err(Failure::new(
            ExitStatus::Incomplete,
            format_args!(
                "stopped before the end; what is done is kept in `{}`, and the same command continues",
                out.display()
            ),
        )),
        Ended::Complete(finished) => {
            let status = finished.status();
            Document::with_status(finished.to_text(), &finished, status)
        }
    }
}

fn request<'a>(command: &'a RunCommand, suite: &'a Suite) -> RunRequest<'a> {
    RunRequest {
        suite,
        models: &command.models,
        datasets: &command.datasets,
        device: command.device,
        threads: command.threads.map_or_else(machine::cores, std::num::NonZeroUsize::get),
        fast: command.fast,
        out: command.out.clone().unwrap_or_else(|| PathBuf::from("retally-out").join(suite.id())),
        limit: command.limit.map(std::num::NonZeroUsize::get),
    }
}
