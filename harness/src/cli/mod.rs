//! The command line: one file a command. A command returns a [`Document`] that prints as text or as JSON.

mod check;
mod device;
mod doctor;
mod export;
mod features;
mod fetch;
mod instances;
mod key;
mod leaderboard;
mod list;
mod merge;
mod output;
mod plan;
mod preprocess;
mod report;
mod run;
mod sample;
mod score;
mod stats;
mod status;
mod submit;
mod tokenizer;
mod verify;

use crate::context::{Context, ContextOptions};
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use clap::{Parser, Subcommand};
pub use output::Document;
use std::path::PathBuf;

/// Re-runs what a paper claims: verified artifacts in, the paper's tables and plots out, printed and measured side by side.
#[derive(Debug, Parser)]
#[command(name = "retally", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all as claimed; 1 measured, and something is outside its band; 2 invalid input \
or a digest mismatch; 3 temporary, try again; 4 stopped before the end, the same command continues.\n\
Environment: RETALLY_HOME (the store), ORT_DYLIB_PATH (ONNX Runtime), RETALLY_TOKEN (uploads), RETALLY_SHARDS (count of shards), HTTPS_PROXY and the like."
)]
struct CommandLine {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
struct GlobalOptions {
    /// Print one JSON document on standard output, and no progress.
    #[arg(long, global = true)]
    json: bool,
    /// Fetch nothing over the network; fail if an artifact is not in the store. An object store that is named is still used.
    #[arg(long, global = true)]
    offline: bool,
    /// The ONNX Runtime library to load instead of the store's.
    #[arg(long, global = true, value_name = "PATH")]
    onnxruntime: Option<PathBuf>,
    /// A manifest of your own artifacts, models and data sets, beside the built-in ones; may be repeated.
    #[arg(id = "manifest-file", long = "manifest", global = true, value_name = "FILE")]
    manifests: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what would run: library, providers, versions, and the drift of a golden input.
    Doctor(doctor::DoctorCommand),
    /// List suites, models, generators, world models, data sets, metrics, protocols or artifacts.
    List(list::ListCommand),
    /// Bring artifacts, or all that a suite needs, into the store.
    Fetch(fetch::FetchCommand),
    /// Recompute the digest of everything in the store and list every difference.
    Verify(verify::VerifyCommand),
    /// Run a suite: fetch and verify, encode, measure, judge, report.
    Run(run::RunCommand),
    /// Print job files of a run in shards: Slurm, Kubernetes, SkyPilot, GitHub Actions.
    Plan(plan::PlanCommand),
    /// How far a run is: chunks that are there, and the shards to start again.
    Status(status::StatusCommand),
    /// Measure, judge and report a run whose chunks several processes have computed.
    Merge(merge::MergeCommand),
    /// Rebuild a paper's tables and figures, with measured values beside them if there is a run.
    Report(report::ReportCommand),
    /// Judge a run: what is outside its band, what is invalid.
    Check(check::CheckCommand),
    /// Write a run in a format of another project: Every Eval Ever, Hugging Face, Croissant Tasks.
    Export(export::ExportCommand),
    /// Any metric on your own files, without a suite.
    Score(score::ScoreCommand),
    /// Write statistics of an image set (mu, sigma) that other tools read too.
    Stats(stats::StatsCommand),
    /// An encoder's features of images, of augmented views too: what `score probe` reads.
    Features(features::FeaturesCommand),
    /// The patch PCA tokenizer of l-DAE: fit it, measure it, draw it, write it as a model.
    Tokenizer(tokenizer::TokenizerCommand),
    /// Make images with a generator: into an .npz or a folder, the same ones whatever the machine's load.
    Sample(sample::SampleCommand),
    /// Puzzles and drawings with ground truth in the layout of a benchmark, and answers whose score is known.
    Instances(instances::InstancesCommand),
    /// Make the key that signs your submissions, or show the name of one.
    Key(key::KeyCommand),
    /// Pack a run into a signed bundle that others can check, and bring it to a folder or a server.
    Submit(submit::SubmitCommand),
    /// Check submissions of others; checked ones beside each other: a site, and a server that accepts submissions.
    Leaderboard(leaderboard::LeaderboardCommand),
    /// Write the batch that a model would see.
    Preprocess(preprocess::PreprocessCommand),
}

/// Parses the process's arguments, runs the command, prints its result.
#[must_use]
pub fn main() -> ExitStatus {
    let arguments = match CommandLine::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return refuse(&error),
        Err(error) => {
            // Help or version. Fails only if the terminal is gone.
            let _ = error.print();
            return ExitStatus::AsClaimed;
        }
    };
    let json = arguments.global.json;
    match dispatch(arguments) {
        Ok(document) => output::print_document(&document, json),
        Err(failure) => output::print_failure(&failure, json),
    }
}

/// Says what is wrong with the command line; as a document too, if the words ask for one.
fn refuse(error: &clap::Error) -> ExitStatus {
    if std::env::args_os().any(|word| word == "--json") {
        let message = error.render().to_string();
        return output::print_failure(&Failure::invalid(message.trim_end()), true);
    }
    // Fails only if the terminal is gone.
    let _ = error.print();
    ExitStatus::Invalid
}

fn dispatch(arguments: CommandLine) -> Result<Document, Failure> {
    let global = arguments.global.clone();
    let GlobalOptions { json, offline, onnxruntime, manifests } = arguments.global;
    let context = Context::new(&ContextOptions { silent: json, offline, onnxruntime, manifests })?;
    match arguments.command {
        Command::Doctor(command) => doctor::run(&command, &context),
        Command::List(command) => list::run(&command, &context),
        Command::Fetch(command) => fetch::run(&command, &context),
        Command::Verify(command) => verify::run(&command, &context),
        Command::Run(command) => run::run(&command, &context),
        Command::Status(command) => status::run(&command, &context),
        Command::Merge(command) => merge::run(&command, &context),
        Command::Plan(command) => plan::run(&command, &global, &context),
        Command::Report(command) => report::run(&command, &context),
        Command::Check(command) => check::run(&command, &context),
        Command::Export(command) => export::run(&command, &context),
        Command::Score(command) => score::run(&command, &context),
        Command::Stats(command) => stats::run(&command, &context),
        Command::Features(command) => features::run(&command, &context),
        Command::Tokenizer(command) => tokenizer::run(&command, &context),
        Command::Sample(command) => sample::run(&command, &context),
        Command::Instances(command) => instances::run(&command, &context),
        Command::Key(command) => key::run(&command, &context),
        Command::Submit(command) => submit::run(&command, &context),
        Command::Leaderboard(command) => leaderboard::run(&command, &context),
        Command::Preprocess(command) => preprocess::run(&command, &context),
    }
}

/// `1 file`, `2 files`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::CommandLine;
    use clap::CommandFactory;

    /// Doubled names and the like, which clap only looks for in debug builds.
    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
