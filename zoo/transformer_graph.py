"""What the hand-written ONNX graphs of transformers share: linear layers, GELU, attention.

Imported by flow_transformer_onnx.py and world_model_onnx.py; needs numpy and onnx, not PyTorch.
"""

from __future__ import annotations

import numpy as np
from onnx_builder import GraphBuilder, Weights

# GELU's tanh form (Hendrycks and Gimpel 2016): x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³)))
GELU_FACTOR = float(np.sqrt(2 / np.pi))
GELU_CUBE = 0.044715


class TransformerGraph(GraphBuilder):
    """A graph whose weights have the names and layouts of PyTorch's modules."""

    def __init__(self, name: str, weights: Weights):
        super().__init__(name)
        self._weights = weights

    def number(self, value: float) -> str:
        """A float32 vector of one number."""
        return self.constant(f"number_{value!r}", np.array([value], dtype=np.float32))

    def integers(self, *values: int) -> str:
        """An int64 vector."""
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def binary(self, operator: str, left: str, right: str, name: str) -> str:
        return self.node(operator, [left, right], name)

    def linear(self, value: str, layer: str, columns: int, rows: int, name: str) -> str:
        """value Wᵀ + b, with W [rows, columns] as PyTorch keeps it."""
        matrix = self._weights.take(f"{layer}.weight", (rows, columns))
        product = self.binary("MatMul", value, self.constant(f"{layer}.weight", matrix.T), f"{name}/product")
        bias = self.constant(f"{layer}.bias", self._weights.take(f"{layer}.bias", (rows,)))
        return self.binary("Add", product, bias, name)

    def gelu(self, value: str, name: str) -> str:
        cube = self.binary("Pow", value, self.number(3.0), f"{name}/cube")
        cube = self.binary("Mul", cube, self.number(GELU_CUBE), f"{name}/scaled_cube")
        inner = self.binary("Add", value, cube, f"{name}/inner")
        inner = self.binary("Mul", inner, self.number(GELU_FACTOR), f"{name}/scaled_inner")
        gate = self.node("Tanh", [inner], f"{name}/tanh")
        gate = self.binary("Add", gate, self.number(1.0), f"{name}/gate")
        half = self.binary("Mul", value, self.number(0.5), f"{name}/half")
        return self.binary("Mul", half, gate, name)

    def self_attention(self, tokens: str, layer: str, name: str, width: int, heads: int, count: int) -> str:
        """tokens [N, count, width]; a count of 0 stands for one that is known only when the graph runs."""
        fused = self.linear(tokens, f"{layer}.qkv", width, 3 * width, f"{name}/qkv")
        by_head = self.integers(0, count, heads, width // heads)
        parts = []
        # keys are turned to [N, heads, d, T] at once
        for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
            first = len(parts) * width
            bounds = [self.integers(first), self.integers(first + width), self.integers(2)]
            columns = self.node("Slice", [fused, *bounds], f"{name}/{part}_columns")
            split = self.node("Reshape", [columns, by_head], f"{name}/{part}_heads")
            parts.append(self.node("Transpose", [split], f"{name}/{part}", perm=order))
        query, key, value = parts
        query = self.binary("Mul", query, self.number((width // heads) ** -0.5), f"{name}/scaled_query")
        scores = self.node("Softmax", [self.binary("MatMul", query, key, f"{name}/scores")], f"{name}/softmax", axis=-1)
        mixed = self.binary("MatMul", scores, value, f"{name}/mixed")
        mixed = self.node("Transpose", [mixed], f"{name}/joined", perm=[0, 2, 1, 3])
        flat = self.node("Reshape", [mixed, self.integers(0, count, width)], f"{name}/flat")
        return self.linear(flat, f"{layer}.project", width, width, f"{name}/project")
