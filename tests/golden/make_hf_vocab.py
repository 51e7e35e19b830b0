#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_hf_vocab - tiny tokenizer folders of every family, and what llama.cpp's own converter and Hugging Face make of them.

    PYTHONPATH=LLAMA_SOURCE:LLAMA_SOURCE/gguf-py python make_hf_vocab.py LLAMA_SOURCE hf_vocab

Needs Python with torch, transformers 4.57.6 (LLAMA_SOURCE/requirements pins it), tokenizers 0.22, sentencepiece 0.2 and
LLAMA_SOURCE (llama.cpp v0.5.0).  Writes hf_vocab/NAME/ (the folders) and hf_vocab/golden.json: for each folder the tokenizer.*
keys that the converter writes, in its order, and the ids that transformers (the tokenizers library) gives for the hostile texts.

The vocabularies have a few hundred tokens, trained here on the text below; everything else of a folder (pre-tokenizer,
normalizer, post-processor, decoder, special and added tokens, their flags) is as in the family's own files.  The converter's code
runs as it is but for get_vocab_base_pre(): that one recognizes a BPE by a hash over the token ids of a text, which only fits
the family's own vocabulary; here it returns the name that the family's own vocabulary gets.
"""
import io
import json
import logging
import os
import pathlib
import re
import shutil
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece  # noqa: E402
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

TEXT = """\
The quick brown fox jumps over the lazy dog. Models are validated with questions, answers and scores; it's what they've said.
Large language models read tokens, not letters. We'll train for 3 epochs and compare 1024 answers in 12.5 seconds, don't we?
def main(argv):\n    for i in range(10):\n        print(f"{i}: {argv[i]}")\n    return 0\n
int main(void)\n{\n\tprintf("hello world\\n");\n\treturn 0;\n}\n
繁體中文的模型評估需要可靠的指標，每一題的回答都要比較。今天天氣很好，我們一起去圖書館看書。
日本語のテキストも少しあります。モデルの評価はとても大切です。
한국어 문장도 조금 있습니다. 모델 평가는 중요합니다.
Быстрая коричневая лиса прыгает через ленивую собаку. Модели оцениваются по ответам.
النماذج اللغوية تقرأ الرموز وليس الحروف. هذا نص قصير.
यह एक छोटा सा वाक्य है। मॉडल का मूल्यांकन ज़रूरी है।
El rápido zorro marrón salta sobre el perro perezoso; ¿cómo estás? Größe, Straße, naïve café, Łódź.
🙂 👍 🚀 ✅ ❤️ 👩‍👩‍👧‍👦
"""

CUTS = "33 333 3333 " * 9 + "    " * 9 + "\n\n" * 9 + "\t\t" * 5 + "... !! " * 5 + "'s 'll 'S" * 5 + " é" * 3 + "中文" * 5 + "HTTPServer" * 4 + "/a/b" * 4

TEXTS = [
    "", " ", "  ", "a", "Hello world", " Hello  world ", "hello\nworld\r\n\r\n\tdone\n\n\n", "   leading", "trailing   ",
    "a\t\tb   c    d     e      f", "\n", "\n\n \n  \n\t \t\n", "I'm sure they've said WE'LL, IT'S, don't, I'D",
    "3 33 333 3333 33333 1234567890 3.14 1,000,000 1e-5 0x1F ½ Ⅷ ٣٤", "camelCase HTTPServer snake_case UPPER lower Title ǅ ﬁ",
    "繁體中文的模型評估，每一題的回答。", "日本語のテキスト、モデル。カタカナﾊﾝｶｸ", "한국어 문장 평가", "한국",
    "Быстрая лиса ПРЫГАЕТ", "النماذج اللغوية تقرأ، نص.", "שלום עולם", "यह मॉडल ज़रूरी है।", "ไทยไม่เว้นวรรค",
    "café cafe\u0301 Ångström A\u030angstro\u0308m ẛ̣ q̣̇", "🙂👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇹🇼 ❤️ ☃", "\u200b\u200d\ufeff\u00ad\u2060 \u202eevil\u202c",
    "\u00a0nbsp\u2003em\u3000wide\u2028line\u0085next", "\x01\x02\x1b[31mred\x7f\x80", "def f(x):\n    return x ** 2  # ²\n",
    "for (int i = 0; i < n; i++) { a[i] += b[i]; } // done\n\n\n\treturn;", "https://example.org/a?b=c&d=%20#e", "!!!???...---===~~~```'''\"\"\"",
    "<|im_start|>user\nHi<|im_end|>\n", "<s>[INST] Hi [/INST]</s>", "<start_of_turn>user\nHi<end_of_turn>\n", "text<|endoftext|>more",
    "<think>\nhm\n</think>", "<0x41> \u2581 a\u2581b Ġ Ċ", "\U0001f600\U00010348\U0010ffff\ue000\ufffd", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "mixed中文English日本русский123العربية🙂", "a.b.c/d\\e|f", "\r", "x\ry", "​ ​ ", "''s 's S's 'S \u2019s",
]

CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LOWER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
UPPER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = LOWER + "|" + UPPER + r"|\p{N}" + REST
GPT4O = LOWER + CONTRACTION + "?|" + UPPER + CONTRACTION + r"?|\p{N}{1,3}" + REST


# --- folders ---

def dump(folder, name, value):
    (folder / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


def token(text, special=True, normalized=False, strip=False):
    return AddedToken(text, special=special, normalized=normalized, lstrip=strip, rstrip=strip)


def split(regex, inverted=False):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(regex), "removed" if inverted else "isolated", invert=inverted),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def digits():
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])


def decoder_map(tokens):
    """added_tokens_decoder as save_pretrained() writes it."""
    keep = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    return {str(t["id"]): {k: t[k] for k in keep} for t in tokens}


def train_bpe(pre, added, size=350, normalizer=None, front=(), whole=()):
    """Trained on whole lines: tokens reach over words, numbers and spaces, so that every wrong cut gives other tokens.  `whole` are
    tokens that no merge leads to."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    if normalizer:
        t.normalizer = normalizer
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator([CUTS, *TEXT.splitlines(keepends=True)] * 3, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=list(front)))
    data = json.loads(t.to_str())
    for text in whole:
        data["model"]["vocab"][text] = len(data["model"]["vocab"])
    t = Tokenizer.from_str(json.dumps(data))
    t.pre_tokenizer = pre
    t.add_tokens(added)
    return t


def bpe_folder(root, name, tokenizer, config, tokenizer_config, old_merges=False, ignore_merges=False, post=None, with_decoder=True):
    folder = root / name
    folder.mkdir()
    if post:
        tokenizer.post_processor = post(tokenizer)
    data = json.loads(tokenizer.to_str())
    if ignore_merges:
        data["model"]["ignore_merges"] = True
    if old_merges:
        data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
    dump(folder, "tokenizer.json", data)
    if with_decoder:
        tokenizer_config = {"added_tokens_decoder": decoder_map(data["added_tokens"]), **tokenizer_config}
    dump(folder, "tokenizer_config.json", tokenizer_config)
    dump(folder, "config.json", config)
    return folder


def begin(text):
    def make(t):
        return processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
            single=f"{text}:0 $A:0", pair=f"{text}:0 $A:0 {text}:1 $B:1", special_tokens=[(text, t.token_to_id(text))])])
    return make


SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "head_dim": 16, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5}


def config(architecture, model_type, vocab_size, **more):
    out = {"architectures": [architecture], "model_type": model_type, **SIZES, **more}
    return {**out, "vocab_size": vocab_size} if vocab_size else out


def make_bpe(root):
    """Folder and the name of its pre-tokenizer."""
    pres = {}

    added = [token(x) for x in ("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|finetune_right_pad_id|>",
                                "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>")]
    t = train_bpe(split(LLAMA3), added, whole=("ĠHello", "Server"))
    n = t.get_vocab_size()
    bpe_folder(root, "llama3", t, config("LlamaForCausalLM", "llama", n, bos_token_id=n - 8, eos_token_id=[n - 7, n - 1]), {
        "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "clean_up_tokenization_spaces": True, "model_max_length": 131072,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] }}"
                         "<|eot_id|>{% endfor %}"},
        old_merges=True, ignore_merges=True, post=begin("<|begin_of_text|>"))
    pres["llama3"] = "llama-bpe"

    added = [token(x) for x in ("<|im_start|>", "<|im_end|>")] + [token("<think>", False), token("</think>", False), token("🙂 .", False)]
    t = train_bpe(split(LLAMA3), [token("<|begin_of_text|>"), token("<|end_of_text|>")] + added, whole=("ĠHello", "Server"))
    n = t.get_vocab_size()
    folder = bpe_folder(root, "smollm3", t, config("SmolLM3ForCausalLM", "smollm3", n + 5, bos_token_id=n - 7, eos_token_id=n - 4), {
        "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "clean_up_tokenization_spaces": True, "fast": False,
        "model_max_length": 131072, "tokenizer_class": "PreTrainedTokenizerFast"}, ignore_merges=True,
        post=lambda t: processors.TemplateProcessing(single="$A", pair="$A $B:1", special_tokens=[]))
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}\r\nsecond line\n", newline="")
    pres["smollm3"] = "smaug-bpe"

    front = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>")
    t = train_bpe(digits(), [], front=front)
    bpe_folder(root, "smollm2", t, config("LlamaForCausalLM", "llama", 49152, bos_token_id=1, eos_token_id=2, pad_token_id=2), {
        "add_prefix_space": False, "additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "bos_token": "<|im_start|>",
        "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "unk_token": "<|endoftext|>",
        "tokenizer_class": "GPT2Tokenizer", "vocab_size": 49152,
        "chat_template": "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
                         "{% endfor %}"}, old_merges=True)
    pres["smollm2"] = "smollm"

    qwen = [token(x) for x in ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_pad|>")]
    qwen += [token(x, False) for x in ("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|file_sep|>")]
    t = train_bpe(split(QWEN2), qwen, normalizer=normalizers.NFC())
    n = t.get_vocab_size()
    bpe_folder(root, "qwen2", t, config("Qwen2ForCausalLM", "qwen2", n + 20, bos_token_id=n - 8, eos_token_id=n - 6), {
        "add_bos_token": False, "add_prefix_space": False, "additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<|vision_pad|>"],
        "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None, "errors": "replace",
        "clean_up_tokenization_spaces": False, "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer",
        "chat_template": "{%- for message in messages %}{{- message.content }}{%- endfor %}"},
        old_merges=True, post=lambda t: processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False))
    pres["qwen2"] = "qwen2"

    t = train_bpe(split(QWEN2), qwen + [token("<think>", False), token("</think>", False)], normalizer=normalizers.NFC())
    n = t.get_vocab_size()
    bpe_folder(root, "qwen3", t, config("Qwen3ForCausalLM", "qwen3", n, bos_token_id=n - 10, eos_token_id=n - 8), {
        "add_bos_token": False, "bos_token": None, "eos_token": {"content": "<|im_end|>", "__type": "AddedToken", "special": True},
        "pad_token": "<|endoftext|>", "tokenizer_class": "Qwen2Tokenizer",
        "chat_template": [{"name": "default", "template": "plain"}, {"name": "tool use!", "template": "with tools"},
                          {"name": "rag", "template": "with documents"}, {"name": "", "template": "nameless"}]},
        post=lambda t: processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False))
    pres["qwen3"] = "qwen2"

    wide = [token(x) for x in ("<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜begin▁of▁sentence｜>", "<｜▁pad▁｜>")]
    t = train_bpe(split(QWEN2), wide + [token("<think>", False), token("▁▁note▁", False), token("Ġodd", False), token("naïve", False, True)])
    n = t.get_vocab_size()
    begins = "<｜begin▁of▁sentence｜>"
    bpe_folder(root, "r1-qwen", t, config("Qwen2ForCausalLM", "qwen2", n + 3, bos_token_id=n - 6, eos_token_id=n - 9), {
        "add_bos_token": True, "add_eos_token": False, "bos_token": {"__type": "AddedToken", "content": begins, "lstrip": False,
                                                                    "normalized": True, "rstrip": False, "single_word": False},
        "eos_token": {"__type": "AddedToken", "content": wide[0].content, "lstrip": False, "normalized": True, "rstrip": False,
                      "single_word": False},
        "pad_token": {"__type": "AddedToken", "content": "<｜▁pad▁｜>", "lstrip": False, "normalized": True, "rstrip": False,
                      "single_word": False},
        "clean_up_tokenization_spaces": False, "legacy": True, "model_max_length": 16384, "sp_model_kwargs": {}, "unk_token": None,
        "tokenizer_class": "LlamaTokenizerFast", "chat_template": "{{bos_token}}"}, post=begin(begins), with_decoder=False)
    pres["r1-qwen"] = "deepseek-r1-qwen"

    front = ("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "<pad>", "<SPECIAL_7>")
    t = train_bpe(split(TEKKEN), [], front=front)
    n = t.get_vocab_size()
    folder = bpe_folder(root, "nemo", t, config("MistralForCausalLM", "mistral", n, bos_token_id=1, eos_token_id=2), {
        "add_bos_token": True, "add_eos_token": False, "add_prefix_space": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False, "tokenizer_class": "PreTrainedTokenizerFast"}, post=lambda t: processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]), ignore_merges=True)
    dump(folder, "chat_template.json", {"chat_template": "{{ '<s>[INST]' }}"})
    pres["nemo"] = "tekken"

    phi4 = [token(x, strip=True) for x in ("<|dummy_0|>", "<|endoftext|>", "<|fim_prefix|>", "<|im_start|>", "<|im_end|>", "<|im_sep|>",
                                           "<|dummy_85|>")]
    t = train_bpe(split(LLAMA3, inverted=True), phi4)
    n = t.get_vocab_size()
    bpe_folder(root, "phi4", t, config("Phi3ForCausalLM", "phi3", n, bos_token_id=n - 6, eos_token_id=n - 3, pad_token_id=n - 1,
                                       rope_scaling=None, original_max_position_embeddings=2048), {
        "add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|dummy_85|>",
        "unk_token": "<|endoftext|>", "clean_up_tokenization_spaces": False, "tokenizer_class": "GPT2Tokenizer",
        "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}"},
        post=lambda t: processors.ByteLevel(add_prefix_space=True, trim_offsets=False))
    pres["phi4"] = "dbrx"

    t = train_bpe(split(GPT4O, inverted=True), [token("<|endoftext|>"), token("<|endofprompt|>"), token("<|assistant|>", strip=True),
                                                token("<|end|>", strip=True), token("<|tag|>", False)])
    n = t.get_vocab_size()
    bpe_folder(root, "phi4-mini", t, config("Phi3ForCausalLM", "phi3", n + 11, bos_token_id=n - 5, eos_token_id=n - 5, pad_token_id=n - 5,
                                            original_max_position_embeddings=2048), {
        "add_bos_token": False, "add_eos_token": False, "add_prefix_space": False, "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "tokenizer_class": "GPT2Tokenizer",
        "clean_up_tokenization_spaces": False}, post=lambda t: processors.ByteLevel(add_prefix_space=True, trim_offsets=False))
    pres["phi4-mini"] = "gpt-4o"

    # A folder whose tokenizer_config.json names tokens that tokenizer.json does not have, and whose post-processor adds both ends.
    t = train_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), [token("<|endoftext|>"), token("<pad>", False), token("<unused7>", False, True),
                                                                   token("note", False), token("named", False)])
    t.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A <pad>", pair="<|endoftext|> $A <pad> $B <pad>",
        special_tokens=[("<|endoftext|>", t.token_to_id("<|endoftext|>")), ("<pad>", t.token_to_id("<pad>"))])
    n = t.get_vocab_size()
    bpe_folder(root, "gpt2-like", t, config("LlamaForCausalLM", "llama", n + 9, bos_token_id=n - 3), {
        "bos_token": "<|endoftext|>", "eos_token": "<|stop|>", "mask_token": "!", "sep_token": "named", "tokenizer_class": "PreTrainedTokenizerFast",
        "additional_special_tokens": ["<|extra|>", "note"]})
    pres["gpt2-like"] = "gpt-2"
    return pres


SP_SIZE = 400


def train_sp(folder, size=SP_SIZE, dummy=True, user=(), control=(), unk=0, bos=1, eos=2, pad=-1):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in TEXT.splitlines()[:9] * 3 if line), model_writer=out, model_type="bpe", vocab_size=size,
        byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=dummy, remove_extra_whitespaces=False, split_digits=True,
        allow_whitespace_only_pieces=True, character_coverage=0.98, user_defined_symbols=list(user), control_symbols=list(control),
        unk_id=unk, bos_id=bos, eos_id=eos, pad_id=pad, minloglevel=2, num_threads=1)
    (folder / "tokenizer.model").write_bytes(out.getvalue())


def fast(folder, cls, **kwargs):
    """tokenizer.json as transformers converts tokenizer.model."""
    t = cls(vocab_file=str(folder / "tokenizer.model"), **kwargs)
    data = json.loads(t.backend_tokenizer.to_str())
    dump(folder, "tokenizer.json", data)
    return data


def make_sp(root):
    from transformers import GemmaTokenizerFast, LlamaTokenizerFast

    folder = root / "llama2"
    folder.mkdir()
    train_sp(folder)
    data = fast(folder, LlamaTokenizerFast, add_prefix_space=True)
    n = SP_SIZE
    dump(folder, "added_tokens.json", {"<pad>": n, "beyond the end": n + 999})
    def named(text):
        return {"__type": "AddedToken", "content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    dump(folder, "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "bos_token": named("<s>"), "eos_token": named("</s>"), "unk_token": named("<unk>"),
        "clean_up_tokenization_spaces": False, "legacy": False, "model_max_length": 4096, "pad_token": None, "tokenizer_class": "LlamaTokenizer",
        "chat_template": "{% for message in messages %}[INST] {{ message['content'] }} [/INST]{% endfor %}"})
    dump(folder, "config.json", config("LlamaForCausalLM", "llama", n + 12, bos_token_id=1, eos_token_id=2, pad_token_id=n))

    folder = root / "mistral"
    folder.mkdir()
    train_sp(folder, control=("[INST]", "[/INST]", "[TOOL_CALLS]"))
    data = fast(folder, LlamaTokenizerFast, add_prefix_space=True)
    dump(folder, "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "add_prefix_space": True, "added_tokens_decoder": decoder_map(data["added_tokens"]),
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "LlamaTokenizer", "legacy": False,
        "chat_template": [{"name": "default", "template": "{{ bos_token }}"}, {"name": "tool_use", "template": "{{ tools }}"}]})
    dump(folder, "config.json", config("MistralForCausalLM", "mistral", n, bos_token_id=1, eos_token_id=2, sliding_window=None))

    gemma = ("<mask>", "<2mass>", "[@BOS@]", "<unused0>", "<unused1>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "▁▁", "▁▁▁", "<table>")
    for name, kind in (("gemma2", "Gemma2ForCausalLM"), ("gemma3", "Gemma3ForConditionalGeneration")):
        folder = root / name
        folder.mkdir()
        train_sp(folder, dummy=False, user=gemma, pad=0, eos=1, bos=2, unk=3)
        data = fast(folder, GemmaTokenizerFast)
        for x in data["added_tokens"]:
            if x["content"] in ("<mask>", "<2mass>", "[@BOS@]"):
                x["special"] = False
        dump(folder, "tokenizer.json", data)
        own = {"add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": decoder_map(data["added_tokens"]),
               "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"], "bos_token": "<bos>", "eos_token": "<eos>",
               "pad_token": "<pad>", "unk_token": "<unk>", "clean_up_tokenization_spaces": False, "spaces_between_special_tokens": False,
               "tokenizer_class": "GemmaTokenizer"}
        if name == "gemma2":
            own["chat_template"] = "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
            dump(folder, "config.json", config(kind, "gemma2", n + 4, bos_token_id=2, eos_token_id=1, pad_token_id=0, sliding_window=512,
                                               attn_logit_softcapping=50.0, final_logit_softcapping=30.0))
        else:
            dump(folder, "chat_template.json", {"chat_template": "{{ bos_token }}"})
            text = config("Gemma3ForCausalLM", "gemma3_text", n + 8, sliding_window=512)
            dump(folder, "config.json", {"architectures": [kind], "model_type": "gemma3", "bos_token_id": 2, "eos_token_id": [1, 106],
                                         "pad_token_id": 0, "text_config": text})
        dump(folder, "tokenizer_config.json", own)

    folder = root / "phi3"
    folder.mkdir()
    train_sp(folder)
    t = LlamaTokenizerFast(vocab_file=str(folder / "tokenizer.model"), add_prefix_space=True, add_bos_token=False)
    t.add_tokens([token(x, strip=i > 0) for i, x in enumerate(("<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|end|>"))])
    data = json.loads(t.backend_tokenizer.to_str())
    data["added_tokens"][2]["special"] = False
    dump(folder, "tokenizer.json", data)
    dump(folder, "added_tokens.json", {x["content"]: x["id"] for x in data["added_tokens"] if x["id"] >= n})
    dump(folder, "tokenizer_config.json", {
        "add_bos_token": False, "add_eos_token": False, "added_tokens_decoder": decoder_map(data["added_tokens"]), "bos_token": "<s>",
        "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<unk>", "tokenizer_class": "LlamaTokenizer", "legacy": False,
        "chat_template": "{% for message in messages %}{{'<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n'}}{% endfor %}"})
    dump(folder, "config.json", config("Phi3ForCausalLM", "phi3", n + 14, bos_token_id=1, eos_token_id=n, pad_token_id=n,
                                       original_max_position_embeddings=2048))

    # The same kind without tokenizer.model.
    folder = root / "llama-fast"
    folder.mkdir()
    data = json.loads((root / "llama2" / "tokenizer.json").read_text("utf-8"))
    data["added_tokens"] += [{**data["added_tokens"][1], "id": n, "content": "[PAD]"},
                             {**data["added_tokens"][1], "id": n + 1, "content": "<note>", "special": False}]
    dump(folder, "tokenizer.json", data)
    dump(folder, "tokenizer_config.json", {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "[PAD]", "model_max_length": 2048, "tokenizer_class": "LlamaTokenizer",
        "padding_side": "right", "added_tokens_decoder": decoder_map(data["added_tokens"])})
    dump(folder, "config.json", config("LlamaForCausalLM", "llama", n + 2, bos_token_id=1, eos_token_id=2))


# --- golden ---

def short(tokens, types, scores):
    """Without the [PADi] at the end, which the test makes itself."""
    n = len(tokens)
    while n and tokens[n - 1] == f"[PAD{n - 1}]" and types[n - 1] == 5 and (not scores or scores[n - 1] == -10000.0):
        n -= 1
    return n


def keys_of(path):
    import gguf
    reader, out = gguf.GGUFReader(path), []
    fields = {k: f for k, f in reader.fields.items() if k.startswith("tokenizer.")}
    values = {k: f.contents() for k, f in fields.items()}
    kept = short(values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"], values.get("tokenizer.ggml.scores"))
    for key, field in fields.items():
        entry, value = {"key": key, "type": "+".join(t.name.lower() for t in field.types)}, values[key]
        if isinstance(value, list) and key.endswith((".tokens", ".token_type", ".scores")):
            entry["n"] = len(value)
            value = value[:kept]
        if key.endswith(".scores"):
            value = [float(x) for x in value]
        if key.endswith(".chat_templates"):
            value = sorted(value)  # the converter's order is that of a Python set
        out.append({**entry, "value": value})
    return out


def merge_scores(path):
    """Where upstream gives every token of a tokenizer.json the score -1000 ("placeholder"), which loses the order of the merges,
    assay gives pieces the scores that SentencePiece has: 0, -1, ... in the order of their merges, then characters; 0 for others."""
    data = json.loads((pathlib.Path(path) / "tokenizer.json").read_text("utf-8"))
    vocab, added = data["model"]["vocab"], {t["content"] for t in data["added_tokens"]}
    made = list(dict.fromkeys("".join(m) if isinstance(m, list) else m.replace(" ", "") for m in data["model"]["merges"]))
    is_byte = re.compile(r"<0x[0-9A-Fa-f]{2}>").fullmatch
    chars = [t for t, _ in sorted(vocab.items(), key=lambda x: x[1]) if t not in set(made) and t not in added and not is_byte(t)]
    rank = {t: float(-i) for i, t in enumerate(made + chars)}
    return {i: rank.get(t, 0.0) for t, i in vocab.items()}


def with_merge_scores(gguf):
    old = gguf.LlamaHfVocab.__init__

    def init(self, base_path):
        old(self, base_path)
        scores = merge_scores(base_path)
        self.get_token_score = lambda i: scores.get(i, -1000.0)

    gguf.LlamaHfVocab.__init__ = init


def convert(source, folder, pre):
    """The converter's own model class, as convert_hf_to_gguf.py --vocab-only runs it."""
    import gguf
    from conversion import get_model_class
    from conversion.base import ModelBase, ModelType, TextModel, get_model_architecture
    TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
    hparams = ModelBase.load_hparams(folder, False)
    cls = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
    with tempfile.TemporaryDirectory() as temp:
        out = pathlib.Path(temp) / "vocab.gguf"
        cls(folder, gguf.LlamaFileType.MOSTLY_F16, out).write_vocab()
        return keys_of(out), gguf.MODEL_ARCH_NAMES[cls.model_arch]


def encode(folder):
    """The tokenizers library, as transformers sets it up."""
    from transformers import AutoTokenizer
    t = AutoTokenizer.from_pretrained(folder)
    return [t.encode(text) for text in TEXTS]


def main():
    source, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    sys.path.insert(0, str(source))
    logging.disable(logging.ERROR)
    root.mkdir(exist_ok=True)
    for old in root.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    import gguf
    with_merge_scores(gguf)
    pres = make_bpe(root)
    make_sp(root)
    golden = {"texts": TEXTS, "folders": {}}
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        keys, architecture = convert(source, folder, pres.get(folder.name))
        golden["folders"][folder.name] = {"architecture": architecture, "keys": keys, "ids": encode(folder)}
        print(folder.name, architecture, len(keys), file=sys.stderr)
    dump(root, "golden.json", golden)


if __name__ == "__main__":
    main()
