"""Small `.npz` files of every layout that the tools write, as NumPy writes them: `tests/golden/npz`.

    python3 tests/parity/npz_layouts.py tests/golden/npz                  makes the files and layouts.json
    python3 tests/parity/npz_layouts.py tests/golden/npz --check FILE…    records what numpy.load says of files

The files to check are those that the tests of retally's writers leave in the folder `RETALLY_KEEP_WRITTEN`, if it is set.

`harness/src/arrays/npz_tests.rs` and `harness/src/images/reader/tests.rs` read them. layouts.json holds what the arrays
contain (shape, dtype, sum), the versions, and the SHA-256 of the files under `written`, which retally's own writers made
and numpy.load read back. Member names, compression and header versions are those of

    adm-*            numpy.savez of guided-diffusion's samples and of its reference files (`mu`, `sigma`, `mu_s`, `sigma_s`)
    statistics-*     pytorch-fid, clean-fid, MAR (`mu`, `sigma`), FD-loss (`ref_mu`, `ref_sigma`), `mu_clip`, `sigma_clip`
    features-*       clean-fid's `feats`, dgm-eval's `reps` with a pickled `hparams`
"""

import hashlib
import io
import json
import pathlib
import sys
import zipfile

import numpy as np

RANDOM = np.random.default_rng(20261126)


def npy(array, version=(1, 0)):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version, allow_pickle=True)
    return buffer.getvalue()


def archive(path, members, method=zipfile.ZIP_STORED):
    """Members with headers of a chosen version, at a fixed time."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data, method)


def gaussian(dimensions, mean_type="f8"):
    rows = RANDOM.normal(size=(3 * dimensions, dimensions))
    return rows.mean(axis=0).astype(mean_type), np.cov(rows, rowvar=False)


def make(folder):
    images = RANDOM.integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    labels = np.array([3, 1, 4, 1, 5], dtype=np.int64)
    mean, covariance = gaussian(6)
    spatial_mean, spatial_covariance = gaussian(4)
    spatial = {"mu_s": spatial_mean, "sigma_s": spatial_covariance}
    np.savez(folder / "adm-images.npz", images)
    np.savez(folder / "adm-labelled.npz", images, labels)
    np.savez(folder / "adm-other-second.npz", images, RANDOM.normal(size=5))
    np.savez_compressed(folder / "adm-labelled-deflated.npz", images, labels)
    np.savez(folder / "adm-reference.npz", images, mu=mean.astype("f4"), sigma=covariance, **spatial)
    np.savez(folder / "statistics.npz", mu=mean, sigma=covariance)
    np.savez_compressed(folder / "statistics-deflated.npz", mu=mean, sigma=covariance)
    np.savez(folder / "statistics-single.npz", mu=mean.astype("f4"), sigma=covariance.astype("f4"))
    np.savez(folder / "statistics-mixed.npz", mu=mean.astype("f4"), sigma=covariance)
    np.savez(folder / "statistics-reference.npz", ref_mu=mean, ref_sigma=covariance)
    np.savez(folder / "statistics-clip.npz", mu=mean, sigma=covariance, mu_clip=spatial_mean, sigma_clip=spatial_covariance)
    np.savez(folder / "features-clean.npz", feats=RANDOM.normal(size=(5, 4)).astype("f4"))
    np.savez(folder / "features-dgm.npz", reps=RANDOM.normal(size=(5, 4)), hparams=np.array({"k": 5}, dtype=object))
    for version in ((2, 0), (3, 0)):
        members = {"arr_0.npy": npy(images, version), "arr_1.npy": npy(labels, version)}
        archive(folder / f"adm-version-{version[0]}.npz", members)
    archive(folder / "adm-fortran.npz", {"arr_0.npy": npy(np.asfortranarray(images))})
    archive(folder / "statistics-big-endian.npz", {"mu.npy": npy(mean.astype(">f8")), "sigma.npy": npy(covariance)})
    archive(folder / "statistics-no-zip64.npz", {"mu.npy": npy(mean), "sigma.npy": npy(covariance)})
    whole = (folder / "adm-labelled.npz").read_bytes()
    (folder / "broken-truncated.npz").write_bytes(whole[: len(whole) * 2 // 3])
    flipped = bytearray(whole)
    flipped[400] ^= 1
    (folder / "broken-checksum.npz").write_bytes(flipped)


def describe(path):
    described = {}
    with np.load(path) as file:
        for name in file.files:
            try:
                array = file[name]
            except ValueError as error:
                described[name] = str(error)
                continue
            total = float(array.sum(dtype=np.float64))
            described[name] = {"shape": list(array.shape), "dtype": array.dtype.str, "sum": total}
    return described


def main(folder, checked):
    if not checked:
        make(folder)
    document = folder / "layouts.json"
    known = json.loads(document.read_text()) if document.exists() else {}
    written = known.get("written", {})
    for path in map(pathlib.Path, checked):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        written[path.name] = {"sha256": digest, "numpy.load": describe(path)}
        print(path.name, written[path.name])
    files = {path.name: describe(path) for path in sorted(folder.glob("[!b]*.npz"))}
    versions = {"NumPy": np.__version__, "Python": sys.version.split()[0]}
    document.write_text(json.dumps({"versions": versions, "files": files, "written": written}, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[3:] if "--check" in sys.argv else [])
