# SPDX-License-Identifier: Apache-2.0
"""chaos - what the tests of kill -9 share: a busy user, the children of a process, and what must never be lost."""
import pathlib
import random
import signal
import threading
import time

import live as support

QUESTIONS = [f"Which CPU does the Kestrel K{n} use?" for n in range(24)]
PARAMS = {"max_tokens": 6}
SEED = 20


def new_run(server, ids, **more):
    return server.call("POST", "/runs", {"columns": [{"model_id": ids[0]}, {"model_id": ids[4]}], "questions": QUESTIONS,
                                         "params": PARAMS, "seed": SEED, **more})


def texts(server, run_id):
    """What every cell says, in the order of questions and columns."""
    return [(cell["state"], cell["text"]) for cell in server.cells(run_id)]


def children(pid):
    """Live children of a process."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if entry.name.isdigit() and int(parent) == pid and state != "Z":
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def kill_server(server):
    """kill -9; returns the children it had at that moment.  Stopped before, so that none is started in between."""
    server.process.send_signal(signal.SIGSTOP)
    stat = pathlib.Path(f"/proc/{server.process.pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] not in "Tt":
        time.sleep(0.001)
    workers = children(server.process.pid)
    server.kill()
    return workers


def check_gone(pids, limit_s=10):
    deadline = time.monotonic() + limit_s
    while any(support.alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not any(support.alive(pid) for pid in pids), "a worker outlived its server"


class User(threading.Thread):
    """Likes and unlikes answered cells and saves question sets as fast as the server takes it, and remembers what was
    acknowledged."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.random, self.pause = server, random.Random(7), threading.Lock()
        self.cells, self.liked, self.sets = [], {}, set()
        self.n_votes, self.ended = 0, False

    def run(self):
        while not self.ended:
            with self.pause:
                self.act()
            time.sleep(0.005)

    def act(self):
        cell, liked = self.random.choice(self.cells) if self.cells else None, self.random.random() < 0.6
        try:
            if cell is not None and self.random.random() < 0.9:
                self.server.call("PUT", f"/cells/{cell}/vote", {"liked": liked})
                self.liked[cell] = liked
                self.n_votes += 1
            else:
                self.sets.add(self.server.call("POST", "/question-sets", {"name": "s", "questions": ["one", "two"]})["id"])
        except (support.ServerGone, support.Refused):
            # Killed before the reply: the vote may stand or not, so this cell promises nothing any more.
            self.liked.pop(cell, None)
            time.sleep(0.01)

    def check(self, cells):
        for cell in cells:
            if cell["id"] in self.liked:
                assert cell["liked"] == self.liked[cell["id"]], "an acknowledged vote is lost"

    def check_sets(self):
        stored = {row["id"] for row in self.server.call("GET", "/question-sets")["question_sets"]}
        assert self.sets <= stored, "an acknowledged question set is lost"

    def stop(self):
        self.ended = True
        self.join(30)
        assert not self.is_alive()


class Answers:
    """Every answer that was ever seen as finished: it stays, as it was."""

    def __init__(self):
        self.seen = {}

    def check(self, cells):
        for cell in cells:
            if cell["id"] in self.seen:
                assert cell["state"] == "done", "a finished answer is gone"
                assert cell["text"] == self.seen[cell["id"]], "a finished answer has changed"
            elif cell["state"] == "done":
                self.seen[cell["id"]] = cell["text"]
