//! What the model is asked, in retally's own words: the files of `prompts/`. All of them together have one version.

use retally_manifests::{Digest, Hasher};
use serde::{Deserialize, Serialize};

/// Grows with every change of a file; a test holds it and the digest together.
const VERSION: u32 = 1;

/// A text of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    MazeTask,
    SlidingTask,
    ExampleBegin,
    ExampleMove,
    ExampleEnd,
    SequencePlan,
    SequencePlanOpen,
    SequencePicture,
    SequenceAnswer,
    SequenceWhole,
    SequenceSteps,
    Drawn,
    JigsawTask,
    Reference,
    Candidate,
    JigsawPicture,
    JigsawAnswer,
    JigsawWhole,
    GeometryTask,
    GeometryPicture,
    GeometryAnswer,
    GeometryWhole,
    ScienceTask,
    ScienceAnswer,
    SciencePicture,
    ScienceWhole,
    CodeTask,
    CodeAnswer,
    CodePicture,
    CodeWhole,
}

/// Which texts were used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PromptsRecord {
    pub(super) version: u32,
    /// SHA-256 over all texts, each behind its length, in their order.
    pub(super) sha256: Digest,
}

impl Prompt {
    const ALL: [Self; 30] = [
        Self::MazeTask,
        Self::SlidingTask,
        Self::ExampleBegin,
        Self::ExampleMove,
        Self::ExampleEnd,
        Self::SequencePlan,
        Self::SequencePlanOpen,
        Self::SequencePicture,
        Self::SequenceAnswer,
        Self::SequenceWhole,
        Self::SequenceSteps,
        Self::Drawn,
        Self::JigsawTask,
        Self::Reference,
        Self::Candidate,
        Self::JigsawPicture,
        Self::JigsawAnswer,
        Self::JigsawWhole,
        Self::GeometryTask,
        Self::GeometryPicture,
        Self::GeometryAnswer,
        Self::GeometryWhole,
        Self::ScienceTask,
        Self::ScienceAnswer,
        Self::SciencePicture,
        Self::ScienceWhole,
        Self::CodeTask,
        Self::CodeAnswer,
        Self::CodePicture,
        Self::CodeWhole,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::MazeTask => include_str!("prompts/maze-task.txt"),
            Self::SlidingTask => include_str!("prompts/sliding-task.txt"),
            Self::ExampleBegin => include_str!("prompts/example-begin.txt"),
            Self::ExampleMove => include_str!("prompts/example-move.txt"),
            Self::ExampleEnd => include_str!("prompts/example-end.txt"),
            Self::SequencePlan => include_str!("prompts/sequence-plan.txt"),
            Self::SequencePlanOpen => include_str!("prompts/sequence-plan-open.txt"),
            Self::SequencePicture => include_str!("prompts/sequence-picture.txt"),
            Self::SequenceAnswer => include_str!("prompts/sequence-answer.txt"),
            Self::SequenceWhole => include_str!("prompts/sequence-whole.txt"),
            Self::SequenceSteps => include_str!("prompts/sequence-steps.txt"),
            Self::Drawn => include_str!("prompts/drawn.txt"),
            Self::JigsawTask => include_str!("prompts/jigsaw-task.txt"),
            Self::Reference => include_str!("prompts/reference.txt"),
            Self::Candidate => include_str!("prompts/candidate.txt"),
            Self::JigsawPicture => include_str!("prompts/jigsaw-picture.txt"),
            Self::JigsawAnswer => include_str!("prompts/jigsaw-answer.txt"),
            Self::JigsawWhole => include_str!("prompts/jigsaw-whole.txt"),
            Self::GeometryTask => include_str!("prompts/geometry-task.txt"),
            Self::GeometryPicture => include_str!("prompts/geometry-picture.txt"),
            Self::GeometryAnswer => include_str!("prompts/geometry-answer.txt"),
            Self::GeometryWhole => include_str!("prompts/geometry-whole.txt"),
            Self::ScienceTask => include_str!("prompts/science-task.txt"),
            Self::ScienceAnswer => include_str!("prompts/science-answer.txt"),
            Self::SciencePicture => include_str!("prompts/science-picture.txt"),
            Self::ScienceWhole => include_str!("prompts/science-whole.txt"),
            Self::CodeTask => include_str!("prompts/code-task.txt"),
            Self::CodeAnswer => include_str!("prompts/code-answer.txt"),
            Self::CodePicture => include_str!("prompts/code-picture.txt"),
            Self::CodeWhole => include_str!("prompts/code-whole.txt"),
        }
    }

    /// The text with each `{{name}}` replaced by the field's text, once: what a field holds is not looked at again.
    pub(super) fn filled(self, fields: &[(&str, &str)]) -> String {
        let mut filled = String::new();
        let mut rest = self.text().trim_end();
        while let Some((before, (name, after))) = rest
            .split_once("{{")
            .and_then(|(before, behind)| Some((before, behind.split_once("}}")?)))
        {
            filled.push_str(before);
            filled.push_str(
                fields.iter().find(|(field, _)| *field == name).map_or("", |(_, text)| text.trim()),
            );
            rest = after;
        }
        filled.push_str(rest);
        filled.trim_end().to_owned()
    }

    /// The text of a prompt without fields.
    pub(super) fn plain(self) -> String {
        self.filled(&[])
    }

    /// Version and digest of all texts.
    pub(super) fn record() -> PromptsRecord {
        let mut hasher = Hasher::new();
        for prompt in Self::ALL {
            hasher.update(&(prompt.text().len() as u64).to_le_bytes());
            hasher.update(prompt.text().as_bytes());
        }
        PromptsRecord { version: VERSION, sha256: hasher.finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changed prompts are another protocol: raise the version and put the new digest here.
    #[test]
    fn a_version_stands_for_one_set_of_texts() {
        let record = Prompt::record();
        let expected = "cb827e1e472d8879d76214759ee41c3830bd7775add2dbeb524d5658e8879b72";
        assert_eq!((record.version, record.sha256.to_string().as_str()), (1, expected));
    }

    #[test]
    fn every_field_is_one_that_is_filled_and_is_filled_once() {
        let known = [
            "round",
            "move",
            "moves",
            "steps",
            "candidate",
            "problem",
            "choices",
            "ending",
            "condition",
            "svg",
        ];
        for prompt in Prompt::ALL {
            let fields = prompt.text().split("{{").skip(1);
            for field in fields.map(|part| part.split_once("}}").unwrap().0) {
                assert!(known.contains(&field), "{prompt:?}: {field}");
            }
        }
        let text = Prompt::ScienceTask.filled(&[("condition", "{{svg}} and {{condition}}")]);
        assert!(text.ends_with("{{svg}} and {{condition}}"), "{text}");
    }

    #[test]
    fn answers_are_asked_for_in_the_tags_that_the_scorer_reads() {
        for (prompts, tag) in [
            ([Prompt::SequenceAnswer, Prompt::SequenceWhole], "ANSWER_JSON"),
            ([Prompt::JigsawAnswer, Prompt::JigsawWhole], "FINAL_ANSWER_JSON"),
            ([Prompt::ScienceAnswer, Prompt::ScienceWhole], "OUTPUT_PROMPT"),
            ([Prompt::CodeAnswer, Prompt::CodeWhole], "RENDER_SUMMARY"),
        ] {
            for prompt in prompts {
                let text = prompt.plain();
                assert!(text.contains(&format!("<{tag}>")) && text.contains(&format!("</{tag}>")));
            }
        }
        // Whether the count of steps is told is up to the option alone.
        assert!(!Prompt::SequencePlanOpen.text().contains("{{steps}}"));
        assert!(Prompt::SequencePlanOpen.text().contains("DONE"));
        assert!(!Prompt::SequencePlan.text().contains("DONE"));
    }
}
