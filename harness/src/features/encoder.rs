//! The model whose features are wanted, and which of its numbers they are.

use crate::context::Context;
use crate::failure::Failure;
use crate::generation::read_model;
use crate::pipeline::tokens;
use ndarray::{Array2, ArrayD};
use retally_manifests::{Digest, Model, Tap};
use std::path::{Path, PathBuf};

/// A model of a manifest and one of its taps.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    /// The manifest's entry.
    pub(super) model: Model,
    /// The tap that is read.
    pub(super) tap: Tap,
    /// Every patch token, instead of their mean.
    pub(super) tokens: bool,
    /// The ONNX file.
    pub(super) file: PathBuf,
    /// Digest of everything that decides what it computes.
    pub(super) digest: Digest,
}

impl Encoder {
    /// Finds the model and the tap (the last if none is named), and brings the file into the store.
    ///
    /// # Errors
    /// If there is no such model or tap, or the file cannot be had.
    pub(super) fn find(
        id: &str,
        tap: Option<&str>,
        tokens: bool,
        context: &Context,
    ) -> Result<Self, Failure> {
        let model = context.manifest.model(id).map_err(|error| {
            let failure = Failure::from(error);
            if Path::new(id).exists() {
                return failure.within(
                    "--model takes the id of a model in a manifest: describe the file in one (docs/manifests.md) and give it \
                     with --manifest",
                );
            }
            failure
        })?;
        let tap = chosen_tap(model, tap)?.clone();
        let file = context.fetch(&context.store()?, &model.artifact)?;
        let (_, digest) = read_model(&file)?;
        Ok(Self { model: model.clone(), tap, tokens, file, digest })
    }

    /// Axes of the features of one image: `[D]`, or `[T, D]`.
    ///
    /// # Errors
    /// If the tokens cannot be counted.
    pub(super) fn axes(&self) -> Result<Vec<usize>, Failure> {
        let [rows, columns] = self.tap.grid.map(|side| side as usize);
        let channels = self.tap.channels as usize;
        if !self.tokens {
            return Ok(vec![channels]);
        }
        let count = rows.checked_mul(columns).ok_or_else(|| {
            Failure::invalid(format_args!("a grid of {rows}x{columns} tokens is too large"))
        })?;
        Ok(vec![count, channels])
    }

    /// Images in one call.
    pub(super) fn batch(&self) -> usize {
        (self.model.input.batch as usize).max(1)
    }

    /// Names what the numbers are; enters chunk keys.
    pub(super) fn output_id(&self) -> String {
        let Tap { tensor, layout, grid: [rows, columns], channels, .. } = &self.tap;
        let pooling = if self.tokens { "tokens" } else { "mean-token" };
        format!("{pooling}({tensor}; {layout:?}; {rows}x{columns}x{channels})")
    }

    /// The features of the first `samples` entries of a batch, one row each. The mean is summed in f64, in the order of the
    /// tokens.
    ///
    /// # Errors
    /// If the model gives another shape than its manifest entry promises.
    pub(super) fn rows(
        &self,
        output: &ArrayD<f32>,
        samples: usize,
    ) -> Result<Array2<f32>, Failure> {
        tokens::check_shape(output, self.batch(), &self.tap)?;
        let mut rows = Array2::zeros((samples, self.axes()?.iter().product()));
        for (sample, mut row) in rows.rows_mut().into_iter().enumerate() {
            let found = tokens::of_sample(output, sample, &self.tap)?;
            if self.tokens {
                row.iter_mut().zip(&found).for_each(|(to, from)| *to = *from);
            } else {
                row.assign(&tokens::mean(found.view()));
            }
        }
        Ok(rows)
    }

    /// Checks that the file is still the one whose digest was taken, once sessions have read it.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn check_unchanged(&self) -> Result<(), Failure> {
        let (_, digest) = read_model(&self.file)?;
        if digest == self.digest {
            return Ok(());
        }
        Err(Failure::temporary(format_args!(
            "model `{}` has changed since the command began: start it again",
            self.file.display()
        )))
    }
}

fn chosen_tap<'a>(model: &'a Model, id: Option<&str>) -> Result<&'a Tap, Failure> {
    let chosen = match id {
        Some(id) => model.taps.iter().find(|tap| tap.id == id),
        None => model.taps.last(),
    };
    chosen.ok_or_else(|| {
        let known: Vec<&str> = model.taps.iter().map(|tap| tap.id.as_str()).collect();
        Failure::invalid(format_args!(
            "model `{}` has no tap `{}`; its taps are {}",
            model.id,
            id.unwrap_or("(last)"),
            known.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, array};
    use retally_manifests::{Manifest, TapLayout};

    fn encoder(tokens: bool) -> Encoder {
        let manifest = Manifest::builtin().unwrap();
        let mut model = manifest.models().next().unwrap().clone();
        model.input.batch = 2;
        let tap = Tap {
            id: "tap".to_owned(),
            label: "tap".to_owned(),
            tensor: "t".to_owned(),
            layout: TapLayout::Tokens { skip: 1 },
            grid: [1, 2],
            channels: 3,
        };
        let digest = Digest::of_bytes(b"");
        Encoder { model, tap, tokens, file: PathBuf::new(), digest }
    }

    #[test]
    fn rows_are_patch_tokens_or_their_mean() {
        let output = Array::from_iter((0..18).map(|value| value as f32));
        let output = output.into_shape_with_order((2, 3, 3)).unwrap().into_dyn();
        let rows = encoder(true).rows(&output, 1).unwrap();
        assert_eq!(rows, array![[3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]);
        let rows = encoder(false).rows(&output, 2).unwrap();
        assert_eq!(rows, array![[4.5, 5.5, 6.5], [13.5, 14.5, 15.5]]);
        assert_eq!(encoder(true).axes().unwrap(), [2, 3]);
    }

    #[test]
    fn another_shape_than_promised_is_refused() {
        let error = encoder(true).rows(&ArrayD::zeros(vec![2, 2, 3]), 1).unwrap_err();
        assert!(error.message().contains("promises [2, 3, 3]"), "{}", error.message());
    }
}
