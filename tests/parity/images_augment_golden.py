"""Golden files for `harness/src/images/augment`: what torchvision makes of Pillow images.

    python3 tests/parity/images_augment_golden.py tests/golden/images_augment

Needs torch, torchvision, Pillow and NumPy (the versions used are written into golden.json). Everything is seeded; a second
run with the same versions writes the same files. It writes

    sources/          small PNG files: noise, gradients, and smooth scenes with edges and grain, of many sizes
    golden.json       for every (source, operation) the size and the SHA-256 of the expected raw RGB bytes; the same for the
                      image of all 16,777,216 colours; crops of RandomResizedCrop with the numbers it drew

Operations; F is torchvision.transforms.functional on a PIL image of mode RGB:

    brightness, contrast, saturation   F.adjust_…(image, factor)
    hue                                F.adjust_hue(image, turns)
    grayscale                          F.rgb_to_grayscale(image, 3)
    solarize                           F.solarize(image, threshold)
    flip                               F.hflip(image)
    blur                               image.filter(ImageFilter.GaussianBlur(radius)), as in MoCo v2 and BYOL
    resized-crop                       F.resized_crop(image, top, left, height, width, [to_height, to_width], filter)
    photometric                        the four adjustments in the order given, then grayscale, blur, solarize where given
    hsv                                image.convert("HSV"), three bytes a pixel
    from-hsv                           the bytes taken as mode HSV, convert("RGB")

In the image of all colours, pixel i of 4096 x 4096 has the bytes (i // 65536, i // 256 % 256, i % 256).
"""

import hashlib
import io
import json
import pathlib
import sys
from unittest import mock

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, ImageFilter
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as F

RANDOM = np.random.default_rng(20261127)
FILTERS = {
    "box": F.InterpolationMode.BOX,
    "bilinear": F.InterpolationMode.BILINEAR,
    "bicubic": F.InterpolationMode.BICUBIC,
    "lanczos": F.InterpolationMode.LANCZOS,
}
ADJUSTMENTS = {
    "brightness": F.adjust_brightness,
    "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation,
    "hue": F.adjust_hue,
}
FACTORS = [0.0, 0.2, 0.5, 0.6, 0.9999, 1.0, 1.0001, 1.2, 1.4, 1.7, 2.0, 3.5, 10.0, 1e3, 1e9]
TURNS = [-0.5, -0.4999, -0.25, -0.1, -0.004, -0.0039, -0.001, 0.0, 0.001, 0.0039, 0.004, 0.05, 0.1, 1 / 3, 0.4999, 0.5]
RADII = [0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.37, 2.0, 3.3, 5.0, 10.0, 40.0]
THRESHOLDS = [0, 1, 100, 127, 128, 129, 254, 255]


# --- pictures ---------------------------------------------------------------------------------------------------------


def noise(height, width):
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


def gradient(height, width):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y) * 3 % 256], axis=2).astype(
        np.uint8
    )


def scene(height, width):
    """Smooth colours, a hard edge and some grain, as a photograph has them."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(5 * x + phase) * np.cos(4 * y - phase) for phase in (0.3, 1.1, 2.0)]
    picture = 128 + 90 * np.stack(waves, axis=2)
    picture[(x - 0.4) ** 2 + (y - 0.5) ** 2 < 0.06] *= (0.4, 0.9, 1.3)
    picture += RANDOM.normal(0, 6, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def sources():
    for height, width in [(1, 1), (1, 7), (9, 1), (2, 2), (3, 2), (5, 5), (13, 31), (33, 17)]:
        yield f"noise-{width}x{height}.png", noise(height, width)
    for height, width in [(1, 1), (1, 256), (64, 48), (37, 61)]:
        yield f"gradient-{width}x{height}.png", gradient(height, width)
    for height, width in [(64, 64), (45, 80), (127, 3)]:
        yield f"scene-{width}x{height}.png", scene(height, width)
    yield "grey-6x5.png", np.repeat(RANDOM.integers(0, 256, (5, 6, 1), dtype=np.uint8), 3, axis=2)
    yield "white-4x4.png", np.full((4, 4, 3), 255, dtype=np.uint8)
    yield "black-4x4.png", np.zeros((4, 4, 3), dtype=np.uint8)


def all_colours():
    index = np.arange(1 << 24, dtype=np.uint32).reshape(4096, 4096)
    return np.stack([index >> 16, index >> 8 & 255, index & 255], axis=2).astype(np.uint8)


# --- operations -------------------------------------------------------------------------------------------------------


def photometric(image, operation):
    for name in operation["order"]:
        image = ADJUSTMENTS[name](image, operation[name])
    if operation["grayscale"]:
        image = F.rgb_to_grayscale(image, 3)
    if operation["blur"] is not None:
        image = image.filter(ImageFilter.GaussianBlur(operation["blur"]))
    if operation["solarize"] is not None:
        image = F.solarize(image, operation["solarize"])
    return image


def run(image, operation):
    name = operation["name"]
    if name in ADJUSTMENTS:
        return ADJUSTMENTS[name](image, operation["factor"])
    if name == "grayscale":
        return F.rgb_to_grayscale(image, 3)
    if name == "solarize":
        return F.solarize(image, operation["threshold"])
    if name == "flip":
        return F.hflip(image)
    if name == "blur":
        return image.filter(ImageFilter.GaussianBlur(operation["radius"]))
    if name == "resized-crop":
        box = (operation[key] for key in ("top", "left", "height", "width"))
        return F.resized_crop(image, *box, [operation["to_height"], operation["to_width"]], FILTERS[operation["filter"]])
    if name == "photometric":
        return photometric(image, operation)
    if name == "hsv":
        return image.convert("HSV")
    if name == "from-hsv":
        return Image.frombytes("HSV", image.size, image.tobytes()).convert("RGB")
    raise ValueError(name)


def drawn(low, high):
    return float(RANDOM.uniform(low, high))


def drawn_photometric():
    return {
        "name": "photometric",
        "brightness": drawn(0.6, 1.4),
        "contrast": drawn(0.6, 1.4),
        "saturation": drawn(0.8, 1.2),
        "hue": drawn(-0.1, 0.1),
        "order": [str(name) for name in RANDOM.permutation(list(ADJUSTMENTS))],
        "grayscale": bool(RANDOM.random() < 0.3),
        "blur": drawn(0.1, 2) if RANDOM.random() < 0.5 else None,
        "solarize": int(RANDOM.integers(0, 256)) if RANDOM.random() < 0.3 else None,
    }


def drawn_crop(width, height):
    crop_width, crop_height = int(RANDOM.integers(1, width + 1)), int(RANDOM.integers(1, height + 1))
    return {
        "name": "resized-crop",
        "top": int(RANDOM.integers(0, height - crop_height + 1)),
        "left": int(RANDOM.integers(0, width - crop_width + 1)),
        "width": crop_width,
        "height": crop_height,
        "to_width": int(RANDOM.integers(1, 40)),
        "to_height": int(RANDOM.integers(1, 40)),
        "filter": str(RANDOM.choice(list(FILTERS))),
    }


def operations(width, height):
    for name in ("brightness", "contrast", "saturation"):
        for factor in [*FACTORS, *(drawn(0, 2.5) for _ in range(4))]:
            yield {"name": name, "factor": factor}
    for turns in [*TURNS, *(drawn(-0.5, 0.5) for _ in range(4))]:
        yield {"name": "hue", "factor": turns}
    for radius in [*RADII, *(drawn(0.1, 2) for _ in range(4)), drawn(2, 30)]:
        yield {"name": "blur", "radius": radius}
    for threshold in THRESHOLDS:
        yield {"name": "solarize", "threshold": threshold}
    yield {"name": "grayscale"}
    yield {"name": "flip"}
    for _ in range(8):
        yield drawn_photometric()
        yield drawn_crop(width, height)
    yield {**drawn_crop(width, height), "top": 0, "left": 0, "width": width, "height": height}
    whole = {"top": 0, "left": 0, "width": width, "height": height, "to_width": width, "to_height": height}
    yield {"name": "resized-crop", **whole, "filter": "bicubic"}


def colour_operations():
    yield {"name": "hsv"}
    yield {"name": "from-hsv"}
    yield {"name": "grayscale"}
    for turns in (0.0, 0.1, -1 / 3):
        yield {"name": "hue", "factor": turns}
    for factor in (0.37, 1.83):
        yield {"name": "saturation", "factor": factor}
        yield {"name": "contrast", "factor": factor}
        yield {"name": "brightness", "factor": factor}


# --- random crops -----------------------------------------------------------------------------------------------------


def recorded_crop(width, height, scale, ratio):
    """What RandomResizedCrop.get_params draws in each try, (part of the area, aspect ratio), and its window."""
    drawn_numbers = []
    uniform = torch.Tensor.uniform_

    def record(tensor, low, high):
        result = uniform(tensor, low, high)
        drawn_numbers.append(result.clone())
        return result

    image = Image.new("RGB", (width, height))
    with mock.patch.object(torch.Tensor, "uniform_", record):
        top, left, crop_height, crop_width = RandomResizedCrop.get_params(image, scale, ratio)
    tries = [
        [area.item(), torch.exp(logarithm).item()]
        for area, logarithm in zip(drawn_numbers[::2], drawn_numbers[1::2], strict=True)
    ]
    return {
        "size": [width, height],
        "ratio": ratio,
        "tries": tries,
        "window": [left, top, crop_width, crop_height],
    }


def crops():
    torch.manual_seed(20261127)
    usual = [3 / 4, 4 / 3]
    for size in [(80, 80), (640, 480), (17, 33), (3, 2), (1, 1)]:
        for scale in ([0.08, 1.0], [0.3, 1.0], [0.9, 1.0]):
            for _ in range(3):
                yield recorded_crop(*size, scale, usual)
    # no try fits: the central fallback
    for size in [(80, 80), (100, 10), (10, 100), (11, 100), (100, 75), (75, 100), (31, 4), (5, 23), (2, 1), (1, 9)]:
        for ratio in (usual, [0.5, 2.0], [1.0, 1.0], [1.5, 2.5]):
            yield recorded_crop(*size, [4.0, 4.0], ratio)


def case(image, operation):
    result = run(image, operation)
    return {
        "operation": operation,
        "size": list(result.size),
        "sha256": hashlib.sha256(result.tobytes()).hexdigest(),
    }


def main(folder):
    (folder / "sources").mkdir(parents=True, exist_ok=True)
    cases = []
    for name, pixels in sources():
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "PNG")
        (folder / "sources" / name).write_bytes(data.getvalue())
        image = Image.fromarray(pixels)
        cases += [{"source": name} | case(image, operation) for operation in operations(*image.size)]
    colours = Image.fromarray(all_colours())
    golden = {
        "made_by": "tests/parity/images_augment_golden.py",
        "versions": {
            "pillow": PIL.__version__,
            "torchvision": torchvision.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "cases": cases,
        "all_colours": [case(colours, operation) for operation in colour_operations()],
        "crops": list(crops()),
    }
    lines = json.dumps(golden, indent=None, separators=(", ", ": "))
    (folder / "golden.json").write_text(lines.replace("}, {", "},\n{") + "\n")
    print(f"{len(cases)} cases, {len(golden['all_colours'])} of all colours, {len(golden['crops'])} crops")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
