//! Editing a model's graph in memory: inner tensors become outputs, and what they do not need is left out.
//!
//! Only whole fields are kept or dropped; the bytes of those that are kept, known or not, do not change.

use super::schema::{self, Mention};
use super::wire::{Field, MalformedMessage, Message, write_bytes};
use std::collections::{HashMap, HashSet};

/// Names that an error proposes for one that is not there.
const PROPOSALS: usize = 3;

/// A tensor that a graph names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// Whether it is a graph output.
    pub is_output: bool,
}

/// Where a tensor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The caller feeds it.
    Input,
    /// It is a constant of the file.
    Initializer,
    /// A node computes it.
    Node {
        /// Operator type of the node: `Add`, `Conv` …
        operator: &'a str,
    },
}

/// Why a graph cannot be read or edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// The bytes are no protobuf.
    #[error("the file is no ONNX model, or is damaged: {0}")]
    Malformed(#[from] MalformedMessage),
    /// Protobuf, or nothing at all, but no model.
    #[error("the file is no ONNX model: it holds no graph")]
    NoGraph,
    /// ONNX Runtime's own format.
    #[error("the file is in ONNX Runtime's ORT format; give the .onnx file that it was made from")]
    OrtFormat,
    /// An empty list of outputs.
    #[error("no output is asked for: name at least one tensor")]
    NoOutputs,
    /// The same output twice.
    #[error("tensor `{name}` is asked for twice")]
    Repeated {
        /// The tensor.
        name: String,
    },
    /// A name that the graph does not have.
    #[error("the model has no tensor `{name}`{}", proposals(.closest))]
    Missing {
        /// The tensor.
        name: String,
        /// Names of tensors that look like it, the closest first.
        closest: Vec<String>,
    },
    /// An input or a constant, which says nothing of an image.
    #[error(
        "tensor `{name}` is {origin} of the model, not computed by it: name a tensor that a node computes"
    )]
    NotComputed {
        /// The tensor.
        name: String,
        /// "an input" or "a constant".
        origin: &'static str,
    },
}

fn proposals(closest: &[String]) -> String {
    if closest.is_empty() {
        return String::new();
    }
    let quoted: Vec<_> = closest.iter().map(|name| format!("`{name}`")).collect();
    format!("; closest are {}", quoted.join(", "))
}

/// Lists the tensors of a model's outermost graph: inputs, constants, then what its nodes compute, in file order.
///
/// # Errors
/// If the bytes are no ONNX model.
pub fn tensors(model: &[u8]) -> Result<Vec<Tensor<'_>>, GraphError> {
    Ok(Model::parse(model)?.tensors())
}

/// What a model's metadata says under `key`; of several entries the last one counts.
///
/// # Errors
/// If the bytes are no ONNX model.
pub fn metadata<'a>(model: &'a [u8], key: &str) -> Result<Option<&'a str>, GraphError> {
    let mut found = None;
    for field in Message::of_file(model).fields() {
        let field = field?;
        if let Some(entry) = field.message().filter(|_| field.number == schema::model::METADATA)
            && schema::text_field(entry, schema::entry::KEY)? == key
        {
            found = Some(schema::text_field(entry, schema::entry::VALUE)?);
        }
    }
    Ok(found)
}

/// Returns the model with exactly these tensors as graph outputs, in this order, without the nodes, constants and
/// inputs that they do not need.
///
/// What a graph within a node (`If`, `Loop`, `Scan`) reads counts as needed by that node. Functions stay. In ONNX
/// Runtime the values are the same bits as those of the whole graph with these outputs added; a graph without them may
/// differ in the last bits, because an output stops the fusions across it.
///
/// # Errors
/// If the bytes are no ONNX model, or a name is missing, repeated, or not computed by the model.
pub fn with_outputs(model: &[u8], names: &[impl AsRef<str>]) -> Result<Vec<u8>, GraphError> {
    let model = Model::parse(model)?;
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    model.check_outputs(&names)?;
    let needed = model.needed_by(&names)?;
    Ok(model.write(&names, &needed))
}

/// A model as far as it is edited: its fields, and those of its graph.
struct Model<'a> {
    fields: Vec<Field<'a>>,
    graph: Vec<GraphField<'a>>,
}

struct GraphField<'a> {
    raw: &'a [u8],
    content: Content<'a>,
}

enum Content<'a> {
    Node(Node<'a>),
    Initializer(&'a str),
    Input(&'a str),
    Output(&'a str, Message<'a>),
    ValueInfo(&'a str, Message<'a>),
    Other,
}

struct Node<'a> {
    message: Message<'a>,
    operator: &'a str,
    outputs: Vec<&'a str>,
}

/// Names of the needed tensors, and for each node in file order whether it is needed.
struct Needed<'a> {
    names: HashSet<&'a str>,
    nodes: Vec<bool>,
}

impl<'a> Model<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, GraphError> {
        if bytes.get(4..8) == Some(b"ORTM") {
            return Err(GraphError::OrtFormat);
        }
        let fields: Vec<_> = Message::of_file(bytes).fields().collect::<Result<_, _>>()?;
        let mut graph = Vec::new();
        // A graph in several pieces is their concatenation: that is how protobuf merges a repeated message.
        for piece in graph_pieces(&fields) {
            for field in piece.fields() {
                graph.push(GraphField::parse(field?)?);
            }
        }
        if graph.is_empty() {
            return Err(GraphError::NoGraph);
        }
        Ok(Self { fields, graph })
    }

    fn nodes(&self) -> impl Iterator<Item = &Node<'a>> {
        self.graph.iter().filter_map(|field| match &field.content {
            Content::Node(node) => Some(node),
            _ => None,
        })
    }

    fn tensors(&self) -> Vec<Tensor<'a>> {
        let outputs: HashSet<&str> = self
            .graph
            .iter()
            .filter_map(|field| {
                if let Content::Output(name, _) = field.content { Some(name) } else { None }
            })
            .collect();
        let initializers: HashSet<&str> = self
            .graph
            .iter()
            .filter_map(|field| {
                if let Content::Initializer(name) = field.content { Some(name) } else { None }
            })
            .collect();
        let mut inputs = Vec::new();
        let mut constants = Vec::new();
        let mut computed = Vec::new();
        for field in &self.graph {
            match &field.content {
                // Before IR version 4 every initializer is an input as well.
                Content::Input(name) if !initializers.contains(name) => {
                    inputs.push((*name, Origin::Input))
                }
                Content::Initializer(name) => constants.push((*name, Origin::Initializer)),
                Content::Node(node) => computed.extend(
                    node.outputs
                        .iter()
                        .map(|name| (*name, Origin::Node { operator: node.operator })),
                ),
                _ => {}
            }
        }
        [inputs, constants, computed]
            .concat()
            .into_iter()
            // An empty name stands for an optional output that is not taken.
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, origin)| Tensor { name, origin, is_output: outputs.contains(name) })
            .collect()
    }

    fn check_outputs(&self, names: &[&str]) -> Result<(), GraphError> {
        if names.is_empty() {
            return Err(GraphError::NoOutputs);
        }
        let tensors = self.tensors();
        // Inserted in reverse, so that of two tensors with one name, which is an error anyway, the first counts.
        let origins: HashMap<&str, Origin<'_>> =
            tensors.iter().rev().map(|tensor| (tensor.name, tensor.origin)).collect();
        let mut seen = HashSet::new();
        for &name in names {
            if !seen.insert(name) {
                return Err(GraphError::Repeated { name: name.to_owned() });
            }
            let origin = match origins.get(name) {
                Some(Origin::Node { .. }) => continue,
                Some(Origin::Input) => "an input",
                Some(Origin::Initializer) => "a constant",
                None => {
                    return Err(GraphError::Missing {
                        name: name.to_owned(),
                        closest: closest(name, &tensors),
                    });
                }
            };
            return Err(GraphError::NotComputed { name: name.to_owned(), origin });
        }
        Ok(())
    }

    /// Walks from the outputs to the inputs. The order of the nodes in the file does not matter.
    fn needed_by(&self, outputs: &[&'a str]) -> Result<Needed<'a>, GraphError> {
        let mut producers = HashMap::new();
        for (index, node) in self.nodes().enumerate() {
            for name in node.outputs.iter().filter(|name| !name.is_empty()) {
                producers.entry(*name).or_insert((index, node.message));
            }
        }
        let mut needed = Needed { names: HashSet::new(), nodes: vec![false; self.nodes().count()] };
        let mut waiting: Vec<&str> = outputs.to_vec();
        while let Some(name) = waiting.pop() {
            if !needed.names.insert(name) {
                continue;
            }
            let Some(&(index, node)) = producers.get(name) else { continue };
            let Some(kept) = needed.nodes.get_mut(index) else { continue };
            if !std::mem::replace(kept, true) {
                schema::visit_node(node, &mut |mention| {
                    if let Mention::Name(name) = mention {
                        waiting.push(name);
                    }
                })?;
            }
        }
        Ok(needed)
    }

    fn write(&self, outputs: &[&str], needed: &Needed<'_>) -> Vec<u8> {
        let graph = self.write_graph(outputs, needed);
        let mut bytes = Vec::with_capacity(graph.len() + 1024);
        let mut written = false;
        for field in &self.fields {
            if field.number != schema::model::GRAPH {
                bytes.extend_from_slice(field.raw);
            } else if !written {
                write_bytes(&mut bytes, schema::model::GRAPH, &graph);
                written = true;
            }
        }
        bytes
    }

    fn write_graph(&self, outputs: &[&str], needed: &Needed<'_>) -> Vec<u8> {
        let mut described: HashMap<&str, Message<'_>> = HashMap::new();
        let mut bytes = Vec::new();
        let mut nodes = needed.nodes.iter();
        for field in &self.graph {
            let keep = match &field.content {
                Content::Node(_) => nodes.next().copied().unwrap_or(true),
                Content::Initializer(name) | Content::Input(name) => needed.names.contains(name),
                Content::ValueInfo(name, _) if !outputs.contains(name) => {
                    needed.names.contains(name)
                }
                Content::ValueInfo(name, message) | Content::Output(name, message) => {
                    described.insert(name, *message);
                    false
                }
                Content::Other => true,
            };
            if keep {
                bytes.extend_from_slice(field.raw);
            }
        }
        for name in outputs {
            match described.get(name) {
                Some(message) => write_bytes(&mut bytes, schema::graph::OUTPUT, message.bytes()),
                // A name alone is enough: ONNX Runtime infers the type.
                None => {
                    let mut output = Vec::new();
                    write_bytes(&mut output, schema::VALUE_INFO_NAME, name.as_bytes());
                    write_bytes(&mut bytes, schema::graph::OUTPUT, &output);
                }
            }
        }
        bytes
    }
}

fn graph_pieces<'fields, 'a>(
    fields: &'fields [Field<'a>],
) -> impl Iterator<Item = Message<'a>> + 'fields {
    fields.iter().filter(|field| field.number == schema::model::GRAPH).filter_map(Field::message)
}

impl<'a> GraphField<'a> {
    fn parse(field: Field<'a>) -> Result<Self, MalformedMessage> {
        let content = match (field.number, field.message()) {
            (schema::graph::NODE, Some(node)) => Content::Node(Node::parse(node)?),
            (schema::graph::INITIALIZER, Some(tensor)) => {
                Content::Initializer(schema::text_field(tensor, schema::tensor::NAME)?)
            }
            (schema::graph::SPARSE_INITIALIZER, Some(tensor)) => {
                Content::Initializer(schema::sparse_tensor_name(tensor)?)
            }
            (schema::graph::INPUT, Some(value)) => {
                Content::Input(schema::text_field(value, schema::VALUE_INFO_NAME)?)
            }
            (schema::graph::OUTPUT, Some(value)) => {
                Content::Output(schema::text_field(value, schema::VALUE_INFO_NAME)?, value)
            }
            (schema::graph::VALUE_INFO, Some(value)) => {
                Content::ValueInfo(schema::text_field(value, schema::VALUE_INFO_NAME)?, value)
            }
            _ => Content::Other,
        };
        Ok(Self { raw: field.raw, content })
    }
}

impl<'a> Node<'a> {
    fn parse(message: Message<'a>) -> Result<Self, MalformedMessage> {
        let mut node = Self { message, operator: "", outputs: Vec::new() };
        for field in message.fields() {
            let field = field?;
            match (field.number, field.message()) {
                (schema::node::OUTPUT, Some(name)) => node.outputs.push(name.text()?),
                (schema::node::OPERATOR, Some(name)) => node.operator = name.text()?,
                _ => {}
            }
        }
        Ok(node)
    }
}

/// The computed tensors whose names differ least from `name`.
fn closest(name: &str, tensors: &[Tensor<'_>]) -> Vec<String> {
    let mut ranked: Vec<_> = tensors
        .iter()
        .filter(|tensor| matches!(tensor.origin, Origin::Node { .. }))
        .map(|tensor| (strsim::levenshtein(name, tensor.name), tensor.name))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(PROPOSALS).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests;
