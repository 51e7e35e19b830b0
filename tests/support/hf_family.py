# SPDX-License-Identifier: Apache-2.0
"""hf_family - the demo's base model and LoRA epochs as a trainer leaves full weights: Hugging Face folders.

The base comes from the GGUF that the tests run on (its weights dequantized, its tokenizer written as tokenizer.json); an epoch is
the base with the adapter added in."""
import json
import struct

import numpy as np

CONTROL, USER_DEFINED = 3, 4  # token types


# --- GGUF ---

class Gguf:
    def __init__(self, path):
        self.bytes = np.memmap(path, dtype=np.uint8, mode="r")
        self.at, self.keys, self.tensors = 8, {}, {}
        n_tensors, n_keys = self.number("<Q"), self.number("<Q")
        for _ in range(n_keys):
            name = self.text()
            self.keys[name] = self.value(self.number("<I"))
        for _ in range(n_tensors):
            name, n_dims = self.text(), self.number("<I")
            shape = [self.number("<Q") for _ in range(n_dims)]
            self.tensors[name] = (shape[::-1], self.number("<I"), self.number("<Q"))
        self.start = (self.at + 31) // 32 * 32

    def number(self, form):
        size = struct.calcsize(form)
        self.at += size
        return struct.unpack(form, self.bytes[self.at - size:self.at].tobytes())[0]

    def text(self):
        size = self.number("<Q")
        self.at += size
        return self.bytes[self.at - size:self.at].tobytes().decode()

    def value(self, kind):
        forms = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
        if kind == 8:
            return self.text()
        if kind == 9:
            of, n = self.number("<I"), self.number("<Q")
            return [self.value(of) for _ in range(n)]
        return self.number(forms[kind])

    def tensor(self, name):
        """As float32, whatever it is stored as (F32, F16, Q4_0, Q4_1, Q8_0)."""
        shape, kind, offset = self.tensors[name]
        n, at = int(np.prod(shape)), self.start + offset
        take = lambda size: self.bytes[at:at + size]
        if kind == 0:
            flat = take(4 * n).view(np.float32)
        elif kind == 1:
            flat = take(2 * n).view(np.float16).astype(np.float32)
        elif kind == 2:
            rows = take(n // 32 * 18).reshape(-1, 18)
            flat = (np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1).astype(np.float32) - 8) * rows[:, :2].copy().view(np.float16).astype(np.float32)
        elif kind == 3:
            rows = take(n // 32 * 20).reshape(-1, 20)
            scale, least = (rows[:, i:i + 2].copy().view(np.float16).astype(np.float32) for i in (0, 2))
            flat = np.concatenate([rows[:, 4:] & 15, rows[:, 4:] >> 4], axis=1) * scale + least
        elif kind == 8:
            rows = take(n // 32 * 34).reshape(-1, 34)
            flat = rows[:, 2:].copy().view(np.int8) * rows[:, :2].copy().view(np.float16).astype(np.float32)
        else:
            raise ValueError(f"{name} is stored as type {kind}")
        return np.asarray(flat, dtype=np.float32).reshape(shape)


# --- safetensors ---

def write_safetensors(path, tensors):
    header, data, at = {}, [], 0
    for name, values in tensors.items():
        raw = values.astype(np.float16).tobytes()
        header[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for raw in data:
            file.write(raw)


def read_safetensors(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    types = {"F32": np.float32, "F16": np.float16}
    out = {}
    for name, t in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            out[name] = np.frombuffer(raw[8 + size + begin:8 + size + end], types[t["dtype"]]).reshape(t["shape"]).astype(np.float32)
    return out


# --- the model ---

PARTS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}


def halves(values, n_heads):
    """Rows of a head from pairs, as llama.cpp turns them, to halves, as Hugging Face does."""
    rows, columns = values.shape
    return values.reshape(n_heads, rows // n_heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def weights(gguf):
    out = {"model.embed_tokens.weight": gguf.tensor("token_embd.weight"), "model.norm.weight": gguf.tensor("output_norm.weight")}
    heads = {"attn_q": gguf.keys["llama.attention.head_count"], "attn_k": gguf.keys["llama.attention.head_count_kv"]}
    for layer in range(gguf.keys["llama.block_count"]):
        for part, module in PARTS.items():
            values = gguf.tensor(f"blk.{layer}.{part}.weight")
            out[f"model.layers.{layer}.{module}.weight"] = halves(values, heads[part]) if part in heads else values
    return out


def config(gguf, base_name):
    k = lambda name: gguf.keys["llama." + name]
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": k("embedding_length"),
            "intermediate_size": k("feed_forward_length"), "num_hidden_layers": k("block_count"),
            "num_attention_heads": k("attention.head_count"), "num_key_value_heads": k("attention.head_count_kv"),
            "max_position_embeddings": k("context_length"), "rms_norm_eps": round(k("attention.layer_norm_rms_epsilon"), 8),
            "rope_theta": k("rope.freq_base"), "vocab_size": k("vocab_size"), "tie_word_embeddings": True, "torch_dtype": "float16",
            "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "_name_or_path": base_name}


def write_tokenizer(gguf, folder):
    tokens, types = gguf.keys["tokenizer.ggml.tokens"], gguf.keys["tokenizer.ggml.token_type"]
    added = [{"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for i, text in enumerate(tokens) if types[i] in (CONTROL, USER_DEFINED)]
    split = {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": split,
        "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": {text: i for i, text in enumerate(tokens)},
                  "merges": gguf.keys["tokenizer.ggml.merges"]}}, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_prefix_space": False, "bos_token": tokens[1], "eos_token": tokens[2], "unk_token": tokens[0], "pad_token": tokens[2],
        "tokenizer_class": "GPT2Tokenizer", "chat_template": gguf.keys["tokenizer.chat_template"]}), encoding="utf-8")


def merged(base, adapter_folder):
    """The base with the adapter added in: W + (alpha / r) B A."""
    facts = json.loads((adapter_folder / "adapter_config.json").read_text())
    scale, out = facts["lora_alpha"] / facts["r"], dict(base)
    adapter = read_safetensors(adapter_folder / "adapter_model.safetensors")
    for name, a in adapter.items():
        if name.endswith(".lora_A.weight"):
            target = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
            out[target] = out[target] + scale * adapter[name.replace("lora_A", "lora_B")] @ a
    return out


def write_base(gguf_path, folder):
    """The base as a Hugging Face folder; returns its weights."""
    gguf = Gguf(gguf_path)
    folder.mkdir(parents=True)
    base = weights(gguf)
    write_safetensors(folder / "model.safetensors", base)
    (folder / "config.json").write_text(json.dumps(config(gguf, ""), indent=2))
    write_tokenizer(gguf, folder)
    return base


def write_family(gguf_path, checkpoints, run, base_name, base=None):
    """Each of the LoRA `checkpoints` as run/checkpoint-N with full weights and the trainer's own state."""
    gguf = Gguf(gguf_path)
    base = base or weights(gguf)
    for adapter in checkpoints:
        folder = run / adapter.name
        folder.mkdir(parents=True)
        write_safetensors(folder / "model.safetensors", merged(base, adapter))
        (folder / "config.json").write_text(json.dumps(config(gguf, base_name), indent=2))
        (folder / "trainer_state.json").write_bytes((adapter / "trainer_state.json").read_bytes())
        write_tokenizer(gguf, folder)
