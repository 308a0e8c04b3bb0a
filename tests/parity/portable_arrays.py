"""Arrays that Python and Rust make alike, so that recorded references need not hold their input.

`metrics/tests/portable/mod.rs` is the other half.
"""

import numpy as np


def uniform(seed, count):
    """Multiples of 2^-24 in [0, 1): the SplitMix64 finaliser (Steele et al. 2014) of seed * 2^40 + index + 1."""
    z = (np.uint64(seed) << np.uint64(40)) + np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / 2**24


def clusters(seed, rows, width, spread, offset):
    """float32 [rows, width]: eight centres that all seeds share, noise of the given width, one offset."""
    centres = uniform(0, 8 * width).reshape(8, width)
    noise = uniform(seed, rows * width).reshape(rows, width)
    return (centres[np.arange(rows) % 8] + spread * noise + offset).astype(np.float32)


def grid(seed, rows, width, levels, step):
    """float32 [rows, width]: multiples of `step`, `levels` different ones."""
    return (np.floor(uniform(seed, rows * width).reshape(rows, width) * levels) * step).astype(np.float32)


def logits(seed, rows, classes, height):
    """float32 [rows, classes], rows in class order: uniform numbers, with `height` added at the row's class."""
    values = 4.0 * uniform(seed, rows * classes).reshape(rows, classes)
    values[np.arange(rows), np.arange(rows) * classes // rows] += height
    return values.astype(np.float32)


def mixture(seed, rows, width, classes, spread):
    """float32 [rows, width] of class row modulo classes: centres that all seeds share, noise of the given width."""
    centres = uniform(0, classes * width).reshape(classes, width)
    noise = uniform(seed, rows * width).reshape(rows, width) - 0.5
    return (centres[np.arange(rows) % classes] + spread * noise).astype(np.float32)
