//! The scripts of `zoo/` that recipes need, inside the program: an installed binary needs no checkout to derive.

/// Lists files of `zoo/` with their text.
macro_rules! zoo {
    ($($name:literal),* $(,)?) => { &[$((concat!("zoo/", $name), include_str!(concat!("../../zoo/", $name)))),*] };
}

/// Path and text of every script and requirements file. A test keeps the list complete.
pub(crate) const ZOO: &[(&str, &str)] = zoo![
    "command_line.py",
    "convert_dcgan.py",
    "convert_efficientnet_lite.py",
    "convert_mobilenetv2.py",
    "inverted_residual.py",
    "make_noto_emoji.py",
    "onnx_builder.py",
    "requirements.txt",
    "torch_checkpoint.py",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;
    use std::path::Path;

    #[test]
    fn every_module_that_a_listed_script_imports_is_listed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo");
        for (script, text) in ZOO {
            let modules = text
                .lines()
                .filter_map(|line| line.strip_prefix("import ").or(line.strip_prefix("from ")));
            for module in modules.filter_map(|rest| rest.split([' ', '.', ',']).next()) {
                let name = format!("zoo/{module}.py");
                let neighbour = folder.join(format!("{module}.py")).exists();
                assert!(
                    !neighbour || ZOO.iter().any(|(listed, _)| *listed == name),
                    "{script} imports {name}"
                );
            }
        }
    }

    #[test]
    fn every_recipe_of_the_manifests_is_there() {
        let manifest = Manifest::builtin().unwrap();
        for derived in manifest.artifacts().filter_map(|artifact| artifact.derived.as_ref()) {
            for file in [&derived.recipe, &derived.requirements] {
                assert!(ZOO.iter().any(|(name, _)| name == file), "{file}");
            }
        }
    }
}
