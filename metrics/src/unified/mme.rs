//! MME (arXiv:2306.13394): two questions a picture, one to be answered with yes and one with no. Scored by the released rule.

use crate::statistics::{ResampleOptions, resampled_interval};
use crate::{Absence, AbsenceReason, Measurement, Unit};

/// What a group of subtasks is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Ten subtasks, 2000 points.
    Perception,
    /// Four subtasks, 800 points.
    Cognition,
}

impl Group {
    /// Both, in the order of the released script.
    pub const ALL: [Self; 2] = [Self::Perception, Self::Cognition];

    /// The name in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Perception => "perception",
            Self::Cognition => "cognition",
        }
    }
}

/// A subtask: its name, which is that of its file, its group, and its number of questions as released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtask {
    /// `OCR` for `OCR.txt`.
    pub name: &'static str,
    /// Which total it belongs to.
    pub group: Group,
    /// Questions, two a picture.
    pub questions: usize,
}

/// All subtasks in the order of the released script.
pub const SUBTASKS: [Subtask; 14] = {
    const fn perception(name: &'static str, questions: usize) -> Subtask {
        Subtask { name, group: Group::Perception, questions }
    }
    const fn cognition(name: &'static str, questions: usize) -> Subtask {
        Subtask { name, group: Group::Cognition, questions }
    }
    [
        perception("existence", 60),
        perception("count", 60),
        perception("position", 60),
        perception("color", 60),
        perception("posters", 294),
        perception("celebrity", 340),
        perception("scene", 400),
        perception("landmark", 400),
        perception("artwork", 400),
        perception("OCR", 40),
        cognition("commonsense_reasoning", 140),
        cognition("numerical_calculation", 40),
        cognition("text_translation", 40),
        cognition("code_reasoning", 40),
    ]
};

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Neither: always wrong.
    Other,
}

impl Reply {
    /// Reads a reply in lower case: exactly `yes` or `no`, or else `yes`, and after it `no`, anywhere in its first four characters.
    #[must_use]
    pub fn of(reply: &str) -> Self {
        let lower = reply.to_lowercase();
        let start: String = lower.chars().take(4).collect();
        // An exact word is its own start.
        if start.contains("yes") {
            Self::Yes
        } else if start.contains("no") {
            Self::No
        } else {
            Self::Other
        }
    }
}

/// Two questions on one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Whether each was answered right.
    pub right: [bool; 2],
    /// How many replies were neither yes nor no.
    pub other: usize,
}

impl Pair {
    /// A pair of replies with what is right.
    #[must_use]
    pub fn of(answers: [(Reply, bool); 2]) -> Self {
        let right = answers.map(|(reply, yes)| match reply {
            Reply::Yes => yes,
            Reply::No => !yes,
            Reply::Other => false,
        });
        let other = answers.iter().filter(|(reply, _)| *reply == Reply::Other).count();
        Self { right, other }
    }

    /// 100 acc + 100 acc+ of this pair alone: 0, 50 or 200. A subtask's score is the mean over its pairs.
    #[must_use]
    pub fn points(&self) -> f64 {
        match self.right {
            [true, true] => 200.0,
            [false, false] => 0.0,
            _ => 50.0,
        }
    }
}

/// The pairs of a subtask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtaskPairs {
    /// Which.
    pub subtask: Subtask,
    /// All pairs.
    pub pairs: Vec<Pair>,
}

/// Accuracy, accuracy+ (both questions of a picture right) and score of each subtask, then the totals of groups of which every subtask is given.
///
/// acc and acc+ are percentages, a score is 100 acc + 100 acc+ in points (0 to 200), a total their sum. Intervals: bootstrap over pairs.
#[must_use]
pub fn measurements(subtasks: &[SubtaskPairs], options: ResampleOptions) -> Vec<Measurement> {
    let mut all: Vec<Measurement> =
        subtasks.iter().flat_map(|subtask| of_subtask(subtask, options)).collect();
    for group in Group::ALL {
        let given = || subtasks.iter().filter(move |given| given.subtask.group == group);
        if group == Group::Perception || given().next().is_some() {
            all.push(total(group, &given().collect::<Vec<_>>(), options));
        }
    }
    all
}

fn of_subtask(given: &SubtaskPairs, options: ResampleOptions) -> [Measurement; 4] {
    let name = |metric: &str| format!("MME|{}|{metric}", given.subtask.name);
    let pairs = &given.pairs;
    let single =
        |pair: &Pair| 100.0 * pair.right.iter().filter(|right| **right).count() as f64 / 2.0;
    let both = |pair: &Pair| if pair.right == [true, true] { 100.0 } else { 0.0 };
    let n = pairs.len() as u64;
    let measure = |metric: &str, unit, method: &str, points: &dyn Fn(&Pair) -> f64| {
        let Some(value) = mean(pairs.iter().map(points)) else {
            let absence =
                Absence::new(AbsenceReason::TooFewSamples, "the subtask has no pair of questions");
            return Measurement::absent(name(metric), unit, 0, method, absence);
        };
        let interval = resampled_interval(&[pairs.len()], "pairs of questions", options, |drawn| {
            mean(drawn[0].iter().map(|&index| points(&pairs[index])))
        });
        Measurement::of(name(metric), value, unit, n, method).with_interval(interval)
    };
    let other = pairs.iter().map(|pair| pair.other as u64).sum::<u64>();
    [
        measure("acc", Unit::Percent, "right answers / questions", &single),
        measure("acc+", Unit::Percent, "pictures with both answers right / pictures", &both),
        measure("score", Unit::None, "100 acc + 100 acc+, in points", &Pair::points),
        Measurement::of(
            name("other"),
            other as f64,
            Unit::Count,
            n,
            "replies that are neither yes nor no, counted as wrong",
        ),
    ]
}

fn total(group: Group, given: &[&SubtaskPairs], options: ResampleOptions) -> Measurement {
    let metric = format!("MME|{}", group.as_str());
    let wanted: Vec<&str> = SUBTASKS
        .iter()
        .filter(|subtask| subtask.group == group)
        .map(|subtask| subtask.name)
        .collect();
    let method = format!("sum of the scores of {} subtasks, in points", wanted.len());
    let n = given.iter().map(|subtask| subtask.pairs.len() as u64).sum();
    let has = |name: &&&str| {
        given.iter().any(|given| given.subtask.name == **name && !given.pairs.is_empty())
    };
    let missing: Vec<&str> = wanted.iter().filter(|name| !has(name)).copied().collect();
    if !missing.is_empty() {
        let detail = format!("there are no answers of {}", missing.join(", "));
        let absence = Absence::new(AbsenceReason::MissingInput, detail);
        return Measurement::absent(metric, Unit::None, n, method, absence);
    }
    let sizes: Vec<usize> = given.iter().map(|subtask| subtask.pairs.len()).collect();
    let all: Vec<Vec<usize>> = sizes.iter().map(|&pairs| (0..pairs).collect()).collect();
    let sum = |drawn: &[Vec<usize>]| {
        let score = |(subtask, indices): (&&SubtaskPairs, &Vec<usize>)| {
            mean(indices.iter().map(|&index| subtask.pairs[index].points()))
        };
        given.iter().zip(drawn).map(score).sum::<Option<f64>>()
    };
    Measurement::of(metric, sum(&all).unwrap_or(f64::NAN), Unit::None, n, method)
        .with_interval(resampled_interval(&sizes, "pairs of questions", options, sum))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_released() {
        for (reply, expected) in [
            ("Yes", Reply::Yes),
            ("yes\n", Reply::Yes),
            ("YES, it is", Reply::Yes),
            (" yes", Reply::Yes),
            ("  yes", Reply::Other),
            ("No.", Reply::No),
            ("  no", Reply::No),
            ("   no", Reply::Other),
            ("noyes", Reply::No),
            ("The answer is yes", Reply::Other),
            ("know", Reply::No),
            ("", Reply::Other),
        ] {
            assert_eq!(Reply::of(reply), expected, "{reply:?}");
        }
    }

    #[test]
    fn counts_are_those_released() {
        let count = |group| -> usize {
            SUBTASKS.iter().filter(|task| task.group == group).map(|task| task.questions).sum()
        };
        assert_eq!((count(Group::Perception), count(Group::Cognition)), (2114, 260));
    }

    #[test]
    fn scores_have_a_closed_form() {
        let yes = |reply| (reply, true);
        let no = |reply| (reply, false);
        let pairs = vec![
            Pair::of([yes(Reply::Yes), no(Reply::No)]),
            Pair::of([yes(Reply::Yes), no(Reply::Yes)]),
            Pair::of([yes(Reply::No), no(Reply::Other)]),
        ];
        let all: Vec<SubtaskPairs> = SUBTASKS
            .iter()
            .map(|&subtask| SubtaskPairs { subtask, pairs: pairs.clone() })
            .collect();
        let found = measurements(&all, ResampleOptions::default());
        let value = |metric: &str| {
            found.iter().find(|measured| measured.metric == metric).unwrap().value().unwrap()
        };
        assert!((value("MME|OCR|acc") - 50.0).abs() < 1e-12);
        assert!((value("MME|OCR|acc+") - 100.0 / 3.0).abs() < 1e-12);
        assert!((value("MME|OCR|score") - 250.0 / 3.0).abs() < 1e-12);
        assert_eq!(value("MME|OCR|other"), 1.0);
        assert!((value("MME|perception") - 2500.0 / 3.0).abs() < 1e-9);
        assert!((value("MME|cognition") - 1000.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_total_needs_all_its_subtasks() {
        let pairs = vec![Pair::of([(Reply::Yes, true), (Reply::No, false)])];
        let one = [SubtaskPairs { subtask: SUBTASKS[0], pairs }];
        let found = measurements(&one, ResampleOptions::default());
        let total = found.iter().find(|measured| measured.metric == "MME|perception").unwrap();
        assert_eq!(total.absence().unwrap().reason, AbsenceReason::MissingInput);
        assert!(!found.iter().any(|measured| measured.metric == "MME|cognition"));
    }
}
