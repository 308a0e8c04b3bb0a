//! Which rows and keys are summed: the definition's, and those that the released code takes instead.

use super::{InteractionError, InteractionTask, Spans};

/// Whose ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SliceRule {
    /// The paper's Eq. 1: queries are the tokens that are produced (image; answer), keys those of the other modality (text; image).
    Definition,
    /// `gen_plot.py` and `und_plot.py` (zhengdian1/AIA at 88aef6b), with one call of the model a token: the last token produced is never a query. Generation: keys are
    /// all that comes before the image, tags included. Understanding: keys are the image-start tag and the image.
    Plots,
    /// The trainer of the same repository, each slice of keys one place to the left of its tokens. Generation: the last image token is no query, keys are the prompt moved
    /// left (a pad comes in, the image-start tag drops out). Understanding: keys are the image-start tag and all but the last token of the image.
    Trainer,
}

impl SliceRule {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Definition, Self::Plots, Self::Trainer];

    /// The name in descriptions and in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Plots => "plots",
            Self::Trainer => "trainer",
        }
    }
}

/// Where the tokens of a sequence are, as positions from 0. What a task does not need may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenPositions {
    /// The whole prompt of a generation with its tags, up to the image.
    pub prompt: Option<Spans>,
    /// The text that describes the image.
    pub text: Option<Spans>,
    /// The image: produced or looked at.
    pub image: Option<Spans>,
    /// The answer, of every turn.
    pub answer: Option<Spans>,
}

/// Positions of queries and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionSlices {
    /// Positions whose rows are averaged.
    pub queries: Spans,
    /// S.
    pub keys: Spans,
}

impl SliceRule {
    /// The ranges of this rule.
    ///
    /// # Errors
    /// If tokens that it needs are missing, are not in one piece where it assumes so, or nothing lies where it reaches.
    pub fn slices(
        self,
        task: InteractionTask,
        tokens: &TokenPositions,
    ) -> Result<AttentionSlices, InteractionError> {
        match task {
            InteractionTask::TextToImage => self.generation(tokens),
            InteractionTask::ImageToText => self.understanding(tokens),
        }
    }

    fn generation(self, tokens: &TokenPositions) -> Result<AttentionSlices, InteractionError> {
        let need = self.need(InteractionTask::TextToImage);
        let image = need(tokens.image.as_ref(), "`image`: the image tokens that are produced")?;
        if self == Self::Definition {
            let keys = need(tokens.text.as_ref(), "`text`: the tokens of the text")?;
            return Ok(AttentionSlices { queries: image.clone(), keys: keys.clone() });
        }
        let queries = all_but_last(image, "image")?;
        let keys = if self == Self::Plots {
            Spans::one(0..image.start(), "prompt before the image")?
        } else {
            let prompt = need(
                tokens.prompt.as_ref(),
                "`prompt`: all tokens from the first after the padding to the image",
            )?;
            let why = "begins at position 0: the trainer's slice begins at the pad before it, so it needs a sequence that is padded on the left";
            prompt.moved_down(1, "prompt", why)?
        };
        Ok(AttentionSlices { queries, keys })
    }

    fn understanding(self, tokens: &TokenPositions) -> Result<AttentionSlices, InteractionError> {
        let need = self.need(InteractionTask::ImageToText);
        let answer = need(tokens.answer.as_ref(), "`answer`: the tokens of the answer")?;
        let image = need(tokens.image.as_ref(), "`image`: the tokens of the image")?;
        if self == Self::Definition {
            return Ok(AttentionSlices { queries: answer.clone(), keys: image.clone() });
        }
        let piece = image.contiguous();
        let piece = need(
            piece.as_ref().map(|_| image),
            "an `image` in one piece, as the released code assumes it",
        )?;
        let why =
            "begins at position 0: the released slice begins at the image-start tag before it";
        let moved = piece.moved_down(1, "image", why)?;
        if self == Self::Trainer {
            return Ok(AttentionSlices { queries: answer.clone(), keys: moved });
        }
        let keys = Spans::one(moved.start()..image.end(), "image")?;
        Ok(AttentionSlices { queries: all_but_last(answer, "answer")?, keys })
    }

    fn need<'a>(
        self,
        task: InteractionTask,
    ) -> impl Fn(Option<&'a Spans>, &'static str) -> Result<&'a Spans, InteractionError> {
        move |spans, needed| {
            spans.ok_or(InteractionError::MissingRole { rule: self.as_str(), task, needed })
        }
    }
}

fn all_but_last(spans: &Spans, what: &'static str) -> Result<Spans, InteractionError> {
    spans.without_last().ok_or_else(|| {
        let range = spans.start()..spans.end();
        InteractionError::bad_range(
            what,
            &range,
            "has one token, and the released code never takes the last as a query",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(range: std::ops::Range<usize>) -> Option<Spans> {
        Some(Spans::one(range, "tokens").unwrap())
    }

    /// Janus-Pro's layouts: 1000 positions with 20 tokens of prompt at their end, then 576 of the image; an image of 576 after its tag, then an answer.
    #[test]
    fn released_slices() {
        let tokens = TokenPositions {
            prompt: one(980..1000),
            text: one(985..996),
            image: one(1000..1576),
            answer: None,
        };
        let slices = |rule: SliceRule| {
            let AttentionSlices { queries, keys } =
                rule.slices(InteractionTask::TextToImage, &tokens).unwrap();
            (queries.contiguous().unwrap(), keys.contiguous().unwrap())
        };
        assert_eq!(slices(SliceRule::Definition), (1000..1576, 985..996));
        assert_eq!(slices(SliceRule::Plots), (1000..1575, 0..1000));
        // [999 − n, 999) for n = 20.
        assert_eq!(slices(SliceRule::Trainer), (1000..1575, 979..999));

        let tokens = TokenPositions {
            image: one(6..582),
            answer: one(600..640),
            ..TokenPositions::default()
        };
        let slices = |rule: SliceRule| {
            let AttentionSlices { queries, keys } =
                rule.slices(InteractionTask::ImageToText, &tokens).unwrap();
            (queries.contiguous().unwrap(), keys.contiguous().unwrap())
        };
        assert_eq!(slices(SliceRule::Definition), (600..640, 6..582));
        assert_eq!(slices(SliceRule::Plots), (600..639, 5..582));
        assert_eq!(slices(SliceRule::Trainer), (600..640, 5..581));
    }

    #[test]
    fn missing_tokens_are_named() {
        let text = |task, tokens: &TokenPositions, rule: SliceRule| {
            rule.slices(task, tokens).unwrap_err().to_string()
        };
        let none = TokenPositions::default();
        let message = text(InteractionTask::TextToImage, &none, SliceRule::Definition);
        assert!(message.contains("`image`"), "{message}");
        let unpadded = TokenPositions { prompt: one(0..4), image: one(4..9), ..none.clone() };
        let message = text(InteractionTask::TextToImage, &unpadded, SliceRule::Trainer);
        assert!(message.contains("padded on the left"), "{message}");
        let first = TokenPositions { image: one(0..4), answer: one(4..9), ..none.clone() };
        let message = text(InteractionTask::ImageToText, &first, SliceRule::Plots);
        assert!(message.contains("image-start tag"), "{message}");
        let short = TokenPositions { image: one(1..4), answer: one(4..5), ..none };
        let message = text(InteractionTask::ImageToText, &short, SliceRule::Plots);
        assert!(message.contains("one token"), "{message}");
    }
}
