//! From prepared images to patch tokens.

use super::networks::NetworkFile;
use crate::failure::Failure;
use crate::onnx::session::{Session, SessionOptions, SessionRecord};
use crate::pipeline::Execution;
use ndarray::{Array3, ArrayView, ArrayViewD, IxDyn, s};
use retally_manifests::{ImageLayout, WorldModelEncoder};

/// An encoder that is ready to run.
pub(crate) struct TokenEncoder {
    session: Session,
    batch: usize,
    /// Axes of one image.
    image: [usize; 3],
    skip: usize,
    tokens: usize,
    channels: usize,
    /// One batch; its last images stay what they were where a call is not full.
    buffer: Vec<f32>,
}

impl TokenEncoder {
    /// Opens a file; `names` are those of its input and of the tensor that holds the tokens.
    ///
    /// # Errors
    /// If the file is no such model as the manifest says.
    pub(crate) fn open(
        entry: &WorldModelEncoder,
        file: &NetworkFile,
        (input, tokens): (&str, &str),
        execution: &Execution<'_>,
    ) -> Result<Self, Failure> {
        let options = SessionOptions {
            device: execution.device,
            threads: execution.threads,
            fast: execution.fast,
            outputs: vec![tokens.to_owned()],
        };
        Self::new(Session::open(execution.library, &file.path, &options)?, entry, input)
    }

    /// Checks the session's input against the manifest's entry; `input` is the name that it must have.
    ///
    /// # Errors
    /// If the graph's input has another name.
    pub(super) fn new(
        session: Session,
        entry: &WorldModelEncoder,
        input: &str,
    ) -> Result<Self, Failure> {
        let found = &session.expects().name;
        if found != input {
            return Err(Failure::invalid(format_args!(
                "the graph's input is `{found}`, and the manifest calls it `{input}`"
            )));
        }
        let (width, height) = entry.input.resize.output_size();
        let (width, height) = (width as usize, height as usize);
        let image = match entry.input.layout {
            ImageLayout::Nchw => [3, height, width],
            ImageLayout::Nhwc => [height, width, 3],
        };
        let batch = entry.input.batch as usize;
        Ok(Self {
            session,
            batch,
            image,
            skip: entry.skip as usize,
            tokens: entry.token_count(),
            channels: entry.channels as usize,
            buffer: vec![0.0; batch * image.iter().product::<usize>()],
        })
    }

    /// What is recorded of the session.
    pub(super) fn record(&self) -> &SessionRecord {
        self.session.record()
    }

    /// Numbers of one image.
    pub(crate) fn image_values(&self) -> usize {
        self.image.iter().product()
    }

    /// Patch tokens [count, tokens, channels] of `count` prepared images, in whole batches.
    ///
    /// # Errors
    /// If ONNX Runtime fails, the output is of another shape than the manifest says, or a token is not finite.
    pub(crate) fn encode(&mut self, images: &[f32]) -> Result<Array3<f32>, Failure> {
        let values = self.image_values();
        let count = images.len() / values;
        let mut tokens = Array3::zeros((count, self.tokens, self.channels));
        for (call, images) in images.chunks(self.batch * values).enumerate() {
            self.buffer[..images.len()].copy_from_slice(images);
            let shape: Vec<usize> = std::iter::once(self.batch).chain(self.image).collect();
            let batch = ArrayView::from_shape(IxDyn(&shape), &self.buffer).map_err(|error| {
                Failure::invalid(format_args!("cannot shape a batch of images: {error}"))
            })?;
            let output = self.session.run(batch.view())?.into_iter().next();
            let output = output.ok_or_else(|| Failure::invalid("the encoder gave no output"))?;
            self.check(output.view())?;
            let output = output
                .into_dimensionality::<ndarray::Ix3>()
                .map_err(|error| Failure::invalid(format_args!("tokens: {error}")))?;
            let (start, rows) = (call * self.batch, images.len() / values);
            tokens.slice_mut(s![start..start + rows, .., ..]).assign(&output.slice(s![
                ..rows,
                self.skip..,
                ..
            ]));
        }
        Ok(tokens)
    }

    fn check(&self, output: ArrayViewD<'_, f32>) -> Result<(), Failure> {
        let expected = [self.batch, self.skip + self.tokens, self.channels];
        if output.shape() != expected {
            return Err(Failure::invalid(format_args!(
                "its tokens have shape {:?}, but `batch`, `skip`, `grid` and `channels` of the manifest say {expected:?}",
                output.shape()
            )));
        }
        if output.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(Failure::invalid("its tokens hold NaN or infinities"))
    }
}
