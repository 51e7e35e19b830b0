# SPDX-License-Identifier: Apache-2.0
"""worker - speaks src/worker/protocol.h with a real assay-worker, for the benchmarks of its jobs."""
import array
import json
import os
import socket
import struct

import common

LOAD, ADAPTER, GROUP, MERGE, QUANTIZE, IMATRIX, COMPARE = 1, 2, 4, 7, 8, 9, 10
PROGRESS, OK, FAILED, TEXT, ANSWER, CELL_FAILED, LOG, COMPARED = 65, 67, 68, 70, 71, 72, 74, 75
HEAD = struct.Struct("<IBI")


class Worker:
    def __init__(self, reads=(), write_dir=None):
        program = str(common.ROOT / "build" / "bin" / "assay-worker")
        args = [program] + [a for path in reads for a in ("--read-dir", str(path))]
        args += ["--write-dir", str(write_dir)] if write_dir else []
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)
            os.execve(program, args, {"GOMP_SPINCOUNT": "3000", **{k: os.environ[k] for k in ("LD_LIBRARY_PATH",) if k in os.environ}})
        theirs.close()
        self.socket, self.rest, self.streams = ours, b"", 0
        self.ready = json.loads(self.frame()[2])

    def frame(self):
        """(kind, stream, body)"""
        while True:
            if len(self.rest) >= HEAD.size:
                length, kind, stream = HEAD.unpack_from(self.rest)
                if len(self.rest) >= HEAD.size + length:
                    body, self.rest = self.rest[HEAD.size:HEAD.size + length], self.rest[HEAD.size + length:]
                    return kind, stream, body
            data = self.socket.recv(1 << 20)
            if not data:
                raise RuntimeError(f"the worker went away: {os.waitpid(self.pid, 0)[1]}")
            self.rest += data

    def ask(self, kind, body, fd=None):
        """The final frame's body, and the bodies about single items."""
        self.streams += 1
        text = json.dumps(body).encode()
        message = HEAD.pack(len(text), kind, self.streams) + text
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.socket.sendall(message[self.socket.sendmsg([message], rights):])
        items = []
        while True:
            kind, stream, body = self.frame()
            if kind in (LOG, PROGRESS, TEXT) or stream != self.streams:
                continue
            body = json.loads(body)
            if kind == FAILED:
                raise RuntimeError(body)
            if kind not in (ANSWER, CELL_FAILED, COMPARED):
                return body, items
            items.append(body)

    def with_model(self, kind, path, **body):
        """A request that brings a GGUF."""
        fd = os.open(path, os.O_RDONLY)
        try:
            return self.ask(kind, {"size": os.path.getsize(path), "n_threads": common.threads(), "n_gpu_layers": 0, **body}, fd)
        finally:
            os.close(fd)

    def close(self):
        self.socket.close()
        os.waitpid(self.pid, 0)
