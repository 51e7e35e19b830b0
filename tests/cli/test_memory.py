# SPDX-License-Identifier: Apache-2.0
"""`assay doctor --free` and `assay models gpu`."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import live as support  # noqa: E402
from ollama_stub import Stub, serve  # noqa: E402
from tiny_gguf import gguf  # noqa: E402


@pytest.fixture
def ollama():
    stub = Stub("0.33.0")
    server = serve(stub)
    stub.port = server.server_port
    stub.models = {"big:8b": {"blob": "b", "size": 105, "template": None, "system": "", "parameters": {}, "digest": "d",
                              "memory": 5_000_000_000, "vram": 0}}
    stub.loaded = {"big:8b"}
    yield stub
    server.shutdown()
    server.server_close()


@pytest.fixture
def assay(tmp_path, ollama):
    env = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL", "LC_MESSAGES", "ASSAY_LOG")}
    env.update(LANG="C.UTF-8", OLLAMA_HOST=f"127.0.0.1:{ollama.port}")

    def run(*words):
        return subprocess.run([support.ASSAY, *map(str, words), "--data", str(tmp_path / "data")], capture_output=True, text=True,
                              timeout=120, env=env)
    return run


def test_the_doctor_says_what_ollama_holds_and_frees_it(assay, ollama):
    assert "Ollama is holding 5.0 GB: big:8b (5.0 GB)." in assay("doctor").stdout
    freed = assay("doctor", "--free")
    assert freed.returncode == 0 and "Ollama has let go of 5.0 GB" in freed.stdout and not ollama.loaded
    assert "沒有佔用記憶體" in assay("doctor", "--free", "--lang", "zh-TW").stdout
    assert "Ollama" not in assay("doctor").stdout
    ollama.loaded = {"big:8b"}
    assert json.loads(assay("doctor", "--free", "--json").stdout)["freed_bytes"] == 5_000_000_000
    ollama.loaded = {"big:8b"}
    ollama.faults = [{"at": "unload", "do": "error", "status": 500, "error": "the runner is stuck"}]
    stuck = assay("doctor", "--free")
    assert stuck.returncode == 3 and "the runner is stuck" in stuck.stderr
    ollama.faults = [{"at": "ps", "do": "error", "status": 500, "error": "no list", "times": 9}]
    wrong = assay("doctor", "--free")
    assert wrong.returncode == 3 and "no list" in wrong.stderr


def test_what_a_model_may_use_of_gpus_is_shown_and_chosen(assay, tmp_path):
    gguf(tmp_path / "tiny.gguf")
    assert assay("models", "add", tmp_path / "tiny.gguf", "--name", "tiny").returncode == 0
    shown = assay("models", "gpu", "tiny").stdout
    assert "tiny: as the settings say." in shown and "Needs about 0.0 GB" in shown and "Ollama is holding 5.0 GB" in shown
    assert "as many layers" in assay("models", "gpu", "tiny", "auto").stdout
    assert "the processor computes all" in assay("models", "gpu", "tiny", "none").stdout
    chosen = assay("models", "gpu", "tiny", "7", "--device", "CUDA0,CUDA1").stdout
    assert "7 layers on the GPU" in chosen and "On: CUDA0,CUDA1." in chosen
    assert "7 layers" in assay("models", "gpu", "tiny", "--device", "").stdout
    listed = json.loads(assay("models", "gpu", "tiny", "--json").stdout)
    assert listed["gpu"] == {"layers": 7, "device": ""} and listed["memory"]["n_layers"] == 2
    assert "依設定" in assay("models", "gpu", "tiny", "default", "--lang", "zh-TW").stdout
    assert assay("models", "gpu", "tiny", "some").returncode == 2
    assert assay("models", "gpu", "tiny", "-3").returncode == 2
    assert assay("models", "gpu", "tiny", "default", "--device", "CUDA0").returncode == 2
    assert assay("models", "gpu", "nobody").returncode == 4
