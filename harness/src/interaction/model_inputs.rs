//! What a model is given: arrays of files, in the types that its inputs have.

use super::description::InputLocations;
use crate::arrays::{ArrayFile, Element as Stored};
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::onnx::session::{Buffer, Element, TensorInfo};
use half::{bf16, f16};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads what `wanted` names. Integers and truth values are taken from every integer type that holds them, floating-point
/// numbers from every type that is no wider.
///
/// # Errors
/// If an input has no array, or one whose numbers are not those of its type.
pub(super) fn read(
    locations: &InputLocations,
    wanted: &[TensorInfo],
    folder: &Path,
) -> Result<BTreeMap<String, Buffer>, Failure> {
    // All names are looked up before the first file is read.
    let places: Vec<PathBuf> =
        wanted.iter().map(|tensor| place(locations, &tensor.name)).collect::<Result<_, _>>()?;
    let mut inputs = BTreeMap::new();
    for (tensor, place) in wanted.iter().zip(places) {
        let path = folder.join(place);
        let mut file = ArrayFile::open(&path)?;
        let buffer = buffer(&mut file, tensor.element)
            .map_err(|failure| failure.within(format_args!("input `{}`", tensor.name)))?;
        inputs.insert(tensor.name.clone(), buffer);
    }
    Ok(inputs)
}

fn place(locations: &InputLocations, name: &str) -> Result<PathBuf, Failure> {
    match locations {
        InputLocations::Archive(archive) => {
            let is_archive =
                ["npz", "safetensors"].iter().any(|kind| has_extension(Path::new(archive), kind));
            if !is_archive {
                return Err(Failure::invalid(format_args!(
                    "`inputs = \"{archive}\"` is no .npz or .safetensors with an array for each input: name one, or write `inputs = {{ \"{name}\" = \"FILE.npy\" }}`"
                )));
            }
            Ok(PathBuf::from(format!("{archive}#{name}")))
        }
        InputLocations::Arrays(arrays) => arrays.get(name).map(PathBuf::from).ok_or_else(|| {
            Failure::invalid(format_args!(
                "the model needs `{name}`, and `inputs` has no array for it"
            ))
        }),
    }
}

/// The whole array, in the memory of the processor.
fn buffer(file: &mut ArrayFile, element: Element) -> Result<Buffer, Failure> {
    let shape = file.shape().to_vec();
    let stored = file.element();
    let bytes = file.read_all()?;
    let no_way = || {
        Failure::invalid(format_args!(
            "the array holds {}, and the model takes {element} (numpy: array.astype('{element}'))",
            stored.name()
        ))
    };
    let buffer = match (element, stored) {
        (Element::Bool, Stored::Bool | Stored::Unsigned(_) | Stored::Signed(_)) => Buffer::of(
            &integers(
                stored,
                bytes,
                |number| u8::try_from(number).ok().filter(|&n| n < 2).map(|n| n == 1),
                "0 or 1",
            )?,
            &shape,
        ),
        (Element::Int32, Stored::Bool | Stored::Unsigned(_) | Stored::Signed(_)) => Buffer::of(
            &integers(stored, bytes, |number| i32::try_from(number).ok(), "an int32")?,
            &shape,
        ),
        (Element::Int64, Stored::Bool | Stored::Unsigned(_) | Stored::Signed(_)) => Buffer::of(
            &integers(stored, bytes, |number| i64::try_from(number).ok(), "an int64")?,
            &shape,
        ),
        (Element::Float16, Stored::F16) => Buffer::of(&numbers(bytes, f16::from_le_bytes), &shape),
        (Element::Bfloat16, Stored::Bf16) => {
            Buffer::of(&numbers(bytes, bf16::from_le_bytes), &shape)
        }
        (Element::Float32, Stored::F16 | Stored::Bf16 | Stored::F32) => {
            let mut values = Vec::new();
            stored.append_f32(bytes, &mut values);
            Buffer::of(&values, &shape)
        }
        (Element::Float64, Stored::F16 | Stored::Bf16 | Stored::F32 | Stored::F64) => {
            let mut values = Vec::new();
            stored.append_f64(bytes, &mut values);
            Buffer::of(&values, &shape)
        }
        _ => return Err(no_way()),
    };
    Ok(buffer?)
}

fn integers<T>(
    stored: Stored,
    bytes: &[u8],
    convert: impl Fn(i128) -> Option<T>,
    expected: &str,
) -> Result<Vec<T>, Failure> {
    let number = |bytes| {
        let number = stored.integer(bytes);
        convert(number).ok_or_else(|| {
            Failure::invalid(format_args!("the array holds {number}, which is not {expected}"))
        })
    };
    bytes.chunks_exact(stored.size()).map(number).collect()
}

fn numbers<T, const SIZE: usize>(bytes: &[u8], convert: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    bytes.as_chunks::<SIZE>().0.iter().map(|&number| convert(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::session::Number;
    use crate::onnx::testing::library;

    /// The header of a `.npy` and these bytes.
    fn array(kind: &str, shape: &str, bytes: &[u8]) -> (tempfile::TempDir, ArrayFile) {
        let folder = tempfile::tempdir().unwrap();
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(bytes);
        let path = folder.path().join("a.npy");
        std::fs::write(&path, file).unwrap();
        let file = ArrayFile::open(&path).unwrap();
        (folder, file)
    }

    fn converted<T: Number>(kind: &str, shape: &str, bytes: &[u8]) -> Result<Vec<T>, String> {
        // Buffers are ONNX Runtime's memory.
        library();
        let (_folder, mut file) = array(kind, shape, bytes);
        let buffer = buffer(&mut file, T::ELEMENT).map_err(|failure| failure.message())?;
        assert_eq!(buffer.shape(), file.shape());
        Ok(buffer.values::<T>().unwrap().to_vec())
    }

    #[test]
    fn integers_fit_or_are_refused() {
        let small: Vec<u8> = [-1_i16, 300].iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(converted::<i64>("<i2", "(1, 2)", &small).unwrap(), [-1, 300]);
        assert_eq!(converted::<i32>("<i2", "(2,)", &small).unwrap(), [-1, 300]);
        let large = (1_i64 << 31).to_le_bytes();
        assert_eq!(converted::<i64>("<i8", "()", &large).unwrap(), [1 << 31]);
        assert!(converted::<i32>("<i8", "()", &large).unwrap_err().contains("not an int32"));
        assert!(converted::<i64>("<u8", "(1,)", &[0xff; 8]).unwrap_err().contains("not an int64"));
        assert_eq!(converted::<bool>("|b1", "(2,)", &[0, 1]).unwrap(), [false, true]);
        assert_eq!(converted::<bool>("<i2", "(2,)", &[1, 0, 0, 0]).unwrap(), [true, false]);
        assert!(converted::<bool>("|u1", "(1,)", &[2]).unwrap_err().contains("holds 2"));
        assert_eq!(converted::<i64>("<i8", "(0, 4)", &[]).unwrap(), [0_i64; 0]);
    }

    #[test]
    fn floats_are_widened_and_never_rounded() {
        let half = 0x3555_u16.to_le_bytes();
        assert_eq!(converted::<f32>("<f2", "(1,)", &half).unwrap(), [0.333_251_95]);
        assert_eq!(converted::<f64>("<f2", "(1,)", &half).unwrap(), [0.333_251_953_125]);
        assert_eq!(converted::<f16>("<f2", "(1,)", &half).unwrap(), [f16::from_bits(0x3555)]);
        let wide = 0.1_f64.to_le_bytes();
        let message = converted::<f32>("<f8", "(1,)", &wide).unwrap_err();
        assert!(message.contains("holds float64, and the model takes float32"), "{message}");
        assert!(converted::<f32>("<i8", "(1,)", &[0; 8]).is_err());
        assert!(converted::<i64>("<f4", "(1,)", &[0; 4]).is_err());
    }
}
