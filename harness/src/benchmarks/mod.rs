//! Prediction files of benchmarks, to what their rules take. Each reader gives notes on what a reader of the score should know: counts that are not those of the benchmark.

pub(crate) mod dpg;
pub(crate) mod geneval;
pub(crate) mod mme;
pub(crate) mod mmmu;
pub(crate) mod mmvp;
pub(crate) mod pope;

/// What was read, and what is to be known of it.
#[derive(Debug)]
pub(crate) struct WithNotes<T> {
    pub(crate) content: T,
    pub(crate) notes: Vec<String>,
}

/// A name of a question, a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Name {
    Number(u64),
    Text(String),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
