//! Train and test sets for probes. The split belongs to the manifest: no run, order or worker changes it.

use super::error::ImageError;
use super::reader::SampleInfo;
use retally_manifests::Split;
use sha2::{Digest as _, Sha256};

/// Sample indices of both sets, ascending; together they are all samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrainTest {
    /// Indices of the training set.
    pub train: Vec<usize>,
    /// Indices of the test set.
    pub test: Vec<usize>,
}

/// Splits a data set; `None` if its manifest says that there is no split.
///
/// [`Split::HashedPerClass`]: the samples of a class are ordered by SHA-256 of the seed (8 bytes, little-endian)
/// followed by the key (UTF-8); the first `test_percent` per cent of them, rounded half up, are the test set. Both
/// sets get at least one sample of every class.
///
/// # Errors
/// If the samples have no labels, a class has a single sample, or either set would be empty. A class without samples is
/// left out.
pub fn split(
    split: Split,
    samples: &[SampleInfo],
    classes: &[String],
) -> Result<Option<TrainTest>, ImageError> {
    match split {
        Split::None => Ok(None),
        Split::Leading { train } => leading(train, samples.len()).map(Some),
        Split::HashedPerClass { seed, test_percent } => {
            hashed_per_class(seed, test_percent, samples, classes).map(Some)
        }
    }
}

fn leading(train: u64, count: usize) -> Result<TrainTest, ImageError> {
    match usize::try_from(train) {
        Ok(train) if 0 < train && train < count => {
            Ok(TrainTest { train: (0..train).collect(), test: (train..count).collect() })
        }
        _ => Err(ImageError::Split(format!(
            "the first {train} of {count} samples are to be the training set; give 1 to {}",
            count.saturating_sub(1)
        ))),
    }
}

fn hashed_per_class(
    seed: u64,
    test_percent: u8,
    samples: &[SampleInfo],
    classes: &[String],
) -> Result<TrainTest, ImageError> {
    if !(1..=99).contains(&test_percent) {
        return Err(ImageError::Split(format!("test_percent is {test_percent}; give 1 to 99")));
    }
    let mut members = vec![Vec::new(); classes.len()];
    for (index, sample) in samples.iter().enumerate() {
        let class = sample.class.and_then(|class| members.get_mut(class as usize));
        let Some(class) = class else {
            return Err(ImageError::Split(format!(
                "sample `{}` has no label; give labels or set the split to none",
                sample.key
            )));
        };
        class.push((hash(seed, &sample.key), index));
    }
    let mut sets = TrainTest::default();
    for (name, mut members) in classes.iter().zip(members) {
        match members.len() {
            // The first samples of a larger set need not hold every class.
            0 => continue,
            1 => {
                return Err(ImageError::Split(format!(
                    "class `{name}` has 1 sample; every class needs at least 2 (or none, \
                     where only part of a set is used)"
                )));
            }
            _ => {}
        }
        members.sort_unstable();
        let rounded = (members.len() * usize::from(test_percent) + 50) / 100;
        let test = rounded.clamp(1, members.len() - 1);
        let (test, train) = members.split_at(test);
        sets.test.extend(test.iter().map(|&(_, index)| index));
        sets.train.extend(train.iter().map(|&(_, index)| index));
    }
    sets.train.sort_unstable();
    sets.test.sort_unstable();
    if sets.train.is_empty() {
        return Err(ImageError::Split("there are no samples".to_owned()));
    }
    Ok(sets)
}

fn hash(seed: u64, key: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    hasher.update(key.as_bytes());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(sizes: &[usize]) -> (Vec<SampleInfo>, Vec<String>) {
        let samples = sizes.iter().enumerate().flat_map(|(class, &size)| {
            (0..size)
                .map(move |n| SampleInfo { key: format!("{class}/{n}"), class: Some(class as u32) })
        });
        (samples.collect(), (0..sizes.len()).map(|class| class.to_string()).collect())
    }

    #[test]
    fn hashed_split_is_stratified_and_independent_of_order() {
        let (samples, classes) = samples(&[10, 7, 2]);
        let rule = Split::HashedPerClass { seed: 0, test_percent: 30 };
        let sets = split(rule, &samples, &classes).unwrap().unwrap();
        let count =
            |class| sets.test.iter().filter(|&&index| samples[index].class == Some(class)).count();
        // 3; 2.1 -> 2; 0.6 -> 1.
        assert_eq!([count(0), count(1), count(2)], [3, 2, 1]);
        let keys = |samples: &[SampleInfo], indices: &[usize]| {
            let mut keys: Vec<_> =
                indices.iter().map(|&index| samples[index].key.clone()).collect();
            keys.sort();
            keys
        };
        let reversed: Vec<_> = samples.iter().rev().cloned().collect();
        let again = split(rule, &reversed, &classes).unwrap().unwrap();
        assert_eq!(keys(&samples, &sets.test), keys(&reversed, &again.test));
        let other = Split::HashedPerClass { seed: 1, test_percent: 30 };
        assert_ne!(split(other, &samples, &classes).unwrap().unwrap(), sets);
    }

    /// `hashlib.sha256((0).to_bytes(8, "little") + f"0/{n}".encode())` for n = 0..5, sorted: 2 of 5 at 40 per cent.
    #[test]
    fn hashed_split_equals_hashlib() {
        let (samples, classes) = samples(&[5]);
        let rule = Split::HashedPerClass { seed: 0, test_percent: 40 };
        assert_eq!(split(rule, &samples, &classes).unwrap().unwrap().test, [0, 1]);
    }

    #[test]
    fn both_sets_get_every_class() {
        let (samples, classes) = samples(&[2, 2]);
        for test_percent in [1, 99] {
            let rule = Split::HashedPerClass { seed: 3, test_percent };
            let sets = split(rule, &samples, &classes).unwrap().unwrap();
            assert_eq!((sets.train.len(), sets.test.len()), (2, 2));
        }
    }

    #[test]
    fn impossible_splits_are_refused() {
        let (mut samples, classes) = samples(&[2, 1]);
        let rule = Split::HashedPerClass { seed: 0, test_percent: 50 };
        assert!(
            split(rule, &samples, &classes)
                .unwrap_err()
                .to_string()
                .contains("class `1` has 1 sample")
        );
        samples[0].class = None;
        assert!(split(rule, &samples, &classes).unwrap_err().to_string().contains("has no label"));
        assert!(split(rule, &[], &[]).is_err());
        for train in [0, 3, u64::MAX] {
            assert!(split(Split::Leading { train }, &samples, &classes).is_err());
        }
        let sets = split(Split::Leading { train: 2 }, &samples, &classes).unwrap().unwrap();
        assert_eq!((sets.train, sets.test), (vec![0, 1], vec![2]));
        assert_eq!(split(Split::None, &samples, &classes).unwrap(), None);
    }
}
