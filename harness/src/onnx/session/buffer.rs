//! Numbers that sessions read and write in place.

use super::error::reason;
use super::{BoundSession, Device, Element, OnnxError};
use half::{bf16, f16};
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::value::{DynTensor, PrimitiveTensorElementType, TensorElementType};
use std::ops::Range;

/// A type of numbers that a [`Buffer`] can hold.
pub trait Number: PrimitiveTensorElementType + Copy {
    /// Its name in a graph.
    const ELEMENT: Element;
}

macro_rules! numbers {
    ($($number:ty => $element:ident),+ $(,)?) => {
        $(impl Number for $number {
            const ELEMENT: Element = Element::$element;
        })+
    };
}

numbers! {
    bool => Bool,
    i32 => Int32,
    i64 => Int64,
    f16 => Float16,
    bf16 => Bfloat16,
    f32 => Float32,
    f64 => Float64,
}

/// Numbers of one type and a fixed shape, in the memory of a device. Sessions that they are bound to read and write them
/// there; nothing is copied.
#[derive(Debug)]
pub struct Buffer {
    tensor: DynTensor,
    element: Element,
    shape: Vec<usize>,
}

impl Buffer {
    /// Zeros in the memory of the processor.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn zeros(element: Element, shape: &[usize]) -> Result<Self, OnnxError> {
        Self::allocate(&Allocator::default(), element, shape)
    }

    /// Numbers in the memory of a session's device, not set to anything on a GPU.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn on_device(
        session: &BoundSession,
        element: Element,
        shape: &[usize],
    ) -> Result<Self, OnnxError> {
        let Device::Cuda(number) = session.record().device else {
            return Self::zeros(element, shape);
        };
        let allocator = MemoryInfo::new(
            AllocationDevice::CUDA,
            i32::from(number),
            AllocatorType::Device,
            MemoryType::Default,
        )
        .and_then(|memory| Allocator::new(session.inner(), memory))
        .map_err(|error| no_memory(element, shape, &error))?;
        Self::allocate(&allocator, element, shape)
    }

    /// Numbers in the memory of the processor.
    ///
    /// # Errors
    /// As [`Buffer::zeros`].
    pub fn of<T: Number>(values: &[T], shape: &[usize]) -> Result<Self, OnnxError> {
        let mut buffer = Self::zeros(T::ELEMENT, shape)?;
        let target = buffer.values_mut::<T>()?;
        if target.len() != values.len() {
            let what = describe(T::ELEMENT, shape);
            return Err(OnnxError::Memory {
                what,
                reason: format!("{} numbers were given", values.len()),
            });
        }
        target.copy_from_slice(values);
        Ok(buffer)
    }

    fn allocate(
        allocator: &Allocator,
        element: Element,
        shape: &[usize],
    ) -> Result<Self, OnnxError> {
        let kind = match element {
            Element::Bool => TensorElementType::Bool,
            Element::Int32 => TensorElementType::Int32,
            Element::Float16 => TensorElementType::Float16,
            Element::Bfloat16 => TensorElementType::Bfloat16,
            Element::Float32 => TensorElementType::Float32,
            Element::Float64 => TensorElementType::Float64,
            Element::Int64 => TensorElementType::Int64,
        };
        let tensor = DynTensor::new(allocator, kind, shape)
            .map_err(|error| no_memory(element, shape, &error))?;
        Ok(Self { tensor, element, shape: shape.to_vec() })
    }

    /// Type of the numbers.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// Lengths of the axes.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row by row.
    ///
    /// # Errors
    /// If they are of another type, or on a GPU.
    pub fn values<T: Number>(&self) -> Result<&[T], OnnxError> {
        match self.tensor.try_extract_tensor() {
            Ok((_, values)) => Ok(values),
            Err(error) => Err(no_memory(self.element, &self.shape, &error)),
        }
    }

    /// Replaces `numbers` by some of the floating-point numbers, row by row, exactly.
    ///
    /// # Errors
    /// If they are no floating-point numbers, are on a GPU, or are fewer.
    pub fn read_f64(&self, range: Range<usize>, numbers: &mut Vec<f64>) -> Result<(), OnnxError> {
        numbers.clear();
        match self.element {
            Element::Float16 => numbers.extend(self.part::<f16>(range)?.iter().map(|n| n.to_f64())),
            Element::Bfloat16 => {
                numbers.extend(self.part::<bf16>(range)?.iter().map(|n| n.to_f64()));
            }
            Element::Float32 => {
                numbers.extend(self.part::<f32>(range)?.iter().map(|n| f64::from(*n)));
            }
            Element::Float64 => numbers.extend(self.part::<f64>(range)?),
            Element::Bool | Element::Int32 | Element::Int64 => {
                let reason = "floating-point numbers were expected".to_owned();
                return Err(OnnxError::Memory { what: self.describe(), reason });
            }
        }
        Ok(())
    }

    fn part<T: Number>(&self, range: Range<usize>) -> Result<&[T], OnnxError> {
        self.values::<T>()?.get(range.clone()).ok_or_else(|| OnnxError::Memory {
            what: self.describe(),
            reason: format!("the numbers {range:?} were asked for"),
        })
    }

    /// What a session gave.
    pub(super) fn given(tensor: DynTensor, element: Element, shape: Vec<usize>) -> Self {
        Self { tensor, element, shape }
    }

    /// The numbers, to be changed.
    ///
    /// # Errors
    /// As [`Buffer::values`].
    pub fn values_mut<T: Number>(&mut self) -> Result<&mut [T], OnnxError> {
        let Self { tensor, element, shape } = self;
        match tensor.try_extract_tensor_mut() {
            Ok((_, values)) => Ok(values),
            Err(error) => Err(no_memory(*element, shape, &error)),
        }
    }

    /// Copies all numbers to another buffer of the same type and shape, from device to device if need be, and waits until
    /// they are there.
    ///
    /// # Errors
    /// If the buffers differ, or the copy fails.
    pub fn copy_to(&self, target: &mut Self) -> Result<(), OnnxError> {
        self.tensor
            .copy_into(&mut target.tensor)
            .map_err(|error| no_memory(self.element, &self.shape, &error))
    }

    /// The same numbers in the memory of a session's device.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn moved_to(self, session: &BoundSession) -> Result<Self, OnnxError> {
        if session.record().device == Device::Cpu {
            return Ok(self);
        }
        let mut there = Self::on_device(session, self.element, &self.shape)?;
        self.copy_to(&mut there)?;
        Ok(there)
    }

    pub(super) fn tensor(&self) -> &DynTensor {
        &self.tensor
    }

    pub(super) fn tensor_mut(&mut self) -> &mut DynTensor {
        &mut self.tensor
    }

    /// Type and shape: `float32 [1, 4]`.
    pub(super) fn describe(&self) -> String {
        describe(self.element, &self.shape)
    }
}

fn describe(element: Element, shape: &[usize]) -> String {
    format!("{element} {shape:?}")
}

fn no_memory(element: Element, shape: &[usize], error: &ort::Error) -> OnnxError {
    OnnxError::Memory { what: describe(element, shape), reason: reason(error) }
}
