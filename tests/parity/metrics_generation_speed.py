"""Times `retally score kid` and `retally score precision-recall` against torch-fidelity and plain NumPy: same files, same job,
same threads.

Two clocks for a peer: `function` from before the files are opened to the values, in a process that has everything imported, and
`process` for a script of its own that imports the peer, reads the files and computes. retally is always a whole process.
Wall seconds and CPU seconds of all threads. Rounds alternate, so that other load on the machine meets all; the best round
counts. The features are correlated and rectified, as those of an Inception network are.

    python metrics_generation_speed.py path/to/retally [--rows 10000] [--width 2048] [--threads 2] [--rounds 3]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("retally")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", nargs=2, metavar=("PEER", "FOLDER"), help=argparse.SUPPRESS)
    return parser.parse_args()


ARGUMENTS = parse()
# Must be set before NumPy and PyTorch load their libraries.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(ARGUMENTS.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch_fidelity.metric_kid import kid_features_to_metric  # noqa: E402
from torch_fidelity.metric_prc import prc_features_to_metric  # noqa: E402

torch.set_num_threads(ARGUMENTS.threads)
K = 3


def features(seed, shift):
    """Latent numbers of falling variance, mixed, rectified."""
    mixing = np.random.default_rng(0).standard_normal((256, ARGUMENTS.width), dtype=np.float32)
    generator = np.random.default_rng(seed)
    latent = generator.standard_normal((ARGUMENTS.rows, 256), dtype=np.float32)
    latent *= (np.arange(1, 257, dtype=np.float32) ** -0.5)[None, :]
    noise = generator.standard_normal((ARGUMENTS.rows, ARGUMENTS.width), dtype=np.float32)
    return np.maximum(0.3 * latent @ mixing + 0.1 * noise + shift, 0)


def loaded(folder):
    return np.load(folder / "reference.npy"), np.load(folder / "samples.npy")


def torch_fidelity_kid(folder):
    reference, samples = map(torch.from_numpy, loaded(folder))
    result = kid_features_to_metric(
        samples, reference, kid_subsets=100, kid_subset_size=1000, kid_kernel="poly", kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1, rng_seed=2020, verbose=False,
    )
    return [result["kernel_inception_distance_mean"], result["kernel_inception_distance_std"]]


def numpy_kid(folder):
    reference, samples = loaded(folder)
    draw = np.random.RandomState(2020)
    kernel = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    values = []
    for _ in range(100):
        x, y = (rows[draw.choice(len(rows), 1000, replace=False)] for rows in (samples, reference))
        within = sum(k.sum(dtype=np.float64) - np.trace(k) for k in (kernel(x, x), kernel(y, y))) / (1000 * 999)
        values.append(within - 2 * kernel(x, y).mean(dtype=np.float64))
    return [np.mean(values), np.std(values)]


def torch_fidelity_precision_recall(folder):
    reference, samples = map(torch.from_numpy, loaded(folder))
    result = prc_features_to_metric(
        samples, reference, prc_neighborhood=K, prc_batch_size=10_000, save_cpu_ram=False, verbose=False
    )
    return [result["precision"], result["recall"]]


def numpy_precision_recall(folder):
    reference, samples = loaded(folder)

    def squared(x, y):
        lengths = np.einsum("nd,nd->n", x, x)[:, None] + np.einsum("nd,nd->n", y, y)[None, :]
        return lengths - 2 * (x @ y.T)

    radius = lambda rows: np.partition(squared(rows, rows), K, axis=1)[:, K]
    between = squared(reference, samples)
    inside_reference = between <= radius(reference)[:, None]
    inside_samples = between <= radius(samples)[None, :]
    return [inside_reference.any(axis=0).mean(), inside_samples.any(axis=1).mean()]


def retally(metric, names, *options):
    def run(folder):
        command = [ARGUMENTS.retally, "score", metric, "--reference", folder / "reference.npy", "--samples"]
        command += [folder / "samples.npy", "--threads", str(ARGUMENTS.threads), *options, "--json"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        values = {}
        collect(json.loads(answer), values)
        return [values[name] for name in names]

    return run


def collect(document, values):
    """Measurements, wherever in the answer they stand."""
    if isinstance(document, dict):
        if "metric" in document and "value" in document:
            values[document["metric"]] = document["value"]
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            collect(part, values)


def process(peer):
    """The peer in a process of its own."""

    def run(folder):
        words = [sys.executable, "-W", "ignore", __file__, ARGUMENTS.retally, "--alone", peer, str(folder)]
        words += ["--threads", str(ARGUMENTS.threads)]
        return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    return run


ALONE = {
    "torch-fidelity-kid": torch_fidelity_kid,
    "torch-fidelity-precision-recall": torch_fidelity_precision_recall,
}


def cpu_seconds():
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in usage)


def timed(work, folder):
    cpu, wall = cpu_seconds(), time.perf_counter()
    values = work(folder)
    return time.perf_counter() - wall, cpu_seconds() - cpu, [float(value) for value in values]


def compare(name, contestants, folder):
    best = {}
    for _ in range(ARGUMENTS.rounds):
        for contestant, work in contestants.items():
            wall, cpu, values = timed(work, folder)
            known = best.get(contestant, (wall, cpu, values))
            best[contestant] = (min(wall, known[0]), min(cpu, known[1]), values)
    own = best["retally"]
    print(f"\n{name}: {ARGUMENTS.rows} x {ARGUMENTS.width} a side, {ARGUMENTS.threads} threads")
    for contestant, (wall, cpu, values) in best.items():
        shown = ", ".join(f"{value:.7g}" for value in values)
        print(f"  {contestant:23} wall {wall:6.2f} s  cpu {cpu:6.2f} s  x{wall / own[0]:.2f}  x{cpu / own[1]:.2f}  {shown}")


def main():
    if ARGUMENTS.alone is not None:
        peer, folder = ARGUMENTS.alone
        print(json.dumps([float(value) for value in ALONE[peer](Path(folder))]))
        return
    print(sys.version.split()[0], "numpy", np.__version__, "torch", torch.__version__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "reference.npy", features(1, 0.0))
        np.save(folder / "samples.npy", features(2, 0.02))
        kid = {
            "retally": retally("kid", ("KID", "KID spread over subsets"), "--quick"),
            "torch-fidelity function": torch_fidelity_kid,
            "torch-fidelity process": process("torch-fidelity-kid"),
            "plain NumPy": numpy_kid,
        }
        compare("KID, 100 subsets of 1000", kid, folder)
        precision_recall = {
            "retally": retally("precision-recall", ("precision", "recall"), "--k", str(K)),
            "torch-fidelity function": torch_fidelity_precision_recall,
            "torch-fidelity process": process("torch-fidelity-precision-recall"),
            "plain NumPy": numpy_precision_recall,
        }
        compare("precision and recall, k = 3", precision_recall, folder)


if __name__ == "__main__":
    main()
