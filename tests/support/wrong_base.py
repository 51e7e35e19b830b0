# SPDX-License-Identifier: Apache-2.0
"""A model of the same names and shapes whose weights are others: rows of its matrices change places."""
import random
import struct

BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 14: (256, 210)}
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 8

    def take(self, form):
        value = struct.unpack_from("<" + form, self.data, self.at)[0]
        self.at += struct.calcsize("<" + form)
        return value

    def text(self):
        length = self.take("Q")
        self.at += length
        return bytes(self.data[self.at - length:self.at]).decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, count = self.take("I"), self.take("Q")
            if inner in SIZES:
                self.at += SIZES[inner] * count
            else:
                for _ in range(count):
                    self.value(inner)
            return None
        self.at += SIZES[kind]
        return int.from_bytes(self.data[self.at - SIZES[kind]:self.at], "little")


def tensors(data):
    """(name, start, row bytes, rows) of every matrix."""
    r, alignment, found = Reader(data), 32, []
    n_tensors, n_keys = r.take("Q"), r.take("Q")
    for _ in range(n_keys):
        key, kind = r.text(), r.take("I")
        value = r.value(kind)
        if key == "general.alignment":
            alignment = value
    for _ in range(n_tensors):
        name, dims = r.text(), [r.take("Q") for _ in range(r.take("I"))]
        found.append((name, dims, r.take("I"), r.take("Q")))
    start = (r.at + alignment - 1) // alignment * alignment
    for name, dims, kind, offset in found:
        if len(dims) == 2:
            elements, size = BLOCKS[kind]
            yield name, start + offset, dims[0] // elements * size, dims[1]


def wrong_base(source, target, seed=1, wanted=lambda name: name.startswith("blk.")):
    """Writes `source` with the rows of the wanted matrices shuffled to `target`."""
    data, chance = bytearray(source.read_bytes()), random.Random(seed)
    changed = 0
    for name, start, size, rows in tensors(data):
        if not wanted(name):
            continue
        parts = [bytes(data[start + i * size:start + (i + 1) * size]) for i in range(rows)]
        chance.shuffle(parts)
        data[start:start + size * rows] = b"".join(parts)
        changed += 1
    assert changed, "no matrix was changed"
    target.write_bytes(data)
