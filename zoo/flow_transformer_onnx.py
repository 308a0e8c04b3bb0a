"""Writes the network of flow_transformer.py to ONNX, from a dictionary of its weights.

    x         float32 [N, 3, size, size]   input: the state x_t
    t         float32 [N]                  input: time in [0, 1], 1 is noise
    y         int64 [N]                    input: class, or the number of classes for a dropped label
    velocity  float32 [N, 3, size, size]   output: E[noise - x | x_t, y]

N is dynamic, and no image sees another. Weights and arithmetic are float32. Inner tensors have names:
`tokens/embedded`, `condition`, `block_N/output`.

Imported by train_noto_flow.py; needs numpy and onnx, not PyTorch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flow_shape import CHANNELS, EPSILON, FREQUENCIES, TIME_SCALE, FlowShape, position_table, time_frequencies
from onnx_builder import Weights
from transformer_graph import TransformerGraph


class FlowGraph(TransformerGraph):
    """A graph of linear layers, layer norms without weights, and attention."""

    def __init__(self, shape: FlowShape, weights: Weights):
        super().__init__("flow_transformer", weights)
        self._shape = shape

    def silu(self, value: str, name: str) -> str:
        return self.binary("Mul", value, self.node("Sigmoid", [value], f"{name}/sigmoid"), name)

    def normed(self, tokens: str, name: str) -> str:
        """Layer norm over the width, without weights of its own."""
        ones = self.constant("ones", np.ones(self._shape.width, dtype=np.float32))
        return self.node("LayerNormalization", [tokens, ones], name, axis=-1, epsilon=EPSILON)

    def modulated(self, tokens: str, shift: str, scale: str, name: str) -> str:
        """Layer norm, then tokens (1 + scale) + shift; shift and scale are [N, 1, width]."""
        factor = self.binary("Add", scale, self.number(1.0), f"{name}/factor")
        scaled = self.binary("Mul", self.normed(tokens, f"{name}/norm"), factor, f"{name}/scaled")
        return self.binary("Add", scaled, shift, name)

    def conditions(self, layer: str, parts: int, name: str) -> list[str]:
        """`parts` vectors [N, 1, width] of the condition, in the order of the layer's rows."""
        width = self._shape.width
        flat = self.linear("condition", layer, width, parts * width, f"{name}/condition")
        rows = self.node("Reshape", [flat, self.integers(0, parts, width)], f"{name}/parts")
        return [
            self.node("Slice", [rows, self.integers(k), self.integers(k + 1), self.integers(1)], f"{name}/part_{k}")
            for k in range(parts)
        ]

    def attention(self, tokens: str, layer: str, name: str) -> str:
        shape = self._shape
        return self.self_attention(tokens, layer, name, shape.width, shape.heads, shape.grid**2)

    def block(self, tokens: str, index: int) -> str:
        width, hidden = self._shape.width, self._shape.mlp_ratio * self._shape.width
        layer, name = f"blocks.{index}", f"block_{index}"
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.conditions(f"{layer}.condition", 6, name)
        value = self.modulated(tokens, shift_a, scale_a, f"{name}/attention_input")
        value = self.binary("Mul", self.attention(value, layer, f"{name}/attention"), gate_a, f"{name}/attention_gated")
        tokens = self.binary("Add", tokens, value, f"{name}/attended")
        value = self.modulated(tokens, shift_m, scale_m, f"{name}/mlp_input")
        value = self.gelu(self.linear(value, f"{layer}.expand", width, hidden, f"{name}/expand"), f"{name}/gelu")
        value = self.linear(value, f"{layer}.contract", hidden, width, f"{name}/contract")
        return self.binary("Add", tokens, self.binary("Mul", value, gate_m, f"{name}/mlp_gated"), f"{name}/output")

    def condition(self) -> None:
        """SiLU of time and class together, [N, width], named `condition`."""
        shape = self._shape
        scaled = self.binary("Mul", "t", self.number(TIME_SCALE), "time/scaled")
        column = self.node("Unsqueeze", [scaled, self.integers(1)], "time/column")
        frequencies = self.constant("time/frequencies", time_frequencies())
        angles = self.binary("Mul", column, frequencies, "time/angles")
        waves = [self.node(name, [angles], f"time/{name.lower()}") for name in ("Cos", "Sin")]
        value = self.node("Concat", waves, "time/waves", axis=1)
        value = self.silu(self.linear(value, "time_in", 2 * FREQUENCIES, shape.width, "time/in"), "time/silu")
        value = self.linear(value, "time_out", shape.width, shape.width, "time/out")
        table = self.constant("labels.weight", self._weights.take("labels.weight", (shape.classes + 1, shape.width)))
        label = self.node("Gather", [table, "y"], "label/embedded", axis=0)
        self.silu(self.binary("Add", value, label, "condition/sum"), "condition")

    def embed(self) -> str:
        """Tokens of the pictures with their positions, [N, grid², width]."""
        shape = self._shape
        grid, patch = shape.grid, shape.patch
        split = self.node("Reshape", ["x", self.integers(0, CHANNELS, grid, patch, grid, patch)], "tokens/split")
        ordered = self.node("Transpose", [split], "tokens/ordered", perm=[0, 2, 4, 1, 3, 5])
        flat = self.node("Reshape", [ordered, self.integers(0, grid**2, shape.patch_values)], "tokens/patches")
        value = self.linear(flat, "embed", shape.patch_values, shape.width, "tokens/linear")
        return self.binary("Add", value, self.constant("positions", position_table(shape.grid, shape.width)), "tokens/embedded")

    def finish(self, tokens: str) -> None:
        """The final layer, and tokens back to pictures."""
        shape = self._shape
        grid, patch = shape.grid, shape.patch
        shift, scale = self.conditions("final_condition", 2, "final")
        value = self.modulated(tokens, shift, scale, "final/input")
        value = self.linear(value, "final", shape.width, shape.patch_values, "final/linear")
        split = self.node("Reshape", [value, self.integers(0, grid, grid, CHANNELS, patch, patch)], "final/split")
        ordered = self.node("Transpose", [split], "final/ordered", perm=[0, 3, 1, 4, 2, 5])
        self.node("Reshape", [ordered, self.integers(0, CHANNELS, shape.size, shape.size)], "velocity")


def convert(arrays: dict[str, np.ndarray], shape: FlowShape, output: Path, metadata: dict[str, str]) -> str:
    """Writes the ONNX file and returns its SHA-256. Every weight is used; a missing or extra one is an error."""
    weights = Weights(arrays)
    graph = FlowGraph(shape, weights)
    graph.condition()
    tokens = graph.embed()
    for index in range(shape.depth):
        tokens = graph.block(tokens, index)
    graph.finish(tokens)
    weights.require_all_used()
    picture = ["N", CHANNELS, shape.size, shape.size]
    return graph.save(output, {"x": picture, "t": ["N"], "y": ["N"]}, {"velocity": picture}, metadata, integers=("y",))
