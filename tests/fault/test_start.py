# SPDX-License-Identifier: Apache-2.0
"""Starting where it cannot work: another server, a used port, a folder that cannot be written, a database of the future."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live as support  # noqa: E402


def assay(*words, env=None):
    environment = {**os.environ, "LANG": "C.UTF-8", **(env or {})}
    return subprocess.run([support.ASSAY, *map(str, words)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env=environment)


def serve(data, *words, **more):
    return assay("serve", "--data", data, *words, **more)


def url(live):
    return live.link.partition("/#")[0]


@pytest.fixture
def first(tmp_path):
    live = support.Live(tmp_path / "data").start()
    yield live
    live.stop()


def test_a_second_server_names_the_first_one(first):
    second = serve(first.data)
    assert second.returncode == 3 and second.stdout == ""
    assert url(first) in second.stderr and str(first.process.pid) in second.stderr
    assert url(first) in serve(first.data, "--lang", "zh-TW").stderr
    problem = json.loads(serve(first.data, "--json").stdout)["error"]
    assert problem["code"] == "busy" and url(first) in problem["message"]
    assert first.call("GET", "/status")["version"], "the first one was not disturbed"


def test_of_eight_starts_at_once_one_wins_and_seven_say_so(tmp_path):
    data = tmp_path / "data"
    servers = [subprocess.Popen([support.ASSAY, "serve", "--data", data, "--port", str(support.free_port())], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for _ in range(8)]
    lines = [None] * 8

    def read(i):
        lines[i] = servers[i].stdout.readline()

    readers = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    winners = [s for s, line in zip(servers, lines) if line]
    assert len(winners) == 1
    winners[0].send_signal(signal.SIGTERM)
    for server in servers:
        _, complaints = server.communicate(timeout=60)
        assert server.returncode == (0 if server in winners else 3)
        assert server in winners or str(winners[0].pid) in complaints


def test_a_lock_of_a_dead_server_is_no_lock(first):
    first.kill()
    assert (first.data / "LOCK").exists() and (first.data / "assay.sock").exists()
    first.start()
    assert first.call("GET", "/status")["version"]


def test_a_used_port_is_named_or_stepped_over(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = serve(tmp_path / "a", "--port", port)
        assert done.returncode == 3 and str(port) in done.stderr and "used by another program" in done.stderr
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", 7878))
        except OSError:
            pass  # somebody else has it: as good
        else:
            other.listen()
        server = subprocess.Popen([support.ASSAY, "serve", "--data", tmp_path / "b"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True)
        line = server.stdout.readline()
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        assert 7878 < int(line.rpartition(":")[2].partition("/")[0]) <= 7887


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        done = serve(path)
        assert done.returncode in (3, 4) and str(tmp_path / "file") in done.stderr and done.stdout == ""
    assert (tmp_path / "file").read_text() == "no folder"


@pytest.fixture(params=["mode", "mount"])
def closed(request, tmp_path):
    """A folder that nobody can write into: for users by its mode, for root by its mount."""
    place = tmp_path / "closed"
    place.mkdir()
    if request.param == "mode":
        if os.geteuid() == 0:
            pytest.skip("root writes whatever the mode is")
        place.chmod(0o500)
        yield place
        place.chmod(0o700)
        return
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", place], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_folder_that_cannot_be_written_is_named(closed):
    for path in (closed, closed / "data"):
        done = serve(path)
        assert done.returncode == 3 and str(closed) in done.stderr and done.stdout == "", done
        assert assay("doctor", "--data", path).returncode == 3


def test_a_newer_database_is_left_alone(first):
    first.stop()
    with sqlite3.connect(first.data / "assay.db") as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute("PRAGMA user_version = 9999")
    db.close()
    before = (first.data / "assay.db").read_bytes()
    done = serve(first.data)
    assert done.returncode in (3, 4) and "9999" in done.stderr and str(version) in done.stderr and "newer" in done.stderr
    assert (first.data / "assay.db").read_bytes() == before
    assert assay("runs", "list", "--data", first.data).returncode == done.returncode


def test_a_damaged_database_is_not_used_and_not_changed(first):
    first.call("POST", "/question-sets", {"name": "s", "questions": [f"question {n}" for n in range(2000)]})
    first.stop()
    path = first.data / "assay.db"
    whole = bytearray(path.read_bytes())
    for at in range(4096, len(whole) - 64, 4096):
        whole[at:at + 64] = b"\xa5" * 64
    path.write_bytes(whole)
    done = serve(first.data)
    assert done.returncode in (3, 4) and done.stderr.strip() and done.stdout == ""
    assert path.read_bytes() == bytes(whole)


def test_the_doctor_finds_what_is_missing(first):
    checks = json.loads(assay("doctor", "--data", first.data, "--json").stdout)["checks"]
    by_name = {check["name"]: check for check in checks}
    assert by_name["worker"]["state"] == "ok" and url(first) in by_name["port"]["message"]
    assert {"sandbox", "memory", "disk", "worker", "port", "gpu"} <= set(by_name)
    first.stop()
    alone = first.data.parent / "bin"
    alone.mkdir()
    (alone / "assay").write_bytes(support.ASSAY.read_bytes())
    (alone / "assay").chmod(0o755)
    done = subprocess.run([alone / "assay", "doctor", "--data", first.data, "--json"], capture_output=True, text=True, timeout=60)
    by_name = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 3 and by_name["worker"]["state"] == "fail" and str(alone) in by_name["worker"]["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user of its own, whose processes are counted")
def test_a_user_who_may_have_few_threads_is_told_until_there_are_enough(few_rights):
    """From one thread upwards: first the server says which one it lacks, then a model program is not started, then it answers."""
    said = []
    for n in range(1, 40):
        ended = few_rights("ask", "What is the capital of France?", "--model", "model.gguf", n_threads=n)
        said.append(ended.stdout + ended.stderr)
        if ended.returncode == 0:
            break
        assert ended.returncode in (3, 4) and "ulimit -u" in said[-1] and "defect" not in said[-1], (n, ended)
    assert "Paris" in said[-1] and len(said) > 8, said
    for sentence in ("No thread could be started for store", "The machine had no room to start the model program",
                     "The model program got no more threads"):
        assert any(sentence in text for text in said), (sentence, said)


@pytest.fixture
def few_rights():
    """Runs the program as a user of its own who may have that many processes and threads."""
    model = os.environ.get("ASSAY_TEST_MODEL", "")
    if not os.path.exists(model):
        pytest.skip("ASSAY_TEST_MODEL names no file")
    user = 20000 + os.getpid() % 10000
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        shutil.copytree(support.ASSAY.parent, home / "bin", ignore=lambda _, names: [n for n in names if not re.fullmatch(r"assay(-worker)?|lib.*", n)])
        shutil.copy(model, home / "model.gguf")
        (home / "data").mkdir()
        for path in (home, home / "bin", home / "data", *(home / "bin").iterdir(), home / "model.gguf"):
            os.chown(path, user, user)

        def run(*words, n_threads):
            return subprocess.run(["setpriv", "--reuid", str(user), "--clear-groups", "prlimit", f"--nproc={n_threads}", home / "bin/assay",
                                   *words, "--data", home / "data"], capture_output=True, text=True, timeout=120, cwd=home,
                                  env={**os.environ, "LANG": "C.UTF-8", "HOME": str(home)})
        yield run
