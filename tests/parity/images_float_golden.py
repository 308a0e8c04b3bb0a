"""Golden digests of `harness/src/images/float_resize`: what the tools of the FID family make of images.

    OPENBLAS_NUM_THREADS=1 python3 tests/parity/images_float_golden.py tests/golden/images

Needs PyTorch, torch-fidelity, clean-fid, Pillow and NumPy (the versions used are written into float.json). It reads
`sources/*.png` and computes larger images by the formula of `pattern`, which `golden_tests.rs` repeats. For every case
float.json holds the size and the SHA-256 of the f32 numbers after normalisation, little-endian.

    tf1-bilinear              torch_fidelity's interpolate_bilinear_2d_like_tensorflow1x, method "slow"
    torch-bilinear            torch.nn.functional.interpolate(mode="bilinear", align_corners=False), as pytorch-fid calls it
    torch-bilinear-antialias  the same with antialias=True, as torchmetrics 1.9 calls it
    pillow-float-bicubic      cleanfid.resize.make_resizer("PIL", False, "bicubic", size)

    byte   0..255 is resized, then (x - 128) / 128; NHWC                (torch-fidelity, torchmetrics, clean-fid)
    unit   x / 255 is resized, then 2 x - 1; NCHW                       (pytorch-fid); pillow-float-bicubic resizes
           0..255 and divides afterwards                                (dgm-eval --clean_resize)

Every torch kernel is run contiguous and channels-last, for one image and in a batch, with two and with four threads: all
must give the same bits. With one thread, and for targets of at most 128 rows and columns together, PyTorch takes another
kernel for torch-bilinear: such targets are left out, and the largest difference between the kernels is recorded as a
part of the range of the values. For torch-bilinear-antialias, targets of one column are left out: PyTorch fuses other
operations there.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
import PIL
import torch
from cleanfid.resize import make_resizer
from PIL import Image
from torch.nn.functional import interpolate
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

SOURCES = ["rgb-1x1.png", "rgb-7x1.png", "rgb-1x9.png", "rgb-31x13.png", "rgb-17x33.png", "scene-61x47.png", "grey-8bit-50x41.png"]
PATTERNS = [(256, 256), (299, 299), (500, 375), (512, 512), (600, 700), (300, 298), (1, 640), (1024, 3), (32, 32)]
# Largest difference that one thread makes, by kernel.
ONE_THREAD = {}
TARGETS = [(299, 299), (33, 40), (224, 224), (64, 65), (1, 1), (5, 128), (1, 200), (2, 200)]


def pattern(width, height):
    """Uniform-looking values from a hash of the position, the same on every machine."""
    y, x, channel = np.mgrid[0:height, 0:width, 0:3].astype(np.uint32)
    mixed = (x * np.uint32(73856093)) ^ (y * np.uint32(19349663)) ^ (channel * np.uint32(83492791))
    return ((mixed * np.uint32(2654435761)) >> np.uint32(24)).astype(np.uint8)


def torch_kernel(kernel, size):
    if kernel == "tf1-bilinear":
        return lambda x: interpolate_bilinear_2d_like_tensorflow1x(x, size=size, align_corners=False, method="slow")
    antialias = kernel == "torch-bilinear-antialias"
    return lambda x: interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=antialias)


def with_torch(pixels, kernel, width, height, scale):
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(torch.float32)
    batch = batch.div(255) if scale == "unit" else batch
    resize = torch_kernel(kernel, (height, width))
    torch.set_num_threads(2)
    result = resize(batch.contiguous())
    for threads in (2, 4):
        torch.set_num_threads(threads)
        for other in (batch, batch.contiguous(memory_format=torch.channels_last), batch.repeat(3, 1, 1, 1)):
            assert all(torch.equal(one, result[0]) for one in resize(other)), (kernel, width, height, pixels.shape)
    torch.set_num_threads(1)
    difference = float((resize(batch.contiguous()) - result).abs().max()) / (1 if scale == "unit" else 255)
    ONE_THREAD[kernel] = max(ONE_THREAD.get(kernel, 0.0), difference)
    return result[0].numpy().transpose(1, 2, 0)


def normalised(pixels, kernel, width, height, scale):
    if kernel == "pillow-float-bicubic":
        resized = make_resizer("PIL", False, "bicubic", (width, height))(pixels)
        resized = resized / np.float32(255) if scale == "unit" else resized
    else:
        resized = with_torch(pixels, kernel, width, height, scale)
    assert resized.dtype == np.float32
    if scale == "unit":
        return (np.float32(2) * resized - np.float32(1)).transpose(2, 0, 1)
    return (resized - np.float32(128)) / np.float32(128)


def images(folder):
    for name in SOURCES:
        yield {"source": name}, np.asarray(Image.open(folder / "sources" / name).convert("RGB"))
    for width, height in PATTERNS:
        yield {"pattern": [width, height]}, pattern(width, height)


def main(folder):
    cases = []
    for image, pixels in images(folder):
        for width, height in TARGETS:
            for kernel in ("tf1-bilinear", "torch-bilinear", "torch-bilinear-antialias", "pillow-float-bicubic"):
                if kernel == "torch-bilinear" and width + height <= 128:
                    continue
                if kernel == "torch-bilinear-antialias" and (width, height) == (1, 200):
                    continue
                for scale in ("byte", "unit"):
                    array = np.ascontiguousarray(normalised(pixels, kernel, width, height, scale), dtype="<f4")
                    digest = hashlib.sha256(array.tobytes()).hexdigest()
                    case = {"kernel": kernel, "scale": scale, "width": width, "height": height, "sha256": digest}
                    cases.append(image | case)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "torch-fidelity", "clean-fid", "numpy")}
    versions |= {"Pillow": PIL.__version__, "torch CPU capability": torch.backends.cpu.get_cpu_capability()}
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    text = f'{{\n  "versions": {json.dumps(versions)},\n  "one_thread": {json.dumps(ONE_THREAD)},\n  "cases": [\n{lines}\n  ]\n}}\n'
    (folder / "float.json").write_text(text)
    print(f"{len(cases)} cases; {versions}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
