//! Small models for tests, written field by field.

use super::library::{Library, LibraryLocation};
use super::wire::write_bytes;
use retally_manifests::{ArtifactKind, Manifest, Store};
use std::path::PathBuf;

/// The golden model: a real graph of 40 nodes.
pub(crate) const GOLDEN: &[u8] = include_bytes!("golden/model.onnx");

/// A message of length-delimited fields.
pub(crate) fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, content) in fields {
        write_bytes(&mut bytes, *number, content);
    }
    bytes
}

/// A `NodeProto`.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    node_with(operator, inputs, outputs, &[])
}

/// A `NodeProto` with attributes.
pub(crate) fn node_with(
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Vec<u8>],
) -> Vec<u8> {
    let mut fields: Vec<(u32, &[u8])> = Vec::new();
    fields.extend(inputs.iter().map(|name| (1, name.as_bytes())));
    fields.extend(outputs.iter().map(|name| (2, name.as_bytes())));
    fields.push((4, operator.as_bytes()));
    fields.extend(attributes.iter().map(|attribute| (5, attribute.as_slice())));
    message(&fields)
}

/// A `ValueInfoProto` or, with `number` 8, a `TensorProto` that has only a name.
pub(crate) fn named(number: u32, name: &str) -> Vec<u8> {
    message(&[(number, name.as_bytes())])
}

/// A `ModelProto` around the fields of a graph.
pub(crate) fn model(graph: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let fields: Vec<(u32, &[u8])> =
        graph.iter().map(|(number, content)| (*number, content.as_slice())).collect();
    message(&[(7, &message(&fields))])
}

/// A `TensorProto` whose numbers are in another file.
pub(crate) fn external_tensor(name: &str, location: &str) -> Vec<u8> {
    let entry = message(&[(1, b"location"), (2, location.as_bytes())]);
    let mut tensor = message(&[(8, name.as_bytes()), (13, &entry)]);
    // data_location = EXTERNAL
    tensor.extend_from_slice(&[14 << 3, 1]);
    tensor
}

/// ONNX Runtime for tests: the library that `ORT_DYLIB_PATH` names, else the store's. Tests never fetch anything.
pub(crate) fn library() -> &'static Library {
    let location =
        LibraryLocation::named(None).unwrap_or_else(|| LibraryLocation::stored(stored_library()));
    Library::load(&location).unwrap()
}

fn stored_library() -> PathBuf {
    let manifest = Manifest::builtin().unwrap();
    let artifact = manifest
        .artifacts()
        .find(|artifact| artifact.kind == ArtifactKind::Library && artifact.suits_this_platform())
        .expect(
            "no manifest has ONNX Runtime for this platform: name a library with ORT_DYLIB_PATH",
        );
    let stored = Store::open(None).unwrap().get(artifact).unwrap();
    stored.unwrap_or_else(|| {
        panic!("ONNX Runtime is not in the store: run `retally fetch {}` once", artifact.id)
    })
}

/// ONNX's number for 32-bit floats.
pub(crate) const FLOAT: u8 = 1;
/// ONNX's number for 64-bit integers.
pub(crate) const INT64: u8 = 7;
/// ONNX's number for 64-bit floats.
pub(crate) const DOUBLE: u8 = 11;

/// The `AttributeProto` `to` of a `Cast`.
pub(crate) fn cast_to(element: u8) -> Vec<u8> {
    let mut attribute = message(&[(1, b"to")]);
    // i = element, type = INT
    attribute.extend_from_slice(&[3 << 3, element, 0xa0, 1, 2]);
    attribute
}

/// A `ValueInfoProto` of a tensor; a size of 0 is left open.
pub(crate) fn typed(name: &str, element: u8, sizes: &[u8]) -> Vec<u8> {
    let dimension =
        |size: &u8| if *size == 0 { message(&[(2, b"open")]) } else { vec![1 << 3, *size] };
    let dimensions: Vec<_> = sizes.iter().map(dimension).collect();
    let shape =
        message(&dimensions.iter().map(|dimension| (1, dimension.as_slice())).collect::<Vec<_>>());
    let mut tensor = vec![1 << 3, element];
    write_bytes(&mut tensor, 2, &shape);
    message(&[(1, name.as_bytes()), (2, &message(&[(1, &tensor)]))])
}

/// A model that ONNX Runtime opens: [`model`] with a name, IR version 8 and operator set 17.
pub(crate) fn runnable(graph: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut fields = vec![(2, b"test".to_vec())];
    fields.extend_from_slice(graph);
    let mut bytes = vec![1 << 3, 8];
    write_bytes(&mut bytes, 8, &[2 << 3, 17]);
    bytes.extend(model(&fields));
    bytes
}
