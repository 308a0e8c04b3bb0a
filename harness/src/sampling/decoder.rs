//! The network that makes images of latents, in batches of its own.

use super::{StateError, decoder_input};
use crate::failure::Failure;
use crate::onnx::session::{Binding, BoundSession, Buffer, Element};
use retally_manifests::{Decoder, Generator};
use std::time::{Duration, Instant};

/// A decoder that is ready to be called.
pub(super) struct LatentDecoder {
    session: BoundSession,
    binding: Binding,
    /// Name of the input.
    input: String,
    latents: Buffer,
    images: Buffer,
    scale: f64,
    shift: f64,
    /// Latents of a call.
    batch: usize,
    /// Time spent in ONNX Runtime.
    spent: Duration,
}

impl LatentDecoder {
    /// Binds the input and the output of an opened decoder.
    ///
    /// # Errors
    /// If the graph has other tensors than the manifest names, or other shapes.
    pub(super) fn new(
        session: BoundSession,
        decoder: &Decoder,
        generator: &Generator,
    ) -> Result<Self, Failure> {
        let batch = decoder.batch as usize;
        let sizes = generator.network.shape.iter().map(|&size| size as usize);
        let shape: Vec<usize> = std::iter::once(batch).chain(sizes).collect();
        let latents = Buffer::zeros(Element::Float32, &shape)?;
        let image = &generator.image;
        let shape = [decoder.batch, image.channels, image.height, image.width];
        let mut images = Buffer::zeros(Element::Float32, &shape.map(|size| size as usize))?;
        let mut binding = session.binding()?;
        binding.input(&decoder.input, &latents)?;
        binding.output(&decoder.output, &mut images)?;
        binding.check_complete()?;
        let Decoder { scale, shift, .. } = *decoder;
        let input = decoder.input.clone();
        Ok(Self {
            session,
            binding,
            input,
            latents,
            images,
            scale,
            shift,
            batch,
            spent: Duration::ZERO,
        })
    }

    /// Latents of a call.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Makes images of at most a batch of states; a short batch is filled up with its last state. The images' values come
    /// one after the other, those of the filling at the end.
    ///
    /// # Errors
    /// If there are no states or too many, or ONNX Runtime fails.
    pub(super) fn decode(&mut self, states: &[f64]) -> Result<&[f32], Failure> {
        let input = self.latents.values_mut::<f32>()?;
        let one = input.len() / self.batch.max(1);
        let Some((given, filling)) = input.split_at_mut_checked(states.len()) else {
            return Err(Failure::invalid("more latents than a call of the decoder takes"));
        };
        let misfit = |error: StateError| Failure::invalid(error).within("decoder");
        decoder_input(states, self.scale, self.shift, given).map_err(misfit)?;
        if let Some(last) = given.len().checked_sub(one).and_then(|start| given.get(start..)) {
            for row in filling.chunks_exact_mut(one.max(1)) {
                row.copy_from_slice(last);
            }
        }
        // On the processor this changes nothing; for a GPU it is the copy.
        self.binding.input(&self.input, &self.latents)?;
        let started = Instant::now();
        let ran = self.session.run(&self.binding);
        self.spent += started.elapsed();
        ran?;
        Ok(self.images.values()?)
    }

    /// Time spent in ONNX Runtime so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }
}
