//! Answers to jigsaws.

use super::Source;
use super::mistakes::Corrupter;
use crate::failure::Failure;
use crate::instances::jigsaw::answer_pictures;
use crate::instances::manifest::JigsawEntry;
use crate::instances::paint::NewFile;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Folder of the answers.
const FOLDER: &str = "jigsaw";

/// What is wrong with the answer to a jigsaw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JigsawRecord {
    /// The case's folder.
    pub(super) case: String,
    /// The right choice.
    pub(super) label: u8,
    /// Whether the other one is written.
    pub(super) wrong_choice: bool,
    /// Which of the two pictures are exchanged for the other one.
    pub(super) wrong_pictures: Vec<usize>,
}

/// The answer to jigsaw `number`, and what is wrong with it.
pub(super) fn answer(
    source: &Source<'_>,
    number: usize,
) -> Result<(JigsawRecord, Vec<NewFile>), Failure> {
    let entry = &source.list.jigsaw[number];
    if entry.label > 1 {
        return Err(Failure::invalid(format_args!(
            "jigsaw `{}` has the label {}; expected 0 or 1",
            entry.id, entry.label
        )));
    }
    let folder = format!("{FOLDER}/{}", entry.id);
    let mut units = Corrupter::new(source.seed, "uni-mmmu/answers/jigsaw", number, source.p);
    let (wrong_choice, _) = units.next_unit();
    let choice = if wrong_choice { 1 - entry.label } else { entry.label };
    let text = format!(
        "<FINAL_ANSWER_JSON>{{\"choice\": {choice}, \"rationale\": \"Candidate {choice} continues its neighbours across both \
         seams.\"}}</FINAL_ANSWER_JSON>\n"
    );
    let mut files = vec![
        NewFile::json(format!("{folder}/result.json"), &json!({ "id": entry.id }))?,
        NewFile::text(format!("{folder}/model_text.txt"), text),
    ];
    let pictures = answer_pictures(entry);
    let mut wrong_pictures = Vec::new();
    for candidate in 0..pictures.len() {
        let (wrong, _) = units.next_unit();
        if wrong {
            wrong_pictures.push(candidate);
        }
        let shown = if wrong { 1 - candidate } else { candidate };
        let to = format!("{folder}/model_image_{:02}.png", candidate + 1);
        files.push(source.copy(&pictures[shown], to)?);
    }
    let record =
        JigsawRecord { case: entry.id.clone(), label: entry.label, wrong_choice, wrong_pictures };
    Ok((record, files))
}

/// The list without which no jigsaw is scored.
pub(super) fn summary(entries: &[JigsawEntry]) -> Result<NewFile, Failure> {
    let items: Vec<_> = entries.iter().map(|entry| json!({ "id": entry.id })).collect();
    NewFile::json(format!("{FOLDER}/summary.json"), &json!({ "per_item": items }))
}
