# SPDX-License-Identifier: Apache-2.0
"""Event streams, slow clients, and clients that send what is no HTTP."""
import concurrent.futures
import http.client
import os
import signal
import socket
import time

import pytest


class Events:
    def __init__(self, server, last=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        headers = {**server.owner(), **({"Last-Event-ID": str(last)} if last is not None else {})}
        self.connection.request("GET", "/api/v1/events", headers=headers)
        self.response = self.connection.getresponse()

    def next(self):
        event = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                return None
            if line == "\n" and event:
                return event
            if ": " in line and not line.startswith(":"):
                name, value = line.rstrip("\n").split(": ", 1)
                event[name] = value

    def until(self, kind):
        while (event := self.next()) and event["event"] != kind:
            pass
        return event

    def close(self):
        self.response.close()
        self.connection.close()


def change(server, model):
    assert server.api("PATCH", f"/models/{model}", {"name": "tiny"}).status == 200


def test_eight_clients_hear_the_same(server, model):
    streams = [Events(server) for _ in range(8)]
    assert {s.next()["event"] for s in streams} == {"hello"}
    change(server, model)
    assert len({s.until("models")["id"] for s in streams}) == 1
    for s in streams:
        s.close()


def test_a_client_that_comes_back_gets_what_it_missed(server, model):
    first = Events(server)
    start = int(first.next()["id"])
    first.close()
    change(server, model)
    again = Events(server, start)
    assert again.next()["event"] == "hello"
    assert int(again.until("models")["id"]) > start
    again.close()
    for unknown in (1, start + 10 ** 9, "x"):
        lost = Events(server, unknown)
        assert [lost.next()["event"], lost.next()["event"]] == ["hello", "resync"]
        lost.close()


def test_a_logout_ends_the_stream(fresh):
    stream = Events(fresh)
    assert stream.next()["event"] == "hello"
    assert fresh.api("DELETE", "/session").status == 204
    assert stream.next() is None
    stream.close()


def test_streams_that_left_make_room(server):
    for _ in range(3):
        streams = [Events(server) for _ in range(90)]
        assert all(s.response.status == 200 for s in streams)
        for s in streams:
            s.close()
        time.sleep(1.5)  # the server looks once a second who has gone
    assert server.api("GET", "/status").status == 200


def test_idle_streams_cost_no_time(server):
    def ticks():
        with open(f"/proc/{server.process.pid}/stat") as stat:
            return sum(int(x) for x in stat.read().rsplit(")", 1)[1].split()[11:13])
    streams = [Events(server) for _ in range(20)]
    for s in streams:
        s.next()
    before = ticks()
    time.sleep(2)
    assert ticks() - before < 0.3 * os.sysconf("SC_CLK_TCK")
    for s in streams:
        s.close()


def test_slow_heads_are_cut_off_and_disturb_nobody(server):
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    before = server.rss_kib()
    ended = set()
    for _ in range(26):
        for i, s in enumerate(sockets):
            try:
                s.send(b"G" if i not in ended else b"")
            except OSError:
                ended.add(i)
        assert server.api("GET", "/status").status == 200
        time.sleep(0.5)
    assert len(ended) == 40
    assert server.rss_kib() - before < 16 * 1024
    for s in sockets:
        s.close()


def raw(server, data):
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        reply = b""
        while b"\r\n" not in reply and (chunk := s.recv(65536)):
            reply += chunk
        return reply


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(100)) + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100000 + b"\r\n\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    b"\0" * 1000, b"GET\r\n\r\n",
], ids=lambda data: f"{len(data)}-bytes")
def test_what_is_no_request_is_refused(server, data):
    try:
        reply = raw(server, data)
    except OSError:  # reset, or already closed while we were still sending
        reply = b""
    assert not reply or reply.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), reply[:100]
    assert server.api("GET", "/status").status == 200


def test_many_at_once_are_all_answered(server):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda i: server.api("GET", ("/runs", "/models", "/status")[i % 3]).status, range(300)))
    assert set(replies) == {200}


def test_the_server_ends_in_time_with_streams_open(fresh):
    stream = Events(fresh)
    stream.next()
    fresh.process.send_signal(signal.SIGTERM)
    assert fresh.process.wait(timeout=20) == 0
    stream.close()
