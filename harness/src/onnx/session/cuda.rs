//! CUDA as an execution provider: registered with settings that repeat, or refused with what is missing.

use super::error::reason;
use super::{Device, OnnxError};
use ort::ep;
use ort::session::builder::SessionBuilder;

/// Registers CUDA, and fails if that is not possible; by default ONNX Runtime would run on the CPU and only log it.
pub(super) fn register(
    builder: SessionBuilder,
    number: u16,
    fast: bool,
) -> Result<SessionBuilder, OnnxError> {
    let search = if fast {
        ep::cuda::ConvAlgorithmSearch::Exhaustive
    } else {
        ep::cuda::ConvAlgorithmSearch::Heuristic
    };
    let provider = ep::CUDA::default()
        .with_device_id(i32::from(number))
        // ONNX Runtime's own default is on, whatever ort's documentation says.
        .with_tf32(fast)
        .with_conv_algorithm_search(search)
        .with_prefer_nhwc(false)
        .build()
        .error_on_failure();
    builder.with_execution_providers([provider]).map_err(|error| {
        let reason = reason(&error);
        OnnxError::Device { device: Device::Cuda(number), advice: advice(&reason), reason }
    })
}

/// What to do about ONNX Runtime's reason.
fn advice(reason: &str) -> String {
    match missing_library(reason) {
        Some(driver) if driver.starts_with("libcuda.so") => format!(
            "{driver} belongs to NVIDIA's driver: this machine has none, or it is hidden from this process."
        ),
        Some(library) => format!(
            "{library} is missing: install the CUDA and cuDNN libraries that this ONNX Runtime was built for \
             (from 1.27 on CUDA 13 and cuDNN 9) and put their folder into LD_LIBRARY_PATH."
        ),
        None if reason.contains("not enabled in this build") => {
            "The loaded ONNX Runtime is built for CPUs alone: give the library of the package onnxruntime-gpu \
             with --onnxruntime, its provider libraries beside it."
                .to_owned()
        }
        None => {
            "Check that the GPU number exists (nvidia-smi lists them), or run with --device cpu."
                .to_owned()
        }
    }
}

/// The library that the system's loader did not find.
fn missing_library(reason: &str) -> Option<&str> {
    let separators = |character: char| {
        character.is_whitespace() || matches!(character, '"' | '\'' | ':' | '/' | ',')
    };
    reason.split(separators).find(|word| {
        word.starts_with("lib") && word.contains(".so") && !word.contains("onnxruntime")
    })
}

#[cfg(test)]
mod tests {
    use super::advice;

    // Reasons as ONNX Runtime 1.31.1 gives them: without the CUDA libraries, without the driver, built for CPUs.
    #[test]
    fn advice_names_the_library_that_is_missing() {
        let missing = "Failed to load library /opt/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: \
                       cannot open shared object file: No such file or directory";
        assert!(
            advice(missing).starts_with("libcublasLt.so.13 is missing: install the CUDA and cuDNN")
        );
        let driver = missing.replace("libcublasLt.so.13", "libcuda.so.1");
        assert!(advice(&driver).starts_with("libcuda.so.1 belongs to NVIDIA's driver"));
        assert!(
            advice("CUDA execution provider is not enabled in this build.")
                .contains("onnxruntime-gpu")
        );
        assert!(advice("invalid device ordinal").contains("nvidia-smi"));
    }
}
