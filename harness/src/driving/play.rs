//! The protocol of each task (Uni-MMMU, "Sampling"): in rounds, one question a plan and one a picture; or the whole in one reply.

use super::cases::{
    Case, CodeQuestion, Demonstration, GeometryQuestion, JigsawQuestion, PuzzleQuestion, Question,
    ScienceQuestion,
};
use super::prompts::Prompt;
use super::talk::{Talk, Turn, Wants};
use super::{Asking, Mode, StepCount};
use crate::endpoint::{ChatReply, ChatService, EndpointError, Picture, ReplyImage};
use retally_metrics::unified::Task;
use serde::{Deserialize, Serialize};

/// How the rounds of a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ended {
    /// The model said so; or, where the number of rounds was known, after the last one.
    Finished,
    /// At the most rounds allowed.
    RoundLimit,
    /// A reply had no picture where one was asked for.
    NoPicture,
    /// A picture could not be decoded; it is not kept.
    UnreadablePicture,
}

/// What a case brought.
#[derive(Clone, Debug)]
pub(super) struct Played {
    /// The text that is scored.
    pub(super) text: String,
    /// The pictures that are scored, in order; all of them can be decoded.
    pub(super) pictures: Vec<ReplyImage>,
    pub(super) ended: Ended,
    pub(super) turns: Vec<Turn>,
}

/// The part of a case that is played.
struct Answer {
    text: String,
    pictures: Vec<ReplyImage>,
    ended: Ended,
}

/// Plays a case.
///
/// # Errors
/// If a picture of the data cannot be shown, or there is no reply. What was answered before is in the record of replies.
pub(super) fn play(
    task: Task,
    case: &Case,
    demonstration: Option<&Demonstration>,
    service: &ChatService,
    asking: &Asking,
) -> Result<Played, EndpointError> {
    let mut talk = Talk::new(service, asking);
    let answer = match &case.question {
        Question::Puzzle(question) => puzzle(&mut talk, task, question, demonstration),
        Question::Jigsaw(question) => jigsaw(&mut talk, question),
        Question::Geometry(question) => geometry(&mut talk, question),
        Question::Science(question) => science(&mut talk, question),
        Question::Code(question) => code(&mut talk, question),
    }?;
    let Answer { text, pictures, ended } = answer;
    Ok(Played { text, pictures, ended, turns: talk.into_turns() })
}

fn puzzle(
    talk: &mut Talk<'_>,
    task: Task,
    question: &PuzzleQuestion,
    demonstration: Option<&Demonstration>,
) -> Result<Answer, EndpointError> {
    talk.say(if task == Task::Maze { Prompt::MazeTask } else { Prompt::SlidingTask }.plain());
    if let Some(example) = demonstration {
        demonstrate(talk, example);
    }
    talk.show(question.first.picture()?);
    let steps = match talk.asking().step_count {
        StepCount::Hidden => None,
        StepCount::Leaked => question.steps,
    };
    if talk.asking().mode == Mode::Whole {
        if let Some(steps) = steps {
            talk.say(Prompt::SequenceSteps.filled(&[("steps", &steps.to_string())]));
        }
        let reply = talk.ask("whole", Prompt::SequenceWhole.plain(), Wants::Both)?;
        return Ok(whole(reply));
    }
    let (pictures, ended) = rounds(talk, steps)?;
    let reply = talk.ask("answer", Prompt::SequenceAnswer.plain(), Wants::Words)?;
    Ok(Answer { text: reply.text, pictures, ended })
}

fn demonstrate(talk: &mut Talk<'_>, example: &Demonstration) {
    talk.say(Prompt::ExampleBegin.plain());
    talk.show(example.first.clone());
    for (index, (word, picture)) in example.moves.iter().enumerate() {
        let round = (index + 1).to_string();
        talk.say(Prompt::ExampleMove.filled(&[("round", &round), ("move", word)]));
        talk.show(picture.clone());
    }
    let words: Vec<&str> = example.moves.iter().map(|(word, _)| word.as_str()).collect();
    talk.say(Prompt::ExampleEnd.filled(&[("moves", &format!("[\"{}\"]", words.join("\", \"")))]));
}

/// Plans and pictures in turn: exactly `steps` rounds where the count is leaked, else until the model says that it is done.
fn rounds(
    talk: &mut Talk<'_>,
    steps: Option<usize>,
) -> Result<(Vec<ReplyImage>, Ended), EndpointError> {
    let most = talk.asking().most_rounds.get() as usize;
    let (limit, plan, at_end) = match steps {
        Some(steps) => (steps, Prompt::SequencePlan, Ended::Finished),
        None => (most, Prompt::SequencePlanOpen, Ended::RoundLimit),
    };
    let mut pictures = Vec::new();
    for round in 1..=limit {
        let words = plan.filled(&[("round", &round.to_string())]);
        let reply = talk.ask("plan", words, Wants::Words)?;
        if steps.is_none() && says_done(&reply.text) {
            return Ok((pictures, Ended::Finished));
        }
        match draw(talk, Prompt::SequencePicture.plain())? {
            Ok((image, picture)) => {
                pictures.push(image);
                talk.say(Prompt::Drawn.plain());
                talk.show(picture);
            }
            Err(ended) => return Ok((pictures, ended)),
        }
    }
    Ok((pictures, at_end))
}

/// Whether a plan says that nothing is left to do: the word alone, whatever stands around it.
fn says_done(text: &str) -> bool {
    text.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case("done")
}

/// Asks for one picture: the first of the reply.
fn draw(
    talk: &mut Talk<'_>,
    words: String,
) -> Result<Result<(ReplyImage, Picture), Ended>, EndpointError> {
    let reply = talk.ask("picture", words, Wants::Picture)?;
    let Some(image) = reply.images.into_iter().next() else { return Ok(Err(Ended::NoPicture)) };
    Ok(readable(&image).map(|picture| (image, picture)))
}

/// The picture, if it can be decoded.
fn readable(image: &ReplyImage) -> Result<Picture, Ended> {
    Picture::of_bytes(image.bytes.clone(), "the model's picture")
        .map_err(|_| Ended::UnreadablePicture)
}

/// A reply that holds everything; pictures from the first unreadable one on are left out.
fn whole(reply: ChatReply) -> Answer {
    let ChatReply { text, images, .. } = reply;
    let all = images.len();
    let pictures: Vec<ReplyImage> =
        images.into_iter().take_while(|image| readable(image).is_ok()).collect();
    let ended = match pictures.len() {
        found if found < all => Ended::UnreadablePicture,
        0 => Ended::NoPicture,
        _ => Ended::Finished,
    };
    Answer { text, pictures, ended }
}

/// One picture after another, each with its own words.
fn draw_each(
    talk: &mut Talk<'_>,
    words: impl IntoIterator<Item = String>,
) -> Result<(Vec<ReplyImage>, Ended), EndpointError> {
    let mut pictures = Vec::new();
    for words in words {
        match draw(talk, words)? {
            Ok((image, picture)) => {
                pictures.push(image);
                talk.say(Prompt::Drawn.plain());
                talk.show(picture);
            }
            Err(ended) => return Ok((pictures, ended)),
        }
    }
    Ok((pictures, Ended::Finished))
}

fn jigsaw(talk: &mut Talk<'_>, question: &JigsawQuestion) -> Result<Answer, EndpointError> {
    talk.say(Prompt::JigsawTask.plain());
    talk.say(Prompt::Reference.plain());
    talk.show(question.reference.picture()?);
    for (number, candidate) in question.candidates.iter().enumerate() {
        talk.say(Prompt::Candidate.filled(&[("candidate", &number.to_string())]));
        talk.show(candidate.picture()?);
    }
    if talk.asking().mode == Mode::Whole {
        return Ok(whole(talk.ask("whole", Prompt::JigsawWhole.plain(), Wants::Both)?));
    }
    let words = ["0", "1"].map(|number| Prompt::JigsawPicture.filled(&[("candidate", number)]));
    let (pictures, ended) = draw_each(talk, words)?;
    let reply = talk.ask("answer", Prompt::JigsawAnswer.plain(), Wants::Words)?;
    Ok(Answer { text: reply.text, pictures, ended })
}

fn geometry(talk: &mut Talk<'_>, question: &GeometryQuestion) -> Result<Answer, EndpointError> {
    let GeometryQuestion { problem, choices, is_calculation, figure } = question;
    talk.say(Prompt::GeometryTask.filled(&[("problem", problem), ("choices", choices)]));
    talk.show(figure.picture()?);
    let ending = [("ending", if *is_calculation { "Final answer" } else { "Conclusion" })];
    if talk.asking().mode == Mode::Whole {
        return Ok(whole(talk.ask("whole", Prompt::GeometryWhole.filled(&ending), Wants::Both)?));
    }
    let (pictures, ended) = draw_each(talk, [Prompt::GeometryPicture.plain()])?;
    let reply = talk.ask("answer", Prompt::GeometryAnswer.filled(&ending), Wants::Words)?;
    Ok(Answer { text: reply.text, pictures, ended })
}

fn science(talk: &mut Talk<'_>, question: &ScienceQuestion) -> Result<Answer, EndpointError> {
    talk.say(Prompt::ScienceTask.filled(&[("condition", &question.condition)]));
    for picture in &question.pictures {
        talk.show(picture.picture()?);
    }
    words_then_picture(talk, [Prompt::ScienceWhole, Prompt::ScienceAnswer, Prompt::SciencePicture])
}

fn code(talk: &mut Talk<'_>, question: &CodeQuestion) -> Result<Answer, EndpointError> {
    talk.say(Prompt::CodeTask.filled(&[("svg", &question.source)]));
    words_then_picture(talk, [Prompt::CodeWhole, Prompt::CodeAnswer, Prompt::CodePicture])
}

fn words_then_picture(
    talk: &mut Talk<'_>,
    [all, answer, picture]: [Prompt; 3],
) -> Result<Answer, EndpointError> {
    if talk.asking().mode == Mode::Whole {
        return Ok(whole(talk.ask("whole", all.plain(), Wants::Both)?));
    }
    let reply = talk.ask("answer", answer.plain(), Wants::Words)?;
    let (pictures, ended) = draw_each(talk, [picture.plain()])?;
    Ok(Answer { text: reply.text, pictures, ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_is_the_word_alone() {
        for text in ["DONE", " done. ", "**Done**", "\"DONE\"", "Done!\n"] {
            assert!(says_done(text), "{text:?}");
        }
        for text in ["", "I am done", "done, up", "Not done", "undone", "up"] {
            assert!(!says_done(text), "{text:?}");
        }
    }

    #[test]
    fn a_whole_reply_keeps_what_can_be_read() {
        let image = |bytes: &[u8]| ReplyImage {
            media_type: crate::endpoint::MediaType::Png,
            bytes: bytes.to_vec(),
        };
        let good =
            Picture::of_image(&crate::images::raster::Rgb::filled(2, 2, [9; 3]).unwrap(), "t")
                .unwrap();
        let reply = |images: Vec<ReplyImage>| ChatReply {
            text: "t".to_owned(),
            images,
            finish_reason: None,
            served_model: None,
            fingerprint: None,
        };
        let good = || image(good.bytes());
        let bad = || image(b"\x89PNG\r\n\x1a\nbroken");
        for (images, kept, ended) in [
            (vec![good(), good()], 2, Ended::Finished),
            (vec![good(), bad(), good()], 1, Ended::UnreadablePicture),
            (vec![], 0, Ended::NoPicture),
        ] {
            let answer = whole(reply(images));
            assert_eq!((answer.pictures.len(), answer.ended), (kept, ended));
        }
    }
}
