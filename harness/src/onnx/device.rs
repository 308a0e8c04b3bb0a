//! Where a session runs.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Where a session runs: `cpu`, or `cuda:N` for NVIDIA GPU number N.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by its number, from 0.
    Cuda(u16),
}

impl Device {
    /// ONNX Runtime's name for the execution provider.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::Cuda(_) => "CUDAExecutionProvider",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.pad("cpu"),
            Self::Cuda(number) => formatter.pad(&format!("cuda:{number}")),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

/// A text that names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no device: write `cpu`, or `cuda:N` with the number of the GPU, for example `cuda:0`"
)]
pub struct InvalidDevice(String);

impl FromStr for Device {
    type Err = InvalidDevice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| plain)
        };
        match text.split_once(':') {
            None if text == "cpu" => Some(Self::Cpu),
            Some(("cuda", digits)) => number(digits).map(Self::Cuda),
            _ => None,
        }
        .ok_or_else(|| InvalidDevice(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(15)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
    }

    #[test]
    fn other_texts_are_refused_with_advice() {
        for text in [
            "",
            "CPU",
            "cuda",
            "cuda:",
            "cuda:x",
            "cuda:+1",
            "cuda:-1",
            "cuda:70000",
            "cpu:0",
            "gpu",
        ] {
            let message = text.parse::<Device>().unwrap_err().to_string();
            assert!(message.contains("cuda:0"), "{message}");
        }
    }
}
