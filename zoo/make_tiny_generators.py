"""Makes the tiny generators of the tests: random weights from a fixed seed, every kind of network that samplers call.

    python make_tiny_generators.py ../tests/golden/tiny-generators

writes four networks, one of them also with its weights in a file of their own, and `generators.toml`, a manifest of them
with their digests. Their images mean nothing; what counts is
that every input and output of the real networks is there: a flow with classes and a decoder, a diffusion model with a
learned variance, a GAN. Made with numpy 2.4.6 and onnx 1.23.2.
"""

import argparse
import hashlib
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 20261127
CLASSES, LATENT, SIZE, WIDTH = 4, 2, 8, 12


class Graph:
    """Collects nodes and constants; `RandomState` because its stream is frozen for all versions of NumPy."""

    def __init__(self, name):
        self.name = name
        self.random = np.random.RandomState(SEED + sum(name.encode()))
        self.nodes, self.constants, self.inputs = [], [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, name, *shape):
        fan_in = int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]
        return self.constant(name, (self.random.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32))

    def input(self, name, element, *sizes):
        self.inputs.append(helper.make_tensor_value_info(name, element, ["samples", *sizes]))
        return name

    def node(self, operator, inputs, name, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def linear(self, value, name, inputs, outputs):
        product = self.node("MatMul", [value, self.weight(f"{name}.weight", inputs, outputs)], f"{name}/product")
        return self.node("Add", [product, self.weight(f"{name}.bias", outputs)], name)

    def convolution(self, value, name, inputs, outputs):
        weight = self.weight(f"{name}.weight", outputs, inputs, 3, 3)
        return self.node("Conv", [value, weight], name, pads=[1, 1, 1, 1])

    def model(self, output, *sizes):
        info = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["samples", *sizes])
        body = helper.make_graph(self.nodes, self.name, self.inputs, [info], self.constants)
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(body, opset_imports=opset, ir_version=8, producer_name="retally")
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


def conditioning(graph, element):
    """Time and class as WIDTH numbers a sample, to be added to every pixel. Class CLASSES stands for none."""
    time = graph.input("t", element)
    if element != TensorProto.FLOAT:
        time = graph.node("Cast", [time], "time/float", to=TensorProto.FLOAT)
        time = graph.node("Mul", [time, graph.constant("time/step", np.float32(0.01))], "time/scaled")
    column = graph.node("Unsqueeze", [time, graph.constant("axis", np.array([1], np.int64))], "time/column")
    label = graph.input("y", TensorProto.INT64)
    table = graph.weight("classes", CLASSES + 1, WIDTH)
    embedded = graph.node("Gather", [table, label], "class")
    mixed = graph.node("Add", [graph.linear(column, "time", 1, WIDTH), embedded], "condition/sum")
    hidden = graph.linear(graph.node("Tanh", [mixed], "condition/tanh"), "condition", WIDTH, WIDTH)
    plane = graph.constant("plane", np.array([0, WIDTH, 1, 1], np.int64))
    return graph.node("Reshape", [hidden, plane], "condition/plane")


def denoiser(name, element, outputs):
    graph = Graph(name)
    stem = graph.convolution(graph.input("x", TensorProto.FLOAT, LATENT, SIZE, SIZE), "stem", LATENT, WIDTH)
    hidden = graph.node("Tanh", [graph.node("Add", [stem, conditioning(graph, element)], "conditioned")], "hidden")
    graph.node("Identity", [graph.convolution(hidden, "head", WIDTH, outputs)], "prediction")
    return graph.model("prediction", outputs, SIZE, SIZE)


def decoder():
    """Twice the size: four sub-pixels of three colours from every latent pixel."""
    graph = Graph("decoder")
    latent = graph.input("latent", TensorProto.FLOAT, LATENT, SIZE, SIZE)
    pixels = graph.node("DepthToSpace", [graph.convolution(latent, "head", LATENT, 12)], "pixels", blocksize=2)
    graph.node("Tanh", [pixels], "image")
    return graph.model("image", 3, 2 * SIZE, 2 * SIZE)


def gan():
    graph = Graph("gan")
    noise = graph.input("z", TensorProto.FLOAT, WIDTH)
    label = graph.input("label", TensorProto.FLOAT, CLASSES)
    joined = graph.node("Concat", [noise, label], "joined", axis=1)
    hidden = graph.node("Tanh", [graph.linear(joined, "hidden", WIDTH + CLASSES, 2 * WIDTH)], "hidden/tanh")
    values = graph.linear(hidden, "head", 2 * WIDTH, 3 * SIZE * SIZE)
    shape = graph.constant("shape", np.array([0, 3, SIZE, SIZE], np.int64))
    graph.node("Tanh", [graph.node("Reshape", [values, shape], "pixels")], "image")
    return graph.model("image", 3, SIZE, SIZE)


ARTIFACT = """[[artifact]]
id = "tiny-{file}"
kind = "model"
sha256 = "{sha256}"
bytes = {bytes}
licence = "MIT OR Apache-2.0"
provenance = "Random weights, made by zoo/make_tiny_generators.py"
sources = ["file:{file}"]
"""

GENERATORS = """
[[generator]]
id = "tiny-flow"
name = "tiny random flow"
family = "tests"
chunk = 8
sampler = { kind = "flow-sde", steps = 6, last = 0.04 }
guidance = { scale = 2.0, interval = [0.0, 0.7] }
image = { width = 16, height = 16, channels = 3, low = -1.0, high = 1.0, quantise = "truncate255" }
[generator.network]
artifact = "tiny-flow.onnx"
state = "x"
shape = [2, 8, 8]
time = { tensor = "t" }
output = "prediction"
prediction = { kind = "velocity", noise_at = "one" }
[generator.decoder]
artifact = "tiny-decoder.onnx"
input = "latent"
output = "image"
scale = 0.5
batch = 3
[generator.classes]
count = 4
names = ["north", "east", "south", "west"]
tensor = "y"
encoding = "index"
none = 4

[[generator]]
id = "tiny-diffusion"
name = "tiny random diffusion model"
family = "tests"
chunk = 8
sampler = { kind = "ddpm", steps = 10, process = { schedule = "linear", steps = 100, first = 0.001, last = 0.2 }, \
variance = "learned" }
image = { width = 16, height = 16, channels = 3, low = -1.0, high = 1.0, quantise = "half-up255" }
[generator.network]
artifact = "tiny-diffusion.onnx"
state = "x"
shape = [2, 8, 8]
time = { tensor = "t", element = "int64" }
output = "prediction"
prediction = { kind = "noise", learned_variance = true }
batch = 2
[generator.decoder]
artifact = "tiny-decoder.onnx"
input = "latent"
output = "image"
scale = 1.0
[generator.classes]
count = 4
tensor = "y"
encoding = "index"
none = 4

[[generator]]
id = "tiny-gan"
name = "tiny random GAN"
family = "tests"
chunk = 8
sampler = { kind = "one-call" }
image = { width = 8, height = 8, channels = 3, low = -1.0, high = 1.0, quantise = "truncate256" }
[generator.network]
artifact = "tiny-gan.onnx"
state = "z"
shape = [12]
output = "image"
prediction = { kind = "sample" }
[generator.classes]
count = 4
tensor = "label"
encoding = "one-hot"
labels = "balanced"
"""


def flow_in_two_files():
    """The entry of the flow once more, for the same numbers in two files."""
    entry = GENERATORS[: GENERATORS.index("[[generator]]\nid = \"tiny-diffusion\"")]
    whole = "artifact = \"tiny-flow.onnx\"\n"
    data = "data = [{ name = \"flow.weights\", artifact = \"tiny-flow.weights\" }]\n"
    entry = entry.replace(whole, f"artifact = \"tiny-flow-in-two-files.onnx\"\n{data}")
    entry = entry.replace("\"tiny-flow\"", "\"tiny-flow-in-two-files\"").replace("random flow", "random flow in two files")
    return entry.rstrip() + "\n"


def in_two_files(model, name):
    """The model with its weights outside, in a file that it knows by a name; and that file."""
    proto = onnx.load_model_from_string(model)
    weights = b""
    for tensor in proto.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in [("location", name), ("offset", len(weights)), ("length", len(values))]:
            tensor.external_data.add(key=key, value=str(value))
        weights += values
    return proto.SerializeToString(), weights


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    flow = denoiser("flow", TensorProto.FLOAT, LATENT)
    outside, weights = in_two_files(flow, "flow.weights")
    files = {
        "flow.onnx": flow,
        "flow-in-two-files.onnx": outside,
        "flow.weights": weights,
        "diffusion.onnx": denoiser("diffusion", TensorProto.INT64, 2 * LATENT),
        "decoder.onnx": decoder(),
        "gan.onnx": gan(),
    }
    manifest = ["# Made by zoo/make_tiny_generators.py.\n"]
    for file, content in files.items():
        (folder / file).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        manifest.append(ARTIFACT.format(file=file, sha256=sha256, bytes=len(content)))
    (folder / "generators.toml").write_text("\n".join(manifest) + GENERATORS + flow_in_two_files())


if __name__ == "__main__":
    main()
