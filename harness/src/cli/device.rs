//! The words of `--device`.

use crate::onnx::device::Device;

/// The GPU that an engine has chosen for this process.
const LOCAL: &str = "cuda:local";
/// Who says which, the first that is set: torchrun, a Slurm step.
const VARIABLES: [&str; 2] = ["LOCAL_RANK", "SLURM_LOCALID"];

/// Reads `cpu`, `cuda:N` or `cuda:local`.
///
/// # Errors
/// If it is none of these, or no engine says which GPU is this process's.
pub(super) fn device(text: &str) -> Result<Device, String> {
    device_of(text, &|name| std::env::var(name).ok())
}

fn device_of(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Device, String> {
    if text != LOCAL {
        return text.parse().map_err(|error| {
            format!("{error}; `{LOCAL}` is the GPU that torchrun or a Slurm step has chosen")
        });
    }
    let found = VARIABLES.into_iter().find_map(|name| Some((name, variable(name)?)));
    let Some((name, value)) = found else {
        let [torchrun, slurm] = VARIABLES;
        return Err(format!(
            "no engine says which GPU is this process's ({torchrun} of torchrun and {slurm} of a Slurm step are not set): write `cuda:0`"
        ));
    };
    format!("cuda:{value}")
        .parse()
        .map_err(|_| format!("{name} is `{value}`, expected the number of a GPU"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Device, String> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        device_of(text, &|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_engine_chooses_where_it_is_asked_to() {
        let torchrun = [("SLURM_LOCALID", "1"), ("LOCAL_RANK", "3")];
        assert_eq!(read("cuda:local", &torchrun), Ok(Device::Cuda(3)));
        assert_eq!(read("cuda:local", &torchrun[..1]), Ok(Device::Cuda(1)));
        assert_eq!(read("cuda:0", &torchrun), Ok(Device::Cuda(0)), "a number is a number");
        assert_eq!(read("cpu", &torchrun), Ok(Device::Cpu));
    }

    #[test]
    fn what_no_engine_says_is_not_guessed() {
        assert!(read("cuda:local", &[]).unwrap_err().contains("LOCAL_RANK"));
        let message = read("cuda:local", &[("LOCAL_RANK", "first")]).unwrap_err();
        assert!(message.contains("LOCAL_RANK is `first`"), "{message}");
        assert!(read("cuda", &[]).unwrap_err().contains("cuda:local"));
    }
}
