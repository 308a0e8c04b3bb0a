//! `retally run aia --endpoint URL --model NAME --data DIR`: Uni-MMMU's protocol against a chat endpoint.

use super::RunCommand;
use crate::cli::Document;
use crate::context::Context;
use crate::driving::{Asking, DriveRequest, Mode, SUITE, StepCount, drive};
use crate::endpoint::{
    ApiKey, ChatClient, ChatParameters, ChatService, ClientLimits, EndpointAddress, KEY_VARIABLE,
    PlainHttp, Record, RetrySchedule,
};
use crate::failure::Failure;
use retally_manifests::Network;
use retally_metrics::unified::Task;
use retally_suites::Suite;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of driving a model.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Driving a model through Uni-MMMU (suite aia, with --model and --data)"
)]
pub(super) struct DrivingArguments {
    /// Chat endpoint (OpenAI format) whose model answers with text and pictures: what stands before `/chat/completions`.
    #[arg(long, value_name = "URL", conflicts_with_all = ["replay", "generators", "samples", "reference", "network", "protocol", "keep_images", "miniature", "world_models", "retrieval", "images", "fast", "dry_run"])]
    endpoint: Option<String>,
    /// Ask nobody: read every reply from the record in --out.
    #[arg(long)]
    replay: bool,
    /// Only this task: jigsaw, maze, sliding, geometry, science or code; may be repeated.
    #[arg(long = "task", value_name = "TASK", value_parser = task)]
    tasks: Vec<Task>,
    /// A question for each plan and picture (`rounds`), or one for the whole, of models that interleave text and pictures (`whole`).
    #[arg(long, value_enum, default_value = "rounds", value_name = "MODE")]
    mode: Mode,
    /// Ask mazes and sliding puzzles for as many rounds as the solution has moves, as the released script does. Off, the model says
    /// when it is done. Marked in the answers and their scores.
    #[arg(long)]
    leak_step_count: bool,
    /// Most rounds of a maze or sliding puzzle, unless the step count is leaked.
    #[arg(long, value_name = "N", default_value = "16")]
    rounds: NonZeroU32,
    /// Temperature of the model's sampling; the endpoint's default if absent.
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Share of probability that tokens are drawn from; the endpoint's default if absent.
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// Most tokens of a reply; the endpoint's default if absent.
    #[arg(long, value_name = "N")]
    max_tokens: Option<NonZeroU32>,
    /// Leave `modalities` out of the requests, for endpoints that do not know it.
    #[arg(long)]
    without_modalities: bool,
    /// Cases that are asked at the same time. They change no answer.
    #[arg(long, value_name = "N", default_value = "4")]
    concurrency: NonZeroUsize,
    /// Seconds that one try may take.
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    timeout: NonZeroU64,
    /// Environment variable that holds the endpoint's key. The key is never written or shown.
    #[arg(long, value_name = "NAME", default_value = KEY_VARIABLE)]
    key_from: String,
    /// Allow http to another machine: key and answers travel unencrypted.
    #[arg(long)]
    plain_http: bool,
}

fn task(text: &str) -> Result<Task, String> {
    Task::ALL.into_iter().find(|task| task.as_str() == text).ok_or_else(|| {
        let names = Task::ALL.map(Task::as_str).join(", ");
        format!("expected one of {names}")
    })
}

impl DrivingArguments {
    /// Whether a model is to be driven.
    pub(super) fn is_asked_for(&self) -> bool {
        self.endpoint.is_some() || self.replay
    }
}

pub(super) fn run(
    command: &RunCommand,
    suite: &Suite,
    context: &Context,
) -> Result<Document, Failure> {
    if suite.id() != SUITE {
        return Err(Failure::invalid(format_args!(
            "--endpoint and --replay drive a model through Uni-MMMU: `retally run {SUITE}`, not `{}`",
            suite.id()
        )));
    }
    let arguments = &command.driving;
    let model = model(&command.models)?;
    let data = match command.datasets.as_slice() {
        [one] => Path::new(one),
        _ => {
            return Err(Failure::invalid(
                "--data DIR: give the folder with the benchmark's data in its official layout once \
                 (`retally instances uni-mmmu --out DIR` makes some)",
            ));
        }
    };
    let out = command.out.clone().unwrap_or_else(|| default_out(model));
    let service = service(arguments, &out, context)?;
    let request = DriveRequest {
        data,
        out: &out,
        tasks: if arguments.tasks.is_empty() { &Task::ALL } else { &arguments.tasks },
        limit: command.limit,
        asking: asking(arguments, model, command.seed),
    };
    let report = drive(&request, &service, &context.progress)?;
    Document::with_status(report.to_text(), &report, report.status())
}

fn model(models: &[String]) -> Result<&str, Failure> {
    match models {
        [one] => Ok(one),
        _ => {
            Err(Failure::invalid("--model NAME: name the one model that the endpoint is asked for"))
        }
    }
}

/// `retally-out/aia-NAME`, with a name that every system takes.
fn default_out(model: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    let name: String = model.chars().map(plain).take(120).collect();
    PathBuf::from("retally-out").join(format!("{SUITE}-{name}"))
}

fn asking(arguments: &DrivingArguments, model: &str, seed: Option<u64>) -> Asking {
    let parameters = ChatParameters {
        temperature: arguments.temperature,
        top_p: arguments.top_p,
        max_tokens: arguments.max_tokens.map(NonZeroU32::get),
        seed,
        ..ChatParameters::default()
    };
    Asking {
        model: model.to_owned(),
        parameters,
        mode: arguments.mode,
        step_count: if arguments.leak_step_count { StepCount::Leaked } else { StepCount::Hidden },
        most_rounds: arguments.rounds,
        names_modalities: !arguments.without_modalities,
    }
}

fn service(
    arguments: &DrivingArguments,
    out: &Path,
    context: &Context,
) -> Result<ChatService, Failure> {
    let folder = out.join("replies");
    let Some(endpoint) = &arguments.endpoint else {
        return Ok(ChatService::replay(Record::open_to_read(&folder)?));
    };
    if context.network == Network::Forbidden {
        return Err(Failure::invalid(
            "--offline forbids to ask the endpoint; --replay reads the replies of an earlier run from --out",
        ));
    }
    let plain = if arguments.plain_http { PlainHttp::Allowed } else { PlainHttp::LoopbackOnly };
    let address = EndpointAddress::new(endpoint, plain)?;
    let key = ApiKey::from_environment(&arguments.key_from)?;
    if key.is_none() && !address.is_loopback() {
        return Err(Failure::invalid(format_args!(
            "not run: the environment variable `{}` holds no key for `{address}`; set it, or name another with --key-from",
            arguments.key_from
        )));
    }
    let limits = ClientLimits {
        total: Duration::from_secs(arguments.timeout.get()),
        ..ClientLimits::default()
    };
    let client = ChatClient::new(address, key, limits, RetrySchedule::default())?;
    Ok(ChatService::new(client, Record::open(&folder)?, arguments.concurrency)?)
}
