# SPDX-License-Identifier: Apache-2.0
"""tools/sbom.py: what the programs and the page are made of, complete and the same each time."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from live import ASSAY  # noqa: E402


def told(out, tree=ASSAY.parent):
    subprocess.run([sys.executable, ROOT / "tools/sbom.py", tree, out], check=True)
    return json.loads(out.read_text())


def test_what_the_programs_load_and_the_page_contains_is_told(tmp_path):
    bom = told(tmp_path / "bom.json")
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    version = json.loads(subprocess.run([ASSAY, "version", "--json"], capture_output=True, text=True, check=True).stdout)
    assert bom["metadata"]["component"]["version"] == version["assay"]
    parts = {c["name"]: c for c in bom["components"]}
    assert parts["llama.cpp"]["version"] == version["llama.cpp"]
    owners = set()
    for program in ("assay", "assay-worker"):
        for path in re.findall(r"=> (/\S+)", subprocess.run(["ldd", ASSAY.parent / program], capture_output=True, text=True, check=True).stdout):
            if re.search(r"/lib(sqlite3|microhttpd|curl|jansson|yaml|seccomp|crypto|icuuc|stdc\+\+|c)[-.\d]*\.so", path):
                said = subprocess.run(["dpkg", "-S", pathlib.Path(path).resolve(), path], capture_output=True, text=True).stdout
                owners.add(said.split(":")[0])
    assert len(owners) >= 9 and owners <= set(parts), owners - set(parts)
    locked = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
    for name in ("svelte", "marked", "lean-qr"):
        assert parts[name]["version"] == locked[f"node_modules/{name}"]["version"]
        assert parts[name]["hashes"][0]["alg"] == "SHA-512" and len(parts[name]["hashes"][0]["content"]) == 128
    refs = [c["bom-ref"] for c in bom["components"]]
    assert bom["dependencies"][0]["dependsOn"] == refs and len(set(refs)) == len(refs)


def test_it_is_the_same_each_time(tmp_path):
    told(tmp_path / "a.json"), told(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_installation_is_told_as_what_it_was_made_of(tmp_path):
    subprocess.run([ROOT / "script/stage", ASSAY.parent, tmp_path / "tree"], check=True)
    assert told(tmp_path / "tree.json", tmp_path / "tree") == told(tmp_path / "bin.json")
