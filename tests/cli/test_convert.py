# SPDX-License-Identifier: Apache-2.0
"""`assay models convert` from outside: a Hugging Face folder becomes a GGUF, or it is said why not."""
import atexit
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import live as support  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
needs_model = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")
WIDE, FF, WORDS = 64, 96, 40
HOME = tempfile.mkdtemp(prefix="assay-test-")
atexit.register(shutil.rmtree, HOME, True)


def environment():
    kept = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL", "LC_MESSAGES", "ASSAY_LOG")}
    return {**kept, "LANG": "C.UTF-8", "XDG_DATA_HOME": HOME}


def command(*words):
    return [support.ASSAY, "models", "convert", *map(str, words)]


def convert(*words):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=300, env=environment())


def tensors(words, wide=WIDE, ff=FF):
    out = {"model.embed_tokens.weight": [words, wide], "model.norm.weight": [wide]}
    for i in range(2):
        at = f"model.layers.{i}."
        out |= {f"{at}self_attn.{name}_proj.weight": [wide, wide] for name in "qkvo"}
        out |= {f"{at}mlp.gate_proj.weight": [ff, wide], f"{at}mlp.up_proj.weight": [ff, wide], f"{at}mlp.down_proj.weight": [wide, ff]}
        out |= {f"{at}{name}_layernorm.weight": [wide] for name in ("input", "post_attention")}
    return out


def folder(path, words=WORDS, ff=FF, dtype="BF16"):
    """A llama of 2 layers whose values are all 0: the file of the weights has holes instead of them."""
    path.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "hidden_size": WIDE, "intermediate_size": ff, "num_hidden_layers": 2,
              "num_attention_heads": 4, "vocab_size": words, "tie_word_embeddings": True, "max_position_embeddings": 512}
    (path / "config.json").write_text(json.dumps(config))
    head, size = {}, 0
    for name, shape in tensors(words, ff=ff).items():
        n = (4 if dtype == "F32" else 2) * shape[0] * (shape[1] if len(shape) > 1 else 1)
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [size, size + n]}
        size += n
    text = json.dumps(head).encode()
    with open(path / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.truncate(8 + len(text) + size)
    return path


@pytest.fixture
def base(tmp_path):
    """A GGUF that has a tokenizer and nothing else."""
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()
    keys = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    keys += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, WORDS) + b"".join(text(f"t{i}") for i in range(WORDS))
    path = tmp_path / "base.gguf"
    path.write_bytes((b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + keys).ljust(1024, b"\0"))
    return path


def test_a_folder_becomes_a_model(tmp_path, base):
    source, out = folder(tmp_path / "Kestrel-Full"), tmp_path / "out.gguf"
    done = convert(source, "--base", base, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["path"] == str(out) and made["architecture"] == "llama" and made["type"] == "BF16" and made["n_tensors"] == 20
    assert made["size_bytes"] == out.stat().st_size and done.stderr == ""
    data = tmp_path / "data"
    added = subprocess.run([support.ASSAY, "models", "add", out, "--data", data, "--json"], capture_output=True, text=True,
                           timeout=60, env=environment())
    assert added.returncode == 0, added.stderr
    shown = subprocess.run([support.ASSAY, "models", "show", str(json.loads(added.stdout)["model_ids"][0]), "--data", data, "--json"],
                           capture_output=True, text=True, timeout=60, env=environment())
    model = json.loads(shown.stdout)
    assert model["architecture"] == "llama" and model["file_type"] == "BF16" and model["n_params"] == made["n_params"]


def test_the_time_is_said_before_and_learned(tmp_path, base):
    data, source = tmp_path / "data", folder(tmp_path / "large", ff=1 << 17, dtype="F32")
    speeds = []
    for _ in range(2):
        done = convert(source, "--base", base, "--out", tmp_path / "out.gguf", "--replace", "--data", data)
        assert done.returncode == 0 and "This takes about" in done.stderr, done.stderr
        speeds.append(json.loads((data / "cache/convert_speed.json").read_text()))
    assert all(s["measured"] and s["bytes_per_s"] > 0 for s in speeds) and speeds[0] != speeds[1]


def test_without_out_it_is_called_like_the_folder(tmp_path, base):
    source = folder(tmp_path / "Kestrel")
    done = subprocess.run(command(source, "--base", base, "--type", "q8_0"), capture_output=True, text=True, timeout=60,
                          env=environment(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Kestrel-Q8_0.gguf").exists() and "Kestrel-Q8_0.gguf" in done.stdout and "Q8_0" in done.stderr


def test_an_existing_file_is_replaced_on_request_only(tmp_path, base):
    source, out = folder(tmp_path / "a"), tmp_path / "out.gguf"
    out.write_text("mine")
    done = convert(source, "--base", base, "--out", out)
    assert done.returncode == 4 and out.read_text() == "mine" and str(out) in done.stderr
    kept = convert(source, "--base", base, "--out", out, "--replace")
    assert kept.returncode == 4 and out.read_text() == "mine", "only a model is replaced"
    assert convert(source, "--base", base, "--out", base, "--replace").returncode == 4, "not what is read"
    out.unlink()
    assert convert(source, "--base", base, "--out", out).returncode == 0
    assert convert(source, "--base", base, "--out", out, "--type", "F32", "--replace").returncode == 0
    assert out.read_bytes()[:4] == b"GGUF"


def test_what_is_wrong_is_said_and_nothing_is_left(tmp_path, base):
    source, out = folder(tmp_path / "a"), tmp_path / "out.gguf"
    slip = convert(source, "--base", base, "--out", out, "--type", "Q3")
    assert slip.returncode == 2 and "Q3" in slip.stderr and "BF16" in slip.stderr
    (source / "model.safetensors").rename(source / "model-00001-of-00002.safetensors")
    missing = convert(source, "--base", base, "--out", out)
    assert missing.returncode == 4 and "model-00002-of-00002.safetensors" in missing.stderr
    chinese = convert(source, "--base", base, "--out", out, "--lang", "zh-TW")
    assert chinese.returncode == 4 and "缺少檔案 model-00002-of-00002.safetensors" in chinese.stderr
    assert convert(tmp_path / "nowhere", "--out", out).returncode == 4
    assert convert(folder(tmp_path / "b"), "--out", out).returncode == 4  # no tokenizer
    other = convert(folder(tmp_path / "c", words=WORDS + 1), "--base", base, "--out", out)
    assert other.returncode == 4 and "40" in other.stderr and "41" in other.stderr
    assert not list(tmp_path.glob("out.gguf*"))


def start_large(tmp_path, base, out):
    """A conversion of about a second, and its process when it has begun to write."""
    source = tmp_path / "large"
    if not source.exists():
        folder(source, ff=1 << 19, dtype="F32")
    process = subprocess.Popen(command(source, "--base", base, "--out", out, "--type", "Q8_0"), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment())
    part = out.parent / (out.name + ".part")
    end = time.monotonic() + 60
    while not part.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    return process


def test_ctrl_c_ends_it_with_5_and_leaves_nothing(tmp_path, base):
    out = tmp_path / "out.gguf"
    process = start_large(tmp_path, base, out)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert not list(tmp_path.glob("out.gguf*"))


def test_a_killed_conversion_leaves_no_model_and_can_be_repeated(tmp_path, base):
    out = tmp_path / "out.gguf"
    process = start_large(tmp_path, base, out)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and not out.exists()
    done = convert(tmp_path / "large", "--base", base, "--out", out, "--type", "Q8_0", "--json")
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size == json.loads(done.stdout)["size_bytes"] and not (tmp_path / "out.gguf.part").exists()


@needs_model
def test_llama_cpp_answers_with_what_was_made(tmp_path):
    out = tmp_path / "made.gguf"
    done = convert(folder(tmp_path / "smol", words=49152), "--base", MODEL, "--out", out)
    assert done.returncode == 0, done.stderr
    asked = subprocess.run([support.ASSAY, "ask", "Hello", "--model", out, "--max-tokens", "4", "--data", tmp_path / "data"],
                           capture_output=True, text=True, timeout=120, env=environment())
    assert asked.returncode == 0, asked.stderr
