//! MMVP (arXiv:2401.06209): pairs of pictures that CLIP takes for the same, one question on both. Scored as the released evaluation of AIA does.

use super::shares::percent;
use crate::Measurement;

/// Pairs of the benchmark: 300 questions.
pub const PAIRS: u64 = 150;

/// The options of a question, as letter and text in the order of the letters.
pub type Options = [(char, String); 2];

/// The two options of `(a) Open (b) Closed`: what is before and after `(b)`, without marks and space around.
///
/// # Errors
/// What is wrong, if there is not exactly one `(b)`.
pub fn options(text: &str) -> Result<Options, String> {
    let parts: Vec<&str> = text.split("(b)").collect();
    let [first, second] = parts[..] else {
        return Err(format!("the options `{text}` need exactly one `(b)`"));
    };
    let first = first.replace("(a)", "");
    Ok([('A', first.trim().to_owned()), ('B', second.trim().to_owned())])
}

/// `(a)` becomes A, `(b)` B, `(c)` C, `(d)` D, wherever they stand; all else stays.
#[must_use]
pub fn letter_of_answer(answer: &str) -> String {
    ["(a)", "(b)", "(c)", "(d)"]
        .into_iter()
        .zip(["A", "B", "C", "D"])
        .fold(answer.to_owned(), |answer, (mark, letter)| answer.replace(mark, letter))
}

/// What a reply chooses: itself where it is one character; its first character where that is a letter of an option; else the first option whose text occurs in it; else
/// itself. Space around is dropped first. An empty reply stays empty, and is wrong; the released script stops there.
#[must_use]
pub fn choice(reply: &str, options: &Options) -> String {
    let reply = reply.trim();
    let mut characters = reply.chars();
    match (characters.next(), characters.next()) {
        (None, _) | (Some(_), None) => reply.to_owned(),
        (Some(first), Some(_)) => {
            let by_letter = options.iter().find(|(letter, _)| *letter == first);
            let chosen = by_letter
                .or_else(|| options.iter().find(|(_, text)| reply.contains(text.as_str())));
            chosen.map_or_else(|| reply.to_owned(), |(letter, _)| letter.to_string())
        }
    }
}

/// Share of pairs with both answers right, which is the score, and share of single answers, in percent.
#[must_use]
pub fn measurements(pairs: &[[bool; 2]]) -> [Measurement; 2] {
    let both = pairs.iter().filter(|pair| **pair == [true, true]).count() as u64;
    let single = pairs.iter().flatten().filter(|right| **right).count() as u64;
    let n = pairs.len() as u64;
    [
        percent("MMVP|pairs", (both, n), "pairs with both answers right / pairs", "pairs"),
        percent(
            "MMVP|single",
            (single, 2 * n),
            "right answers / questions, beside the score",
            "questions",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_released() {
        let options = options("(a) Open (b) Closed").unwrap();
        assert_eq!(options, [('A', "Open".to_owned()), ('B', "Closed".to_owned())]);
        for (reply, chosen) in [
            ("A", "A"),
            (" B \n", "B"),
            ("a", "a"),
            ("B. Closed", "B"),
            ("Closed", "B"),
            ("It is Open, not Closed", "A"),
            ("An open door", "A"),
            ("it is open", "it is open"),
            ("(a)", "(a)"),
            ("", ""),
        ] {
            assert_eq!(choice(reply, &options), chosen, "{reply:?}");
        }
        assert!(super::options("(a) x").is_err());
        assert!(super::options("(a) x (b) y (b) z").is_err());
        assert_eq!((letter_of_answer("(a)"), letter_of_answer("(b)")), ("A".into(), "B".into()));
    }

    #[test]
    fn pairs_need_both() {
        let [pairs, single] =
            measurements(&[[true, true], [true, false], [false, false], [true, true]]);
        assert_eq!((pairs.value(), single.value()), (Some(50.0), Some(62.5)));
        assert!(measurements(&[]).iter().all(|measured| measured.value().is_none()));
    }
}
