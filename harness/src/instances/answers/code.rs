//! Answers to SVG code tasks.

use super::Source;
use super::mistakes::Corrupter;
use crate::failure::Failure;
use crate::instances::code::{Drawing, change_colour, rasterise, source as svg, summary};
use crate::instances::layout::{self, CODE};
use crate::instances::paint::NewFile;
use retally_metrics::random::Stream;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Folder of the answers.
const FOLDER: &str = "code";

/// What is wrong with the answer to an SVG code task: the place of the item, in the list of what the drawing shows, whose
/// colour is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeRecord {
    /// The case's folder.
    pub(super) case: String,
    /// In the summary.
    pub(super) wrong_in_summary: Option<usize>,
    /// In the picture.
    pub(super) wrong_in_picture: Option<usize>,
}

/// The answer to task `number`, and what is wrong with it.
pub(super) fn answer(
    source: &Source<'_>,
    number: usize,
) -> Result<(CodeRecord, Vec<NewFile>), Failure> {
    let entry = &source.list.code[number];
    let case = layout::code_case(number);
    let folder = format!("{FOLDER}/{case}");
    let mut units = Corrupter::new(source.seed, "uni-mmmu/answers/code", number, source.p);
    let (is_text_wrong, mut text_random) = units.next_unit();
    let (is_picture_wrong, mut picture_random) = units.next_unit();
    let told = is_text_wrong.then(|| wrong(&entry.drawing, &mut text_random)).transpose()?;
    let shown = is_picture_wrong.then(|| wrong(&entry.drawing, &mut picture_random)).transpose()?;
    let sentence = summary(told.as_ref().map_or(&entry.drawing, |(drawing, _)| drawing));
    let image = format!("{folder}/model_image_01.png");
    let image = match &shown {
        Some((drawing, _)) => NewFile::png(image, &rasterise(&svg(drawing))?)?,
        None => source.copy(&format!("{CODE}/{}.png", entry.id), image)?,
    };
    let record = json!({
        "id": case,
        "svg": format!("{}.svg", entry.id),
        "png": format!("{}.png", entry.id),
    });
    let files = vec![
        NewFile::json(format!("{folder}/result.json"), &record)?,
        NewFile::text(
            format!("{folder}/model_text.txt"),
            format!("<RENDER_SUMMARY>{sentence}</RENDER_SUMMARY>\n"),
        ),
        image,
    ];
    let record = CodeRecord {
        case,
        wrong_in_summary: told.map(|(_, item)| item),
        wrong_in_picture: shown.map(|(_, item)| item),
    };
    Ok((record, files))
}

fn wrong(drawing: &Drawing, random: &mut Stream) -> Result<(Drawing, usize), Failure> {
    change_colour(drawing, random).ok_or_else(|| {
        Failure::invalid("a listed drawing has no item, or every colour: make the instances again")
    })
}
