use super::*;
use crate::onnx::device::Device;
use crate::onnx::session::{Element, Number};
use crate::onnx::testing::{
    DOUBLE, FLOAT, INT64, cast_to, library, node, node_with, runnable, typed,
};

/// sum = x t + class, for x of [samples, 2], t of [samples, 1] and classes of [samples, 1]; `other` is not needed for it.
fn denoiser() -> Vec<u8> {
    runnable(&[
        (1, node("Mul", &["x", "t"], &["product"])),
        (1, node_with("Cast", &["class"], &["shift"], &[cast_to(FLOAT)])),
        (1, node("Add", &["product", "shift"], &["sum"])),
        (1, node("Neg", &["other"], &["negative"])),
        (11, typed("x", FLOAT, &[0, 2])),
        (11, typed("t", FLOAT, &[0, 1])),
        (11, typed("class", INT64, &[0, 1])),
        (11, typed("other", FLOAT, &[1])),
        (12, typed("sum", FLOAT, &[0, 2])),
        (12, typed("negative", FLOAT, &[1])),
    ])
}

fn open_model(bytes: &[u8], output: &str) -> Result<BoundSession, OnnxError> {
    let options = SessionOptions { outputs: vec![output.to_owned()], ..SessionOptions::default() };
    BoundSession::open_source(library(), ModelSource { bytes, folder: None }, &options)
}

fn buffer<T: Number>(values: &[T], shape: &[usize]) -> Buffer {
    Buffer::of(values, shape).unwrap()
}

#[test]
fn buffers_are_bound_once_and_read_by_every_run() {
    let mut session = open_model(&denoiser(), "sum").unwrap();
    let mut x = buffer(&[1.0_f32, 2.0, 3.0, 4.0], &[2, 2]);
    let mut t = buffer(&[0.5_f32, -1.0], &[2, 1]);
    let class = buffer(&[10_i64, 20], &[2, 1]);
    let mut sum = Buffer::zeros(Element::Float32, &[2, 2]).unwrap();
    let mut binding = session.binding().unwrap();
    for (name, input) in [("x", &x), ("t", &t), ("class", &class)] {
        binding.input(name, input).unwrap();
    }
    binding.output("sum", &mut sum).unwrap();
    session.run(&binding).unwrap();
    assert_eq!(sum.values::<f32>().unwrap(), [10.5, 11.0, 17.0, 16.0]);
    // What is changed in place is what the next run reads.
    x.values_mut::<f32>().unwrap()[0] = 100.0;
    t.values_mut::<f32>().unwrap()[1] = 0.0;
    session.run(&binding).unwrap();
    assert_eq!(sum.values::<f32>().unwrap(), [60.0, 11.0, 20.0, 20.0]);
    // Another binding of the same session has a batch of another size.
    let mut one = Buffer::zeros(Element::Float32, &[1, 2]).unwrap();
    let mut other = session.binding().unwrap();
    other.input("x", &buffer(&[1.0_f32, 2.0], &[1, 2])).unwrap();
    other.input("t", &buffer(&[1.0_f32], &[1, 1])).unwrap();
    other.input("class", &buffer(&[0_i64], &[1, 1])).unwrap();
    other.output("sum", &mut one).unwrap();
    session.run(&other).unwrap();
    assert_eq!(one.values::<f32>().unwrap(), [1.0, 2.0]);
    let address = sum.values::<f32>().unwrap().as_ptr();
    session.run(&binding).unwrap();
    assert_eq!(sum.values::<f32>().unwrap().as_ptr(), address);
}

#[test]
fn a_buffer_joins_two_sessions() {
    let negation = |element| {
        runnable(&[
            (1, node("Neg", &["x"], &["y"])),
            (11, typed("x", element, &[1, 2])),
            (12, typed("y", element, &[1, 2])),
        ])
    };
    let mut first = open_model(&negation(DOUBLE), "y").unwrap();
    let mut second = open_model(&negation(DOUBLE), "y").unwrap();
    let [mut start, mut middle, mut end] =
        std::array::from_fn(|_| Buffer::on_device(&first, Element::Float64, &[1, 2]).unwrap());
    start.values_mut::<f64>().unwrap().copy_from_slice(&[1e-300, 3.0]);
    let [mut to_middle, mut to_end] = [first.binding().unwrap(), second.binding().unwrap()];
    to_middle.input("x", &start).unwrap();
    to_middle.output("y", &mut middle).unwrap();
    to_end.input("x", &middle).unwrap();
    to_end.output("y", &mut end).unwrap();
    assert!(first.run(&to_end).unwrap_err().to_string().contains("another session"));
    first.run(&to_middle).unwrap();
    second.run(&to_end).unwrap();
    assert_eq!(end.values::<f64>().unwrap(), [1e-300, 3.0]);
    let mut copy = Buffer::zeros(Element::Float64, &[1, 2]).unwrap();
    middle.copy_to(&mut copy).unwrap();
    assert_eq!(copy.values::<f64>().unwrap(), [-1e-300, -3.0]);
    assert!(middle.copy_to(&mut Buffer::zeros(Element::Float64, &[2, 1]).unwrap()).is_err());
}

#[test]
fn what_the_output_does_not_need_is_no_input() {
    let session = open_model(&denoiser(), "sum").unwrap();
    let names: Vec<_> = session.record().inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["x", "t", "class"]);
    assert_eq!(session.record().outputs.len(), 1);
    // A graph with this output alone keeps the inputs that decide nothing.
    let idle = runnable(&[
        (1, node("Neg", &["x"], &["y"])),
        (11, typed("x", FLOAT, &[1])),
        (11, typed("idle", FLOAT, &[1])),
        (12, typed("y", FLOAT, &[1])),
    ]);
    let mut session = open_model(&idle, "y").unwrap();
    let mut binding = session.binding().unwrap();
    assert_eq!(session.record().inputs.len(), 2);
    let mut y = Buffer::zeros(Element::Float32, &[1]).unwrap();
    binding.input("x", &buffer(&[4.0_f32], &[1])).unwrap();
    binding.input("idle", &buffer(&[f32::NAN], &[1])).unwrap();
    binding.output("y", &mut y).unwrap();
    session.run(&binding).unwrap();
    assert_eq!(y.values::<f32>().unwrap(), [-4.0]);
}

#[test]
fn inputs_that_nobody_feeds_are_named() {
    let mut session = open_model(&denoiser(), "sum").unwrap();
    let mut binding = session.binding().unwrap();
    binding.input("x", &buffer(&[0.0_f32; 2], &[1, 2])).unwrap();
    let message = session.run(&binding).unwrap_err().to_string();
    assert_eq!(
        message,
        "the model needs further inputs, and nothing says what they take: `t` of float32 [any, 1], \
         `class` of int64 [any, 1]"
    );
    binding.input("t", &buffer(&[0.0_f32], &[1, 1])).unwrap();
    binding.input("class", &buffer(&[0_i64], &[1, 1])).unwrap();
    let message = session.run(&binding).unwrap_err().to_string();
    assert_eq!(message, "ONNX Runtime failed: output `sum` has no buffer");
}

#[test]
fn names_types_and_shapes_are_checked() {
    let mut binding = open_model(&denoiser(), "sum").unwrap().binding().unwrap();
    let [mut floats, integers] = [
        Buffer::zeros(Element::Float32, &[3, 2]).unwrap(),
        Buffer::zeros(Element::Int64, &[3, 2]).unwrap(),
    ];
    let message = binding.input("y", &floats).unwrap_err().to_string();
    assert_eq!(
        message,
        "the model has no input `y`; its inputs are `x` of float32 [any, 2], `t` of float32 [any, 1], \
         `class` of int64 [any, 1]"
    );
    let message = binding.input("x", &integers).unwrap_err().to_string();
    assert_eq!(
        message,
        "the model's input is `x` of float32 [any, 2], and int64 [3, 2] does not fit it"
    );
    for shape in [&[3, 3][..], &[3], &[3, 2, 1], &[]] {
        let other = Buffer::zeros(Element::Float32, shape).unwrap();
        assert!(binding.input("x", &other).is_err(), "{shape:?}");
    }
    let message = binding.output("total", &mut floats).unwrap_err().to_string();
    assert_eq!(
        message,
        "the model has no output `total`; its outputs are `sum` of float32 [any, 2]"
    );
    binding.output("sum", &mut floats).unwrap();
    binding.input("x", &floats).unwrap();
    let error = floats.values::<i64>().unwrap_err();
    assert!(error.to_string().contains("float32 [3, 2]"), "{error}");
}

#[test]
fn an_output_of_another_size_than_its_buffer_is_an_error() {
    let mut session = open_model(&denoiser(), "sum").unwrap();
    let mut binding = session.binding().unwrap();
    let mut sum = Buffer::zeros(Element::Float32, &[3, 2]).unwrap();
    binding.input("x", &buffer(&[0.0_f32; 4], &[2, 2])).unwrap();
    binding.input("t", &buffer(&[0.0_f32; 2], &[2, 1])).unwrap();
    binding.input("class", &buffer(&[0_i64; 2], &[2, 1])).unwrap();
    binding.output("sum", &mut sum).unwrap();
    let error = session.run(&binding).unwrap_err();
    assert!(matches!(error, OnnxError::BoundRun { .. }) && !error.is_temporary(), "{error}");
}

#[test]
fn bound_sessions_run_on_any_thread() {
    let mut session = open_model(&denoiser(), "sum").unwrap();
    assert_eq!(session.record().device, Device::Cpu);
    let total = std::thread::spawn(move || {
        let mut binding = session.binding().unwrap();
        let mut sum = Buffer::zeros(Element::Float32, &[1, 2]).unwrap();
        binding.input("x", &buffer(&[1.0_f32, 2.0], &[1, 2])).unwrap();
        binding.input("t", &buffer(&[2.0_f32], &[1, 1])).unwrap();
        binding.input("class", &buffer(&[1_i64], &[1, 1])).unwrap();
        binding.output("sum", &mut sum).unwrap();
        session.run(&binding).unwrap();
        sum.values::<f32>().unwrap().to_vec()
    });
    assert_eq!(total.join().unwrap(), [3.0, 5.0]);
}

#[test]
fn outputs_have_the_shapes_that_the_model_gives_them() {
    let mut session = open_model(&denoiser(), "sum").unwrap();
    let mut inputs = BTreeMap::new();
    for rows in [2_usize, 1, 0] {
        let mut feed = |name: &str, buffer| inputs.insert(name.to_owned(), buffer);
        feed("x", buffer(&vec![3.0_f32; 2 * rows], &[rows, 2]));
        feed("t", buffer(&vec![0.5_f32; rows], &[rows, 1]));
        feed("class", buffer(&vec![1_i64; rows], &[rows, 1]));
        // Not an input of the graph as far as it is needed.
        feed("other", buffer(&[0.0_f32], &[1]));
        let outputs = session.outputs_of(&inputs).unwrap();
        assert_eq!(outputs.len(), 1);
        assert_eq!(outputs[0].shape(), [rows, 2]);
        let mut numbers = vec![7.0];
        outputs[0].read_f64(0..2 * rows, &mut numbers).unwrap();
        assert_eq!(numbers, vec![2.5; 2 * rows]);
        assert!(outputs[0].read_f64(0..2 * rows + 1, &mut numbers).is_err());
    }
    inputs.insert("x".to_owned(), buffer(&[0.0_f32; 3], &[1, 3]));
    let error = session.outputs_of(&inputs).unwrap_err();
    assert!(matches!(error, OnnxError::Misfit { .. }), "{error}");
    inputs.insert("x".to_owned(), buffer(&[0.0_f64; 2], &[1, 2]));
    let error = session.outputs_of(&inputs).unwrap_err().to_string();
    assert!(
        error.contains("`x` of float32 [any, 2], and float64 [1, 2] does not fit it"),
        "{error}"
    );
    inputs.remove("x");
    let error = session.outputs_of(&inputs).unwrap_err();
    assert!(matches!(error, OnnxError::Unfed { .. }), "{error}");
}

#[test]
fn integers_are_no_floating_point_numbers() {
    let numbers = &mut Vec::new();
    assert!(buffer(&[1_i64], &[1]).read_f64(0..1, numbers).is_err());
    assert!(buffer(&[true], &[1]).read_f64(0..1, numbers).is_err());
    let half = half::f16::from_f32(0.25);
    buffer(&[half; 3], &[3]).read_f64(1..3, numbers).unwrap();
    assert_eq!(*numbers, [0.25, 0.25]);
}

#[test]
fn a_missing_output_proposes_others() {
    let error = open_model(&denoiser(), "summ").unwrap_err();
    assert!(error.to_string().contains("no tensor `summ`; closest are `sum`"), "{error}");
}
