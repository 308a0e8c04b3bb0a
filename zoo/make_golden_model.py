"""Makes the golden model of `retally doctor` and records its output.

The model is one vision transformer block on a convolutional stem, with random weights from a fixed seed: the operators
that encoders spend their time in (Conv, MatMul, Softmax, LayerNormalization, Erf), in 20 kB. It means nothing; what counts
is whether a machine computes the recorded numbers.

    python make_golden_model.py ../harness/src/onnx/golden

writes `model.onnx` and `tokens.npy` there. Made with numpy 2.4.6, onnx 1.23.2, onnxruntime 1.31.1 on an x86-64 CPU with
AVX-512. A new recording moves the reference of every machine: say so in the changelog.
"""

import argparse
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

BATCH, SIZE, STEM, CHANNELS, HEADS, PATCH = 2, 32, 8, 16, 2, 4
TOKENS = (SIZE // 2 // PATCH) ** 2
SEED = 20261123


def golden_input():
    """Value i is ((7919 i) mod 1024 - 512) / 256: exact in 32-bit floats, so that every language makes the same."""
    index = np.arange(BATCH * 3 * SIZE * SIZE, dtype=np.int64)
    values = (index * 7919 % 1024 - 512).astype(np.float32) / np.float32(256)
    return values.reshape(BATCH, 3, SIZE, SIZE)


class Graph:
    """Collects nodes and constants; `RandomState` because its stream is frozen for all versions of NumPy."""

    def __init__(self):
        self.random = np.random.RandomState(SEED)
        self.nodes, self.constants = [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, name, *shape):
        fan_in = int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]
        return self.constant(name, (self.random.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32))

    def node(self, operator, inputs, name, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def linear(self, value, name, inputs, outputs):
        product = self.node("MatMul", [value, self.weight(f"{name}.weight", inputs, outputs)], f"{name}/product")
        return self.node("Add", [product, self.weight(f"{name}.bias", outputs)], name)

    def norm(self, value, name):
        scale = self.constant(f"{name}.scale", np.ones(CHANNELS, np.float32))
        bias = self.constant(f"{name}.bias", np.zeros(CHANNELS, np.float32))
        return self.node("LayerNormalization", [value, scale, bias], name, axis=-1, epsilon=1e-6)


def gelu(graph, value, name):
    half = graph.constant(f"{name}.half", np.float32(0.5))
    one = graph.constant(f"{name}.one", np.float32(1))
    root = graph.constant(f"{name}.root", np.float32(np.sqrt(2)))
    erf = graph.node("Erf", [graph.node("Div", [value, root], f"{name}/scaled")], f"{name}/erf")
    gate = graph.node("Mul", [graph.node("Add", [erf, one], f"{name}/sum"), half], f"{name}/gate")
    return graph.node("Mul", [value, gate], name)


def attention(graph, value):
    width = CHANNELS // HEADS
    heads = graph.constant("heads", np.array([0, 0, HEADS, width], np.int64))
    flat = graph.constant("flat", np.array([0, 0, CHANNELS], np.int64))
    parts = []
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        linear = graph.linear(value, f"block/{part}", CHANNELS, CHANNELS)
        split = graph.node("Reshape", [linear, heads], f"block/{part}/split")
        parts.append(graph.node("Transpose", [split], f"block/{part}/heads", perm=order))
    scores = graph.node("MatMul", parts[:2], "block/scores")
    scale = graph.constant("scale", np.float32(1 / np.sqrt(width)))
    weights = graph.node("Softmax", [graph.node("Mul", [scores, scale], "block/scaled")], "block/weights", axis=-1)
    mixed = graph.node("MatMul", [weights, parts[2]], "block/mixed")
    joined = graph.node("Reshape", [graph.node("Transpose", [mixed], "block/order", perm=[0, 2, 1, 3]), flat], "block/joined")
    return graph.linear(joined, "block/projection", CHANNELS, CHANNELS)


def golden_model():
    graph = Graph()
    stem = graph.node(
        "Conv", ["image", graph.weight("stem.weight", STEM, 3, 3, 3)], "stem", strides=[2, 2], pads=[1, 1, 1, 1]
    )
    relu = graph.node("Relu", [stem], "stem/relu")
    patches = graph.node(
        "Conv", [relu, graph.weight("patches.weight", CHANNELS, STEM, PATCH, PATCH)], "patches", strides=[PATCH, PATCH]
    )
    rows = graph.constant("rows", np.array([0, CHANNELS, TOKENS], np.int64))
    lattice = graph.node("Reshape", [patches, rows], "patches/rows")
    tokens = graph.node("Transpose", [lattice], "patches/tokens", perm=[0, 2, 1])
    tokens = graph.node("Add", [tokens, graph.weight("positions", TOKENS, CHANNELS)], "embedding")
    tokens = graph.node("Add", [tokens, attention(graph, graph.norm(tokens, "block/norm1"))], "block/middle")
    hidden = gelu(graph, graph.linear(graph.norm(tokens, "block/norm2"), "block/hidden", CHANNELS, 2 * CHANNELS), "block/gelu")
    tokens = graph.node("Add", [tokens, graph.linear(hidden, "block/output", 2 * CHANNELS, CHANNELS)], "block")
    tokens = graph.norm(tokens, "tokens")
    # A head that reading the tokens does not need: the editing of graphs is part of what is checked.
    pooled = graph.node("ReduceMean", [tokens], "pooled", axes=[1], keepdims=0)
    graph.linear(pooled, "logits", CHANNELS, 4)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [BATCH, 3, SIZE, SIZE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [BATCH, 4])
    body = helper.make_graph(graph.nodes, "golden", [image], [logits], graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="retally")
    onnx.checker.check_model(model, full_check=True)
    return model


def record(model):
    """Runs the whole graph with `tokens` added as an output, with the settings of a session of retally."""
    whole = onnx.ModelProto.FromString(model.SerializeToString())
    whole.graph.output.append(onnx.ValueInfoProto(name="tokens"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    session = onnxruntime.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(["tokens"], {"image": golden_input()})[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    model = golden_model()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    np.save(folder / "tokens.npy", record(model))


if __name__ == "__main__":
    main()
