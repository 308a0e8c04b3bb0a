"""The random streams of `retally-metrics` many numbers at a time, and what probes draw from them.

`metrics_random.py` is the plain form of the generator, which this one is checked against when it is run.
"""

import numpy as np

import metrics_random

BLOCK = 8


def bits(seed, purpose, index, count):
    """The first `count` numbers of 64 bits of the stream (seed, purpose, index)."""
    name = purpose.encode()
    key = seed.to_bytes(8, "little") + metrics_random.fnv1a_128(name).to_bytes(16, "little")
    key += len(name).to_bytes(8, "little")
    blocks = -(-count // BLOCK)
    counter = np.arange(blocks, dtype=np.uint64)
    constant = lambda words: [np.full(blocks, word, dtype=np.uint32) for word in words]
    state = constant(np.frombuffer(b"expand 32-byte k", "<u4")) + constant(np.frombuffer(key, "<u4"))
    state += [(counter & np.uint64(0xFFFFFFFF)).astype(np.uint32), (counter >> np.uint64(32)).astype(np.uint32)]
    state += constant([index & 0xFFFFFFFF, index >> 32])
    words = [word.copy() for word in state]
    for _ in range(4):
        for column in range(4):
            quarter(words, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(words, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    words = np.stack([word + start for word, start in zip(words, state)]).astype(np.uint64)
    return (words[::2] | words[1::2] << np.uint64(32)).T.ravel()[:count]


def quarter(words, a, b, c, d):
    for first, second, third, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        words[first] = words[first] + words[second]
        word = words[third] ^ words[first]
        words[third] = word << np.uint32(shift) | word >> np.uint32(32 - shift)


def uniform(seed, purpose, index, count):
    return (bits(seed, purpose, index, count) >> np.uint64(11)).astype(np.float64) / 2**53


class Draws:
    """Whole numbers below a limit, one after the other."""

    def __init__(self, seed, purpose, index, expected):
        self.arguments = (seed, purpose, index)
        # Numbers are refused so seldom that a few more than expected always suffice.
        self.numbers = iter(bits(seed, purpose, index, expected + 64).tolist())

    def below(self, n):
        return metrics_random.below(self.numbers, n)


def shuffled(items, seed, purpose, index):
    """Fisher and Yates from the back."""
    items = list(items)
    draws = Draws(seed, purpose, index, len(items))
    for last in range(len(items) - 1, 0, -1):
        other = draws.below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def normal(seed, index, deviation, count):
    """Initial weights: Box and Muller, two numbers of a pair of uniform ones."""
    pairs = uniform(seed, "probe-weights", index, count + count % 2).reshape(-1, 2)
    radius = deviation * np.sqrt(-2.0 * np.log(1.0 - pairs[:, 0]))
    angle = 2.0 * np.pi * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:count].astype(np.float32)


def symmetric(seed, index, bound, count):
    return (bound * (2.0 * uniform(seed, "probe-weights", index, count) - 1.0)).astype(np.float32)


def order(samples, views, seed, number):
    """(sample, view) of one pass."""
    first = lambda sample: Draws(seed, "probe-view", sample, 1).below(views)
    samples = shuffled(samples, seed, "probe-order", number)
    return [(sample, 0 if views == 1 else (first(sample) + number) % views) for sample in samples]


def held_out(targets, classes, share, seed):
    """Samples to fit on and to hold out."""
    fitted, out = [], []
    for label in range(classes):
        rows = shuffled(np.flatnonzero(targets == label).tolist(), seed, "probe-held-out", label)
        count = max(int(len(rows) * share), 1) if len(rows) > 1 else 0
        out += rows[:count]
        fitted += rows[count:]
    return sorted(fitted), sorted(out)


if __name__ == "__main__":
    plain = metrics_random.stream(3, b"check", 2**40 + 5)
    assert bits(3, "check", 2**40 + 5, 100).tolist() == [next(plain) for _ in range(100)]
    print("the same bits")
