#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sbom - tells what an installation is made of, as CycloneDX 1.5 JSON: what was compiled in, what is loaded, what the page contains.

    sbom.py TREE OUT     TREE: bin/ and lib/ as script/stage lays them out, or a folder with the two programs

The same tree gives the same bytes.  Runs on Debian and Ubuntu, whose packages are asked for the versions of libraries."""
import base64
import json
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent


def text(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def found(pattern, path):
    match = re.search(pattern, (ROOT / path).read_text(), re.M)
    if not match:
        sys.exit(f"sbom: {path} does not say {pattern}")
    return match[1]


def component(kind, name, version, purl, **more):
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl, **more}


def llama():
    version = found(r"sources of llama\.cpp v([\d.]+)", "script/llama")
    package = found(r"^PACKAGE=(\S+)", "script/llama")
    source = {"type": "source-distribution", "url": f"pkg:npm/{package}", "comment": "carries the sources as a git bundle",
              "hashes": [{"alg": "SHA-512", "content": found(r"^SHA512=([0-9a-f]{128})", "script/llama")}]}
    return component("library", "llama.cpp", version, f"pkg:generic/llama.cpp@{version}", licenses=[{"license": {"id": "MIT"}}],
                     externalReferences=[source])


def programs(tree):
    return sorted(p for p in tree.rglob("*") if re.fullmatch(r"assay(-worker)?|lib.*\.so[.\d]*", p.name) and p.is_file()
                  and p.read_bytes()[:4] == b"\x7fELF")


def libraries(tree):
    """Debian's packages of the libraries that the programs name; those of the tree itself are no strangers."""
    own, wanted, known = {p.name for p in programs(tree)}, set(), {}
    for program in programs(tree):
        wanted |= set(re.findall(r"\(NEEDED\).*\[(.+)\]", text("readelf", "--dynamic", "--wide", program)))
        known |= dict(re.findall(r"^\t(\S+) => (\S+) ", text("ldd", program), re.M))
    packages = set()
    for name in wanted - own:
        path = known.get(name)
        if not path:  # the loader itself, which ldd tells by its path
            continue
        real = pathlib.Path(path).resolve()
        owner = subprocess.run(["dpkg", "-S", real, path, str(real).removeprefix("/usr")], capture_output=True, text=True).stdout
        if not owner:
            sys.exit(f"sbom: no package owns {path}")
        packages.add(owner.split(": ")[0])
    system = re.search(r"^ID=\"?(\w+)", pathlib.Path("/etc/os-release").read_text(), re.M)[1]
    for package in sorted(packages):
        name, version, source, arch = text("dpkg-query", "-W", "-f", "${Package}|${Version}|${source:Package}|${Architecture}", package).split("|")
        yield component("library", name, version, f"pkg:deb/{system}/{name}@{version}?arch={arch}", group=source)


def page():
    """What the built page contains; the versions and hashes are those of the lock file."""
    locked = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
    files = sorted((ROOT / "web/.parts").glob("*.json"))
    if not files:
        sys.exit("sbom: the page is not built: script/setup")
    for name in sorted({name for file in files for name in json.loads(file.read_text())}):
        lock = locked[f"node_modules/{name}"]
        algorithm, _, digest = lock["integrity"].partition("-")
        yield component("library", name, lock["version"], f"pkg:npm/{name.replace('@', '%40')}@{lock['version']}",
                        licenses=[{"license": {"id": lock["license"]}}], hashes=[{"alg": algorithm.replace("sha", "SHA-"), "content": base64.b64decode(digest).hex()}])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    tree = pathlib.Path(sys.argv[1])
    version = found(r"^project\(assay VERSION ([0-9.]+)", "CMakeLists.txt")
    assay = component("application", "assay", version, f"pkg:generic/assay@{version}", licenses=[{"license": {"id": "Apache-2.0"}}])
    parts = [llama(), *libraries(tree), *page()]
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": assay}, "components": parts,
           "dependencies": [{"ref": assay["bom-ref"], "dependsOn": [p["bom-ref"] for p in parts]}]}
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True))}"
    pathlib.Path(sys.argv[2]).write_text(json.dumps(bom, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
