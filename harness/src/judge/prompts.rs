//! What judges are asked, in retally's own words: the files of `prompts/`, each with a version.

use retally_manifests::Digest;
use serde::Serialize;

/// A question that a judge is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Prompt {
    /// Are all auxiliary lines drawn?
    GeometryOverlay,
    /// Is the solution sound and right?
    GeometrySolution,
    /// Is the explanation right, and the state it ends in?
    ScienceExplanation,
    /// Does the picture show the final state?
    SciencePicture,
    /// Does the picture show what the code draws?
    CodeDrawing,
    /// Does the description fit the drawing?
    CodeDescription,
}

/// What a result says of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct PromptRecord {
    /// The prompt.
    pub(crate) name: &'static str,
    /// Counts changes of its words.
    pub(crate) version: u32,
    /// SHA-256 of the file.
    pub(crate) sha256: Digest,
}

impl Prompt {
    #[cfg(test)]
    const ALL: [Self; 6] = [
        Self::GeometryOverlay,
        Self::GeometrySolution,
        Self::ScienceExplanation,
        Self::SciencePicture,
        Self::CodeDrawing,
        Self::CodeDescription,
    ];

    /// The file's name without `.txt`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GeometryOverlay => "geometry-overlay",
            Self::GeometrySolution => "geometry-solution",
            Self::ScienceExplanation => "science-explanation",
            Self::SciencePicture => "science-picture",
            Self::CodeDrawing => "code-drawing",
            Self::CodeDescription => "code-description",
        }
    }

    /// Grows with every change of the file; a test holds both together.
    pub(crate) fn version(self) -> u32 {
        1
    }

    fn text(self) -> &'static str {
        match self {
            Self::GeometryOverlay => include_str!("prompts/geometry-overlay.txt"),
            Self::GeometrySolution => include_str!("prompts/geometry-solution.txt"),
            Self::ScienceExplanation => include_str!("prompts/science-explanation.txt"),
            Self::SciencePicture => include_str!("prompts/science-picture.txt"),
            Self::CodeDrawing => include_str!("prompts/code-drawing.txt"),
            Self::CodeDescription => include_str!("prompts/code-description.txt"),
        }
    }

    /// What each picture is, in the order in which they are shown.
    pub(crate) fn captions(self) -> &'static [&'static str] {
        match self {
            Self::GeometryOverlay => &["Drawing 1:", "Drawing 2:", "Drawing 3:"],
            Self::GeometrySolution | Self::ScienceExplanation => &[],
            Self::SciencePicture => &["Picture 1:", "Picture 2:"],
            Self::CodeDrawing => &["Drawing 1:", "Drawing 2:"],
            Self::CodeDescription => &["The drawing:"],
        }
    }

    /// Most tokens of a reply, as in the released script; its text judge thinks aloud.
    pub(crate) fn most_tokens(self) -> u32 {
        match self {
            Self::GeometrySolution => 32_767,
            Self::ScienceExplanation => 1024,
            _ => 512,
        }
    }

    /// Whether the released script asks its language model and not the one that sees.
    pub(crate) fn is_for_the_text_judge(self) -> bool {
        self == Self::GeometrySolution
    }

    /// The name, the version and the digest.
    pub(crate) fn record(self) -> PromptRecord {
        PromptRecord {
            name: self.name(),
            version: self.version(),
            sha256: Digest::of_bytes(self.text().as_bytes()),
        }
    }

    /// The prompt with each `{{name}}` replaced by the field's text, once: what a field holds is not looked at again. An empty text is
    /// replaced by `(none)`.
    pub(crate) fn filled(self, fields: &[(&str, &str)]) -> String {
        let mut filled = String::new();
        let mut rest = self.text();
        while let Some((before, (name, after))) = rest
            .split_once("{{")
            .and_then(|(before, behind)| Some((before, behind.split_once("}}")?)))
        {
            filled.push_str(before);
            let field = fields.iter().find(|(field, _)| *field == name);
            let text = field.map_or("", |(_, text)| text.trim());
            filled.push_str(if text.is_empty() { "(none)" } else { text });
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A changed prompt is another instrument: give it a new version and put its digest here.
    #[test]
    fn a_version_stands_for_one_text() {
        let records: Vec<String> = Prompt::ALL
            .into_iter()
            .map(|prompt| {
                let record = prompt.record();
                format!("{} {} {}", record.name, record.version, record.sha256)
            })
            .collect();
        assert_eq!(records, LOCK);
    }

    const LOCK: [&str; 6] = [
        "geometry-overlay 1 7c429f36a929a433d0eab5fcafa2a3e89a1f740d01374c3a848c7df18b878fd0",
        "geometry-solution 1 895889b5f75a71e28ebc0b5524aead75aa38d14eebbbfc415829156128800380",
        "science-explanation 1 b2a28555ae36404000bc56ff02dc9f51b75b892bf2caf04b1daabe0b4d3b878f",
        "science-picture 1 ee8145c81d13e189a6364fb92e2706c07b8ba24e51455cca7bd3cf2c347736e8",
        "code-drawing 1 43f675bf573e0c9e82825eda86691dbdde488623a2e6951c6c1552d9092a404f",
        "code-description 1 84cdcb79fd3f70c1440e901334dd27ce95fcdab2a560a7b193da68a1e5542bc5",
    ];

    fn fields(prompt: Prompt) -> Vec<&'static str> {
        let parts = prompt.text().split("{{").skip(1);
        parts.map(|part| part.split_once("}}").unwrap().0).collect()
    }

    #[test]
    fn prompts_have_the_fields_that_are_filled() {
        assert_eq!(fields(Prompt::GeometryOverlay), ["lines"]);
        assert_eq!(fields(Prompt::GeometrySolution), ["kind", "problem", "reference", "candidate"]);
        assert_eq!(fields(Prompt::ScienceExplanation), ["condition", "reference", "candidate"]);
        assert_eq!(fields(Prompt::SciencePicture), ["condition", "reference"]);
        assert!(fields(Prompt::CodeDrawing).is_empty());
        assert_eq!(fields(Prompt::CodeDescription), ["candidate"]);
    }

    #[test]
    fn what_a_field_holds_is_not_filled_again() {
        let fields =
            [("condition", "heated {{reference}}"), ("reference", "it melts"), ("candidate", " ")];
        let filled = Prompt::ScienceExplanation.filled(&fields);
        assert!(filled.contains("heated {{reference}}") && filled.contains("it melts"), "{filled}");
        assert!(filled.contains("(none)") && !filled.contains("{{candidate}}"));
    }

    #[test]
    fn every_prompt_names_the_members_that_are_read() {
        for (prompt, members) in [
            (Prompt::GeometryOverlay, vec!["overlay_ok"]),
            (
                Prompt::GeometrySolution,
                vec!["reasoning_rigorous", "conclusion_correct", "calc_numeric_match", "text_ok"],
            ),
            (Prompt::ScienceExplanation, vec!["reasoning_correct", "result_correct"]),
            (Prompt::SciencePicture, vec!["image_correct"]),
            (Prompt::CodeDrawing, vec!["shape_color_accuracy", "position_accuracy", "verdict"]),
            (Prompt::CodeDescription, vec!["text_semantic_match"]),
        ] {
            for member in members {
                assert!(prompt.text().contains(&format!("\"{member}\"")), "{prompt:?}: {member}");
            }
        }
    }
}
