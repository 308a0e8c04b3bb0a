//! The options that name a judge, and `retally score judge-agreement`.

use super::{ScoreReport, line};
use crate::context::Context;
use crate::endpoint::{
    ApiKey, ChatClient, ChatParameters, ChatService, ClientLimits, EndpointAddress, KEY_VARIABLE,
    PlainHttp, Record, RetrySchedule,
};
use crate::failure::Failure;
use crate::judge::golden::Marks;
use crate::judge::{Judge, JudgeModels, JudgeParameters, JudgeRecord, Judging};
use crate::run::directory::write_durably;
use crate::unified::{Quantity, TaskScores};
use clap::Args;
use retally_manifests::Network;
use retally_metrics::Measurement;
use retally_metrics::unified::Protocol;
use serde::Serialize;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who judges what no program can. Without an endpoint, or without a key where one is needed, judged columns are not run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Judge")]
pub(super) struct JudgeArguments {
    /// Address of an OpenAI-compatible chat endpoint, up to what stands before `/chat/completions`.
    #[arg(long, value_name = "URL", conflicts_with = "replay")]
    judge_endpoint: Option<String>,
    /// The judge's name at the endpoint. In a replay, the only model of the record if it is left out.
    #[arg(long, value_name = "MODEL")]
    judge_model: Option<String>,
    /// Another model for geometry solutions, which need no pictures.
    #[arg(long, value_name = "MODEL")]
    text_judge_model: Option<String>,
    /// The environment variable that holds the endpoint's key. An endpoint on this machine may do without.
    #[arg(long, value_name = "VARIABLE", default_value = KEY_VARIABLE)]
    key_from: String,
    /// Folder for every request and raw reply; what it has is not asked again.
    #[arg(long, value_name = "FOLDER", conflicts_with = "replay")]
    judge_record: Option<PathBuf>,
    /// Take all replies from the record in this folder and ask nobody.
    #[arg(long, value_name = "FOLDER")]
    replay: Option<PathBuf>,
    /// Requests in flight at once. Their number changes no score.
    #[arg(long, value_name = "N", default_value = "8")]
    judge_concurrency: NonZeroUsize,
    /// Seconds that one reply may take.
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    judge_timeout: NonZeroUsize,
    /// Sampling temperature.
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    judge_temperature: f64,
    /// Seed of the endpoint's sampling.
    #[arg(long, value_name = "N")]
    judge_seed: Option<u64>,
    /// Most tokens of every reply, in place of those of each prompt.
    #[arg(long, value_name = "N")]
    judge_max_tokens: Option<u32>,
    /// Another parameter of every request, as the endpoint names it; may be repeated. With `max_completion_tokens` no `max_tokens` is sent.
    #[arg(long = "judge-parameter", value_name = "NAME=JSON")]
    judge_parameters: Vec<String>,
    /// Let key and answers travel unencrypted to another machine.
    #[arg(long)]
    plain_http: bool,
    /// Marks by people or by another judge (CSV: case,column,value): agreement is printed beside judged columns.
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// Write the judge's marks to this CSV file, in the form of a golden set.
    #[arg(long, value_name = "FILE")]
    judge_marks: Option<PathBuf>,
}

impl JudgeArguments {
    /// The judge, or why there is none.
    ///
    /// # Errors
    /// If an option cannot be used, or the record cannot be opened.
    pub(super) fn open(&self, context: &Context) -> Result<Judging, Failure> {
        let parameters = self.parameters()?;
        if let Some(folder) = &self.replay {
            return self.replayed(folder, parameters);
        }
        let Some(address) = &self.judge_endpoint else {
            let reason = "not run: no judge endpoint (name one with --judge-endpoint and --judge-model, or a record with --replay)";
            return Ok(Judging::NotRun(reason.to_owned()));
        };
        let Some(model) = &self.judge_model else {
            return Err(Failure::invalid(
                "--judge-endpoint needs --judge-model: the judge's name at the endpoint",
            ));
        };
        let Some(folder) = &self.judge_record else {
            return Err(Failure::invalid(
                "--judge-endpoint needs --judge-record: a folder for every request and reply, so that a judge is asked once",
            ));
        };
        let plain = if self.plain_http { PlainHttp::Allowed } else { PlainHttp::LoopbackOnly };
        let address = EndpointAddress::new(address, plain)?;
        if context.network == Network::Forbidden {
            return self.replayed(folder, parameters);
        }
        let key = ApiKey::from_environment(&self.key_from)?;
        if key.is_none() && !address.is_loopback() {
            return Ok(Judging::NotRun(format!(
                "not run: no key for the judge in the environment variable {} (name another with --key-from)",
                self.key_from
            )));
        }
        let limits = ClientLimits {
            total: Duration::from_secs(self.judge_timeout.get() as u64),
            ..ClientLimits::default()
        };
        let client = ChatClient::new(address, key, limits, RetrySchedule::default())?;
        let service = ChatService::new(client, Record::open(folder)?, self.judge_concurrency)?;
        Ok(Judging::Ready(Box::new(Judge::new(service, self.models(model), parameters))))
    }

    /// A judge that answers from its record alone.
    fn replayed(&self, folder: &Path, parameters: JudgeParameters) -> Result<Judging, Failure> {
        let record = Record::open_to_read(folder)?;
        let model = match &self.judge_model {
            Some(model) => model.clone(),
            None => match record.requested_models()?.as_slice() {
                [model] => model.clone(),
                [] => {
                    return Ok(Judging::NotRun(format!(
                        "not run: the record `{}` is empty",
                        folder.display()
                    )));
                }
                models => {
                    return Err(Failure::invalid(format_args!(
                        "the record `{}` has replies of {}: choose with --judge-model and --text-judge-model",
                        folder.display(),
                        models.join(", ")
                    )));
                }
            },
        };
        let models = self.models(&model);
        Ok(Judging::Ready(Box::new(Judge::new(ChatService::replay(record), models, parameters))))
    }

    fn models(&self, model: &str) -> JudgeModels {
        let text = self.text_judge_model.as_deref().unwrap_or(model);
        JudgeModels { vision: model.to_owned(), text: text.to_owned() }
    }

    fn parameters(&self) -> Result<JudgeParameters, Failure> {
        let mut chat = ChatParameters {
            temperature: Some(self.judge_temperature),
            seed: self.judge_seed,
            max_tokens: self.judge_max_tokens,
            ..ChatParameters::default()
        };
        let mut prompt_tokens = true;
        for parameter in &self.judge_parameters {
            let form = || {
                Failure::invalid(format_args!(
                    "--judge-parameter `{parameter}`: write NAME=JSON, for example reasoning_effort=\"low\""
                ))
            };
            let (name, value) = parameter.split_once('=').ok_or_else(form)?;
            let value: Value = serde_json::from_str(value).map_err(|_| form())?;
            prompt_tokens &= name != "max_completion_tokens";
            chat = chat.with_extra(name, value)?;
        }
        Ok(JudgeParameters { chat, prompt_tokens })
    }

    /// What a result says of the judge, with its agreement with the golden set; writes the marks where the user wants them: those of the last of
    /// `protocols`.
    ///
    /// # Errors
    /// If the golden set cannot be used or the marks cannot be written.
    pub(super) fn conclude(
        &self,
        judging: &Judging,
        protocols: &[Protocol],
        scores: &[TaskScores],
    ) -> Result<JudgeReport, Failure> {
        let golden = self.golden.as_deref().map(Marks::read).transpose()?;
        let mut judge_agreement = Vec::new();
        for protocol in protocols {
            let marks = marks(scores, *protocol);
            if let Some(golden) = &golden {
                let (protocol, measurements) = (protocol.as_str(), marks.agreement(golden));
                judge_agreement.push(ProtocolAgreement { protocol, measurements });
            }
            if let Some(path) =
                self.judge_marks.as_deref().filter(|_| protocols.last() == Some(protocol))
            {
                write_durably(path, &marks.to_csv()?)?;
            }
        }
        let judge = match judging {
            Judging::Ready(judge) => Some(judge.record()),
            Judging::NotRun(_) => None,
        };
        Ok(JudgeReport { judge, judge_agreement })
    }
}

/// The values of judged columns by one protocol. A case's further candidates are called `case#2` and so on.
fn marks(scores: &[TaskScores], protocol: Protocol) -> Marks {
    let mut marks = Marks::default();
    for case in
        scores.iter().filter(|scores| scores.protocol == protocol).flat_map(|scores| &scores.cases)
    {
        let name = match case.candidate {
            1 => case.case.clone(),
            candidate => format!("{}#{candidate}", case.case),
        };
        for (quantity, value) in &case.values {
            if let Quantity::Column(column) = quantity {
                marks.set(*column, &name, *value);
            }
        }
    }
    marks
}

/// What stands beside judged columns.
#[derive(Debug, Serialize)]
pub(super) struct JudgeReport {
    /// Who judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    judge: Option<JudgeRecord>,
    /// How far that agrees with the golden set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    judge_agreement: Vec<ProtocolAgreement>,
}

/// Agreement of the marks of one protocol.
#[derive(Debug, Serialize)]
struct ProtocolAgreement {
    protocol: &'static str,
    measurements: Vec<Measurement>,
}

impl JudgeReport {
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for note in self.judge.iter().flat_map(JudgeRecord::notes) {
            text.push_str(&format!("judge      {note}\n"));
        }
        for agreement in &self.judge_agreement {
            text.push_str(&format!(
                "\nagreement with the golden set, {} protocol\n",
                agreement.protocol
            ));
            text.extend(agreement.measurements.iter().map(|measured| line(measured, None)));
        }
        text
    }
}

/// How far two sets of marks agree.
#[derive(Debug, Args)]
pub(super) struct JudgeAgreementArguments {
    /// The judge's marks (CSV: case,column,value), as `score uni-mmmu --judge-marks` writes them.
    #[arg(long, value_name = "FILE")]
    judge: PathBuf,
    /// Marks of the same cases by people, or by another judge.
    #[arg(long, value_name = "FILE")]
    golden: PathBuf,
}

pub(super) fn agreement(arguments: &JudgeAgreementArguments) -> Result<ScoreReport, Failure> {
    let (judge, golden) = (Marks::read(&arguments.judge)?, Marks::read(&arguments.golden)?);
    let measurements = judge.agreement(&golden);
    if measurements.is_empty() {
        return Err(Failure::invalid(format_args!(
            "`{}` marks nothing",
            arguments.golden.display()
        )));
    }
    Ok(ScoreReport::of(measurements))
}
