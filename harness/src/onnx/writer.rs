//! Small graphs written in memory: computations that are to stay on a device, and models that a command exports.

use super::schema;
use super::session::Element;
use super::wire::{write_bytes, write_number};

/// ONNX's version of the file format (IR) and of the operators: those of ONNX Runtime 1.14 and later.
const IR_VERSION: u8 = 8;
const OPERATORS: u8 = 17;

/// A graph in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct GraphWriter {
    nodes: Vec<Vec<u8>>,
    constants: Vec<Vec<u8>>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    metadata: Vec<Vec<u8>>,
}

/// The name of an axis whose length is that of the batch.
const BATCH: &str = "batch";

impl GraphWriter {
    /// An input of a fixed shape.
    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.inputs.push(value_info(name, element, shape, false));
    }

    /// An output of a fixed shape, which a node gives.
    pub(crate) fn output(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.outputs.push(value_info(name, element, shape, false));
    }

    /// An input with one sample of `shape` for each of a batch of any length.
    pub(crate) fn batch_input(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.inputs.push(value_info(name, element, shape, true));
    }

    /// An output with one sample of `shape` for each of a batch of any length.
    pub(crate) fn batch_output(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.outputs.push(value_info(name, element, shape, true));
    }

    /// What the model says of itself under a name.
    pub(crate) fn note(&mut self, name: &str, text: &str) {
        let mut entry = Vec::new();
        write_bytes(&mut entry, schema::entry::KEY, name.as_bytes());
        write_bytes(&mut entry, schema::entry::VALUE, text.as_bytes());
        self.metadata.push(entry);
    }

    /// Constant numbers, rounded to f32.
    pub(crate) fn floats(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl Iterator<Item = f64>,
    ) {
        let raw: Vec<u8> = values.flat_map(|value| (value as f32).to_le_bytes()).collect();
        self.tensor(name, Element::Float32, shape, &raw);
    }

    /// Another order of the axes.
    pub(crate) fn transpose(&mut self, input: &str, output: &str, axes: &[u8]) {
        let mut attribute = Vec::new();
        write_bytes(&mut attribute, schema::attribute::NAME, b"perm");
        for axis in axes {
            write_integer(&mut attribute, schema::attribute::INTEGERS, usize::from(*axis));
        }
        write_integer(&mut attribute, schema::attribute::TYPE, schema::attribute::INTEGERS_TYPE);
        self.node_of("Transpose", &[input], &[output], &[attribute]);
    }

    /// A vector of integers, which some operators take instead of attributes.
    pub(crate) fn integers(&mut self, name: &str, values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, Element::Int64, &[values.len()], &raw);
    }

    /// One number.
    pub(crate) fn number(&mut self, name: &str, value: f64) {
        self.tensor(name, Element::Float64, &[], &value.to_le_bytes());
    }

    /// A node with one output or several.
    pub(crate) fn node(&mut self, operator: &str, inputs: &[&str], outputs: &[&str]) {
        self.node_with(operator, inputs, outputs, &[]);
    }

    /// A node with integer attributes.
    pub(crate) fn node_with(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, u8)],
    ) {
        let attributes: Vec<Vec<u8>> = attributes
            .iter()
            .map(|(name, value)| {
                let mut attribute = Vec::new();
                write_bytes(&mut attribute, schema::attribute::NAME, name.as_bytes());
                write_integer(&mut attribute, schema::attribute::INTEGER, usize::from(*value));
                write_integer(
                    &mut attribute,
                    schema::attribute::TYPE,
                    schema::attribute::INTEGER_TYPE,
                );
                attribute
            })
            .collect();
        self.node_of(operator, inputs, outputs, &attributes);
    }

    /// A node with attributes that are written already.
    fn node_of(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Vec<u8>],
    ) {
        let mut node = Vec::new();
        for name in inputs {
            write_bytes(&mut node, schema::node::INPUT, name.as_bytes());
        }
        for name in outputs {
            write_bytes(&mut node, schema::node::OUTPUT, name.as_bytes());
        }
        write_bytes(&mut node, schema::node::OPERATOR, operator.as_bytes());
        for attribute in attributes {
            write_bytes(&mut node, schema::node::ATTRIBUTE, attribute);
        }
        self.nodes.push(node);
    }

    /// A conversion to another element type.
    pub(crate) fn cast(&mut self, input: &str, output: &str, element: Element) {
        self.node_with("Cast", &[input], &[output], &[("to", number_of(element))]);
    }

    /// The bytes of a model.
    pub(crate) fn finish(self, name: &str) -> Vec<u8> {
        let mut graph = Vec::new();
        for node in &self.nodes {
            write_bytes(&mut graph, schema::graph::NODE, node);
        }
        write_bytes(&mut graph, schema::graph::NAME, name.as_bytes());
        for (number, values) in [
            (schema::graph::INITIALIZER, &self.constants),
            (schema::graph::INPUT, &self.inputs),
            (schema::graph::OUTPUT, &self.outputs),
        ] {
            for value in values {
                write_bytes(&mut graph, number, value);
            }
        }
        let mut operators = Vec::new();
        write_integer(&mut operators, schema::OPERATOR_SET_VERSION, usize::from(OPERATORS));
        let mut model = Vec::new();
        write_integer(&mut model, schema::model::IR_VERSION, usize::from(IR_VERSION));
        write_bytes(&mut model, schema::model::OPERATOR_SET, &operators);
        write_bytes(&mut model, schema::model::GRAPH, &graph);
        for entry in &self.metadata {
            write_bytes(&mut model, schema::model::METADATA, entry);
        }
        model
    }

    fn tensor(&mut self, name: &str, element: Element, shape: &[usize], raw: &[u8]) {
        let mut tensor = Vec::new();
        for length in shape {
            write_integer(&mut tensor, schema::tensor::DIMENSION, *length);
        }
        write_integer(&mut tensor, schema::tensor::DATA_TYPE, usize::from(number_of(element)));
        write_bytes(&mut tensor, schema::tensor::NAME, name.as_bytes());
        write_bytes(&mut tensor, schema::tensor::RAW_DATA, raw);
        self.constants.push(tensor);
    }
}

/// ONNX's number for an element type.
fn number_of(element: Element) -> u8 {
    match element {
        Element::Float32 => 1,
        Element::Int32 => 6,
        Element::Int64 => 7,
        Element::Bool => 9,
        Element::Float16 => 10,
        Element::Float64 => 11,
        Element::Bfloat16 => 16,
    }
}

/// A `ValueInfoProto` of a tensor; `is_batch` puts an axis of any length before the others.
fn value_info(name: &str, element: Element, shape: &[usize], is_batch: bool) -> Vec<u8> {
    let mut sizes = Vec::new();
    if is_batch {
        let mut size = Vec::new();
        write_bytes(&mut size, schema::type_info::DIMENSION_NAME, BATCH.as_bytes());
        write_bytes(&mut sizes, schema::type_info::DIMENSION, &size);
    }
    for length in shape {
        let mut size = Vec::new();
        write_integer(&mut size, schema::type_info::DIMENSION_VALUE, *length);
        write_bytes(&mut sizes, schema::type_info::DIMENSION, &size);
    }
    let mut tensor = Vec::new();
    write_integer(&mut tensor, schema::type_info::ELEMENT, usize::from(number_of(element)));
    write_bytes(&mut tensor, schema::type_info::SHAPE, &sizes);
    let mut kind = Vec::new();
    write_bytes(&mut kind, schema::type_info::TENSOR, &tensor);
    let mut info = Vec::new();
    write_bytes(&mut info, schema::VALUE_INFO_NAME, name.as_bytes());
    write_bytes(&mut info, schema::VALUE_INFO_TYPE, &kind);
    info
}

fn write_integer(output: &mut Vec<u8>, number: u32, value: usize) {
    write_number(output, number, value as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::session::{BoundSession, Buffer, ModelSource, SessionOptions};
    use crate::onnx::testing::library;

    /// y = (x + 0.1) as f32, the second half of its columns, in f64: 0.1 is another number in both.
    #[test]
    fn a_written_graph_runs_in_its_own_precision() {
        let mut graph = GraphWriter::default();
        graph.input("x", Element::Float64, &[2, 4]);
        graph.number("tenth", 0.1);
        graph.node("Add", &["x", "tenth"], &["sum"]);
        graph.integers("starts", &[2]);
        graph.integers("ends", &[4]);
        graph.integers("axes", &[1]);
        graph.node("Slice", &["sum", "starts", "ends", "axes"], &["half"]);
        graph.cast("half", "y", Element::Float32);
        graph.output("half", Element::Float64, &[2, 2]);
        graph.output("y", Element::Float32, &[2, 2]);
        let bytes = graph.finish("test");
        let outputs = vec!["half".to_owned(), "y".to_owned()];
        let options = SessionOptions { outputs, ..SessionOptions::default() };
        let source = ModelSource { bytes: &bytes, folder: None };
        let mut session = BoundSession::open_source(library(), source, &options).unwrap();
        let x = Buffer::of(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], &[2, 4]).unwrap();
        let mut half = Buffer::zeros(Element::Float64, &[2, 2]).unwrap();
        let mut y = Buffer::zeros(Element::Float32, &[2, 2]).unwrap();
        let mut binding = session.binding().unwrap();
        binding.input("x", &x).unwrap();
        binding.output("half", &mut half).unwrap();
        binding.output("y", &mut y).unwrap();
        session.run(&binding).unwrap();
        let expected = [2.0_f64, 3.0, 6.0, 7.0].map(|value| value + 0.1);
        assert_eq!(half.values::<f64>().unwrap(), expected);
        assert_eq!(y.values::<f32>().unwrap(), expected.map(|value| value as f32));
    }
}
