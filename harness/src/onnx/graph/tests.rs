use super::*;
use crate::onnx::testing::{GOLDEN, message, model, named, node, node_with};
use proptest::prelude::*;

/// input → a → b → head, with c beside b: the smallest graph with something to leave out on both sides.
fn branched() -> Vec<u8> {
    model(&[
        (11, named(1, "input")),
        (11, named(1, "unused")),
        (5, named(8, "weight")),
        (5, named(8, "head weight")),
        (15, message(&[(1, &named(8, "sparse"))])),
        (1, node("Mul", &["input", "weight"], &["a"])),
        (1, node("Add", &["a", "sparse"], &["b", ""])),
        (1, node("Neg", &["a"], &["c"])),
        (1, node("MatMul", &["b", "head weight"], &["head"])),
        (12, message(&[(1, b"head"), (2, b"type of head")])),
        (13, message(&[(1, b"b"), (2, b"type of b")])),
        (13, message(&[(1, b"c"), (2, b"type of c")])),
    ])
}

/// Numbers and contents of the fields of a model's graph.
fn graph_fields(model: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let fields: Vec<_> = Message::of_file(model).fields().collect::<Result<_, _>>().unwrap();
    graph_pieces(&fields)
        .flat_map(Message::fields)
        .map(|field| {
            field.map(|field| (field.number, field.message().unwrap().bytes().to_vec())).unwrap()
        })
        .collect()
}

/// What stays of [`branched`], by the names that tests look for.
fn kept(names: &[&str]) -> Vec<String> {
    let edited = with_outputs(&branched(), names).unwrap();
    tensors(&edited).unwrap().iter().map(|tensor| tensor.name.to_owned()).collect()
}

#[test]
fn tensors_are_listed_with_their_origin() {
    let bytes = branched();
    let found = tensors(&bytes).unwrap();
    let names: Vec<_> = found.iter().map(|tensor| tensor.name).collect();
    assert_eq!(
        names,
        ["input", "unused", "weight", "head weight", "sparse", "a", "b", "c", "head"]
    );
    assert_eq!(found[0].origin, Origin::Input);
    assert_eq!(found[2].origin, Origin::Initializer);
    assert_eq!(
        found[8],
        Tensor { name: "head", origin: Origin::Node { operator: "MatMul" }, is_output: true }
    );
    assert!(found[..8].iter().all(|tensor| !tensor.is_output));
}

#[test]
fn metadata_are_read_by_key_and_the_last_entry_counts() {
    let mut bytes = branched();
    for (key, value) in [("weights", "old"), ("other", "x"), ("weights", "new")] {
        let entry = message(&[(1, key.as_bytes()), (2, value.as_bytes())]);
        bytes.extend(message(&[(14, &entry)]));
    }
    assert_eq!(metadata(&bytes, "weights").unwrap(), Some("new"));
    assert_eq!(metadata(&bytes, "none").unwrap(), None);
    assert!(metadata(&bytes[..bytes.len() - 1], "weights").is_err());
}

#[test]
fn what_an_output_does_not_need_is_left_out() {
    assert_eq!(kept(&["a"]), ["input", "weight", "a"]);
    assert_eq!(kept(&["b"]), ["input", "weight", "sparse", "a", "b"]);
    assert_eq!(kept(&["c"]), ["input", "weight", "a", "c"]);
    assert_eq!(kept(&["head"]), ["input", "weight", "head weight", "sparse", "a", "b", "head"]);
}

#[test]
fn outputs_are_exactly_the_named_ones_in_their_order_with_their_types() {
    let edited = with_outputs(&branched(), &["c", "a", "head"]).unwrap();
    let outputs: Vec<_> =
        graph_fields(&edited).into_iter().filter(|(number, _)| *number == 12).collect();
    let expected = [
        (12, message(&[(1, b"c"), (2, b"type of c")])),
        (12, message(&[(1, b"a")])),
        (12, message(&[(1, b"head"), (2, b"type of head")])),
    ];
    assert_eq!(outputs, expected);
    // A value is described once: as an output, or as an inner value if it is one.
    let described: Vec<_> =
        graph_fields(&edited).into_iter().filter(|(number, _)| *number == 13).collect();
    assert_eq!(described, [(13, message(&[(1, b"b"), (2, b"type of b")]))]);
}

#[test]
fn nodes_may_stand_in_any_order() {
    let backwards = model(&[
        (1, node("Neg", &["b"], &["c"])),
        (1, node("Neg", &["a"], &["b"])),
        (1, node("Neg", &["input"], &["a"])),
        (11, named(1, "input")),
    ]);
    let edited = with_outputs(&backwards, &["b"]).unwrap();
    let nodes: Vec<_> =
        graph_fields(&edited).into_iter().filter(|(number, _)| *number == 1).collect();
    assert_eq!(nodes, [(1, node("Neg", &["a"], &["b"])), (1, node("Neg", &["input"], &["a"]))]);
}

#[test]
fn what_a_nested_graph_reads_is_needed() {
    let inner =
        message(&[(1, &node("Mul", &["outer", "local"], &["product"])), (12, &named(1, "direct"))]);
    let middle = message(&[(1, &node_with("Loop", &[], &["looped"], &[message(&[(11, &inner)])]))]);
    let bytes = model(&[
        (5, named(8, "outer")),
        (5, named(8, "direct")),
        (5, named(8, "other")),
        (11, named(1, "condition")),
        (1, node_with("If", &["condition"], &["result"], &[message(&[(6, &middle)])])),
    ]);
    let edited = with_outputs(&bytes, &["result"]).unwrap();
    let names: Vec<_> =
        tensors(&edited).unwrap().iter().map(|tensor| tensor.name.to_owned()).collect();
    assert_eq!(names, ["condition", "outer", "direct", "result"]);
}

#[test]
fn initializers_that_are_inputs_as_well_stay_both() {
    let old = model(&[
        (11, named(1, "input")),
        (11, named(1, "weight")),
        (5, named(8, "weight")),
        (1, node("Mul", &["input", "weight"], &["a"])),
    ]);
    assert_eq!(tensors(&old).unwrap()[1].origin, Origin::Initializer);
    let edited = with_outputs(&old, &["a"]).unwrap();
    assert_eq!(graph_fields(&edited)[..4], graph_fields(&old)[..]);
}

#[test]
fn a_graph_in_pieces_is_one_graph() {
    // Appending a model that holds only an output is a common way of adding one.
    let mut bytes = branched();
    bytes.extend(model(&[(12, named(1, "c"))]));
    bytes.extend(model(&[(1, node("Neg", &["c"], &["d"]))]));
    let outputs: Vec<_> = tensors(&bytes)
        .unwrap()
        .into_iter()
        .filter(|tensor| tensor.is_output)
        .map(|tensor| tensor.name)
        .collect();
    assert_eq!(outputs, ["c", "head"]);
    let edited = with_outputs(&bytes, &["d"]).unwrap();
    let names: Vec<_> =
        tensors(&edited).unwrap().iter().map(|tensor| tensor.name.to_owned()).collect();
    assert_eq!(names, ["input", "weight", "a", "c", "d"]);
}

#[test]
fn everything_else_stays_byte_for_byte() {
    let mut graph = message(&[(2, b"name"), (99, b"\xff\x00 of a later version")]);
    write_bytes(&mut graph, 1, &message(&[(1, b"x"), (2, b"y"), (77, b"unknown to us")]));
    let mut bytes = vec![1 << 3, 8];
    write_bytes(&mut bytes, 8, b"opset");
    write_bytes(&mut bytes, 7, &graph);
    write_bytes(&mut bytes, 25, b"\x3a\x00");
    write_bytes(&mut bytes, 14, b"metadata");
    // Fixed-width and oddly written fields; a length in more bytes than it needs.
    bytes.extend_from_slice(b"\xa1\x06\0\0\0\0\0\0\0\0\xa5\x06\0\0\0\0\xa2\x06\x81\x00z");
    let mut output = Vec::new();
    write_bytes(&mut output, 12, &named(1, "y"));
    let mut expected_graph = graph.clone();
    expected_graph.extend_from_slice(&output);
    let edited = with_outputs(&bytes, &["y"]).unwrap();
    let mut expected = vec![1 << 3, 8];
    write_bytes(&mut expected, 8, b"opset");
    write_bytes(&mut expected, 7, &expected_graph);
    write_bytes(&mut expected, 25, b"\x3a\x00");
    write_bytes(&mut expected, 14, b"metadata");
    expected.extend_from_slice(b"\xa1\x06\0\0\0\0\0\0\0\0\xa5\x06\0\0\0\0\xa2\x06\x81\x00z");
    assert_eq!(edited, expected);
}

#[test]
fn a_missing_tensor_is_named_with_the_closest_ones() {
    let error = with_outputs(GOLDEN, &["block/hiden"]).unwrap_err();
    let GraphError::Missing { name, closest } = &error else { panic!("{error}") };
    assert_eq!(
        (name.as_str(), closest[0].as_str(), closest.len()),
        ("block/hiden", "block/hidden", 3)
    );
    assert!(
        error
            .to_string()
            .starts_with("the model has no tensor `block/hiden`; closest are `block/hidden`, `")
    );
    assert!(
        with_outputs(&branched(), &[""])
            .unwrap_err()
            .to_string()
            .starts_with("the model has no tensor ``")
    );
}

#[test]
fn other_requests_that_make_no_sense_are_refused() {
    let refusal = |names: &[&str]| with_outputs(&branched(), names).unwrap_err();
    assert_eq!(refusal(&[]), GraphError::NoOutputs);
    assert_eq!(refusal(&["a", "b", "a"]), GraphError::Repeated { name: "a".to_owned() });
    assert!(matches!(refusal(&["input"]), GraphError::NotComputed { origin: "an input", .. }));
    assert!(matches!(refusal(&["weight"]), GraphError::NotComputed { origin: "a constant", .. }));
}

#[test]
fn files_that_are_no_models_are_refused() {
    assert_eq!(tensors(b"").unwrap_err(), GraphError::NoGraph);
    assert_eq!(tensors(&message(&[(8, b"opset")])).unwrap_err(), GraphError::NoGraph);
    assert_eq!(tensors(&model(&[])).unwrap_err(), GraphError::NoGraph);
    assert_eq!(tensors(b"\x20\0\0\0ORTM\0\0\0\0").unwrap_err(), GraphError::OrtFormat);
    let cut_off = &GOLDEN[..GOLDEN.len() / 2];
    assert!(matches!(tensors(cut_off).unwrap_err(), GraphError::Malformed(_)));
    let error = tensors(b"<!DOCTYPE html>").unwrap_err().to_string();
    assert!(error.starts_with("the file is no ONNX model, or is damaged: byte "), "{error}");
    let not_text = model(&[(1, message(&[(2, b"\xff")]))]);
    assert!(tensors(&not_text).unwrap_err().to_string().ends_with("a name is not UTF-8"));
}

#[test]
fn endless_nesting_is_refused() {
    let mut graph = message(&[(1, &node("Neg", &["x"], &["y"]))]);
    for _ in 0..5000 {
        graph = message(&[(1, &node_with("If", &[], &["y"], &[message(&[(6, &graph)])]))]);
    }
    let error = with_outputs(&message(&[(7, &graph)]), &["y"]).unwrap_err().to_string();
    assert!(error.ends_with("graphs are nested too deeply"), "{error}");
}

#[test]
fn a_cycle_ends() {
    let cycle = model(&[(1, node("Neg", &["b"], &["a"])), (1, node("Neg", &["a"], &["b"]))]);
    assert_eq!(tensors(&with_outputs(&cycle, &["a"]).unwrap()).unwrap().len(), 2);
}

/// Names of some tensors that nodes of the golden model compute, in some order.
fn golden_names() -> impl Strategy<Value = Vec<String>> {
    let names: Vec<_> = tensors(GOLDEN)
        .unwrap()
        .into_iter()
        .filter(|tensor| matches!(tensor.origin, Origin::Node { .. }))
        .map(|tensor| tensor.name.to_owned())
        .collect();
    let count = names.len();
    proptest::sample::subsequence(names, 1..=count).prop_shuffle()
}

proptest! {
    #[test]
    fn an_edited_graph_is_closed_and_editing_it_again_changes_nothing(names in golden_names()) {
        let edited = with_outputs(GOLDEN, &names).unwrap();
        prop_assert_eq!(&with_outputs(&edited, &names).unwrap(), &edited);
        let known: HashSet<_> = tensors(&edited).unwrap().into_iter().map(|tensor| tensor.name).collect();
        schema::visit_model(Message::of_file(&edited), &mut |mention| {
            if let Mention::Name(name) = mention {
                assert!(known.contains(name), "{name} is read and nowhere computed");
            }
        }).unwrap();
    }

    #[test]
    fn taking_fewer_outputs_later_is_taking_them_at_once(names in golden_names(), share in 0.0..1.0) {
        let fewer = &names[..1 + (share * (names.len() - 1) as f64) as usize];
        let in_two_steps = with_outputs(&with_outputs(GOLDEN, &names).unwrap(), fewer).unwrap();
        prop_assert_eq!(in_two_steps, with_outputs(GOLDEN, fewer).unwrap());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = tensors(&bytes);
        let _ = with_outputs(&bytes, &["x"]);
        let _ = with_outputs(&message(&[(7, &bytes)]), &["x"]);
        let _ = with_outputs(&message(&[(7, &message(&[(1, &bytes)]))]), &["x"]);
    }

    #[test]
    fn a_damaged_model_is_read_or_refused(
        damage in proptest::collection::vec((0..GOLDEN.len(), any::<u8>()), 1..20),
        end in 0..=GOLDEN.len(),
    ) {
        let mut bytes = GOLDEN.to_vec();
        for (place, byte) in damage {
            bytes[place] = byte;
        }
        bytes.truncate(end);
        let _ = tensors(&bytes);
        if let Ok(edited) = with_outputs(&bytes, &["tokens"]) {
            prop_assert!(tensors(&edited).is_ok());
        }
    }
}
