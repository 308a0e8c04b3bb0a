//! What a description says of attention: where it is, or which model computes it, and where the tokens are.

use crate::failure::Failure;
use retally_metrics::unified::interaction::{
    AttentionSlices, InteractionError, InteractionTask, SliceRule, Spans, TokenPositions,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// More layers than any model has; a larger number is a mistake.
const MOST_LAYERS: usize = 4096;

/// What stands for a layer's number in a name of files.
const LAYER: &str = "{layer";

/// A file of samples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    /// The samples; not one may be missing a field that it needs.
    pub(super) sample: Vec<SampleDescription>,
}

/// One sample's attention.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleDescription {
    /// A name, by default its number.
    pub(super) id: Option<String>,
    /// T2I or I2T.
    pub(super) task: InteractionTask,
    /// Files of arrays; with `model`, tensors of its graph.
    attention: Locations,
    /// An ONNX model that computes the attention.
    pub(super) model: Option<PathBuf>,
    /// What the model is given.
    pub(super) inputs: Option<InputLocations>,
    /// How many layers `{layer}` counts.
    layers: Option<usize>,
    /// Which element of a batch axis.
    pub(super) batch: Option<usize>,
    /// Whose ranges, from `tokens`.
    slices: Option<SlicesName>,
    /// Where the tokens are.
    tokens: Option<TokensDescription>,
    /// Rows of the query axis, instead of `tokens`.
    queries: Option<RangeList>,
    /// S, instead of `tokens`.
    keys: Option<RangeList>,
    /// Whether a query sees nothing after itself.
    #[serde(default = "yes")]
    pub(super) causal: bool,
    /// Position of the first row of the query axis.
    pub(super) first_query: Option<usize>,
    /// Keys that no query sees.
    padding: Option<RangeList>,
}

/// The arrays that a model is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum InputLocations {
    /// One `.npz` or `.safetensors` whose arrays have the names of the inputs.
    Archive(String),
    /// A file for each input.
    Arrays(BTreeMap<String, String>),
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Locations {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SlicesName {
    Definition,
    Plots,
    Trainer,
}

/// `[first, end]`, or several of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RangeList {
    One([usize; 2]),
    Many(Vec<[usize; 2]>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensDescription {
    prompt: Option<RangeList>,
    text: Option<RangeList>,
    image: Option<RangeList>,
    answer: Option<RangeList>,
}

fn yes() -> bool {
    true
}

impl RangeList {
    fn spans(&self, what: &'static str) -> Result<Spans, InteractionError> {
        let ranges = match self {
            Self::One(range) => std::slice::from_ref(range),
            Self::Many(ranges) => ranges.as_slice(),
        };
        Spans::new(ranges.iter().map(|&[start, end]| start..end).collect(), what)
    }
}

fn optional(
    ranges: Option<&RangeList>,
    what: &'static str,
) -> Result<Option<Spans>, InteractionError> {
    ranges.map(|ranges| ranges.spans(what)).transpose()
}

/// What is to be averaged; `queries` are rows of the query axis.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) slices: AttentionSlices,
    /// The rule's name, or `ranges` where they were given.
    pub(super) rule: &'static str,
}

impl SampleDescription {
    /// The arrays, one or several layers each, in the order of the layers.
    pub(super) fn files(&self, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
        if self.inputs.is_some() {
            return Err(Failure::invalid(
                "`inputs` are given to a `model`, and there is none: name the .onnx file, or leave `inputs` out",
            ));
        }
        Ok(self.places()?.into_iter().map(|name| folder.join(name)).collect())
    }

    /// The inputs that the description gives by name; none where they are an archive.
    pub(super) fn given_inputs(&self) -> impl Iterator<Item = &String> {
        let arrays = match &self.inputs {
            Some(InputLocations::Arrays(arrays)) => Some(arrays),
            Some(InputLocations::Archive(_)) | None => None,
        };
        arrays.into_iter().flat_map(BTreeMap::keys)
    }

    /// Whether another sample wants the same of the same model, so that both can go through the same session.
    pub(super) fn shares_model_with(&self, other: &Self) -> bool {
        self.model.is_some()
            && self.model == other.model
            && self.layers == other.layers
            && self.attention == other.attention
    }

    /// What `attention` names, one or several layers each, in the order of the layers.
    pub(super) fn places(&self) -> Result<Vec<String>, Failure> {
        let names: Vec<&String> = match &self.attention {
            Locations::One(name) => vec![name],
            Locations::Many(names) => names.iter().collect(),
        };
        let patterns = names.iter().filter(|name| name.contains(LAYER)).count();
        match (names.as_slice(), patterns, self.layers) {
            ([], ..) => Err(Failure::invalid("`attention` names nothing")),
            (names, 0, None) => Ok(names.iter().map(|name| (*name).clone()).collect()),
            (_, 0, Some(_)) => Err(Failure::invalid(
                "`layers` says how far `{layer}` counts, but `attention` has no `{layer}` in it",
            )),
            ([pattern], 1, Some(layers)) if (1..=MOST_LAYERS).contains(&layers) => {
                (0..layers).map(|layer| numbered(pattern, layer)).collect()
            }
            ([_], 1, Some(layers)) => Err(Failure::invalid(format_args!(
                "`layers` is {layers}, but a model has between 1 and {MOST_LAYERS}"
            ))),
            ([_], 1, None) => Err(Failure::invalid(
                "`attention` has `{layer}` in it: `layers` must say how many there are",
            )),
            _ => Err(Failure::invalid("one `{layer}` name or a list of names, not both")),
        }
    }

    /// Queries and keys, where the query axis begins at position `first_query`.
    pub(super) fn choose(&self, first_query: usize) -> Result<Chosen, Failure> {
        match (&self.queries, &self.keys, &self.tokens) {
            (Some(queries), Some(keys), None) if self.slices.is_none() => {
                let slices = AttentionSlices {
                    queries: queries.spans("queries")?,
                    keys: keys.spans("keys")?,
                };
                Ok(Chosen { slices, rule: "ranges" })
            }
            (None, None, Some(tokens)) => {
                let rule = match self.slices {
                    None | Some(SlicesName::Definition) => SliceRule::Definition,
                    Some(SlicesName::Plots) => SliceRule::Plots,
                    Some(SlicesName::Trainer) => SliceRule::Trainer,
                };
                let positions = TokenPositions {
                    prompt: optional(tokens.prompt.as_ref(), "tokens of the prompt")?,
                    text: optional(tokens.text.as_ref(), "tokens of the text")?,
                    image: optional(tokens.image.as_ref(), "tokens of the image")?,
                    answer: optional(tokens.answer.as_ref(), "tokens of the answer")?,
                };
                let AttentionSlices { queries, keys } = rule.slices(self.task, &positions)?;
                let why = "begins before the first row of the query axis (`first_query`, by default the keys less the queries)";
                let queries = queries.moved_down(first_query, "queries", why)?;
                Ok(Chosen { slices: AttentionSlices { queries, keys }, rule: rule.as_str() })
            }
            _ => Err(Failure::invalid(
                "say either where the `tokens` are (and whose `slices`), or which rows are `queries` and which positions `keys`",
            )),
        }
    }

    /// Keys that no query sees.
    pub(super) fn padding(&self) -> Result<Option<Spans>, Failure> {
        Ok(optional(self.padding.as_ref(), "padding")?)
    }
}

/// `{layer}` becomes 7, `{layer:02}` becomes 07.
fn numbered(pattern: &str, layer: usize) -> Result<String, Failure> {
    let wrong = || {
        Failure::invalid(format_args!(
            "`{pattern}`: write `{{layer}}`, or `{{layer:02}}` for numbers of two digits, once"
        ))
    };
    let (before, rest) = pattern.split_once(LAYER).ok_or_else(wrong)?;
    let (width, after) = rest.split_once('}').ok_or_else(wrong)?;
    let width = match width.strip_prefix(":0") {
        None if width.is_empty() => 1,
        Some(digit) => {
            digit.parse::<usize>().ok().filter(|width| (1..=9).contains(width)).ok_or_else(wrong)?
        }
        None => return Err(wrong()),
    };
    if after.contains(LAYER) {
        return Err(wrong());
    }
    Ok(format!("{before}{layer:0width$}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered() {
        assert_eq!(numbered("a.npz#l{layer}.x", 7).unwrap(), "a.npz#l7.x");
        assert_eq!(numbered("l{layer:02}.npy", 7).unwrap(), "l07.npy");
        for wrong in ["{layer:2}", "{layer", "{layer:0x}", "{layer}{layer}", "{layer:00}"] {
            assert!(numbered(wrong, 7).is_err(), "{wrong}");
        }
    }

    fn sample(text: &str) -> SampleDescription {
        toml::from_str::<Description>(&format!("[[sample]]\ntask = 'T2I'\n{text}"))
            .unwrap()
            .sample
            .remove(0)
    }

    #[test]
    fn a_description_says_one_thing() {
        let message = |text: &str| sample(text).files(Path::new("")).unwrap_err().message();
        assert!(message("attention = []").contains("names nothing"));
        assert!(message("attention = 'a'\nlayers = 3").contains("has no `{layer}`"));
        assert!(message("attention = '{layer}'").contains("`layers` must say"));
        assert!(message("attention = '{layer}'\nlayers = 0").contains("between 1 and"));
        assert!(message("attention = ['{layer}', 'b']\nlayers = 2").contains("not both"));
        let both = sample("attention = 'a'\nqueries = [0, 1]\nkeys = [0, 1]\ntokens = {}");
        assert!(both.choose(0).unwrap_err().message().contains("say either"));
        let ranges = sample("attention = 'a'\nqueries = [2, 4]\nkeys = [[0, 1], [3, 4]]");
        assert_eq!(ranges.choose(2).unwrap().slices.queries.contiguous(), Some(2..4));
        let tokens = sample("attention = 'a'\ntokens = { text = [0, 2], image = [2, 4] }");
        let chosen = tokens.choose(2).unwrap();
        let queries = chosen.slices.queries.contiguous();
        assert_eq!((queries, chosen.rule), (Some(0..2), "definition"));
        assert!(tokens.choose(3).unwrap_err().message().contains("first row of the query axis"));
    }
}
