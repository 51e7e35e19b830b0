# SPDX-License-Identifier: Apache-2.0
"""`assay chat`: piped, as JSON, and typed at a terminal."""
import json
import os
import pty
import select
import subprocess
import time

import pytest

from test_cli import MODEL, assay, environment, needs_model, support


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    """A data folder with two workspaces, made through a server."""
    data = tmp_path_factory.mktemp("chat")
    server = support.Live(data).start()
    model = server.call("POST", "/models", {"path": MODEL})["model_ids"][0]
    params = {"temperature": 0, "max_tokens": 12, "system": "You are a careful assistant who answers in one short sentence."}
    for name, more in (("My Bot", {}), ("Storyteller", {"max_tokens": 3000, "system": "Write as much as you can."})):
        server.call("POST", "/workspaces", {"name": name, "model_id": model, "params": {**params, **more}})
    server.stop()
    return data


@needs_model
def test_without_a_name_the_workspaces_are_listed(workspaces):
    shown = assay("chat", data=workspaces)
    assert shown.returncode == 0 and "My Bot" in shown.stdout and "Storyteller" in shown.stdout
    listed = json.loads(assay("chat", "--json", data=workspaces).stdout)["workspaces"]
    assert {w["name"] for w in listed} == {"My Bot", "Storyteller"}


@needs_model
def test_piped_lines_are_asked_one_after_the_other(workspaces):
    said = assay("chat", "my", data=workspaces, stdin="What is the capital of France?\n\nAnd of Italy?\n")
    assert said.returncode == 0, said.stderr
    lines = [line for line in said.stdout.splitlines() if line]
    assert len(lines) >= 2 and ">" not in said.stderr
    answers = [json.loads(line) for line in assay("chat", "My Bot", "--json", data=workspaces, stdin="One?\nTwo?\n").stdout.splitlines()]
    assert [a["state"] for a in answers] == ["done", "done"] and answers[1]["n_reused"] > 0
    more = assay("chat", "My Bot", "--chat", answers[0]["chat_id"], "--json", data=workspaces, stdin="Three?\n")
    assert json.loads(more.stdout)["chat_id"] == answers[0]["chat_id"]


@needs_model
def test_names_that_are_not_there_are_refused(workspaces):
    for name in ("nothing", "4711"):
        said = assay("chat", name, data=workspaces, stdin="x\n")
        assert said.returncode == 4 and name in said.stderr
    assert assay("chat", "My Bot", "--chat", "x", data=workspaces).returncode == 2
    assert assay("chat", "My Bot", "--chat", "4711", data=workspaces, stdin="x\n").returncode == 4


class Terminal:
    def __init__(self, *words):
        self.fd, child = pty.openpty()
        self.process = subprocess.Popen([support.ASSAY, *words], stdin=child, stdout=child, stderr=child, env=environment(TERM="xterm"),
                                        start_new_session=True, preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))
        os.close(child)
        self.seen = ""

    def until(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.fd], [], [], 0.2)[0]:
                self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
        before, self.seen = self.seen.split(text, 1)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())


@needs_model
def test_at_a_terminal_ctrl_c_stops_the_answer_and_not_the_chat(workspaces):
    t = Terminal("chat", "Story", "--data", str(workspaces))
    t.until("> ")
    t.type("/documents\n")
    t.until("no documents")
    t.until("> ")
    t.type("Write a very long story about a dog, a cat and a house.\n")
    t.until("\n")
    until = time.monotonic() + 60
    while len(t.seen) < 60 and time.monotonic() < until:
        t.seen += os.read(t.fd, 65536).decode("utf-8", "replace")
    t.type("\x03")
    t.until("(stopped)")
    t.until("> ")
    t.type("/nothing\n")
    t.until("/quit")
    t.until("> ")
    t.type("/new\n")
    t.until("new chat")
    t.until("> ")
    t.type("/quit\n")
    assert t.process.wait(20) == 0
