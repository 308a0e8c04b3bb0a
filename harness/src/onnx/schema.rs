//! The part of ONNX's schema (`onnx.proto`) that names tensors: field numbers, and a walk through nested graphs.

use super::wire::{MalformedMessage, Message};

/// Fields of a `ModelProto`.
pub(super) mod model {
    pub(in super::super) const IR_VERSION: u32 = 1;
    pub(in super::super) const GRAPH: u32 = 7;
    pub(in super::super) const OPERATOR_SET: u32 = 8;
    pub(in super::super) const METADATA: u32 = 14;
    pub(in super::super) const FUNCTION: u32 = 25;
}

/// Fields of a `GraphProto`.
pub(super) mod graph {
    pub(in super::super) const NODE: u32 = 1;
    pub(in super::super) const NAME: u32 = 2;
    pub(in super::super) const INITIALIZER: u32 = 5;
    pub(in super::super) const INPUT: u32 = 11;
    pub(in super::super) const OUTPUT: u32 = 12;
    pub(in super::super) const VALUE_INFO: u32 = 13;
    pub(in super::super) const SPARSE_INITIALIZER: u32 = 15;
}

/// Fields of a `NodeProto`.
pub(super) mod node {
    pub(in super::super) const INPUT: u32 = 1;
    pub(in super::super) const OUTPUT: u32 = 2;
    pub(in super::super) const OPERATOR: u32 = 4;
    pub(in super::super) const ATTRIBUTE: u32 = 5;
}

/// Fields of an `AttributeProto`.
pub(super) mod attribute {
    pub(in super::super) const NAME: u32 = 1;
    pub(in super::super) const INTEGER: u32 = 3;
    pub(in super::super) const TYPE: u32 = 20;
    /// Value of `TYPE`: one integer.
    pub(in super::super) const INTEGER_TYPE: usize = 2;
    pub(in super::super) const INTEGERS: u32 = 8;
    /// Value of `TYPE`: several integers.
    pub(in super::super) const INTEGERS_TYPE: usize = 7;
    pub(super) const TENSOR: u32 = 5;
    pub(super) const GRAPH: u32 = 6;
    pub(super) const TENSORS: u32 = 10;
    pub(super) const GRAPHS: u32 = 11;
    pub(super) const SPARSE_TENSOR: u32 = 22;
    pub(super) const SPARSE_TENSORS: u32 = 23;
}

/// Fields of a `FunctionProto`.
mod function {
    pub(super) const NODE: u32 = 7;
    pub(super) const DEFAULT_ATTRIBUTE: u32 = 11;
}

/// Fields of a `TensorProto`.
pub(super) mod tensor {
    pub(in super::super) const DIMENSION: u32 = 1;
    pub(in super::super) const DATA_TYPE: u32 = 2;
    pub(in super::super) const RAW_DATA: u32 = 9;
    pub(in super::super) const NAME: u32 = 8;
    pub(in super::super) const EXTERNAL_DATA: u32 = 13;
    pub(in super::super) const DATA_LOCATION: u32 = 14;
    /// Value of `DATA_LOCATION`: the numbers are in another file.
    pub(in super::super) const EXTERNAL: u64 = 1;
}

/// Fields of a `SparseTensorProto`; its name is its values' name.
mod sparse_tensor {
    pub(super) const VALUES: u32 = 1;
    pub(super) const INDICES: u32 = 2;
}

/// Field `name` of a `ValueInfoProto`.
pub(super) const VALUE_INFO_NAME: u32 = 1;
/// Field `type` of a `ValueInfoProto`.
pub(super) const VALUE_INFO_TYPE: u32 = 2;
/// Field `version` of an `OperatorSetIdProto`.
pub(super) const OPERATOR_SET_VERSION: u32 = 2;

/// Fields of a `TypeProto`, its `Tensor`, and the `TensorShapeProto` in that.
pub(super) mod type_info {
    pub(in super::super) const TENSOR: u32 = 1;
    pub(in super::super) const ELEMENT: u32 = 1;
    pub(in super::super) const SHAPE: u32 = 2;
    pub(in super::super) const DIMENSION: u32 = 1;
    pub(in super::super) const DIMENSION_VALUE: u32 = 1;
    pub(in super::super) const DIMENSION_NAME: u32 = 2;
}

/// Fields of a `StringStringEntryProto`.
pub(super) mod entry {
    pub(in super::super) const KEY: u32 = 1;
    pub(in super::super) const VALUE: u32 = 2;
}

/// Graphs within graphs: ONNX Runtime itself reads no message nested deeper than 100, three of which make one level.
const MAX_DEPTH: usize = 33;

/// Something that a graph mentions, at any depth.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mention<'a> {
    /// The name of a tensor that a node or a nested graph's output reads.
    Name(&'a str),
    /// A `TensorProto`.
    Tensor(Message<'a>),
}

/// Calls `visit` for everything that a model mentions: its graph, nested graphs and functions.
pub(super) fn visit_model<'a>(
    model: Message<'a>,
    visit: &mut dyn FnMut(Mention<'a>),
) -> Result<(), MalformedMessage> {
    let mut walk = Walk { depth: 0, visit };
    for field in model.fields() {
        let field = field?;
        match (field.number, field.message()) {
            (model::GRAPH, Some(graph)) => walk.graph(graph)?,
            (model::FUNCTION, Some(function)) => walk.function(function)?,
            _ => {}
        }
    }
    Ok(())
}

/// Calls `visit` for everything that a node mentions: its inputs, its attributes, and the graphs in them.
pub(super) fn visit_node<'a>(
    node: Message<'a>,
    visit: &mut dyn FnMut(Mention<'a>),
) -> Result<(), MalformedMessage> {
    Walk { depth: 0, visit }.node(node)
}

/// The last field `number` of a message as text, or "" where there is none, as protobuf reads it.
pub(super) fn text_field(message: Message<'_>, number: u32) -> Result<&str, MalformedMessage> {
    let mut text = "";
    for field in message.fields() {
        let field = field?;
        if let Some(content) = field.message().filter(|_| field.number == number) {
            text = content.text()?;
        }
    }
    Ok(text)
}

/// The name of a `SparseTensorProto`.
pub(super) fn sparse_tensor_name(sparse: Message<'_>) -> Result<&str, MalformedMessage> {
    let mut name = "";
    for field in sparse.fields() {
        let field = field?;
        if let Some(values) = field.message().filter(|_| field.number == sparse_tensor::VALUES) {
            name = text_field(values, tensor::NAME)?;
        }
    }
    Ok(name)
}

struct Walk<'visit, 'a> {
    depth: usize,
    visit: &'visit mut dyn FnMut(Mention<'a>),
}

type Step<'visit, 'a> = fn(&mut Walk<'visit, 'a>, Message<'a>) -> Result<(), MalformedMessage>;

impl<'visit, 'a> Walk<'visit, 'a> {
    fn function(&mut self, function: Message<'a>) -> Result<(), MalformedMessage> {
        self.each(function, function::NODE, Self::node)?;
        self.each(function, function::DEFAULT_ATTRIBUTE, Self::attribute)
    }

    fn graph(&mut self, graph: Message<'a>) -> Result<(), MalformedMessage> {
        for field in graph.fields() {
            let field = field?;
            let Some(content) = field.message() else { continue };
            match field.number {
                graph::NODE => self.node(content)?,
                graph::INITIALIZER => self.tensor(content)?,
                graph::SPARSE_INITIALIZER => self.sparse_tensor(content)?,
                graph::OUTPUT => (self.visit)(Mention::Name(text_field(content, VALUE_INFO_NAME)?)),
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, node: Message<'a>) -> Result<(), MalformedMessage> {
        for field in node.fields() {
            let field = field?;
            match (field.number, field.message()) {
                (node::INPUT, Some(name)) => (self.visit)(Mention::Name(name.text()?)),
                (node::ATTRIBUTE, Some(attribute)) => self.attribute(attribute)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: Message<'a>) -> Result<(), MalformedMessage> {
        for field in attribute.fields() {
            let field = field?;
            let Some(content) = field.message() else { continue };
            match field.number {
                attribute::TENSOR | attribute::TENSORS => self.tensor(content)?,
                attribute::SPARSE_TENSOR | attribute::SPARSE_TENSORS => {
                    self.sparse_tensor(content)?
                }
                attribute::GRAPH | attribute::GRAPHS => self.nested_graph(content)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn nested_graph(&mut self, graph: Message<'a>) -> Result<(), MalformedMessage> {
        if self.depth == MAX_DEPTH {
            return Err(graph.malformed("graphs are nested too deeply"));
        }
        self.depth += 1;
        let walked = self.graph(graph);
        self.depth -= 1;
        walked
    }

    fn tensor(&mut self, tensor: Message<'a>) -> Result<(), MalformedMessage> {
        (self.visit)(Mention::Tensor(tensor));
        Ok(())
    }

    fn sparse_tensor(&mut self, sparse: Message<'a>) -> Result<(), MalformedMessage> {
        self.each(sparse, sparse_tensor::VALUES, Self::tensor)?;
        self.each(sparse, sparse_tensor::INDICES, Self::tensor)
    }

    /// Takes `step` for each field `number` of a message.
    fn each(
        &mut self,
        message: Message<'a>,
        number: u32,
        step: Step<'visit, 'a>,
    ) -> Result<(), MalformedMessage> {
        for field in message.fields() {
            let field = field?;
            if let Some(content) = field.message().filter(|_| field.number == number) {
                step(self, content)?;
            }
        }
        Ok(())
    }
}
