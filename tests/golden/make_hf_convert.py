#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_hf_convert - what llama.cpp's own converter makes of tiny Hugging Face models, for tests/convert/test_hf_convert.c.

    PYTHONPATH=LLAMA_SOURCE/gguf-py python make_hf_convert.py LLAMA_SOURCE > hf_convert.json
    PYTHONPATH=LLAMA_SOURCE/gguf-py python make_hf_convert.py LLAMA_SOURCE whole > hf_convert_whole.json

Needs Python with torch, transformers 4.57.6 (LLAMA_SOURCE/requirements pins it), numpy and LLAMA_SOURCE (llama.cpp v0.5.0).
The values of every tensor follow a formula that the test repeats.  In the first file the tokenizer is left out (the model class's
set_vocab does nothing): weights and hyperparameters only; of each tensor the first 16 digits of the SHA-256 of its data are kept,
for each type.  The second has the SHA-256 of whole F16 files, with the tokenizers of hf_vocab/ (see make_hf_vocab.py, also for
why the pre-tokenizer's name is given).
"""
import hashlib
import json
import logging
import pathlib
import shutil
import sys
import tempfile

import numpy as np

TYPES = ("f32", "f16", "bf16", "q8_0")
# What upstream takes from the folder's name and the model card; assay writes none of these.
NOT_KEPT = ("general.basename", "general.finetune", "general.version", "general.organization")


# --- values ---

def words(index, count):
    """32 well mixed bits for value k of tensor `index`."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + index * 40503 + 12345) & 0xFFFFFFFF
    h ^= h >> 15
    h = h * 2246822519 & 0xFFFFFFFF
    return h ^ h >> 13


def values(index, count, dtype):
    h = words(index, count)
    if dtype == "F32":  # 2^-9 to 2^7
        return ((h & 0x807FFFFF) | (118 + (h >> 23 & 15)) << 23).astype(np.uint32)
    if dtype == "F32wide":  # beyond the range of F16 at both ends, and of BF16 at the upper one
        return ((h & 0x807FFFFF) | (20 + (h >> 23 & 255) * 234 // 255) << 23).astype(np.uint32)
    if dtype == "F16":  # with subnormals
        return ((h & 0x83FF) | (h >> 16 & 15) << 10).astype(np.uint16)
    if dtype == "BF16":
        return ((h & 0x807F) | (118 + (h >> 16 & 15)) << 7).astype(np.uint16)
    raise ValueError(dtype)


# --- models: 2 layers ---

def llama_like(wide=64, ff=96, heads=4, kv=2, head=16, vocab=48, dtype="BF16", tied=False, bias=(), qk_norm=False, gemma=False,
               mlp_bias=False, prefix="model."):
    out = [(f"{prefix}embed_tokens.weight", [vocab, wide])]
    for i in range(2):
        at = f"{prefix}layers.{i}."
        out += [(f"{at}self_attn.q_proj.weight", [heads * head, wide]), (f"{at}self_attn.k_proj.weight", [kv * head, wide]),
                (f"{at}self_attn.v_proj.weight", [kv * head, wide]), (f"{at}self_attn.o_proj.weight", [wide, heads * head]),
                (f"{at}mlp.gate_proj.weight", [ff, wide]), (f"{at}mlp.up_proj.weight", [ff, wide]),
                (f"{at}mlp.down_proj.weight", [wide, ff]), (f"{at}input_layernorm.weight", [wide]),
                (f"{at}post_attention_layernorm.weight", [wide])]
        rows = {"q_proj": heads * head, "k_proj": kv * head, "v_proj": kv * head, "o_proj": wide}
        out += [(f"{at}self_attn.{b}.bias", [rows[b]]) for b in bias]
        if mlp_bias:
            out += [(f"{at}mlp.gate_proj.bias", [ff]), (f"{at}mlp.up_proj.bias", [ff]), (f"{at}mlp.down_proj.bias", [wide])]
        if qk_norm:
            out += [(f"{at}self_attn.q_norm.weight", [head]), (f"{at}self_attn.k_norm.weight", [head])]
        if gemma:
            out += [(f"{at}pre_feedforward_layernorm.weight", [wide]), (f"{at}post_feedforward_layernorm.weight", [wide])]
    out.append((f"{prefix}norm.weight", [wide]))
    if not tied:
        out.append(("lm_head.weight", [vocab, wide]))
    return [[name, dtype, shape] for name, shape in out]


def phi3(dtype, wide=64, ff=96, heads=4, kv=2, vocab=48, tied=False):
    head = wide // heads
    out = [("model.embed_tokens.weight", [vocab, wide])]
    for i in range(2):
        at = f"model.layers.{i}."
        out += [(f"{at}self_attn.qkv_proj.weight", [(heads + 2 * kv) * head, wide]), (f"{at}self_attn.o_proj.weight", [wide, wide]),
                (f"{at}mlp.gate_up_proj.weight", [2 * ff, wide]), (f"{at}mlp.down_proj.weight", [wide, ff]),
                (f"{at}input_layernorm.weight", [wide]), (f"{at}post_attention_layernorm.weight", [wide])]
    out.append(("model.norm.weight", [wide]))
    if not tied:
        out.append(("lm_head.weight", [vocab, wide]))
    return [[name, dtype, shape] for name, shape in out]


def config(arch, model_type, **more):
    return {"architectures": [arch], "model_type": model_type, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 48, "rms_norm_eps": 1e-05,
            "max_position_embeddings": 4096, "tie_word_embeddings": False} | more


def mixed(tensors):
    """Some of the tensors in another type, as mixed precision leaves them."""
    return [[name, "F32" if name.endswith("norm.weight") else dtype, shape] for name, dtype, shape in tensors]


VISION = [["vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "BF16", [8, 8]],
          ["multi_modal_projector.mm_soft_emb_norm.weight", "BF16", [8]]]
INV_FREQ = [[f"model.layers.{i}.self_attn.rotary_emb.inv_freq", "F32", [8]] for i in range(2)]
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
GEMMA3_TEXT = {"model_type": "gemma3_text", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 48,
               "sliding_window": 512, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
LONGROPE = {"type": "longrope", "short_factor": [1.0, 1.05, 1.1, 1.25, 1.3, 1.35, 1.4, 1.45],
            "long_factor": [1.08, 1.11, 1.14, 1.34, 1.59, 2.5, 3.03, 7.0]}

MODELS = {  # name: config.json, tensors, generation_config.json
    "llama3-bf16": (config("LlamaForCausalLM", "llama", rope_theta=500000.0, rope_scaling=LLAMA3, max_position_embeddings=131072,
                           hidden_size=256, intermediate_size=64),
                    llama_like(wide=256, head=64, ff=64), {"temperature": 0.6, "top_p": 0.9, "do_sample": True}),
    "llama2-f16": (config("LlamaForCausalLM", "llama", attention_bias=True, mlp_bias=True, rope_scaling=None),
                   llama_like(dtype="F16", bias=("q_proj", "k_proj", "v_proj", "o_proj"), mlp_bias=True) + INV_FREQ, None),
    "llama-odd-wide": (config("LlamaForCausalLM", "llama", hidden_size=48, intermediate_size=80, rope_theta=10000,
                              rope_parameters={"rope_type": "default", "rope_theta": 20000.5}),
                       llama_like(wide=48, ff=80, head=12, dtype="F32wide"), None),
    "llama-wide": (config("LlamaForCausalLM", "llama", rope_scaling={"type": "linear", "factor": 2.5}),
                   llama_like(dtype="F32wide"), None),
    "smollm2-tied": (config("LlamaForCausalLM", "llama", rope_theta=100000, tie_word_embeddings=True),
                     mixed(llama_like(tied=True)), {"top_k": 40, "repetition_penalty": 1.1}),
    "mistral-f32": (config("MistralForCausalLM", "mistral", head_dim=32, rope_theta=1000000.0, sliding_window=None),
                    llama_like(dtype="F32", head=32), None),
    "mistral-no-head": (config("MistralForCausalLM", "mistral", sliding_window=4096), llama_like(), None),
    "qwen2-yarn": (config("Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True, rope_theta=1000000.0, use_sliding_window=False,
                          rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}),
                   llama_like(tied=True, bias=("q_proj", "k_proj", "v_proj")), {"top_k": 20, "top_p": 0.8, "temperature": 0.7,
                                                                               "repetition_penalty": 1.05}),
    "qwen3-f32": (config("Qwen3ForCausalLM", "qwen3", head_dim=32, rope_theta=1000000, rms_norm_eps=1e-06),
                  llama_like(dtype="F32", head=32, qk_norm=True), None),
    "gemma2-f16": (config("Gemma2ForCausalLM", "gemma2", head_dim=32, tie_word_embeddings=True, sliding_window=4096,
                          attn_logit_softcapping=50.0, final_logit_softcapping=30.0, rms_norm_eps=1e-06),
                   llama_like(dtype="F16", head=32, gemma=True), None),
    "gemma2-bf16": (config("Gemma2ForCausalLM", "gemma2", head_dim=32, tie_word_embeddings=True),
                    llama_like(head=32, gemma=True, tied=True), None),
    "gemma3-bf16": (config("Gemma3ForCausalLM", "gemma3_text", head_dim=32, rope_local_base_freq=10000.0, sliding_window=512,
                           sliding_window_pattern=6, rope_theta=1000000.0, tie_word_embeddings=True),
                    llama_like(head=32, gemma=True, tied=True, qk_norm=True), {"top_k": 64, "top_p": 0.95}),
    "gemma3-vision": ({"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "text_config": GEMMA3_TEXT,
                       "vision_config": {"hidden_size": 8, "num_hidden_layers": 1}},
                      llama_like(head=256, heads=8, kv=4, gemma=True, tied=True, qk_norm=True, prefix="language_model.model.") + VISION,
                      None),
    "phi3-longrope": (config("Phi3ForCausalLM", "phi3", original_max_position_embeddings=4096, max_position_embeddings=131072,
                             rope_scaling=LONGROPE, sliding_window=262144), phi3("BF16"), None),
    "phi4-partial": (config("Phi3ForCausalLM", "phi3", partial_rotary_factor=0.75, tie_word_embeddings=True,
                            original_max_position_embeddings=4096, rope_theta=250000),
                     phi3("F16", tied=True), None),
    "smollm3-bf16": (config("SmolLM3ForCausalLM", "smollm3", rope_theta=5000000.0, tie_word_embeddings=True, no_rope_layer_interval=4),
                     llama_like(tied=True), None),
    "smollm3-llama3": (config("SmolLM3ForCausalLM", "smollm3", rope_theta=2000000.0, tie_word_embeddings=True, head_dim=64,
                              rope_scaling=LLAMA3 | {"factor": 32.0}), llama_like(tied=True, head=64), None),
}
SHARDS = {"llama3-bf16": 3, "gemma3-vision": 2}


# --- a folder ---

NUMPY = {"F32": 4, "F32wide": 4, "F16": 2, "BF16": 2}


def write_safetensors(path, tensors):
    """[index, name, dtype, shape]: the header in this order, then the data."""
    head, data = {}, b""
    for index, name, dtype, shape in tensors:
        part = values(index, int(np.prod(shape)), dtype).tobytes()
        head[name] = {"dtype": dtype.removesuffix("wide"), "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_folder(folder, name):
    settings, tensors, generation = MODELS[name]
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings))
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    tokens = {f"t{i}": i for i in range(48)}  # Gemma 3 counts them
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": tokens}, "added_tokens": []}))
    numbered = [[i, *t] for i, t in enumerate(tensors)]
    shards = SHARDS.get(name, 1)
    if shards == 1:
        write_safetensors(folder / "model.safetensors", numbered)
        return
    size, where = -(-len(numbered) // shards), {}
    for s in range(shards):
        file = f"model-{s + 1:05}-of-{shards:05}.safetensors"
        part = numbered[s * size:(s + 1) * size]
        write_safetensors(folder / file, part)
        where |= {t[1]: file for t in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


# --- upstream ---

def convert(conversion, folder, out, outtype):
    import torch
    from gguf import LlamaFileType
    types = {"f32": LlamaFileType.ALL_F32, "f16": LlamaFileType.MOSTLY_F16, "bf16": LlamaFileType.MOSTLY_BF16,
             "q8_0": LlamaFileType.MOSTLY_Q8_0, "auto": LlamaFileType.GUESSED}
    settings = conversion.ModelBase.load_hparams(folder, False)
    found = conversion.get_model_class(conversion.get_model_architecture(settings, conversion.ModelType.TEXT))
    plain = type(found.__name__, (found,), {"model_arch": found.model_arch, "set_vocab": lambda self: None})
    with torch.inference_mode():
        plain(folder, types[outtype], out).write()


def keys(reader):
    import gguf
    out = []
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in NOT_KEPT:
            continue
        value = field.contents()
        kind = field.types[0]
        if kind == gguf.GGUFValueType.FLOAT32:
            value = int(np.float32(value).view(np.uint32))  # exact
        out.append([field.name, kind.name, value])
    return out


def whole_tensors(settings, full):
    wide, ff, heads, kv, vocab = (full[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads",
                                                        "num_key_value_heads", "vocab_size"))
    arch, tied = settings["architectures"][0], full["tie_word_embeddings"]
    if arch == "Phi3ForCausalLM":
        return phi3("BF16", wide, ff, heads, kv, vocab, tied)
    return llama_like(wide, ff, heads, kv, full.get("head_dim") or wide // heads, vocab, "BF16", tied or arch.startswith("Gemma"),
                      ("q_proj", "k_proj", "v_proj") if "Qwen2" in arch else (), "Qwen3" in arch or "Gemma3" in arch, "Gemma" in arch,
                      prefix="language_model.model." if "Conditional" in arch else "model.")


def whole(source):
    """Whole files.  Folders are renamed so that the converter guesses nothing from "mini"; the order of Qwen3's two chat templates
    is that of a Python set."""
    sys.path.insert(0, source)
    import conversion
    import gguf
    import torch
    logging.disable(logging.CRITICAL)
    from make_hf_vocab import with_merge_scores
    with_merge_scores(gguf)
    root = pathlib.Path(__file__).parent / "hf_vocab"
    known = json.loads((root / "golden.json").read_text())["folders"]
    result = {}
    with tempfile.TemporaryDirectory() as tmp:
        for tokenizer in sorted(p for p in root.iterdir() if p.is_dir() and p.name != "qwen3"):
            folder = pathlib.Path(tmp) / tokenizer.name.replace("-", "")
            shutil.copytree(tokenizer, folder)
            settings = json.loads((folder / "config.json").read_text())
            settings.get("text_config", settings)["num_hidden_layers"] = 2
            (folder / "config.json").write_text(json.dumps(settings))
            full = conversion.ModelBase.load_hparams(folder, False)
            tensors = whole_tensors(settings, full | full.get("text_config", {}))
            write_safetensors(folder / "model.safetensors", [[i, *t] for i, t in enumerate(tensors)])
            pre = [k["value"] for k in known[tokenizer.name]["keys"] if k["key"] == "tokenizer.ggml.pre"]
            conversion.base.TextModel.get_vocab_base_pre = lambda self, t, pre=pre: pre[0]
            found = conversion.get_model_class(conversion.get_model_architecture(full, conversion.ModelType.TEXT))
            out = folder.with_suffix(".gguf")
            with torch.inference_mode():
                found(folder, gguf.LlamaFileType.MOSTLY_F16, out).write()
            result[folder.name] = {"tokenizer": tokenizer.name, "config": settings, "shards": 1, "tensors": tensors,
                                   "size": out.stat().st_size, "sha256": hashlib.sha256(out.read_bytes()).hexdigest()}
    print("{\n" + ",\n".join(f"{json.dumps(name)}: " + json.dumps(item) for name, item in result.items()) + "\n}")


def main(source, what="parts"):
    if what == "whole":
        whole(source)
        return
    sys.path.insert(0, source)
    import conversion
    import gguf
    logging.disable(logging.CRITICAL)
    result = {}
    with tempfile.TemporaryDirectory() as tmp:
        for name, (settings, tensors, generation) in MODELS.items():
            folder = pathlib.Path(tmp) / name
            write_folder(folder, name)
            item = {"config": settings, "generation_config": generation, "shards": SHARDS.get(name, 1), "tensors": tensors}
            made = {}
            for outtype in TYPES + ("auto",):
                out = pathlib.Path(tmp) / f"{name}-{outtype}.gguf"
                convert(conversion, folder, out, outtype)
                reader = gguf.GGUFReader(out)
                found = keys(reader)
                if outtype == "auto":
                    item["auto"] = next(k[2] for k in found if k[0] == "general.file_type")
                    continue
                item.setdefault("keys", [k for k in found if k[0] != "general.file_type"])
                item.setdefault("file_types", {})[outtype] = next(k[2] for k in found if k[0] == "general.file_type")
                for t in reader.tensors:
                    made.setdefault(t.name, {"ne": [int(n) for n in t.shape]})[outtype] = [
                        t.tensor_type.name, hashlib.sha256(t.data.tobytes()).hexdigest()[:16]]
            result[name] = item | {"made": made}
    text = ",\n".join(f"{json.dumps(name)}: " + json.dumps(item) for name, item in result.items())
    print("{\n" + text + "\n}")


if __name__ == "__main__":
    main(*sys.argv[1:])
