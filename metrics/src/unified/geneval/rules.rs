//! Whether the objects of a picture are those of its prompt.

use super::{BoundingBox, Relation, Specification, Wanted, relations};

/// The tag whose objects need another confidence.
const COUNTING: &str = "counting";

/// An object that a detector found.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Its class.
    pub class: String,
    /// Its corners.
    pub bounds: BoundingBox,
    /// Confidence of the detector, 0 to 1.
    pub confidence: f32,
    /// What the colour classifier said of it; needed for classes whose colour is asked for.
    pub color: Option<String>,
}

/// Thresholds. The default is GenEval's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenevalOptions {
    /// Objects count above this confidence.
    pub confidence: f32,
    /// The same for the tag `counting`.
    pub counting_confidence: f32,
    /// At most so many objects of a class.
    pub most_objects: usize,
    /// How much of their sizes is taken off the way between two objects.
    pub position: f32,
}

impl Default for GenevalOptions {
    fn default() -> Self {
        Self { confidence: 0.3, counting_confidence: 0.9, most_objects: 16, position: 0.1 }
    }
}

/// What can be wrong with a picture's detections or its specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenevalError {
    /// Neither wanted nor excluded objects.
    #[error("the specification asks for nothing: it needs `include` or `exclude`")]
    Nothing,
    /// A number of 0.
    #[error("the specification wants {class} 0 times: a count is at least 1")]
    Count {
        /// Which class.
        class: String,
    },
    /// A position to an entry that does not come before.
    #[error("entry {entry} (counted from 0) is placed to entry {target}, which is not before it")]
    Target {
        /// Which entry.
        entry: usize,
        /// What it names.
        target: usize,
    },
    /// A number that is none.
    #[error(
        "detection {index} (counted from 0), {class}: its box and its confidence must be finite numbers"
    )]
    NotFinite {
        /// Which detection.
        index: usize,
        /// Its class.
        class: String,
    },
    /// A colour that nobody has named.
    #[error(
        "a {class} must be {color}, but its detection has no `color`: run the colour classifier on the {count} most confident ones"
    )]
    NoColor {
        /// Which class.
        class: String,
        /// What it should be.
        color: String,
        /// How many are asked for.
        count: usize,
    },
}

/// Whether a picture is right, and if not why, one sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// No reason against it.
    pub reasons: Vec<String>,
}

impl Judgement {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Judges a picture by its detections (rule of `evaluate_images.py`, djghosh13/geneval at af4902f, with its suppression of overlapping boxes off, as it is by default).
///
/// Of each class the detections above the confidence are taken, the most confident ones first (of equal ones the later), at most [`GenevalOptions::most_objects`]. Every entry
/// of `include` needs its count; the first `count` objects must all have its colour and stand as asked to all first objects of the earlier entry, which must itself be fulfilled.
/// An entry of `exclude` forbids its count or more.
///
/// # Errors
/// If the specification asks for nothing, for a count of 0 or for a position to a later entry, a number is not finite, or a colour is missing.
pub fn judge(
    specification: &Specification,
    detections: &[Detection],
    options: &GenevalOptions,
) -> Result<Judgement, GenevalError> {
    check(specification, detections)?;
    let confidence = if specification.tag == COUNTING {
        options.counting_confidence
    } else {
        options.confidence
    };
    let of_class = |class: &str| objects(detections, class, confidence, options.most_objects);
    let mut judgement = Judgement::default();
    let mut fulfilled: Vec<Option<Vec<&Detection>>> = Vec::new();
    for wanted in &specification.include {
        let mut found = of_class(&wanted.class);
        found.truncate(wanted.count);
        let fault = fault(wanted, &found, &fulfilled, options.position)?;
        fulfilled.push(fault.is_none().then_some(found));
        judgement.reasons.extend(fault);
    }
    for excluded in &specification.exclude {
        let found = of_class(&excluded.class).len();
        if found >= excluded.count {
            let reason = format!(
                "fewer than {} {} are wanted, {found} are there",
                excluded.count, excluded.class
            );
            judgement.reasons.push(reason);
        }
    }
    Ok(judgement)
}

fn check(specification: &Specification, detections: &[Detection]) -> Result<(), GenevalError> {
    if specification.include.is_empty() && specification.exclude.is_empty() {
        return Err(GenevalError::Nothing);
    }
    let counts = specification.include.iter().map(|wanted| (&wanted.class, wanted.count));
    let excluded = specification.exclude.iter().map(|excluded| (&excluded.class, excluded.count));
    if let Some((class, _)) = counts.chain(excluded).find(|(_, count)| *count == 0) {
        return Err(GenevalError::Count { class: class.clone() });
    }
    for (entry, wanted) in specification.include.iter().enumerate() {
        match wanted.position {
            Some((_, target)) if target >= entry => {
                return Err(GenevalError::Target { entry, target });
            }
            _ => {}
        }
    }
    let is_finite = |detection: &Detection| {
        detection.confidence.is_finite() && detection.bounds.iter().all(|value| value.is_finite())
    };
    match detections.iter().position(|detection| !is_finite(detection)) {
        Some(index) => {
            Err(GenevalError::NotFinite { index, class: detections[index].class.clone() })
        }
        None => Ok(()),
    }
}

/// The detections of a class that count, the most confident ones first.
fn objects<'a>(
    detections: &'a [Detection],
    class: &str,
    confidence: f32,
    most: usize,
) -> Vec<&'a Detection> {
    let mut found: Vec<&Detection> = detections
        .iter()
        .rev()
        .filter(|detection| detection.class == class && detection.confidence > confidence)
        .collect();
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(most);
    found
}

/// What is wrong with the objects that stand for an entry.
fn fault(
    wanted: &Wanted,
    found: &[&Detection],
    fulfilled: &[Option<Vec<&Detection>>],
    threshold: f32,
) -> Result<Option<String>, GenevalError> {
    let Wanted { class, count, color, position } = wanted;
    if found.len() < *count {
        return Ok(Some(format!("{count} {class} are wanted, {} are there", found.len())));
    }
    if let Some(color) = color {
        let mut right = 0;
        for object in found {
            let Some(said) = &object.color else {
                let (class, color, count) = (class.clone(), color.clone(), *count);
                return Err(GenevalError::NoColor { class, color, count });
            };
            right += usize::from(said == color);
        }
        if right < *count {
            return Ok(Some(format!("{count} {color} {class} are wanted, {right} are {color}")));
        }
    }
    let Some((relation, target)) = position else { return Ok(None) };
    let Some(Some(targets)) = fulfilled.get(*target) else {
        return Ok(Some(format!("there is nothing that {class} could be {relation}")));
    };
    let stands = |object: &Detection, target: &Detection| {
        relations(&object.bounds, &target.bounds, threshold).contains(relation)
    };
    let all = found.iter().all(|object| targets.iter().all(|target| stands(object, target)));
    Ok((!all).then(|| misplaced(class, *relation)))
}

fn misplaced(class: &str, relation: Relation) -> String {
    format!("a {class} is not {relation} what it should be")
}

#[cfg(test)]
mod tests {
    use super::super::Excluded;
    use super::*;

    fn detection(class: &str, x: f32, confidence: f32, color: &str) -> Detection {
        Detection {
            class: class.to_owned(),
            bounds: [x, 0.0, x + 10.0, 10.0],
            confidence,
            color: (!color.is_empty()).then(|| color.to_owned()),
        }
    }

    fn wanted(class: &str, count: usize) -> Wanted {
        Wanted { class: class.to_owned(), count, color: None, position: None }
    }

    fn specification(tag: &str, include: Vec<Wanted>, exclude: &[(&str, usize)]) -> Specification {
        let excluded =
            |&(class, count): &(&str, usize)| Excluded { class: class.to_owned(), count };
        Specification {
            tag: tag.to_owned(),
            prompt: "a photo".to_owned(),
            include,
            exclude: exclude.iter().map(excluded).collect(),
        }
    }

    fn right(specification: &Specification, detections: &[Detection]) -> bool {
        judge(specification, detections, &GenevalOptions::default()).unwrap().is_right()
    }

    #[test]
    fn objects_and_counts() {
        let one = specification("single_object", vec![wanted("cat", 1)], &[]);
        assert!(right(&one, &[detection("cat", 0.0, 0.31, "")]));
        assert!(!right(&one, &[detection("cat", 0.0, 0.3, "")]));
        assert!(!right(&one, &[detection("dog", 0.0, 0.9, "")]));
        let two = specification("counting", vec![wanted("cat", 2)], &[("cat", 3)]);
        let cats = |confidences: &[f32]| -> Vec<Detection> {
            confidences.iter().map(|&confidence| detection("cat", 0.0, confidence, "")).collect()
        };
        assert!(right(&two, &cats(&[0.95, 0.91])));
        assert!(!right(&two, &cats(&[0.95, 0.9])));
        assert!(!right(&two, &cats(&[0.95, 0.91, 0.92])));
        assert!(right(&two, &cats(&[0.95, 0.91, 0.89])));
        // Sixteen of twenty count.
        let many = specification("counting", vec![wanted("cat", 16)], &[("cat", 17)]);
        assert!(right(&many, &cats(&[0.95; 20])));
    }

    #[test]
    fn colours_are_those_of_the_most_confident() {
        let red = Wanted { color: Some("red".to_owned()), ..wanted("car", 1) };
        let one = specification("colors", vec![red], &[]);
        let [good, bad] = [("red", 0.9), ("blue", 0.8)]
            .map(|(color, confidence)| detection("car", 0.0, confidence, color));
        assert!(right(&one, &[bad.clone(), good.clone()]));
        assert!(!right(&one, &[Detection { confidence: 0.95, ..bad }, good]));
        let unnamed = judge(&one, &[detection("car", 0.0, 0.9, "")], &GenevalOptions::default());
        assert!(unnamed.unwrap_err().to_string().contains("no `color`"));
    }

    #[test]
    fn places_are_to_an_earlier_entry_that_is_fulfilled() {
        let left = Wanted { position: Some((Relation::LeftOf, 0)), ..wanted("dog", 1) };
        let two = specification("position", vec![wanted("cat", 1), left], &[]);
        let at = |cat, dog| [detection("cat", cat, 0.9, ""), detection("dog", dog, 0.9, "")];
        assert!(right(&two, &at(50.0, 0.0)));
        assert!(!right(&two, &at(0.0, 50.0)));
        let judgement = judge(&two, &at(50.0, 0.0)[1..], &GenevalOptions::default()).unwrap();
        assert_eq!(judgement.reasons.len(), 2, "{judgement:?}");
    }

    #[test]
    fn wrong_specifications_are_refused() {
        let check = |specification: &Specification, detections: &[Detection]| {
            judge(specification, detections, &GenevalOptions::default()).unwrap_err()
        };
        assert_eq!(check(&specification("x", Vec::new(), &[]), &[]), GenevalError::Nothing);
        let none = specification("x", vec![wanted("cat", 0)], &[]);
        assert_eq!(check(&none, &[]), GenevalError::Count { class: "cat".to_owned() });
        let later = Wanted { position: Some((Relation::Above, 1)), ..wanted("dog", 1) };
        let later = specification("x", vec![wanted("cat", 1), later], &[]);
        assert_eq!(check(&later, &[]), GenevalError::Target { entry: 1, target: 1 });
        let one = specification("x", vec![wanted("cat", 1)], &[]);
        let broken = [detection("cat", f32::NAN, 0.9, "")];
        assert!(matches!(check(&one, &broken), GenevalError::NotFinite { index: 0, .. }));
    }
}
