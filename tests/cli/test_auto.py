# SPDX-License-Identifier: Apache-2.0
"""`assay auto`: the best epoch on the command line, and gates for build servers."""
import json
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from test_cli import KESTREL, ROOT, assay, demo, environment, needs_model, support  # noqa: F401

DEMO = (ROOT / "demo" / "questions.jsonl").read_text("utf-8").splitlines()
SHORT = ["--max-tokens", 20]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    path = tmp_path_factory.mktemp("questions") / "some.jsonl"
    path.write_text("\n".join(DEMO[::3]), "utf-8")
    return path


@pytest.fixture(scope="module")
def found(demo, questions, tmp_path_factory):  # noqa: F811
    """One that ran, and the files that it wrote."""
    folder = tmp_path_factory.mktemp("reports")
    done = assay("auto", questions, "--family", "kestrel", *SHORT, "--html", folder / "a.html", "--junit", folder / "a.xml",
                 "--report-json", folder / "a.json", "--fail-below", "base", data=demo)
    assert done.returncode == 0, done.stderr
    return done, folder, json.loads((folder / "a.json").read_text("utf-8"))


# --- the result ---

@needs_model
def test_the_best_epoch_is_named_with_its_evidence(found):
    done, _, whole = found
    assert whole["result"]["decision"]["sentence"]["text"] in done.stdout.replace("\n", " ")
    assert "How sure: ●" in done.stdout and "What next" in done.stdout
    rows = [line for line in done.stdout.splitlines() if "[" in line and "]" in line]
    assert len(rows) == 5 and sum(line.startswith("*") for line in rows) == 1 and all("#" in line for line in rows)
    assert "Reference answers: 23 of 23 questions" in done.stdout
    for said in ("23 of 23 questions have a reference answer", "Answering the questions: ", "Deciding: ", "is proven better than the base model"):
        assert said in done.stderr.replace("\n", " "), done.stderr


@needs_model
def test_the_files_are_whole(found):
    done, folder, whole = found
    assert "<svg" in (folder / "a.html").read_text("utf-8")
    cases = list(ElementTree.parse(folder / "a.xml").getroot().iter("testcase"))
    assert [c.get("classname") for c in cases].count("candidates") == 5
    assert [c.get("name") for c in cases if c.get("classname") == "gates"] == ["--fail-below base"]
    assert len(whole["questions"]) == 23 and str(folder / "a.html") in done.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["a.html", "a.json", "a.xml"]


@needs_model
def test_a_gate_that_fails_ends_with_1_and_says_why(found, demo):  # noqa: F811
    run = found[2]["run"]["id"]
    rate = next(c["win_rate"] for c in found[2]["result"]["candidates"] if c["is_recommended"])
    for rule, code in (("base", 0), ("regress", 0), ("1%", 0), ("1.0", 0 if rate == 1 else 1)):
        judged = assay("auto", "--run", run, "--fail-below", rule, data=demo)
        assert judged.returncode == code, (rule, judged.stderr)
    base = [f"{KESTREL}@2", f"{KESTREL}@1"]
    none = assay("auto", "-", "--model", base[0], "--model", base[1], "--max-tokens", 4, "--fail-below", "base", data=demo, stdin="One?\nTwo?\n")
    assert none.returncode == 1 and "no base model" in none.stderr, none.stderr


@needs_model
def test_the_answers_of_a_validation_are_judged_as_json_in_the_language_asked_for(found, demo):  # noqa: F811
    judged = assay("auto", "--run", found[2]["run"]["id"], "--json", "--lang", "zh-TW", data=demo)
    assert judged.returncode == 0 and judged.stderr == "", judged.stderr
    selection = json.loads(judged.stdout)
    assert selection["run_id"] == found[2]["run"]["id"] and "週期" in selection["decision"]["sentence"]["text"]
    assert selection["decision"]["recommended_column_id"] == found[2]["result"]["decision"]["recommended_column_id"]


@needs_model
def test_a_page_on_standard_output_leaves_the_text_to_standard_error(found, demo):  # noqa: F811
    page = assay("auto", "--run", found[2]["run"]["id"], "--html", "-", "--lang", "zh-TW", data=demo)
    assert page.returncode == 0 and page.stdout.startswith("<!doctype html>") and page.stdout.rstrip().endswith("</html>")
    assert "把握程度" in page.stderr and "候選模型" in page.stderr


@needs_model
def test_a_folder_names_a_fine_tune_too(demo):  # noqa: F811
    few = assay("auto", "-", "--family", ROOT / "demo" / "checkpoints", "--max-tokens", 4, "--judge", "none", data=demo, stdin="One?\nTwo?\n")
    assert few.returncode == 0, few.stderr
    assert "Too few questions to decide (2)" in few.stdout and "Too few questions" in few.stderr


@needs_model
def test_the_second_time_the_answers_are_taken_over_and_can_be_computed_anew(found, demo, questions):  # noqa: F811
    done, _, whole = found
    again = assay("auto", questions, "--family", "kestrel", *SHORT, data=demo)
    assert again.returncode == 0, again.stderr
    assert "Taken over from earlier validations: 115 of 115 answers" in again.stdout
    assert [line for line in again.stdout.splitlines() if "Taken over" not in line] == done.stdout.splitlines()
    run = json.loads(assay("runs", "list", "--json", data=demo).stdout)["runs"][0]["id"]
    replay = assay("runs", "replay", run, "--json", data=demo)
    assert replay.returncode == 0 and json.loads(replay.stdout)["identical"] and json.loads(replay.stdout)["answers"] == 115, replay
    few = ["--model", f"{KESTREL}@1", "--model", f"{KESTREL}@8", "--max-tokens", 4, "--json"]
    reused = [json.loads(assay("auto", "-", *few, *more, data=demo, stdin="Red?\nBlue?\n").stdout)["n_reused"] for more in ([], [], ["--fresh"])]
    assert reused == [0, 4, 0]


@needs_model
def test_questions_that_were_added_begin_a_part_of_their_own_and_the_replay_has_it_too(demo):  # noqa: F811
    def ask(questions):
        return json.loads(assay("auto", "-", "--model", f"{KESTREL}@1", "--model", f"{KESTREL}@8", "--max-tokens", 5, "--json", data=demo,
                                stdin="\n".join(questions)).stdout)

    def parts(run):
        return json.loads(assay("runs", "export", run, "--jsonl", "-", data=demo).stdout.splitlines()[0])["parts"]
    words = ["One?", "Two?", "Three?", "Four?", "Five?"]
    ask(words[:3])
    more = ask(words)
    assert (more["n_reused"], more["n_answers"]) == (6, 10) and parts(more["run_id"]) == [0, 3]
    replay = json.loads(assay("runs", "replay", more["run_id"], "--json", data=demo).stdout)
    assert replay["identical"] and replay["answers"] == 10 and parts(replay["run_id"]) == [0, 3], replay


# --- wrong use ---

@pytest.mark.parametrize("words,text", [
    (["q.json"], "--family"),
    (["q.json", "--family", "x", "--model", "y"], "--family"),
    (["--family", "x"], "questions"),
    (["q.json", "--run", "1"], "QUESTIONS"),
    (["q.json", "--model", "x"], "--model"),
    (["q.json", "--model", "x@nine", "--model", "y"], "nine"),
    (["q.json", "--family", "x", "--budget", "5"], "5m"),
    (["q.json", "--family", "x", "--fail-below", "best"], "regress"),
    (["q.json", "--family", "x", "--html", "-", "--json"], "standard output"),
    (["q.json", "--family", "x", "--temperature", "9"], "temperature"),
    (["q.json", "--family", "x", "--html", "/no/such/folder/a.html"], "/no/such/folder"),
    (["--run", "x"], "x"),
])
def test_a_slip_is_told_before_anything_starts(words, text, tmp_path):
    refused = assay("auto", *words, data=tmp_path / "data")
    assert refused.returncode in (2, 3) and text in refused.stderr and (not refused.stdout or "--json" in words), refused
    assert not (tmp_path / "data").exists()


@needs_model
def test_a_name_that_nobody_has_is_told(demo, questions):  # noqa: F811
    for words in (["--family", "sparrow"], ["--family", "kestrel", "--judge", "sparrow"], ["--family", "kestrel", "--training", "/no/such/file"]):
        refused = assay("auto", questions, *words, data=demo)
        assert refused.returncode == 4 and not refused.stdout, (words, refused)
        assert "sparrow" in refused.stderr or "/no/such/file" in refused.stderr
    assert assay("auto", "--resume", 999, data=demo).returncode == 4
    settings = assay("auto", questions, "--model", f"{KESTREL}@1,temperature=1", "--model", f"{KESTREL}@2", data=demo)
    assert settings.returncode == 2 and "settings" in settings.stderr


# --- stopping ---

@needs_model
def test_ctrl_c_keeps_what_was_answered_and_resume_goes_on(demo, questions):  # noqa: F811
    process = subprocess.Popen([support.ASSAY, "auto", str(questions), "--family", "kestrel", "--max-tokens", "200", "--data", str(demo)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    for line in process.stderr:
        if line.startswith("Automatic validation"):
            break
    number = line.split()[-1]
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 5 and out == "" and f"assay auto --resume {number}" in told, told
    whole = assay("auto", "--resume", number, "--json", data=demo)
    assert whole.returncode == 0 and json.loads(whole.stdout)["state"] == "done", whole.stderr


@needs_model
def test_when_the_time_is_up_it_says_so(demo, questions):  # noqa: F811
    short = assay("auto", questions, "--family", "kestrel", "--max-tokens", 100, "--seed", 5, "--budget", "1s", data=demo)
    assert short.returncode == 0, short.stderr
    assert "Time is up" in short.stdout or "too few to decide" in short.stdout, short.stdout
