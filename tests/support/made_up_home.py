# SPDX-License-Identifier: Apache-2.0
"""made_up_home - a home folder with models as Hugging Face, LM Studio, Ollama and llama.cpp leave them.

From other languages: made_up_home.py FOLDER."""
import hashlib
import json
import pathlib
import sys

from tiny_gguf import gguf

VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "OLLAMA_MODELS", "LLAMA_CACHE")
LAYER = "application/vnd.ollama.image."


def variables(home):
    """For the environment of a process that shall look there; an empty variable is one that is not set."""
    return {"HOME": str(home), **{name: "" for name in VARIABLES}}


def different(path, number):
    """A model that is not byte for byte another one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    gguf(path)
    data = bytearray(path.read_bytes())
    data[-1] = number
    path.write_bytes(data)
    return path


def blob(store, data):
    digest = hashlib.sha256(data).hexdigest()
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    (store / "blobs" / f"sha256-{digest}").write_bytes(data)
    return "sha256:" + digest


def manifest(store, name, tag, **layers):
    path = store / "manifests" / "registry.ollama.ai" / "library" / name / tag
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schemaVersion": 2, "layers": [{"mediaType": LAYER + kind, "digest": digest}
                                                               for kind, digest in layers.items()]}), "utf-8")


def fill(home):
    """Four models that can be used (one of them has two names), and two things that cannot."""
    home.mkdir(exist_ok=True)
    hub = home / ".cache" / "huggingface" / "hub"
    repository = hub / "models--acme--Tiny-GGUF"
    different(repository / "blobs" / "aa11", 1)
    (repository / "snapshots" / "r1").mkdir(parents=True)
    (repository / "snapshots" / "r1" / "Tiny-Q8_0.gguf").symlink_to("../../blobs/aa11")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("r1")
    awq = hub / "models--acme--Big-AWQ" / "snapshots" / "r1"
    awq.mkdir(parents=True)
    (awq / "config.json").write_text('{"quantization_config": {"quant_method": "awq"}}')
    (awq / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    different(home / ".lmstudio" / "models" / "acme" / "Owl-GGUF" / "Owl-Q4_0.gguf", 2)
    different(home / ".cache" / "llama.cpp" / "acme_Heron-GGUF_heron-f16.gguf", 3)
    store = home / ".ollama" / "models"
    weights = blob(store, different(home / "work.gguf", 4).read_bytes())
    (home / "work.gguf").unlink()
    manifest(store, "wren", "1b", model=weights, system=blob(store, b"Answer in rhymes."))
    manifest(store, "wren", "latest", model=weights)
    manifest(store, "cloudy", "latest")
    return home


if __name__ == "__main__":
    fill(pathlib.Path(sys.argv[1]))
