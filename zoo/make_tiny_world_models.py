"""Makes the tiny world models of the tests: no weights, so that what they must score is known.

    python make_tiny_world_models.py ../tests/golden/tiny-world-models

writes an encoder, a teacher, two predictors and `world-models.toml`, a manifest of them with their digests. Tokens are the
mean colours of 4 x 4 pixels, after one token that is no patch. `oracle` multiplies tokens by the brightness that it is asked
for, and cuts at white: what happens to an image if nothing else is done to it, up to rounding and to patches of which only a part
turns white. `ignorant` repeats the tokens of the source whatever it is asked for. Made with numpy 2.4.6 and onnx 1.23.2.
"""

import argparse
import hashlib
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, PATCH, CHANNELS, ACTION = 16, 4, 3, 7
TOKENS = (SIZE // PATCH) ** 2


class Graph:
    """Collects nodes and constants."""

    def __init__(self, name):
        self.name = name
        self.nodes, self.constants, self.inputs = [], [], []

    def constant(self, name, values, dtype=np.int64):
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def input(self, name, element, *sizes):
        self.inputs.append(helper.make_tensor_value_info(name, element, ["images", *sizes]))
        return name

    def node(self, operator, inputs, name, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def model(self, output, *sizes):
        info = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["images", *sizes])
        body = helper.make_graph(self.nodes, self.name, self.inputs, [info], self.constants)
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="retally")
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


def encoder(image, tokens):
    """Mean colours of the patches, after their own mean."""
    graph = Graph("encoder")
    graph.input(image, TensorProto.FLOAT, CHANNELS, SIZE, SIZE)
    means = graph.node("AveragePool", [image], "means", kernel_shape=[PATCH, PATCH], strides=[PATCH, PATCH])
    flat = graph.node("Reshape", [means, graph.constant("flat_shape", [0, CHANNELS, TOKENS])], "flat")
    patches = graph.node("Transpose", [flat], "patches", perm=[0, 2, 1])
    mean = graph.node("ReduceMean", [patches], "mean", axes=[1], keepdims=1)
    graph.node("Concat", [mean, patches], tokens, axis=1)
    return graph.model(tokens, TOKENS + 1, CHANNELS)


def predictor(name):
    """Tokens of the source at the positions asked for; the oracle makes them brighter."""
    graph = Graph(name)
    graph.input("context", TensorProto.FLOAT, TOKENS, CHANNELS)
    graph.input("action", TensorProto.FLOAT, ACTION)
    graph.input("positions", TensorProto.INT64, "positions")
    axis = graph.constant("last", [2])
    column = graph.node("Unsqueeze", ["positions", axis], "column")
    index = graph.node("Tile", [column, graph.constant("repeats", [1, 1, CHANNELS])], "index")
    value = graph.node("GatherElements", ["context", index], "gathered", axis=1)
    if name == "oracle":
        bounds = [graph.constant(key, [number]) for key, number in (("first", 0), ("second", 1), ("axis", 1))]
        change = graph.node("Slice", ["action", *bounds], "change")
        factor = graph.node("Add", [change, graph.constant("one", 1, np.float32)], "factor")
        factor = graph.node("Unsqueeze", [factor, axis], "factor_column")
        value = graph.node("Mul", [value, factor], "brighter")
        value = graph.node("Min", [value, graph.constant("white", 1, np.float32)], "cut")
    graph.node("Identity", [value], "predictions")
    return graph.model("predictions", "positions", CHANNELS)


ARTIFACT = """[[artifact]]
id = "tiny-{name}.onnx"
kind = "model"
sha256 = "{sha256}"
bytes = {bytes}
licence = "MIT OR Apache-2.0"
provenance = "No weights, made by zoo/make_tiny_world_models.py"
sources = ["file:{name}.onnx"]
"""

WORLD_MODEL = """
[[world_model]]
id = "tiny-{name}"
name = "{title}"
family = "tests"
[world_model.encoder]
artifact = "tiny-encoder.onnx"
tokens = "tokens"
grid = [4, 4]
channels = 3
skip = 1
[world_model.encoder.input]
tensor = "image"
layout = "nchw"
batch = 5
resize = {{ mode = "stretch", width = 16, height = 16, filter = "bilinear" }}
normalise = {{ mode = "offset-divisor", offset = 0.0, divisor = 255.0 }}
[world_model.teacher]
artifact = "tiny-teacher.onnx"
input = "picture"
tokens = "averaged"
[world_model.predictor]
artifact = "tiny-{name}.onnx"
tokens = "context"
positions = "positions"
output = "predictions"
conditioning = "{conditioning}"
batch = 7
[world_model.predictor.action]
tensor = "action"
scalar = [
    {{ parameter = "brightness", of = "difference" }},
    {{ parameter = "contrast", of = "difference" }},
    {{ parameter = "saturation", of = "difference" }},
    {{ parameter = "hue", of = "difference" }},
    {{ parameter = "blur", of = "source" }},
    {{ parameter = "grayscale", of = "source" }},
    {{ parameter = "solarize", of = "source" }},
]
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    models = {
        "encoder": encoder("image", "tokens"),
        "teacher": encoder("picture", "averaged"),
        "oracle": predictor("oracle"),
        "ignorant": predictor("ignorant"),
    }
    manifest = ["# Made by zoo/make_tiny_world_models.py.\n"]
    for name, model in models.items():
        (folder / f"{name}.onnx").write_bytes(model)
        sha256 = hashlib.sha256(model).hexdigest()
        manifest.append(ARTIFACT.format(name=name, sha256=sha256, bytes=len(model)))
    manifest.append(WORLD_MODEL.format(name="oracle", title="Tiny oracle of brightness", conditioning="feature"))
    manifest.append(WORLD_MODEL.format(name="ignorant", title="Tiny ignorant predictor", conditioning="none"))
    (folder / "world-models.toml").write_text("\n".join(manifest))


if __name__ == "__main__":
    main()
