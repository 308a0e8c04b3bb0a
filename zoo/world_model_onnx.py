"""Writes the networks of world_model.py to ONNX, from dictionaries of their weights.

    encoder     image        float32 [N, 3, size, size]   input: RGB in [-1, 1]
                tokens       float32 [N, T, width]        output: row by row, not normalised as the targets are
    predictor   tokens       float32 [N, T, width]        input: of the source, all of them
                action       float32 [N, 7]               input: see ACTION in world_model_shape.py
                positions    int64 [N, M]                 input: 0 to T - 1, in any order
                predictions  float32 [N, M, width]        output: normalised tokens of the target at these positions

N and M are dynamic, and no image sees another. Weights and arithmetic are float32. A predictor that is not conditioned
has the input `action` too, and nothing depends on it.

Imported by train_noto_world_models.py; needs numpy and onnx, not PyTorch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flow_shape import position_table
from onnx_builder import Weights
from transformer_graph import TransformerGraph

from world_model_shape import ACTION, ACTION_SCALE, CHANNELS, EPSILON, WorldModelShape

# the end of a Slice that goes to the last
LAST = 2**31 - 1


class WorldModelGraph(TransformerGraph):
    """A graph of transformer blocks with layer norms that have weights."""

    def __init__(self, name: str, shape: WorldModelShape, arrays: dict[str, np.ndarray]):
        super().__init__(name, Weights(arrays))
        self._shape = shape

    def require_all_used(self) -> None:
        self._weights.require_all_used()

    def norm(self, value: str, layer: str, name: str) -> str:
        width = self._shape.width
        weight = self.constant(f"{layer}.weight", self._weights.take(f"{layer}.weight", (width,)))
        bias = self.constant(f"{layer}.bias", self._weights.take(f"{layer}.bias", (width,)))
        return self.node("LayerNormalization", [value, weight, bias], name, axis=-1, epsilon=EPSILON)

    def block(self, tokens: str, index: int) -> str:
        shape = self._shape
        width, hidden = shape.width, shape.mlp_ratio * shape.width
        layer, name = f"blocks.{index}", f"block_{index}"
        value = self.norm(tokens, f"{layer}.attention_norm", f"{name}/attention_input")
        value = self.self_attention(value, layer, f"{name}/attention", width, shape.heads, 0)
        tokens = self.binary("Add", tokens, value, f"{name}/attended")
        value = self.norm(tokens, f"{layer}.mlp_norm", f"{name}/mlp_input")
        value = self.gelu(self.linear(value, f"{layer}.expand", width, hidden, f"{name}/expand"), f"{name}/gelu")
        value = self.linear(value, f"{layer}.contract", hidden, width, f"{name}/contract")
        return self.binary("Add", tokens, value, f"{name}/output")

    def positions(self) -> str:
        return self.constant("positions_table", position_table(self._shape.grid, self._shape.width))

    def patches(self) -> str:
        """Tokens of the image with their positions, [N, T, width]."""
        shape = self._shape
        grid, patch = shape.grid, shape.patch
        split = self.node("Reshape", ["image", self.integers(0, CHANNELS, grid, patch, grid, patch)], "tokens/split")
        ordered = self.node("Transpose", [split], "tokens/ordered", perm=[0, 2, 4, 1, 3, 5])
        flat = self.node("Reshape", [ordered, self.integers(0, shape.tokens, shape.patch_values)], "tokens/patches")
        value = self.linear(flat, "embed", shape.patch_values, shape.width, "tokens/linear")
        return self.binary("Add", value, self.positions(), "tokens/embedded")

    def queries(self) -> str:
        """The mask tokens, [N, M, width]."""
        shape = self._shape
        mask_token = self.constant("mask_token", self._weights.take("mask_token", (shape.width,)))
        value = self.node("Gather", [self.positions(), "positions"], "queries/positions", axis=0)
        value = self.binary("Add", value, mask_token, "queries/masked")
        if shape.conditioned:
            scale = self.constant("action_scale", np.array(ACTION_SCALE, dtype=np.float32))
            scalars = self.binary("Div", "action", scale, "action/scaled")
            scalars = self.node("Unsqueeze", [scalars, self.integers(1)], "action/row")
            sizes = [self.node("Shape", ["positions"], "positions/sizes"), self.integers(len(ACTION))]
            sizes = self.node("Concat", sizes, "action/sizes", axis=0)
            scalars = self.node("Expand", [scalars, sizes], "action/at_positions")
            value = self.node("Concat", [value, scalars], "queries/with_action", axis=2)
        hidden = shape.query_hidden
        value = self.linear(value, "query_in", shape.query_values, hidden, "queries/in")
        value = self.linear(self.gelu(value, "queries/gelu_in"), "query_middle", hidden, hidden, "queries/middle")
        return self.linear(self.gelu(value, "queries/gelu_middle"), "query_out", hidden, shape.width, "queries/out")


def convert_encoder(
    arrays: dict[str, np.ndarray], shape: WorldModelShape, output: Path, metadata: dict[str, str]
) -> str:
    """Writes an encoder and returns the file's SHA-256. Every weight is used; a missing or extra one is an error."""
    graph = WorldModelGraph("world_model_encoder", shape, arrays)
    value = graph.patches()
    for index in range(shape.encoder_depth):
        value = graph.block(value, index)
    graph.norm(value, "norm", "tokens")
    graph.require_all_used()
    images, tokens = ["N", CHANNELS, shape.size, shape.size], ["N", shape.tokens, shape.width]
    return graph.save(output, {"image": images}, {"tokens": tokens}, metadata)


def convert_predictor(
    arrays: dict[str, np.ndarray], shape: WorldModelShape, output: Path, metadata: dict[str, str]
) -> str:
    """Writes a predictor and returns the file's SHA-256. Every weight is used; a missing or extra one is an error."""
    graph = WorldModelGraph("world_model_predictor", shape, arrays)
    width = shape.width
    context = graph.linear("tokens", "embed", width, width, "context/linear")
    context = graph.binary("Add", context, graph.positions(), "context")
    value = graph.node("Concat", [context, graph.queries()], "embedded", axis=1)
    for index in range(shape.predictor_depth):
        value = graph.block(value, index)
    bounds = [graph.integers(shape.tokens), graph.integers(LAST), graph.integers(1)]
    value = graph.norm(graph.node("Slice", [value, *bounds], "at_positions"), "norm", "normed")
    graph.linear(value, "project", width, width, "predictions")
    graph.require_all_used()
    inputs = {"tokens": ["N", shape.tokens, width], "action": ["N", len(ACTION)], "positions": ["N", "M"]}
    return graph.save(output, inputs, {"predictions": ["N", "M", width]}, metadata, integers=("positions",))
