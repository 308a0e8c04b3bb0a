use super::*;
use crate::onnx::session::Element;
use crate::onnx::testing::library;
use crate::onnx::writer::GraphWriter;
use std::fs;

/// Numbers of each encoder's embedding.
const WIDTH: usize = 5;

/// Mean and deviation of DINO, and of CLIP and OpenCLIP, in DreamSim, with the digits of an `f32`.
const NORMALISATIONS: [([f32; 3], [f32; 3]); 3] = [
    ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]),
    ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]),
];

/// Weight from a channel to a number of an encoder: anything without pattern.
fn weight(encoder: usize, channel: usize, number: usize) -> f64 {
    (((encoder * 31 + channel * 17 + number * 7 + 5) * 37) % 23) as f64 / 8.0 - 1.25
}

/// The means of the channels times a matrix; with tokens, the embedding and its negative stand one after the other.
fn graph(encoder: usize, has_tokens: bool) -> Vec<u8> {
    let mut graph = GraphWriter::default();
    graph.input("pixels", Element::Float32, &[1, 3, SIDE, SIDE]);
    // Means of rows, then of columns: a single sum of 50,176 equal f32 numbers is off by 1e-4.
    graph.integers("lines", &[1, 3 * SIDE as i64, SIDE as i64, 1]);
    graph.node("Reshape", &["pixels", "lines"], &["pixel_lines"]);
    graph.node("GlobalAveragePool", &["pixel_lines"], &["line_means"]);
    graph.integers("channels", &[1, 3, SIDE as i64, 1]);
    graph.node("Reshape", &["line_means", "channels"], &["channel_lines"]);
    graph.node("GlobalAveragePool", &["channel_lines"], &["means"]);
    graph.integers("row", &[1, 3]);
    graph.node("Reshape", &["means", "row"], &["flat"]);
    let weights =
        (0..3).flat_map(|channel| (0..WIDTH).map(move |number| weight(encoder, channel, number)));
    graph.floats("weights", &[3, WIDTH], weights);
    graph.node("MatMul", &["flat", "weights"], &["embedding"]);
    if has_tokens {
        graph.integers("token", &[1, 1, WIDTH as i64]);
        graph.node("Reshape", &["embedding", "token"], &["class"]);
        graph.node("Neg", &["class"], &["patch"]);
        graph.node_with("Concat", &["class", "patch"], &["tokens"], &[("axis", 1)]);
        graph.output("tokens", Element::Float32, &[1, 2, WIDTH]);
    } else {
        graph.output("embedding", Element::Float32, &[1, WIDTH]);
    }
    graph.finish("tiny")
}

fn describe(folder: &Path, change: impl Fn(String) -> String) -> PathBuf {
    let mut text = String::new();
    for (encoder, (mean, std)) in NORMALISATIONS.into_iter().enumerate() {
        let has_tokens = encoder == 0;
        let bytes = graph(encoder, has_tokens);
        let digest = Digest::of_bytes(&bytes);
        fs::write(folder.join(format!("{encoder}.onnx")), bytes).unwrap();
        let output = if has_tokens {
            "output = \"tokens\"\ntake = \"first-token\""
        } else {
            "output = \"embedding\""
        };
        text.push_str(&format!(
            "[[encoder]]\nfile = \"{encoder}.onnx\"\nsha256 = \"{digest}\"\n{output}\nmean = {mean:?}\nstd = {std:?}\n"
        ));
    }
    let path = folder.join("dreamsim.toml");
    fs::write(&path, change(text)).unwrap();
    path
}

/// Three tiny networks in the place of DreamSim's.
pub(in crate::unified) fn tiny(folder: &Path) -> DreamSim {
    DreamSim::open(&describe(folder, |text| text), library(), 1).unwrap()
}

fn refusal(change: impl Fn(String) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let opened = DreamSim::open(&describe(folder.path(), change), library(), 1);
    opened.err().unwrap().message()
}

/// The embedding of a picture of one colour, in f64.
fn embedding(colour: [u8; 3]) -> Vec<f64> {
    let number = |encoder: usize, number: usize| -> f64 {
        let (mean, std) = NORMALISATIONS[encoder];
        (0..3)
            .map(|channel| {
                let value = f64::from(colour[channel]) / 255.0;
                let normalised = (value - f64::from(mean[channel])) / f64::from(std[channel]);
                normalised * weight(encoder, channel, number)
            })
            .sum()
    };
    (0..3).flat_map(|encoder| (0..WIDTH).map(move |index| number(encoder, index))).collect()
}

/// 1 - Pearson's r.
fn expected_distance(a: [u8; 3], b: [u8; 3]) -> f64 {
    let centred = |colour| {
        let embedding = embedding(colour);
        let mean = embedding.iter().sum::<f64>() / embedding.len() as f64;
        embedding.into_iter().map(|value| value - mean).collect::<Vec<_>>()
    };
    let (a, b) = (centred(a), centred(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    1.0 - dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

#[test]
fn three_encoders_make_one_distance() {
    let folder = tempfile::tempdir().unwrap();
    let mut dreamsim = tiny(folder.path());
    let colours = [[200, 40, 90], [10, 220, 30], [128, 128, 128]];
    for a in colours {
        for b in colours {
            // Any shape becomes 224 x 224.
            let image = |colour, width| Rgb::filled(width, 100, colour).unwrap();
            let distance = dreamsim.distance(&image(a, 300), &image(b, 50)).unwrap();
            let expected = expected_distance(a, b);
            assert!((distance - expected).abs() < 2e-5, "{a:?} {b:?}: {distance} {expected}");
        }
    }
    assert_eq!(dreamsim.record().encoders.len(), 3);
}

#[test]
fn a_wrong_description_is_refused() {
    let first = |text: String| {
        text.split("[[encoder]]").nth(1).map(|part| format!("[[encoder]]{part}")).unwrap()
    };
    assert!(refusal(first).contains("names 1 encoders"));
    assert!(
        refusal(|text| text.replacen("sha256 = \"", "sha256 = \"0", 1)).contains("dreamsim.toml")
    );
    let other = "a".repeat(64);
    let message = refusal(|text| {
        let start = text.find("sha256 = \"").unwrap() + 10;
        format!("{}{other}{}", &text[..start], &text[start + 64..])
    });
    assert!(message.contains("another model"), "{message}");
    assert!(refusal(|text| text.replace("1.onnx", "9.onnx")).contains("9.onnx"));
    assert!(refusal(|text| text.replace("mean", "means")).contains("means"));
    let message = refusal(|text| text.replace("\"embedding\"", "\"nothing\""));
    assert!(message.contains("nothing"), "{message}");
}

#[test]
fn an_output_of_another_shape_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = describe(folder.path(), |text| text.replace("take = \"first-token\"\n", ""));
    let mut dreamsim = DreamSim::open(&path, library(), 1).unwrap();
    let image = Rgb::filled(8, 8, [1, 2, 3]).unwrap();
    let message = dreamsim.distance(&image, &image).unwrap_err().message();
    assert!(message.contains("tokens") && message.contains("first-token"), "{message}");
}
