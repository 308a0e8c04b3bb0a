"""What the views of `harness/src/images/augment` draw, computed again from the random streams of metrics_random.py.

    python3 tests/parity/images_augment_draws.py > tests/golden/images_augment/draws.json

IWM's source recipe (jitter p 0.8, 0.4, 0.4, 0.2, 0.1; blur p 0.2, radius 0.1 to 2; grayscale p 0.2; solarize p 0.1 from 128),
and RandomResizedCrop with area 0.3 to 1, ratio 3/4 to 4/3 and flips of probability 0.5. Needs the standard library only.
"""

import json
import math

from metrics_random import below, stream

STEPS = ["brightness", "contrast", "saturation", "hue"]


def uniform(bits):
    return (next(bits) >> 11) / 2**53


def numbers(seed, purpose, sample, view):
    return stream(seed, purpose.encode(), sample << 32 | view)


def photometric(seed, purpose, sample, view):
    bits = numbers(seed, purpose, sample, view)
    jittered = uniform(bits) < 0.8
    places = [uniform(bits) for _ in STEPS]
    blurred, radius = uniform(bits) < 0.2, 0.1 + (2.0 - 0.1) * uniform(bits)
    grayscale, solarized = uniform(bits) < 0.2, uniform(bits) < 0.1
    order = list(STEPS)
    other = numbers(seed, purpose + " order of jitter", sample, view)
    for last in range(3, 0, -1):
        place = below(other, last + 1)
        order[last], order[place] = order[place], order[last]
    ranges = [(1 - strength, 1 + strength) for strength in (0.4, 0.4, 0.2)]
    factors = [least + (most - least) * place for (least, most), place in zip(ranges, places)]
    values = [*factors, (2 * places[3] - 1) * 0.1] if jittered else [1.0, 1.0, 1.0, 0.0]
    return dict(zip(STEPS, values)) | {
        "order": order if jittered else STEPS,
        "blur": radius if blurred else None,
        "grayscale": grayscale,
        "solarize": 128 if solarized else None,
    }


def view_of(seed, purpose, sample, view, width, height):
    bits = numbers(seed, purpose, sample, view)
    flip = uniform(bits) < 0.5
    low, high = math.log(3 / 4), math.log(4 / 3)
    for _ in range(10):
        area = (0.3 + (1 - 0.3) * uniform(bits)) * (width * height)
        aspect = math.exp(low + (high - low) * uniform(bits))
        crop_width, crop_height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < crop_width <= width and 0 < crop_height <= height:
            top, left = below(bits, height - crop_height + 1), below(bits, width - crop_width + 1)
            return {"flip": flip, "window": [left, top, crop_width, crop_height]}
    raise ValueError("no try fits; choose another size")


if __name__ == "__main__":
    names = [(seed, "golden", sample, view) for seed in (0, 2**63 + 5) for sample in (0, 1, 2**32 - 1) for view in range(8)]
    cases = [
        {"seed": seed, "purpose": purpose, "sample": sample, "view": view}
        | {"photometric": photometric(seed, purpose, sample, view)}
        | view_of(seed, purpose, sample, view, 320, 240)
        for seed, purpose, sample, view in names
    ]
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
