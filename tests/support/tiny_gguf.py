# SPDX-License-Identifier: Apache-2.0
"""tiny_gguf - writes a model file that every reader accepts and that is too small to answer."""
import os
import struct


def gguf(path):
    """A GGUF with a header that is right and one small tensor: listed as a base model, too small to answer."""
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()
    keys = [("general.architecture", "llama"), ("general.name", "Tiny Test")]
    numbers = [("llama.block_count", 1), ("llama.context_length", 128), ("llama.embedding_length", 32),
               ("llama.feed_forward_length", 32), ("llama.attention.head_count", 4), ("general.file_type", 0)]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(keys) + len(numbers))
    for name, value in keys:
        head += text(name) + struct.pack("<I", 8) + text(value)
    for name, value in numbers:
        head += text(name) + struct.pack("<II", 4, value)
    head += text("token_embd.weight") + struct.pack("<IQQIQ", 2, 32, 8, 0, 0)
    path.write_bytes(head + b"\0" * (-len(head) % 32) + b"\0" * (32 * 8 * 4))
    return path


def huge_gguf(path):
    """A model of more memory than any machine has: its file is a hole."""
    data = bytearray(gguf(path).read_bytes())
    at = data.index(b"token_embd.weight") + len("token_embd.weight") + 4
    rows = 1 << 36
    data[at + 8:at + 16] = rows.to_bytes(8, "little")
    path.write_bytes(data)
    os.truncate(path, len(data) - 32 * 8 * 4 + 32 * 4 * rows)
    return path
