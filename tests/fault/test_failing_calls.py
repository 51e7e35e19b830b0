# SPDX-License-Identifier: Apache-2.0
"""Every call of the system may fail: one after another does, once or from then on, while a server is used.  It never dies of it, what it
acknowledged stands after kill -9, and when calls succeed again, it works again."""
import errno
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live as support  # noqa: E402
import tiny_gguf  # noqa: E402
from openai_stub import Stub, serve  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
FULL = bool(os.environ.get("ASSAY_FULL"))
N_EACH = 4  # positions of one kind that are tried, of some hundreds; --full: all, of allocations 400
KINDS = {"open": 1, "read": 2, "write": 4, "sync": 8, "name": 16, "socket": 32, "process": 64, "alloc": 128}
ERRORS = {"open": errno.EMFILE, "read": errno.EIO, "write": errno.ENOSPC, "sync": errno.EIO, "name": errno.EIO, "socket": errno.EMFILE,
          "process": errno.EAGAIN, "alloc": errno.ENOMEM}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = tmp_path_factory.mktemp("calls") / "failing_calls.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", made, support.ROOT / "tests/support/failing_calls.c", "-ldl"], check=True)
    return made


@pytest.fixture(scope="module")
def provider():
    stub = Stub()
    running = serve(stub)
    yield f"http://127.0.0.1:{running.server_port}/v1"
    running.shutdown()
    running.server_close()


class Calls:
    """What failing_calls.c reads: which calls are counted, and which of them fail."""

    def __init__(self, folder, library):
        self.path, self.library = folder / "calls", library
        self.tell()

    def tell(self, kinds=0, fail_at=0xffffffff, sticky=False, error=0):
        with open(self.path, "r+b" if self.path.exists() else "wb") as out:
            # `kinds` last: what is counted is counted from here on.
            out.write(struct.pack("<I", 0))
            out.flush()
            out.write(struct.pack("<IIIiI", 0, fail_at, sticky, error, 0))
            out.flush()
            out.seek(0)
            out.write(struct.pack("<I", kinds))

    def seen(self):
        """How many calls were counted, and how many failed."""
        _, count, _, _, _, failed = struct.unpack("<IIIIiI", self.path.read_bytes())
        return count, failed

    def env(self):
        return {**os.environ, "LD_PRELOAD": str(self.library), "FAILING_CALLS": str(self.path)}


class User:
    """Does what one does with a server, and remembers what was acknowledged; each refusal must be a sentence."""

    def __init__(self, server, folder, provider, patience_s=60, ends=(None,)):
        self.ends = ends  # how the server may have ended
        self.server, self.folder, self.provider, self.patience_s = server, folder, provider, patience_s
        self.models, self.sets, self.spaces, self.answers, self.liked, self.refused = set(), set(), set(), {}, {}, []

    def call(self, method, path, body=None, raw=False):
        try:
            return self.server.call(method, path, body, raw=raw, timeout=self.patience_s)
        except support.Refused as refused:
            problem = json.loads(refused.body)["error"]
            assert problem["code"] and problem["message"], refused
            self.refused.append(problem)
        except support.ServerGone as gone:  # it had no descriptor for the connection, or no memory
            assert self.server.process.poll() in self.ends, gone
            self.refused.append({"message": str(gone)})
        return None

    def use(self):
        if made := self.call("POST", "/models", {"path": str(tiny_gguf.gguf(self.folder / "one.gguf"))}):
            self.models |= set(made["model_ids"])
        if made := self.call("POST", "/question-sets", {"name": "two", "questions": ["One?", "Two?"]}):
            self.sets.add(made["id"])
        self.call("GET", "/models")
        self.call("GET", "/status")
        known = self.call("GET", "/providers") or {"providers": []}
        mine = [p for p in known["providers"] if p["url"] == self.provider]
        found = mine[0] if mine else self.call("POST", "/providers", {"kind": "openai", "url": self.provider, "key": "sk-planted"})
        column = found and self.call("POST", f"/providers/{found['id']}/models/use", {"name": "small"})
        if column:
            self.ask(column["id"])
            self.work(column["id"])

    def ask(self, column):
        body = {"columns": [{"model_id": column}], "questions": ["One?", "Two?", "Three?"], "params": {"max_tokens": 8}}
        run = self.call("POST", "/runs", body)
        cells, deadline = [], time.monotonic() + self.patience_s
        while run and time.monotonic() < deadline:
            now = self.call("GET", f"/runs/{run['id']}")
            page = self.call("GET", f"/runs/{run['id']}/questions")
            cells = [c for q in page["questions"] for c in q["cells"]] if page else cells
            if now and now["state"] not in ("waiting", "running"):
                break
            time.sleep(0.02)
        for cell in cells:
            if cell["state"] == "done":
                self.answers[cell["id"]] = cell["text"]
                if self.call("PUT", f"/cells/{cell['id']}/vote", {"liked": True}):
                    self.liked[cell["id"]] = run["id"]
        if run:
            for form in ("csv-excel", "jsonl", "html"):
                self.call("GET", f"/runs/{run['id']}/export?format={form}&lang=en", raw=True)
            self.call("POST", f"/runs/{run['id']}/panels", {"title": "Which one?"})

    def work(self, column):
        """The rest of the house: a file of questions, a workspace with a document and a chat, a key."""
        if file := self.call("POST", "/uploads?name=q.json", json.dumps(["Four?", "Five?"]).encode()):
            if made := self.call("POST", "/question-sets", {"upload": file["upload"], "name": "of a file"}):
                self.sets.add(made["id"])
        space = self.call("POST", "/workspaces", {"name": "Work", "model_id": column})
        if space:
            self.spaces.add(space["id"])
            text = self.call("POST", "/uploads?kind=document&name=rules.txt", b"Trains are allowed.\n\nHotels are not.\n")
            if text and self.call("POST", f"/workspaces/{space['id']}/documents", {"upload": text["upload"]}):
                self.call("GET", f"/workspaces/{space['id']}/search?q=hotels")
            chat = self.call("POST", f"/workspaces/{space['id']}/chats", {})
            said = chat and self.call("POST", f"/chats/{chat['id']}/messages", {"text": "One?"})
            deadline = time.monotonic() + self.patience_s
            while said and time.monotonic() < deadline:
                now = self.call("GET", f"/messages/{said['assistant']['id']}")
                if now and now["state"] != "streaming":
                    break
                time.sleep(0.02)
        if key := self.call("POST", "/api-keys", {"name": "script"}):
            self.call("DELETE", f"/api-keys/{key['id']}")

    def check(self, server):
        """What was acknowledged is there."""
        assert self.models <= {m["id"] for m in server.call("GET", "/models")["models"]}, "an acknowledged model is lost"
        assert self.sets <= {s["id"] for s in server.call("GET", "/question-sets")["question_sets"]}, "an acknowledged question set is lost"
        assert self.spaces <= {w["id"] for w in server.call("GET", "/workspaces")["workspaces"]}, "an acknowledged workspace is lost"
        cells = {c["id"]: c for run in set(self.liked.values()) for c in server.cells(run)}
        for number in self.liked:
            assert cells[number]["liked"] and cells[number]["text"] == self.answers[number], "an acknowledged vote or answer is lost"


def started(folder, calls):
    return support.Live(folder / "data", env=calls.env()).start()


def count(folder, library, provider, name):
    """How many calls of that kind the use of a server takes."""
    folder.mkdir()
    calls = Calls(folder, library)
    server = started(folder, calls)
    calls.tell(KINDS[name])
    user = User(server, folder, provider)
    user.use()
    n = calls.seen()[0]
    server.stop()
    assert not user.refused and len(user.liked) == 3, user.refused
    return n


def fail(folder, library, provider, name, at, sticky):
    calls = Calls(folder, library)
    server = started(folder, calls)
    calls.tell(KINDS[name], at, sticky, ERRORS[name])
    # Without memory for its own small things it ends, and says so; libraries are told, and pass it on.
    ends = (None, -signal.SIGABRT) if name == "alloc" else (None,)
    user = User(server, folder, provider, 0.5 if name == "socket" else 2, ends)  # whom nobody takes waits in vain
    user.use()
    n_failed = calls.seen()[1]
    calls.tell()
    try:
        server.call("GET", "/status")
        server.kill()
    except support.ServerGone:
        assert server.process.wait(20) in ends, f"the server died with {server.process.returncode}"
    again = support.Live(folder / "data").start()
    user.check(again)
    fresh = User(again, folder, provider)
    fresh.use()
    assert not fresh.refused and len(fresh.liked) == 3, fresh.refused
    # Of uploads nothing stays for longer than a day.
    left = [str(p) for p in (folder / "data").rglob("*") if p.suffix in (".part", ".tmp", ".new") and p.parent.name != "uploads"]
    assert not left, left
    again.stop()
    checked = subprocess.run([support.ASSAY, "doctor", "--data", folder / "data"], capture_output=True, text=True)
    assert "damaged" not in checked.stdout + checked.stderr, checked
    return n_failed, user.refused


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "from-then-on"])
@pytest.mark.parametrize("name", list(KINDS))
def test_a_call_that_fails_costs_at_most_what_was_asked(tmp_path, library, provider, name, sticky):
    n = count(tmp_path / "count", library, provider, name)
    last = max(1, n * 2 // 3)  # some calls come by chance, so a later place may not be reached
    places = range(1, n + 1, max(1, n // 400)) if FULL else sorted(random.Random(f"{name}{sticky}").sample(range(1, last + 1), min(last, N_EACH)))
    n_failed, n_refused = 0, 0
    for at in places:
        folder = tmp_path / f"{name}-{at}"
        folder.mkdir()
        try:
            failed, refused = fail(folder, library, provider, name, at, sticky)
        except BaseException as wrong:
            raise AssertionError(f"{name} {at} of {n}{' and later' if sticky else ''}") from wrong
        n_failed, n_refused = n_failed + failed, n_refused + len(refused)
    print(f"{name}: {len(places)} of {n} places, {n_failed} calls failed, {n_refused} requests refused")
    assert n_failed >= len(places) // 2, "the calls that were to fail did not come"


def test_those_who_come_after_a_connection_that_could_not_be_taken_are_taken(tmp_path, library):
    """While another one stays open: the library stopped listening until one of its connections ended."""
    calls = Calls(tmp_path, library)
    server = started(tmp_path, calls)
    held = support.UnixConnection(server.data / "assay.sock", 20)
    held.request("GET", "/api/v1/status")
    assert held.getresponse().read()
    calls.tell(KINDS["socket"], 1, False, errno.EMFILE)
    with pytest.raises(support.ServerGone):
        server.call("GET", "/status", timeout=20)
    assert calls.seen()[1] == 1
    assert server.call("GET", "/status", timeout=20)["version"]
    held.request("GET", "/api/v1/status")
    assert held.getresponse().read()
    held.close()
    server.stop()


@pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")
def test_a_run_whose_worker_cannot_be_started_says_why_and_goes_on_later(tmp_path, library):
    calls = Calls(tmp_path, library)
    server = started(tmp_path, calls)
    model = server.call("POST", "/models", {"path": MODEL})["model_ids"][0]
    calls.tell(KINDS["process"], 1, True, ERRORS["process"])  # as where `ulimit -u` is reached
    body = {"columns": [{"model_id": model}], "questions": ["One?", "Two?"], "params": {"max_tokens": 4}}
    run = server.call("POST", "/runs", body)["id"]
    assert server.wait_run(run)["state"] == "done" and calls.seen()[1] > 0
    calls.tell()
    problems = [cell["problem"] for cell in server.cells(run)]
    assert [p["key"] for p in problems] == ["err_worker_room"] * 2 and "ulimit" in problems[0]["hint"], problems
    server.call("POST", f"/runs/{run}/retry")
    server.wait_run(run)
    assert all(cell["state"] == "done" for cell in server.cells(run)), server.cells(run)
    server.stop()
