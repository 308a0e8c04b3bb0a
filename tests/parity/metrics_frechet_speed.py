"""Times `retally score frechet --quick` against NumPy's covariance and SciPy's matrix root on the same files.

Three jobs at 2048 dimensions:

- full rank: 10,000 rows each, from features to the distance;
- trace: the same sets as mean and covariance (`mu`, `sigma` in `.npz`), so that the trace term is nearly all;
- few rows: 1,000 and 800 rows, where the covariances are singular.

SciPy's way is that of pytorch-fid: `np.cov` of f64, `sqrtm(S1 @ S2)`. CPU seconds of whole processes, reading the files
and starting included; of SciPy's, also those of the steps. The machine may be busy: quote CPU seconds, not wall time.

    python metrics_frechet_speed.py path/to/retally [--threads 1] [--rows 10000] [--decay 1.0]
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

WIDTH = 2048


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("retally", help="the binary, or `peer` for the SciPy side of one job")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--decay", type=float, default=1.0, help="variance j of the features is (j + 1)^-DECAY")
    return parser.parse_args()


ARGUMENTS = parse()
# Must be set before NumPy loads its BLAS.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(ARGUMENTS.threads)

import numpy as np  # noqa: E402


def statistics(path):
    if path.endswith(".npz"):
        with np.load(path) as archive:
            return archive["mu"], archive["sigma"]
    rows = np.load(path).astype(np.float64)
    return rows.mean(axis=0), np.cov(rows, rowvar=False)


def peer(paths):
    """The distance as pytorch-fid takes it, with the CPU seconds of its steps."""
    from scipy.linalg import sqrtm

    start = time.process_time()
    (mean_1, cov_1), (mean_2, cov_2) = map(statistics, paths)
    covariances = time.process_time()
    root = np.trace(sqrtm(cov_1 @ cov_2)).real
    end = time.process_time()
    traces = np.trace(cov_1) + np.trace(cov_2)
    value = ((mean_1 - mean_2) ** 2).sum() + traces - 2 * root
    steps = {"read and covariances": covariances - start, "sqrtm": end - covariances}
    print(json.dumps({"value": float(value), "traces": float(traces), "steps": steps}))


def measured(command):
    """Standard output as JSON, CPU seconds and wall seconds of a child process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True).stdout
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(output), cpu, wall


def compare(name, reference, samples):
    command = [ARGUMENTS.retally, "score", "frechet", "--reference", reference, "--samples", samples]
    command += ["--quick", "--json", "--threads", str(ARGUMENTS.threads)]
    document, cpu, wall = measured(command)
    other, peer_cpu, peer_wall = measured(
        [sys.executable, __file__, "peer", reference, samples, "--threads", str(ARGUMENTS.threads)]
    )
    measurement = document["measurements"][0]
    value, method = measurement["value"], measurement["method"]
    print(f"{name}: {method}")
    print(f"  retally {value!r}  {cpu:.2f} CPU s  {wall:.2f} s")
    steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in other["steps"].items())
    print(f"  SciPy   {other['value']!r}  {peer_cpu:.2f} CPU s  {peer_wall:.2f} s  ({steps})")
    print(f"  difference / traces {(value - other['value']) / other['traces']:.1e}", end="")
    print(f"  CPU ratio {peer_cpu / cpu:.1f}  wall ratio {peer_wall / wall:.1f}")


def main():
    generator = np.random.default_rng(0)
    mixing = np.linalg.qr(generator.standard_normal((WIDTH, WIDTH)))[0]
    mixing *= np.arange(1, WIDTH + 1)[:, None] ** (-ARGUMENTS.decay / 2)
    sets = [
        (generator.standard_normal((ARGUMENTS.rows, WIDTH)) @ mixing + offset).astype(np.float32)
        for offset in (0.0, 0.01)
    ]
    print(f"numpy {np.__version__}, {ARGUMENTS.threads} threads, {WIDTH} dimensions, decay {ARGUMENTS.decay}")
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in zip("ab", sets):
            np.save(Path(folder, f"{name}.npy"), rows)
            mean, covariance = statistics(str(Path(folder, f"{name}.npy")))
            np.savez(Path(folder, f"{name}.npz"), mu=mean, sigma=covariance)
        np.save(Path(folder, "few_a.npy"), sets[0][:1000])
        np.save(Path(folder, "few_b.npy"), sets[1][:800])
        jobs = {"full rank": ("a.npy", "b.npy"), "trace": ("a.npz", "b.npz"), "few rows": ("few_a.npy", "few_b.npy")}
        for name, files in jobs.items():
            compare(name, *(str(Path(folder, file)) for file in files))


if __name__ == "__main__":
    peer(ARGUMENTS.files) if ARGUMENTS.retally == "peer" else main()
