//! `retally report`: a paper's tables and figures, rebuilt; with a run's measurements beside them if there is a run.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::run::{StoredRun, write_report};
use retally_reports::RunFiles;
use retally_suites::{EvaluatedSuite, Suite, evaluate};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `retally report`.
#[derive(Debug, clap::Args)]
pub(super) struct ReportCommand {
    /// A suite (`irepa`), or the directory of a run.
    subject: String,
    /// Where the report goes; `retally-out/SUITE-report`, or the run's directory, if absent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(command: &ReportCommand, _context: &Context) -> Result<Document, Failure> {
    let subject = Subject::find(&command.subject)?;
    let out = command.out.clone().unwrap_or_else(|| subject.default_out.clone());
    let run = RunFiles { record: subject.record.as_ref(), folder: subject.run.as_deref() };
    let files = write_report(&subject.suite, run, &out)?;
    let mut document = retally_reports::correlations_json(&subject.suite);
    if let Value::Object(fields) = &mut document {
        fields.insert("suite".to_owned(), json!(subject.suite.id));
        fields.insert("report".to_owned(), json!(files.page));
        fields.insert("overview".to_owned(), json!(files.overview));
        fields.insert("figures".to_owned(), json!(files.figures));
        fields.insert("derived_file".to_owned(), json!(files.derived));
        fields.insert("pictures".to_owned(), json!(files.pictures));
        fields.insert("table_files".to_owned(), json!(files.tables));
    }
    let text = format!(
        "{}\nreport: {}",
        retally_reports::terminal_summary(&subject.suite).trim_end(),
        files.page.display()
    );
    Document::new(text, &document)
}

struct Subject {
    suite: EvaluatedSuite,
    record: Option<Value>,
    /// The folder of the run.
    run: Option<PathBuf>,
    default_out: PathBuf,
}

impl Subject {
    /// A built-in suite's id wins over a folder of the same name; write `./name` for the folder.
    fn find(subject: &str) -> Result<Self, Failure> {
        if !Suite::builtin_ids().any(|id| id == subject) && Path::new(subject).is_dir() {
            let run = StoredRun::read(Path::new(subject))?;
            return Ok(Self {
                suite: run.evaluate(),
                record: run.record,
                run: Some(PathBuf::from(subject)),
                default_out: PathBuf::from(subject),
            });
        }
        let suite = Suite::builtin(subject)?;
        Ok(Self {
            suite: evaluate(&suite, None),
            record: None,
            run: None,
            default_out: Path::new("retally-out").join(format!("{subject}-report")),
        })
    }
}
