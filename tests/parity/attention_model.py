"""A random transformer with attention in its graph, what it is given, and its attention computed in NumPy.

Writes `random-attention.onnx`, `prompt.npz` and `expected.json` into a folder (tests/golden/random-attention holds what it wrote).
The weights are random and mean nothing: 3 layers of 2 heads over 16 channels, 32 words. `layer.N.attention` is float32,
`layer.N.half` the same rounded to float16, and neither is an output of the graph. `position` moves every position by as much,
`past` is a cache that may be empty, `visible` says which tokens are no padding. Usage:

    python attention_model.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, HEADS, WIDTH, WORDS, LONGEST = 3, 2, 16, 32, 64
TOKENS, PAST = 14, 3
SIZE = WIDTH // HEADS


def weights(seed):
    random = np.random.Generator(np.random.PCG64(seed))
    normal = lambda *shape: (random.standard_normal(shape) * 0.3).astype(np.float32)
    found = {"words": normal(WORDS, WIDTH), "places": normal(LONGEST, WIDTH)}
    for layer in range(LAYERS):
        for name in ("query", "key", "value", "mix"):
            found[f"layer.{layer}.{name}.weight"] = normal(WIDTH, WIDTH)
    return found


def nodes():
    """The graph, operator by operator."""
    node = helper.make_node
    graph = [
        node("Gather", ["words", "tokens"], ["word"]),
        node("Shape", ["tokens"], ["shape"]),
        node("Gather", ["shape", "one"], ["length"]),
        node("Range", ["zero_scalar", "length", "one"], ["positions"]),
        node("Cast", ["position"], ["moved"], to=TensorProto.INT64),
        node("Add", ["positions", "moved"], ["places_of"]),
        node("Gather", ["places", "places_of"], ["place"]),
        node("Add", ["word", "place"], ["now"]),
        # The past is only put before the tokens: its length may be 0.
        node("Concat", ["past", "now"], ["state.0"], axis=1),
        node("Shape", ["state.0"], ["state.shape"]),
        node("Gather", ["state.shape", "one"], ["all"]),
        node("Range", ["zero_scalar", "all", "one"], ["steps"]),
        node("Unsqueeze", ["steps", "axis.1"], ["rows"]),
        node("Unsqueeze", ["steps", "axis.0"], ["columns"]),
        node("LessOrEqual", ["columns", "rows"], ["causal"]),
        node("Unsqueeze", ["visible", "axes.12"], ["seen"]),
        node("And", ["causal", "seen"], ["allowed"]),
        node("Where", ["allowed", "nothing", "minus"], ["bias"]),
    ]
    for layer in range(LAYERS):
        at = lambda name: f"layer.{layer}.{name}"
        for name in ("query", "key", "value"):
            graph += [
                node("MatMul", [f"state.{layer}", at(f"{name}.weight")], [at(name)]),
                node("Reshape", [at(name), "heads.shape"], [at(f"{name}.heads")]),
                node(
                    "Transpose", [at(f"{name}.heads")], [at(f"{name}.ready")], perm=[0, 2, 3, 1] if name == "key" else [0, 2, 1, 3]
                ),
            ]
        graph += [
            node("MatMul", [at("query.ready"), at("key.ready")], [at("products")]),
            node("Mul", [at("products"), "scale"], [at("scaled")]),
            node("Add", [at("scaled"), "bias"], [at("scores")]),
            node("Softmax", [at("scores")], [at("attention")], axis=-1),
            node("Cast", [at("attention")], [at("half")], to=TensorProto.FLOAT16),
            node("MatMul", [at("attention"), at("value.ready")], [at("context")]),
            node("Transpose", [at("context")], [at("joined")], perm=[0, 2, 1, 3]),
            node("Reshape", [at("joined"), "state.again"], [at("whole")]),
            node("MatMul", [at("whole"), at("mix.weight")], [at("mixed")]),
            node("Add", [f"state.{layer}", at("mixed")], [f"state.{layer + 1}"]),
        ]
    return graph


def model(found):
    constants = {
        **found,
        "one": np.array(1, np.int64),
        "zero_scalar": np.array(0, np.int64),
        "axis.0": np.array([0], np.int64),
        "axis.1": np.array([1], np.int64),
        "axes.12": np.array([1, 2], np.int64),
        "heads.shape": np.array([0, 0, HEADS, SIZE], np.int64),
        "state.again": np.array([0, 0, WIDTH], np.int64),
        "scale": np.array(SIZE**-0.5, np.float32),
        "nothing": np.array(0, np.float32),
        "minus": np.array(-1e30, np.float32),
    }
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes(),
        "random attention",
        [
            value("tokens", TensorProto.INT64, ["batch", "sequence"]),
            value("position", TensorProto.INT32, []),
            value("past", TensorProto.FLOAT, ["batch", "past", WIDTH]),
            value("visible", TensorProto.BOOL, ["batch", "all"]),
        ],
        [value(f"state.{LAYERS}", TensorProto.FLOAT, ["batch", "all", WIDTH])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def attention(found, tokens, position, past, visible):
    """The same in float64: [layer, batch, head, query, key]."""
    wide = {name: array.astype(np.float64) for name, array in found.items()}
    now = wide["words"][tokens] + wide["places"][np.arange(tokens.shape[1]) + position]
    state = np.concatenate([past.astype(np.float64), now], 1)
    batch, length, _ = state.shape
    allowed = np.tril(np.ones((length, length), bool))[None] & visible[:, None, :]
    layers = []
    for layer in range(LAYERS):
        parts = {}
        for name in ("query", "key", "value"):
            part = state @ wide[f"layer.{layer}.{name}.weight"]
            parts[name] = part.reshape(batch, length, HEADS, SIZE).transpose(0, 2, 1, 3)
        scores = parts["query"] @ parts["key"].transpose(0, 1, 3, 2) / np.sqrt(SIZE)
        scores = scores + np.where(allowed, 0.0, -1e30)[:, None]
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        layers.append(shares)
        mixed = (shares @ parts["value"]).transpose(0, 2, 1, 3).reshape(batch, length, WIDTH)
        state = state + mixed @ wide[f"layer.{layer}.mix.weight"]
    return np.stack(layers)


def main(folder):
    found = weights(5)
    random = np.random.Generator(np.random.PCG64(6))
    inputs = {
        # int32, which fits the graph's int64.
        "tokens": random.integers(0, WORDS, (2, TOKENS)).astype(np.int32),
        "position": np.array(4, np.int64),
        "past": (random.standard_normal((2, PAST, WIDTH)) * 0.5).astype(np.float16),
        "visible": np.ones((2, PAST + TOKENS), bool),
    }
    # The first two tokens of the second row are padding; their own rows, which see nothing, are spread evenly.
    inputs["visible"][1, :2] = False
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "random-attention.onnx").write_bytes(model(found).SerializeToString())
    np.savez(folder / "prompt.npz", **inputs)
    whole = attention(found, inputs["tokens"], int(inputs["position"]), inputs["past"], inputs["visible"])
    # Text at 3 to 8, image from 8 on; of I2T the image at 3 to 8, the answer from 8 on: the same ranges.
    both = whole[:, :, :, 8:, 3:8].sum(-1).mean((2, 3))
    expected = {
        "versions": {"numpy": np.__version__, "onnx": onnx.__version__},
        "intensity": {str(batch): both[:, batch].tolist() for batch in range(2)},
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
