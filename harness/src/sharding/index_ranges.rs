//! Numbers as schedulers take them: `3,7-9`.

/// Rising numbers as single ones and ranges. Two neighbours are written as a range too.
pub(crate) fn index_ranges(rising: &[usize]) -> String {
    let mut text = String::new();
    for run in rising.chunk_by(|left, right| left + 1 == *right) {
        let ([first, ..], [.., last]) = (run, run) else { continue };
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.to_string());
        if first != last {
            text.push_str(&format!("-{last}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn single_numbers_and_ranges() {
        assert_eq!(index_ranges(&[]), "");
        assert_eq!(index_ranges(&[3, 7, 8, 9]), "3,7-9");
        assert_eq!(index_ranges(&[0, 1, 5]), "0-1,5");
    }

    proptest! {
        #[test]
        fn they_name_the_same_numbers(set in prop::collection::btree_set(0_usize..60, 0..40)) {
            let rising: Vec<usize> = set.into_iter().collect();
            let mut named = Vec::new();
            for part in index_ranges(&rising).split(',').filter(|part| !part.is_empty()) {
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                named.extend(first.parse::<usize>().unwrap()..=last.parse::<usize>().unwrap());
            }
            prop_assert_eq!(named, rising);
        }
    }
}
