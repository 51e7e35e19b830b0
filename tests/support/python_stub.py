# SPDX-License-Identifier: Apache-2.0
"""python_stub - a `python3` on PATH that plays venv, pip and llama.cpp's converter, as told by files beside it."""
import json
import os
import pathlib
import stat
import struct
import sys

PROGRAM = '''#!{python}
import json, os, pathlib, shutil, signal, socket, sys, time
HERE = pathlib.Path({here!r})
def mode(name):
    file = HERE / name
    return file.read_text() if file.exists() else "good"
def obey(what):
    if what == "fail":
        print("ERROR: it was told to fail", file=sys.stderr)
        sys.exit(1)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "wait":
        (HERE / "waiting").write_text(str(os.getpid()))
        time.sleep(600)
def note(*words):
    with open(HERE / "calls", "a") as out:
        out.write(" ".join(words) + "\\n")
words = sys.argv[1:]
if words[:2] == ["-m", "venv"]:
    note("venv")
    target = pathlib.Path(words[2]) / "bin"
    target.mkdir(parents=True)
    obey(mode("venv"))
    shutil.copy(__file__, target / "python")
elif words[:2] == ["-m", "pip"]:
    note("pip", *words[2:])
    assert "HF_TOKEN" not in os.environ
    print("Collecting torch", flush=True)
    obey(mode("pip"))
else:
    script, view, options = words[0], pathlib.Path(words[1]), dict(zip(words[2::2], words[3::2]))
    made = options["--outfile"]
    for share in (0, 40, 100):
        print(f"Writing: {{share:3d}}%|####      | 1.2M/2.0M", end="\\r", file=sys.stderr, flush=True)
    what = mode("convert")
    if what == "spy":
        def tried(action):
            try:
                action()
                return "done"
            except OSError as error:
                return error.strerror
        print(json.dumps({{"socket": tried(lambda: socket.socket()), "write": tried(lambda: (HERE / "stolen").write_text("x")),
                          "null": tried(lambda: open("/dev/null", "w").write("x")), "seen": " ".join(sorted(os.listdir(view))),
                          "code": "auto_map" in (view / "config.json").read_text() + (view / "tokenizer_config.json").read_text(),
                          "wide": json.loads((view / "config.json").read_text())["n_embd"], "name": view.name, "type": options["--outtype"],
                          "env": [k for k in os.environ if k.startswith(("HF_", "ASSAY", "SECRET"))]}}))
        sys.exit(1)
    if what == "wait":
        open(made, "wb").write(b"half")
        print("waiting", flush=True)
        time.sleep(600)
    obey(what)
    if what == "garbage":
        open(made, "wb").write(b"GGUF" + b"\\xff" * 500)
    elif what == "link":
        os.symlink("/etc/passwd", made)
    elif what != "nothing":
        shutil.copy(HERE / "result.gguf", made)
'''


def gguf():
    """As little as a model can be."""
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()
    keys = text("general.architecture") + struct.pack("<I", 8) + text("gpt2")
    keys += text("general.file_type") + struct.pack("<II", 4, 1)
    keys += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3) + b"".join(text(f"t{i}") for i in range(3))
    tensor = text("token_embd.weight") + struct.pack("<IQQIQ", 2, 32, 3, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 3) + keys + tensor
    return head + b"\0" * (-len(head) % 32) + b"\0" * (4 * 32 * 3)


class Stub:
    """`environment` leads to it; tell("pip", "fail") changes what the next call does."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.programs, self.converter = self.folder / "bin", self.folder / "converter"
        self.programs.mkdir(parents=True)
        (self.converter / "requirements").mkdir(parents=True)
        (self.converter / "convert_hf_to_gguf.py").write_text("# played by the stub\n")
        for name in ("convert_hf_to_gguf", "convert_legacy_llama"):
            (self.converter / f"requirements/requirements-{name}.txt").write_text("torch\n")
        program = self.programs / "python3"
        program.write_text(PROGRAM.format(python=sys.executable, here=str(self.folder)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (self.folder / "result.gguf").write_bytes(gguf())

    @property
    def environment(self):
        return {"PATH": f"{self.programs}:{os.environ['PATH']}", "ASSAY_CONVERTER": str(self.converter)}

    def tell(self, step, what):
        (self.folder / step).write_text(what)

    @property
    def calls(self):
        file = self.folder / "calls"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def gpt2(path, name_or_path="", **more):
    """A folder of an architecture that assay does not convert; its weights are zeros."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 32, "n_layer": 1,
                                                  "n_head": 2, "vocab_size": 3, "_name_or_path": name_or_path, **more}))
    head = json.dumps({"transformer.wte.weight": {"dtype": "F32", "shape": [3, 32], "data_offsets": [0, 384]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + b"\0" * 384)
    return path


if __name__ == "__main__":  # FOLDER: makes a stub and a model there, and tells the environment
    here = pathlib.Path(sys.argv[1])
    gpt2(here / "Kestrel GPT")
    print(json.dumps(Stub(here / "stub").environment))
