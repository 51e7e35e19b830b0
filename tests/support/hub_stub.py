#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hub_stub - a server that behaves like a model hub, as far as a downloader can see, and a second one where its files lie.

    hub_stub.py [--port 0]      prints its port, then serves until its input ends

POST /stub/reset {"models": {"org/name": {...}}, "faults": [...], "token": "..."} sets what there is:

    model: files {path: {"text" | "random": bytes with "seed" | "file": path, "sha256", "size", "etag": other than the truth}},
           gated (false, "auto", "manual"), license, sha (the commit), private, raw (the text of its list), renamed (the new id),
           cdn: "other" (the second server, as hubs do), "same" (another path here), "" (no redirect)
    token: who sends it may have what is gated and private
    fault: {"at": "list" | "file" | "cdn", "do": ..., "path", "times": 1, "after": skip so many}
           do: status ("status", "code", "message", "retry_after"), cut (the connection breaks after "bytes"), slow ("ms" for
               each 64 KiB), chunked (no length), no_range, bad_range, corrupt (one byte), short and long (by "bytes"), etag
               (another one), redirect ("to"), close (no length, ends early after "bytes"); with "stall" it waits after so many
               bytes until POST /stub/go, or until the client has gone

GET /stub/state tells {"requests": [...], "cdn_port"}: who asked for what, with which key and range."""
import argparse
import hashlib
import http.server
import json
import pathlib
import random
import re
import socket
import sys
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BLOCK = 65536


class Broken(Exception):
    """The connection ends here."""


def git_name(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class File:
    def __init__(self, path, spec):
        if "text" in spec:
            self.data = spec["text"].encode()
        elif "file" in spec:
            self.data = pathlib.Path(spec["file"]).read_bytes()
        else:
            self.data = random.Random(spec.get("seed", path)).randbytes(spec["random"])
        self.sha256 = spec.get("sha256") or hashlib.sha256(self.data).hexdigest()
        self.size = spec.get("size", len(self.data))
        self.is_large = spec.get("lfs", path.endswith((".gguf", ".safetensors", ".bin")))
        self.etag = spec.get("etag") or '"%s"' % (self.sha256 if self.is_large else git_name(self.data))

    def entry(self, path):
        entry = {"rfilename": path, "size": self.size, "blobId": git_name(self.data)}
        if self.is_large:
            entry["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": 134}
        return entry


class Model:
    def __init__(self, name, spec):
        self.name, self.spec, self.sha = name, spec, spec.get("sha", COMMIT)
        self.files = {path: File(path, one) for path, one in spec.get("files", {}).items()}

    def info(self):
        if "raw" in self.spec:
            return self.spec["raw"].encode("utf-8", "surrogatepass")
        info = {"_id": "1", "id": self.name, "modelId": self.name, "sha": self.sha, "private": False, "disabled": False,
                "gated": self.spec.get("gated", False), "tags": ["license:mit", "gguf"], "downloads": 7,
                "siblings": [file.entry(path) for path, file in self.files.items()]}
        if "license" in self.spec:
            info["cardData"] = {"license": self.spec["license"]}
        return json.dumps(info).encode()


class Stub:
    def __init__(self):
        self.lock = threading.RLock()
        self.cdn_port = 0
        self.reset({})

    def reset(self, wanted):
        with self.lock:
            self.models = {name: Model(name, spec) for name, spec in wanted.get("models", {}).items()}
            self.faults, self.token, self.requests = wanted.get("faults", []), wanted.get("token"), []
            self.go = threading.Event()

    def fault(self, at, path):
        with self.lock:
            for f in self.faults:
                if f["at"] != at or f.get("times", 1) <= 0 or f.get("path") not in (None, path):
                    continue
                if f.get("after", 0) > 0:
                    f["after"] -= 1
                    continue
                f["times"] = f.get("times", 1) - 1
                return f
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stub: Stub
    where: str

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (Broken, ConnectionError, TimeoutError):
            self.close_connection = True
            try:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except OSError:
                pass

    # --- replies ---

    def reply(self, status, body=b"", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status, code, message, retry_after=None):
        headers = [("X-Error-Code", code), ("X-Error-Message", message)] if code else []
        if retry_after is not None:
            headers.append(("Retry-After", str(retry_after)))
        self.reply(status, {"error": message}, headers)

    def play(self, fault):
        """True where the request is over with it."""
        if not fault or fault["do"] not in ("status", "redirect", "drop"):
            return False
        if fault["do"] == "drop":
            raise Broken
        if fault["do"] == "redirect":
            self.reply(fault.get("status", 302), b"", [("Location", fault["to"])])
        else:
            self.refuse(fault["status"], fault.get("code", ""), fault.get("message", "no"), fault.get("retry_after"))
        return True

    # --- routes ---

    def do_POST(self):
        wanted = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/stub/reset":
            self.stub.reset(wanted)
        elif self.path == "/stub/go":
            self.stub.go.set()
        elif self.path == "/stub/faults":
            self.stub.faults = wanted["faults"]
        self.reply(200, {})

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        stub = self.stub
        if self.path == "/stub/state":
            self.reply(200, {"requests": stub.requests, "cdn_port": stub.cdn_port})
            return
        with stub.lock:
            stub.requests.append({"server": self.where, "method": self.command, "path": self.path, "range": self.headers.get("Range"),
                                  "authorization": self.headers.get("Authorization"), "if_range": self.headers.get("If-Range")})
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if self.where == "cdn":
            self.get_stored(path)
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self.get_list(*match.groups())
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.get_file(*match.groups())
        elif path.startswith("/stored/"):
            self.get_stored(path)
        else:
            self.reply(404, {"error": "not found"})

    def find(self, name, revision):
        """The model, or None where it was refused."""
        stub, model = self.stub, self.stub.models.get(name)
        known = self.headers.get("Authorization") == f"Bearer {stub.token}" if stub.token else False
        if self.headers.get("Authorization") and not known:
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif not model or (model.spec.get("private") and not known):
            self.refuse(404 if known else 401, "RepoNotFound", "Repository not found")
        elif revision not in ("main", "refs/pr/1", model.sha):
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif "renamed" in model.spec:
            self.reply(307, b"", [("Location", self.path.replace(name, model.spec["renamed"], 1))])
        else:
            return model
        return None

    def get_list(self, name, revision):
        if self.play(self.stub.fault("list", name)):
            return
        model = self.find(name, revision)
        if model:
            self.reply(200, model.info(), [("Content-Type", "application/json; charset=utf-8")])

    def get_file(self, name, revision, path):
        fault = self.stub.fault("file", path)
        if self.play(fault):
            return
        model = self.find(name, revision)
        if not model:
            return
        if model.spec.get("gated") and not (self.stub.token and self.headers.get("Authorization")):
            self.refuse(401, "GatedRepo", f"Access to model {name} is restricted. You must be authenticated to access it.")
        elif model.spec.get("gated") and model.spec.get("closed"):
            self.refuse(403, "GatedRepo", f"Access to model {name} is restricted and you are not in the authorized list.")
        elif path not in model.files:
            self.refuse(404, "EntryNotFound", "Entry not found")
        elif model.files[path].is_large and model.spec.get("cdn", "other"):
            stored = "/stored/" + urllib.parse.quote(f"{name}/{path}") + "?Signature=" + "s" * 600
            host = f"http://127.0.0.1:{self.stub.cdn_port}" if model.spec.get("cdn", "other") == "other" else ""
            file = model.files[path]
            self.reply(302, b"", [("Location", host + stored), ("X-Linked-Etag", f'"{file.sha256}"'), ("X-Linked-Size", str(file.size)),
                                  ("X-Repo-Commit", model.sha)])
        else:
            self.send_file(model.files[path], fault)

    def get_stored(self, path):
        name, file = re.fullmatch(r"/stored/([^/]+/[^/]+)/(.+)", path).groups()
        fault = self.stub.fault("cdn", file)
        if not self.play(fault):
            self.send_file(self.stub.models[name].files[file], fault)

    # --- bytes ---

    def wanted_range(self, file, etag, do):
        """Where to begin: 0 where the whole file is to be sent, None where there is nothing to send."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if not match or do == "no_range" or (self.headers.get("If-Range") or etag) != etag:
            return 0
        return int(match[1]) if int(match[1]) < len(file.data) else None

    def send_file(self, file, fault):
        do = fault["do"] if fault else ""
        data, etag = file.data, '"another"' if do == "etag" else file.etag
        start = self.wanted_range(file, etag, do)
        if start is None:
            self.reply(416, b"", [("Content-Range", f"bytes */{len(data)}")])
            return
        if do == "corrupt":
            at = start + fault.get("byte", 0)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        body = data[start:]
        if do == "short":
            body = body[:-fault.get("bytes", 1)]
        elif do == "long":
            body += b"x" * fault.get("bytes", 1)
        self.send_response(206 if start else 200)
        self.send_header("ETag", etag)
        if start:
            first = start + 1 if do == "bad_range" else start
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        if do == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif do == "close":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send_body(body, do, fault or {})

    def wait(self):
        self.wfile.flush()
        self.connection.settimeout(0.02)
        go = self.stub.go
        while not go.is_set():
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    raise Broken
            except TimeoutError:
                pass
        self.connection.settimeout(None)

    def send_body(self, body, do, fault):
        if do in ("cut", "close"):
            body = body[:fault["bytes"]]
        stall = fault.get("stall", len(body))
        for at in [*range(0, stall, BLOCK), *range(stall, len(body), BLOCK)]:
            if at == stall:
                self.wait()
            piece = body[at:min(at + BLOCK, stall if at < stall else len(body))]
            if do == "slow":
                time.sleep(fault["ms"] / 1000)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if do == "chunked" else piece)
        if do == "chunked":
            self.wfile.write(b"0\r\n\r\n")
        if do == "cut":
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.close_connection = True


def serve(stub, port=0):
    """Starts both on threads; returns the hub's, whose server_port tells where."""
    servers = []
    for where in ("cdn", "hub"):
        handler = type("BoundHandler", (Handler,), {"stub": stub, "where": where})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port if where == "hub" else 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    stub.cdn_port = servers[0].server_port
    return servers[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = serve(Stub(), parser.parse_args().port)
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
