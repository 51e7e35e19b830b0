#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_lora_digests - what llama.cpp's own converter makes of the demo's adapters, as digests for tests/model/test_lora.c.

    python make_lora_digests.py LLAMA_SOURCE CHECKPOINTS > lora_digests.json

Also small made-up adapters, whose values follow a formula that the test repeats, for every architecture and type that the demo
does not have.

Needs Python with torch, transformers, safetensors, sentencepiece and LLAMA_SOURCE/gguf-py (llama.cpp v0.5.0).  Runs
LLAMA_SOURCE/convert_lora_to_gguf.py (--outtype f16 for F16 input, else f32), then digests its tensors in the order of
their names: SHA-256 over name, newline, type, newline, "ne0,ne1", newline, data.
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import safetensors.torch
import torch

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


# --- made-up adapters: 2 layers, 64 wide, 4 heads of 16, 2 KV heads, feed-forward 128, 48 words, rank 2 ---

WIDE, FF, KV, WORDS, RANK = 64, 128, 32, 48, 2
PLAIN = {"self_attn.q_proj": (WIDE, WIDE), "self_attn.k_proj": (WIDE, KV), "self_attn.v_proj": (WIDE, KV),
         "self_attn.o_proj": (WIDE, WIDE), "mlp.gate_proj": (WIDE, FF), "mlp.up_proj": (WIDE, FF),
         "mlp.down_proj": (FF, WIDE)}
PHI3 = {"self_attn.qkv_proj": (WIDE, WIDE + 2 * KV), "self_attn.o_proj": (WIDE, WIDE),
        "mlp.gate_up_proj": (WIDE, 2 * FF), "mlp.down_proj": (FF, WIDE)}
MADE = {  # name: architecture, modules, type, whether embedding and output layer are trained too
    "llama-f32": ("LlamaForCausalLM", PLAIN, torch.float32, True),
    "llama-bf16": ("LlamaForCausalLM", PLAIN, torch.bfloat16, False),
    "mistral-f16": ("MistralForCausalLM", PLAIN, torch.float16, False),
    "qwen2-f16": ("Qwen2ForCausalLM", PLAIN, torch.float16, False),
    "qwen3-f32": ("Qwen3ForCausalLM", PLAIN, torch.float32, False),
    "gemma2-bf16": ("Gemma2ForCausalLM", PLAIN, torch.bfloat16, False),
    "gemma3-f32": ("Gemma3ForCausalLM", PLAIN, torch.float32, False),
    "phi3-f16": ("Phi3ForCausalLM", PHI3, torch.float16, False),
}


def values(index, rows, columns, dtype):
    """Value k of tensor `index` is ((k * 7919 + index * 104729) mod 255 - 127) / 128: exact in every type."""
    k = torch.arange(rows * columns, dtype=torch.int64)
    return (((k * 7919 + index * 104729) % 255 - 127).to(torch.float32) / 128).reshape(rows, columns).to(dtype)


def make(folder, modules, dtype, whole):
    names = [(f"model.layers.{layer}.{module}", *modules[module]) for layer in range(2) for module in modules]
    tensors = {}
    for name, n_in, n_out in names + ([("lm_head", WIDE, WORDS)] if whole else []):
        tensors[f"base_model.model.{name}.lora_A.weight"] = values(len(tensors), RANK, n_in, dtype)
        tensors[f"base_model.model.{name}.lora_B.weight"] = values(len(tensors), n_out, RANK, dtype)
    if whole:
        embedding = "base_model.model.model.embed_tokens.lora_embedding_"
        tensors[embedding + "A"] = values(len(tensors), RANK, WORDS, dtype)
        tensors[embedding + "B"] = values(len(tensors), WIDE, RANK, dtype)
    folder.mkdir()
    safetensors.torch.save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": RANK, "lora_alpha": 4}))


def convert(source, base, folder, outtype):
    out = base.parent / f"{folder.name}.gguf"
    subprocess.run([sys.executable, f"{source}/convert_lora_to_gguf.py", "--base", base, "--outtype", outtype, "--outfile",
                    out, folder], check=True, stdout=subprocess.DEVNULL)
    return digest(out)


def main(source, checkpoints):
    result = {}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        base = tmp / "base"
        base.mkdir()
        (base / "config.json").write_text(json.dumps(CONFIG))
        for folder in sorted(pathlib.Path(checkpoints).glob("checkpoint-*")):
            result[folder.name] = convert(source, base, folder, "f16")
        for name, (arch, modules, dtype, whole) in MADE.items():
            small = {"architectures": [arch], "hidden_size": WIDE, "num_hidden_layers": 2, "intermediate_size": FF,
                     "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": WORDS, "head_dim": 16,
                     "model_type": name.split("-")[0], "tie_word_embeddings": False,
                     "rope_scaling": {"original_max_position_embeddings": 8192, "type": "default", "rope_theta": 1e4}}
            (base / "config.json").write_text(json.dumps(CONFIG | small))
            make(tmp / name, modules, dtype, whole)
            result[name] = convert(source, base, tmp / name, "f16" if dtype == torch.float16 else "f32")
    print(json.dumps(result, indent="\t"))


if __name__ == "__main__":
    main(*sys.argv[1:])
