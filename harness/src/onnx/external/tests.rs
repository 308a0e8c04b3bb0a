use super::*;
use crate::onnx::testing::{GOLDEN, external_tensor, message, model, node, node_with};
use proptest::prelude::*;

fn model_with(location: &str) -> Vec<u8> {
    model(&[(5, external_tensor("weight", location)), (1, node("Neg", &["weight"], &["a"]))])
}

#[test]
fn models_without_external_data_need_no_folder() {
    assert_eq!(files(GOLDEN).unwrap(), []);
    assert_eq!(folder(GOLDEN, None).unwrap(), None);
    assert_eq!(folder(GOLDEN, Some(Path::new("nowhere"))).unwrap(), None);
}

#[test]
fn data_is_external_only_if_the_tensor_says_so() {
    let entry = message(&[(1, b"location"), (2, b"weights.bin")]);
    let stays_here = message(&[(8, b"weight"), (13, &entry)]);
    assert_eq!(files(&model(&[(5, stays_here)])).unwrap(), []);
}

#[test]
fn tensors_are_found_wherever_they_are() {
    let at = |location: &str| external_tensor("weight", location);
    let inner = message(&[(5, &at("nested"))]);
    let attributes = [
        message(&[(5, &at("tensor"))]),
        message(&[(10, &at("tensors"))]),
        message(&[(22, &message(&[(1, &at("sparse values")), (2, &at("sparse indices"))]))]),
        message(&[(23, &message(&[(1, &at("sparse list"))]))]),
        message(&[(6, &inner)]),
    ];
    let mut bytes = model(&[
        (5, at("initializer")),
        (5, at("initializer")),
        (15, message(&[(1, &at("sparse initializer"))])),
        (1, node_with("Constant", &[], &["a"], &attributes)),
    ]);
    let function_node = node_with("Constant", &[], &["a"], &[message(&[(5, &at("function"))])]);
    let default = message(&[(5, &at("default"))]);
    bytes.extend(message(&[(25, &message(&[(7, &function_node), (11, &default)]))]));
    let found: Vec<_> = files(&bytes).unwrap().into_iter().map(|file| file.location).collect();
    let expected = [
        "default",
        "function",
        "initializer",
        "nested",
        "sparse indices",
        "sparse initializer",
        "sparse list",
        "sparse values",
        "tensor",
        "tensors",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_in_the_folder_is_accepted_and_a_missing_one_is_named() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("data")).unwrap();
    std::fs::write(place.path().join("data/weights.bin"), b"1234").unwrap();
    for location in ["data/weights.bin", "./data/weights.bin"] {
        assert_eq!(
            folder(&model_with(location), Some(place.path())).unwrap(),
            place.path().to_str()
        );
    }
    let error = folder(&model_with("weights.bin"), Some(place.path())).unwrap_err();
    assert!(matches!(error, ExternalError::Unreadable { .. }));
    let message = error.to_string();
    assert!(message.contains("tensor `weight`") && message.contains("weights.bin"), "{message}");
    let error = folder(&model_with("data"), Some(place.path())).unwrap_err();
    assert!(error.to_string().contains("it is no file"), "{error}");
    assert!(matches!(
        folder(&model_with("weights.bin"), None).unwrap_err(),
        ExternalError::NoFolder(_)
    ));
}

#[test]
fn nothing_outside_the_folder_is_opened() {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("model");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(place.path().join("secret"), b"1234").unwrap();
    let absolute = place.path().join("secret").display().to_string();
    for location in ["../secret", "data/../../secret", absolute.as_str(), "", "a\0b"] {
        let error = folder(&model_with(location), Some(&inside)).unwrap_err();
        assert!(matches!(error, ExternalError::Outside(_)), "{location:?}: {error}");
    }
    // ONNX Runtime's mark for "the numbers are at this address of the process's memory".
    let error = folder(&model_with("*/_ORT_MEM_ADDR_/*"), Some(&inside)).unwrap_err();
    assert!(matches!(error, ExternalError::Unreadable { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("model");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(place.path().join("secret"), b"1234").unwrap();
    std::os::unix::fs::symlink(place.path().join("secret"), inside.join("weights.bin")).unwrap();
    let error = folder(&model_with("weights.bin"), Some(&inside)).unwrap_err();
    assert!(matches!(error, ExternalError::Outside(_)), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = files(&bytes);
        let _ = files(&model(&[(5, bytes.clone())]));
        let _ = files(&message(&[(25, &bytes)]));
    }

    #[test]
    fn no_location_escapes(location in "[./\\\\a]{0,8}") {
        let place = tempfile::tempdir().unwrap();
        prop_assert!(folder(&model_with(&location), Some(place.path())).is_err());
    }
}

#[test]
fn the_digest_covers_weights_in_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_with("weights.bin");
    assert!(digest(&model, folder.path()).is_err());
    let with = |weights: &[u8]| {
        std::fs::write(folder.path().join("weights.bin"), weights).unwrap();
        digest(&model, folder.path()).unwrap()
    };
    assert_eq!(with(b"one"), with(b"one"));
    assert_ne!(with(b"one"), with(b"two"));
    assert_ne!(with(b"one"), Digest::of_bytes(&model));
    assert_eq!(digest(GOLDEN, Path::new("nowhere")).unwrap(), Digest::of_bytes(GOLDEN));
}
