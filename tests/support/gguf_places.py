# SPDX-License-Identifier: Apache-2.0
"""gguf_places - where things stand in a GGUF file, for tests that break them."""
import shutil
import struct

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
HEADER = 8 << 20  # more than the header of a test model


class Places:
    """`list`: where the list of tensors begins; `end`: where it ends; `data`: where the weights begin; `tensors`: where each one's
    bytes begin in the file."""

    def __init__(self, data):
        self.bytes, self.tensors, found = data, {}, {}
        _, n_tensors, n_keys = struct.unpack_from("<IQQ", data, 4)
        at = 24
        for _ in range(n_keys):
            at = self._value(self._text(at))
        self.list = at
        for _ in range(n_tensors):
            start, at = at, self._text(at)
            name = data[start + 8:at].decode()
            n_dims = struct.unpack_from("<I", data, at)[0]
            at += 4 + 8 * n_dims + 4
            found[name] = struct.unpack_from("<Q", data, at)[0]
            at += 8
        self.end = at
        self.data = at + -at % 32
        self.tensors = {name: self.data + offset for name, offset in found.items()}

    def _text(self, at):
        return at + 8 + struct.unpack_from("<Q", self.bytes, at)[0]

    def _value(self, at):
        kind, at = struct.unpack_from("<I", self.bytes, at)[0], at + 4
        if kind == 8:
            return self._text(at)
        if kind != 9:
            return at + SIZES[kind]
        kind, n = struct.unpack_from("<IQ", self.bytes, at)
        at += 12
        if kind != 8:
            return at + n * SIZES[kind]
        for _ in range(n):
            at = self._text(at)
        return at


def places(path):
    with open(path, "rb") as model:
        return Places(model.read(HEADER))


def copy_with(model, path, tensor, values):
    """A copy of a model whose tensor begins with other bytes."""
    shutil.copyfile(model, path)
    with open(path, "r+b") as out:
        out.seek(places(model).tensors[tensor])
        out.write(values)
    return path
