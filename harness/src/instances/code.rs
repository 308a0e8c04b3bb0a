//! SVG code tasks: a drawing, its source, its picture, and what it shows in words.

mod draw;
mod drawing;
mod raster;
mod shape;
mod source;
mod summary;

pub(super) use draw::{change_colour, draw};
pub(super) use drawing::Drawing;

pub(super) use raster::rasterise;
pub(super) use source::source;
pub(super) use summary::summary;

use super::layout::{self, CODE, METADATA};
use super::paint::NewFile;
use crate::failure::Failure;
use drawing::{Item, Tier};
use serde::{Deserialize, Serialize};

/// Pixels on a side of a drawing.
const SIDE: usize = 512;

/// An SVG code task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeEntry {
    /// Its files without their endings.
    pub(super) id: String,
    /// What it shows.
    pub(super) drawing: Drawing,
}

/// What the released scripts read of all tasks; `items` and `summary` are ours.
#[derive(Serialize)]
struct Metadata<'a> {
    samples: Vec<Sample<'a>>,
}

#[derive(Serialize)]
struct Sample<'a> {
    id: &'a str,
    difficulty: Tier,
    svg: String,
    png: String,
    summary: String,
    items: &'a [Item],
}

/// The source and the picture of a drawing.
pub(super) fn files(number: usize, drawing: &Drawing) -> Result<Vec<NewFile>, Failure> {
    let source = source(drawing);
    let picture = rasterise(&source)?;
    let id = layout::code_id(number);
    Ok(vec![
        NewFile::text(format!("{CODE}/{id}.svg"), source),
        NewFile::png(format!("{CODE}/{id}.png"), &picture)?,
    ])
}

/// The list of all tasks.
pub(super) fn metadata(entries: &[CodeEntry]) -> Result<NewFile, Failure> {
    let samples = entries.iter().map(|entry| Sample {
        id: &entry.id,
        difficulty: entry.drawing.tier,
        svg: format!("{}.svg", entry.id),
        png: format!("{}.png", entry.id),
        summary: summary(&entry.drawing),
        items: &entry.drawing.items,
    });
    NewFile::json(format!("{CODE}/{METADATA}"), &Metadata { samples: samples.collect() })
}
