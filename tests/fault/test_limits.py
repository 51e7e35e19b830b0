# SPDX-License-Identifier: Apache-2.0
"""A full disk, files that are too large or made to hurt, and too many clients: what is refused is refused with a sentence, and
the server goes on."""
import http.client
import json
import os
import pathlib
import random
import re
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import gguf_places  # noqa: E402
import hub_stub  # noqa: E402
import live as support  # noqa: E402
import chaos  # noqa: E402
import tiny_gguf  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
FULL = bool(os.environ.get("ASSAY_FULL"))
needs_model = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")
MIB = 1 << 20


@pytest.fixture
def server(tmp_path):
    live = support.Live(tmp_path / "data").start()
    yield live
    assert live.process.poll() is None, "the server died"
    live.stop()


def refusal(call, *args, **more):
    """What a call is refused with: the status, and the problem in English."""
    with pytest.raises(support.Refused) as refused:
        call(*args, **more)
    return refused.value.status, json.loads(refused.value.args[0].partition(": ")[2])["error"]


class Watch(threading.Thread):
    """Asks for the status again and again while something heavy goes on: how long the slowest reply took, and the peak memory."""

    def __init__(self, live):
        super().__init__(daemon=True)
        self.live, self.ended, self.slowest, self.n = live, False, 0, 0
        pathlib.Path(f"/proc/{live.process.pid}/clear_refs").write_text("5")  # the peak counts from now on
        self.before = self.peak()

    def peak(self):
        return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{self.live.process.pid}/status").read_text())[1]) // 1024

    def run(self):
        while not self.ended:
            start = time.monotonic()
            self.live.call("GET", "/status")
            self.slowest, self.n = max(self.slowest, time.monotonic() - start), self.n + 1
            time.sleep(0.01)

    def __enter__(self):
        self.start()
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began
        self.ended = True
        self.join(60)
        self.rise = self.peak() - self.before
        assert self.n > 0 and not self.is_alive()

    def __str__(self):
        return f"{self.seconds:.1f} s, {self.rise} MiB more at the peak, slowest of {self.n} other replies {self.slowest * 1000:.0f} ms"


# --- the disk ---

@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount the small disk")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", place], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"the small disk cannot be mounted: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(place):
    """Takes the last byte; returns how many bytes it took."""
    taken, block = 0, b"\0" * 65536
    with open(place / f"filler{time.monotonic_ns()}", "wb", buffering=0) as out:
        while block:
            try:
                taken += out.write(block)
            except OSError:
                block = block[:len(block) // 2]
    return taken


def empty(place):
    for filler in place.glob("filler*"):
        filler.unlink()


def use_up(server, disk, cells, liked):
    """Fills the disk until a vote is refused; notes those that were taken.  Returns the refusal and that vote."""
    rng = random.Random(3)
    for _ in range(5000):  # the reserve is given up, then it is used up
        fill(disk)
        cell, like = rng.choice(cells), rng.random() < 0.5
        try:
            server.call("PUT", f"/cells/{cell}/vote", {"liked": like})
            liked[cell] = like
        except support.Refused as refused:
            return refused, cell, like
    raise AssertionError("the disk was full, and every vote was taken")


def wait_download(server, number, *states):
    deadline = time.monotonic() + 60
    while (download := server.call("GET", f"/downloads/{number}"))["state"] not in states:
        assert time.monotonic() < deadline, download
        time.sleep(0.02)
    return download


def test_a_download_tells_of_a_disk_that_is_too_small_or_fills_up_and_goes_on_when_there_is_room(small_disk, tmp_path):
    hub = hub_stub.Stub()
    address = f"http://127.0.0.1:{hub_stub.serve(hub).server_port}"
    hub.reset({"models": {"org/name": {"files": {"big.gguf": {"random": 40 * MIB}, "bigger.gguf": {"random": 1, "size": 190 * MIB}}}},
               "faults": [{"at": "cdn", "do": "slow", "ms": 1, "stall": 6 * MIB}]})
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING_FACE"))}
    server = support.Live(small_disk / "data", env={**kept, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path)}).start()
    try:
        number = server.call("POST", "/downloads", {"model": "org/name:bigger.gguf"})["id"]
        assert wait_download(server, number, "failed")["problem"]["key"] == "err_hub_space"
        assert len(hub.requests) == 1, "its bytes were asked for although there is no room"
        number = server.call("POST", "/downloads", {"model": "org/name:big.gguf"})["id"]
        while server.call("GET", f"/downloads/{number}")["have_bytes"] < 5 * MIB:
            time.sleep(0.01)
        fill(small_disk)
        hub.go.set()
        failed = wait_download(server, number, "failed", "done")
        assert failed["state"] == "failed" and failed["problem"]["key"] == "err_disk_full" and failed["problem"]["hint"]
        empty(small_disk)
        server.call("POST", f"/downloads/{number}/resume")
        done = wait_download(server, number, "failed", "done")
        assert done["state"] == "done" and pathlib.Path(done["path"]).read_bytes() == hub.models["org/name"].files["big.gguf"].data
        assert [r["range"] is not None for r in hub.requests if r["server"] == "cdn"] == [False, True], "what was there was fetched again"
    finally:
        server.stop()


def test_converted_models_that_nobody_uses_give_way_on_a_full_disk(small_disk, tmp_path):
    server = support.Live(small_disk / "data").start()
    try:
        cache = small_disk / "data/cache/models"
        cache.mkdir(parents=True)
        for name, age in (("old", 3000), ("older", 4000)):
            (cache / f"{name}.gguf").write_bytes(b"\0" * (70 * MIB))
            os.utime(cache / f"{name}.gguf", (time.time() - age,) * 2)
        path = tiny_gguf.gguf(tmp_path / "tiny.gguf")
        model = server.call("POST", "/models", {"path": str(path)})["model_ids"][0]
        run = server.call("POST", "/runs", {"columns": [{"model_id": model}], "questions": [{"text": "Why?"}],
                                            "params": {"weights": "q8_0"}})
        server.wait_run(run["id"])
        assert len(list(cache.glob("*.gguf"))) == 2 and (cache / "old.gguf").exists() and not (cache / "older.gguf").exists()
    finally:
        server.stop()


@needs_model
def test_a_full_disk_refuses_with_a_sentence_and_loses_nothing(small_disk):
    server = support.Live(small_disk / "data").start()
    try:
        full_disk(server, small_disk)
    finally:
        server.stop()


def full_disk(server, disk):
    ids = support.add_demo(server, MODEL)
    whole = server.wait_run(chaos.new_run(server, ids)["id"])
    expected, answers, liked = chaos.texts(server, whole["id"]), chaos.Answers(), {}
    cells = [cell["id"] for cell in server.cells(whole["id"])]
    run = chaos.new_run(server, ids)
    while not any(cell["state"] == "done" for cell in server.cells(run["id"])):
        time.sleep(0.02)
    refused, cell, like = use_up(server, disk, cells, liked)
    error = json.loads(refused.args[0].partition(": ")[2])["error"]
    assert error["key"] == "err_disk_full" and "disk is full" in error["message"] and error["hint"]
    print(f"{len(liked)} votes taken on a full disk; then {refused.status}: {error['message']} {error['hint']}")
    with pytest.raises(support.Refused) as chinese:
        server.call("PUT", f"/cells/{cell}/vote", {"liked": like}, headers={"Accept-Language": "zh-TW"})
    assert "磁碟" in chinese.value.args[0]
    for method, path, body in (("POST", "/runs", {"columns": [{"model_id": ids[0]}], "questions": ["x"]}),
                               ("POST", "/question-sets", {"name": "s", "questions": ["x"]}),
                               ("POST", "/uploads?name=q.txt", b"a question\n" * 100000)):
        status, error = refusal(server.call, method, path, body)
        assert error["key"] == "err_disk_full", (path, error)
    assert server.call("GET", f"/runs/{whole['id']}")["n_done"] == whole["n_cells"], "reading goes on"
    assert [c["state"] for c in server.call("GET", "/doctor")["checks"] if c["name"] == "disk"] == ["fail"]
    stopped = server.wait_run(run["id"], 60)
    assert stopped["state"] == "interrupted" and stopped["n_failed"] == 0, "answers that cannot be stored wait"
    answers.check(server.cells(run["id"]))
    assert stopped["problem"]["key"] == "err_disk_full" and stopped["problem"]["hint"], "the run says why, although nothing can be stored"
    # Room again: everything works as before, without a restart.
    empty(disk)
    server.call("PUT", f"/cells/{cell}/vote", {"liked": like})
    liked[cell] = like
    shown = subprocess.run([support.ASSAY, "runs", "show", str(run["id"]), "--data", server.data], capture_output=True, text=True, check=True)
    assert "disk is full" in shown.stderr
    server.call("POST", f"/runs/{run['id']}/resume")
    ended = server.wait_run(run["id"])
    assert "problem" not in ended
    assert ended["n_done"] == ended["n_cells"] and not ended["drifted"] and chaos.texts(server, run["id"]) == expected
    answers.check(server.cells(run["id"]))
    server.kill()
    server.start()
    for row in server.cells(whole["id"]):
        assert row["liked"] == liked.get(row["id"], False), "an acknowledged vote is lost"
    answers.check(server.cells(run["id"]))


@needs_model
def test_an_automatic_validation_that_a_full_disk_ends_is_not_running_for_ever(small_disk):
    server = support.Live(small_disk / "data").start()
    try:
        support.add_demo(server, MODEL)
        family = server.call("GET", "/models")["families"][0]["id"]
        questions = [f"What is {n} plus {n}?" for n in range(24)]
        made = server.call("POST", "/selections", {"family_id": family, "questions": questions, "params": {"max_tokens": 48}})
        while not any(cell["state"] == "done" for cell in server.cells(made["run_id"])):
            time.sleep(0.02)
        use_up(server, small_disk, [cell["id"] for cell in server.cells(made["run_id"]) if cell["state"] == "done"], {})
        server.wait_run(made["run_id"], 60)
        empty(small_disk)
        ended = wait_selection(server, made["id"], "failed")
        assert ended["problem"]["key"] == "err_disk_full" and ended["problem"]["hint"]
        server.call("POST", f"/selections/{made['id']}/resume")
        wait_selection(server, made["id"], "done")
    finally:
        server.stop()


def wait_selection(server, number, state, limit_s=240):
    deadline = time.monotonic() + limit_s
    while (found := server.call("GET", f"/selections/{number}"))["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


# --- large files ---

def test_a_million_lines_are_refused_with_the_limit(server):
    text = "".join(f"What is the number {n}?\n" for n in range(1_000_000)).encode()
    with Watch(server) as watch:
        status, error = refusal(server.call, "POST", "/uploads?name=million.txt", text)
    print(f"{len(text) / MIB:.0f} MiB of 1,000,000 questions: {watch}; {status}: {error['message']} {error['hint']}")
    assert status == 413 and "1000000" in error["message"] and "200000" in error["message"] and error["hint"]
    assert watch.rise < 256 and watch.slowest < 5
    assert not list((server.data / "uploads").iterdir()), "the refused file was kept"


def test_as_many_questions_as_are_allowed_are_taken(server):
    text = "".join(f"What is the number {n}?\n" for n in range(200_000)).encode()
    with Watch(server) as watch:
        found = server.call("POST", "/uploads?name=many.txt", text)
        assert found["n_total"] == 200_000
        stored = server.call("POST", "/question-sets", {"upload": found["upload"], "name": "many"})
    print(f"{len(text) / MIB:.0f} MiB of 200,000 questions read and stored: {watch}")
    assert stored["n_questions"] == 200_000
    assert watch.rise < 256 and watch.slowest < 5


HOSTILE_JSON = {  # beginning, what is repeated up to 64 MiB, end
    "empty lists": (b"[", b"[],", b"[]]"),
    "open brackets": (b"", b"[", b""),
    "objects": (b"[", b"{},", b"{}]"),
    "one long string": (b'["', b"a", b'"]'),
    "one long object": (b'[{"question":"a"', b',"a":1', b"}]"),
    "commas": (b"", b",", b""),
    "quotation marks": (b"", b'"', b""),
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_64_mib_that_are_made_to_hurt_cost_little(server, name):
    begin, again, end = HOSTILE_JSON[name]
    text = begin + again * ((64 * MIB - len(begin + end)) // len(again)) + end
    with Watch(server) as watch:
        try:
            found = server.call("POST", "/uploads?name=q.json", text, timeout=300)
            told = f"{found['n_total']} questions, {found['n_problems']} problems: {found['problems'][:1]}"
        except support.Refused as refused:
            error = json.loads(refused.args[0].partition(": ")[2])["error"]
            assert refused.status < 500 and error["message"], error
            told = f"{refused.status}: {error['message']} {error.get('hint', '')}"
    print(f"64 MiB of {name}: {watch}; {told[:300]}")
    assert watch.seconds < 60 and watch.rise < 320 and watch.slowest < 5


def test_one_byte_more_than_64_mib_is_refused_at_once(server):
    status, error = refusal(server.call, "POST", "/uploads?name=q.txt", b"a" * (64 * MIB + 1))
    assert status == 413 and str(64 * MIB) in error["message"], error


# --- models that are made to hurt ---

def hostile_model(path, head, tensors, size, rng):
    """A copy of the demo's model whose header has a few wrong bytes and whose weights are holes."""
    broken = bytearray(head)
    for _ in range(rng.choice([1, 1, 2, 4])):
        # Half of them in the first keys and the list of tensors, where every byte means something.
        where = rng.choice([(24, 2000), (tensors, len(head)), (24, len(head))])
        broken[rng.randrange(*where)] = rng.choice([0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)])
    with open(path, "wb") as out:
        out.write(broken)
        out.truncate(size)
    return path


@needs_model
def test_models_that_are_made_to_hurt_never_hurt_the_server(server, tmp_path):
    rng, size = random.Random(29), os.path.getsize(MODEL)
    with open(MODEL, "rb") as model:
        start = model.read(8 * MIB)
    places = gguf_places.Places(start)
    ids, refused = [], 0
    for n in range(1000 if FULL else 120):
        path = hostile_model(tmp_path / f"hostile{n}.gguf", start[:places.end], places.list, size, rng)
        done = subprocess.run([support.ASSAY, "models", "add", path, "--data", server.data, "--json"], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode in (0, 4), done.stderr
        reply = json.loads(done.stdout)
        if done.returncode == 0 and reply["model_ids"]:
            ids += reply["model_ids"]
        else:
            assert reply.get("error", {}).get("message") or reply["refusals"][0]["problem"]["message"]
            refused += 1
    assert len(ids) >= 20, "none came as far as a worker"
    states, told = {}, {}
    for at in range(0, len(ids) if FULL else 32, 16):
        run = server.call("POST", "/runs", {"columns": [{"model_id": i} for i in ids[at:at + 16]], "questions": ["Hello"],
                                            "params": {"max_tokens": 2}})
        run = server.wait_run(run["id"], 600)
        assert run["state"] == "done"
        for column in run["columns"]:
            states[column["state"]] = states.get(column["state"], 0) + 1
            if column["state"] == "failed":
                assert column["problem"]["message"]
                told[column["problem"]["key"]] = told.get(column["problem"]["key"], 0) + 1
    print(f"{refused} of {refused + len(ids)} refused before a worker saw them; columns {states}, failed with {told}")
    good = server.call("POST", "/models", {"path": MODEL})["model_ids"]
    run = server.call("POST", "/runs", {"columns": [{"model_id": good[0]}], "questions": ["Hello"], "params": {"max_tokens": 2}})
    assert server.wait_run(run["id"])["n_done"] == 1, "the server still answers with a good model"


# --- clients ---

def login(live):
    """Cookie and key of a session over TCP."""
    code = live.call("POST", "/session/code")["code"]
    port = int(re.search(r":(\d+)/", live.link)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/api/v1/session", json.dumps({"code": code}), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    key = json.loads(reply.read())["key"]
    return port, {"Cookie": reply.headers["Set-Cookie"].split(";")[0], "X-Assay": key}


def head(method, path, headers, **more):
    lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: localhost"] + [f"{k}: {v}" for k, v in {**headers, **more}.items()]
    return ("\r\n".join(lines) + "\r\n").encode()


def test_fifty_slow_clients_disturb_nobody(server):
    """Heads that come byte by byte, bodies that come byte by byte, and readers that do not read."""
    port, session = login(server)
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for i, s in enumerate(sockets):
        s.setblocking(False)
        if i % 3 == 1:
            s.send(head("POST", "/uploads?name=q.txt", session, **{"Content-Type": "application/octet-stream", "Content-Length": "1000000"}) + b"\r\n")
        elif i % 3 == 2:
            s.send((head("GET", "/status", session) + b"\r\n") * 50)
    ended = set()
    with Watch(server) as watch:
        until = time.monotonic() + 40
        while len(ended) < 34 and time.monotonic() < until:
            for i, s in enumerate(sockets):
                try:
                    if i % 3 != 2 and i not in ended:
                        s.send(b"G")
                except OSError:
                    ended.add(i)
            assert server.call("GET", "/runs")["runs"] == []
            time.sleep(0.5)
    print(f"50 slow clients: {watch}; {len(ended)} cut off")
    assert len(ended) == 34, "slow heads and bodies are cut off"
    assert watch.slowest < 5 and watch.rise < 64
    assert not list((server.data / "uploads").iterdir()), "a broken upload was kept"
    for s in sockets:
        s.close()


def test_the_two_hundred_and_first_event_stream_is_told_so(server):
    port, session = login(server)

    def stream():
        s = socket.create_connection(("127.0.0.1", port), timeout=20)
        s.sendall(head("GET", "/events", session) + b"\r\n")
        text = b""
        while b"\r\n\r\n" not in text:
            text += s.recv(4096)
        return s, text

    with Watch(server) as watch:
        streams = [stream() for _ in range(200)]
        assert all(text.startswith(b"HTTP/1.1 200") for _, text in streams)
        late, text = stream()
        assert text.startswith(b"HTTP/1.1 503"), text
        while b"}" not in text:
            text += late.recv(4096)
        assert b"200 pages are already connected" in text
        server.call("POST", "/question-sets", {"name": "s", "questions": ["x"]})
    print(f"200 event streams: {watch}")
    for s, _ in streams[:10]:
        s.close()
    until = time.monotonic() + 20
    while True:  # the server looks once a second who has gone
        again, text = stream()
        again.close()
        if text.startswith(b"HTTP/1.1 200"):
            break
        assert time.monotonic() < until, "no room was made"
        time.sleep(0.2)
    for s, _ in streams[10:]:
        s.close()
    late.close()


# --- few descriptors ---

def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(live):
    return len(os.listdir(f"/proc/{live.process.pid}/fd"))


def asked_over_tcp(port, session):
    """The status of a reply, None where the connection was closed instead."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v1/status", headers=session)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_too_few_descriptors_are_told_at_the_start(tmp_path):
    done = subprocess.run(["sh", "-c", 'ulimit -n 40; exec "$@"', "sh", support.ASSAY, "serve", "--data", tmp_path / "data",
                           "--port", str(support.free_port())], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "Only 40 files" in done.stderr and "ulimit -n" in done.stderr, done
    assert not done.stdout


@pytest.mark.parametrize("files", [64, 256])
def test_with_few_descriptors_new_clients_are_sent_away_and_nothing_spins(tmp_path, files):
    live = support.Live(tmp_path / "data", files=files).start()
    try:
        port, session = login(live)
        clients = []
        for _ in range(2 * files):
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            try:
                client.sendall(head("GET", "/events", session) + b"\r\n")
            except OSError:
                pass  # it was sent away already
            clients.append(client)
        used = cpu_s(live.process.pid)
        time.sleep(2)
        used = (cpu_s(live.process.pid) - used) / 2
        print(f"{files} descriptors, {len(clients)} clients: {descriptors(live)} in use, {100 * used:.0f} % of a processor")
        assert used < 0.2, "it spins"
        assert live.call("GET", "/status", timeout=5), "who sits at the machine gets in"
        found = live.call("POST", "/uploads?name=q.txt", b"one\ntwo\n", timeout=5)
        assert live.call("POST", "/question-sets", {"upload": found["upload"], "name": "s"})["n_questions"] == 2
        for client in clients:
            client.close()
        until = time.monotonic() + 20
        while asked_over_tcp(port, session) != 200:  # the server looks once a second who has gone
            assert time.monotonic() < until, "clients do not get in again"
            time.sleep(0.1)
    finally:
        live.stop()


def lowest_free(live):
    """The lowest number that no descriptor has, once no connection is being closed any more."""
    used, since = set(), time.monotonic()
    while time.monotonic() - since < 2:
        now = {int(name) for name in os.listdir(f"/proc/{live.process.pid}/fd")}
        if now != used:
            used, since = now, time.monotonic()
        time.sleep(0.05)
    return next(n for n in range(len(used) + 1) if n not in used)


def test_when_the_last_descriptor_is_gone_nothing_spins_and_it_recovers(tmp_path):
    """Taken away from outside: the limit is lowered to what is in use."""
    live = support.Live(tmp_path / "data").start()
    try:
        port, session = login(live)
        before = resource.prlimit(live.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(live.process.pid, resource.RLIMIT_NOFILE, (lowest_free(live), before[1]))
        waiting = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(5)]
        with pytest.raises(support.ServerGone):
            live.call("GET", "/status", timeout=5)
        used = cpu_s(live.process.pid)
        time.sleep(2)
        assert cpu_s(live.process.pid) - used < 0.4, "it spins"
        resource.prlimit(live.process.pid, resource.RLIMIT_NOFILE, before)
        assert live.call("GET", "/status", timeout=5), "it does not recover"
        assert asked_over_tcp(port, session) == 200
        for client in waiting:
            client.close()
    finally:
        live.stop()
