//! `retally score interaction` on files.

use crate::program::{json, run, text, write_f32};
use crate::workbench::InputFolder;
use serde_json::Value;
use std::path::Path;

const TEXT: usize = 5;
const TOKENS: usize = 12;

/// Causal attention of one head whose mass on earlier tokens halves with every step back; each (layer, head) mixes it with uniform attention by another share.
fn attention(layers: usize, heads: usize) -> Vec<f32> {
    let mut values = Vec::new();
    for part in 0..layers * heads {
        let share = (part + 1) as f64 / (layers * heads + 1) as f64;
        for query in 0..TOKENS {
            let near = |key: usize| 0.5_f64.powi((query - key) as i32);
            let sum: f64 = (0..=query).map(near).sum();
            values.extend((0..TOKENS).map(|key| {
                let even = 1.0 / (query + 1) as f64;
                if key > query {
                    0.0
                } else {
                    (share * even + (1.0 - share) * near(key) / sum) as f32
                }
            }));
        }
    }
    values
}

/// By the definition, in f64, from the numbers that the file holds.
fn expected(values: &[f32], heads: usize, layer: usize, queries: &[usize], keys: &[usize]) -> f64 {
    let at = |head: usize, query: usize, key: usize| {
        f64::from(values[((layer * heads + head) * TOKENS + query) * TOKENS + key])
    };
    let mass = |head, query| keys.iter().map(|&key| at(head, query, key)).sum::<f64>();
    let sum: f64 = (0..heads)
        .flat_map(|head| queries.iter().map(move |&query| (head, query)))
        .map(|(head, query)| mass(head, query))
        .sum();
    sum / (heads * queries.len()) as f64
}

fn value(document: &Value, metric: &str) -> f64 {
    measurement(document, metric)["value"]
        .as_f64()
        .unwrap_or_else(|| panic!("{metric}: {document}"))
}

fn measurement<'a>(document: &'a Value, metric: &str) -> &'a Value {
    let all = document["measurements"].as_array().unwrap();
    all.iter().find(|measured| measured["metric"] == metric).unwrap()
}

fn refused(arguments: &[&str], part: &str) {
    let document = json(arguments, 2);
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains(part), "`{part}` is not in: {message}");
}

fn one_sample(attention: &str, more: &str) -> String {
    format!("[[sample]]\nid = 'a'\ntask = 'T2I'\nattention = {attention}\n{more}\n")
}

const TOKENS_OF_SAMPLE: &str = "tokens = { prompt = [1, 5], text = [2, 5], image = [5, 12] }";

#[test]
fn attention_in_one_file_or_a_file_a_layer_gives_the_same_curve() {
    let bench = InputFolder::new();
    let (layers, heads) = (3, 2);
    let values = attention(layers, heads);
    let size = (heads * TOKENS * TOKENS) as u64;
    let axis = TOKENS as u64;
    write_f32(&bench.path("all.npy"), &[3, 2, axis, axis], &values);
    for layer in 0..layers {
        let part = &values[layer * size as usize..(layer + 1) * size as usize];
        write_f32(&bench.path(&format!("layer-{layer:02}.npy")), &[2, axis, axis], part);
    }
    let whole = bench.write("whole.toml", &one_sample("'all.npy'", TOKENS_OF_SAMPLE));
    let document = json(&["score", "interaction", &whole], 0);
    let queries: Vec<usize> = (TEXT..TOKENS).collect();
    for layer in 0..layers {
        let found = value(&document, &format!("T2I|layer-{layer:02}"));
        let wanted = expected(&values, heads, layer, &queries, &[2, 3, 4]);
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
    }
    // Three of the q + 1 visible tokens are text.
    let even: f64 = queries.iter().map(|&query| 3.0 / (query + 1) as f64).sum::<f64>() / 7.0;
    assert!((value(&document, "T2I|uniform") - even).abs() < 1e-12);
    assert_eq!(document["slices"], serde_json::json!(["definition"]));

    let numbered = one_sample("'layer-{layer:02}.npy'", &format!("layers = 3\n{TOKENS_OF_SAMPLE}"));
    let numbered = bench.write("numbered.toml", &numbered);
    let list = one_sample(
        "['layer-00.npy', 'layer-01.npy', 'layer-02.npy']",
        "queries = [5, 12]\nkeys = [[2, 3], [3, 5]]",
    );
    let list = bench.write("list.toml", &list);
    for other in [numbered, list] {
        let other = json(&["score", "interaction", &other], 0);
        assert_eq!(other["measurements"], document["measurements"]);
    }
}

#[test]
fn released_slices_are_other_numbers_and_say_so() {
    let bench = InputFolder::new();
    let values = attention(1, 2);
    write_f32(&bench.path("a.npy"), &[1, 2, 12, 12], &values);
    for (rule, queries, keys) in [
        ("plots", (5..11).collect::<Vec<_>>(), (0..5).collect::<Vec<_>>()),
        ("trainer", (5..11).collect(), (0..4).collect()),
    ] {
        let description = one_sample("'a.npy'", &format!("slices = '{rule}'\n{TOKENS_OF_SAMPLE}"));
        let path = bench.write("a.toml", &description);
        let document = json(&["score", "interaction", &path], 0);
        let wanted = expected(&values, 2, 0, &queries, &keys);
        assert!((value(&document, "T2I|layer-00") - wanted).abs() < 1e-12);
        assert!(document["notes"][0].as_str().unwrap().contains(rule));
    }
}

/// A batch axis, and rows of a cache: the last four of twelve tokens.
#[test]
fn a_batch_element_and_rows_of_a_cache_can_be_taken() {
    let bench = InputFolder::new();
    let values = attention(2, 1);
    let rows = |part: usize| values[(part * 12 + 8) * 12..(part + 1) * 144].to_vec();
    let both = [rows(0), rows(1)].concat();
    write_f32(&bench.path("a.npy"), &[2, 1, 4, 12], &both);
    let description =
        one_sample("'a.npy'", "batch = 1\ntokens = { text = [0, 5], image = [8, 12] }");
    let path = bench.write("a.toml", &description);
    let document = json(&["score", "interaction", &path], 0);
    let wanted = expected(&values[144..], 1, 0, &[8, 9, 10, 11], &[0, 1, 2, 3, 4]);
    assert!((value(&document, "T2I|layer-00") - wanted).abs() < 1e-12);
    let described = one_sample("'a.npy'", "batch = 2\ntokens = { text = [0, 5], image = [8, 12] }");
    refused(&["score", "interaction", &bench.write("b.toml", &described)], "an element 2");
}

/// bfloat16 in `.safetensors`, by name.
#[test]
fn half_precision_has_a_wider_tolerance() {
    let bench = InputFolder::new();
    let write = |rows: [[u16; 2]; 2]| {
        let header = r#"{"l0":{"dtype":"BF16","shape":[1,2,2],"data_offsets":[0,8]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(rows.iter().flatten().flat_map(|bits| bits.to_le_bytes()));
        std::fs::write(bench.path("a.safetensors"), bytes).unwrap();
    };
    let description = one_sample(
        "'a.safetensors#l{layer}'",
        "layers = 1\ntokens = { text = [0, 1], image = [1, 2] }",
    );
    let path = bench.write("a.toml", &description);
    // 1 and 0; 0.66796875 and 0.333984375, which sum to 1.001953125.
    write([[0x3f80, 0], [0x3f2b, 0x3eab]]);
    let document = json(&["score", "interaction", &path], 0);
    assert_eq!(value(&document, "T2I|layer-00"), 0.66796875);
    refused(&["score", "interaction", &path, "--tolerance", "1e-3"], "sum to 1.001953125");
    write([[0x3f80, 0], [0x3f2b, 0x7fc0]]);
    refused(
        &["score", "interaction", &path],
        "layer 0, head 0, query 1 (counted from 0), key 1: NaN",
    );
}

#[test]
fn wrong_descriptions_are_refused() {
    let bench = InputFolder::new();
    write_f32(&bench.path("a.npy"), &[1, 2, 12, 12], &attention(1, 2));
    write_f32(&bench.path("logits.npy"), &[1, 1, 2, 2], &[3.0, -1.0, 2.0, 0.5]);
    let describe =
        |attention: &str, more: &str| bench.write("x.toml", &one_sample(attention, more));
    for (attention, more, part) in [
        (
            "'a.npy'",
            "queries = [5, 13]\nkeys = [0, 5]",
            "the queries reach to 13, but there are 12",
        ),
        ("'a.npy'", "queries = [5, 12]\nkeys = [0, 15]", "the keys reach to 15"),
        ("'a.npy'", "queries = [5, 12]\nkeys = []", "an empty set"),
        ("'a.npy'", "queries = [5, 12]\nkeys = [3, 3]", "[3, 3)"),
        ("'a.npy'", "tokens = { image = [5, 12] }", "need `text`"),
        ("'a.npy'", "", "say either"),
        ("'a.npy'", "key = [0, 5]", "unknown field"),
        ("'none.npy'", TOKENS_OF_SAMPLE, "none.npy"),
        (
            "'logits.npy'",
            "queries = [0, 2]\nkeys = [0, 1]",
            "layer 0, head 0, query 0 (counted from 0), key 0: 3",
        ),
        (
            "'a.npy'",
            "queries = [0, 2]\nkeys = [0, 1]\nfirst_query = 3\npadding = [0, 12]",
            "sees no key",
        ),
    ] {
        refused(&["score", "interaction", &describe(attention, more)], part);
    }
    // Rows that are said to lie earlier than they do.
    let described = "first_query = 0\nqueries = [0, 4]\nkeys = [0, 5]";
    write_f32(&bench.path("cache.npy"), &[1, 1, 4, 12], &attention(1, 1)[8 * 12..]);
    refused(
        &["score", "interaction", &describe("'cache.npy'", described)],
        "attends to later keys",
    );
    let twice = one_sample("'a.npy'", TOKENS_OF_SAMPLE);
    let twice = bench.write("twice.toml", &format!("{twice}{twice}"));
    refused(&["score", "interaction", &twice], "sample `a` is there twice");
    refused(&["score", "interaction", text(&bench.path("a.npy"))], "a description of attention");
    let empty = tempfile::tempdir().unwrap();
    refused(&["score", "interaction", text(empty.path())], "holds no .toml");
}

/// The digitised curves of AIA's Figure 1 as masses: losses and correlation of papers/aia.
#[test]
fn masses_of_both_directions_are_correlated() {
    let bench = InputFolder::new();
    let curves = include_str!("../../../metrics/tests/data/aia_figure_1.csv");
    let curve = |name: &str| {
        let line = curves.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_once(',').unwrap().1.to_owned()
    };
    let lines = format!(
        "{{\"task\":\"T2I\",\"layers\":[{}],\"n_text\":16,\"n_query\":576}}\n{{\"task\":\"I2T\",\"layers\":[{}]}}\n",
        curve("Janus-Pro|T2I"),
        curve("Janus-Pro|I2T")
    );
    let path = bench.write("janus.jsonl", &lines);
    let document = json(&["score", "interaction", &path, "--last-layer", "29"], 0);
    let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
    assert_eq!(rounded(value(&document, "pearson|T2I,I2T")), -0.4694);
    assert_eq!(rounded(value(&document, "spearman|T2I,I2T")), -0.4962);
    assert_eq!(rounded(value(&document, "T2I|uniform")), 0.0995);
    assert_eq!(measurement(&document, "I2T|uniform")["absence"]["reason"], "missing-input");
    assert!((value(&document, "I2T|L_AIA|paper") - 0.0034).abs() < 3e-4);
    assert!((value(&document, "I2T|L_AIA|code") - 0.0033).abs() < 3e-4);
    assert_eq!(measurement(&document, "T2I|std-of-mean")["absence"]["reason"], "too-few-samples");
    assert!(document["notes"].to_string().contains("our addition"));
    // The same through a folder, and as text.
    assert_eq!(json(&["score", "interaction", bench.folder(), "--last-layer", "29"], 0), document);
    assert!(run(&["score", "interaction", &path]).stdout.contains("leave-one-out range"));
}

#[test]
fn wrong_masses_are_refused_with_their_line() {
    let bench = InputFolder::new();
    let good = r#"{"task":"T2I","layers":[0.5,[0.25,0.75]],"n_query":2}"#;
    for (line, part) in [
        (
            r#"{"task":"T2I","layers":[0.5,1.5]}"#,
            "line 2: layer 1 (counted from 0): 1.5 is no share",
        ),
        (r#"{"task":"T2I","layers":[0.5,[]]}"#, "it has no query"),
        (r#"{"task":"T2I","layers":[0.5,[0.5]],"n_query":2}"#, "it has 1 queries, `n_query` is 2"),
        (r#"{"task":"T2I","layers":[]}"#, "`layers` is empty"),
        (r#"{"task":"T2X","layers":[0.5]}"#, "line 2"),
        (r#"{"task":"T2I","layers":[0.5]}"#, "has 1 layers, the ones before it have 2"),
        (r#"{"task":"T2I","layers":[0.5,0.5],"n_text":99999999999}"#, "more than any model reads"),
    ] {
        let path = bench.write("x.jsonl", &format!("{good}\n{line}\n"));
        refused(&["score", "interaction", &path], part);
    }
    let path = bench.write("x.jsonl", good);
    let document = json(&["score", "interaction", &path], 0);
    assert_eq!(value(&document, "T2I|layer-01"), 0.5);
    refused(&["score", "interaction", text(Path::new("/nowhere/x.jsonl"))], "cannot open");
}

/// A model with random weights, what it is given, and its intensities in NumPy (tests/parity/attention_model.py).
const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/golden/random-attention/random-attention.onnx");
const PROMPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/random-attention/prompt.npz");
const EXPECTED: &str = include_str!("../../golden/random-attention/expected.json");

/// A sample whose attention the model computes, for an element of its batch.
fn of_model(tensor: &str, batch: usize, more: &str) -> String {
    let padding = if batch == 1 { "padding = [0, 2]\n" } else { "" };
    format!(
        "[[sample]]\ntask = 'T2I'\nmodel = '{MODEL}'\nattention = '{tensor}'\nlayers = 3\nbatch = {batch}\n{padding}\
         tokens = {{ text = [3, 8], image = [8, 17] }}\n{more}\n"
    )
}

fn intensities(document: &Value) -> Vec<f64> {
    (0..3).map(|layer| value(document, &format!("T2I|layer-{layer:02}"))).collect()
}

#[test]
fn a_model_computes_the_attention() {
    let bench = InputFolder::new();
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let inputs = format!("inputs = '{PROMPT}'");
    for batch in 0..2 {
        let wanted = expected["intensity"][batch.to_string()].as_array().unwrap();
        for (tensor, budget) in [("layer.{layer}.attention", 1e-6), ("layer.{layer}.half", 1e-3)] {
            let description = bench.write("model.toml", &of_model(tensor, batch, &inputs));
            let document = json(&["score", "interaction", &description, "--threads", "1"], 0);
            for (found, wanted) in intensities(&document).iter().zip(wanted) {
                let wanted = wanted.as_f64().unwrap();
                assert!((found - wanted).abs() < budget, "{tensor} {batch}: {found} {wanted}");
            }
            let models = document["models"].as_array().unwrap();
            assert_eq!(models.len(), 1);
            assert_eq!(models[0]["file"], "random-attention.onnx");
            assert_eq!(models[0]["tensors"].as_array().unwrap().len(), 3);
            // The first layer alone, then all that fit.
            let sessions = models[0]["sessions"].as_array().unwrap();
            let outputs: Vec<_> = sessions
                .iter()
                .map(|session| session["outputs"].as_array().unwrap().len())
                .collect();
            assert_eq!(outputs, [1, 2]);
            assert_eq!(sessions[0]["device"], "cpu");
        }
    }
}

#[test]
fn samples_share_a_model_and_inputs_can_be_single_files() {
    let bench = InputFolder::new();
    let arrays = format!(
        "inputs = {{ tokens = '{PROMPT}#tokens', position = '{PROMPT}#position', past = '{PROMPT}#past', visible = '{PROMPT}#visible' }}"
    );
    let tensor = "layer.{layer}.attention";
    let both = of_model(tensor, 0, &arrays) + &of_model(tensor, 1, &arrays);
    let document = json(&["score", "interaction", &bench.write("both.toml", &both)], 0);
    assert_eq!(document["models"].as_array().unwrap().len(), 1);
    let mut singles = Vec::new();
    for batch in 0..2 {
        let single = of_model(tensor, batch, &format!("inputs = '{PROMPT}'"));
        let single = bench.write("single.toml", &single);
        singles.push(intensities(&json(&["score", "interaction", &single], 0)));
    }
    for (layer, mean) in intensities(&document).into_iter().enumerate() {
        assert!((mean - (singles[0][layer] + singles[1][layer]) / 2.0).abs() < 1e-15);
    }
}

#[test]
fn wrong_models_and_inputs_are_refused() {
    let bench = InputFolder::new();
    let refused = |description: &str, part: &str| {
        refused(&["score", "interaction", &bench.write("wrong.toml", description)], part);
    };
    let inputs = format!("inputs = '{PROMPT}'");
    let tensor = "layer.{layer}.attention";
    refused(&of_model("layer.{layer}.attentoin", 0, &inputs), "closest are `layer.0.attention`");
    refused(&of_model(tensor, 0, ""), "`inputs` says nothing");
    refused(&of_model(tensor, 0, "inputs = 'prompt.npy'"), "is no .npz or .safetensors");
    refused(&of_model(tensor, 0, "inputs = { tokens = 'a.npy' }"), "the model needs `");
    refused(&of_model(tensor, 0, "inputs = { tokenz = 'a.npy' }"), "has no input `tokenz`");
    refused(&of_model(tensor, 2, &inputs), "an element 2");
    refused(&of_model("layer.{layer}.scores", 0, &inputs), "layer 0, head 0");
    refused(&of_model("steps{layer}", 0, &inputs), "no tensor `steps0`");
    let integers = of_model("steps", 0, &inputs).replace("layers = 3\nbatch = 0\n", "");
    refused(&integers, "[layer, head, query, key]");
    let files = of_model(tensor, 0, &inputs).replace(&format!("model = '{MODEL}'\n"), "");
    refused(&files, "there is none: name the .onnx file");
    write_f32(&bench.path("tokens.npy"), &[2, 14], &[0.0; 28]);
    let floats = format!(
        "inputs = {{ tokens = 'tokens.npy', position = '{PROMPT}#position', past = '{PROMPT}#past', visible = '{PROMPT}#visible' }}"
    );
    refused(&of_model(tensor, 0, &floats), "holds float32, and the model takes int64");
    let damaged = of_model(tensor, 0, &inputs).replace(MODEL, "damaged.onnx");
    std::fs::write(bench.path("damaged.onnx"), &std::fs::read(MODEL).unwrap()[..9000]).unwrap();
    refused(&damaged, "damaged.onnx");
    refused(&of_model(tensor, 0, &inputs).replace(MODEL, "absent.onnx"), "absent.onnx");
}
