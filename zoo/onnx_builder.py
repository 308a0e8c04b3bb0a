"""Write an ONNX graph by hand from a dictionary of weights.

Imported by the convert_*.py programs; needs numpy and onnx, not PyTorch.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class ConversionError(ValueError):
    """The weights do not fit the network that is being written."""


def sha256_of(path: str | Path) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Weights:
    """A state dict that remembers which entries were used.

    A network is converted correctly only if every weight has found its place, so a converter
    calls `require_all_used` when its graph is complete.
    """

    def __init__(self, arrays: dict[str, np.ndarray]):
        self._arrays = arrays
        self._used: set[str] = set()

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Returns the weight `name` as float32 and marks it as used; its shape must be `shape`."""
        if name not in self._arrays:
            raise ConversionError(f"the checkpoint has no weight {name!r}")
        array = self._arrays[name]
        if not np.issubdtype(array.dtype, np.floating):
            raise ConversionError(f"weight {name!r} is {array.dtype}, expected a float type")
        if array.shape != shape:
            raise ConversionError(f"weight {name!r} has shape {array.shape}, expected {shape}")
        self._used.add(name)
        return array.astype(np.float32)

    def require_all_used(self) -> None:
        """Raises if a weight has no place in the graph. Batch-norm step counters are no weights."""
        left = [
            name
            for name in self._arrays
            if name not in self._used and not name.endswith("num_batches_tracked")
        ]
        if left:
            raise ConversionError(f"{len(left)} weights were not used, the first is {left[0]!r}")


class GraphBuilder:
    """Collects nodes and initialisers. A node is named after its output, which the caller chooses,
    so that inner tensors can be read by name."""

    def __init__(self, name: str):
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, array: np.ndarray) -> str:
        """Adds an initialiser unless one of this name is there; returns its name."""
        if name not in self._initialisers:
            self._initialisers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes) -> str:
        """Adds a node with one output; returns the output's name."""
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def save(
        self,
        path: str | Path,
        inputs: dict[str, list],
        outputs: dict[str, list],
        metadata: dict[str, str],
        integers: tuple[str, ...] = (),
    ) -> str:
        """Checks the graph, writes it and returns the SHA-256 of the file.

        Inputs and outputs are float32, except for the inputs named in `integers`, which are int64.
        The bytes depend only on the weights, this code and the versions of onnx and
        protobuf: there is no time and no path in them.
        """

        def describe(values: dict[str, list]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(n, TensorProto.INT64 if n in integers else TensorProto.FLOAT, s)
                for n, s in values.items()
            ]

        graph = helper.make_graph(
            self._nodes, self._name, describe(inputs), describe(outputs), list(self._initialisers.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="retally zoo"
        )
        model.ir_version = IR_VERSION
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(path))
        return sha256_of(path)
