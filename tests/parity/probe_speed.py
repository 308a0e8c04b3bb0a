"""Times `retally score probe` (logistic regression) against scikit-learn's lbfgs: same files, same optimum, CPU seconds.

The optimum is retally's at a gradient of 1e-8, and whoever is within 1e-6 (relative) of its objective has reached it. Both
sides are timed at the loosest of the same tolerances that does, scikit-learn with `f32` and with `f64` features; retally also
at its default. Two clocks: `function` from standardised features in memory to the coefficients, in a process that has
everything imported; `process` for a script of its own that reads the files, standardises, fits and predicts. retally is
always a whole process, which does all of that. Rounds alternate; the best round counts.

    python probe_speed.py path/to/retally [--rows 10000] [--width 768] [--classes 100] [--c 0.01] [--rounds 3]
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
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--c", type=float, nargs="+", default=[0.01, 1.0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", nargs=4, metavar=("FOLDER", "TYPE", "TOLERANCE", "C"), help=argparse.SUPPRESS)
    return parser.parse_args()


ARGUMENTS = parse()
# Must be set before NumPy loads its libraries.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
SAME = 1e-6
# retally's own tolerance where nothing is said.
DEFAULT = 1e-8


def features(seed, rows):
    """Classes that overlap, in correlated features: latent numbers of falling variance, mixed."""
    mixing = np.random.default_rng(0)
    rank = 256
    mixed = mixing.standard_normal((rank, ARGUMENTS.width))
    centres = mixing.standard_normal((ARGUMENTS.classes, rank))
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, ARGUMENTS.classes, rows)
    latent = (0.25 * centres[labels] + generator.standard_normal((rows, rank))) * np.arange(1, rank + 1) ** -0.5
    noise = 0.3 * generator.standard_normal((rows, ARGUMENTS.width))
    return (latent @ mixed + noise).astype(np.float32), labels


def loaded(folder, dtype):
    train, test = (np.load(folder / name).astype(dtype) for name in ("x.npy", "xt.npy"))
    labels, test_labels = np.load(folder / "y.npy"), np.load(folder / "yt.npy")
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), labels, scaler.transform(test), test_labels


def fitted(train, labels, tolerance, c):
    model = LogisticRegression(C=c, tol=tolerance, max_iter=100_000)
    return model.fit(train, labels)


def objective(model, train, labels, c):
    """Σ loss times C plus half the squared weights, in f64."""
    logits = train.astype(np.float64) @ model.coef_.astype(np.float64).T + model.intercept_
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
    return float(c * losses.sum() + (model.coef_.astype(np.float64) ** 2).sum() / 2)


def cpu_seconds(*who):
    return sum(part.ru_utime + part.ru_stime for part in map(resource.getrusage, who))


def timed(work, *who):
    cpu, wall = cpu_seconds(*who), time.perf_counter()
    result = work()
    return cpu_seconds(*who) - cpu, time.perf_counter() - wall, result


def alone():
    folder, dtype, tolerance, c = ARGUMENTS.alone
    train, labels, test, test_labels = loaded(Path(folder), dtype)
    model = fitted(train, labels, float(tolerance), float(c))
    print(float((model.predict(test) == test_labels).mean()))


def retally(folder, c, tolerance):
    words = [ARGUMENTS.retally, "score", "probe", "--c", str(c), "--tolerance", str(tolerance), "--json"]
    for option, name in (("train", "x"), ("train-labels", "y"), ("test", "xt"), ("test-labels", "yt")):
        words += [f"--{option}", str(folder / f"{name}.npy")]
    answer = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found = {part["metric"]: part["value"] for part in json.loads(answer)["measurements"]}
    return found["train objective"], found["accuracy"]


def process(folder, dtype, tolerance, c):
    words = [sys.executable, "-W", "ignore", __file__, ARGUMENTS.retally, "--alone", str(folder), dtype]
    subprocess.run([*words, str(tolerance), str(c)], check=True, capture_output=True)


def best(found, name, times):
    cpu, wall = times
    known = found.get(name, (cpu, wall))
    found[name] = (min(cpu, known[0]), min(wall, known[1]))


def compare(folder, c):
    self, children = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    data = {dtype: loaded(folder, dtype)[:2] for dtype in ("float32", "float64")}
    target, accuracy = retally(folder, c, DEFAULT)
    tolerances = {}
    for loosest in TOLERANCES:
        excess = retally(folder, c, loosest)[0] / target - 1
        print(f"  retally tol {loosest:g}: objective {excess:+.1e}")
        if abs(excess) <= SAME:
            break
    for dtype, (train, labels) in data.items():
        for tolerance in TOLERANCES:
            cpu, wall, model = timed(lambda: fitted(train, labels, tolerance, c), self)
            excess = objective(model, data["float64"][0], labels, c) / target - 1
            print(f"  scikit-learn {dtype} tol {tolerance:g}: {model.n_iter_[0]} iterations, cpu {cpu:.2f} s, objective {excess:+.1e}")
            if abs(excess) <= SAME:
                tolerances[dtype] = tolerance
                break
    found = {}
    for _ in range(ARGUMENTS.rounds):
        best(found, "retally process", timed(lambda: retally(folder, c, loosest), children)[:2])
        best(found, "retally process, default", timed(lambda: retally(folder, c, DEFAULT), children)[:2])
        for dtype, tolerance in tolerances.items():
            train, labels = data[dtype]
            best(found, f"scikit-learn {dtype} function", timed(lambda: fitted(train, labels, tolerance, c), self)[:2])
            best(found, f"scikit-learn {dtype} process", timed(lambda: process(folder, dtype, tolerance, c), children)[:2])
    own = found["retally process"]
    print(f"C = {c}: {ARGUMENTS.rows} x {ARGUMENTS.width}, {ARGUMENTS.classes} classes, objective {target:.6f}, accuracy {accuracy:.2f} %")
    for name, (cpu, wall) in found.items():
        print(f"  {name:32} cpu {cpu:6.2f} s  wall {wall:6.2f} s  x{cpu / own[0]:.2f}  x{wall / own[1]:.2f}")


def main():
    if ARGUMENTS.alone is not None:
        alone()
        return
    print(sys.version.split()[0], "numpy", np.__version__, "scikit-learn", sklearn.__version__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for suffix, seed, rows in (("", 1, ARGUMENTS.rows), ("t", 2, 2000)):
            x, y = features(seed, rows)
            np.save(folder / f"x{suffix}.npy", x)
            np.save(folder / f"y{suffix}.npy", y)
        for c in ARGUMENTS.c:
            compare(folder, c)


if __name__ == "__main__":
    main()
