# SPDX-License-Identifier: Apache-2.0
"""Runs schemathesis over docs/openapi.yaml against a live server: contract.py [EXAMPLES]

Over the unix socket's rights, through a session; a fixed seed, so that two runs ask the same."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from conftest import ROOT, Server  # noqa: E402
import hub_stub  # noqa: E402
from ollama_stub import Stub, serve  # noqa: E402


def main():
    examples = sys.argv[1] if len(sys.argv) > 1 else "20"
    with tempfile.TemporaryDirectory() as folder:
        hub = f"http://127.0.0.1:{hub_stub.serve(hub_stub.Stub()).server_port}"
        server = Server(pathlib.Path(folder), f"127.0.0.1:{serve(Stub()).server_port}", HF_ENDPOINT=hub, HF_HOME=folder)
        server.login()
        command = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", str(ROOT / "docs/openapi.yaml"),
                   "--url", f"http://127.0.0.1:{server.port}/api/v1", "-H", f"Cookie: {server.cookie}",
                   "-H", f"X-Assay: {server.key}", "--phases", "examples,coverage,fuzzing", "--max-examples", examples,
                   "--seed", "1", "--generation-deterministic", "--request-timeout", "20",
                   "--exclude-operation-id", "streamEvents", "--exclude-operation-id", "logout",
                   "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
                   "response_schema_conformance,response_headers_conformance"]
        code = subprocess.run(command, check=False).returncode
        alive = server.process.poll() is None
        ended = server.stop() if alive else server.process.returncode
        if not alive or ended:
            print("contract: the server ended with", ended, server.log and "")
        sys.exit(code or ended or not alive)


if __name__ == "__main__":
    main()
