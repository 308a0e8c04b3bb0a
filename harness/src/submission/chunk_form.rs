//! The form of a chunk: looked at before anything is allocated by what it says of itself.

use retally_submissions::limits::{MOST_CHUNK_HEADER_BYTES, MOST_SAMPLES};
use safetensors::tensor::{Dtype, SafeTensors};

/// Checks header, shapes and numbers of a safetensors file.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    let length = length.ok_or_else(|| "it is too short for a safetensors file".to_owned())?;
    if length > MOST_CHUNK_HEADER_BYTES {
        return Err(format!(
            "its header is said to have {length} bytes, at most {MOST_CHUNK_HEADER_BYTES} are read"
        ));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| {
        format!("it is no safetensors file whose shapes fit its bytes: {error}")
    })?;
    for (name, tensor) in tensors.iter() {
        let [samples, _] = tensor.shape() else {
            return Err(format!("tensor {name:?} has {} axes, expected 2", tensor.shape().len()));
        };
        if *samples > MOST_SAMPLES {
            return Err(format!(
                "tensor {name:?} is said to have {samples} rows, at most {MOST_SAMPLES} are read"
            ));
        }
        let not_finite = match tensor.dtype() {
            Dtype::F32 => {
                first_not_finite::<4>(tensor.data(), |bytes| f32::from_le_bytes(bytes).is_finite())
            }
            Dtype::F64 => {
                first_not_finite::<8>(tensor.data(), |bytes| f64::from_le_bytes(bytes).is_finite())
            }
            Dtype::U8 => None,
            other => {
                return Err(format!(
                    "tensor {name:?} has element type {other:?}, expected F32, F64 or U8"
                ));
            }
        };
        if let Some(place) = not_finite {
            return Err(format!("tensor {name:?}, number {place} is not finite"));
        }
    }
    Ok(())
}

fn first_not_finite<const N: usize>(
    data: &[u8],
    is_finite: impl Fn([u8; N]) -> bool,
) -> Option<usize> {
    data.as_chunks::<N>().0.iter().position(|bytes| !is_finite(*bytes))
}
