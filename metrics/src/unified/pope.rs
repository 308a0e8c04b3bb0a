//! POPE (arXiv:2305.10355): does a picture show an object, yes or no? Scored as the released evaluation of AIA does.

use super::shares::percent;
use crate::statistics::{ResampleOptions, resampled_interval};
use crate::{Absence, AbsenceReason, Measurement, Unit};

/// The three ways in which absent objects were chosen, over which F1 is averaged.
pub const CATEGORIES: [&str; 3] = ["adversarial", "popular", "random"];

/// Questions of a category (500 pictures, six each). The released `random` file has 2910.
pub const QUESTIONS: u64 = 3000;

/// What a reply says of a picture.
///
/// The reply ends at its first full stop; commas are dropped; the rest is split at spaces. It is no if one of the words is `No`, `no` or `not`, and yes
/// otherwise: an empty reply is a yes (rule of `eval_pope.py`, zhengdian1/AIA at 88aef6b, after LLaVA).
#[must_use]
pub fn says_yes(reply: &str) -> bool {
    let sentence = reply.split_once('.').map_or(reply, |(first, _)| first);
    let without_commas = sentence.replace(',', "");
    !without_commas.split(' ').any(|word| matches!(word, "No" | "no" | "not"))
}

/// What was said and what is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Whether the reply says yes.
    pub said: bool,
    /// Whether the label is yes.
    pub label: bool,
}

/// Counts of replies; `yes` is the positive class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Said yes, is yes.
    pub true_positives: u64,
    /// Said yes, is no.
    pub false_positives: u64,
    /// Said no, is no.
    pub true_negatives: u64,
    /// Said no, is yes.
    pub false_negatives: u64,
}

impl FromIterator<Judged> for Confusion {
    fn from_iter<I: IntoIterator<Item = Judged>>(replies: I) -> Self {
        let mut counts = Self::default();
        for Judged { said, label } in replies {
            *match (said, label) {
                (true, true) => &mut counts.true_positives,
                (true, false) => &mut counts.false_positives,
                (false, false) => &mut counts.true_negatives,
                (false, true) => &mut counts.false_negatives,
            } += 1;
        }
        counts
    }
}

impl Confusion {
    /// All replies.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.said_yes() + self.true_negatives + self.false_negatives
    }

    fn said_yes(&self) -> u64 {
        self.true_positives + self.false_positives
    }

    fn are_yes(&self) -> u64 {
        self.true_positives + self.false_negatives
    }

    /// 2PR / (P + R) = 2 TP / (2 TP + FP + FN); `None` where precision, recall or their sum has a zero below the line, at which the released script stops.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let double = 2 * self.true_positives;
        let below = double + self.false_positives + self.false_negatives;
        (self.true_positives > 0).then(|| double as f64 / below as f64)
    }
}

/// The replies of one category, in the order of its label file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// `adversarial`, `popular`, `random`, or another.
    pub name: String,
    /// Every reply.
    pub replies: Vec<Judged>,
}

/// Accuracy, precision, recall, F1 and the share of yes of each category in percent, and the mean F1 over categories, which is the score that is reported.
///
/// Intervals: Wilson; for F1 a bootstrap over questions.
#[must_use]
pub fn measurements(categories: &[Category], options: ResampleOptions) -> Vec<Measurement> {
    let mut all: Vec<Measurement> =
        categories.iter().flat_map(|category| of_category(category, options)).collect();
    all.push(mean_f1(categories, options));
    all
}

fn of_category(category: &Category, options: ResampleOptions) -> [Measurement; 5] {
    let name = |metric: &str| format!("POPE|{}|{metric}", category.name);
    let counts: Confusion = category.replies.iter().copied().collect();
    let right = counts.true_positives + counts.true_negatives;
    let f1 = match counts.f1() {
        Some(value) => {
            let interval = f1_interval(std::slice::from_ref(category), options);
            Measurement::of(name("F1"), 100.0 * value, Unit::Percent, counts.total(), F1_METHOD)
                .with_interval(interval)
        }
        None => no_f1(name("F1"), counts.total(), &category.name),
    };
    [
        percent(name("accuracy"), (right, counts.total()), "right replies / replies", "replies"),
        percent(
            name("precision"),
            (counts.true_positives, counts.said_yes()),
            "right yes / all replies of yes",
            "replies of yes",
        ),
        percent(
            name("recall"),
            (counts.true_positives, counts.are_yes()),
            "right yes / all labels of yes",
            "labels of yes",
        ),
        f1,
        percent(
            name("yes-share"),
            (counts.said_yes(), counts.total()),
            "replies of yes / replies",
            "replies",
        ),
    ]
}

const F1_METHOD: &str = "harmonic mean of precision and recall of yes";

fn no_f1(metric: String, n: u64, category: &str) -> Measurement {
    let detail = format!(
        "no right yes in `{category}`: precision, recall or their sum is zero or undefined (the released script divides by zero)"
    );
    let absence = Absence::new(AbsenceReason::Undefined, detail);
    Measurement::absent(metric, Unit::Percent, n, F1_METHOD, absence)
}

fn mean_f1(categories: &[Category], options: ResampleOptions) -> Measurement {
    let names: Vec<&str> = categories.iter().map(|category| category.name.as_str()).collect();
    let method = format!("mean F1 over the categories {}", names.join(", "));
    let n = categories.iter().map(|category| category.replies.len() as u64).sum();
    let values: Vec<Option<f64>> = categories
        .iter()
        .map(|category| category.replies.iter().copied().collect::<Confusion>().f1())
        .collect();
    let missing = names.iter().zip(&values).find(|(_, value)| value.is_none());
    match (missing, mean(&values)) {
        (None, Some(value)) => {
            Measurement::of("POPE|mean-F1", 100.0 * value, Unit::Percent, n, method)
                .with_interval(f1_interval(categories, options))
        }
        (missing, _) => {
            let name = missing.map_or("nothing", |(name, _)| name);
            Measurement { method, ..no_f1("POPE|mean-F1".to_owned(), n, name) }
        }
    }
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let values: Vec<f64> = values.iter().copied().collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Of the mean over categories, in percent.
fn f1_interval(categories: &[Category], options: ResampleOptions) -> Option<crate::Interval> {
    let sizes: Vec<usize> = categories.iter().map(|category| category.replies.len()).collect();
    resampled_interval(&sizes, "questions", options, |drawn| {
        let f1 = |(category, indices): (&Category, &Vec<usize>)| {
            indices.iter().map(|&index| category.replies[index]).collect::<Confusion>().f1()
        };
        let values: Vec<Option<f64>> = categories.iter().zip(drawn).map(f1).collect();
        Some(100.0 * mean(&values)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_released() {
        for (reply, yes) in [
            ("Yes", true),
            ("No", false),
            ("no", false),
            ("NO", true),
            ("", true),
            ("No, there is none.", false),
            ("There is not one", false),
            ("Yes. But not here", true),
            (".No", true),
            ("nothing", true),
            ("no\n", true),
            ("No,thing", true),
            ("a  no", false),
        ] {
            assert_eq!(says_yes(reply), yes, "{reply:?}");
        }
    }

    #[test]
    fn division_by_zero_is_an_absence() {
        let category = Category {
            name: "random".to_owned(),
            replies: vec![
                Judged { said: false, label: true },
                Judged { said: false, label: false },
            ],
        };
        let all = measurements(&[category], ResampleOptions::default());
        let of = |metric: &str| all.iter().find(|measured| measured.metric == metric).unwrap();
        assert_eq!(of("POPE|random|accuracy").value(), Some(50.0));
        assert_eq!(of("POPE|random|recall").value(), Some(0.0));
        for metric in ["POPE|random|precision", "POPE|random|F1", "POPE|mean-F1"] {
            assert_eq!(of(metric).absence().unwrap().reason, AbsenceReason::Undefined, "{metric}");
        }
    }
}
