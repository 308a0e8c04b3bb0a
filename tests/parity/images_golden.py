"""Golden files for `harness/src/images`: what Pillow and NumPy make of small images.

    python3 tests/parity/images_golden.py tests/golden/images

Needs Pillow and NumPy (the versions used are written into golden.json). Everything is seeded; a second run with the
same versions writes the same files. It writes

    sources/          small PNG and JPEG files of every kind that has its own path through a decoder
    golden.json       for every (source, operation) the size and the SHA-256 of the expected raw bytes
    expected/*.npy    a few expected arrays in full, to look at when a digest differs

Operations, all starting from `Image.open(source)`:

    rgb               convert("RGB")
    alpha             convert("RGBA"), channel A; only sources with transparency
    stretch           convert("RGB").resize((w, h), filter)
    grey-stretch      convert("L").resize((w, h), filter); only sources of mode L
    shorter-side-crop torchvision's Resize(int) and CenterCrop(int) on a PIL image (functional.py, torchvision 0.20)
    adm-crop          center_crop_arr of openai/guided-diffusion, image_datasets.py
    canvas            Image.new("RGB", background), paste(image, (margin, margin), alpha); alpha_composite must agree
    pipeline          canvas, then stretch
    normalise         stretch, then (p / 255 - mean) / std or (p - offset) / divisor in float32, NCHW or NHWC
"""

import hashlib
import io
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
import PIL
from PIL import Image, features

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
RANDOM = np.random.default_rng(20261123)


# --- pictures ---------------------------------------------------------------------------------------------------------


def noise(height, width, channels):
    """Independent uniform values: the hardest case for rounding."""
    return RANDOM.integers(0, 256, (height, width, channels), dtype=np.uint8)


def scene(height, width):
    """Gradients with sharp coloured edges: overshoot for the filters, chroma edges for the JPEG decoder."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 7 + y * 13) % 256], axis=2)
    picture[(x - width // 2) ** 2 + (y - height // 2) ** 2 < (min(height, width) // 3) ** 2] = (255, 32, 0)
    picture[:, ::5] = (0, 90, 255)
    return picture.astype(np.uint8)


# --- PNG files of kinds that Pillow does not write --------------------------------------------------------------------


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(samples, depth):
    """Samples [rows, samples in a row] to filterless PNG rows."""
    rows = []
    for row in samples:
        if depth == 16:
            rows.append(b"\0" + np.asarray(row, ">u2").tobytes())
        elif depth == 8:
            rows.append(b"\0" + np.asarray(row, np.uint8).tobytes())
        else:
            bits = "".join(format(int(value), f"0{depth}b") for value in row)
            bits += "0" * (-len(bits) % 8)
            rows.append(b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)))
    return b"".join(rows)


def png(samples, depth, colour, extra=b"", interlaced=False):
    """Samples [height, width, channels] to a PNG file."""
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [samples[top::down, left::right] for top, left, down, right in passes]
        data = b"".join(pack(part.reshape(len(part), -1), depth) for part in parts if part.size)
    else:
        data = pack(samples.reshape(height, -1), depth)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(data, 9))
        + chunk(b"IEND", b"")
    )


def palette(colours):
    return chunk(b"PLTE", RANDOM.integers(0, 256, 3 * colours, dtype=np.uint8).tobytes())


def png_sources():
    def samples(height, width, channels, depth):
        return RANDOM.integers(0, 1 << depth, (height, width, channels))

    for height, width in [(1, 1), (1, 7), (9, 1), (2, 2), (3, 2), (13, 31), (33, 17), (48, 64)]:
        yield f"rgb-{width}x{height}.png", encode(noise(height, width, 3), "PNG")
    yield "scene-61x47.png", encode(scene(47, 61), "PNG")
    yield "grey-8bit-29x23.png", encode(noise(23, 29, 1)[:, :, 0], "PNG")
    yield "grey-8bit-1x40.png", encode(noise(40, 1, 1)[:, :, 0], "PNG")
    yield "grey-8bit-50x41.png", encode(scene(41, 50)[:, :, 2], "PNG")
    for depth in [1, 2, 4, 16]:
        yield f"grey-{depth}bit-21x19.png", png(samples(19, 21, 1, depth), depth, 0)
    yield "grey-16bit-dark-9x8.png", png(samples(8, 9, 1, 8), 16, 0)
    yield "grey-8bit-key-16x9.png", png(samples(9, 16, 1, 8) // 32, 8, 0, chunk(b"tRNS", struct.pack(">H", 3)))
    yield "grey-1bit-key-16x9.png", png(samples(9, 16, 1, 1), 1, 0, chunk(b"tRNS", struct.pack(">H", 1)))
    for depth in [1, 2, 4, 8]:
        yield f"palette-{depth}bit-21x18.png", png(samples(18, 21, 1, depth), depth, 3, palette(1 << depth))
    yield "palette-short-12x10.png", png(samples(10, 12, 1, 4), 4, 3, palette(5))
    alphas = RANDOM.integers(0, 256, 256, dtype=np.uint8).tobytes()
    yield "palette-alpha-23x20.png", png(samples(20, 23, 1, 8), 8, 3, palette(256) + chunk(b"tRNS", alphas))
    yield "palette-alpha-short-23x20.png", png(samples(20, 23, 1, 4), 4, 3, palette(16) + chunk(b"tRNS", alphas[:5]))
    yield "rgb-16bit-17x15.png", png(samples(15, 17, 3, 16), 16, 2)
    key = chunk(b"tRNS", struct.pack(">3H", 1, 0, 1))
    yield "rgb-key-14x14.png", png(samples(14, 14, 3, 1), 8, 2, key)
    yield "rgba-8bit-40x30.png", encode(noise(30, 40, 4), "PNG")
    yield "rgba-16bit-12x11.png", png(samples(11, 12, 4, 16), 16, 6)
    yield "grey-alpha-8bit-30x26.png", encode(noise(26, 30, 2), "PNG")
    yield "grey-alpha-16bit-12x11.png", png(samples(11, 12, 2, 16), 16, 4)
    yield "rgb-interlaced-19x21.png", png(samples(21, 19, 3, 8), 8, 2, interlaced=True)
    yield "rgba-interlaced-3x2.png", png(samples(2, 3, 4, 8), 8, 6, interlaced=True)
    yield "grey-2bit-interlaced-11x10.png", png(samples(10, 11, 1, 2), 2, 0, interlaced=True)
    gamma = chunk(b"gAMA", struct.pack(">I", 22727)) + chunk(b"sRGB", b"\0")
    yield "rgb-gamma-8x8.png", png(samples(8, 8, 3, 8), 8, 2, gamma)
    yield "rgb-orientation-20x10.png", encode(scene(10, 20), "PNG", exif=orientation(6))


# --- JPEG files -------------------------------------------------------------------------------------------------------


def encode(array, kind, mode=None, **options):
    image = Image.fromarray(array) if mode is None else Image.frombytes(mode, array.shape[1::-1], array.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def adobe_segment(data):
    """(start, end) of the APP14 segment."""
    start = data.index(b"\xff\xee\x00\x0eAdobe")
    return start, start + 16


def with_adobe_transform(data, transform):
    _, end = adobe_segment(data)
    return data[: end - 1] + bytes([transform]) + data[end:]


def without_adobe(data):
    start, end = adobe_segment(data)
    return data[:start] + data[end:]


def jpeg_sources():
    sampling = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}
    for name, value in sampling.items():
        for progressive in (False, True):
            kind = "progressive" if progressive else "baseline"
            yield f"{name}-{kind}-67x45.jpg", encode(
                scene(45, 67), "JPEG", quality=85, subsampling=value, progressive=progressive
            )
        yield f"{name}-noise-33x31.jpg", encode(noise(31, 33, 3), "JPEG", quality=60, subsampling=value)
    yield "420-quality30-50x50.jpg", encode(scene(50, 50), "JPEG", quality=30)
    yield "420-optimised-restart-64x40.jpg", encode(
        scene(40, 64), "JPEG", quality=95, subsampling="4:2:0", optimize=True, restart_marker_blocks=2
    )
    for height, width in [(1, 1), (1, 19), (17, 1), (8, 8), (16, 17)]:
        yield f"420-{width}x{height}.jpg", encode(scene(height, width), "JPEG", quality=75, subsampling="4:2:0")
    yield "grey-39x28.jpg", encode(scene(28, 39)[:, :, 2], "JPEG", quality=80)
    yield "grey-progressive-39x28.jpg", encode(scene(28, 39)[:, :, 2], "JPEG", quality=80, progressive=True)
    for value in (3, 6, 8):
        yield f"420-orientation{value}-40x24.jpg", encode(scene(24, 40), "JPEG", quality=90, exif=orientation(value))
    yield "rgb-stored-30x20.jpg", encode(scene(20, 30), "JPEG", quality=90, keep_rgb=True)
    inks = np.concatenate([scene(24, 34), noise(24, 34, 1)], axis=2)
    cmyk = encode(inks, "JPEG", "CMYK", quality=90)
    yield "cmyk-34x24.jpg", cmyk
    yield "cmyk-noise-18x15.jpg", encode(noise(15, 18, 4), "JPEG", "CMYK", quality=95)
    yield "cmyk-progressive-34x24.jpg", encode(inks, "JPEG", "CMYK", quality=90, progressive=True)
    yield "cmyk-without-adobe-34x24.jpg", without_adobe(cmyk)
    yield "ycck-34x24.jpg", with_adobe_transform(cmyk, 2)
    yield "ycck-noise-18x15.jpg", with_adobe_transform(encode(noise(15, 18, 4), "JPEG", "CMYK", quality=70), 2)


# --- operations -------------------------------------------------------------------------------------------------------


def shorter_side_crop(image, side, crop, resample):
    width, height = image.size
    short, long = (width, height) if width <= height else (height, width)
    resized_short, resized_long = side, int(side * long / short)
    size = (resized_short, resized_long) if width <= height else (resized_long, resized_short)
    image = image.resize(size, resample)
    width, height = image.size
    top = int(round((height - crop) / 2.0))
    left = int(round((width - crop) / 2.0))
    return image.crop((left, top, left + crop, top + crop))


def adm_crop(image, size):
    while min(*image.size) >= 2 * size:
        image = image.resize(tuple(x // 2 for x in image.size), resample=Image.BOX)
    scale = size / min(*image.size)
    image = image.resize(tuple(round(x * scale) for x in image.size), resample=Image.BICUBIC)
    array = np.array(image)
    y = (array.shape[0] - size) // 2
    x = (array.shape[1] - size) // 2
    return array[y : y + size, x : x + size]


def canvas(image, background, margin):
    layer = image.convert("RGBA")
    size = (image.width + 2 * margin, image.height + 2 * margin)
    result = Image.new("RGB", size, tuple(background))
    result.paste(layer.convert("RGB"), (margin, margin), layer.getchannel("A"))
    composite = Image.new("RGBA", size, (*background, 255))
    composite.alpha_composite(layer, (margin, margin))
    assert composite.convert("RGB").tobytes() == result.tobytes(), "paste and alpha_composite differ"
    return result


def normalise(pixels, operation):
    values = np.asarray(pixels).astype(np.float32)
    if "mean" in operation:
        values = (values / np.float32(255) - np.float32(operation["mean"])) / np.float32(operation["std"])
    else:
        values = (values - np.float32(operation["offset"])) / np.float32(operation["divisor"])
    assert values.dtype == np.float32
    return values.transpose(2, 0, 1) if operation["layout"] == "nchw" else values


def run(image, operation):
    name = operation["name"]
    resample = FILTERS.get(operation.get("filter"))
    size = (operation.get("width"), operation.get("height"))
    if name == "rgb":
        return np.asarray(image.convert("RGB"))
    if name == "alpha":
        return np.asarray(image.convert("RGBA").getchannel("A"))
    if name == "stretch":
        return np.asarray(image.convert("RGB").resize(size, resample))
    if name == "grey-stretch":
        return np.asarray(image.convert("L").resize(size, resample))
    if name == "shorter-side-crop":
        return np.asarray(
            shorter_side_crop(image.convert("RGB"), operation["shorter_side"], operation["crop"], resample)
        )
    if name == "adm-crop":
        return adm_crop(image.convert("RGB"), operation["size"])
    if name == "canvas":
        return np.asarray(canvas(image, operation["background"], operation["margin"]))
    if name == "pipeline":
        return np.asarray(canvas(image, operation["background"], operation["margin"]).resize(size, resample))
    if name == "normalise":
        return normalise(image.convert("RGB").resize(size, resample), operation)
    raise ValueError(name)


def operations(image):
    """Every operation that is tested on an image."""
    yield {"name": "rgb"}
    if image.has_transparency_data:
        yield {"name": "alpha"}
        for background, margin in [((255, 255, 255), 0), ((128, 7, 200), 3)]:
            yield {"name": "canvas", "background": background, "margin": margin}
        yield {"name": "pipeline", "background": (0, 0, 0), "margin": 2, "width": 24, "height": 24, "filter": "bicubic"}
    width, height = image.size
    sizes = [(width * 2 + 1, height * 3), ((width + 2) // 3, (height + 1) // 2), (1, 1), (width, 11), (13, height)]
    # Pillow 13 begins with the columns if these shrink by more than twice as many pixels: both sides of that edge.
    shorter = max(height // 3, 1)
    edge = width - (height - shorter) // 2
    sizes += [(max(edge + offset, 1), shorter) for offset in (-1, 0, 1)]
    for name in FILTERS:
        for to_width, to_height in sizes:
            yield {"name": "stretch", "width": to_width, "height": to_height, "filter": name}
            if image.mode == "L":
                yield {"name": "grey-stretch", "width": to_width, "height": to_height, "filter": name}
        yield {"name": "shorter-side-crop", "shorter_side": 18, "crop": 15, "filter": name}
    for size in (4, 7, 32):
        yield {"name": "adm-crop", "size": size}
    resize = {"width": 9, "height": 7, "filter": "bilinear"}
    mean, std = IMAGENET
    yield {"name": "normalise", **resize, "mean": mean, "std": std, "layout": "nchw"}
    yield {"name": "normalise", **resize, "offset": 127.5, "divisor": 127.5, "layout": "nhwc"}


def main(folder):
    sources = folder / "sources"
    expected = folder / "expected"
    sources.mkdir(parents=True, exist_ok=True)
    expected.mkdir(exist_ok=True)
    cases = []
    for name, data in [*png_sources(), *jpeg_sources()]:
        (sources / name).write_bytes(data)
        image = Image.open(io.BytesIO(data))
        for operation in operations(image):
            array = np.ascontiguousarray(run(image, operation))
            digest = hashlib.sha256(array.tobytes()).hexdigest()
            cases.append({"source": name, "operation": operation, "shape": list(array.shape), "sha256": digest})
    versions = {
        "Pillow": PIL.__version__,
        "libjpeg-turbo": features.version("libjpeg_turbo"),
        "zlib-ng": features.version("zlib_ng"),
        "NumPy": np.__version__,
        "Python": sys.version.split()[0],
    }
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    text = f'{{\n  "versions": {json.dumps(versions)},\n  "cases": [\n{lines}\n  ]\n}}\n'
    (folder / "golden.json").write_text(text)
    for source, operation in [
        ("rgb-64x48.png", {"name": "stretch", "width": 22, "height": 24, "filter": "lanczos"}),
        ("420-baseline-67x45.jpg", {"name": "rgb"}),
        ("ycck-34x24.jpg", {"name": "rgb"}),
        ("palette-alpha-23x20.png", {"name": "canvas", "background": (128, 7, 200), "margin": 3}),
    ]:
        array = run(Image.open(sources / source), operation)
        np.save(expected / f"{pathlib.Path(source).stem}--{operation['name']}.npy", array)
    print(f"{len(cases)} cases from {len(list(sources.iterdir()))} sources; {versions}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
