"""What the exporters of PyTorch networks share: reading weights, loading them strictly, drawing them, writing ONNX.

Needs torch, onnxscript and safetensors besides numpy and onnx; README.md names the versions.
"""

from __future__ import annotations

import argparse
import math
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx_ir
import onnxscript
import torch
from onnx_builder import ConversionError, sha256_of
from random_draws import Draws
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

# the first opset with attention and root mean square norm as single operators
OPSET = 23
# protobuf stops at 2 GiB; a little room for the graph
LARGEST_SINGLE_FILE = 2**31 - 2**24
LARGEST_DIFFERENCE = 1e-4

StateDict = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """Weights out of a file."""

    weights: StateDict
    sha256: str
    # entry of the file that held them; empty if the file is the state dict itself
    key: str


def read_checkpoint(path: Path, sha256: str | None, key: str | None, usual_keys: tuple[str, ...]) -> Checkpoint:
    """Reads a state dict (.safetensors or what torch.save wrote) as float32.

    `key` picks the entry that holds it; without one the first of `usual_keys` that the file has, or else the file
    itself. Nothing in the file is executed: only tensors, plain containers and argparse.Namespace are accepted.
    """
    digest = sha256_of(path)
    if sha256 is not None and digest != sha256.lower():
        raise ConversionError(f"{path}: SHA-256 is {digest}, expected {sha256}")
    content = _content(path)
    if key is not None and key not in content:
        names = ", ".join(map(str, content))
        raise ConversionError(f"{path}: no entry {key!r}; the file holds: {names[:300]}")
    found = key or next((name for name in usual_keys if name in content), "")
    weights = content[found] if found else content
    if not isinstance(weights, Mapping) or not weights:
        raise ConversionError(f"{path}: no mapping of names to tensors in it")
    for name, tensor in weights.items():
        if not isinstance(tensor, torch.Tensor):
            raise ConversionError(f"{path}: entry {name!r} is not a tensor; choose one with --key")
        if not tensor.dtype.is_floating_point or tensor.layout != torch.strided:
            raise ConversionError(f"{path}: weight {name!r} is {tensor.dtype}, {tensor.layout}; expected a dense float")
        if not tensor.isfinite().all():
            raise ConversionError(f"{path}: weight {name!r} has values that are not finite")
    return Checkpoint({str(name): tensor.detach().float() for name, tensor in weights.items()}, digest, found)


def _content(path: Path) -> Mapping:
    """What the file holds, mapped into memory rather than read where the format allows it."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zip_format(path))
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, KeyError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise ConversionError(f"{path}: not a checkpoint of tensors alone, or damaged ({first:.200})") from None
    if not isinstance(content, Mapping):
        raise ConversionError(f"{path}: holds a {type(content).__name__}, not a mapping of names to tensors")
    return content


def zip_format(path: Path) -> bool:
    """True for the format of PyTorch 1.6 and later, which can be mapped into memory."""
    with open(path, "rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def shape_of(weights: StateDict, name: str, rank: int) -> tuple[int, ...]:
    """Shape of the weight `name`, which must have so many dimensions."""
    if name not in weights:
        raise ConversionError(f"the checkpoint has no weight {name!r}; its first is {next(iter(weights), None)!r}")
    shape = tuple(weights[name].shape)
    if len(shape) != rank:
        raise ConversionError(f"weight {name!r} has shape {shape}, expected {rank} dimensions")
    return shape


def layers_of(weights: StateDict, prefix: str) -> int:
    """One more than the largest N in the names prefix.N.…; 0 if there is none."""
    numbers = (name[len(prefix) + 1 :].partition(".")[0] for name in weights if name.startswith(f"{prefix}."))
    return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)


def expected_shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of a network."""
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def load_strictly(network: nn.Module, weights: StateDict) -> None:
    """Gives the network its weights; names and shapes must be exactly its own."""
    expected = expected_shapes(network)
    missing = [name for name in expected if name not in weights]
    if missing:
        raise ConversionError(f"the checkpoint has no weight {missing[0]!r} ({len(missing)} are missing)")
    left = [name for name in weights if name not in expected]
    if left:
        raise ConversionError(f"{len(left)} weights were not used, the first is {left[0]!r}")
    for name, shape in expected.items():
        if tuple(weights[name].shape) != shape:
            raise ConversionError(f"weight {name!r} has shape {tuple(weights[name].shape)}, expected {shape}")
    network.load_state_dict(weights, strict=True, assign=True)
    network.eval().requires_grad_(False)


def drawn_weights(network: nn.Module, seed: int, fixed: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Random weights that keep values near 1 from layer to layer, for every name of a network but those in `fixed`.

    Every layer gets some, so that the output depends on all of them: an official network begins with zeros in its
    modulations and in its last layer.
    """
    draws, arrays = Draws(seed), {}
    for name, tensor in network.state_dict().items():
        shape = tuple(tensor.shape)
        if name in fixed:
            arrays[name] = tensor.numpy()
        elif len(shape) == 1:
            middle = 1.0 if name.endswith("weight") else 0.0
            arrays[name] = draws.uniform(name, shape, middle - 0.2, middle + 0.2)
        else:
            # uniform values of variance 1 / inputs; what is looked up or added has variance 1
            looked_up = "embedding_table" in name or "posemb" in name
            largest = math.sqrt(3.0 / (1 if looked_up else math.prod(shape[1:])))
            arrays[name] = draws.uniform(name, shape, -largest, largest)
    return arrays


@dataclass(frozen=True)
class Graph:
    """What an ONNX file is to look like from outside."""

    # an example of each input, by name
    inputs: dict[str, torch.Tensor]
    # names of the dimensions that may change, by input and place
    dynamic: dict[str, dict[int, str]]
    output: str


def write_onnx(network: nn.Module, graph: Graph, destination: Path, metadata: dict[str, str]) -> list[Path]:
    """Writes the network and returns the files: one, or two where the weights do not fit into a protobuf."""
    sizes = {name: torch.export.Dim(name) for places in graph.dynamic.values() for name in places.values()}
    shapes = {
        name: {place: sizes[size] for place, size in graph.dynamic.get(name, {}).items()} for name in graph.inputs
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            kwargs=graph.inputs,
            dynamic_shapes=shapes,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model
    _clean(model)
    model.metadata_props.update(
        metadata | {"exporter": f"torch {torch.__version__}, onnxscript {onnxscript.__version__}"}
    )
    files = [destination]
    weights = sum(value.const_value.nbytes for value in model.graph.initializers.values())
    if weights > LARGEST_SINGLE_FILE:
        files.append(destination.with_name(f"{destination.name}.data"))
        files[1].unlink(missing_ok=True)
    onnx_ir.save(model, destination, external_data=files[1].name if len(files) > 1 else None)
    onnx.checker.check_model(str(destination), full_check=True)
    return files


def _clean(model: onnx_ir.Model) -> None:
    """Takes out what the exporter notes about the machine: paths, stack traces, names of Python objects."""
    model.producer_name, model.producer_version = "retally zoo", None
    model.doc_string = model.graph.doc_string = None
    model.graph.name = "network"
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    values = [*model.graph.inputs, *model.graph.initializers.values()]
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        values.extend(node.outputs)
    for value in values:
        value.metadata_props.clear()
        value.doc_string = None


def require_equal(network: nn.Module, graph: Graph, model: Path) -> float:
    """Largest difference between ONNX Runtime and PyTorch on the example, over PyTorch's largest value."""
    import onnxruntime  # only --check needs it

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    (found,) = session.run([graph.output], {name: tensor.numpy() for name, tensor in graph.inputs.items()})
    with torch.no_grad():
        expected = network(**graph.inputs).numpy()
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ConversionError(
            f"{model}: ONNX Runtime differs from PyTorch by {difference:.3g} of the largest value, "
            f"more than {LARGEST_DIFFERENCE:g}; do not use the file"
        )
    return difference
