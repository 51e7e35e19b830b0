#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_lora_digests - what llama.cpp's own converter makes of the demo's adapters, as digests for tests/model/test_lora.c.

    python make_lora_digests.py LLAMA_SOURCE CHECKPOINTS > lora_digests.json

Needs Python with torch, transformers, safetensors, sentencepiece and LLAMA_SOURCE/gguf-py (llama.cpp v0.5.0).  Runs
LLAMA_SOURCE/convert_lora_to_gguf.py --outtype f16 on each CHECKPOINTS/checkpoint-*, then digests its tensors in the order of
their names: SHA-256 over name, newline, type, newline, "ne0,ne1", newline, data.
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf

CONFIG = {  # SmolLM2-135M-Instruct
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152,
    "max_position_embeddings": 8192, "rms_norm_eps": 1e-05, "rope_theta": 100000.0, "tie_word_embeddings": True,
}


def digest(path):
    reader, sha = gguf.GGUFReader(path), hashlib.sha256()
    for t in sorted(reader.tensors, key=lambda t: t.name):
        sha.update(f"{t.name}\n{t.tensor_type.name}\n{','.join(str(n) for n in t.shape)}\n".encode())
        sha.update(t.data.tobytes())
    alpha = float(reader.fields["adapter.lora.alpha"].parts[-1][0])
    return {"tensors": len(reader.tensors), "alpha": alpha, "sha256": sha.hexdigest()}


def main(source, checkpoints):
    result = {}
    with tempfile.TemporaryDirectory() as tmp:
        base = pathlib.Path(tmp) / "base"
        base.mkdir()
        (base / "config.json").write_text(json.dumps(CONFIG))
        for folder in sorted(pathlib.Path(checkpoints).glob("checkpoint-*")):
            out = pathlib.Path(tmp) / f"{folder.name}.gguf"
            subprocess.run([sys.executable, f"{source}/convert_lora_to_gguf.py", "--base", base, "--outtype", "f16",
                            "--outfile", out, folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            result[folder.name] = digest(out)
    print(json.dumps(result, indent="\t"))


if __name__ == "__main__":
    main(*sys.argv[1:])
