#!/usr/bin/env python3
"""CUDA beside the CPU and beside PyTorch: the figures of docs/gpu.md.

Needs an NVIDIA GPU, retally, the CUDA build of ONNX Runtime with its provider libraries in one folder (CUDA and cuDNN in
LD_LIBRARY_PATH), and a Python with torch, numpy, onnx, onnxscript, Pillow; torch-fidelity and scipy for `fid`, a C compiler for the
count of copies. Nothing is downloaded: networks have random weights, pictures are drawn from a seed.

prepare   pictures and networks of the other parts, ahead of time
models    the starter's models on both devices, CUDA twice: providers of the nodes, differences of the measurements
fid       `score generation` on 2 x COUNT pictures on both devices, torch-fidelity on CUDA: values, features, images a second
sampling  SiT-XL/2 at 256 pixels with the SD-VAE decoder: images of both devices, images a second beside the same loop in
          PyTorch (float32 with and without TF32, bfloat16), copies between processor and GPU counted

    python3 tests/parity/gpu.py --retally RETALLY --onnxruntime LIBRARY --folder FOLDER --json gpu.json models fid sampling
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ZOO = HERE.parents[1] / "zoo"
# the zoo before this folder: both have an export_transformer
sys.path[:0] = [str(ZOO), str(HERE)]

# Counts copies by direction: named first in the loader's search, so that ONNX Runtime's calls come here.
COPY_COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static unsigned long long calls[5], bytes[5];
static void count(int kind, size_t size) { if (kind < 0 || kind > 4) kind = 4;
  __atomic_add_fetch(&calls[kind], 1, __ATOMIC_RELAXED); __atomic_add_fetch(&bytes[kind], size, __ATOMIC_RELAXED); }
int cudaMemcpy(void *to, const void *from, size_t size, int kind) {
  static int (*next)(void *, const void *, size_t, int);
  if (!next) next = dlsym(RTLD_NEXT, "cudaMemcpy");
  if (!next) next = dlsym(dlopen("libcudart.so.13", RTLD_NOW), "cudaMemcpy");
  count(kind, size); return next(to, from, size, kind); }
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) {
  static int (*next)(void *, const void *, size_t, int, void *);
  if (!next) next = dlsym(RTLD_NEXT, "cudaMemcpyAsync");
  if (!next) next = dlsym(dlopen("libcudart.so.13", RTLD_NOW), "cudaMemcpyAsync");
  count(kind, size); return next(to, from, size, kind, stream); }
__attribute__((destructor)) static void report(void) {
  const char *path = getenv("COPY_COUNTS"); FILE *file = path ? fopen(path, "w") : NULL; if (!file) return;
  const char *names[] = {"host_to_host", "host_to_device", "device_to_host", "device_to_device", "by_address"};
  fputc('{', file);
  for (int i = 0; i < 5; i++) fprintf(file, "%s\"%s\":[%llu,%llu]", i ? "," : "", names[i], calls[i], bytes[i]);
  fputs("}\n", file); fclose(file); }
"""


class Bench:
    """The program under test with its library and a folder."""

    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        self.folder: Path = arguments.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.gpu = "cuda:0" if arguments.gpu else "cpu"

    def retally(self, *words, home: str = "home", environment: dict[str, str] | None = None, ok=(0,)) -> dict:
        """JSON of a command, with `wall` and `status` added."""
        command = [self.arguments.retally, "--json", "--offline", "--onnxruntime", self.arguments.onnxruntime, *words]
        settings = os.environ | {"RETALLY_HOME": str(self.home(home))} | (environment or {})
        if "--fast" not in words:
            settings["NVIDIA_TF32_OVERRIDE"] = "0"
        start = time.perf_counter()
        done = subprocess.run(list(map(str, command)), env=settings, capture_output=True, text=True)
        wall = time.perf_counter() - start
        print(f"{wall:7.1f} s  rc {done.returncode}  {' '.join(map(str, words))[:150]}", flush=True)
        if done.returncode not in ok:
            raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return json.loads(done.stdout) | {"wall": round(wall, 3), "status": done.returncode}

    def home(self, name: str) -> Path:
        """A store of its own; models that were brought are copied in."""
        path = self.folder / name
        if not path.exists():
            if self.arguments.store is not None:
                shutil.copytree(self.arguments.store, path)
            else:
                path.mkdir(parents=True)
        return path


# ---------------------------------------------------------------- the starter's models


def compare_measurements(first: dict, second: dict) -> dict:
    """Largest absolute and relative difference of equally named measurements."""
    largest = {"absolute": 0.0, "relative": 0.0, "count": 0, "metric": None}

    def walk(a, b, name):
        if isinstance(a, dict) and "metric" in a and "value" in a:
            x, y = a["value"], b["value"]
            if x is None or y is None:
                assert x == y, (name, x, y)
                return
            largest["count"] += 1
            largest["absolute"] = max(largest["absolute"], abs(x - y))
            relative = abs(x - y) / max(abs(x), 1e-12)
            if relative > largest["relative"]:
                largest.update(relative=relative, metric=f"{name} {a['metric']} {x} {y}")
        elif isinstance(a, dict):
            for key in a:
                walk(a[key], b[key], f"{name}/{key}")
        elif isinstance(a, list):
            for index, (x, y) in enumerate(zip(a, b, strict=True)):
                walk(x, y, f"{name}/{index}")

    walk(first, second, "")
    return largest


def models(bench: Bench) -> dict:
    outputs = {}
    for name, device in (("cpu", "cpu"), ("cuda", bench.gpu), ("cuda-again", bench.gpu)):
        out = bench.folder / f"run-{name}"
        shutil.rmtree(out, ignore_errors=True)
        chosen = [word for model in bench.arguments.model for word in ("--model", model)]
        words = ["run", "starter", *chosen, "--device", device, "--out", out]
        result = bench.retally(*words, home=f"home-{name}", ok=(0, 1))
        record = json.loads((out / "run.json").read_text())
        outputs[name] = {
            "wall": result["wall"],
            "bytes": (out / "measurements.json").read_bytes(),
            "sessions": find(record, "nodes"),
        }
    golden = {device: bench.retally("doctor", "--device", device).get("golden") for device in ("cpu", bench.gpu)}
    flow = noto_flow(bench)
    parsed = {name: json.loads(output["bytes"]) for name, output in outputs.items()}
    return {
        "wall": {name: output["wall"] for name, output in outputs.items()},
        "nodes": outputs["cuda"]["sessions"],
        "golden": golden,
        "noto-flow, levels of 255": flow,
        "cuda twice the same bytes": outputs["cuda"]["bytes"] == outputs["cuda-again"]["bytes"],
        "cpu against cuda": compare_measurements(parsed["cpu"], parsed["cuda"]),
    }


def noto_flow(bench: Bench) -> dict:
    """The shipped generator on both devices, CUDA twice."""
    import numpy as np

    images = {}
    for name, device in (("cpu", "cpu"), ("cuda", bench.gpu), ("again", bench.gpu)):
        out = bench.folder / f"noto-{name}.npz"
        for path in (out, Path(f"{out}.json")):
            path.unlink(missing_ok=True)
        bench.retally("sample", "noto-flow", "--count", 72, "--out", out, "--device", device, home=f"home-noto-{name}")
        images[name] = np.load(out)["arr_0"].astype(int)
    difference = np.abs(images["cpu"] - images["cuda"])
    return {
        "largest": int(difference.max()),
        "share that differs": float((difference > 0).mean()),
        "cuda twice the same": bool((images["cuda"] == images["again"]).all()),
    }


def find(document, key: str) -> list:
    """Every value of a key, wherever it stands."""
    if isinstance(document, dict):
        return ([document[key]] if key in document else []) + [x for value in document.values() for x in find(value, key)]
    return [x for value in document for x in find(value, key)] if isinstance(document, list) else []


# ---------------------------------------------------------------- FID


def fid(bench: Bench) -> dict:
    import generation_peers

    arguments = bench.arguments
    settings = argparse.Namespace(seed=0, count=arguments.count, threads=os.cpu_count(), batch=64)
    root = bench.folder / "fid"
    root.mkdir(exist_ok=True)
    generation_peers.make_pictures(root, settings)
    generation_peers.make_network(root, settings)
    result: dict = {"count": arguments.count}
    words = ["score", "generation", root / "reference", root / "samples", "--protocol", "torch-fidelity"]
    words += ["--model", root / "network.onnx", "--output", "vgg16_fc2=pool3"]
    runs = {
        "cpu": (["--device", "cpu"], "fid-cpu"),
        "cuda": (["--device", bench.gpu, "--batch", "64"], "fid-cuda"),
        "cuda again": (["--device", bench.gpu, "--batch", "64"], "fid-cuda-again"),
        "cuda --fast": (["--device", bench.gpu, "--batch", "64", "--fast"], "fid-cuda-fast"),
    }
    for name, (options, home) in runs.items():
        if arguments.brief and name == "cpu":
            continue
        document = bench.retally(*words, *options, home=home)
        result[name] = {
            "wall": document["wall"],
            "images_per_second": round(2 * arguments.count / document["wall"], 1),
            "values": {m["metric"]: m["value"] for m in document["measurements"]},
            "nodes": find(document, "nodes"),
        }
    small = root / "quarter"
    for side in generation_peers.SETS:
        (small / side).mkdir(parents=True, exist_ok=True)
        for path in sorted((root / side).iterdir())[: arguments.count // 4]:
            shutil.copy(path, small / side / path.name)
    fewer = {root / side: small / side for side in generation_peers.SETS}
    document = bench.retally(*(fewer.get(word, word) for word in words), "--device", bench.gpu, "--batch", "64", home="fid-cuda-quarter")
    more = 2 * (arguments.count - arguments.count // 4)
    result["cuda"]["marginal_images_per_second"] = round(more / (result["cuda"]["wall"] - document["wall"]), 1)
    if arguments.brief:
        return result
    result["features"] = features(bench)
    if not arguments.gpu:
        return result
    result["torch-fidelity cuda"] = torch_fidelity(root, arguments, generation_peers.SETS, root)
    try:
        part = torch_fidelity(root, arguments, generation_peers.SETS, small)
        result["torch-fidelity cuda"]["marginal_images_per_second"] = round(
            more / (result["torch-fidelity cuda"]["wall"] - part["wall"]), 1
        )
    finally:
        result["PyTorch forward"] = forward(root, settings.batch)
    return result


def torch_fidelity(root: Path, arguments: argparse.Namespace, sets: list[str], folders: Path) -> dict:
    """torch-fidelity as a command of its own, with the pictures on the GPU."""
    code = f"""
import json, torch_fidelity
values = torch_fidelity.calculate_metrics(input1={str(folders / sets[0])!r}, input2={str(folders / sets[1])!r}, cuda=True, isc=True, fid=True,
    kid=True, prc=True, feature_extractor="inception-v3-compat", feature_extractor_weights_path={str(root / "network.pth")!r},
    kid_subset_size={min(1000, arguments.count // 4)}, batch_size=64, cache=False, verbose=False)
print(json.dumps(values))
"""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    wall = time.perf_counter() - start
    print(f"{wall:7.1f} s  rc {done.returncode}  torch-fidelity on cuda", flush=True)
    if done.returncode != 0:
        return {"error": done.stderr[-800:], "wall": wall}
    return {"wall": round(wall, 3), "values": json.loads(done.stdout.strip().splitlines()[-1])}


def forward(root: Path, batch: int) -> dict:
    """Images a second of the bare network in PyTorch on the GPU, inputs there already."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(root / "network.pth")).cuda().eval()
    images = torch.randint(0, 256, (batch, 3, 256, 256), dtype=torch.uint8, device="cuda")
    rates = {}
    for name, allowed in (("float32", False), ("tf32", True)):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
        with torch.no_grad():
            for _ in range(3):
                network(images)
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(20):
                network(images)
            torch.cuda.synchronize()
        rates[name] = round(20 * batch / (time.perf_counter() - start), 1)
    return rates


def stored_outputs(folder: Path) -> list[dict]:
    """The outputs of the network for some hundred images each, as the store keeps them (safetensors)."""
    import numpy as np

    chunks = []
    for path in folder.glob("features/*.safetensors"):
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
        names = sorted(name for name in header if name.startswith("output"))
        spans = {name: header[name]["data_offsets"] for name in names}
        chunks.append({n: np.frombuffer(body[a:b], np.float32).reshape(header[n]["shape"]) for n, (a, b) in spans.items()})
    return chunks


def features(bench: Bench) -> dict:
    """Largest and typical difference of the outputs of both devices, in parts of the largest and the typical value."""
    import numpy as np

    cpu, cuda = (stored_outputs(bench.folder / f"fid-{name}") for name in ("cpu", "cuda"))
    result: dict = {}
    for chunk in cpu:
        # names of chunks differ, since the provider is part of them: the nearest of the same shape is the same images
        others = [other for other in cuda if other["output-00"].shape == chunk["output-00"].shape]
        other = min(others, key=lambda other: np.abs(other["output-00"] - chunk["output-00"]).mean())
        for name, values in chunk.items():
            difference = np.abs(values - other[name]).astype(np.float64)
            found = result.setdefault(name, {"width": values.shape[1], "largest": 0.0, "rms": []})
            found["largest"] = max(found["largest"], float(difference.max() / np.abs(values).max()))
            found["rms"].append(float(np.sqrt((difference**2).mean() / (values.astype(np.float64) ** 2).mean())))
    for found in result.values():
        found["rms"] = max(found["rms"])
    return result


# ---------------------------------------------------------------- sampling


MANIFEST = """
[[artifact]]
id = "sit.onnx"
kind = "model"
sha256 = "{sit}"
bytes = {sit_bytes}
licence = "none, random weights"
provenance = "zoo/export_transformer.py --family sit --size {size} --random-seed 0"
sources = ["file:{folder}/sit.onnx"]
{data}
[[artifact]]
id = "vae.onnx"
kind = "model"
sha256 = "{vae}"
bytes = {vae_bytes}
licence = "none, random weights"
provenance = "zoo/export_sd_vae.py --random-seed 0"
sources = ["file:{folder}/vae.onnx"]

[[generator]]
id = "random-sit-{batch}"
name = "SiT-{size} with random weights"
family = "SiT"
sampler = {{ kind = "flow-euler", steps = {steps} }}
guidance = {{ scale = 1.5 }}
image = {{ width = 256, height = 256, channels = 3, low = -1.0, high = 1.0, quantise = "half-up255" }}
chunk = {batch}

[generator.network]
artifact = "sit.onnx"
{data_entry}
state = "x"
shape = [4, 32, 32]
time = {{ tensor = "t" }}
output = "velocity"
prediction = {{ kind = "velocity", noise_at = "zero" }}
batch = {batch}

[generator.decoder]
artifact = "vae.onnx"
input = "latent"
output = "image"
scale = 0.18215
batch = {decoder_batch}

[generator.classes]
count = 1000
tensor = "y"
encoding = "index"
none = 1000
labels = "uniform"
"""


def denoiser_of(size: str) -> tuple:
    """Words of the exporter and its family."""
    import export_transformer

    chosen = argparse.Namespace(
        family="sit", size=size, random_seed=0, write_checkpoint=None, width=None, depth=None, heads=None, side=None,
        channels=None, classes=None, context_start=None,
    )
    return chosen, export_transformer.FAMILIES["sit"]


def write_networks(folder: Path, size: str) -> None:
    """Both networks as ONNX files, unless they are there."""
    import export_sd_vae
    import export_transformer
    from torch_export import write_onnx

    done = folder / f"written-{size.replace('/', '-')}"
    if done.exists():
        return
    chosen, family = denoiser_of(size)
    denoiser, _ = export_transformer.drawn(chosen)
    write_onnx(denoiser, export_transformer.graph_of(denoiser, family), folder / "sit.onnx", {"weights": "random"})
    drawing = argparse.Namespace(divide_channels=1, random_seed=0, scale=1.0, write_checkpoint=None)
    decoder, shape, _ = export_sd_vae.drawn(drawing)
    write_onnx(decoder, export_sd_vae.graph_of(shape), folder / "vae.onnx", {"weights": "random"})
    done.touch()


def torch_networks(size: str, device: str) -> tuple:
    """The same networks in PyTorch with other random weights, which take no other time."""
    import export_sd_vae
    import export_transformer
    import torch
    from sd_vae import STABLE_DIFFUSION

    chosen, family = denoiser_of(size)
    networks = (
        export_transformer.network_of(export_transformer.shape_from_arguments(chosen), family),
        export_sd_vae.network_of(STABLE_DIFFUSION, 1.0),
    )
    for network in networks:
        network.to_empty(device=device).eval()
        with torch.no_grad():
            for parameter in [*network.parameters(), *network.buffers()]:
                parameter.normal_(0, 0.02)
    return networks


def manifests(folder: Path, size: str, steps: int, batches: tuple[int, ...]) -> list[Path]:
    from onnx_builder import sha256_of

    values = {"folder": folder, "size": size, "steps": steps, "data": "", "data_entry": ""}
    for name in ("sit", "vae"):
        path = folder / f"{name}.onnx"
        values |= {name: sha256_of(path), f"{name}_bytes": path.stat().st_size}
    data = folder / "sit.onnx.data"
    if data.exists():
        values["data"] = (
            f'[[artifact]]\nid = "sit.onnx.data"\nkind = "model"\nsha256 = "{sha256_of(data)}"\nbytes = {data.stat().st_size}\n'
            f'licence = "none, random weights"\nprovenance = "beside sit.onnx"\nsources = ["file:{data}"]\n'
        )
        values["data_entry"] = 'data = [{ name = "sit.onnx.data", artifact = "sit.onnx.data" }]'
    paths = []
    for batch in batches:
        path = folder / f"sit-{batch}.toml"
        path.write_text(MANIFEST.format(**values, batch=batch, decoder_batch=min(batch, 8)))
        paths.append(path)
    return paths


def torch_loop(denoiser, decoder, batch: int, steps: int, kind: str, device: str, decoder_batch: int = 8) -> dict:
    """The same loop: Euler steps, guidance by one call of twice the batch, decoder, bytes on the processor. Its images a
    second, and the seconds of both parts."""
    import torch

    half = kind == "bfloat16"
    if device == "cuda":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    weights = torch.bfloat16 if half else torch.float32
    denoiser, decoder = denoiser.to(device, weights), decoder.to(device, weights)

    def latents(steps: int) -> torch.Tensor:
        x = torch.randn((batch, 4, 32, 32), device=device)
        classes = torch.randint(0, 1000, (batch,), device=device)
        both = torch.cat([classes, torch.full_like(classes, 1000)])
        for step in range(steps):
            t = torch.full((2 * batch,), step / steps, device=device)
            answer = denoiser(torch.cat([x, x]).to(weights), t.to(weights), both).float()
            given, none = answer.chunk(2)
            x = x + (none + 1.5 * (given - none)) / steps
        return x

    def images(x: torch.Tensor) -> torch.Tensor:
        parts = [decoder((part / 0.18215).to(weights)).float() for part in x.split(decoder_batch)]
        return ((torch.cat(parts) * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)).cpu()

    with torch.no_grad():
        if device == "cuda":
            images(latents(2))
        start = time.perf_counter()
        x = latents(steps)
        if device == "cuda":
            torch.cuda.synchronize()
        middle = time.perf_counter()
        images(x)
        end = time.perf_counter()
    return {"images_per_second": batch / (end - start), "network": middle - start, "decoder": end - middle}


def marginal(few: dict, many: dict, images: int) -> dict:
    """Images a second, and the seconds of network and decoder, of the images that one run had more."""
    names = ("sampling", "network", "decoder")
    seconds = {name: many["seconds"][name] - few["seconds"][name] for name in names}
    return {"images_per_second": round(images / seconds["sampling"], 3), "seconds": seconds, "images": images}


def sampling(bench: Bench) -> dict:
    import numpy as np

    arguments = bench.arguments
    folder = bench.folder / "sampling"
    folder.mkdir(exist_ok=True)
    start = time.perf_counter()
    write_networks(folder, arguments.size)
    print(f"{time.perf_counter() - start:7.1f} s  networks drawn and written", flush=True)
    big, small = arguments.batch, 2
    large_manifest, small_manifest = manifests(folder, arguments.size, arguments.steps, (big, small))
    result: dict = {"size": arguments.size, "batch": big, "steps": arguments.steps}

    def sample(name: str, manifest: Path, batch: int, count: int, *options, environment=None) -> dict:
        out = folder / f"{name}.npz"
        out.unlink(missing_ok=True)
        Path(f"{out}.json").unlink(missing_ok=True)
        words = ["--manifest", manifest, "sample", f"random-sit-{batch}", "--count", count, "--out", out, *options]
        document = bench.retally(*words, home="home-sampling", environment=environment)
        shutil.rmtree(bench.home("home-sampling") / "samples", ignore_errors=True)
        return {key: value for key, value in document.items() if key not in ("settings", "generator")}

    counts = {}
    preload = counter(folder)
    result["cuda"] = sample("cuda-large", large_manifest, big, big, "--device", bench.gpu)
    result["cuda twice as many"] = sample("cuda-more", large_manifest, big, 3 * big, "--device", bench.gpu)
    result["cuda marginal"] = marginal(result["cuda"], result["cuda twice as many"], 2 * big)
    one = sample("fast-large", large_manifest, big, big, "--device", bench.gpu, "--fast")
    three = sample("fast-more", large_manifest, big, 3 * big, "--device", bench.gpu, "--fast")
    result["cuda --fast marginal"] = marginal(one, three, 2 * big)
    result["PyTorch"] = {}
    denoiser, decoder = torch_networks(arguments.size, "cuda" if arguments.gpu else "cpu")
    for kind in ("float32", "tf32", "bfloat16"):
        rate = torch_loop(denoiser, decoder, big, arguments.steps, kind, "cuda" if arguments.gpu else "cpu")
        result["PyTorch"][kind] = rate
        print(f"PyTorch {kind}: {rate}", flush=True)
    if arguments.brief:
        return result
    if preload is not None:
        for steps in (10, arguments.steps):
            path = folder / f"copies-{steps}.json"
            environment = {"LD_PRELOAD": str(preload), "COPY_COUNTS": str(path)}
            sample(f"copies-{steps}", small_manifest, small, small, "--device", bench.gpu, "--steps", steps, environment=environment)
            counts[steps] = json.loads(path.read_text())
        result["copies: calls and bytes"] = counts
    result["cuda small"] = sample("cuda-small", small_manifest, small, small, "--device", bench.gpu)
    sample("cuda-small-again", small_manifest, small, small, "--device", bench.gpu)
    result["cpu small"] = sample("cpu-small", small_manifest, small, small, "--device", "cpu")
    images = {name: np.load(folder / f"{name}.npz")["arr_0"].astype(int) for name in ("cuda-small", "cuda-small-again", "cpu-small", "cuda-large", "fast-large")}
    result["cuda twice the same images"] = bool((images["cuda-small"] == images["cuda-small-again"]).all())
    for name, (a, b) in {
        "cpu-cuda": ("cpu-small", "cuda-small"),
        "cuda, calls of 2 and of the whole batch": ("cuda-small", "cuda-large"),
        "cuda, with and without --fast": ("cuda-large", "fast-large"),
    }.items():
        count = min(len(images[a]), len(images[b]))
        difference = np.abs(images[a][:count] - images[b][:count])
        result[f"levels of 255, {name}"] = {
            "largest": int(difference.max()), "share that differs": float((difference > 0).mean()),
            "deviation of the images": float(images[a][:count].std()), "images": count,
        }
    return result


def counter(folder: Path) -> Path | None:
    """The library that counts copies; `None` without a compiler."""
    source, library = folder / "copies.c", folder / "copies.so"
    source.write_text(COPY_COUNTER)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    return library


def prepare(bench: Bench) -> dict:
    """Pictures and networks of the other parts; they are made by those parts if this one is left out."""
    import generation_peers

    (bench.folder / "fid").mkdir(exist_ok=True)
    (bench.folder / "sampling").mkdir(exist_ok=True)
    settings = argparse.Namespace(seed=0, count=bench.arguments.count, threads=os.cpu_count(), batch=64)
    generation_peers.make_pictures(bench.folder / "fid", settings)
    write_networks(bench.folder / "sampling", bench.arguments.size)
    return {}


PARTS = {"prepare": prepare, "models": models, "fid": fid, "sampling": sampling}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--retally", type=Path, required=True)
    parser.add_argument("--onnxruntime", type=Path, required=True, help="libonnxruntime of the CUDA build")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--store", type=Path, help="a store that holds the starter's models")
    parser.add_argument("--model", action="append", default=[], help="models of the starter; all by default")
    parser.add_argument("--count", type=int, default=2000, help="pictures in each set")
    parser.add_argument("--size", default="XL/2", help="size of the SiT")
    parser.add_argument("--batch", type=int, default=32, help="images in a call of the SiT")
    parser.add_argument("--steps", type=int, default=50, help="steps of the sampler")
    parser.add_argument("--brief", action="store_true", help="leave out the CPU and the counts of copies")
    parser.add_argument("--no-gpu", dest="gpu", action="store_false", help="rehearse with the CPU in place of CUDA")
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.folder, arguments.retally = arguments.folder.resolve(), arguments.retally.resolve()
    bench = Bench(arguments)
    results: dict = {}
    failed = False
    for part in arguments.parts:
        try:
            results[part] = PARTS[part](bench)
        except Exception:
            failed = True
            results[part] = {"error": traceback.format_exc()[-3000:]}
            print(results[part]["error"], flush=True)
        arguments.json.write_text(json.dumps(results, indent=1))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
