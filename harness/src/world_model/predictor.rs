//! From tokens of the source and actions to predicted tokens of the targets.

use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::onnx::session::{Binding, BoundSession, Buffer, Element, SessionRecord};
use ndarray::{Array3, ArrayView1, ArrayView2, s};
use retally_manifests::WorldModel;

/// A predictor that is ready to run: calls of a fixed number of predictions, inputs and output bound once.
pub(super) struct TokenPredictor {
    session: BoundSession,
    binding: Binding,
    context: Input,
    action: Option<Input>,
    // Held, not read: the session reads it in every call.
    _positions: Option<Buffer>,
    output: Buffer,
    batch: usize,
    tokens: usize,
    channels: usize,
    scalars: usize,
    /// Buffers of the processor are copied to a GPU when they are bound.
    rebind: bool,
}

/// An input and what it holds.
struct Input {
    name: String,
    buffer: Buffer,
}

impl TokenPredictor {
    /// Binds the inputs and the output of an opened predictor: mask tokens at all positions.
    ///
    /// # Errors
    /// If the graph has other inputs than the manifest names, or other shapes.
    pub(super) fn new(session: BoundSession, model: &WorldModel) -> Result<Self, Failure> {
        let entry = &model.predictor;
        let (tokens, channels) = (model.encoder.token_count(), model.encoder.channels as usize);
        let batch = entry.batch as usize;
        let mut binding = session.binding()?;
        let mut bind = |name: &str, buffer: Buffer| -> Result<Input, Failure> {
            binding.input(name, &buffer)?;
            Ok(Input { name: name.to_owned(), buffer })
        };
        let zeros = |sizes: &[usize]| Buffer::zeros(Element::Float32, sizes);
        let context = bind(&entry.tokens, zeros(&[batch, tokens, channels])?)?;
        let scalars = entry.action.as_ref().map_or(0, |action| action.scalars.len());
        let action = match &entry.action {
            Some(action) => Some(bind(&action.tensor, zeros(&[batch, scalars])?)?),
            None => None,
        };
        let positions = match &entry.positions {
            Some(name) => {
                let all: Vec<i64> = (0..batch).flat_map(|_| 0..tokens as i64).collect();
                Some(bind(name, Buffer::of(&all, &[batch, tokens])?)?.buffer)
            }
            None => None,
        };
        let mut output = zeros(&[batch, tokens, channels])?;
        binding.output(&entry.output, &mut output)?;
        binding.check_complete()?;
        let rebind = session.record().device != Device::Cpu;
        Ok(Self {
            session,
            binding,
            context,
            action,
            _positions: positions,
            output,
            batch,
            tokens,
            channels,
            scalars,
            rebind,
        })
    }

    /// What is recorded of the session.
    pub(super) fn record(&self) -> &SessionRecord {
        self.session.record()
    }

    /// Predicted tokens [Q, tokens x channels] for Q actions [Q, scalars]. `source` gives the tokens of each one's source,
    /// [tokens x channels]. Every call is full: the last one repeats its last prediction.
    ///
    /// # Errors
    /// If ONNX Runtime fails or a prediction is not finite.
    pub(super) fn predict<'a>(
        &mut self,
        actions: ArrayView2<'_, f32>,
        source: impl Fn(usize) -> ArrayView1<'a, f32>,
    ) -> Result<Array3<f32>, Failure> {
        let queries = actions.nrows();
        let mut predictions = Array3::zeros((queries, self.tokens, self.channels));
        let size = self.tokens * self.channels;
        for start in (0..queries).step_by(self.batch) {
            let rows = self.batch.min(queries - start);
            // A row that is not asked for holds the last one again.
            let query = |row: usize| start + row.min(rows - 1);
            let context = self.context.buffer.values_mut::<f32>()?;
            for (row, values) in context.chunks_exact_mut(size).enumerate() {
                values.iter_mut().zip(source(query(row))).for_each(|(to, from)| *to = *from);
            }
            if let Some(action) = &mut self.action {
                let values = action.buffer.values_mut::<f32>()?;
                for (row, values) in values.chunks_exact_mut(self.scalars).enumerate() {
                    values
                        .iter_mut()
                        .zip(actions.row(query(row)))
                        .for_each(|(to, from)| *to = *from);
                }
            }
            if self.rebind {
                self.binding.input(&self.context.name, &self.context.buffer)?;
                if let Some(action) = &self.action {
                    self.binding.input(&action.name, &action.buffer)?;
                }
            }
            self.session.run(&self.binding)?;
            let values = self.output.values::<f32>()?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(Failure::invalid("its predictions hold NaN or infinities"));
            }
            let shape = (self.batch, self.tokens, self.channels);
            let values = ndarray::ArrayView3::from_shape(shape, values)
                .map_err(|error| Failure::invalid(format_args!("predictions: {error}")))?;
            predictions.slice_mut(s![start..start + rows, .., ..]).assign(&values.slice(s![
                ..rows,
                ..,
                ..
            ]));
        }
        Ok(predictions)
    }
}
