//! `retally tokenizer export`: the tokenizer as an ONNX model, so that it can be an encoder in any suite.
//!
//! ```text
//! image ─ Reshape, Transpose ─► patches ─ Sub mean ─ MatMul ─► latent (+ σ noise) ─► tokens ─ MatMul ─ Add mean ─► reconstruction
//! ```

use super::basis_file::BasisFile;
use crate::failure::Failure;
use crate::onnx::session::Element;
use crate::onnx::writer::GraphWriter;
use crate::run::directory::write_durably;
use retally_manifests::{Digest, Normalise};
use retally_metrics::tokenizer::{LatentScaling, PatchGrid, Tokenizer};
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The tensors of the model.
const IMAGE: &str = "image";
const NOISE: &str = "noise";
const LATENT: &str = "latent";
const TOKENS: &str = "tokens";
const RECONSTRUCTION: &str = "reconstruction";

/// Which tokenizer is written.
#[derive(Clone, Debug)]
pub struct ExportRequest<'a> {
    /// The basis.
    pub basis: &'a Path,
    /// Latent dimensions.
    pub dimensions: usize,
    /// What latents are divided by.
    pub scaling: LatentScaling,
    /// Standard deviation of the noise; without one the model takes no noise.
    pub sigma: Option<f64>,
    /// The `.onnx` to write.
    pub out: &'a Path,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// The model.
    pub out: PathBuf,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// (rows, columns) of tokens.
    pub grid: (usize, usize),
    /// Latent dimensions.
    pub dimensions: usize,
    /// What latents are divided by.
    pub scaling: LatentScaling,
    /// Standard deviation of the noise, if the model takes any.
    pub sigma: Option<f64>,
    /// A manifest file with which it can be an encoder; none where it takes noise, since an encoder takes images alone.
    pub manifest: Option<PathBuf>,
}

/// Writes the model: f32 weights, operators of ONNX's standard set, any batch.
///
/// # Errors
/// Bad input; a file that cannot be written.
pub fn export(request: &ExportRequest<'_>) -> Result<Exported, Failure> {
    super::check_out(request.out, "onnx")?;
    if let Some(sigma) = request.sigma.filter(|sigma| !(sigma.is_finite() && *sigma > 0.0)) {
        return Err(Failure::invalid(format_args!(
            "--sigma {sigma}: give a finite number above 0, or leave it out for a model without noise"
        )));
    }
    let basis = BasisFile::read(request.basis)?;
    let grid = basis.images()?.grid();
    let tokenizer = Tokenizer::new(basis.pca.clone(), request.dimensions, request.scaling)?;
    let bytes = model(&tokenizer, grid, request.sigma, &basis);
    write_durably(request.out, &bytes)?;
    let sha256 = Digest::of_bytes(&bytes);
    let manifest = match request.sigma {
        Some(_) => None,
        None => Some(write_manifest(request, &basis, grid, (sha256, bytes.len()))?),
    };
    Ok(Exported {
        out: request.out.to_owned(),
        sha256,
        bytes: bytes.len() as u64,
        grid: grid.lattice(),
        dimensions: request.dimensions,
        scaling: request.scaling,
        sigma: request.sigma,
        manifest,
    })
}

/// The bytes of the model.
fn model(tokenizer: &Tokenizer, grid: PatchGrid, sigma: Option<f64>, basis: &BasisFile) -> Vec<u8> {
    let (patch, (rows, columns), (width, height)) = (grid.patch(), grid.lattice(), grid.size());
    let (tokens, pixels, latents) = (grid.tokens(), grid.dimensions(), tokenizer.dimensions());
    let shape = |lengths: &[usize]| -> Vec<i64> {
        std::iter::once(-1).chain(lengths.iter().map(|&length| length as i64)).collect()
    };
    let mut graph = GraphWriter::default();
    graph.batch_input(IMAGE, Element::Float32, &[3, height, width]);
    graph.floats("mean", &[pixels], tokenizer.pca().mean().iter().copied());
    graph.floats("projection", &[pixels, latents], tokenizer.projection().iter().copied());
    graph.floats("expansion", &[latents, pixels], tokenizer.expansion().iter().copied());
    graph.integers("cut", &shape(&[3, rows, patch, columns, patch]));
    graph.integers("patch_shape", &shape(&[tokens, pixels]));
    graph.integers("lattice", &shape(&[rows, columns, 3, patch, patch]));
    graph.integers("image_shape", &shape(&[3, height, width]));

    graph.node("Reshape", &[IMAGE, "cut"], &["cut_image"]);
    graph.transpose("cut_image", "patch_lattice", &[0, 2, 4, 1, 3, 5]);
    graph.node("Reshape", &["patch_lattice", "patch_shape"], &["patches"]);
    graph.node("Sub", &["patches", "mean"], &["centred"]);
    graph.node("MatMul", &["centred", "projection"], &[LATENT]);
    match sigma {
        Some(sigma) => {
            graph.batch_input(NOISE, Element::Float32, &[tokens, latents]);
            graph.floats("sigma", &[], std::iter::once(sigma));
            graph.node("Mul", &[NOISE, "sigma"], &["scaled_noise"]);
            graph.node("Add", &[LATENT, "scaled_noise"], &[TOKENS]);
        }
        None => graph.node("Identity", &[LATENT], &[TOKENS]),
    }
    graph.node("MatMul", &[TOKENS, "expansion"], &["expanded"]);
    graph.node("Add", &["expanded", "mean"], &["decoded"]);
    graph.node("Reshape", &["decoded", "lattice"], &["decoded_lattice"]);
    graph.transpose("decoded_lattice", "decoded_image", &[0, 3, 1, 4, 2, 5]);
    graph.node("Reshape", &["decoded_image", "image_shape"], &[RECONSTRUCTION]);

    graph.batch_output(LATENT, Element::Float32, &[tokens, latents]);
    graph.batch_output(TOKENS, Element::Float32, &[tokens, latents]);
    graph.batch_output(RECONSTRUCTION, Element::Float32, &[3, height, width]);
    graph.note("retally.basis_sha256", &basis.sha256.to_string());
    graph.note("retally.centring", tokenizer.pca().centring().name());
    graph.note("retally.scaling", tokenizer.scaling().name());
    graph.note("retally.pixels", &basis.origin.pixels);
    graph.finish("patch PCA tokenizer")
}

/// Writes a manifest of the model beside it, for `--manifest`: `x.onnx` → `x.onnx.toml`.
fn write_manifest(
    request: &ExportRequest<'_>,
    basis: &BasisFile,
    grid: PatchGrid,
    model: (Digest, usize),
) -> Result<PathBuf, Failure> {
    let mut path = OsString::from(request.out);
    path.push(".toml");
    let path = PathBuf::from(path);
    let text = toml::to_string(&manifest(request, basis, grid, model)).map_err(|error| {
        Failure::invalid(format_args!("cannot write `{}` as TOML: {error}", path.display()))
    })?;
    write_durably(&path, text.as_bytes())?;
    Ok(path)
}

fn manifest(
    request: &ExportRequest<'_>,
    basis: &BasisFile,
    grid: PatchGrid,
    (sha256, bytes): (Digest, usize),
) -> ManifestDocument {
    let file = request
        .out
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (d, patch, (rows, columns)) = (request.dimensions, grid.patch(), grid.lattice());
    let scale = Normalise::OffsetDivisor { offset: 127.5, divisor: 127.5 };
    let id = format!("patch-pca-{d}");
    ManifestDocument {
        artifact: [ArtifactEntry {
            id: format!("{id}.onnx"),
            kind: "model",
            sha256: sha256.to_string(),
            bytes,
            licence: "as the images that the basis was fitted to",
            provenance: format!(
                "retally tokenizer export of a basis of SHA-256 {}, fitted to {} patches of {} images",
                basis.sha256, basis.origin.patches, basis.origin.images
            ),
            sources: [format!("file:{file}")],
        }],
        model: [ModelEntry {
            id: id.clone(),
            name: format!("Patch PCA, {d} dimensions"),
            family: "Patch PCA".to_owned(),
            artifact: format!("{id}.onnx"),
            input: InputEntry {
                tensor: IMAGE,
                layout: "nchw",
                batch: 8,
                resize: basis.origin.resize,
                normalise: scale,
            },
            tap: [TapEntry {
                id: "tokens",
                label: format!("{d} principal components of {patch}x{patch} patches"),
                tensor: TOKENS,
                layout: TokenLayout { kind: "tokens", skip: 0 },
                grid: [rows, columns],
                channels: d,
            }],
        }],
    }
}

/// A manifest, in the form that `retally-manifests` reads.
#[derive(Serialize)]
struct ManifestDocument {
    artifact: [ArtifactEntry; 1],
    model: [ModelEntry; 1],
}

#[derive(Serialize)]
struct ArtifactEntry {
    id: String,
    kind: &'static str,
    sha256: String,
    bytes: usize,
    licence: &'static str,
    provenance: String,
    sources: [String; 1],
}

#[derive(Serialize)]
struct ModelEntry {
    id: String,
    name: String,
    family: String,
    artifact: String,
    input: InputEntry,
    tap: [TapEntry; 1],
}

#[derive(Serialize)]
struct InputEntry {
    tensor: &'static str,
    layout: &'static str,
    batch: u32,
    resize: retally_manifests::Resize,
    normalise: Normalise,
}

#[derive(Serialize)]
struct TapEntry {
    id: &'static str,
    label: String,
    tensor: &'static str,
    grid: [usize; 2],
    channels: usize,
    layout: TokenLayout,
}

#[derive(Serialize)]
struct TokenLayout {
    kind: &'static str,
    skip: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::session::{BoundSession, Buffer, ModelSource, Session, SessionOptions};
    use crate::onnx::testing::library;
    use crate::tokenizer::basis_file::tests::basis;
    use ndarray::{Array2, Array4};
    use retally_manifests::Manifest;
    use retally_metrics::random::Stream;
    use retally_metrics::tokenizer::{NoiseLevel, NoisePlace, noise};

    const TOLERANCE: f64 = 2e-6;

    fn written() -> (tempfile::TempDir, PathBuf, BasisFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pca.npz");
        let (pca, origin) = basis();
        let file = BasisFile::write(&path, pca, origin).unwrap();
        (folder, path, file)
    }

    /// Two images of 4 x 4 pixels.
    fn images() -> Array4<f32> {
        let mut stream = Stream::new(0, "images", 0);
        Array4::from_shape_simple_fn((2, 3, 4, 4), || (2.0 * stream.uniform() - 1.0) as f32)
    }

    fn patches(image: usize, grid: PatchGrid) -> Array2<f64> {
        let planes: Vec<f64> = images()
            .index_axis(ndarray::Axis(0), image)
            .iter()
            .map(|&pixel| f64::from(pixel))
            .collect();
        grid.patches(&planes).unwrap()
    }

    #[test]
    fn the_model_gives_what_the_tokenizer_gives() {
        let (folder, path, file) = written();
        let grid = file.images().unwrap().grid();
        for scaling in [LatentScaling::None, LatentScaling::Global, LatentScaling::PerDimension] {
            let out = folder.path().join("tokenizer.onnx");
            let request =
                ExportRequest { basis: &path, dimensions: 5, scaling, sigma: None, out: &out };
            let exported = export(&request).unwrap();
            assert_eq!((exported.grid, exported.dimensions), ((2, 2), 5));
            let outputs = [LATENT, TOKENS, RECONSTRUCTION].map(str::to_owned).to_vec();
            let options = SessionOptions { outputs, ..SessionOptions::default() };
            let mut session = Session::open(library(), &out, &options).unwrap();
            let found = session.run(images().view().into_dyn()).unwrap();
            let tokenizer = Tokenizer::new(file.pca.clone(), 5, scaling).unwrap();
            for image in 0..2 {
                let latents = tokenizer.encode(patches(image, grid).view()).unwrap();
                let decoded = tokenizer.decode(latents.view()).unwrap();
                let expected = grid.image(decoded.view()).unwrap();
                let of_image = |output: usize| found[output].index_axis(ndarray::Axis(0), image);
                for output in 0..2 {
                    assert_eq!(of_image(output).shape(), [4, 5]);
                    for (a, b) in of_image(output).iter().zip(&latents) {
                        assert!(
                            (f64::from(*a) - b).abs() < TOLERANCE * b.abs().max(1.0),
                            "{a} {b}"
                        );
                    }
                }
                for (a, b) in of_image(2).iter().zip(&expected) {
                    assert!((f64::from(*a) - b).abs() < TOLERANCE, "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn noise_is_an_input_that_is_scaled_by_sigma() {
        let (folder, path, file) = written();
        let grid = file.images().unwrap().grid();
        let out = folder.path().join("noisy.onnx");
        let (scaling, sigma) = (LatentScaling::None, Some(0.5));
        let request = ExportRequest { basis: &path, dimensions: 3, scaling, sigma, out: &out };
        assert_eq!(export(&request).unwrap().manifest, None);
        let bytes = std::fs::read(&out).unwrap();
        let outputs = vec![TOKENS.to_owned()];
        let options = SessionOptions { outputs, ..SessionOptions::default() };
        let source = ModelSource { bytes: &bytes, folder: None };
        let mut session = BoundSession::open_source(library(), source, &options).unwrap();
        let noise: Vec<Array2<f64>> =
            (0..2).map(|image| noise(NoisePlace::Latent, 0, image, [4, 3])).collect();
        let single: Vec<f32> = noise.iter().flatten().map(|&number| number as f32).collect();
        let image = Buffer::of(images().as_slice().unwrap(), &[2, 3, 4, 4]).unwrap();
        let noise_buffer = Buffer::of(&single, &[2, 4, 3]).unwrap();
        let mut tokens = Buffer::zeros(Element::Float32, &[2, 4, 3]).unwrap();
        let mut binding = session.binding().unwrap();
        binding.input(IMAGE, &image).unwrap();
        binding.input(NOISE, &noise_buffer).unwrap();
        binding.output(TOKENS, &mut tokens).unwrap();
        session.run(&binding).unwrap();
        let tokenizer = Tokenizer::new(file.pca, 3, scaling).unwrap();
        let found = tokens.values::<f32>().unwrap();
        for (image, found) in found.chunks_exact(12).enumerate() {
            let mut latents = tokenizer.encode(patches(image, grid).view()).unwrap();
            Tokenizer::add_noise(&mut latents, NoiseLevel::added(0.5), noise[image].view())
                .unwrap();
            for (a, b) in found.iter().zip(&latents) {
                assert!((f64::from(*a) - b).abs() < TOLERANCE, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_manifest_makes_it_an_encoder() {
        let (folder, path, _) = written();
        let out = folder.path().join("tokenizer.onnx");
        let request = ExportRequest {
            basis: &path,
            dimensions: 5,
            scaling: LatentScaling::None,
            sigma: None,
            out: &out,
        };
        let exported = export(&request).unwrap();
        let manifest = Manifest::with_files(&[exported.manifest.unwrap()]).unwrap();
        let model = manifest.model("patch-pca-5").unwrap();
        assert_eq!((model.taps[0].grid, model.taps[0].channels), ([2, 2], 5));
        assert_eq!(manifest.artifact(&model.artifact).unwrap().sha256, exported.sha256);
    }

    #[test]
    fn words_without_sense_are_refused() {
        let (folder, path, _) = written();
        let (onnx, other) = (folder.path().join("a.onnx"), folder.path().join("a.bin"));
        let request = |dimensions, sigma, out| {
            let scaling = LatentScaling::None;
            export(&ExportRequest { basis: &path, dimensions, scaling, sigma, out })
                .unwrap_err()
                .message()
        };
        assert!(request(13, None, &onnx).contains("this basis has 1 to 12"));
        assert!(request(0, None, &onnx).contains("this basis has 1 to 12"));
        for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(request(3, Some(sigma), &onnx).contains("finite number above 0"));
        }
        assert!(request(3, None, &other).contains("must end in .onnx"));
        assert!(!onnx.exists());
    }
}
