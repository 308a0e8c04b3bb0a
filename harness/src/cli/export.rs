//! `retally export`: a run in the formats of other projects.

use super::{Document, counted};
use crate::context::Context;
use crate::failure::Failure;
use crate::interchange::facts;
use crate::run::StoredRun;
use crate::run::directory::write_durably;
use crate::text_files::read_text;
use retally_reports::interchange::{self, About, Export};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `retally export`.
#[derive(Debug, clap::Args)]
pub(super) struct ExportCommand {
    /// The directory of a run.
    run: PathBuf,
    /// The format to write.
    #[arg(long, value_enum)]
    format: Format,
    /// Where it goes: a folder for `every-eval-ever` and `hugging-face`, a file for `croissant-tasks`.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// A TOML file that says what no run can know: who evaluated, whose a model is, which benchmark is meant
    /// (docs/interchange.md).
    #[arg(long, value_name = "FILE")]
    about: Option<PathBuf>,
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Every Eval Ever 0.3.0: one JSON document a model, in the folders of its data store.
    EveryEvalEver,
    /// Hugging Face `.eval_results`: one YAML file a model repository.
    HuggingFace,
    /// Croissant Tasks: one JSON-LD document with problem, solutions and results.
    CroissantTasks,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::EveryEvalEver => "every-eval-ever",
            Self::HuggingFace => "hugging-face",
            Self::CroissantTasks => "croissant-tasks",
        }
    }
}

pub(super) fn run(command: &ExportCommand, context: &Context) -> Result<Document, Failure> {
    let about = command.about.as_deref().map_or_else(|| Ok(About::default()), read_about)?;
    let facts = facts(&StoredRun::read(&command.run)?, &context.manifest)?;
    let export = match command.format {
        Format::EveryEvalEver => interchange::every_eval_ever(&facts, &about),
        Format::HuggingFace => interchange::hugging_face(&facts, &about),
        Format::CroissantTasks => interchange::croissant_tasks(&facts, &about),
    };
    let export = export.map_err(Failure::invalid)?;
    let files = write(command, &export)?;
    let results: usize = export.documents.iter().map(|document| document.results).sum();
    let mut text = format!(
        "{} in {} of {}\n",
        counted(results, "result"),
        counted(files.len(), "document"),
        command.format.word()
    );
    text.extend(files.iter().map(|path| format!("  {}\n", path.display())));
    text.extend(export.notes.iter().map(|note| format!("note: {note}\n")));
    let value = json!({
        "format": command.format.word(),
        "results": results,
        "files": files,
        "notes": export.notes,
    });
    Document::new(text, &value)
}

fn read_about(path: &Path) -> Result<About, Failure> {
    toml::from_str(&read_text(path)?).map_err(|error| {
        Failure::invalid(format_args!(
            "`{}` does not say what an export asks for: {error}",
            path.display()
        ))
    })
}

/// Writes each document whole or not at all, in order.
fn write(command: &ExportCommand, export: &Export) -> Result<Vec<PathBuf>, Failure> {
    let out = &command.out;
    let is_file = command.format == Format::CroissantTasks;
    if is_file && out.is_dir() {
        return Err(Failure::invalid(format_args!(
            "`{}` is a folder, and this format is one file: name it, as in `--out {}`",
            out.display(),
            out.join("run.jsonld").display()
        )));
    }
    let mut files = Vec::new();
    for document in &export.documents {
        let path = if is_file { out.clone() } else { out.join(&document.path) };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::file("create the folder", folder, &error))?;
        }
        write_durably(&path, document.text.as_bytes())?;
        files.push(path);
    }
    Ok(files)
}
