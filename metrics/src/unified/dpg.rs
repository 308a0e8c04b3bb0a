//! DPG-Bench (arXiv:2403.05135): does a picture hold what each proposition of a long prompt says? Aggregation of yes and no, whoever said it.

use super::shares::scaled;
use crate::statistics::{ResampleOptions, mean_estimate, resampled_interval};
use crate::{Absence, AbsenceReason, Measurement, Unit};
use std::collections::{BTreeMap, HashMap};

/// Which parents can make a proposition false. They differ only where a proposition stands before one of its parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParentRule {
    /// Those that were scored before (ULMEvalKit): a parent that stands later counts as true.
    ScoredBefore,
    /// All (`compute_dpg_bench.py` of ELLA): a parent that stands later counts by its answer alone, its own parents left out.
    All,
}

impl ParentRule {
    /// The name on the command line and in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScoredBefore => "scored-before",
            Self::All => "all",
        }
    }
}

/// A proposition with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposition {
    /// Its number, unique in its prompt.
    pub id: u64,
    /// Numbers of the propositions that it depends on; 0 is none.
    pub parents: Vec<u64>,
    /// `entity`, `attribute` …: what is averaged beside the score.
    pub category: Option<String>,
    /// Whether the answer was yes.
    pub yes: bool,
}

/// A picture of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Which prompt.
    pub prompt: String,
    /// Its propositions in the order in which they are scored.
    pub propositions: Vec<Proposition>,
}

/// What can be wrong with the propositions of a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpgError {
    /// No proposition.
    #[error("prompt `{prompt}` has a picture without propositions")]
    Empty {
        /// Which prompt.
        prompt: String,
    },
    /// A number twice, or 0.
    #[error(
        "prompt `{prompt}`: proposition {id} is there twice, or has the number 0, which stands for no parent"
    )]
    Number {
        /// Which prompt.
        prompt: String,
        /// The number.
        id: u64,
    },
    /// A parent that is not there.
    #[error("prompt `{prompt}`: proposition {id} depends on {parent}, which is not there")]
    NoParent {
        /// Which prompt.
        prompt: String,
        /// The proposition.
        id: u64,
        /// Its parent.
        parent: u64,
    },
}

/// Whether each proposition of a picture counts: answered with yes, and no parent is false.
///
/// # Errors
/// Without propositions, for a number that is 0 or there twice, or a parent that is not there.
pub fn scores(picture: &Picture, rule: ParentRule) -> Result<Vec<bool>, DpgError> {
    let prompt = || picture.prompt.clone();
    if picture.propositions.is_empty() {
        return Err(DpgError::Empty { prompt: prompt() });
    }
    let mut answers = HashMap::new();
    for &Proposition { id, yes, .. } in &picture.propositions {
        if id == 0 || answers.insert(id, yes).is_some() {
            return Err(DpgError::Number { prompt: prompt(), id });
        }
    }
    let mut scored: HashMap<u64, bool> = HashMap::new();
    let mut all = Vec::with_capacity(picture.propositions.len());
    for Proposition { id, parents, yes, .. } in &picture.propositions {
        let mut counts = *yes;
        for parent in parents.iter().filter(|parent| **parent != 0) {
            let Some(answer) = answers.get(parent) else {
                return Err(DpgError::NoParent { prompt: prompt(), id: *id, parent: *parent });
            };
            let unscored = match rule {
                ParentRule::ScoredBefore => true,
                // A proposition that depends on itself counts by its answer too.
                ParentRule::All => *answer,
            };
            counts &= scored.get(parent).copied().unwrap_or(unscored);
        }
        scored.insert(*id, counts);
        all.push(counts);
    }
    Ok(all)
}

/// The score of DPG-Bench in two ways, and the share of each category, all in percent.
///
/// - `DPG|pooled`: mean over all propositions of all pictures (ULMEvalKit, and so AIA's tables).
/// - `DPG|per-prompt`: mean over prompts of the mean over their pictures of the share of propositions that count (ELLA's script).
///
/// Intervals: bootstrap over prompts; Student's t over prompts. Prompts stand in the order of their first picture.
///
/// # Errors
/// As [`scores`].
pub fn measurements(
    pictures: &[Picture],
    rule: ParentRule,
    options: ResampleOptions,
) -> Result<Vec<Measurement>, DpgError> {
    let mut prompts: Vec<Vec<(u64, u64)>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut categories: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for picture in pictures {
        let counted = scores(picture, rule)?;
        let place = *places.entry(&picture.prompt).or_insert_with(|| {
            prompts.push(Vec::new());
            prompts.len() - 1
        });
        let right = counted.iter().filter(|counts| **counts).count() as u64;
        prompts[place].push((right, counted.len() as u64));
        for (proposition, counts) in picture.propositions.iter().zip(counted) {
            if let Some(category) = &proposition.category {
                let (right, all) = categories.entry(category).or_default();
                *right += u64::from(counts);
                *all += 1;
            }
        }
    }
    let mut found = vec![pooled(&prompts, rule, options), per_prompt(&prompts, rule)];
    found.extend(categories.into_iter().map(|(category, (right, all))| {
        Measurement::of(
            format!("DPG|{category}"),
            100.0 * right as f64 / all as f64,
            Unit::Percent,
            all,
            "propositions of the category that count / propositions of the category",
        )
    }));
    Ok(found)
}

/// (right, all) of each picture, by prompt.
fn pooled(prompts: &[Vec<(u64, u64)>], rule: ParentRule, options: ResampleOptions) -> Measurement {
    let method = format!(
        "propositions that count / propositions, over all pictures; parents: {}",
        rule.as_str()
    );
    let share = |indices: &mut dyn Iterator<Item = usize>| {
        let (right, all) = indices
            .flat_map(|prompt| &prompts[prompt])
            .fold((0, 0), |(right, all), picture| (right + picture.0, all + picture.1));
        (all > 0).then(|| right as f64 / all as f64)
    };
    let n = prompts.iter().flatten().map(|picture| picture.1).sum();
    match share(&mut (0..prompts.len())) {
        None => absent("DPG|pooled", method),
        Some(value) => {
            let interval = resampled_interval(&[prompts.len()], "prompts", options, |drawn| {
                share(&mut drawn[0].iter().copied())
            });
            Measurement::of("DPG|pooled", 100.0 * value, Unit::Percent, n, method)
                .with_interval(interval.and_then(|interval| scaled(&interval, 100.0)))
        }
    }
}

fn per_prompt(prompts: &[Vec<(u64, u64)>], rule: ParentRule) -> Measurement {
    let method = format!(
        "mean over prompts of the mean over pictures of propositions that count / propositions; parents: {}",
        rule.as_str()
    );
    let mean = |pictures: &Vec<(u64, u64)>| {
        let shares = pictures.iter().map(|&(right, all)| right as f64 / all as f64);
        100.0 * shares.sum::<f64>() / pictures.len() as f64
    };
    let means: Vec<f64> = prompts.iter().map(mean).collect();
    match mean_estimate(&means, 0.95) {
        Err(_) => absent("DPG|per-prompt", method),
        Ok(estimate) => Measurement::of(
            "DPG|per-prompt",
            estimate.mean,
            Unit::Percent,
            means.len() as u64,
            method,
        )
        .with_interval(estimate.interval),
    }
}

fn absent(metric: &str, method: String) -> Measurement {
    let absence = Absence::new(AbsenceReason::TooFewSamples, "there is no picture");
    Measurement::absent(metric, Unit::Percent, 0, method, absence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(prompt: &str, propositions: &[(u64, &[u64], bool)]) -> Picture {
        let proposition = |&(id, parents, yes): &(u64, &[u64], bool)| Proposition {
            id,
            parents: parents.to_vec(),
            category: Some(if id == 1 { "entity" } else { "attribute" }.to_owned()),
            yes,
        };
        Picture {
            prompt: prompt.to_owned(),
            propositions: propositions.iter().map(proposition).collect(),
        }
    }

    #[test]
    fn a_false_parent_makes_its_children_false_and_theirs() {
        let chain =
            picture("a", &[(1, &[0], false), (2, &[1], true), (3, &[2], true), (4, &[0], true)]);
        for rule in [ParentRule::ScoredBefore, ParentRule::All] {
            assert_eq!(scores(&chain, rule).unwrap(), [false, false, false, true]);
        }
    }

    #[test]
    fn order_matters_where_a_parent_stands_later() {
        // 1 depends on 2, which was answered with yes but depends on 3, answered with no.
        let later = picture("a", &[(1, &[2], true), (2, &[3], true), (3, &[0], false)]);
        assert_eq!(scores(&later, ParentRule::ScoredBefore).unwrap(), [true, true, false]);
        assert_eq!(scores(&later, ParentRule::All).unwrap(), [true, false, false]);
    }

    #[test]
    fn pooled_and_per_prompt_differ() {
        let pictures = [
            picture("a", &[(1, &[0], true), (2, &[1], true), (3, &[1], true), (4, &[1], false)]),
            picture("b", &[(1, &[0], false), (2, &[1], true)]),
            picture("b", &[(1, &[0], true), (2, &[1], true)]),
        ];
        let found =
            measurements(&pictures, ParentRule::ScoredBefore, ResampleOptions::default()).unwrap();
        let values: Vec<(&str, f64)> =
            found.iter().map(|m| (m.metric.as_str(), m.value().unwrap())).collect();
        assert_eq!(
            values,
            [
                ("DPG|pooled", 62.5),
                ("DPG|per-prompt", 62.5),
                ("DPG|attribute", 60.0),
                ("DPG|entity", 100.0 * 2.0 / 3.0)
            ]
        );
        let uneven = [pictures[0].clone(), pictures[1].clone()];
        let found = measurements(&uneven, ParentRule::All, ResampleOptions::default()).unwrap();
        assert_eq!((found[0].value(), found[1].value()), (Some(50.0), Some(37.5)));
    }

    #[test]
    fn wrong_propositions_are_refused() {
        let check = |propositions: &[(u64, &[u64], bool)]| {
            scores(&picture("p", propositions), ParentRule::All).unwrap_err()
        };
        assert!(matches!(check(&[]), DpgError::Empty { .. }));
        assert!(matches!(check(&[(0, &[], true)]), DpgError::Number { id: 0, .. }));
        assert!(matches!(check(&[(1, &[], true), (1, &[], true)]), DpgError::Number { id: 1, .. }));
        assert!(matches!(check(&[(1, &[7], true)]), DpgError::NoParent { parent: 7, .. }));
        let found = measurements(&[], ParentRule::All, ResampleOptions::default()).unwrap();
        assert!(found.iter().all(|measured| measured.value().is_none()));
    }
}
