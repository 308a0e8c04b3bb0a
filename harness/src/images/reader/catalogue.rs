//! Which samples there are, and their classes.

use crate::images::error::ImageError;
use std::collections::{BTreeSet, HashMap, HashSet};

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleInfo {
    /// Its name, unique in the set and independent of where the set lies.
    pub key: String,
    /// Its class, an index into the class names; either all samples of a set have one or none has.
    pub class: Option<u32>,
}

/// The samples of a set in order, and the names of their classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    samples: Vec<SampleInfo>,
    classes: Vec<String>,
}

impl Catalogue {
    /// Samples without classes.
    pub(super) fn unlabelled(place: &str, keys: Vec<String>) -> Result<Self, ImageError> {
        let samples = keys.into_iter().map(|key| SampleInfo { key, class: None }).collect();
        Self { samples, classes: Vec::new() }.checked(place)
    }

    /// Samples with the names of their classes. Classes are numbered in the order of their sorted names: by value if
    /// all names are whole numbers (`2` before `10`), bytewise otherwise.
    pub(super) fn labelled(place: &str, named: Vec<(String, String)>) -> Result<Self, ImageError> {
        let classes: BTreeSet<&str> = named.iter().map(|(_, class)| class.as_str()).collect();
        let mut classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
        let numbers: Option<Vec<i64>> = classes.iter().map(|name| name.parse().ok()).collect();
        if numbers.is_some() {
            classes.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
        }
        let ids: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let samples = named
            .iter()
            .map(|(key, class)| SampleInfo {
                key: key.clone(),
                class: ids.get(class.as_str()).copied(),
            })
            .collect();
        Self { samples, classes }.checked(place)
    }

    /// Those at `indices`, in their order; classes keep their numbers.
    pub(super) fn selected(&self, indices: &[usize]) -> Result<Self, ImageError> {
        let samples = indices
            .iter()
            .map(|&index| self.check(index).cloned())
            .collect::<Result<Vec<_>, _>>()?;
        Self { samples, classes: self.classes.clone() }.checked("what was selected")
    }

    fn checked(self, place: &str) -> Result<Self, ImageError> {
        if self.samples.is_empty() {
            return Err(ImageError::layout(place, "there are no images in it"));
        }
        let mut keys = HashSet::with_capacity(self.samples.len());
        match self.samples.iter().find(|sample| !keys.insert(sample.key.as_str())) {
            Some(twin) => {
                let problem = format!("two samples are called `{}`: rename one", twin.key);
                Err(ImageError::layout(place, problem))
            }
            None => Ok(self),
        }
    }

    /// The samples, in order.
    #[must_use]
    pub fn samples(&self) -> &[SampleInfo] {
        &self.samples
    }

    /// Names of the classes, by class number; empty if the set has no labels.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many samples there are; at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a catalogue is never empty")]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// The error of asking for a sample that does not exist.
    pub(super) fn check(&self, index: usize) -> Result<&SampleInfo, ImageError> {
        self.samples.get(index).ok_or(ImageError::Index { index, count: self.samples.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes_of(names: &[&str]) -> Vec<String> {
        let named =
            names.iter().enumerate().map(|(n, name)| (n.to_string(), (*name).to_owned())).collect();
        Catalogue::labelled("here", named).unwrap().classes
    }

    #[test]
    fn numbers_sort_by_value_and_names_bytewise() {
        assert_eq!(classes_of(&["10", "2", "2", "0"]), ["0", "2", "10"]);
        assert_eq!(classes_of(&["b", "10", "2"]), ["10", "2", "b"]);
    }

    #[test]
    fn empty_sets_and_twins_are_refused() {
        assert!(
            Catalogue::unlabelled("here", vec![]).unwrap_err().to_string().contains("no images")
        );
        let twins = vec!["a".to_owned(), "a".to_owned()];
        assert!(Catalogue::unlabelled("here", twins).unwrap_err().to_string().contains("`a`"));
    }
}
