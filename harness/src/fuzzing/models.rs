//! ONNX files, as far as retally reads them itself.

use crate::onnx::graph::{metadata, tensors, with_outputs};

/// Tensors that are made outputs, one at a time.
const MOST_TENSORS: usize = 8;

/// An ONNX file, as far as retally reads them itself.
pub fn onnx(input: &[u8]) -> bool {
    let _ = metadata(input, "retally");
    let Ok(found) = tensors(input) else { return false };
    let mut is_edited = false;
    for tensor in found.iter().take(MOST_TENSORS) {
        let Ok(edited) = with_outputs(input, &[tensor.name]) else { continue };
        let edited = tensors(&edited);
        assert!(
            edited.is_ok_and(|edited| edited.iter().any(|other| other.name == tensor.name)),
            "an edited model is a model with this tensor"
        );
        is_edited = true;
    }
    is_edited
}
