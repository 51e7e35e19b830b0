# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server and of workers under load: no acknowledged vote and no finished answer is lost or changed, no worker
stays behind, and what comes out in the end is what an undisturbed run says.

100 kills of each; ASSAY_KILLS is another number, and with --full it is 500."""
import collections
import os
import pathlib
import random
import signal
import sqlite3
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import live as support  # noqa: E402
import chaos  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
FULL = bool(os.environ.get("ASSAY_FULL"))
KILLS = int(os.environ.get("ASSAY_KILLS", "500" if FULL else "100"))
pytestmark = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")


@pytest.fixture
def server(tmp_path):
    live = support.Live(tmp_path / "data").start()
    yield live
    live.stop()


def start(server, slots=2):
    """The demo's models, and what an undisturbed run says.  Few slots: groups are short then, and a kill falls between them
    as often as into them."""
    ids = support.add_demo(server, MODEL)
    server.wait_run(server.call("POST", "/runs", {"columns": [{"model_id": ids[0]}], "questions": ["Hello"],
                                                  "params": {"max_tokens": 1}})["id"])
    server.stop()
    with sqlite3.connect(server.data / "assay.db") as db:
        assert db.execute("UPDATE calibration SET slots = ?", (slots,)).rowcount == 1
    server.start()
    whole = server.wait_run(chaos.new_run(server, ids)["id"])
    assert whole["n_done"] == whole["n_cells"]
    return ids, whole["id"], chaos.texts(server, whole["id"])


def check_whole(server, run, expected):
    assert run["n_done"] == run["n_cells"] and not run["drifted"], run
    assert chaos.texts(server, run["id"]) == expected, "another answer than the undisturbed run's"


def until_an_answer(server, run_id, limit_s=60):
    """Waits for one more answer, or for the end of the run: on a busy machine random moments alone would hit nothing else than
    the loading of the model."""
    deadline, first = time.monotonic() + limit_s, None
    while time.monotonic() < deadline:
        run = server.call("GET", f"/runs/{run_id}")
        first = run["n_done"] if first is None else first
        if run["n_done"] > first or run["state"] == "done":
            return
        time.sleep(0.01)
    raise AssertionError(f"no answer in {limit_s} s")


def test_the_server_killed_at_random_moments_loses_no_vote_and_no_answer(server):
    ids, first_id, expected = start(server)
    user, answers, rng = chaos.User(server), chaos.Answers(), random.Random(11)
    run_ids, n_runs_whole, n_new, slowest = [chaos.new_run(server, ids)["id"]], 0, 0, 0
    user.cells = [cell["id"] for cell in server.cells(first_id)]
    user.start()
    for n in range(KILLS):
        if n % 2:
            until_an_answer(server, run_ids[-1])
        time.sleep(rng.choice([rng.uniform(0.0, 0.1), rng.uniform(0.1, 0.8)]))
        with_user = user.pause if rng.random() < 0.2 else None  # most kills fall into a vote
        if with_user:
            with_user.acquire()
        workers = chaos.kill_server(server)
        began = time.monotonic()
        server.start()
        slowest = max(slowest, time.monotonic() - began)
        if with_user:
            with_user.release()
        chaos.check_gone(workers)
        with user.pause:
            before = len(answers.seen)
            for run_id in (first_id, run_ids[-1]):
                cells = server.cells(run_id)
                answers.check(cells)
                user.check(cells)
            user.check_sets()
            user.cells = list(answers.seen)
            n_new += len(answers.seen) - before
        run = server.call("GET", f"/runs/{run_ids[-1]}")
        if run["state"] == "interrupted":
            server.call("POST", f"/runs/{run_ids[-1]}/resume")
        elif run["state"] == "done":
            check_whole(server, run, expected)
            n_runs_whole += 1
            run_ids.append(chaos.new_run(server, ids)["id"])
    user.stop()
    check_whole(server, server.wait_run(run_ids[-1]), expected)
    answers.check(server.cells(run_ids[-1]))
    print(f"{KILLS} kills, {user.n_votes} votes, {len(user.sets)} sets, {n_new} answers under kills, "
          f"{n_runs_whole + 1} runs whole, slowest start {slowest:.2f} s")
    assert user.n_votes > KILLS and user.sets, "the user hardly did anything, so this proved nothing"
    assert n_new >= KILLS // 4, "hardly anything was answered, so this proved nothing"


def test_a_death_while_answers_are_taken_over_costs_none(server):
    """The kills close in on the moment at which the answers of an earlier run are copied: afterwards there are all of them or none."""
    ids = support.add_demo(server, MODEL)
    source = server.wait_run(chaos.new_run(server, ids)["id"])
    expected, delay, seen = chaos.texts(server, source["id"]), 0.05, collections.Counter()
    for n in range(12):
        selection = server.call("POST", "/selections", {"model_ids": [ids[0], ids[4]], "questions": chaos.QUESTIONS, "params": chaos.PARAMS})
        time.sleep(delay)
        chaos.check_gone(chaos.kill_server(server))
        server.start()
        done = server.call("GET", f"/runs/{selection['run_id']}")["n_done"]
        assert done in (0, source["n_cells"]), f"{done} of {source['n_cells']} answers"
        seen[done] += 1
        delay = delay * 0.7 if done else delay * 1.4 + 0.001
        if server.call("GET", f"/selections/{selection['id']}")["state"] != "done":
            server.call("POST", f"/selections/{selection['id']}/resume")
        deadline = time.monotonic() + 60
        while (whole := server.call("GET", f"/selections/{selection['id']}"))["state"] not in ("done", "failed"):
            assert time.monotonic() < deadline, whole
            time.sleep(0.02)
        assert (whole["state"], whole["n_answers"], whole["n_reused"]) == ("done", len(expected), len(expected)), whole
        assert chaos.texts(server, selection["run_id"]) == expected
    print(f"killed before {seen[0]} and after {seen[source['n_cells']]} times")
    assert len(seen) == 2, "all kills fell on one side, so this proved nothing"


# --- workers ---

SIGNALS = [signal.SIGKILL] * 3 + [signal.SIGSEGV, signal.SIGABRT]


class Killer:
    """Kills the worker of one server again and again while runs go on; a run that ended is compared and another started."""

    def __init__(self, server, kills, seed):
        self.server, self.kills, self.random = server, kills, random.Random(seed)
        self.signals, self.answers = collections.Counter(), chaos.Answers()
        self.n_runs, self.n_retries, self.failure = 0, 0, None

    def next_worker(self, last):
        """The pid of a worker that has not been killed yet; None when the run is over."""
        while True:
            for pid in chaos.children(self.server.process.pid):
                if pid != last:
                    return pid
            if self.server.call("GET", f"/runs/{self.run_id}")["state"] == "done":
                return None
            time.sleep(0.01)

    def end_run(self):
        run = self.server.wait_run(self.run_id)
        while run["n_failed"]:  # three deaths in a row give a group up, two while loading a column: with their cause
            failed = [c for c in self.server.cells(self.run_id) if c["state"] == "failed"]
            assert failed and all(c["problem"]["message"] for c in failed)
            self.n_retries += 1
            self.server.call("POST", f"/runs/{self.run_id}/retry", {})
            run = self.server.wait_run(self.run_id)
        check_whole(self.server, run, self.expected)
        self.n_runs += 1

    def check(self):
        self.answers.check(self.server.cells(self.run_id))

    def work(self):
        ids, _, self.expected = start(self.server)
        self.run_id, last = chaos.new_run(self.server, ids)["id"], None
        while sum(self.signals.values()) < self.kills:
            pid = self.next_worker(last)
            if pid is None:
                self.end_run()
                self.run_id = chaos.new_run(self.server, ids)["id"]
                continue
            time.sleep(self.random.choice([0, self.random.uniform(0.1, 0.9)]))
            number = self.random.choice(SIGNALS)
            try:
                os.kill(pid, number)
                self.signals[number] += 1
            except ProcessLookupError:
                pass
            last = pid
            self.check()
        self.end_run()
        self.check()

    def __call__(self):
        try:
            self.work()
        except BaseException as failure:
            self.failure = failure


def test_workers_killed_at_random_moments_cost_no_answer(tmp_path):
    """On three servers at a time, each with one thread: most of it is waiting until a worker may be started again."""
    servers = [support.Live(tmp_path / f"data{i}", "--threads", "1").start() for i in range(3)]
    try:
        killers = [Killer(server, (KILLS + 2) // 3, 13 + i) for i, server in enumerate(servers)]
        threads = [threading.Thread(target=killer) for killer in killers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for killer in killers:
            if killer.failure:
                raise killer.failure
        signals = sum((killer.signals for killer in killers), collections.Counter())
        print({signal.Signals(n).name: count for n, count in signals.items()}, f"{sum(k.n_runs for k in killers)} runs whole,",
              f"{sum(k.n_retries for k in killers)} retries, {sum(len(k.answers.seen) for k in killers)} answers")
        assert sum(signals.values()) >= KILLS and set(signals) == set(SIGNALS)
        assert all(server.process.poll() is None for server in servers), "a server died of its worker"
    finally:
        for server in servers:
            server.stop()


@pytest.mark.skipif(not FULL, reason="takes a minute: with --full; tests/engine has it with a short patience")
def test_a_stopped_worker_is_noticed_and_replaced(server):
    ids, _, expected = start(server)
    run_id = chaos.new_run(server, ids)["id"]
    while not (workers := chaos.children(server.process.pid)):
        time.sleep(0.01)
    os.kill(workers[0], signal.SIGSTOP)
    check_whole(server, server.wait_run(run_id, 300), expected)
    assert workers[0] not in chaos.children(server.process.pid)
