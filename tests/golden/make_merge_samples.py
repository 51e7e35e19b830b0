#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_merge_samples - what the demo's epochs merged into their base are, for tests/worker/test_merge.c.

    python make_merge_samples.py BASE.gguf CHECKPOINTS > merge_samples.json

Needs numpy, safetensors and gguf (llama.cpp's package, for its dequantization).  Computes PEFT's merge, W + alpha / r * B A, in
double precision from the adapter's own files, in the row order of the GGUF (the query and key matrices of a llama are
reordered within their heads, as llama.cpp's converter does).  For every changed tensor: the values at SAMPLES places
(element k * 7919 + 13 modulo their number) and the largest change.
"""
import json
import pathlib
import sys

import gguf
import numpy as np
import safetensors.numpy

SAMPLES = 6
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def reorder(rows, heads):
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def main(base, checkpoints):
    reader = gguf.GGUFReader(base)
    number = lambda key: int(reader.fields[f"llama.attention.{key}"].parts[-1][0])
    heads = {"attn_q": number("head_count"), "attn_k": number("head_count_kv")}
    weights = {t.name: t for t in reader.tensors}
    result = {}
    for folder in sorted(pathlib.Path(checkpoints).glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1])):
        config = json.loads((folder / "adapter_config.json").read_text())
        adapter = safetensors.numpy.load_file(folder / "adapter_model.safetensors")
        epoch = {}
        for name, a in adapter.items():
            if not name.endswith(".lora_A.weight"):
                continue
            module = name.removeprefix("base_model.model.model.layers.").removesuffix(".lora_A.weight")
            layer, module = module.split(".", 1)
            tensor = f"blk.{layer}.{NAMES[module]}.weight"
            b = adapter[name.replace("lora_A", "lora_B")].astype(np.float64)
            change = config["lora_alpha"] / config["r"] * (b @ a.astype(np.float64))
            if NAMES[module] in heads:
                change = reorder(change, heads[NAMES[module]])
            t = weights[tensor]
            merged = (gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64) + change).ravel()
            places = [(k * 7919 + 13) % merged.size for k in range(SAMPLES)]
            epoch[tensor] = {"values": [round(float(merged[p]), 9) for p in places], "change": round(float(np.abs(change).max()), 9)}
        result[folder.name] = epoch
    print(json.dumps(result, separators=(",", ":"), sort_keys=True).replace('},"', '},\n"'))


if __name__ == "__main__":
    main(*sys.argv[1:])
