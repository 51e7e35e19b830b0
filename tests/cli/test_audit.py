# SPDX-License-Identifier: Apache-2.0
"""assay audit: what was done on this data folder."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import live as support  # noqa: E402
from test_cli import assay  # noqa: E402


def test_what_was_done_is_listed_with_and_without_a_server(tmp_path):
    data = tmp_path / "data"
    nothing = assay("audit", data=data)
    assert nothing.returncode == 0 and nothing.stdout == "" and "Nothing was done" in nothing.stderr
    server = support.Live(data).start()
    made = [server.call("POST", "/api-keys", {"name": name}) for name in ("first", "second")]
    shown = assay("audit", data=data).stdout
    assert shown.index("second") < shown.index("first") and "API key made" in shown and "unix" in shown
    assert made[0]["key"] not in shown and "建立 API 金鑰" in assay("audit", "--lang", "zh-TW", data=data).stdout
    server.stop()
    listed = json.loads(assay("audit", "--limit", "1", "--json", data=data).stdout)["entries"]
    assert [(e["what"], e["subject"]) for e in listed] == [("add_api_key", f"{made[1]['id']}, second")]
    assert assay("audit", "--limit", "0", data=data).returncode == 2
