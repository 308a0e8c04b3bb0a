//! Open questions of MMMU: what of a reply may be the answer, and whether it is. Rules of MMMU's official scorer, as AIA's evaluation holds them.

use super::numbers::{number, numbers_in, rounded};

/// Words after which an answer is expected.
const CUES: [&str; 8] =
    ["could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result "];

/// A cue on the last line alone, which may be an equation.
const CUE_OF_LAST_LINE: &str = "=";

/// What an answer cannot be.
const TRIVIAL: [&str; 7] = [":", ",", ".", "!", "?", ";", "'"];

/// Something that may be an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Phrase {
    /// A number, rounded to two decimals.
    Number(f64),
    /// Words in lower case. A single character has a space before or after it.
    Words(String),
}

/// The phrases of a reply that may be its answer: of each line the shortest rest after a cue (`is`, `so`, `answer` …), or the whole reply if no line has one, and
/// every number in those.
///
/// The official rule also means to split at the ends of sentences, but looks for a capital letter after it has put all in lower case: lines are split alone.
#[must_use]
pub fn key_phrases(reply: &str) -> Vec<Phrase> {
    let reply = strip(reply).trim_matches('.').to_lowercase();
    let mut phrases = phrases_after_cues(&reply);
    if phrases.is_empty() {
        phrases.push(reply);
    }
    let numbers: Vec<String> = phrases.iter().flat_map(|phrase| numbers_in(phrase)).collect();
    phrases.extend(numbers);
    phrases.iter().flat_map(|phrase| normalised(phrase)).collect()
}

fn phrases_after_cues(reply: &str) -> Vec<String> {
    let lines: Vec<&str> = reply.split('\n').collect();
    let (last, others) = match lines.split_last() {
        Some((last, others)) => (*last, others),
        None => return Vec::new(),
    };
    let of_others = others.iter().map(|line| after_cue(line, &CUES));
    let with_equations: Vec<&str> = CUES.into_iter().chain([CUE_OF_LAST_LINE]).collect();
    let of_last = std::iter::once(after_cue(last, &with_equations));
    of_others.chain(of_last).flatten().map(str::to_owned).collect()
}

/// The shortest rest of a line after the last place of a cue, the earlier cue winning a tie; none if it is empty or a mark alone. An empty rest is forgotten at the next cue.
fn after_cue<'a>(line: &'a str, cues: &[&str]) -> Option<&'a str> {
    let rests = cues.iter().filter_map(|cue| line.rsplit_once(cue)).map(|(_, rest)| strip(rest));
    let shortest = rests.fold("", |shortest, rest| {
        let is_shorter = rest.chars().count() < shortest.chars().count();
        if shortest.is_empty() || is_shorter { rest } else { shortest }
    });
    (!shortest.is_empty() && !TRIVIAL.contains(&shortest)).then_some(shortest)
}

/// A number if it is one without its commas, else words; one character becomes two phrases, so that it does not match within a word.
fn normalised(phrase: &str) -> Vec<Phrase> {
    let phrase = strip(phrase);
    if let Some(number) = number(phrase) {
        return vec![Phrase::Number(rounded(number))];
    }
    let words = phrase.to_lowercase();
    if words.chars().count() == 1 {
        return vec![Phrase::Words(format!(" {words}")), Phrase::Words(format!("{words} "))];
    }
    vec![Phrase::Words(words)]
}

/// Whether one of the phrases holds one of the answers: the words of an answer within the words of a phrase, or two equal numbers.
#[must_use]
pub fn open_is_right(phrases: &[Phrase], answers: &[String]) -> bool {
    let answers: Vec<Phrase> = answers.iter().flat_map(|answer| normalised(answer)).collect();
    let matches = |phrase: &Phrase, answer: &Phrase| match (phrase, answer) {
        (Phrase::Words(phrase), Phrase::Words(answer)) => phrase.contains(answer.as_str()),
        (Phrase::Number(phrase), Phrase::Number(answer)) => phrase == answer,
        _ => false,
    };
    phrases.iter().any(|phrase| answers.iter().any(|answer| matches(phrase, answer)))
}

/// Without space around, what Python's `strip` takes for it.
fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(reply: &str, answers: &[&str]) -> bool {
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        open_is_right(&key_phrases(reply), &answers)
    }

    #[test]
    fn rules_of_the_official_scorer() {
        assert!(right("The answer is 12.97.", &["12.97"]));
        assert!(right("The mass is 12.974 g", &["12.97"]));
        assert!(!right("The mass is 12.98 g", &["12.97"]));
        assert!(right("x = 1,234", &["1234"]));
        // An equation counts on the last line alone; without a cue the whole reply is looked at.
        assert!(!right("y = 5 km\nSo it is long", &["5"]));
        assert!(right("y = 5 km", &["5"]));
        assert!(right("It is $MgS$", &["$MgS$", "MgS"]));
        assert!(right("Probably Transformation", &["Transformation"]));
        // One letter matches with a space beside it only.
        assert!(right("the choice is c as said", &["C"]));
        assert!(!right("abc", &["C"]));
        assert!(!right("", &["x1"]));
        assert!(right(
            "trans-1-chloro-4-methylcyclohexane",
            &["trans-1-Chloro-4-methylcyclohexane"]
        ));
    }

    #[test]
    fn the_shortest_rest_wins() {
        let words = |text: &str| Phrase::Words(text.to_owned());
        assert_eq!(key_phrases("So the answer is blue cheese"), [words("blue cheese")]);
        assert_eq!(key_phrases("the result is :"), [words("the result is :")]);
        assert_eq!(
            key_phrases("it is a\nit is 3 cm"),
            [words(" a"), words("a "), words("3 cm"), Phrase::Number(3.0)]
        );
    }
}
