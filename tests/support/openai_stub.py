#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""openai_stub - an OpenAI-compatible server that streams, and breaks in every way that servers do.

    openai_stub.py [--port 0]      prints its port, then serves until its input ends

The answer to a question Q is answer(Q).  POST /stub/reset {"faults": [...], "key": ..., "chaos": seed, "refuses": ["top_k"]}:
each request plays the next of `faults` ("": none); with `chaos` every second request plays a random one.  GET /stub/state."""
import argparse
import difflib
import http.server
import json
import math
import os
import random
import re
import socket
import sys
import threading
import time

FAULTS = ["429", "429_later", "500", "502", "503", "reset", "silent_reset", "cut", "no_finish", "no_done", "malformed", "error_event",
          "error_json", "crlf", "no_space", "no_blank", "cr", "not_streamed", "comments", "split", "abort", "array", "empty", "usage_only",
          "half_json"]
THINKING = ["<th", "ink>\n", "Let me", " see.", "\n</", "think>\n", "\n"]  # of a server that leaves it in the text: "think_tags"


def answer(question):
    return f"The answer to 「{question}」 is 四十二, as always."


class Broken(Exception):
    """The connection ends here."""


class Stub:
    def __init__(self):
        self.lock = threading.Lock()
        self.reset({})

    def reset(self, wanted):
        with self.lock:
            self.faults, self.key = list(wanted.get("faults", [])), wanted.get("key")
            self.random = random.Random(wanted["chaos"]) if "chaos" in wanted else None
            self.refuses, self.requests, self.bodies = wanted.get("refuses", []), 0, []
            self.now, self.most, self.delay = 0, 0, wanted.get("delay_ms", 0)
            self.always, self.refuses_text = wanted.get("always"), wanted.get("refuses_text")
            self.truth = wanted.get("truth", {})
            self.keys = []  # as each request said them
            self.loads = wanted.get("loads")  # a vLLM that loads adapters: {name: path} of those it has; None: it does not

    def judge(self, prompt):
        """Probability of A: by how close the two answers are to what is known to be right."""
        parts = {name: text for name, text in re.findall(r"^=== (QUESTION|ANSWER A|ANSWER B) \d+ ===\n(.*?)\n=== /", prompt, re.S | re.M)}
        truth = self.truth.get(parts.get("QUESTION"))
        if truth is None:
            return 0.7
        close = [difflib.SequenceMatcher(None, parts[f"ANSWER {x}"], truth, autojunk=False).ratio() for x in "AB"]
        return min(0.78, max(0.12, 0.45 + 2 * (close[0] - close[1])))

    def next_fault(self):
        with self.lock:
            self.requests += 1
            if self.always:
                return self.always
            if self.faults:
                return self.faults.pop(0)
            return self.random.choice(FAULTS) if self.random and self.random.random() < 0.5 else ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stub: Stub

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (Broken, ConnectionError):
            self.close_connection = True
            try:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except OSError:
                pass

    def is_stranger(self):
        said = self.headers.get("Authorization")
        with self.stub.lock:
            self.stub.keys.append(said)
        return bool(self.stub.key) and said != f"Bearer {self.stub.key}"

    def reply(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        stub = self.stub
        if self.path == "/stub/state":
            self.reply(200, {"requests": stub.requests, "most": stub.most, "bodies": stub.bodies[-5:], "left": len(stub.faults)})
        elif self.is_stranger():
            self.reply(401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})
        elif self.path == "/v1/models":
            loaded = [{"id": name, "object": "model", "parent": "small"} for name in stub.loads or {}]
            self.reply(200, {"object": "list", "data": [{"id": "small", "object": "model", "created": 1788229230},
                                                        {"id": "small-lora", "object": "model", "parent": "small"}, *loaded]})
        else:
            self.reply(404, {"error": {"message": "not found"}})

    def do_POST(self):
        stub = self.stub
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/stub/reset":
            stub.reset(body)
            self.reply(200, {})
        elif self.is_stranger():
            self.reply(401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})
        elif self.path == "/v1/load_lora_adapter" and stub.loads is not None:
            self.load(body["lora_name"], body["lora_path"])
        elif self.path != "/v1/chat/completions":
            self.reply(404, {"error": {"message": "not found"}})
        else:
            with stub.lock:
                stub.now += 1
                stub.most = max(stub.most, stub.now)
                stub.bodies.append(body)
            try:
                self.complete(body)
            finally:
                with stub.lock:
                    stub.now -= 1

    def load(self, name, path):
        """As vLLM answers."""
        with self.stub.lock:
            if name in self.stub.loads:
                return self.reply(400, {"object": "error", "message": f"The lora adapter '{name}' has already been loaded.", "code": 400})
            if not os.path.isfile(os.path.join(path, "adapter_config.json")):
                return self.reply(404, {"object": "error", "message": f"Loading lora {name} failed: No adapter found for {path}", "code": 404})
            self.stub.loads[name] = path
        return self.reply(200, f"Success: LoRA adapter '{name}' added successfully.")

    def complete(self, body):
        stub, fault = self.stub, self.stub.next_fault()
        time.sleep(stub.delay / 1000)
        refused = [name for name in stub.refuses if name in body]
        if refused:
            self.reply(400, {"error": {"message": f"Unrecognized request argument supplied: {refused[0]}"}})
        elif stub.refuses_text and stub.refuses_text in body["messages"][-1]["content"]:
            self.reply(400, {"error": {"message": "This model's maximum context length is 16 tokens."}})
        elif body.get("model") not in ("small", "small-lora"):
            self.reply(404, {"error": {"message": f"The model `{body.get('model')}` does not exist."}})
        elif fault == "429_later":
            self.reply(429, {"error": {"message": "slow down"}}, [("Retry-After", "1")])
        elif fault.isdigit():
            self.reply(int(fault), {"error": {"message": f"status {fault}"}})
        elif fault == "reset":
            raise Broken
        elif fault == "redirect":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/v1/chat/completions")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "error_json":
            self.reply(200, {"error": {"message": "overloaded", "code": 503}})
        elif body.get("max_tokens") == 16 and not body.get("stream"):  # a judge is asked for a letter
            if fault in ("array", "half_json", "empty"):
                data = {"array": b"[1]", "half_json": b'{"choices": [', "empty": b"{}"}[fault]
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                return
            a = stub.judge(body["messages"][-1]["content"])
            choice = {"message": {"role": "assistant", "content": "A" if a >= 0.45 else "B"}, "finish_reason": "stop"}
            if body.get("logprobs"):
                top = [{"token": token, "logprob": math.log(p)} for token, p in (("A", a - 0.1), (" B", 0.9 - a), (" A", 0.1), ("The", 0.1))]
                choice["logprobs"] = {"content": [{"token": "A", "logprob": math.log(0.6), "top_logprobs": top[:body["top_logprobs"]]}]}
            self.reply(200, {"choices": [choice]})
        elif fault == "not_streamed" or not body.get("stream"):
            self.reply(200, {"choices": [{"message": {"role": "assistant", "content": answer(body["messages"][-1]["content"])},
                                          "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 12}})
        else:
            self.stream(answer(body["messages"][-1]["content"]), fault)

    def stream(self, text, fault):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if fault == "silent_reset":
            raise Broken
        if fault == "long_line":
            self.wfile.write(b"data: " + b"x" * (2 << 20))
            return
        end = {"crlf": "\r\n", "cr": "\r"}.get(fault, "\n")
        between = "" if fault == "no_blank" else end
        prefix = "data:" if fault == "no_space" else "data: "

        def event(value):
            return prefix + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) + end + between

        words = (THINKING if fault == "think_tags" else []) + text.split(" ")
        out = [event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})]
        if fault == "reasoning":
            out += [event({"choices": [{"delta": {"reasoning_content": part}}]}) for part in ("Let me", " see.")]
        if fault == "endless":
            words = ["word"] * 20000
        for i, word in enumerate(words):
            if fault == "comments":
                out.append(": still here" + end + end)
            space = " " if i > (len(THINKING) if fault == "think_tags" else 0) else ""
            out.append(event({"choices": [{"index": 0, "delta": {"content": space + word}, "finish_reason": None}]}))
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        half = out[:len(out) // 2]
        if fault == "cut":
            self.wfile.write("".join(half).encode())
            self.wfile.flush()
            raise Broken
        if fault == "malformed":
            out = half + [prefix + '{"choices": [{"delta": {"conte' + end + between]
        elif fault == "array":
            out = half + [event("[1]")]
        elif fault == "half_json":
            out = half + [prefix + '{"choices": [']
        elif fault == "error_event":
            out = half + ["event: error" + end + event({"error": {"message": "engine died", "code": 500}})]
        elif fault == "empty":
            out = []
        elif fault == "usage_only":
            out = [event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}), event("[DONE]")]
        elif fault == "abort":
            out += [event({"choices": [{"index": 0, "delta": {}, "finish_reason": "abort"}]}), event("[DONE]")]
        elif fault == "filter":
            out += [event({"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}), event("[DONE]")]
        elif fault == "no_finish":
            out.append(event("[DONE]"))
        else:
            out += [event(last), event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 12}})]
            if fault != "no_done":
                out.append(event("[DONE]"))
        data = "".join(out).encode()
        for i in range(0, len(data), 7 if fault == "split" else len(data) or 1):
            self.wfile.write(data[i:i + 7] if fault == "split" else data)
            self.wfile.flush()


def serve(stub, port=0):
    """Starts it on a thread; returns the server, whose server_port tells where."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), type("BoundHandler", (Handler,), {"stub": stub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = serve(Stub(), parser.parse_args().port)
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
