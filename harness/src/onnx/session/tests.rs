use super::*;
use crate::onnx::testing::{
    DOUBLE, FLOAT, GOLDEN, external_tensor, library, message, model, node, runnable, typed,
};
use crate::onnx::wire::write_bytes;
use ndarray::{Array2, Array4, Axis, IxDyn, arr2};

/// An image batch for the golden model, the same in every run.
fn images() -> ArrayD<f32> {
    Array4::from_shape_fn((2, 3, 32, 32), |(image, channel, row, column)| {
        ((image * 31 + channel * 17 + row * 7 + column * 3) % 23) as f32 / 11.0 - 1.0
    })
    .into_dyn()
}

fn taking(outputs: &[&str]) -> SessionOptions {
    SessionOptions {
        outputs: outputs.iter().map(|name| (*name).to_owned()).collect(),
        ..SessionOptions::default()
    }
}

fn open(bytes: &[u8], options: &SessionOptions) -> Result<Session, OnnxError> {
    Session::open_source(library(), ModelSource { bytes, folder: None }, options)
}

fn refusal(bytes: &[u8], options: &SessionOptions) -> String {
    open(bytes, options).unwrap_err().to_string()
}

fn bits(array: &ArrayD<f32>) -> Vec<u32> {
    array.iter().map(|value| value.to_bits()).collect()
}

/// y = -x for x of `sizes`, 0 where a size is open.
fn negation(element: u8, sizes: &[u8]) -> Vec<u8> {
    runnable(&[
        (1, node("Neg", &["x"], &["y"])),
        (11, typed("x", element, sizes)),
        (12, typed("y", element, sizes)),
    ])
}

#[test]
fn outputs_come_in_the_order_asked_for() {
    let mut session = open(GOLDEN, &taking(&["tokens", "stem", "block"])).unwrap();
    let names: Vec<_> =
        session.record().outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["tokens", "stem", "block"]);
    let outputs = session.run(images().view()).unwrap();
    let shapes: Vec<_> = outputs.iter().map(|output| output.shape().to_vec()).collect();
    assert_eq!(shapes, [vec![2, 16, 16], vec![2, 8, 16, 16], vec![2, 16, 16]]);
}

#[test]
fn without_a_list_the_model_keeps_its_outputs() {
    let mut session = open(GOLDEN, &SessionOptions::default()).unwrap();
    let logits = TensorInfo {
        name: "logits".to_owned(),
        element: Element::Float32,
        shape: vec![Some(2), Some(4)],
    };
    assert_eq!(session.record().outputs, [logits]);
    assert_eq!(session.run(images().view()).unwrap()[0].shape(), [2, 4]);
}

#[test]
fn the_values_are_right() {
    let mut session = open(&negation(FLOAT, &[0, 2]), &SessionOptions::default()).unwrap();
    assert_eq!(session.expects().shape, [None, Some(2)]);
    let batch = arr2(&[[1.0, -2.5], [f32::MIN_POSITIVE, 0.0], [3.0, 4.0]]).into_dyn();
    assert_eq!(session.run(batch.view()).unwrap(), [-&batch]);
}

#[test]
fn leaving_the_rest_of_the_graph_out_changes_no_bit() {
    // The whole graph with two outputs more: what protobuf's merging of a repeated field gives.
    let mut whole = GOLDEN.to_vec();
    whole.extend(model(&[(12, message(&[(1, b"tokens")])), (12, message(&[(1, b"stem")]))]));
    let all = open(&whole, &SessionOptions::default()).unwrap().run(images().view()).unwrap();
    let taken = open(GOLDEN, &taking(&["tokens", "stem"])).unwrap().run(images().view()).unwrap();
    assert_eq!((bits(&taken[0]), bits(&taken[1])), (bits(&all[1]), bits(&all[2])));
}

#[test]
fn thread_counts_and_repetitions_change_no_bit() {
    let mut outputs = Vec::new();
    for threads in [0, 1, 2, 3] {
        let mut session = open(GOLDEN, &SessionOptions { threads, ..taking(&["tokens"]) }).unwrap();
        assert_eq!(session.record().threads, threads.max(1));
        for _ in 0..3 {
            outputs.push(bits(&session.run(images().view()).unwrap()[0]));
        }
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn sessions_run_side_by_side() {
    let run =
        || bits(&open(GOLDEN, &taking(&["tokens"])).unwrap().run(images().view()).unwrap()[0]);
    let alone = run();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn the_layout_of_the_batch_in_memory_does_not_matter() {
    let mut session = open(GOLDEN, &taking(&["tokens"])).unwrap();
    let straight = session.run(images().view()).unwrap();
    let mut columns_first = Array4::zeros((2, 32, 32, 3)).into_dyn();
    columns_first.assign(&images().permuted_axes(IxDyn(&[0, 2, 3, 1])));
    let permuted = columns_first.view().permuted_axes(IxDyn(&[0, 3, 1, 2]));
    assert!(!permuted.is_standard_layout());
    assert_eq!(session.run(permuted).unwrap(), straight);
}

#[test]
fn the_record_says_what_ran_where() {
    let session = open(GOLDEN, &taking(&["tokens"])).unwrap();
    let record = session.record();
    assert_eq!(record.onnxruntime, library().record().version);
    assert_eq!(
        (record.device, record.optimisation, record.deterministic),
        (Device::Cpu, "all", true)
    );
    assert_eq!(record.tensor_float_32, None);
    let [cpu] = record.nodes.as_slice() else { panic!("{:?}", record.nodes) };
    assert_eq!(cpu.provider, "CPUExecutionProvider");
    assert!((20..60).contains(&cpu.nodes), "{}", cpu.nodes);
    let fast = open(GOLDEN, &SessionOptions { fast: true, ..taking(&["tokens"]) }).unwrap();
    assert!(!fast.record().deterministic);
}

#[test]
fn batches_that_do_not_fit_are_refused_with_both_shapes() {
    let mut session = open(GOLDEN, &taking(&["tokens"])).unwrap();
    let mut refusal =
        |shape: &[usize]| session.run(ArrayD::zeros(IxDyn(shape)).view()).unwrap_err().to_string();
    let fixed = refusal(&[3, 3, 32, 32]);
    let expected = "the model takes `image` of shape [2, 3, 32, 32], not a batch of [3, 3, 32, 32]: \
                    the model fixes the batch; set `batch = 2` in its manifest";
    assert_eq!(fixed, expected);
    for shape in
        [&[2, 3, 32, 31][..], &[2, 32, 32, 3], &[2, 3, 32], &[], &[2, 0, 32, 32], &[3, 3, 32, 31]]
    {
        let message = refusal(shape);
        assert!(message.ends_with(&format!("not a batch of {shape:?}")), "{message}");
    }
    let mut open_batch = open(&negation(FLOAT, &[0, 2]), &SessionOptions::default()).unwrap();
    let empty = open_batch.run(Array2::zeros((0, 2)).into_dyn().view()).unwrap_err().to_string();
    assert_eq!(empty, "the model takes `x` of shape [any, 2], not a batch of [0, 2]");
}

#[test]
fn models_that_take_or_give_other_than_32_bit_floats_are_refused() {
    let message = refusal(&negation(DOUBLE, &[1, 2]), &SessionOptions::default());
    assert!(message.starts_with("tensor `x` holds ") && message.contains("float32"), "{message}");
    let cast = runnable(&[
        (1, node("Neg", &["x"], &["y"])),
        (1, node("Shape", &["y"], &["sizes"])),
        (11, typed("x", FLOAT, &[1, 2])),
        (12, typed("y", FLOAT, &[1, 2])),
    ]);
    assert!(open(&cast, &taking(&["y"])).is_ok());
    let message = refusal(&cast, &taking(&["sizes"]));
    assert!(message.starts_with("tensor `sizes` holds "), "{message}");
}

#[test]
fn a_model_must_have_one_input_for_what_is_taken() {
    let sum = runnable(&[
        (1, node("Neg", &["x"], &["y"])),
        (1, node("Add", &["y", "other"], &["sum"])),
        (11, typed("x", FLOAT, &[1, 2])),
        (11, typed("other", FLOAT, &[1, 2])),
        (12, typed("sum", FLOAT, &[1, 2])),
    ]);
    let message = refusal(&sum, &SessionOptions::default());
    assert_eq!(message, "the model must have one input for the images, it has 2: x, other");
    assert_eq!(open(&sum, &taking(&["y"])).unwrap().expects().name, "x");
}

#[test]
fn what_onnx_runtime_refuses_is_reported_in_its_words() {
    let unknown = runnable(&[
        (1, node("Negate", &["x"], &["y"])),
        (11, typed("x", FLOAT, &[1])),
        (12, typed("y", FLOAT, &[1])),
    ]);
    let error = open(&unknown, &SessionOptions::default()).unwrap_err();
    assert!(matches!(error, OnnxError::Refused { .. }) && !error.is_temporary());
    assert!(error.to_string().contains("Negate"), "{error}");
    for options in [SessionOptions::default(), taking(&["y"])] {
        assert!(refusal(b"no model", &options).starts_with("the file is no ONNX model"));
    }
    let message = refusal(GOLDEN, &taking(&["token"]));
    assert!(
        message.starts_with("the model has no tensor `token`; closest are `tokens`"),
        "{message}"
    );
}

#[test]
fn files_are_opened_with_their_external_data() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.onnx");
    let mut weight = vec![1 << 3, 2, 2 << 3, FLOAT];
    weight.extend(external_tensor("weight", "weights.bin"));
    let bytes = runnable(&[
        (1, node("Mul", &["x", "weight"], &["y"])),
        (5, weight),
        (11, typed("x", FLOAT, &[1, 2])),
        (12, typed("y", FLOAT, &[1, 2])),
    ]);
    let options = SessionOptions::default();
    let missing = Session::open(library(), &path, &options).unwrap_err();
    assert!(matches!(missing, OnnxError::Unreadable { .. }) && !missing.is_temporary());
    std::fs::write(&path, &bytes).unwrap();
    let error = Session::open(library(), &path, &options).unwrap_err().to_string();
    assert!(
        error.starts_with("tensor `weight` is in the file `") && error.contains("weights.bin"),
        "{error}"
    );
    let numbers: Vec<u8> = [3.0_f32, -0.5].into_iter().flat_map(f32::to_le_bytes).collect();
    std::fs::write(place.path().join("weights.bin"), numbers).unwrap();
    let mut session = Session::open(library(), &path, &options).unwrap();
    let output = session.run(arr2(&[[2.0, 2.0]]).into_dyn().view()).unwrap().remove(0);
    assert_eq!(output, arr2(&[[6.0, -1.0]]).into_dyn());
    assert!(
        open(&bytes, &options).unwrap_err().to_string().ends_with("open the model from its file")
    );
}

#[test]
fn what_is_no_file_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    let error = Session::open(library(), place.path(), &SessionOptions::default()).unwrap_err();
    assert!(matches!(error, OnnxError::Unreadable { .. }) && !error.is_temporary(), "{error}");
}

#[test]
fn no_model_reads_the_memory_of_the_process() {
    let place = tempfile::tempdir().unwrap();
    let mut weight = vec![1 << 3, 2, 2 << 3, FLOAT];
    weight.extend(external_tensor("weight", "*/_ORT_MEM_ADDR_/*"));
    write_bytes(&mut weight, 13, &message(&[(1, b"offset"), (2, b"4096")]));
    let bytes = runnable(&[
        (1, node("Mul", &["x", "weight"], &["y"])),
        (5, weight),
        (11, typed("x", FLOAT, &[1, 2])),
        (12, typed("y", FLOAT, &[1, 2])),
    ]);
    let source = ModelSource { bytes: &bytes, folder: Some(place.path()) };
    let error = Session::open_source(library(), source, &SessionOptions::default()).unwrap_err();
    assert!(matches!(error, OnnxError::External(_)), "{error}");
}

#[test]
fn cuda_that_cannot_be_had_is_an_error_that_says_why() {
    // Tests run on machines without a GPU, or with the library for CPUs.
    let options = SessionOptions { device: Device::Cuda(0), ..taking(&["tokens"]) };
    match open(GOLDEN, &options) {
        Ok(session) => assert!(
            session.record().nodes.iter().any(|share| share.provider == Device::Cuda(0).provider())
        ),
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("device cuda:0 cannot be used: "), "{message}");
            assert!(message.lines().count() > 1, "{message}");
        }
    }
}

#[test]
fn lost_memory_and_lost_gpus_are_temporary() {
    let run =
        |reason: &str| OnnxError::Run { shape: vec![1], reason: reason.to_owned() }.is_temporary();
    assert!(run("Failed to allocate memory for requested buffer of size 4096"));
    assert!(run("CUDA failure 2: out of memory"));
    assert!(!run("Non-zero status code returned while running Reshape node"));
}

#[test]
fn one_sample_is_the_same_in_any_batch_of_that_size() {
    let mut session = open(GOLDEN, &taking(&["tokens"])).unwrap();
    let together = session.run(images().view()).unwrap().remove(0);
    let mut alone = images();
    alone.index_axis_mut(Axis(0), 1).fill(0.0);
    let padded = session.run(alone.view()).unwrap().remove(0);
    assert_eq!(padded.index_axis(Axis(0), 0), together.index_axis(Axis(0), 0));
}
