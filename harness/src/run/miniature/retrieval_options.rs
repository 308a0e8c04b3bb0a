//! Options of a retrieval in words of the command line: `distance=cosine`, `bank=64`, `queries=16`.

use crate::failure::Failure;
use retally_suites::miniature::RetrievalPlan;
use serde_json::{Value, json};

/// The plan with the options that the words name in place of its own.
///
/// # Errors
/// If a word is no `OPTION=VALUE`, or names an option or a value that there is not; the message lists those that there are.
pub(super) fn changed(plan: &RetrievalPlan, words: &[String]) -> Result<RetrievalPlan, Failure> {
    let refused = |word: &str, reason: &dyn std::fmt::Display| {
        Failure::invalid(format_args!("--retrieval {word}: {reason} (docs/world-models.md)"))
    };
    let mut plan = *plan;
    for word in words {
        let Some((option, value)) = word.split_once('=') else {
            return Err(refused(word, &"expected OPTION=VALUE, as `distance=cosine`"));
        };
        let document = serde_json::to_value(plan).map_err(|error| refused(word, &error))?;
        let Value::Object(mut fields) = document else {
            return Err(refused(word, &"the options cannot be changed"));
        };
        fields.insert(option.to_owned(), number_or_word(option, value));
        plan =
            serde_json::from_value(Value::Object(fields)).map_err(|error| refused(word, &error))?;
    }
    Ok(plan)
}

fn number_or_word(option: &str, value: &str) -> Value {
    match value.parse::<u32>() {
        Ok(count) if option == "queries" => json!({ "first": count }),
        Ok(number) => json!(number),
        Err(_) => json!(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_suites::miniature::{QuerySet, RetrievalDistance, ViewFamily};

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn options_are_changed_one_by_one() {
        let plan = RetrievalPlan::default();
        let chosen = words(&["bank=64", "distance=cosine", "queries=16", "augmentation=jitter"]);
        let found = changed(&plan, &chosen).unwrap();
        let expected = RetrievalPlan {
            bank: 64,
            distance: RetrievalDistance::Cosine,
            queries: QuerySet::First(16),
            augmentation: ViewFamily::Jitter,
            ..plan
        };
        assert_eq!(found, expected);
        assert_eq!(changed(&expected, &words(&["queries=all"])).unwrap().queries, QuerySet::All);
        assert_eq!(changed(&plan, &[]).unwrap(), plan);
    }

    #[test]
    fn unknown_options_and_values_are_refused_with_those_that_there_are() {
        let cases = [
            ("distance", "expected OPTION=VALUE"),
            ("distance=l1", "expected `l2` or `cosine`"),
            ("metric=l2", "unknown field `metric`, expected one of `bank`"),
            ("bank=many", "invalid type: string \"many\", expected u32"),
        ];
        for (word, part) in cases {
            let message =
                changed(&RetrievalPlan::default(), &words(&[word])).unwrap_err().message();
            assert!(message.contains(part), "{word}: {message}");
        }
    }
}
