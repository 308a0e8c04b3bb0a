#!/usr/bin/env python3
"""What the Python tools give for two folders of images, how long they take, and the same for retally.

Makes 2 x COUNT seeded pictures of 256 pixels (JPEG of quality 75 to 95 and PNG, mixed) and one FID Inception network
with random weights, as a PyTorch checkpoint and as ONNX. Then every peer runs on those files in a process of its own,
with its own code and defaults unless the list below says otherwise. CPU seconds and wall seconds are those of the
process with all that it started, peak memory that of its largest process. With --retally, `retally score generation`
runs under each protocol, right after the peer that it is compared with.

torch-fidelity  FID, IS, KID and, from the same features, precision and recall; seed 2020
pytorch-fid     FID
clean-fid       mode `clean`: FID and KID from one pass; its KID draws subsets from an unseeded generator, seeded here
torchmetrics    FID, with its default antialiased resize
adm             FID, sFID, IS, precision, recall: OpenAI's evaluator is TensorFlow 1, so its formulas are written out
                here on top of torch-fidelity's network and resize, which equal TensorFlow's; the time is this
                script's, not the evaluator's

Nothing is downloaded: name look-ups are refused in every peer's process. The random network is not the published one,
so values compare only with each other.

    python3 tests/parity/generation_peers.py --folder FOLDER --count 2000 --json peers.json
    python3 tests/parity/generation_peers.py --folder FOLDER --count 2000 --json peers.json --retally RETALLY
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

ZOO = Path(__file__).resolve().parents[2] / "zoo"
PACKAGES = ["clean-fid", "numpy", "pillow", "pytorch-fid", "scipy", "torch", "torch-fidelity", "torchmetrics"]
METRICS = ["FID", "sFID", "IS", "KID", "precision", "recall"]
SETS = ["samples", "reference"]
SIDE = 256
KID_SUBSET, ADM_SPLIT, NEIGHBOURS = 1000, 5000, 3
EPSILON = 1e-6


# ---------------------------------------------------------------- pictures and network


def texture(generator, slope: float):
    """float [SIDE,SIDE] of deviation 1: noise whose power falls as frequency^(-2 slope), as it does in photographs."""
    import numpy as np

    rows, columns = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    frequency = np.maximum(np.hypot(rows, columns), 1 / SIDE)
    field = np.fft.irfft2(np.fft.rfft2(generator.standard_normal((SIDE, SIDE))) * frequency**-slope, (SIDE, SIDE))
    return (field - field.mean()) / field.std()


def picture(seed: int, index: int, is_reference: bool):
    """Smooth colour, some shapes, texture over it all. The two sets differ in tint, number of shapes and texture."""
    import numpy as np
    from PIL import Image, ImageDraw

    generator = np.random.default_rng([seed, int(is_reference), index])
    grid = int(generator.integers(2, 6))
    tint = np.array([18, 0, -18]) if is_reference else np.array([-12, 6, 12])
    colours = np.clip(generator.normal(128, 55, (grid, grid, 3)) + tint, 0, 255).astype(np.uint8)
    image = Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(generator.integers(1, 9 if is_reference else 6)):
        x, y = generator.integers(-32, SIDE, 2)
        width, height = generator.integers(16, 160, 2)
        shape = draw.ellipse if generator.random() < 0.6 else draw.rectangle
        shape((int(x), int(y), int(x + width), int(y + height)), fill=tuple(map(int, generator.integers(0, 256, 3))))
    slope = generator.uniform(0.7, 1.4) if is_reference else generator.uniform(0.9, 1.7)
    strength = generator.uniform(4, 28)
    pixels = np.asarray(image) + strength * texture(generator, slope)[:, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), generator


def save_picture(folder: Path, seed: int, is_reference: bool, index: int) -> None:
    image, generator = picture(seed, index, is_reference)
    if generator.random() < 0.6:
        quality, subsampling = int(generator.integers(75, 96)), int(generator.choice([0, 2]))
        image.save(folder / f"{index:06}.jpg", quality=quality, subsampling=subsampling)
    else:
        image.save(folder / f"{index:06}.png")


def make_pictures(root: Path, arguments: argparse.Namespace) -> None:
    for name in SETS:
        folder, recipe = root / name, {"seed": arguments.seed, "count": arguments.count}
        note = root / f"{name}.json"
        if note.exists() and json.loads(note.read_text()) == recipe:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        save = partial(save_picture, folder, arguments.seed, name == "reference")
        with ProcessPoolExecutor(arguments.threads) as pool:
            list(pool.map(save, range(arguments.count), chunksize=16))
        note.write_text(json.dumps(recipe))


def make_network(root: Path, arguments: argparse.Namespace) -> None:
    """Both files every time: the exporter may have changed since."""
    words = ["--random-seed", str(arguments.seed), "--write-checkpoint", root / "network.pth", root / "network.onnx"]
    subprocess.run([sys.executable, ZOO / "export_fid_inception.py", *words], check=True, stdout=subprocess.DEVNULL)


# ---------------------------------------------------------------- the peers, each in its own process


def peer_torch_fidelity(root: Path, arguments: argparse.Namespace) -> dict[str, float]:
    import torch_fidelity

    values = torch_fidelity.calculate_metrics(
        input1=str(root / "samples"),
        input2=str(root / "reference"),
        cuda=False,
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        feature_extractor="inception-v3-compat",  # else precision and recall would run VGG16
        feature_extractor_weights_path=str(root / "network.pth"),
        kid_subset_size=min(KID_SUBSET, arguments.count),
        batch_size=arguments.batch,
        cache=False,
        verbose=False,
    )
    return {
        "FID": values["frechet_inception_distance"],
        "IS": values["inception_score_mean"],
        "KID": values["kernel_inception_distance_mean"],
        "precision": values["precision"],
        "recall": values["recall"],
    }


def patch_pytorch_fid(root: Path):
    """pytorch-fid's module with its download replaced by the checkpoint."""
    import pytorch_fid.inception
    import torch

    pytorch_fid.inception.load_state_dict_from_url = lambda *_unused, **_options: torch.load(root / "network.pth")
    return pytorch_fid.inception


def peer_pytorch_fid(root: Path, arguments: argparse.Namespace) -> dict[str, float]:
    from pytorch_fid.fid_score import calculate_fid_given_paths

    patch_pytorch_fid(root)
    folders = [str(root / name) for name in SETS]
    return {"FID": float(calculate_fid_given_paths(folders, arguments.batch, "cpu", 2048, arguments.threads))}


def peer_clean_fid(root: Path, arguments: argparse.Namespace) -> dict[str, float]:
    import numpy as np
    import torch
    from cleanfid import features, fid

    class Network(torch.nn.Module):
        """In place of clean-fid's TorchScript file: pixels of 299x299 in [0, 255] to features."""

        def __init__(self, *_unused, **_options):
            super().__init__()
            inception = patch_pytorch_fid(root)
            self.base = inception.InceptionV3(resize_input=False, normalize_input=False)

        def forward(self, x):
            return self.base((x - 128) / 128)[0].flatten(1)

    features.InceptionV3W = Network
    device = torch.device("cpu")
    network = fid.build_feature_extractor("clean", device, use_dataparallel=False)
    samples, reference = (
        fid.get_folder_features(
            str(root / name), network, arguments.threads, batch_size=arguments.batch, device=device, verbose=False
        )
        for name in SETS
    )
    np.random.seed(arguments.seed)
    return {"FID": float(fid.fid_from_feats(samples, reference)), "KID": fid.kernel_distance(samples, reference)}


def batches(folder: Path, arguments: argparse.Namespace):
    """uint8 tensors [B,3,SIDE,SIDE] in order of file names."""
    import numpy as np
    import torch
    from PIL import Image

    files = sorted(folder.iterdir())
    for start in range(0, len(files), arguments.batch):
        images = [np.asarray(Image.open(path).convert("RGB")) for path in files[start : start + arguments.batch]]
        yield torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())


def peer_torchmetrics(root: Path, arguments: argparse.Namespace) -> dict[str, float]:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    distance = FrechetInceptionDistance(feature_extractor_weights_path=str(root / "network.pth"))
    with torch.no_grad():
        for name in SETS:
            for images in batches(root / name, arguments):
                distance.update(images, real=name == "reference")
    return {"FID": float(distance.compute())}


def peer_adm(root: Path, arguments: argparse.Namespace) -> dict[str, float]:
    import numpy as np
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(root / "network.pth"))
    layer: list[torch.Tensor] = []
    network.Mixed_6d.branch1x1.register_forward_hook(lambda _module, _inputs, output: layer.append(output[:, :7]))

    def rows(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with torch.no_grad():
            parts = [network(images) for images in batches(folder, arguments)]
        # TensorFlow's tensor is NHWC: the channel is the fastest index
        spatial = torch.cat(layer).permute(0, 2, 3, 1).flatten(1)
        layer.clear()
        return (*(torch.cat(part).numpy() for part in zip(*parts)), spatial.numpy())

    samples, logits, samples_spatial = rows(root / "samples")
    reference, _, reference_spatial = rows(root / "reference")
    precision, recall = adm_precision_recall(reference, samples)
    return {
        "FID": adm_frechet(samples, reference),
        "sFID": adm_frechet(samples_spatial, reference_spatial),
        "IS": adm_inception_score(logits),
        "precision": precision,
        "recall": recall,
    }


def adm_frechet(first, second) -> float:
    """Means of float32 rows as NumPy sums them, covariances in float64 with n - 1, root by sqrtm."""
    import numpy as np
    import scipy.linalg

    offset = np.mean(first, axis=0) - np.mean(second, axis=0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root, _ = scipy.linalg.sqrtm(a @ b, disp=False)
    if not np.isfinite(root).all():
        shift = EPSILON * np.eye(len(a))
        root = scipy.linalg.sqrtm((a + shift) @ (b + shift))
    if np.iscomplexobj(root):
        if np.abs(np.diagonal(root).imag).max() > 1e-3:
            raise ValueError("the root of the product of covariances is complex")
        root = root.real
    return float(offset @ offset + np.trace(a) + np.trace(b) - 2 * np.trace(root))


def adm_inception_score(logits) -> float:
    """Mean over blocks of 5,000 rows in file order, a short last block counting as much as the others."""
    import numpy as np
    import torch

    probabilities = torch.softmax(torch.from_numpy(logits), 1).numpy()
    scores = []
    for start in range(0, len(probabilities), ADM_SPLIT):
        block = probabilities[start : start + ADM_SPLIT]
        divergence = block * (np.log(block) - np.log(np.mean(block, axis=0, keepdims=True)))
        scores.append(np.exp(np.mean(np.sum(divergence, axis=1))))
    return float(np.mean(scores))


def adm_distances(u, v):
    """Squared distances in float16 if all are finite, else in float32. Sums of products are taken in float32 and
    rounded once, as GPUs do."""
    import numpy as np

    def squared(a, b, kind):
        wide = [part.astype(kind).astype(np.float32) for part in (a, b)]
        norms = [(part * part).astype(kind).astype(np.float32).sum(axis=1).astype(kind) for part in wide]
        product = (wide[0] @ wide[1].T).astype(kind)
        return np.maximum(norms[0][:, None] - kind(2) * product + norms[1][None, :], kind(0))

    with np.errstate(over="ignore", invalid="ignore"):
        half = squared(u, v, np.float16)
    return half.astype(np.float32) if np.isfinite(half).all() else squared(u, v, np.float32)


def adm_precision_recall(reference, samples) -> tuple[float, float]:
    """Shares of samples in a ball of the reference and of reference rows in a ball of the samples; one block."""
    import numpy as np

    radius_reference, radius_samples = (
        np.partition(adm_distances(rows, rows), NEIGHBOURS, axis=1)[:, NEIGHBOURS] for rows in (reference, samples)
    )
    between = adm_distances(reference, samples)
    precision = (between <= radius_reference[:, None]).any(axis=0).mean()
    recall = (between <= radius_samples[None, :]).any(axis=1).mean()
    return float(precision), float(recall)


PEERS = {
    "torch-fidelity": peer_torch_fidelity,
    "pytorch-fid": peer_pytorch_fid,
    "clean-fid": peer_clean_fid,
    "torchmetrics": peer_torchmetrics,
    "adm": peer_adm,
}


def run_peer(arguments: argparse.Namespace) -> None:
    """The child process: writes the values to `--json`."""
    import socket

    def refuse(*address, **_options):
        raise OSError(f"a peer tried to reach {address[0]}: everything it needs should be here")

    socket.getaddrinfo = refuse
    import torch

    torch.set_num_threads(arguments.threads)
    values = PEERS[arguments.peer](arguments.folder, arguments)
    arguments.json.write_text(json.dumps(values))


# ---------------------------------------------------------------- running and comparing


def measured(command: list, environment: dict[str, str], log: Path) -> dict[str, float]:
    """Runs a command and returns what it cost, all processes that it waited for included."""
    with open(log, "wb") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), env=environment, stdout=stream, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    return {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "wall_seconds": round(wall, 3),
        "peak_mebibytes": round(usage.ru_maxrss / 1024),
    }


def threads_environment(threads: int) -> dict[str, str]:
    names = ("OPENBLAS", "OMP", "MKL")
    return os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}


def measure_peer(peer: str, arguments: argparse.Namespace) -> dict:
    output = arguments.folder / f"{peer}.json"
    words = {"--folder": arguments.folder, "--peer": peer, "--json": output, "--count": arguments.count}
    words |= {"--batch": arguments.batch, "--threads": arguments.threads, "--seed": arguments.seed}
    command = [sys.executable, __file__, *(word for pair in words.items() for word in pair)]
    cost = measured(command, threads_environment(arguments.threads), arguments.folder / f"{peer}.log")
    return {"values": json.loads(output.read_text())} | cost


def measure_retally(protocol: str, arguments: argparse.Namespace) -> dict:
    name = f"retally-{protocol}"
    output, log = arguments.folder / f"{name}.json", arguments.folder / f"{name}.log"
    folders = [arguments.folder / name for name in ("reference", "samples")]
    command = [arguments.retally, "score", "generation", *folders, "--protocol", protocol, "--json"]
    command += ["--model", arguments.folder / "network.onnx", "--threads", str(arguments.threads)]
    if protocol == "torch-fidelity":
        # the script's torch-fidelity takes precision and recall from the same features, not from VGG16
        command += ["--output", "vgg16_fc2=pool3"]
    # The store's library, but a store without stored features: nothing may be found that another protocol left.
    doctor = [arguments.retally, "doctor", "--json"]
    library = json.loads(subprocess.run(doctor, check=True, capture_output=True).stdout)["onnxruntime"]["path"]
    home = arguments.folder / f"home-{protocol}"
    shutil.rmtree(home, ignore_errors=True)
    environment = os.environ | {"ORT_DYLIB_PATH": library, "RETALLY_HOME": str(home)}
    cost = measured(["sh", "-c", '"$@" > "$0"', output, *command], environment, log)
    values: dict[str, float] = {}
    for entry in json.loads(output.read_text())["measurements"]:
        # the first of a name is the protocol's own; an absence has no value
        if entry["metric"] in METRICS and entry.get("value") is not None:
            values.setdefault(entry["metric"], entry["value"])
    return {"values": values} | cost


def relative(ours: float, theirs: float) -> float:
    return abs(ours - theirs) / max(abs(theirs), 1e-30)


def print_tables(results: dict[str, dict]) -> None:
    print(f"{'peer':<15} {'metric':<10} {'value':>15} {'retally':>15} {'relative difference':>20}")
    for peer, result in results.items():
        ours = result.get("retally", {}).get("values", {})
        for metric, value in result["values"].items():
            own = f"{ours[metric]:15.8g} {relative(ours[metric], value):20.2e}" if metric in ours else ""
            print(f"{peer:<15} {metric:<10} {value:15.8g} {own}")
    header = f"{'':<15} {'CPU s':>9} {'wall s':>9} {'MiB':>7}"
    print(f"\n{header}   {'retally: CPU s':>14} {'wall s':>9} {'ratio CPU':>10} {'wall':>6}")
    for peer, result in results.items():
        line = f"{peer:<15} {result['cpu_seconds']:9.1f} {result['wall_seconds']:9.1f} {result['peak_mebibytes']:7}"
        if ours := result.get("retally"):
            ratios = [result[name] / ours[name] for name in ("cpu_seconds", "wall_seconds")]
            line += f"   {ours['cpu_seconds']:14.1f} {ours['wall_seconds']:9.1f} {ratios[0]:10.2f} {ratios[1]:6.2f}"
        print(line)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where pictures, network and logs go")
    parser.add_argument("--count", type=int, default=2000, help="pictures in each set")
    parser.add_argument("--batch", type=int, default=64, help="batch size of the peers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", default=",".join(PEERS), help="some of them, separated by commas")
    parser.add_argument("--retally", type=Path, help="the program to compare with")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    if arguments.peer is not None:
        return run_peer(arguments)
    peers = arguments.peers.split(",")
    if unknown := set(peers) - set(PEERS):
        sys.exit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    if arguments.retally is not None:
        arguments.retally = arguments.retally.resolve()
    arguments.folder = arguments.folder.resolve()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    make_pictures(arguments.folder, arguments)
    make_network(arguments.folder, arguments)
    results = {}
    for peer in peers:
        results[peer] = measure_peer(peer, arguments)
        if arguments.retally is not None:
            results[peer]["retally"] = measure_retally(peer, arguments)
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    record = {"options": {name: getattr(arguments, name) for name in ("count", "batch", "threads", "seed")}}
    record |= {"versions": versions, "peers": results}
    print(", ".join(f"{name} {version}" for name, version in versions.items()), end="\n\n")
    print_tables(results)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
