#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run - runs the test suites, counts what they report, and says how long each took.

    run.py [--full] [--list | --check] [SUITE...]

script/test prepares everything and calls this.  Without names it runs all suites, with --full with their long figures and tsan.  --list
names them, --check only looks at the arguments.  A suite is a command that writes JUnit XML; a suite that ends badly without naming a
failure counts as one.  Logs stay in build/test-logs.

The suites run one after another, for models that compute at once on few cores wait for each other.  What cares for no clock, the
sanitizers' build and the fuzz targets, runs beside them with what processor time they leave.
"""
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
JOBS = os.environ.get("ASSAY_JOBS", str(os.cpu_count() or 2))
FULL = False
# ASSAY_DEMO_MODEL is the demo's own file, ASSAY_TEST_MODEL the copy of it that computes faster (support/fast_model.py).
NO_MODEL = {"ASSAY_DEMO_MODEL": "", "ASSAY_TEST_MODEL": ""}
# Of a command's own session, for the kernel shares time among sessions first.
MODEST = ["sh", "-c", '{ echo 10 >/proc/self/autogroup; } 2>/dev/null; exec nice -n 10 "$@"', "modest"]
beside = threading.local()  # .is_set: this thread's commands are modest


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0, names=()):
        self.passed, self.failed, self.skipped, self.names = passed, failed, skipped, list(names)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.names += other.names


def run(name, command, cwd=ROOT, env=None, limit=1800):
    """Runs one command into the suite's log; returns its exit status (124 when it took too long)."""
    log = LOGS / f"{name}.log"
    if hasattr(beside, "is_set"):
        command = [*MODEST, *command]
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        process = subprocess.Popen([str(c) for c in command], cwd=cwd, stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, start_new_session=True)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out.write(f"\nended after {limit} s\n".encode())
            return 124


def read_junit(path):
    counts = Counts()
    try:
        cases = ElementTree.parse(path).getroot().iter("testcase")
    except (OSError, ElementTree.ParseError):
        return counts
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
            counts.names.append(f"{case.get('classname', '')} {case.get('name', '')}".strip())
        elif case.find("skipped") is not None:
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def close(counts, status, what):
    """A bad exit without a named failure is a failure of its own, and so is a suite that ran nothing."""
    if status != 0 and not counts.failed:
        counts.failed += 1
        counts.names.append(f"{what}: exit status {status}")
    elif not counts.passed and not counts.failed:
        counts.failed += 1
        counts.names.append(f"{what}: ran no test")
    return counts


def one_by_one(name, commands, limit=1800):
    """Each command is one test."""
    counts = Counts()
    for title, command in commands:
        if run(name, command, limit=limit) == 0:
            counts.passed += 1
        else:
            counts.failed += 1
            counts.names.append(title)
    return counts


def suite_style():
    limits = ["func_max=100", "func_p90=45", "file_max=800", "include_cycles=0", "duplicate_pct=2",
              "risky_calls_per_kloc=0"]
    shape = [sys.executable, "tools/cstyle.py", "--exclude", "^(third_party|bench)/", "--layers", "src/layers.txt", "--top", "5"]
    for limit in limits:
        shape += ["--max", limit]
    return one_by_one("style", [
        ("shape of the code (tools/cstyle.py)", shape + ["."]),
        ("sentences in both languages (tools/messages.py)", [sys.executable, "tools/messages.py", "check"]),
        ("licence lines, documented prototypes, names (tools/tidy.py)", [sys.executable, "tools/tidy.py"]),
        ("scripts parse", ["bash", "-c", 'for f; do bash -n "$f" || exit 1; done', "-", *sorted(str(p) for p in (ROOT / "script").iterdir()), "packaging/debian/try", ".ci/run"]),
    ])


def ctest(name, build, extra_env=None, targets=("check-build", "all"), tests=".", but="^$"):
    """cmocka's own XML counts the tests; ctest's tells which programs ended badly.  `tests` and `but` are patterns of their names."""
    xml = pathlib.Path(build) / "test-xml"
    shutil.rmtree(xml, ignore_errors=True)
    xml.mkdir(parents=True)
    status = run(name, ["cmake", "--build", build, "-j", JOBS, "--target", *targets])
    if status:
        return close(Counts(), status, "build of the tests")
    report = LOGS / f"{name}-ctest.xml"
    status = run(name, ["ctest", "--test-dir", build, "-j", JOBS, "-R", tests, "-E", but, "--output-on-failure", "--output-junit", report],
                 env={"CMOCKA_MESSAGE_OUTPUT": "XML", **(extra_env or {})})
    programs, counts = read_junit(report), Counts()
    for path in xml.glob("*.xml"):
        counts.add(read_junit(path))
    if programs.failed and not counts.failed:
        counts.failed, counts.names = programs.failed, programs.names
    if not counts.passed:
        counts.passed = programs.passed
    return close(counts, status, "ctest")


def suite_unit():
    return ctest("unit", ROOT / "build")


asan_build = threading.Lock()


def build_asan(jobs=JOBS):
    with asan_build:
        status = run("asan", ["cmake", "--preset", "asan", f"-DASSAY_LLAMA_DIR={os.environ['LLAMA_DIR'] if FULL else ''}"])
        return status or run("asan", ["cmake", "--build", ROOT / "build" / "asan", "-j", jobs, "--target", "check-build", "all"])


def suite_asan():
    """All of our own code but the worker's (its tests need a model, which is too slow there), under ASan and UBSan; --full: the
    worker's start too, and the server under the tests of the API."""
    build, env = ROOT / "build" / "asan", {"ASAN_OPTIONS": "detect_leaks=1", **NO_MODEL, "ASSAY_SANITIZED": "1"}
    status = build_asan()
    if status:
        return close(Counts(), status, "build of the tests")
    counts = ctest("asan", build, env)
    if FULL:
        counts.add(pytest("asan-api", "tests/api", env={**env, "ASSAY_BIN": str(build / "bin" / "assay")}))
    return counts


THREADED = ("base", "store", "hub", "deploy", "selection", "engine")  # rooms whose tests have threads
TSAN_API = [f"tests/api/test_{name}.py" for name in ("answers", "stream", "audit")]  # questions, streams, writes of all kinds


def tsan_reports(folder):
    """A report is a failure, whatever became of the program that it is about."""
    found = sorted(folder.iterdir())
    with open(LOGS / "tsan.log", "a") as log:
        for report in found:
            log.write(f"{report.name}\n{report.read_text('utf-8', 'replace')}")
    names = [line.split("SUMMARY: ")[1] for report in found for line in report.read_text("utf-8", "replace").splitlines() if "SUMMARY: " in line]
    return Counts(failed=len(names), names=sorted(set(names))) if names else Counts(failed=len(found), names=[p.name for p in found])


def suite_tsan():
    """Where threads meet, under ThreadSanitizer: the rooms that have some (but for the 100 kills and 2,000 power losses of
    test_durability, whose time is the disk's), and the server under tests of the API with the ordinary worker, which is a program of
    its own and meets it on a socket only."""
    build = ROOT / "build" / "tsan"
    reports, worker = build / "reports", build / "bin" / "assay-worker"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    # Nothing is suppressed: what the system's libraries do under locks of their own was never reported.
    env = {"TSAN_OPTIONS": f"log_path='{reports / 'report'}' exitcode=66 allocator_may_return_null=1"}
    status = run("tsan", ["cmake", "--preset", "tsan", "-DASSAY_LLAMA_DIR="])
    if status:
        return close(Counts(), status, "configure")
    targets = [f"{room}_{path.stem}" for room in THREADED for path in sorted((ROOT / "tests" / room).glob("test_*.c"))]
    counts = ctest("tsan", build, {**env, **NO_MODEL}, ["assay", *targets], f"^({'|'.join(THREADED)})/", "test_durability")
    worker.unlink(missing_ok=True)
    worker.symlink_to(ROOT / "build" / "bin" / "assay-worker")
    counts.add(pytest("tsan-api", *TSAN_API, env={**env, "ASSAY_BIN": str(build / "bin" / "assay")}))
    counts.add(tsan_reports(reports))
    return counts


def fuzz(source, build, seconds):
    """Runs one target; returns what is wrong with it, or None."""
    target, here = source.stem, ROOT / "tests" / "fuzz"
    corpus, found, words = here / "corpus" / target, build / "found" / target, here / f"{target[5:]}.dict"
    found.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"fuzz-{target}.log"
    log.unlink(missing_ok=True)
    status = run(log.stem, [build / "bin" / target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                            *([f"-dict={words}"] if words.exists() else []), f"-artifact_prefix={found}/", found, corpus])
    text = log.read_text("utf-8", "replace")
    seeds, rounds = re.search(r"seed corpus: files: (\d+)", text), re.search(r"number_of_executed_units: (\d+)", text)
    covered = re.findall(r"cov: (\d+)", text)
    with open(LOGS / "fuzz.log", "a") as out:
        out.write("".join(text.splitlines(True)[-40:]) if status else f"{target}: {seeds and seeds[1]} seeds, "
                  f"{rounds and rounds[1]} inputs, {covered[-1] if covered else 0} edges\n")
    if status:
        return f"{target}: exit status {status}"
    # A target whose seeds were not read, or that went nowhere, proves nothing.
    if not seeds or int(seeds[1]) < len(list(corpus.iterdir())):
        return f"{target}: did not read its seeds"
    if not rounds or int(rounds[1]) < 50 * int(seconds) or not covered or int(covered[-1]) < 100:
        return f"{target}: hardly did anything"
    return None


fuzz_build = threading.Lock()
fuzz_targets = queue.SimpleQueue()  # sources of those that nobody works on
fuzz_problems = []  # of each target that ran: what is wrong with it, or None
beside_thread = []  # the one that begins with them while other suites run


def build_fuzz(jobs=JOBS):
    with fuzz_build:
        status = run("fuzz", ["cmake", "--preset", "fuzz", "-DASSAY_LLAMA_DIR="])
        return status or run("fuzz", ["cmake", "--build", ROOT / "build" / "fuzz", "-j", jobs])


def fuzz_what_is_left():
    while True:
        try:
            source = fuzz_targets.get_nowait()
        except queue.Empty:
            return
        fuzz_problems.append(fuzz(source, ROOT / "build" / "fuzz", os.environ.get("ASSAY_FUZZ_SECONDS", "300" if FULL else "60")))


def suite_fuzz():
    """Every target for a minute from its corpus; --full: five minutes.  Those that were not run beside the other suites yet, as many
    at a time as there are cores."""
    status = build_fuzz()
    if status:
        return close(Counts(), status, "build of the fuzz targets")
    threads = [threading.Thread(target=fuzz_what_is_left) for _ in range(int(JOBS))]
    for thread in threads:
        thread.start()
    for thread in [*threads, *beside_thread]:
        thread.join()
    names = [problem for problem in fuzz_problems if problem]
    return Counts(passed=fuzz_problems.count(None), failed=len(names), names=names)


def start_beside(chosen):
    """Begins what cares for no clock, while the suites before it run."""
    def work():
        beside.is_set = True
        if "asan" not in chosen or build_asan("1") == 0:
            if build_fuzz("1") == 0:
                fuzz_what_is_left()
    for source in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.c")):
        fuzz_targets.put(source)
    if chosen[0] != "fuzz":
        beside_thread.append(threading.Thread(target=work))
        beside_thread[0].start()


def suite_web():
    report = LOGS / "web.xml"
    counts = one_by_one("web", [("types and lint (npm run check)", ["npm", "--prefix", "web", "run", "--silent", "check"])])
    status = run("web", ["npx", "vitest", "run", "--reporter=junit", f"--outputFile={report}"], cwd=ROOT / "web")
    counts.add(close(read_junit(report), status, "vitest"))
    return counts


def pytest(name, *paths, limit=1800, env=None):
    report = LOGS / f"{name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-x" if os.environ.get("ASSAY_FAIL_FAST") else "-rfP",
               "-p", "no:cacheprovider", f"--junitxml={report}", *paths]
    status = run(name, command, env={"ASSAY_FULL": "1" if FULL else "", **(env or {})}, limit=limit)
    return close(read_junit(report), status, "pytest")


def suite_api():
    return pytest("api", "tests/api")


def suite_cli():
    return pytest("cli", "tests/cli")


def suite_fault():
    return pytest("fault", "tests/fault", limit=2400)


def suite_e2e():
    report = LOGS / "e2e.xml"
    status = run("e2e", ["npx", "playwright", "test", "--reporter=junit"], cwd=ROOT / "web",
                 env={"PLAYWRIGHT_JUNIT_OUTPUT_NAME": str(report), "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1", "ASSAY_FULL": "1" if FULL else ""})
    return close(read_junit(report), status, "playwright")


def suite_ollama():
    """Against a real Ollama, which is built first (script/ollama), and a real llama-server where there is one."""
    program = os.environ.get("ASSAY_OLLAMA")
    if not program:
        built = subprocess.run([ROOT / "script" / "ollama"], capture_output=True, text=True)
        if built.returncode:
            return Counts(failed=1, names=[f"build of Ollama: {built.stderr.strip()}"])
        program = built.stdout.split()[-1]
    server = ROOT / os.environ.get("LLAMA_DIR", "") / "build" / "bin" / "llama-server"  # after script/llama --tools
    return pytest("ollama", "tests/integration", env={"ASSAY_OLLAMA": program, "ASSAY_LLAMA_SERVER": str(server) if server.exists() else ""})


def suite_package():
    """What script/release makes: two builds compared, the package used in a fresh system (script/release check)."""
    return one_by_one("package", [("two builds alike, lintian, the package in a fresh system (script/release check)",
                                   [ROOT / "script" / "release", "check"])], limit=7200)


SUITES = {"style": suite_style, "unit": suite_unit, "web": suite_web, "api": suite_api, "cli": suite_cli,
          "e2e": suite_e2e, "fault": suite_fault, "asan": suite_asan, "fuzz": suite_fuzz}
LONG = {"tsan": suite_tsan}  # those of a run without names only with --full
ON_REQUEST = {"tsan": suite_tsan, "ollama": suite_ollama, "package": suite_package}  # not among those of a run without names
OPTIONS = ["--full", "--list", "--check", "--help"]


def main():
    global FULL
    args = sys.argv[1:]
    FULL = "--full" in args
    if "-h" in args or "--help" in args:
        print(__doc__.strip())
        return 0
    strange = [a for a in args if a.startswith("-") and a not in OPTIONS]
    if strange:
        print(f"no option {' '.join(strange)}; there are: {' '.join(OPTIONS)}", file=sys.stderr)
        return 2
    chosen = [a for a in args if not a.startswith("-")] or [*SUITES, *(LONG if FULL else [])]
    unknown = [a for a in chosen if a not in SUITES and a not in ON_REQUEST]
    if unknown:
        print(f"no suite {' '.join(unknown)}; there are: {' '.join([*SUITES, *ON_REQUEST])}", file=sys.stderr)
        return 2
    if "--list" in args or "--check" in args:
        if "--list" in args:
            print(" ".join([*SUITES, *ON_REQUEST]))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    total = Counts()
    for name in chosen:
        (LOGS / f"{name}.log").unlink(missing_ok=True)
    if "fuzz" in chosen:
        start_beside(chosen)
    for name in chosen:
        start = time.monotonic()
        counts = {**SUITES, **ON_REQUEST}[name]()
        total.add(counts)
        print(f"{name:6} {counts.passed:5} passed {counts.failed:3} failed {counts.skipped:3} skipped "
              f"{time.monotonic() - start:6.0f} s", flush=True)
        for failure in counts.names[:20]:
            print(f"       failed: {failure}")
        if counts.failed:
            tail = (LOGS / f"{name}.log").read_text("utf-8", "replace").splitlines()[-40:]
            print("\n".join("       | " + line for line in tail), flush=True)
    print(f"\n{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
