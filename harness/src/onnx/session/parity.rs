//! The Rust half of `tests/parity/onnx_bits.py`, which compares these outputs with those of ONNX Runtime in Python.

use super::*;
use crate::onnx::testing::library;
use ndarray::IxDyn;
use npyz::WriterBuilder;
use std::fs;
use std::path::PathBuf;

/// Reads `model.onnx`, `input.npy` and `outputs.txt` from the folder that `RETALLY_PARITY` names, and writes the edited
/// model and, for each thread count, each output.
#[test]
#[ignore = "run by tests/parity/onnx_bits.py, which says what to run and judges the result"]
fn write_outputs() {
    let folder =
        PathBuf::from(std::env::var_os("RETALLY_PARITY").expect("RETALLY_PARITY names no folder"));
    let model = fs::read(folder.join("model.onnx")).unwrap();
    let names = fs::read_to_string(folder.join("outputs.txt")).unwrap();
    let outputs: Vec<String> = names.lines().map(str::to_owned).collect();
    fs::write(folder.join("edited.onnx"), graph::with_outputs(&model, &outputs).unwrap()).unwrap();
    let input = read_array(&folder.join("input.npy"));
    for threads in [1, 2] {
        let options =
            SessionOptions { threads, outputs: outputs.clone(), ..SessionOptions::default() };
        let source = ModelSource { bytes: &model, folder: None };
        let mut session = Session::open_source(library(), source, &options).unwrap();
        for (index, output) in session.run(input.view()).unwrap().iter().enumerate() {
            write_array(&folder.join(format!("threads-{threads}-output-{index}.npy")), output);
        }
    }
}

fn read_array(path: &Path) -> ArrayD<f32> {
    let file = fs::read(path).unwrap();
    let array = npyz::NpyFile::new(file.as_slice()).unwrap();
    assert_eq!(array.order(), npyz::Order::C);
    let shape: Vec<usize> =
        array.shape().iter().map(|size| usize::try_from(*size).unwrap()).collect();
    ArrayD::from_shape_vec(IxDyn(&shape), array.into_vec().unwrap()).unwrap()
}

fn write_array(path: &Path, array: &ArrayD<f32>) {
    let shape: Vec<u64> = array.shape().iter().map(|size| *size as u64).collect();
    let file = fs::File::create(path).unwrap();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd().unwrap();
    writer.extend(array.iter().copied()).unwrap();
    writer.finish().unwrap();
}
