//! The files of jigsaws.

use super::cut::Jigsaw;
use crate::failure::Failure;
use crate::instances::layout::{self, JIGSAW, METADATA};
use crate::instances::manifest::JigsawEntry;
use crate::instances::paint::NewFile;
use serde::Serialize;

const REFERENCE: &str = "ref_2x2.png";
const CANDIDATES: [&str; 2] = ["cand0.png", "cand1.png"];
const COMPLETED: &str = "gt_completed_2x2.png";
const WRONG: &str = "gt_wrong_2x2.png";

/// What the released scripts read. Paths are relative to the folder of this file.
#[derive(Serialize)]
struct Metadata {
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    id: String,
    label: u8,
    ref_panel: RefPanel,
    candidate_paths: [String; 2],
    gt_completed_2x2_path: String,
    gt_wrong_2x2_path: String,
}

#[derive(Serialize)]
struct RefPanel {
    ref_image_path: String,
}

/// All pictures of a jigsaw.
pub(in crate::instances) fn files(number: usize, jigsaw: &Jigsaw) -> Result<Vec<NewFile>, Failure> {
    let id = layout::jigsaw_id(number);
    let path = |name| format!("{JIGSAW}/{id}/{name}");
    let [first, second] = jigsaw.candidates()?;
    [
        (REFERENCE, jigsaw.reference()?),
        (CANDIDATES[0], first),
        (CANDIDATES[1], second),
        (COMPLETED, jigsaw.completed()?),
        (WRONG, jigsaw.wrongly_completed()?),
    ]
    .iter()
    .map(|(name, image)| NewFile::png(path(name), image))
    .collect()
}

/// The list of all jigsaws.
pub(in crate::instances) fn metadata(entries: &[JigsawEntry]) -> Result<NewFile, Failure> {
    let items = entries.iter().map(|entry| {
        let path = |name| format!("{}/{name}", entry.id);
        Item {
            id: entry.id.clone(),
            label: entry.label,
            ref_panel: RefPanel { ref_image_path: path(REFERENCE) },
            candidate_paths: CANDIDATES.map(path),
            gt_completed_2x2_path: path(COMPLETED),
            gt_wrong_2x2_path: path(WRONG),
        }
    });
    NewFile::json(format!("{JIGSAW}/{METADATA}"), &Metadata { items: items.collect() })
}

/// Files of the completed and the wrongly completed picture, in the order of the candidates.
pub(in crate::instances) fn answer_pictures(entry: &JigsawEntry) -> [String; 2] {
    let path = |name| format!("{JIGSAW}/{}/{name}", entry.id);
    if entry.label == 0 { [path(COMPLETED), path(WRONG)] } else { [path(WRONG), path(COMPLETED)] }
}
