//! Detections in pictures with what their prompts ask for, as JSON lines.

use super::WithNotes;
use crate::failure::Failure;
use crate::text_files::{Numbered, read_json_lines, wrong_line};
use retally_metrics::unified::geneval::{
    Detection, Excluded, GenevalOptions, Relation, Specification, Wanted, judge,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Picture {
    image: Option<String>,
    /// A line of `evaluation_metadata.jsonl`.
    metadata: Metadata,
    detections: Vec<Found>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    tag: String,
    prompt: String,
    #[serde(default)]
    include: Vec<Include>,
    #[serde(default)]
    exclude: Vec<Exclude>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Include {
    class: String,
    count: usize,
    color: Option<String>,
    position: Option<(String, usize)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exclude {
    class: String,
    count: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    class: String,
    #[serde(rename = "box")]
    bounds: [f32; 4],
    confidence: f32,
    color: Option<String>,
}

/// A picture with its judgement.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    tag: String,
    prompt: String,
    pub(crate) right: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip)]
    pub(crate) specification: Specification,
}

/// Reads and judges every picture.
///
/// # Errors
/// If the file cannot be read, a relation is unknown, or what the rules refuse.
pub(crate) fn read(
    path: &Path,
    options: &GenevalOptions,
) -> Result<WithNotes<Vec<Judged>>, Failure> {
    let picture = |Numbered { line, record }: Numbered<Picture>| {
        record.judge(options).map_err(|what| wrong_line(path, line, what))
    };
    let content: Vec<Judged> =
        read_json_lines(path)?.into_iter().map(picture).collect::<Result<_, _>>()?;
    Ok(WithNotes { content, notes: Vec::new() })
}

impl Picture {
    fn judge(self, options: &GenevalOptions) -> Result<Judged, String> {
        let specification = self.metadata.specification()?;
        let detections: Vec<Detection> =
            self.detections.into_iter().map(Found::detection).collect();
        let judgement =
            judge(&specification, &detections, options).map_err(|error| error.to_string())?;
        Ok(Judged {
            image: self.image,
            tag: specification.tag.clone(),
            prompt: specification.prompt.clone(),
            right: judgement.is_right(),
            reasons: judgement.reasons,
            specification,
        })
    }
}

impl Metadata {
    fn specification(self) -> Result<Specification, String> {
        let exclude = |excluded: Exclude| Excluded { class: excluded.class, count: excluded.count };
        Ok(Specification {
            tag: self.tag,
            prompt: self.prompt,
            include: self.include.into_iter().map(Include::wanted).collect::<Result<_, _>>()?,
            exclude: self.exclude.into_iter().map(exclude).collect(),
        })
    }
}

impl Include {
    fn wanted(self) -> Result<Wanted, String> {
        let Self { class, count, color, position } = self;
        let place = |(name, target): (String, usize)| {
            let relation = Relation::ALL.into_iter().find(|relation| relation.as_str() == name);
            relation.map(|relation| (relation, target)).ok_or_else(|| {
                format!("`{name}` is no relation; they are `left of`, `right of`, `above`, `below`")
            })
        };
        Ok(Wanted { class, count, color, position: position.map(place).transpose()? })
    }
}

impl Found {
    fn detection(self) -> Detection {
        let Self { class, bounds, confidence, color } = self;
        Detection { class, bounds, confidence, color }
    }
}
