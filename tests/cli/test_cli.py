# SPDX-License-Identifier: Apache-2.0
"""The program `assay` from outside: what it prints, what it writes, and how it ends."""
import csv
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import live as support  # noqa: E402
import made_up_home  # noqa: E402
from thinker import template as thinker  # noqa: E402
from tiny_gguf import gguf  # noqa: E402

MODEL, DEMO_MODEL = (os.environ.get(name, "") for name in ("ASSAY_TEST_MODEL", "ASSAY_DEMO_MODEL"))
needs_model = pytest.mark.skipif(not (MODEL and DEMO_MODEL), reason="ASSAY_TEST_MODEL and ASSAY_DEMO_MODEL name no models")
COMMANDS = ["serve", "open", "run", "auto", "ask", "runs list", "runs show", "runs resume", "runs replay", "runs export",
            "runs delete", "create", "chat", "models list", "models add", "models find", "models get", "models show", "models changes",
            "models check", "models template", "models gpu", "models convert", "models remove", "providers list", "providers key", "providers trust", "audit", "doctor", "man", "completion", "version"]
KESTREL = "Kestrel bot"
QUESTIONS = ["Which CPU does the Kestrel K7 use?", "What OS does the Kestrel K7 ship with?"]


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL", "LC_MESSAGES", "DISPLAY", "WAYLAND_DISPLAY", "ASSAY_LOG")}
    return {**kept, "LANG": "C.UTF-8", **more}


def assay(*words, data=None, env=None, limit=300, stdin=""):
    command = [support.ASSAY, *map(str, words)] + (["--data", str(data)] if data else [])
    return subprocess.run(command, capture_output=True, text=True, timeout=limit, env=env or environment(), input=stdin)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A data folder with the demo's base model and its fine-tune."""
    data = tmp_path_factory.mktemp("demo")
    assert assay("models", "add", MODEL, data=data).returncode == 0
    added = assay("models", "add", ROOT / "demo" / "checkpoints", "--base", MODEL, "--name", KESTREL, "--json", data=data)
    assert added.returncode == 0, added.stderr
    assert len(json.loads(added.stdout)["model_ids"]) == 4
    return data


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(QUESTIONS), "utf-8")
    return path


# --- help and usage ---

def test_every_command_explains_itself_in_both_languages():
    for name in COMMANDS:
        english = assay(*name.split(), "--help")
        chinese = assay(*name.split(), "--help", "--lang", "zh-TW")
        assert english.returncode == chinese.returncode == 0
        assert f"assay {name}" in english.stdout and f"assay {name}" in chinese.stdout
        assert not re.search(r"\bcli_[a-z]", english.stdout + chinese.stdout), "a sentence is missing"
        assert not re.search(r"[\u4e00-\u9fff]", english.stdout) and re.search(r"[\u4e00-\u9fff]", chinese.stdout)
        assert english.stderr == chinese.stderr == ""


def test_the_program_lists_its_commands_and_no_words_are_a_usage_error():
    listed = assay("--help")
    assert listed.returncode == 0
    assert all(re.search(rf"^  {name.split()[0]}\b", listed.stdout, re.M) for name in COMMANDS)
    nothing = assay()
    assert nothing.returncode == 2 and nothing.stdout == "" and "models" in nothing.stderr
    assert assay("help", "runs", "list").stdout == assay("runs", "list", "--help").stdout


def test_the_manual_names_every_command_and_option_in_both_languages():
    for name in ("cli.md", "cli.zh-TW.md"):
        manual = (ROOT / "docs" / name).read_text("utf-8")
        for command in COMMANDS:
            assert f"assay {command}" in manual, f"{name} lacks assay {command}"
            for option in re.findall(r"^  (--[a-z-]+)", assay(*command.split(), "--help").stdout, re.M):
                assert f"`{option}" in manual, f"{name} lacks {option} of assay {command}"
        known = set()
        for command in COMMANDS:
            known |= set(re.findall(r"--[a-z-]+", assay(*command.split(), "--help").stdout))
        assert set(re.findall(r"`(--[a-z-]+)", manual)) <= known, f"{name} has options that do not exist"


@pytest.mark.parametrize("words", [
    ["frobnicate"], ["runs", "frobnicate"], ["runs"], ["models", "add"], ["models", "add", "a", "b"], ["run", "q.json"],
    ["run", "q.json", "--model"], ["run", "q.json", "--model", "x@nine"], ["run", "q.json", "--model", "x", "--temperature", "9"],
    ["run", "q.json", "--model", "x", "--max-tokens", "0"], ["run", "q.json", "--model", "x", "--max-tokens", "99999999"],
    ["run", "q.json", "--model", "x", "--name", "n" * 10000], ["auto", "q.json", "--model", "x", "--model", "y", "--name", "n" * 201],
    ["run", "q.json", "--model", "x", "--csv", "-", "--jsonl", "-"], ["run", "q.json", "--model", "x", "--csv", "-", "--json"],
    ["serve", "--prot", "1"], ["serve", "--port", "0"], ["runs", "show", "x"], ["runs", "export", "1"], ["ask", "-q"],
    ["doctor", "--lang", "fr"], ["version", "--json=yes"],
], ids=lambda words: " ".join(words)[:70])
def test_a_usage_error_ends_with_2_and_says_why(words, tmp_path):
    done = assay(*words, data=tmp_path / "data")
    assert done.returncode == 2
    assert done.stderr.strip()
    if "--json" not in words:
        assert done.stdout == ""
    assert not (tmp_path / "data").exists(), "a slip must not start anything"


def test_a_slip_names_what_was_probably_meant():
    assert "--port" in assay("serve", "--prot", "1").stderr
    assert "models" in assay("modles").stderr
    assert "temperature" in assay("ask", "hi", "--model", "x@1,temprature=1").stderr


def test_errors_speak_the_language_of_the_environment():
    assert "沒有" in assay("frobnicate", env=environment(LANG="zh_TW.UTF-8")).stderr
    assert "沒有" in assay("frobnicate", env=environment(LANG="en_US.UTF-8", LC_ALL="zh_TW.UTF-8")).stderr
    assert "沒有" in assay("frobnicate", "--lang=zh-TW").stderr
    assert "no command" in assay("frobnicate", "--lang", "en", env=environment(LANG="zh_TW.UTF-8")).stderr


def test_json_errors_have_a_code_and_the_sentence(tmp_path):
    done = assay("runs", "show", "7", "--json", data=tmp_path)
    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["code"] == "not_found"


def test_common_options_may_stand_before_the_command(tmp_path):
    done = assay("--data", tmp_path, "--json", "models", "list")
    assert done.returncode == 0 and json.loads(done.stdout)["models"] == []


# --- small commands ---

def test_version_names_what_it_is_built_from():
    versions = json.loads(assay("version", "--json").stdout)
    assert versions["assay"] and versions["sqlite"] and versions["llama.cpp"]
    assert assay("--version").stdout == assay("version").stdout


def test_doctor_checks_this_machine(tmp_path):
    done = assay("doctor", "--json", data=tmp_path)
    states = [check["state"] for check in json.loads(done.stdout)["checks"]]
    assert states and done.returncode == (3 if "fail" in states else 0)
    assert assay("doctor", data=tmp_path).returncode == done.returncode


def test_a_damaged_database_goes_back_to_its_weekly_copy(tmp_path):
    data = tmp_path / "data"
    live = support.Live(data).start()
    try:
        until = time.monotonic() + 30
        while not list(data.glob("backup/assay-week-*.db")):  # made soon after the first start
            assert time.monotonic() < until, "no copy was made"
            time.sleep(0.1)
    finally:
        live.stop()
    done = assay("doctor", "--recover", data=data)
    assert done.returncode == 0 and "not damaged" in done.stdout
    database = data / "assay.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:4096] + b"Z" * (len(whole) - 4096))
    refused = assay("models", "list", data=data)
    assert refused.returncode == 4 and "assay doctor --recover" in refused.stderr
    done = assay("doctor", "--recover", "--json", data=data)
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["damaged"] is True
    assert pathlib.Path(told["kept"], "assay.db").stat().st_size == len(whole)
    assert assay("models", "list", data=data).returncode == 0
    assert {p.suffix for p in (data / "backup").iterdir()} == {".db"}


def test_open_needs_a_server_and_gives_a_fresh_link(tmp_path):
    missing = assay("open", data=tmp_path)
    assert missing.returncode == 3 and "assay serve" in missing.stderr
    live = support.Live(tmp_path).start()
    try:
        first, second = assay("open", data=tmp_path), assay("open", data=tmp_path)
        assert first.returncode == 0 and first.stdout.startswith("http://127.0.0.1:")
        assert first.stdout != second.stdout
    finally:
        live.stop()


def hear_hangups():
    """Tests that run under nohup hand its deafness down."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGHUP] * 3])
def test_serve_prints_one_line_and_ends_on_a_signal(tmp_path, numbers):
    server = subprocess.Popen([support.ASSAY, "serve", "--data", tmp_path, "--port", str(support.free_port())],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), preexec_fn=hear_hangups)
    link = server.stdout.readline()
    assert link.startswith("http://127.0.0.1:")
    again = assay("serve", data=tmp_path)
    assert again.returncode == 3 and str(server.pid) in again.stderr
    for number in numbers:
        server.send_signal(number)
    rest, complaints = server.communicate(timeout=20)
    assert server.returncode == 0 and rest == "" and "Ctrl-C" in complaints


def test_a_server_under_nohup_stays(tmp_path):
    server = subprocess.Popen(["nohup", support.ASSAY, "serve", "--data", tmp_path, "--port", str(support.free_port())],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
    assert server.stdout.readline().startswith("http://127.0.0.1:")
    server.send_signal(signal.SIGHUP)
    assert assay("models", "list", "--json", data=tmp_path).returncode == 0
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == 0


def test_a_model_that_is_not_there_ends_with_4(tmp_path):
    assert assay("models", "add", tmp_path / "none.gguf", data=tmp_path / "d").returncode == 4
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(20))
    bad = assay("models", "add", tmp_path / "bad.gguf", data=tmp_path / "d")
    assert bad.returncode == 4 and bad.stderr.strip()
    assert assay("ask", "hi", "--model", "nobody@1", data=tmp_path / "d").returncode == 4
    assert assay("models", "show", "nobody", data=tmp_path / "d").returncode == 4
    assert assay("runs", "resume", "5", data=tmp_path / "d").returncode == 4


def test_models_of_other_programs_are_found_and_added_on_request(tmp_path):
    home, data = made_up_home.fill(tmp_path / "home"), tmp_path / "data"
    env = environment(**made_up_home.variables(home))
    found = assay("models", "find", data=data, env=env)
    assert found.returncode == 0
    for words in ("Hugging Face acme/Tiny-GGUF:Q8_0", "LM Studio Owl-Q4_0", "Ollama wren:1b", "llama.cpp acme_Heron-GGUF_heron-f16"):
        assert re.search(r"\s+".join(map(re.escape, words.rsplit(" ", 1))), found.stdout), words
    assert "quantized already (awq)" in found.stdout and "hf download" in found.stderr and "--add NAME" in found.stderr
    assert "尚未加入" in assay("models", "find", "--lang", "zh-TW", data=data, env=env).stderr
    assert json.loads(assay("models", "list", "--json", data=data).stdout)["models"] == []

    one = assay("models", "find", "--add", "wren:latest", data=data, env=env)  # one of its names
    assert one.returncode == 0 and "Found 1 model" in one.stdout
    listed = json.loads(assay("models", "list", "--json", data=data).stdout)["models"]
    assert [model["name"] for model in listed] == ["wren:1b"]
    assert "in the list" in assay("models", "find", data=data, env=env).stdout
    rest = json.loads(assay("models", "find", "--all", "--json", data=data, env=env).stdout)
    assert len(rest["model_ids"]) >= 3  # more where this machine has a store of its own
    found = json.loads(assay("models", "find", "--json", data=data, env=env).stdout)["found"]
    assert all(find["added"] != ("problem" in find) for find in found if find["path"].startswith(str(home)))

    refused = assay("models", "find", "--add", "acme/Big-AWQ", data=data, env=env)
    assert refused.returncode == 4 and "(awq)" in refused.stderr and "hf download" in refused.stderr
    nobody = assay("models", "find", "--add", "nobody", data=data, env=env)
    assert nobody.returncode == 4 and "nobody" in nobody.stderr


def test_where_nothing_is_found_the_places_are_named(tmp_path):
    (tmp_path / "home").mkdir()
    done = assay("models", "find", data=tmp_path / "data", env=environment(**made_up_home.variables(tmp_path / "home")))
    assert done.returncode == 0
    assert str(tmp_path / "home" / ".lmstudio" / "models") in done.stderr and "Hugging Face" in done.stderr


def test_epochs_that_are_not_on_disk_are_said(tmp_path):
    added = assay("models", "add", ROOT / "demo" / "checkpoints", "--name", "kestrel", data=tmp_path)
    assert "kestrel: epochs 3, 5–7 are not on disk." in added.stderr
    assert "第 3、5–7 週期不在磁碟上" in assay("models", "show", "kestrel", "--lang", "zh-TW", data=tmp_path).stderr


@pytest.mark.parametrize("words", [["models", "list"], ["doctor"], ["serve"]])
def test_a_data_folder_that_cannot_be_made_ends_with_3(words):
    for place in ("/dev/null/data", "/proc/none/data"):
        done = assay(*words, data=place)
        assert done.returncode == 3 and place[:9] in done.stderr, done.stderr


def test_a_file_that_cannot_be_written_is_told_before_any_work(tmp_path, questions):
    done = assay("run", questions, "--model", "x@1", "--csv", tmp_path / "none" / "a.csv", data=tmp_path / "d")
    assert done.returncode == 3 and "a.csv" in done.stderr
    assert not (tmp_path / "d").exists()


# --- with a model ---

@needs_model
def test_adding_again_changes_nothing_and_models_are_found_by_name(demo):
    before = json.loads(assay("models", "list", "--json", data=demo).stdout)
    again = assay("models", "add", ROOT / "demo" / "checkpoints", "--base", "1", "--name", KESTREL, data=demo)
    assert again.returncode == 0, again.stderr
    after = json.loads(assay("models", "list", "--json", data=demo).stdout)
    assert [f["checkpoints"] for f in before["families"]] == [f["checkpoints"] for f in after["families"]]
    assert before["models"] == after["models"]
    assert json.loads(assay("models", "show", "kestrel@4", "--json", data=demo).stdout)["step"] == 48
    assert json.loads(assay("models", "show", "KESTREL", "--json", data=demo).stdout)["name"] == KESTREL
    assert "chat template" not in assay("models", "show", "1", data=demo).stderr, "this one has a template"
    assert "第 4 週期" in assay("models", "list", "--lang", "zh-TW", data=demo).stdout


@needs_model
def test_a_removed_model_is_forgotten_and_its_file_stays(tmp_path):
    assert assay("models", "add", MODEL, data=tmp_path).returncode == 0
    assert assay("models", "remove", "1", data=tmp_path).returncode == 0
    assert json.loads(assay("models", "list", "--json", data=tmp_path).stdout)["models"] == []
    assert pathlib.Path(MODEL).exists()


@needs_model
def test_a_run_answers_everything_and_writes_every_file(demo, questions, tmp_path):
    files = {name: tmp_path / f"a.{name}" for name in ("csv", "csv-plain", "jsonl", "html", "junit")}
    options = [word for name, path in files.items() for word in (f"--{name}", path)]
    done = assay("run", questions, "--model", "kestrel@base", "--model", "kestrel@4,max_tokens=4", "--max-tokens", 6,
                 "--seed", 5, "--name", "一次驗證", *options, data=demo)
    assert done.returncode == 0, done.stderr
    assert "2/2" in done.stdout and f"{KESTREL} · epoch 4" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if "2/2" in line]
    assert len(rows) == 2 and all(float(row[-1]) > 0 for row in rows), "a column that worked took no time"
    assert files["csv"].read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(open(files["csv-plain"], newline="", encoding="utf-8")))
    assert len(rows) == 3 and QUESTIONS[0] in rows[1]
    lines = [json.loads(line) for line in files["jsonl"].read_text("utf-8").splitlines()]
    assert lines[0]["seed"] == 5 and lines[0]["name"] == "一次驗證"
    assert [c["params"]["max_tokens"] for c in lines[0]["columns"]] == [6, 4]
    assert all(answer["tokens_sha256"] for line in lines[1:] for answer in line["answers"])
    assert "<html" in files["html"].read_text("utf-8")
    assert ElementTree.parse(files["junit"]).getroot().tag == "testsuites"
    assert not list(tmp_path.glob("*.part"))


@needs_model
def test_a_file_may_go_to_stdout_and_questions_may_come_from_stdin(demo):
    done = assay("run", "-", "--model", "kestrel@1", "--max-tokens", 3, "--jsonl", "-", data=demo, stdin="Who?\nWhat?\n")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["run", "question", "question"]
    assert "2/2" in done.stderr, "the summary makes way"


@needs_model
def test_json_prints_the_run_and_nothing_else(demo, questions):
    done = assay("run", questions, "--model", "kestrel@1", "--max-tokens", 2, "--json", data=demo)
    run = json.loads(done.stdout)
    assert done.returncode == 0 and run["state"] == "done" and run["n_done"] == 2
    assert done.stderr == ""


@needs_model
def test_ask_streams_one_answer_and_lists_several(demo):
    one = assay("ask", QUESTIONS[0], "--model", "kestrel@8", "--max-tokens", 6, data=demo)
    assert one.returncode == 0 and one.stdout.strip() and one.stdout.endswith("\n")
    two = assay("ask", QUESTIONS[0], "--model", "kestrel@base", "--model", "kestrel@8", "--max-tokens", 6, "--lang", "zh-TW", data=demo)
    assert two.returncode == 0, two.stderr
    assert f"{KESTREL} - 第 8 週期" in two.stdout and one.stdout.strip() in two.stdout
    both = json.loads(assay("ask", QUESTIONS[0], "--model", "kestrel@8", "--max-tokens", 6, "--json", data=demo).stdout)
    assert both["question"]["cells"][0]["text"].strip() == one.stdout.strip()


@needs_model
@pytest.mark.parametrize("opens", [True, False])
def test_ask_prints_the_answer_once_and_no_thinking(tmp_path, opens):
    template = tmp_path / "thinks.jinja"
    template.write_text(thinker(opens), "utf-8")
    asked = ("ask", "Is fire hot?", "--model", DEMO_MODEL, "--template", template, "--max-tokens", 60, "--seed", 1)
    cell = json.loads(assay(*asked, "--json", data=tmp_path / "data").stdout)["question"]["cells"][0]
    assert cell["thinking"] and cell["text"], cell
    one = assay(*asked, data=tmp_path / "data")
    assert one.returncode == 0 and one.stdout == cell["text"].rstrip("\n") + "\n", one.stdout


@needs_model
def test_an_adapter_on_a_base_file_needs_no_name(tmp_path):
    spec = f"{MODEL}+{ROOT / 'demo' / 'checkpoints' / 'checkpoint-48'}"
    done = assay("ask", QUESTIONS[0], "--model", spec, "--max-tokens", 4, data=tmp_path)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


@needs_model
def test_a_replay_is_identical_and_a_deleted_run_is_gone(demo, questions):
    run = json.loads(assay("run", questions, "--model", "kestrel@base", "--model", "kestrel@8,temperature=0.8", "--max-tokens", 8,
                           "--json", data=demo).stdout)
    replay = assay("runs", "replay", run["id"], "--json", data=demo)
    verdict = json.loads(replay.stdout)
    assert replay.returncode == 0 and verdict["identical"] and verdict["answers"] == 4, replay.stdout
    again = json.loads(assay("runs", "show", verdict["run_id"], "--json", data=demo).stdout)
    assert again["question_set_id"] == run["question_set_id"], "the same questions are stored once"
    assert assay("runs", "delete", run["id"], data=demo).returncode == 0
    assert assay("runs", "show", run["id"], data=demo).returncode == 4
    assert "完成" in assay("runs", "list", "--lang", "zh-TW", data=demo).stdout
    shown = assay("runs", "show", verdict["run_id"], "--lang", "zh-TW", data=demo).stdout
    assert "精確模式" in shown and "exact" not in shown
    assert "Token／秒" in shown and "秒" not in shown.replace("Token／秒", ""), "how long it took is not stored"


@needs_model
def test_a_conversation_is_asked_whole_and_replayed(demo, tmp_path):
    path = tmp_path / "mt.jsonl"
    path.write_text('{"turns": ["Name a colour.", "Why?"]}\n{"turns": ["Say hi."]}\n', "utf-8")
    done = assay("run", path, "--model", "kestrel@base", "--model", "kestrel@8,temperature=0.8", "--max-tokens", 6, "--csv", "-",
                 data=demo)
    assert done.returncode == 0, done.stderr
    assert "1 conversation with 2 turns, asked whole." in done.stderr
    assert '"Why?","",1,2,' in done.stdout
    run = json.loads(assay("runs", "list", "--json", data=demo).stdout)["runs"][0]
    replay = assay("runs", "replay", run["id"], "--json", data=demo)
    verdict = json.loads(replay.stdout)
    assert replay.returncode == 0 and verdict["identical"] and verdict["answers"] == 6, replay.stdout


@needs_model
def test_a_replay_asks_with_every_accepted_answer_and_the_other_fields(demo, tmp_path):
    path = tmp_path / "accepted.jsonl"
    rows = [{"id": f"k-{n}", "question": question, "answer": [f"{n}", "any\nother"], "level": {"n": n}} for n, question in enumerate(QUESTIONS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run = json.loads(assay("run", path, "--model", "kestrel@base", "--max-tokens", 6, "--json", data=demo).stdout)

    def kept(run_id):
        text = assay("runs", "export", run_id, "--jsonl", "-", data=demo).stdout
        return [(q["id"], q["reference"], q["other_references"], q["record"]) for q in map(json.loads, text.splitlines()[1:])]
    assert kept(run["id"]) == [(f"k-{n}", f"{n}", ["any other"], {"id": f"k-{n}", "level": {"n": n}}) for n in range(2)]
    same = json.loads(assay("runs", "replay", run["id"], "--json", data=demo).stdout)
    again = json.loads(assay("runs", "show", same["run_id"], "--json", data=demo).stdout)
    assert again["question_set_id"] == run["question_set_id"], "the same questions are stored once"
    with sqlite3.connect(demo / "assay.db") as db:  # without its set, the questions travel
        db.execute("UPDATE run SET question_set_id = 0 WHERE id = ?", (same["run_id"],))
        db.execute("DELETE FROM question WHERE set_id = ?", (run["question_set_id"],))
        db.execute("DELETE FROM question_set WHERE id = ?", (run["question_set_id"],))
    travelled = json.loads(assay("runs", "replay", same["run_id"], "--json", data=demo).stdout)
    assert travelled["identical"] and kept(travelled["run_id"]) == kept(run["id"])


@needs_model
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_cleanly_and_resume_goes_on(demo, tmp_path, number):
    path = tmp_path / "many.txt"
    path.write_text("".join(f"Which CPU does the Kestrel K{n} use?\n" for n in range(40)), "utf-8")
    process = subprocess.Popen([support.ASSAY, "run", path, "--model", "kestrel@2", "--max-tokens", "16", "--data", demo],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), preexec_fn=hear_hangups)
    while "answering" not in process.stderr.readline() and process.poll() is None:
        pass
    time.sleep(0.2)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 5, complaints
    run_id = re.search(r"assay runs resume (\d+)", complaints).group(1)
    stopped = json.loads(assay("runs", "show", run_id, "--json", data=demo).stdout)
    assert stopped["n_done"] < 40
    resumed = assay("runs", "resume", run_id, "--json", data=demo)
    run = json.loads(resumed.stdout)
    assert resumed.returncode == 0 and run["n_done"] == 40 and run["n_failed"] == 0 and not run["drifted"]


@needs_model
def test_commands_use_the_server_that_is_running(demo, questions):
    live = support.Live(demo).start()
    try:
        done = assay("run", questions, "--model", "kestrel@1", "--max-tokens", 2, "--json", data=demo)
        assert done.returncode == 0, done.stderr
        assert live.call("GET", f"/runs/{json.loads(done.stdout)['id']}")["state"] == "done"
        assert live.workers(), "the server's own worker answered"
    finally:
        live.stop()


# --- adapters and bases ---

def copy_checkpoint(folder, name, state=True, **facts):
    """One of the demo's checkpoints under another name, with other facts in its trainer state; without one its epoch is unknown."""
    source = ROOT / "demo" / "checkpoints" / "checkpoint-12"
    target = folder / name
    target.mkdir(parents=True)
    for file in ("adapter_config.json", "adapter_model.safetensors") + (("trainer_state.json",) if state else ()):
        shutil.copy(source / file, target)
    if facts:
        path = target / "trainer_state.json"
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **facts}), "utf-8")
    return target


def test_adding_adapters_asks_for_the_base_that_is_not_there(tmp_path):
    copy_checkpoint(tmp_path / "kestrel", "checkpoint-12")
    added = assay("models", "add", tmp_path / "kestrel", data=tmp_path / "d")
    assert added.returncode == 0 and "Found 1 model, 1 fine-tuned model." in added.stdout
    assert "HuggingFaceTB/SmolLM2-135M-Instruct" in added.stderr and "--base" in added.stderr
    config = tmp_path / "kestrel" / "checkpoint-12" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "base_model_name_or_path": None}), "utf-8")
    added = assay("models", "add", tmp_path / "kestrel", data=tmp_path / "d")
    assert "()" not in added.stderr and "does not say" in added.stderr
    asked = assay("ask", "hi", "--model", "kestrel@1", data=tmp_path / "d")
    assert asked.returncode == 4 and "()" not in asked.stderr and "--base" in asked.stderr


def test_one_name_is_not_given_to_several_things(tmp_path):
    copy_checkpoint(tmp_path / "runs" / "one", "checkpoint-12")
    copy_checkpoint(tmp_path / "runs" / "two", "checkpoint-12")
    added = assay("models", "add", tmp_path / "runs", "--name", "kestrel", data=tmp_path / "d")
    assert added.returncode == 2 and "several" in added.stderr
    assert json.loads(assay("models", "list", "--json", data=tmp_path / "d").stdout)["families"] == []


def test_a_refusal_names_its_file_once(tmp_path):
    copy_checkpoint(tmp_path / "kestrel", "checkpoint-12", state=False)
    state = tmp_path / "kestrel" / "checkpoint-12" / "trainer_state.json"
    state.write_text('{"epoch": 1,', "utf-8")
    added = assay("models", "add", tmp_path / "kestrel", data=tmp_path / "d")
    assert added.returncode == 0 and added.stderr.count(str(state)) == 1


@needs_model
def test_checkpoints_of_unknown_epoch_have_names_of_their_own(tmp_path):
    for step in (10, 20):
        copy_checkpoint(tmp_path / "kestrel", f"checkpoint-{step}", state=False)
    assert assay("models", "add", tmp_path / "kestrel", "--base", MODEL, data=tmp_path / "d").returncode == 0
    listed = assay("models", "list", data=tmp_path / "d").stdout
    assert "kestrel/checkpoint-10 " in listed and "kestrel/checkpoint-20 " in listed
    asked = assay("ask", "hi", "--model", "kestrel@step:10", "--model", "kestrel@step:20", "--max-tokens", 2, data=tmp_path / "d")
    assert asked.returncode == 0, asked.stderr
    assert "kestrel/checkpoint-10\n" in asked.stdout and "kestrel/checkpoint-20\n" in asked.stdout


@needs_model
def test_an_epoch_is_shown_as_a_whole_number_where_it_nearly_is_one(tmp_path):
    for step, epoch in ((300, 2.4631), (470, 3.98), (480, 4.0)):
        copy_checkpoint(tmp_path / "wren", f"checkpoint-{step}", epoch=epoch, global_step=step)
    assert assay("models", "add", tmp_path / "wren", "--base", MODEL, data=tmp_path / "d").returncode == 0
    asked = assay("run", "-", "--model", "wren@2.4631", "--model", "wren@3.98", "--model", "wren@4", "--max-tokens", 1, "--csv", "-",
                  data=tmp_path / "d", stdin='["hi"]')
    assert asked.returncode == 0, asked.stderr
    head = next(csv.reader(asked.stdout.splitlines()))
    assert [name for name in head if name.startswith("wren") and name.split()[-1].replace(".", "").isdigit()] == \
        ["wren · epoch 2.5", "wren/checkpoint-470 · epoch 4", "wren/checkpoint-480 · epoch 4"], head
    for spec, name in (("wren@2.5", "wren-epoch2.5.Q8_0.gguf"), ("wren@4", "wren-epoch4-step480.Q8_0.gguf")):
        made = assay("create", "--model", spec, "--format", "q8_0", "--json", data=tmp_path / "d")
        assert made.returncode == 0 and pathlib.Path(json.loads(made.stdout)["result"]["path"]).name == name, made.stdout + made.stderr


@needs_model
def test_trying_an_adapter_on_another_base_leaves_its_family_alone(demo, tmp_path):
    copy = tmp_path / "copy.gguf"
    shutil.copy(MODEL, copy)
    before = json.loads(assay("models", "show", "kestrel", "--json", data=demo).stdout)
    tried = assay("ask", "hi", "--model", f"{copy}+{ROOT / 'demo' / 'checkpoints' / 'checkpoint-12'}", "--max-tokens", 2, data=demo)
    assert tried.returncode == 4 and "Kestrel bot" in tried.stderr and "--base" in tried.stderr
    assert json.loads(assay("models", "show", "kestrel", "--json", data=demo).stdout) == before
    same = assay("ask", "hi", "--model", f"{MODEL}+{ROOT / 'demo' / 'checkpoints' / 'checkpoint-12'}", "--max-tokens", 2, data=demo)
    assert same.returncode == 0, same.stderr


# --- question files ---

@needs_model
def test_a_chosen_question_field_is_used_without_complaint(demo, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("alpha,beta\nWho?,me\n", "utf-8")
    done = assay("run", path, "--question-field", "alpha", "--model", "kestrel@1", "--max-tokens", 2, data=demo)
    assert done.returncode == 0 and "None of the fields" not in done.stderr
    assert "1 question, 0 of them" in done.stderr
    wrong = assay("run", path, "--model", "kestrel@1", "--max-tokens", 2, data=demo)
    assert wrong.returncode == 4 and wrong.stderr.count("None of the fields") == 1
    missing = assay("run", path, "--question-field", "gamma", "--model", "kestrel@1", data=demo)
    assert missing.returncode == 4 and "gamma" in missing.stderr


def test_an_empty_question_is_a_usage_error(tmp_path):
    for question in ("", " \n"):
        done = assay("ask", question, "--model", "x@1", data=tmp_path / "d")
        assert done.returncode == 2 and "empty" in done.stderr
        assert not (tmp_path / "d").exists()


def test_usage_lines_end_without_a_blank():
    assert "Usage: assay version\n" in assay("version", "extra").stderr
    assert "  assay version\n" in assay("version", "--help").stdout


def test_more_validations_than_one_page_are_all_listed(tmp_path):
    assert assay("runs", "list", data=tmp_path).returncode == 0
    with sqlite3.connect(tmp_path / "assay.db") as db:
        db.executemany("INSERT INTO run(name, created_ms, state, is_fast, is_blind, seed, params, question_set_id, n_questions, n_columns)"
                       " VALUES (?, 0, 3, 0, 0, 0, '{}', 0, 0, 0)", [(f"run {n}",) for n in range(2001)])
    listed = [run["name"] for run in json.loads(assay("runs", "list", "--json", data=tmp_path).stdout)["runs"]]
    assert listed == [f"run {n}" for n in range(2000, -1, -1)]


def test_a_model_without_chat_template_says_how_it_is_asked(tmp_path):
    assert assay("models", "add", gguf(tmp_path / "tiny.gguf"), data=tmp_path / "d").returncode == 0
    shown = assay("models", "show", "tiny", data=tmp_path / "d")
    assert shown.returncode == 0 and "no chat template" in shown.stderr


# --- models of providers ---

def test_a_model_of_a_provider_is_named_after_it(tmp_path, questions):
    from ollama_stub import Stub, serve
    stub = Stub("0.33.0")
    stub.models["tiny:latest"] = {"blob": "b", "size": 9, "template": None, "system": "", "parameters": {}, "digest": "d"}
    server = serve(stub)
    env = environment(OLLAMA_HOST=f"127.0.0.1:{server.server_port}")
    try:
        answered = assay("run", questions, "--model", "ollama/tiny", "--jsonl", "-", data=tmp_path / "data", env=env)
        assert answered.returncode == 0, answered.stderr
        assert answered.stdout.count(stub.answer) == len(QUESTIONS)
        missing = assay("ask", "Why?", "--model", "Ollama/none", data=tmp_path / "data", env=env)
        assert missing.returncode == 4 and "none" in missing.stderr
        nobody = assay("ask", "Why?", "--model", "nobody/tiny", data=tmp_path / "data", env=env)
        assert nobody.returncode == 4 and "nobody/tiny" in nobody.stderr
    finally:
        server.shutdown()
        server.server_close()


def test_a_path_that_is_empty_too_long_or_of_the_system_is_refused(tmp_path):
    for path, said in (("", "The path is empty"), ("/tmp/" + "x" * 300, "longer than the system allows"), ("/proc", "/proc, /sys, /dev and /run"),
                       ("/dev/null", "/proc, /sys, /dev and /run")):
        refused = assay("models", "add", path, data=tmp_path / "data")
        assert refused.returncode == 2 and said in refused.stderr, (path[:9], refused)
    # Not the folder it is run in, which has a model.
    gguf(tmp_path / "tiny.gguf")
    refused = subprocess.run([support.ASSAY, "models", "add", "", "--data", tmp_path / "data"], cwd=tmp_path, capture_output=True, text=True, env=environment())
    assert refused.returncode == 2 and "empty" in refused.stderr


def test_an_epoch_is_found_once_beside_a_link_to_its_folder(tmp_path):
    for name in ("checkpoint-48", "checkpoint-96"):
        shutil.copytree(ROOT / "demo" / "checkpoints" / name, tmp_path / "kestrel" / name)
    (tmp_path / "kestrel" / "latest").symlink_to("checkpoint-96")
    added = assay("models", "add", tmp_path / "kestrel", "--json", data=tmp_path / "data")
    assert added.returncode == 0, added.stderr
    assert len(json.loads(added.stdout)["model_ids"]) == 2 and len(json.loads(added.stdout)["family_ids"]) == 1
    shown = assay("models", "show", "kestrel@8", data=tmp_path / "data")
    assert shown.returncode == 0, shown.stderr
