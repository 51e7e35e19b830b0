# SPDX-License-Identifier: Apache-2.0
"""`assay models convert --with-python` from outside: llama.cpp's own converter for what assay cannot convert.

Python, pip and the converter are played by tests/support/python_stub.py.  The real ones are used where ASSAY_TEST_CONVERTER names a
Python that has what the converter needs, and ASSAY_TEST_MODEL a model whose tokenizer is taken."""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import hf_family  # noqa: E402
import live as support  # noqa: E402
import python_stub  # noqa: E402

MODEL, REAL = os.environ.get("ASSAY_TEST_MODEL", ""), os.environ.get("ASSAY_TEST_CONVERTER", "")


class World:
    def __init__(self, folder):
        self.stub = python_stub.Stub(folder / "stub")
        self.data, self.out = folder / "data", folder / "out.gguf"
        self.source = python_stub.gpt2(folder / "Tiny GPT")

    def command(self, *words):
        return [support.ASSAY, "models", "convert", *map(str, words), "--data", str(self.data)]

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL", "LC_MESSAGES", "ASSAY_LOG")}
        return {**kept, "LANG": "C.UTF-8", **self.stub.environment, **more}

    def run(self, *words, **more):
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=120, env=self.environment(**more))

    def convert(self, *words, **more):
        return self.run(self.source, "--out", self.out, "--with-python", *words, **more)

    @property
    def left(self):
        return sorted(p.name for p in self.out.parent.glob("out.gguf*"))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_it_is_offered_and_never_done_unasked(world):
    refused = world.run(world.source, "--out", world.out)
    assert refused.returncode == 4 and "GPT2LMHeadModel" in refused.stderr and "--with-python" in refused.stderr
    assert world.stub.calls == [] and not world.data.exists() and world.left == []


def test_on_request_the_environment_is_made_once_and_the_model_converted(world):
    done = world.convert(HF_TOKEN="secret")
    assert done.returncode == 0, done.stderr
    assert "MB to download" in done.stderr and "PyTorch" in done.stderr and str(world.data) in done.stderr
    assert world.out.read_bytes() == python_stub.gguf() and world.left == ["out.gguf"]
    assert world.stub.calls == ["venv", "pip"]
    again = world.convert("--replace", "--json")
    assert again.returncode == 0, again.stderr
    made = json.loads(again.stdout)
    assert made["architecture"] == "gpt2" and made["type"] == "F16" and made["n_tensors"] == 1 and made["n_params"] == 96
    assert world.stub.calls == ["venv", "pip"] and again.stderr == ""
    kept = world.convert()
    assert kept.returncode == 4 and "out.gguf" in kept.stderr


def test_other_requirements_make_the_environment_anew_and_it_can_be_removed(world):
    assert world.convert().returncode == 0
    (world.stub.converter / "requirements/requirements-convert_hf_to_gguf.txt").write_text("torch==9\n")
    assert world.convert("--replace").returncode == 0
    assert world.stub.calls == ["venv", "pip"] * 2
    removed = world.run("--remove-python", "--json")
    assert removed.returncode == 0 and json.loads(removed.stdout)["freed_bytes"] > 0
    assert not (world.data / "cache/python/env").exists()
    assert "no Python environment" in world.run("--remove-python").stdout
    assert world.run().returncode == 2


def test_what_assay_can_convert_needs_no_python(world):
    config = json.loads((world.source / "config.json").read_text())
    (world.source / "config.json").write_text(json.dumps({**config, "architectures": ["LlamaForCausalLM"]}))
    assert world.convert().returncode == 4
    assert world.stub.calls == []


@pytest.mark.parametrize("step, what, said", [
    ("venv", "fail", "python3-venv"), ("pip", "fail", "it was told to fail"), ("pip", "die", "could not be installed"),
    ("convert", "fail", "it was told to fail"), ("convert", "die", "signal 9"), ("convert", "garbage", "no model that can be used"),
    ("convert", "nothing", "no model that can be used"), ("convert", "link", "no model that can be used")])
def test_every_failure_has_its_sentence_and_leaves_nothing(world, step, what, said):
    world.stub.tell(step, what)
    failed = world.convert()
    assert failed.returncode in (3, 4) and said in failed.stderr, failed.stderr
    assert world.left == []
    assert (world.data / "cache/python/env").exists() == (step == "convert")
    world.stub.tell(step, "good")
    assert world.convert().returncode == 0


def test_no_python_and_no_converter_are_said(world, tmp_path):
    (tmp_path / "empty").mkdir()
    none = world.convert(PATH=str(tmp_path / "empty"))
    assert none.returncode == 4 and "No python3" in none.stderr and "apt install" in none.stderr
    lost = world.convert(ASSAY_CONVERTER=str(tmp_path / "empty"))
    assert lost.returncode == 4 and "script/install" in lost.stderr
    chinese = world.convert("--lang", "zh-TW", PATH=str(tmp_path / "empty"))
    assert "找不到 python3" in chinese.stderr


def test_pickles_are_refused_before_anything_is_installed(world):
    (world.source / "model.safetensors").rename(world.source / "pytorch_model.bin")
    refused = world.convert()
    assert refused.returncode == 4 and world.stub.calls == []


def test_the_converter_sees_no_code_has_no_network_and_writes_nowhere_else(world):
    """llama.cpp's converter trusts what a folder says about code: what it is shown says nothing of it."""
    config = json.loads((world.source / "config.json").read_text())
    (world.source / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling_x.X"}, "inner": {"auto_map": {}}}))
    (world.source / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["tok.T", null]}, "x": 1}')
    for name in ("modeling_x.py", "tok.py", "pytorch_model.bin", "optimizer.pt", "notes.md"):
        (world.source / name).write_text("")
    (world.source / "deep").mkdir()
    world.stub.tell("convert", "spy")
    told = world.convert("--type", "Q8_0", SECRET_KEY="x", HF_TOKEN="x")
    seen = json.loads(told.stderr[told.stderr.index('{"socket"'):].splitlines()[0]) if '{"socket"' in told.stderr else None
    assert seen, told.stderr
    assert seen["socket"] == "Permission denied" and seen["null"] == "done"
    assert seen["write"] == "Permission denied" or not landlock()
    assert seen["seen"] == "config.json model.safetensors tokenizer_config.json" and seen["name"] == "Tiny GPT"
    assert not seen["code"] and seen["wide"] == 32 and seen["type"] == "q8_0" and seen["env"] == ["HF_HUB_OFFLINE"]


def landlock():
    try:
        return "landlock" in pathlib.Path("/sys/kernel/security/lsm").read_text()
    except OSError:
        return False


def wait_for(condition, limit_s=60):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("step", ["pip", "convert"])
def test_ctrl_c_ends_it_and_leaves_nothing(world, step):
    if step == "convert":
        assert world.convert().returncode == 0
        world.out.unlink()
    world.stub.tell(step, "wait")
    process = subprocess.Popen(world.command(world.source, "--out", world.out, "--with-python"), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=world.environment())
    made = world.out.parent / "out.gguf.part/made.gguf"
    wait_for(lambda: made.exists() if step == "convert" else (world.stub.folder / "waiting").exists())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert world.left == [] and (world.data / "cache/python/env").exists() == (step == "convert")


def test_a_killed_conversion_can_be_repeated(world):
    world.stub.tell("convert", "wait")
    process = subprocess.Popen(world.command(world.source, "--out", world.out, "--with-python"), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=world.environment())
    wait_for((world.out.parent / "out.gguf.part/made.gguf").exists)
    busy = world.convert()
    assert busy.returncode == 3 and "at this moment" in busy.stderr
    process.kill()
    process.wait()
    assert not world.out.exists()
    world.stub.tell("convert", "good")
    assert world.convert().returncode == 0 and world.left == ["out.gguf"]


# --- the real one ---

def write_gpt2(folder):
    """A model of one layer that has learned nothing, with a real tokenizer."""
    random = np.random.default_rng(7)
    wide, words = 64, 49152
    shapes = {"wte.weight": (words, wide), "wpe.weight": (256, wide), "ln_f.weight": (wide,), "ln_f.bias": (wide,),
              "h.0.ln_1.weight": (wide,), "h.0.ln_1.bias": (wide,), "h.0.attn.c_attn.weight": (wide, 3 * wide),
              "h.0.attn.c_attn.bias": (3 * wide,), "h.0.attn.c_proj.weight": (wide, wide), "h.0.attn.c_proj.bias": (wide,),
              "h.0.ln_2.weight": (wide,), "h.0.ln_2.bias": (wide,), "h.0.mlp.c_fc.weight": (wide, 4 * wide),
              "h.0.mlp.c_fc.bias": (4 * wide,), "h.0.mlp.c_proj.weight": (4 * wide, wide), "h.0.mlp.c_proj.bias": (wide,)}
    folder.mkdir()
    hf_family.write_safetensors(folder / "model.safetensors", {f"transformer.{name}": random.normal(0, 0.05, shape) for name, shape in shapes.items()})
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": wide, "n_layer": 1, "n_head": 4, "n_ctx": 256,
        "n_positions": 256, "vocab_size": words, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "torch_dtype": "float16"}))
    hf_family.write_tokenizer(hf_family.Gguf(MODEL), folder)


@pytest.mark.skipif(not (REAL and MODEL), reason="ASSAY_TEST_CONVERTER and ASSAY_TEST_MODEL name no Python and no model")
def test_the_real_converter_makes_a_model_that_answers(tmp_path):
    converter = pathlib.Path(support.ASSAY).resolve().parent.parent / "share/assay/converter"
    env = tmp_path / "data/cache/python/env"
    env.parent.mkdir(parents=True)
    env.symlink_to(pathlib.Path(REAL).parent.parent)
    wanted = b"".join((converter / f"requirements/requirements-{n}.txt").read_bytes() for n in ("convert_hf_to_gguf", "convert_legacy_llama"))
    mark = env / "assay-ready"
    mark.write_text(hashlib.sha256(wanted).hexdigest())
    try:
        write_gpt2(tmp_path / "tiny-gpt2")
        words = [support.ASSAY, "models", "convert", tmp_path / "tiny-gpt2", "--out", tmp_path / "tiny.gguf", "--with-python", "--data", tmp_path / "data"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        asked = subprocess.run([support.ASSAY, "ask", "Hello", "--model", tmp_path / "tiny.gguf", "--max-tokens", "4", "--data", tmp_path / "data"],
                               capture_output=True, text=True, timeout=120)
        assert asked.returncode == 0 and asked.stdout.strip(), asked.stderr
    finally:
        mark.unlink()
