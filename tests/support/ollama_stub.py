#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ollama_stub - a server that behaves like an Ollama of a given version, as far as an importer and a client can see.

    ollama_stub.py [--version 0.33.0] [--port 0]      prints its port, then serves until its input ends

What differs between releases is copied from their behaviour: create with or without `files` (0.5.5), native templates and the
rewriting of the file (0.30 to 0.33), adapters and quantizing refused (newest), `_debug_render_only` (0.11.5), errors as lines
inside a 200.  Faults are set through POST /stub/reset {"version", "faults": [{"at", "do", "times", ...}]}:

    at: version tags ps unload busy head blob blob_end create create_line create_stored create_end show
        render chat delete copy blob_stored
        blob: after "bytes" of the body; create_line: before line "line"
    busy: the model stays loaded, for "ms" where there is one
    do: kill (the connection breaks; new ones are refused for "ms"), delay ("ms"), prune (unused blobs go), full (500, no
        space left on device), error ("status", "error": before the first line; a line inside the 200 at create_line),
        silent (the connection ends without success), empty403, redirect ("to")

GET /stub/state tells what is stored; POST /stub/set {"answer": "...", "render": "go"|"native"|"other"} what it answers."""
import argparse
import hashlib
import http.server
import json
import re
import socket
import sys
import threading
import time

DIGEST = re.compile(r"^sha256[:-][0-9a-fA-F]{64}$")
NAME = re.compile(r"^([A-Za-z0-9_][A-Za-z0-9_-]{0,79}/)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,79})?$")
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


class Broken(Exception):
    """The connection ends here."""


def numbers(version):
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)\.(\d+)", version).groups())


def whole(name):
    return name if ":" in name.rsplit("/", 1)[-1] else name + ":latest"


def chatml(messages, system):
    if messages and messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    text = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n"
    return text + "<|im_start|>assistant\n"


class Stub:
    def __init__(self, version="0.33.0"):
        self.lock = threading.RLock()
        self.reset({"version": version})

    def reset(self, wanted):
        with self.lock:
            self.version = wanted.get("version", "0.33.0")
            self.faults = wanted.get("faults", [])
            self.blobs, self.models, self.loaded, self.requests = {}, {}, set(), []
            self.answer, self.render, self.down_until = "Halden Q5 eight-core", None, 0.0
            self.key = wanted.get("key")

    def at_least(self, *version):
        return numbers(self.version) == (0, 0, 0) or numbers(self.version) >= version

    def fault(self, at, **where):
        """The fault to play at this point, once for each of its times."""
        with self.lock:
            for f in self.faults:
                if f["at"] != at or f.get("times", 1) <= 0 or any(where.get(k) != f.get(k, 0) for k in where):
                    continue
                f["times"] = f.get("times", 1) - 1
                return f
        return None

    def prune(self):
        with self.lock:
            used = {m["blob"] for m in self.models.values()}
            self.blobs = {d: b for d, b in self.blobs.items() if d in used}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stub: Stub

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            if time.monotonic() < self.stub.down_until:
                raise Broken
            super().handle_one_request()
        except (Broken, ConnectionError, TimeoutError):
            self.close_connection = True
            try:
                # A reset, as from a process that was killed.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except OSError:
                pass

    # --- helpers ---

    def play(self, at, **where):
        """Plays the fault of this point, if any; true where the request is over with it."""
        fault = self.stub.fault(at, **where)
        if not fault:
            return False
        do = fault["do"]
        if do == "kill":
            self.stub.down_until = time.monotonic() + fault.get("ms", 30) / 1000
            raise Broken
        if do == "silent":
            raise Broken
        if do == "delay":
            time.sleep(fault.get("ms", 50) / 1000)
            return False
        if do == "prune":
            self.stub.prune()
            return False
        if do == "full":
            self.reply(500, {"error": "write /root/.ollama/models/blobs/sha256-1: no space left on device"})
        elif do == "empty403":
            self.reply(403, None)
        elif do == "redirect":
            self.send_response(fault.get("status", 307))
            self.send_header("Location", fault["to"])
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.reply(fault.get("status", 500), {"error": fault.get("error", "something broke")})
        return True

    def reply(self, status, body):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        return json.loads(data) if data else {}

    def lines(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def line(self, value):
        data = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end_lines(self):
        self.wfile.write(b"0\r\n\r\n")

    def authorized(self):
        if self.stub.key and self.headers.get("Authorization") != f"Bearer {self.stub.key}":
            self.reply(401, {"error": "unauthorized"})
            return False
        return True

    # --- routes ---

    def note(self):
        self.stub.requests.append(f"{self.command} {self.path}")

    def do_HEAD(self):
        self.note()
        digest = self.path.rsplit("/", 1)[-1]
        if self.play("head"):
            return
        if not DIGEST.match(digest):
            self.reply(400, None)
        else:
            self.reply(200 if digest in self.stub.blobs else 404, None)

    def do_GET(self):
        stub = self.stub
        if self.path == "/stub/state":
            self.reply(200, {"blobs": {d: len(b) for d, b in stub.blobs.items()}, "requests": stub.requests,
                             "models": {n: {k: v for k, v in m.items()} for n, m in stub.models.items()},
                             "loaded": sorted(stub.loaded), "faults": [f for f in stub.faults if f.get("times", 1) > 0]})
            return
        self.note()
        if not self.authorized():
            return
        if self.path == "/api/version":
            if not self.play("version"):
                self.reply(200, {"version": stub.version})
        elif self.path == "/api/tags":
            if not self.play("tags"):
                self.reply(200, {"models": [self.entry(n, m) for n, m in stub.models.items()]})
        elif self.path == "/api/ps":
            if not self.play("ps"):
                self.reply(200, {"models": [self.loaded_entry(n) for n in sorted(stub.loaded) if n in stub.models]})
        elif self.path == "/":
            self.reply(200, "Ollama is running")
        else:
            self.reply(404, {"error": "not found"})

    def loaded_entry(self, name):
        """ "memory" and "vram" of a model are what it holds where that is to be more than its file."""
        model = self.stub.models[name]
        return {**self.entry(name, model), "size": model.get("memory", model["size"]), "size_vram": model.get("vram", 1)}

    def entry(self, name, model):
        return {"name": name, "model": name, "modified_at": "2026-09-01T10:20:30.5+08:00", "size": model["size"],
                "digest": model["digest"], "details": {"format": "gguf", "family": "llama", "parameter_size": "134.52M",
                                                       "quantization_level": "Q4_K_M"}}

    def do_DELETE(self):
        self.note()
        if not self.authorized() or self.play("delete"):
            return
        name = whole(self.body().get("model", ""))
        if self.stub.models.pop(name, None) is None:
            self.reply(404, {"error": f"model '{name}' not found"})
        else:
            self.stub.loaded.discard(name)
            self.reply(200, None)

    def do_POST(self):
        stub = self.stub
        if self.path.startswith("/stub/"):
            wanted = self.body()
            if self.path == "/stub/reset":
                stub.reset(wanted)
            else:
                for key, value in wanted.items():
                    setattr(stub, key, set(value) if key == "loaded" else value)
            self.reply(200, {})
            return
        self.note()
        if not self.authorized():
            return
        if self.path.startswith("/api/blobs/"):
            self.post_blob(self.path.rsplit("/", 1)[-1])
            return
        routes = {"/api/create": self.create, "/api/show": self.show, "/api/chat": self.chat, "/api/generate": self.generate,
                  "/api/copy": self.copy}
        if self.path in routes:
            routes[self.path](self.body())
        else:
            self.reply(404, {"error": "not found"})

    def post_blob(self, digest):
        stub = self.stub
        if digest in stub.blobs:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(200, None)
            return
        length, data, hashed = int(self.headers["Content-Length"]), bytearray(), hashlib.sha256()
        stops = sorted(f.get("bytes", 0) for f in stub.faults if f["at"] == "blob")
        while len(data) < length:
            stop = next((s for s in stops if s >= len(data) and s < length), None)
            if stop is not None and stop == len(data):
                stops.remove(stop)
                if self.play("blob", bytes=stop):
                    self.close_connection = True
                    return
                continue
            want = min(65536, length - len(data), (stop - len(data)) if stop is not None else length)
            piece = self.rfile.read(want)
            if not piece:
                raise Broken
            hashed.update(piece)
            data += piece
        if self.play("blob_end"):
            return
        got = "sha256:" + hashed.hexdigest()
        if got != digest:
            self.reply(400, {"error": f'digest mismatch, expected "{digest}", got "{got}"'})
            return
        stub.blobs[digest] = bytes(data)
        if not self.play("blob_stored"):
            self.reply(201, None)

    def create(self, body):
        stub, name = self.stub, body.get("model") or body.get("name") or ""
        if self.play("create"):
            return
        if not NAME.match(name):
            self.reply(400, {"error": "invalid model name"})
        elif not stub.at_least(0, 5, 5):
            self.reply(400, {"error": "path or Modelfile are required"})
        elif not body.get("files"):
            self.reply(400, {"error": "neither 'from' or 'files' was specified"})
        elif body.get("adapters") and stub.at_least(0, 34, 1):
            self.reply(400, {"error": "LoRA adapters are no longer supported"})
        elif body.get("quantize") and stub.at_least(0, 34, 1):
            self.reply(400, {"error": "create-time quantization is only supported for safetensors imports; quantize GGUF models "
                                      "with llama.cpp tools before importing"})
        elif "typical_p" in body.get("parameters", {}) and stub.at_least(0, 34, 1):
            self.reply(400, {"error": "typical_p is not supported"})
        elif any("/" in f or "\\" in f or ":" in f for f in body["files"]):
            self.reply(400, {"error": "invalid file path"})
        else:
            self.create_lines(whole(name), body)

    def create_lines(self, name, body):
        stub = self.stub
        blob = next(iter(body["files"].values()))
        if blob not in stub.blobs:
            self.reply(400, {"error": f"open /root/.ollama/models/blobs/{blob.replace(':', '-')}: no such file or directory"})
            return
        statuses, rewrites = ["parsing GGUF"], stub.at_least(0, 30, 0) and not stub.at_least(0, 34, 0)
        template = body.get("template")
        if rewrites:
            statuses += ["validating GGUF model", "verifying conversion"]
        if template is None and self.is_guessed(stub.blobs[blob]):
            statuses.append("using autodetected template chatml")
            template = "chatml"
        statuses += [f"using existing layer {blob}", "writing manifest", "success"]
        self.lines()
        for i, status in enumerate(statuses):
            fault = stub.fault("create_line", line=i)
            if fault and fault["do"] == "error":
                self.line({"error": fault.get("error", "failed to validate GGUF with llama-quantize without compatibility "
                                                       "patches: llama-quantize failed: exit status 1")})
                self.end_lines()
                return
            if fault:
                stub.faults.append({**fault, "at": "now", "times": 1})
                self.play("now", line=i)
            if status == "success":
                if blob not in stub.blobs:
                    self.line({"error": f"open /root/.ollama/models/blobs/{blob.replace(':', '-')}: no such file or directory"})
                    self.end_lines()
                    return
                self.store(name, blob, body, template, rewrites)
                self.play("create_stored")
            self.line({"status": status})
        if not self.play("create_end"):
            self.end_lines()

    @staticmethod
    def is_guessed(data):
        """A template without a long inert comment is taken for the nearest one that is known."""
        return b"tokenizer.chat_template" in data and not re.search(rb"\{#[^#]{100,}#\}", data)

    def store(self, name, blob, body, template, rewrites):
        stub = self.stub
        stored = blob
        if rewrites:
            stored = "sha256:" + hashlib.sha256(stub.blobs[blob] + b"rewritten").hexdigest()
            stub.blobs[stored] = stub.blobs[blob]
        recipe = json.dumps([stored, template, body.get("system"), body.get("parameters")], sort_keys=True)
        stub.models[name] = {"blob": stored, "uploaded": blob, "size": len(stub.blobs[stored]), "template": template,
                             "system": body.get("system") or "", "parameters": body.get("parameters") or {},
                             "digest": hashlib.sha256(recipe.encode()).hexdigest()}

    def show(self, body):
        model = self.stub.models.get(whole(body.get("model", "")))
        if self.play("show"):
            return
        if not model:
            self.reply(404, {"error": f"model '{body.get('model')}' not found"})
            return
        native = self.stub.at_least(0, 30, 0)
        self.reply(200, {"modelfile": f"FROM /root/.ollama/models/blobs/{model['blob'].replace(':', '-')}\n",
                         "template": model["template"] or ("{{ jinja }}" if native else "{{ .Prompt }}"),
                         "system": model["system"], "details": {"family": "llama"}, "capabilities": ["completion"],
                         "parameters": "\n".join(f"{k} {v}" for k, v in model["parameters"].items())})

    def rendered(self, model, messages):
        stub, system = self.stub, model["system"]
        if stub.render == "other":
            return chatml(messages, system).replace("<|im_end|>", " <|im_end|>", 1)
        if model["template"]:
            return chatml(messages, system)
        if stub.at_least(0, 30, 0):
            return chatml(messages, system or DEFAULT_SYSTEM)
        return messages[-1]["content"]

    def chat(self, body):
        stub, name = self.stub, whole(body.get("model", ""))
        model = stub.models.get(name)
        if not model:
            self.reply(404, {"error": f"model '{name}' not found"})
            return
        prompt = self.rendered(model, body.get("messages", []))
        if body.get("_debug_render_only") and stub.at_least(0, 11, 5):
            if not self.play("render"):
                self.reply(200, {"model": name, "created_at": "2026-09-01T10:20:30Z", "_debug_info": {"rendered_template": prompt}})
            return
        if self.play("chat"):
            return
        stub.loaded.add(name)
        counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 20, "eval_count": 7, "total_duration": 5000000}
        if body.get("stream") is False:
            self.reply(200, {"model": name, "message": {"role": "assistant", "content": stub.answer}, **counts})
            return
        self.lines()
        for i, word in enumerate(stub.answer.split(" ")):
            fault = stub.fault("chat_line", line=i)
            if fault and fault["do"] == "error":
                self.line({"error": fault.get("error", "llama runner process has terminated")})
                self.end_lines()
                return
            if fault:
                stub.faults.append({**fault, "at": "now", "times": 1})
                self.play("now", line=i)
            self.line({"model": name, "message": {"role": "assistant", "content": (" " if i else "") + word}, "done": False})
        self.line({"model": name, "message": {"role": "assistant", "content": ""}, **counts})
        self.end_lines()

    def generate(self, body):
        name = whole(body.get("model", ""))
        if name not in self.stub.models:
            self.reply(404, {"error": f"model '{name}' not found"})
        elif body.get("keep_alive") == 0 and not body.get("prompt"):
            if self.play("unload"):
                return
            busy = self.stub.fault("busy")  # it goes on answering for a while, or for good
            if busy and "ms" in busy:
                threading.Timer(busy["ms"] / 1000, self.stub.loaded.discard, [name]).start()
            elif not busy:
                self.stub.loaded.discard(name)
            self.reply(200, {"model": name, "response": "", "done": True, "done_reason": "unload"})
        else:
            self.stub.loaded.add(name)
            self.reply(200, {"model": name, "response": self.stub.answer, "done": True, "done_reason": "stop"})

    def copy(self, body):
        source, target = whole(body.get("source", "")), whole(body.get("destination", ""))
        if self.play("copy"):
            return
        if source not in self.stub.models:
            self.reply(404, {"error": f"model \"{source}\" not found"})
            return
        self.stub.models[target] = dict(self.stub.models[source])
        self.reply(200, None)


def serve(stub, port=0):
    """Starts it on a thread; returns the server, whose server_port tells where."""
    handler = type("BoundHandler", (Handler,), {"stub": stub})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", default="0.33.0")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    server = serve(Stub(arguments.version), arguments.port)
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
