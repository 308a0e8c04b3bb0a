"""The random streams of `retally-metrics`, written again from the ChaCha, FNV-1a and Lemire papers.

Prints the golden values of the unit test in `metrics/src/random.rs`. Needs the standard library only.
"""

import struct

WORD = 0xFFFFFFFF


def quarter_round(x, a, b, c, d):
    for first, second, third, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[first] = (x[first] + x[second]) & WORD
        x[third] ^= x[first]
        x[third] = (x[third] << bits | x[third] >> (32 - bits)) & WORD


def chacha_block(key, counter, stream, rounds=8):
    state = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key)]
    state += [counter & WORD, counter >> 32, stream & WORD, stream >> 32]
    x = state[:]
    for _ in range(rounds // 2):
        for column in range(4):
            quarter_round(x, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter_round(x, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return [(a + b) & WORD for a, b in zip(x, state)]


def fnv1a_128(data):
    value = 0x6C62272E07BB014262B821756295C58D
    for byte in data:
        value = (value ^ byte) * 0x0000000001000000000000000000013B % 2**128
    return value


def stream(seed, purpose, index):
    key = struct.pack("<Q", seed) + fnv1a_128(purpose).to_bytes(16, "little") + struct.pack("<Q", len(purpose))
    counter = 0
    while True:
        words = chacha_block(key, counter, index)
        yield from (low | high << 32 for low, high in zip(words[::2], words[1::2]))
        counter += 1


def below(bits, n):
    while True:
        product = next(bits) * n
        if product % 2**64 >= 2**64 % n:
            return product >> 64


if __name__ == "__main__":
    bits = stream(0, b"bootstrap", 0)
    print("bits", [next(bits) for _ in range(3)])
    print("below 27", [below(bits, 27) for _ in range(8)])
