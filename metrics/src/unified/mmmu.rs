//! MMMU, validation split (arXiv:2311.16502): college questions of 30 subjects. Scored as the released evaluation of AIA does.

mod choice;
mod numbers;
mod open;
mod subjects;

pub use choice::choice;
pub use numbers::numbers_in;
pub use open::{Phrase, key_phrases, open_is_right};
pub use subjects::{DISCIPLINES, Discipline, subject_of};

use super::shares::percent;
use crate::Measurement;

/// Questions of the validation split: 847 of multiple choice, 53 open.
pub const QUESTIONS: u64 = 900;

/// Questions of each of the 30 subjects.
pub const QUESTIONS_A_SUBJECT: u64 = 30;

/// One question that was scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scored {
    /// `Accounting` …
    pub subject: String,
    /// Whether the reply is right.
    pub right: bool,
}

/// Whether a choice is the answer, or one of several.
#[must_use]
pub fn choice_is_right(choice: &str, answers: &[String]) -> bool {
    answers.iter().any(|answer| answer == choice)
}

/// Accuracy overall, of each discipline and of each subject that has questions, in percent with Wilson's interval.
///
/// Overall and disciplines are means over questions, so that a subject weighs as much as it has questions. The released script rounds to three decimals of a fraction;
/// nothing is rounded here. Subjects that MMMU does not have count overall, as `others`; the released script skips them.
#[must_use]
pub fn measurements(questions: &[Scored]) -> Vec<Measurement> {
    let share = |metric: String, of: &dyn Fn(&Scored) -> bool| {
        let (mut right, mut all) = (0, 0);
        for question in questions.iter().filter(|question| of(question)) {
            right += u64::from(question.right);
            all += 1;
        }
        percent(metric, (right, all), "right answers / questions", "questions")
    };
    let has = |subject: &str| questions.iter().any(|question| question.subject == subject);
    let mut found = vec![share("MMMU".to_owned(), &|_| true)];
    for discipline in &DISCIPLINES {
        if !discipline.subjects.iter().any(|subject| has(subject)) {
            continue;
        }
        found.push(share(format!("MMMU|{}", discipline.name), &|question| {
            discipline.subjects.contains(&question.subject.as_str())
        }));
        for subject in discipline.subjects.iter().filter(|subject| has(subject)) {
            found.push(share(format!("MMMU|{}|{subject}", discipline.name), &|question| {
                question.subject == **subject
            }));
        }
    }
    let known = |question: &Scored| {
        DISCIPLINES
            .iter()
            .any(|discipline| discipline.subjects.contains(&question.subject.as_str()))
    };
    if questions.iter().any(|question| !known(question)) {
        found.push(share("MMMU|others".to_owned(), &|question| !known(question)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disciplines_weigh_questions() {
        let scored = |subject: &str, right| Scored { subject: subject.to_owned(), right };
        let questions = [
            scored("Art", true),
            scored("Design", true),
            scored("Design", false),
            scored("Math", false),
            scored("Astrology", true),
        ];
        let found = measurements(&questions);
        let value = |metric: &str| {
            found.iter().find(|measured| measured.metric == metric).map(|m| m.value().unwrap())
        };
        assert_eq!(value("MMMU"), Some(60.0));
        assert!((value("MMMU|Art and Design").unwrap() - 200.0 / 3.0).abs() < 1e-12);
        assert_eq!(value("MMMU|Art and Design|Design"), Some(50.0));
        assert_eq!(value("MMMU|Science|Math"), Some(0.0));
        assert_eq!(value("MMMU|Business"), None);
        assert_eq!(value("MMMU|others"), Some(100.0));
        assert!(measurements(&[])[0].absence().is_some());
    }
}
