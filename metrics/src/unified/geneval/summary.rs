//! From judged pictures to GenEval's score.

use super::super::shares::percent;
use super::Specification;
use crate::statistics::{ResampleOptions, resampled_interval};
use crate::{Absence, AbsenceReason, Measurement, Unit};
use std::collections::HashMap;

/// A picture that was judged.
#[derive(Clone, Copy, Debug)]
pub struct JudgedPicture<'a> {
    /// What it was to show.
    pub specification: &'a Specification,
    /// Whether it does.
    pub right: bool,
}

/// Right and all pictures of one prompt.
type Prompt = (u64, u64);

/// The score (unweighted mean over tags of the share of right pictures), the share of each tag, of all pictures, and of prompts with a right picture.
///
/// The score and the tags are fractions with a bootstrap over prompts (pictures of one prompt are not independent); tags stand in the order of their first picture. Shares of
/// all are in percent with Wilson's interval, which for pictures is too narrow where prompts have several. Pictures belong to one prompt if their specifications are equal.
#[must_use]
pub fn measurements(pictures: &[JudgedPicture<'_>], options: ResampleOptions) -> Vec<Measurement> {
    let tags = by_tag(pictures);
    let right = pictures.iter().filter(|picture| picture.right).count() as u64;
    let prompts = || tags.iter().flat_map(|(_, prompts)| prompts);
    let with_right = prompts().filter(|(right, _)| *right > 0).count() as u64;
    let mut found = vec![overall(&tags, pictures.len() as u64, options)];
    found.extend(tags.iter().map(|(tag, prompts)| {
        let metric = format!("GenEval|{tag}");
        mean_of_tags(metric, &[prompts], "right pictures / pictures", options)
    }));
    found.push(percent(
        "GenEval|pictures",
        (right, pictures.len() as u64),
        "right pictures / pictures, all tags",
        "pictures",
    ));
    found.push(percent(
        "GenEval|prompts",
        (with_right, prompts().count() as u64),
        "prompts with a right picture / prompts",
        "prompts",
    ));
    found
}

fn by_tag<'a>(pictures: &[JudgedPicture<'a>]) -> Vec<(&'a str, Vec<Prompt>)> {
    let mut tags: Vec<(&str, Vec<Prompt>)> = Vec::new();
    let mut places: HashMap<&Specification, (usize, usize)> = HashMap::new();
    for picture in pictures {
        let specification = picture.specification;
        let (tag, prompt) = *places.entry(specification).or_insert_with(|| {
            let known = tags.iter().position(|(tag, _)| *tag == specification.tag);
            let tag = known.unwrap_or_else(|| {
                tags.push((&specification.tag, Vec::new()));
                tags.len() - 1
            });
            tags[tag].1.push((0, 0));
            (tag, tags[tag].1.len() - 1)
        });
        let (right, all) = &mut tags[tag].1[prompt];
        *right += u64::from(picture.right);
        *all += 1;
    }
    tags
}

fn overall(tags: &[(&str, Vec<Prompt>)], n: u64, options: ResampleOptions) -> Measurement {
    let names: Vec<&str> = tags.iter().map(|(tag, _)| *tag).collect();
    let method = format!(
        "unweighted mean over tags of right pictures / pictures; tags: {}",
        names.join(", ")
    );
    if tags.is_empty() {
        let absence = Absence::new(AbsenceReason::TooFewSamples, "there is no picture");
        return Measurement::absent("GenEval", Unit::Fraction, n, method, absence);
    }
    let prompts: Vec<&Vec<Prompt>> = tags.iter().map(|(_, prompts)| prompts).collect();
    mean_of_tags("GenEval".to_owned(), &prompts, &method, options)
}

fn mean_of_tags(
    metric: String,
    tags: &[&Vec<Prompt>],
    method: &str,
    options: ResampleOptions,
) -> Measurement {
    let share = |prompts: &mut dyn Iterator<Item = Prompt>| {
        let (right, all) =
            prompts.fold((0, 0), |(right, all), prompt| (right + prompt.0, all + prompt.1));
        right as f64 / all as f64
    };
    let mean = tags.iter().map(|prompts| share(&mut prompts.iter().copied())).sum::<f64>()
        / tags.len() as f64;
    let sizes: Vec<usize> = tags.iter().map(|prompts| prompts.len()).collect();
    let interval = resampled_interval(&sizes, "prompts", options, |drawn| {
        let shares = tags
            .iter()
            .zip(drawn)
            .map(|(prompts, indices)| share(&mut indices.iter().map(|&index| prompts[index])));
        Some(shares.sum::<f64>() / tags.len() as f64)
    });
    let n = tags.iter().flat_map(|prompts| prompts.iter()).map(|(_, all)| all).sum();
    Measurement::of(metric, mean, Unit::Fraction, n, method).with_interval(interval)
}

#[cfg(test)]
mod tests {
    use super::super::Wanted;
    use super::*;

    #[test]
    fn tags_weigh_the_same() {
        let specification = |tag: &str, class: &str| Specification {
            tag: tag.to_owned(),
            prompt: class.to_owned(),
            include: vec![Wanted {
                class: class.to_owned(),
                count: 1,
                color: None,
                position: None,
            }],
            exclude: Vec::new(),
        };
        let specifications = [
            specification("single_object", "cat"),
            specification("single_object", "dog"),
            specification("colors", "cow"),
        ];
        let judged: Vec<JudgedPicture<'_>> =
            [(0, true), (0, false), (1, false), (1, false), (2, true)]
                .into_iter()
                .map(|(index, right): (usize, bool)| JudgedPicture {
                    specification: &specifications[index],
                    right,
                })
                .collect();
        let found = measurements(&judged, ResampleOptions::default());
        let values: Vec<(&str, f64)> =
            found.iter().map(|m| (m.metric.as_str(), m.value().unwrap())).collect();
        assert_eq!(
            values,
            [
                ("GenEval", 0.625),
                ("GenEval|single_object", 0.25),
                ("GenEval|colors", 1.0),
                ("GenEval|pictures", 40.0),
                ("GenEval|prompts", 100.0 * 2.0 / 3.0)
            ]
        );
        assert!(measurements(&[], ResampleOptions::default())[0].absence().is_some());
    }
}
