# SPDX-License-Identifier: Apache-2.0
"""Automatic validation: from a fine-tuned model and questions to a recommendation, its evidence and its reports.

ASSAY_TEST_MODEL names the demo's base model; without it these tests are skipped."""
import json
import math
import os
import pathlib
import shutil
import sqlite3
import struct
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gguf_places  # noqa: E402
from live import ROOT, Live, Refused, UnixConnection, add_demo  # noqa: E402
from openai_stub import Stub, serve as serve_openai  # noqa: E402
from openapi import conforms  # noqa: E402
from tiny_gguf import huge_gguf  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
FULL = bool(os.environ.get("ASSAY_FULL"))
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")

DEMO = [json.loads(line) for line in (ROOT / "demo" / "questions.jsonl").read_text("utf-8").splitlines()]
QUESTIONS = [{"text": q["question"], "reference": q["answer"]} for q in DEMO[::3]]  # 23 of them
PARAMS = {"max_tokens": 24}
OVER = ("done", "failed", "stopped", "interrupted")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    server = Live(tmp_path_factory.mktemp("selections")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def demo(live):
    """The family's number, and its models: base, then epochs."""
    models = add_demo(live, MODEL)
    return live.call("GET", "/models")["families"][0]["id"], models


def wait(live, selection, limit_s=300, states=OVER):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        selection = conforms("Selection", live.call("GET", f"/selections/{selection['id']}"))
        if selection["state"] in states:
            return selection
        time.sleep(0.1)
    raise AssertionError(selection)


def add(live, demo, **fields):
    body = {"family_id": demo[0], "questions": QUESTIONS, "params": PARAMS, **fields}
    return conforms("Selection", live.call("POST", "/selections", body))


@pytest.fixture(scope="module")
def done(live, demo):
    selection = wait(live, add(live, demo, name="which epoch"))
    assert selection["state"] == "done", selection
    return selection


def report(live, selection, kind, lang="en", more=""):
    return live.call("GET", f"/selections/{selection['id']}/report?format={kind}&lang={lang}{more}", raw=True)


def marked(selection, flag):
    return [c for c in selection["candidates"] if c[flag]]


# --- the result ---

def test_every_epoch_and_the_base_model_are_candidates(live, demo, done):
    assert [c["model_id"] for c in done["candidates"]] == demo[1]
    assert [c["epoch"] for c in done["candidates"]] == [None, 1, 2, 4, 8]
    assert [c["is_base"] for c in done["candidates"]] == [True, False, False, False, False]
    run = live.call("GET", f"/runs/{done['run_id']}")
    assert run["state"] == "done" and run["n_questions"] == len(QUESTIONS) and run["params"]["max_tokens"] == 24
    assert [c["id"] for c in run["columns"]] == [c["column_id"] for c in done["candidates"]]


def test_the_result_is_a_sentence_with_its_evidence(done):
    decision = done["decision"]
    (chosen,), (best,) = marked(done, "is_recommended"), marked(done, "is_best")
    assert decision["sentence"]["text"] and decision["level"] in ("low", "medium", "high", "very_high"), decision
    assert (decision["recommended_column_id"], decision["best_column_id"]) == (chosen["column_id"], best["column_id"])
    assert chosen["epoch"] in (4, 8) and chosen["beats_base"]  # what these were trained on
    assert done["checked_by"] == {"n_references": 23, "n_rated": 0, "judge": None}
    assert done["n_questions"] == done["n_answered"] == 23 and done["elapsed_ms"] > 0 and done["remaining_ms"] is None
    assert {s["name"]: s["state"] for s in done["steps"]} == {
        "answers": "done", "scores": "done", "likelihood": "done", "exam": "skipped", "judge": "skipped", "decision": "done"}
    (curve,) = [c for c in done["curves"] if c["name"] == "all"]
    assert curve["unit"] == "right" and [p["value"] for p in curve["points"]] == [c["n_right"] / 23 for c in done["candidates"]]


def test_sentences_come_in_the_language_asked_for(live, done):
    chinese = live.call("GET", f"/selections/{done['id']}", headers={"Accept-Language": "zh-TW"})
    assert chinese["decision"]["sentence"]["key"] == done["decision"]["sentence"]["key"]
    assert "週期" in chinese["decision"]["sentence"]["text"] and chinese["decision"]["level_note"] != done["decision"]["level_note"]


def test_it_is_listed_newest_first_and_by_run(live, done):
    listed = live.call("GET", "/selections")["selections"]
    assert done in listed and [s["id"] for s in listed] == sorted((s["id"] for s in listed), reverse=True)
    assert [s["id"] for s in live.call("GET", f"/selections?run_id={done['run_id']}")["selections"]] == [done["id"]]
    assert done["id"] not in [s["id"] for s in live.call("GET", f"/selections?before={done['id']}")["selections"]]


def test_the_questions_that_decided_are_shown_with_every_answer(live, done):
    def page(show, more=""):
        return conforms("SelectionQuestions", live.call("GET", f"/selections/{done['id']}/questions?show={show}{more}"))
    everything, decided, gains, losses = page("all"), page("decided"), page("gains"), page("losses")
    assert everything["total"] == len(everything["questions"]) == 23
    assert decided["total"] == gains["total"] + losses["total"] == done["decision"]["n_decided"]
    assert {q["outcome"] for q in gains["questions"]} == {"win"} and all(q["layer"] != "none" for q in decided["questions"])
    (chosen,) = marked(done, "is_recommended")
    right = 0
    for i, question in enumerate(everything["questions"]):
        assert (question["position"], question["text"]) == (i, QUESTIONS[i]["text"])
        assert [a["column_id"] for a in question["answers"]] == [c["column_id"] for c in done["candidates"]]
        right += next(a["is_right"] for a in question["answers"] if a["column_id"] == chosen["column_id"])
    assert right == chosen["n_right"]
    second = page("gains", "&offset=1&limit=1")["questions"]
    assert second == gains["questions"][1:2]


def test_every_accepted_answer_counts_in_a_run_that_is_asked_again(live, demo):
    """As the page does it: an upload is answered, then its questions are asked again with one more column."""
    def ask(models, **questions):
        run = live.call("POST", "/runs", {"columns": [{"model_id": m} for m in models], "params": {"max_tokens": 12}, **questions})["id"]
        live.wait_run(run)
        return run, conforms("RunPage", live.call("GET", f"/runs/{run}/questions"))["questions"]
    texts = [q["text"] for q in QUESTIONS[:3]]
    said = [q["cells"][0]["text"] for q in ask(demo[1][:1], questions=texts)[1]]
    rows = [{"id": f"k-{i}", "question": texts[i], "answer": ["Nobody said so", said[i]]} for i in range(3)]
    upload = live.call("POST", "/uploads?name=accepted.jsonl", "\n".join(map(json.dumps, rows)).encode())
    stored = live.call("POST", "/question-sets", {"upload": upload["upload"]})
    _, shown = ask(demo[1][:1], question_set_id=stored["id"])
    again = [{**{k: q[k] for k in ("text", "reference", "other_references", "record") if k in q}, "id": q["source_id"]} for q in shown]
    run, shown = ask(demo[1][:2], questions=again)
    assert [q["cells"][0]["text"] for q in shown] == said
    assert [(q["source_id"], q["other_references"]) for q in shown] == [(row["id"], [row["answer"][1].replace("\n", " ")]) for row in rows]
    selection = wait(live, conforms("Selection", live.call("POST", "/selections", {"run_id": run, "judge": "none"})))
    (base,) = marked(selection, "is_base")
    assert base["n_right"] == 3, selection
    whole = json.loads(report(live, selection, "json"))
    assert whole["questions"][1]["other_references"] == shown[1]["other_references"]
    same = live.call("POST", "/question-sets", {"name": "again", "questions": again})
    assert same["id"] == stored["id"], "the same questions are stored once"


# --- reports ---

def test_a_report_is_the_same_every_time(live, done):
    for kind in ("html", "json", "junit"):
        for lang in ("en", "zh-TW"):
            assert report(live, done, kind, lang) == report(live, done, kind, lang)


def test_the_page_has_the_sentence_the_curve_and_the_texts(live, done):
    page = report(live, done, "html").decode()
    assert done["decision"]["sentence"]["text"] in page and "<svg" in page and "<script" not in page
    assert QUESTIONS[0]["reference"] in page and "Kestrel bot" in page
    assert "建議採用" in report(live, done, "html", "zh-TW").decode()


def test_the_json_report_is_the_result_and_every_answer(live, done):
    whole = json.loads(report(live, done, "json"))
    assert [c["score"] for c in whole["result"]["candidates"]] == [c["score"] for c in done["candidates"]]
    assert len(whole["questions"]) == 23 and whole["questions"][3]["reference"] == QUESTIONS[3]["reference"]
    texts = [cell["text"] for cell in live.cells(done["run_id"])]
    assert [a["answer"] for q in whole["questions"] for a in q["answers"]] == texts
    assert all(c["model_hash"] for c in whole["run"]["columns"])


def test_junit_fails_where_a_gate_fails(live, done):
    def gate(rule):
        root = ElementTree.fromstring(report(live, done, "junit", more=f"&fail_below={rule}"))
        (case,) = [c for c in root.iter("testcase") if c.get("classname") == "gates"]
        return case.find("failure") is None
    assert gate("base") and gate("regress") and gate("0.5") and gate("1%25")
    assert not gate("1.0") or marked(done, "is_recommended")[0]["win_rate"] == 1
    cases = ElementTree.fromstring(report(live, done, "junit")).iter("testcase")
    assert sum(c.get("classname") == "candidates" for c in cases) == 5


# --- before the start ---

def preview(live, demo, **fields):
    return conforms("SelectionPreview", live.call("POST", "/selections/preview", {"family_id": demo[0], "params": PARAMS, **fields}))


def test_the_preview_says_what_each_kind_of_question_allows(live, demo):
    bare = [{"text": q["text"]} for q in QUESTIONS]
    most = preview(live, demo, questions=QUESTIONS)
    assert most["allows"]["key"] == "selection_allows_references" and "23 of 23" in most["allows"]["text"]
    assert (most["n_questions"], most["n_references"], most["n_candidates"], most["judge"]) == (23, 23, 5, None)
    assert preview(live, demo, questions=bare[:20] + QUESTIONS[20:])["allows"]["key"] == "selection_allows_few"
    nothing = preview(live, demo, questions=bare)
    assert nothing["allows"]["key"] == "selection_allows_nothing"
    assert "selection_warn_no_judge" in [w["key"] for w in nothing["warnings"]]
    few = preview(live, demo, questions=QUESTIONS[:5])
    assert [w["key"] for w in few["warnings"]] == ["selection_warn_too_few"]
    assert preview(live, demo, questions=QUESTIONS)["warnings"][0]["key"] == "selection_warn_few"
    alone = preview(live, demo, questions=QUESTIONS * 2, family_id=None, model_ids=demo[1][1:3])
    assert [w["key"] for w in alone["warnings"]] == ["selection_warn_no_base"]


def test_a_judge_that_is_too_small_is_warned_about(live, demo, other):
    judged = preview(live, demo, questions=[{"text": q["text"]} for q in QUESTIONS], judge_model_id=other)
    assert judged["judge"]["model_id"] == other and judged["allows"]["key"] == "selection_allows_judge"
    assert "selection_warn_small_judge" in [w["key"] for w in judged["warnings"]]
    some = preview(live, demo, questions=QUESTIONS[:2] + [{"text": q["text"]} for q in QUESTIONS[2:]], judge_model_id=other)
    assert some["allows"]["key"] == "selection_allows_few_judge" and some["plan"]["n_judge_calls"] > 23 * 20


def test_the_plan_knows_the_speed_once_the_models_have_answered(live, demo, done):
    plan = preview(live, demo, questions=QUESTIONS)["plan"]
    assert plan["n_questions"] == 23 and plan["n_answers"] == 5 * 23 and plan["seconds"] > 0.5 and plan["fits"]
    short = preview(live, demo, questions=QUESTIONS, budget_s=1)
    assert not short["plan"]["fits"] and "selection_warn_time" in [w["key"] for w in short["warnings"]]
    there = live.call("POST", "/selections/preview", {"run_id": done["run_id"]})
    assert there["plan"]["n_answers"] == 0 and there["n_references"] == 23


def test_ratings_count_where_there_is_nothing_else(live, demo):
    run = live.call("POST", "/runs", {"columns": [{"model_id": m} for m in demo[1][:2]], "questions": [q["text"] for q in QUESTIONS[:3]],
                                      "params": {"max_tokens": 16}})
    live.wait_run(run["id"])
    live.call("PUT", f"/cells/{live.cells(run['id'])[0]['id']}/vote", {"liked": True})
    seen = live.call("POST", "/selections/preview", {"run_id": run["id"]})
    assert (seen["n_rated"], seen["allows"]["key"]) == (1, "selection_allows_thumbs")
    judged = wait(live, live.call("POST", "/selections", {"run_id": run["id"]}))
    assert judged["state"] == "done" and judged["decision"]["kind"] == "too_few", judged
    assert judged["run_id"] == run["id"] and judged["name"] == run["name"]


@pytest.mark.parametrize("fields,status,key", [
    ({"family_id": None}, 400, "err_selection_source"),
    ({"model_ids": [1, 2]}, 400, "err_selection_one_source"),
    ({"family_id": 99}, 404, "err_family_not_found"),
    ({"family_id": None, "model_ids": [1]}, 400, "err_selection_count"),
    ({"family_id": None, "model_ids": [1, 1]}, 400, "err_selection_twice"),
    ({"family_id": None, "model_ids": [1, 999]}, 404, "err_model_not_found"),
    ({"family_id": None, "model_ids": ["a", "b"]}, 400, "err_field_needed"),
    ({"questions": None}, 400, "err_run_questions_source"),
    ({"questions": []}, 400, "err_questions_none"),
    ({"question_set_id": 5}, 400, "err_run_questions_source"),
    ({"questions": None, "question_set_id": 999}, 404, "err_question_set_not_found"),
    ({"family_id": None, "run_id": 999, "questions": None, "params": None}, 404, "err_run_not_found"),
    ({"family_id": None, "run_id": 1}, 400, "err_selection_of_run"),
    ({"judge": "king"}, 400, "err_field_choice"),
    ({"judge": "model"}, 400, "err_field_needed"),
    ({"judge": "none", "judge_model_id": 1}, 400, "err_selection_judge_model"),
    ({"judge_model_id": 999}, 404, "err_model_not_found"),
    ({"judge_model_id": 1}, 400, "err_selection_judge_candidate"),
    ({"training_path": "train.jsonl"}, 400, "err_path_absolute"),
    ({"training_path": "/no/such/file"}, 404, "err_fs_not_found"),
    ({"budget_s": -1}, 400, "budget_s"),
    ({"params": {"temperature": 9}}, 400, "params.temperature"),
])
def test_a_wrong_wish_gets_a_sentence(live, demo, fields, status, key):
    body = {"family_id": demo[0], "questions": QUESTIONS, **fields}
    if "judge_model_id" in fields and fields["judge_model_id"] == 1:
        body["judge_model_id"] = demo[1][0]
    for path in ("/selections", "/selections/preview"):
        with pytest.raises(Refused) as refused:
            live.call("POST", path, {k: v for k, v in body.items() if v is not None})
        assert refused.value.status == status and key in refused.value.body, refused.value


def test_what_is_not_there_is_not_found(live):
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/stop"), ("POST", "/resume"), ("GET", "/questions"),
                         ("GET", "/rating"), ("GET", "/report?format=json")):
        with pytest.raises(Refused) as refused:
            live.call(method, f"/selections/9999{path}")
        assert refused.value.status == 404 and "err_selection_not_found" in refused.value.body, (method, path)


def test_a_wrong_page_or_report_gets_a_sentence(live, done):
    for path in ("questions?show=best", "questions?limit=0", "report", "report?format=pdf", "report?format=html&lang=fr",
                 "report?format=junit&fail_below=101%25", f"report?format=junit&fail_below={'0' * 80}.5"):
        with pytest.raises(Refused) as refused:
            live.call("GET", f"/selections/{done['id']}/{path}")
        assert refused.value.status == 400, path


# --- its course ---

def test_the_answers_of_a_validation_are_judged_without_asking_again(live, done):
    before = live.cells(done["run_id"])
    again = wait(live, live.call("POST", "/selections", {"run_id": done["run_id"], "name": "again"}))
    assert again["state"] == "done" and live.cells(done["run_id"]) == before
    assert again["decision"] == done["decision"] and again["candidates"] == done["candidates"]


def test_one_that_was_stopped_goes_on_where_it_was(live, demo):
    selection = add(live, demo, family_id=None, model_ids=[demo[1][0], demo[1][4]], params={"max_tokens": 20})
    deadline = time.monotonic() + 60
    while not live.call("GET", f"/runs/{selection['run_id']}")["n_done"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for method, path in (("DELETE", ""), ("POST", "/resume")):
        with pytest.raises(Refused) as refused:
            live.call(method, f"/selections/{selection['id']}{path}")
        assert refused.value.status == 409, (method, path)
    live.call("POST", f"/selections/{selection['id']}/stop")
    stopped = wait(live, selection)
    assert stopped["state"] == "stopped" and stopped["decision"] is None, stopped
    with pytest.raises(Refused) as refused:
        live.call("POST", f"/selections/{selection['id']}/stop")
    assert refused.value.status == 409
    live.wait_run(selection["run_id"], states=("stopped",))
    kept = {c["id"]: c["text"] for c in live.cells(selection["run_id"]) if c["state"] == "done"}
    assert 0 < len(kept) < 2 * 23
    live.call("POST", f"/selections/{selection['id']}/resume")
    whole = wait(live, selection)
    assert whole["state"] == "done" and whole["elapsed_ms"] > stopped["elapsed_ms"], whole
    cells = {c["id"]: c["text"] for c in live.cells(selection["run_id"])}
    assert kept.items() <= cells.items() and len(cells) == 2 * 23


def test_ratings_that_came_since_count_when_it_decides_anew(live, demo, done):
    copy = wait(live, live.call("POST", "/selections", {"run_id": done["run_id"]}))
    worst = min((c for c in copy["candidates"] if not c["is_base"]), key=lambda c: c["score"])
    cells = [c for c in live.cells(done["run_id"]) if c["column_id"] == worst["column_id"]]
    for cell in cells:
        live.call("PUT", f"/cells/{cell['id']}/vote", {"liked": True})
    live.call("POST", f"/selections/{copy['id']}/resume", {})
    anew = wait(live, copy)
    for cell in cells:
        live.call("PUT", f"/cells/{cell['id']}/vote", {"liked": False})
    assert anew["checked_by"]["n_rated"] == 23 and marked(anew, "is_best")[0]["column_id"] == worst["column_id"], anew["decision"]


def rate_next(live, selection):
    """A person who likes what epoch 8 says, whoever says the same; returns what the server said before."""
    rating = conforms("SelectionRating", live.call("GET", f"/selections/{selection['id']}/rating"))
    if rating["questions"]:
        position = rating["questions"][0]["position"]
        (question,) = live.call("GET", f"/runs/{selection['run_id']}/questions?offset={position}&limit=1")["questions"]
        assert question["id"] == rating["questions"][0]["question_id"]
        assert len({c["text"] for c in question["cells"]}) > 1, "there is something to compare"
        for cell in question["cells"]:
            if cell["text"] == question["cells"][-1]["text"]:
                live.call("PUT", f"/cells/{cell['id']}/vote", {"liked": True})
    return rating


def test_where_nothing_judges_a_few_ratings_decide(live, demo):
    bare, some = [{"text": q["question"]} for q in DEMO[::2]], {"family_id": None, "model_ids": [demo[1][0], demo[1][1], demo[1][4]]}
    one = wait(live, add(live, demo, questions=bare[:1], **some))
    assert one["decision"]["kind"] == "too_few" and one["decision"]["sentence"]["text"].startswith("Too few questions to decide (1), and nothing"), one
    assert [s["action"] for s in one["decision"]["next_steps"]] == ["rate", "add_references", "add_questions"], "questions alone would not help"
    selection = wait(live, add(live, demo, questions=bare, **some))
    assert selection["decision"]["kind"] == "nothing_to_judge_by", selection
    step = selection["decision"]["next_steps"][0]
    assert (step["action"], step["text"]) == ("rate", "Rate 20 questions yourself (about 5 min)")
    assert "Rate 20 questions yourself (about 5 min)" in selection["decision"]["sentence"]["text"]
    asked = []
    while (rating := rate_next(live, selection))["n_more"] > 0:
        assert rating["n_rated"] == len(asked) and rating["questions"]
        asked.append(rating["questions"][0]["position"])
    assert 20 <= len(asked) < len(bare) and len(set(asked)) == len(asked) and asked != sorted(asked)
    live.call("POST", f"/selections/{selection['id']}/resume", {})
    anew = wait(live, selection)
    assert anew["decision"]["kind"] in ("winner", "tie", "overfitting"), anew["decision"]
    assert anew["checked_by"]["n_rated"] == len(asked) + 1 and marked(anew, "is_recommended")[0]["epoch"] == 8
    decided = live.call("GET", f"/selections/{selection['id']}/questions?show=decided")
    assert {q["layer"] for q in decided["questions"]} == {"thumbs"}, "people decided"


def test_when_the_time_is_up_what_is_there_decides_and_more_time_goes_on(live, demo):
    selection = wait(live, add(live, demo, family_id=None, model_ids=[demo[1][0], demo[1][4]], budget_s=1, seed=3, fresh=True))
    assert selection["state"] == "done" and selection["budget_s"] == 1, selection
    assert selection["n_answered"] < 23 and selection["decision"]["kind"] == "time_up", selection
    live.call("POST", f"/selections/{selection['id']}/resume", {"budget_s": 0})
    whole = wait(live, selection)
    assert whole["budget_s"] == 0 and whole["state"] == "done" and whole["decision"]["kind"] != "time_up", whole["decision"]
    assert whole["n_answered"] > selection["n_answered"]


@pytest.fixture(scope="module")
def other(live, demo, tmp_path_factory):
    """A model that is no candidate; as small as these are it fails the exam."""
    path = tmp_path_factory.mktemp("judge") / "owl.gguf"
    shutil.copyfile(MODEL, path)
    return live.call("POST", "/models", {"path": str(path)})["model_ids"][0]


def test_a_judge_that_fails_its_exam_has_no_say(live, demo, other):
    short = {"What is 2+2?": "It is 4.", "Name a colour.": "Blue, say.", "Who wrote Faust?": "Goethe did.",
             "Where is Rome?": "In Italy.", "How many days has May?": "It has 31."}  # an exam of long ones takes minutes here
    alone = wait(live, add(live, demo, family_id=None, model_ids=[demo[1][0], demo[1][4]], judge="none", params={"max_tokens": 8},
                           questions=[{"text": text, "reference": answer} for text, answer in short.items()]))
    judged = wait(live, live.call("POST", "/selections", {"run_id": alone["run_id"], "judge_model_id": other}), limit_s=600)
    judge = judged["checked_by"]["judge"]
    assert judged["state"] == "done" and judge["model_id"] == other and judge["name"] == "owl", judged
    assert judge["state"] == "failed" and not judge["exam"]["is_fit"] and judge["exam"]["asked"] >= 20
    assert any(f["is_failure"] and f["text"] for f in judge["exam"]["findings"])
    assert [c["score"] for c in judged["candidates"]] == [c["score"] for c in alone["candidates"]]
    assert judged["decision"]["best_column_id"] == alone["decision"]["best_column_id"]
    assert "owl" in report(live, judged, "html").decode()
    planned = live.call("POST", "/selections/preview", {"run_id": alone["run_id"], "judge_model_id": other})["plan"]
    assert planned["seconds"] > 1 and planned["n_judge_calls"] > 0
    if not FULL:  # a second exam takes as long
        return
    # Another template, another prompt, other readings: those that are stored are not taken for these.
    turns = "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }}\n{% endfor %}<assistant> "
    live.call("PUT", f"/models/{other}/template", {"choice": "own", "text": turns})
    again = wait(live, live.call("POST", "/selections", {"run_id": alone["run_id"], "judge_model_id": other}), limit_s=600)
    live.call("PUT", f"/models/{other}/template", {"choice": ""})
    assert again["checked_by"]["judge"]["exam"] and again["checked_by"]["judge"]["exam"] != judge["exam"], again


def test_a_judge_whose_weights_are_no_numbers_is_not_used_and_says_why(live, done, tmp_path):
    """It would answer the exam all the same."""
    path = gguf_places.copy_with(MODEL, tmp_path / "damaged.gguf", "output_norm.weight", struct.pack("<f", math.nan))
    damaged = live.call("POST", "/models", {"path": str(path)})["model_ids"][0]
    judged = wait(live, live.call("POST", "/selections", {"run_id": done["run_id"], "judge_model_id": damaged}))
    judge = judged["checked_by"]["judge"]
    assert judged["state"] == "done" and judge["state"] == "failed" and judge["exam"] is None, judged
    assert judge["problem"]["key"] == "err_values" and "output_norm.weight" in judge["problem"]["message"], judge


def test_a_judge_that_does_not_fit_into_memory_is_not_used_and_says_why(live, done, tmp_path):
    huge = live.call("POST", "/models", {"path": str(huge_gguf(tmp_path / "huge.gguf"))})["model_ids"][0]
    judged = wait(live, live.call("POST", "/selections", {"run_id": done["run_id"], "judge_model_id": huge}))
    judge = judged["checked_by"]["judge"]
    assert judged["state"] == "done" and judge["state"] == "failed" and judge["exam"] is None, judged
    problem = judge["problem"]
    assert (problem["code"], problem["key"]) == ("limit", "err_memory") and problem["hint"], problem
    assert problem["message"].startswith("Not enough memory") and problem["text"] == problem["message"]
    assert marked(judged, "is_recommended")[0]["column_id"] == marked(done, "is_recommended")[0]["column_id"]
    assert "Not enough memory" in report(live, judged, "html").decode()
    assert "likelihood_problem" not in judged["checked_by"]
    live.call("DELETE", f"/models/{huge}")


def test_a_judge_is_asked_with_the_template_that_was_chosen_for_it(live, done, other):
    # Short texts, as a choice is tried with, pass; what a judge is asked does not.
    long_ones = "{% for m in messages %}{% if m['content']|length > 200 %}{{ raise_exception('too long') }}{% endif %}{% endfor %}"
    turns = "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }}\n{% endfor %}<assistant> "
    live.call("PUT", f"/models/{other}/template", {"choice": "own", "text": long_ones + turns})
    try:
        judged = wait(live, live.call("POST", "/selections", {"run_id": done["run_id"], "judge_model_id": other}))
    finally:
        live.call("PUT", f"/models/{other}/template", {"choice": ""})
    judge = judged["checked_by"]["judge"]
    assert judged["state"] == "done" and judge["exam"] is None and judge["problem"]["key"] == "err_template_failed", judged


def test_why_likelihoods_are_missing_is_said_wherever_the_result_is(live, done):
    """As the result says it where the validated model does not fit."""
    problem = {"code": "limit", "key": "err_memory_held", "args": "base=1\x1fneed=9.0\x1ffree=1.0\x1fheld=5.0"}
    database = sqlite3.connect(live.data / "assay.db")
    kept, = database.execute("SELECT result FROM selection WHERE id = ?", (done["id"],)).fetchone()
    try:
        with database:
            database.execute("UPDATE selection SET result = ? WHERE id = ?",
                             (json.dumps({**json.loads(kept), "likelihood_problem": problem}), done["id"]))
        shown = conforms("Selection", live.call("GET", f"/selections/{done['id']}"))["checked_by"]["likelihood_problem"]
        assert shown["message"].startswith("Not enough memory") and "5.0 GB" in shown["message"]
        assert [one["action"] for one in shown["actions"]] == ["free"]
        page = report(live, done, "html").decode()
        assert "Likelihood of the reference answers: not measured." in page and "Ollama is holding 5.0 GB" in page
    finally:
        with database:
            database.execute("UPDATE selection SET result = ? WHERE id = ?", (kept, done["id"]))
        database.close()


def events(live):
    connection = UnixConnection(live.data / "assay.sock", 60)
    connection.request("GET", "/api/v1/events")
    return connection, connection.getresponse()


def test_the_page_hears_how_it_gets_on(live, done):
    connection, stream = events(live)
    selection = live.call("POST", "/selections", {"run_id": done["run_id"]})
    kinds, last, name = set(), None, ""
    while not last or last["state"] not in OVER:
        line = stream.readline().decode()
        assert line, "the stream ended"
        if line.startswith("event: "):
            name = line[7:].strip()
            kinds.add(name)
        elif line.startswith("data: ") and name == "selection":
            last = json.loads(line[6:])
            assert last["id"] == selection["id"]
    connection.close()
    assert {"selection", "selections"} <= kinds and last["state"] == "done"
    assert last["decision"]["recommended_column_id"] == done["decision"]["recommended_column_id"]


def test_forgetting_one_keeps_its_answers(live, done):
    selection = wait(live, live.call("POST", "/selections", {"run_id": done["run_id"]}))
    live.call("DELETE", f"/selections/{selection['id']}")
    with pytest.raises(Refused) as refused:
        live.call("GET", f"/selections/{selection['id']}")
    assert refused.value.status == 404
    assert live.call("GET", f"/runs/{done['run_id']}")["n_done"] == 5 * 23


def test_one_that_died_with_its_server_goes_on(demo, tmp_path):
    server = Live(tmp_path / "data").start()
    try:
        base, *_, last = add_demo(server, MODEL)
        selection = add(server, (None, []), model_ids=[base, last], questions=QUESTIONS[:12])
        deadline = time.monotonic() + 60
        while not server.call("GET", f"/runs/{selection['run_id']}")["n_done"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        server = Live(tmp_path / "data").start()
        seen = server.call("GET", f"/selections/{selection['id']}")
        assert seen["state"] == "interrupted" and [c["epoch"] for c in seen["candidates"]] == [None, 8], seen
        server.call("POST", f"/selections/{selection['id']}/resume")
        whole = wait(server, selection)
        assert whole["state"] == "done" and whole["n_answered"] == 12 and whole["decision"]["kind"] == "too_few", whole
    finally:
        server.stop()


# --- answers of earlier runs ---

FEW = QUESTIONS[:12]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A server that was started again after two candidates had answered twelve questions: its models, and that validation."""
    server = Live(tmp_path_factory.mktemp("earlier") / "data").start()
    models = add_demo(server, MODEL)
    first = wait(server, few(server, models))
    assert first["state"] == "done" and (first["n_answers"], first["n_reused"]) == (24, 0), first
    server.stop()
    server.start()
    yield server, models, first
    server.stop()


def few(server, models, **fields):
    return add(server, (None, []), **{"model_ids": [models[0], models[4]], "questions": FEW, "params": {"max_tokens": 8}, **fields})


def origins(server, selection):
    return [cell.get("reused_run_id") for cell in server.cells(selection["run_id"])]


def said(server, selection):
    return [(cell["text"], cell["n_generated"], cell["finish"], cell["total_ms"]) for cell in server.cells(selection["run_id"])]


def test_what_was_answered_once_is_not_computed_again(earlier):
    server, models, first = earlier
    again = wait(server, few(server, models))
    assert again["run_id"] != first["run_id"] and (again["n_answers"], again["n_reused"]) == (24, 24)
    assert server.workers() == [], "nobody was asked anything"
    assert again["decision"] == {**first["decision"], **{k: again["decision"][k] for k in again["decision"] if k.endswith("_column_id")}}
    assert [c["score"] for c in again["candidates"]] == [c["score"] for c in first["candidates"]]
    assert [c["log_likelihood"] for c in again["candidates"]] == [c["log_likelihood"] for c in first["candidates"]]
    assert said(server, again) == said(server, first) and set(origins(server, again)) == {first["run_id"]}
    run = server.call("GET", f"/runs/{again['run_id']}")
    assert run["state"] == "done" and [(c["n_done"], c["n_reused"], c["tokens_per_s"]) for c in run["columns"]] == [(12, 12, None)] * 2
    assert "earlier validations: 24 of 24 answers" in report(server, again, "html").decode()
    whole = json.loads(report(server, again, "json"))
    assert (whole["answers"], whole["reused"]) == (24, 24) and whole["run"]["columns"][1]["adapter_hash"]
    assert "24 則中的 24 則" in server.call("GET", f"/runs/{again['run_id']}/export?format=html&lang=zh-TW", raw=True).decode()
    assert server.call("GET", f"/runs/{again['run_id']}/export?format=junit&lang=en", raw=True).decode().count('name="reused" value="12"') == 2
    assert f"from validation {first['run_id']}" in server.call("GET", f"/runs/{again['run_id']}/export?format=csv&lang=en", raw=True).decode()


def test_what_is_asked_in_another_way_is_computed(earlier):
    server, models, first = earlier
    longer = wait(server, few(server, models, params={"max_tokens": 9}))
    assert longer["state"] == "done" and longer["n_reused"] == 0
    changed = wait(server, few(server, models, questions=FEW[:11] + [{**FEW[11], "text": FEW[11]["text"] + " Really?"}]))
    assert changed["n_reused"] == 2 and origins(server, changed)[:3] == [first["run_id"], first["run_id"], None], "the first group is whole"
    fresh = wait(server, few(server, models, fresh=True))
    assert fresh["n_reused"] == 0 and [s[:3] for s in said(server, fresh)] == [s[:3] for s in said(server, first)]
    assert all(c["tokens_per_s"] for c in server.call("GET", f"/runs/{fresh['run_id']}")["columns"])


TALKS = [{"text": "Name a colour."}, {"text": "Say hi."}, {"text": "What is 2+2?"}, {"text": "Name a fruit."}, {"text": "Who are you?"},
         {"text": "Why that one?", "follows": 0}, {"text": "Double it.", "follows": 2}, {"text": "And another.", "follows": 3},
         {"text": "Once more.", "follows": 6}, {"text": "In one word.", "follows": 7}]


def test_later_turns_are_taken_over_behind_the_same_answers(earlier):
    server, models, _ = earlier

    def again(questions, **fields):
        selection = wait(server, few(server, models, questions=questions, params={"max_tokens": 4}, **fields))
        assert selection["state"] == "done" and selection["n_answers"] == 20, selection
        return selection, [[cell.get("reused_run_id") for cell in cells["cells"]] for cells in
                           server.call("GET", f"/runs/{selection['run_id']}/questions")["questions"]]

    first, computed = again(TALKS)
    assert first["n_reused"] == 0 and computed == [[None, None]] * 10
    server.stop()
    server.start()
    second, taken = again(TALKS)
    assert second["n_reused"] == 20 and taken == [[first["run_id"]] * 2] * 10 and server.workers() == [], "nobody was asked anything"
    assert said(server, second) == said(server, first)
    # one first turn is another question: its group is asked, and what follows it; the first question is a group of its own
    changed = [*TALKS[:3], {"text": "Name a vegetable."}, *TALKS[4:]]
    third, taken = again(changed)
    assert taken == [[first["run_id"]] * 2] + [[None, None]] * 9
    fresh, computed = again(changed, fresh=True)
    assert computed == [[None, None]] * 10 and [s[:3] for s in said(server, third)] == [s[:3] for s in said(server, fresh)]
    # only a last turn is: what stands before it is taken over
    fourth, taken = again([*TALKS[:9], {"text": "In two words.", "follows": 7}])
    assert taken[:8] == [[first["run_id"]] * 2] * 8 and taken[8:] == [[None, None]] * 2
    assert not any(server.call("GET", f"/runs/{s['run_id']}")["drifted"] for s in (third, fourth))


def test_of_questions_that_were_added_only_those_are_asked(earlier):
    server, models, first = earlier
    more = wait(server, few(server, models, questions=QUESTIONS[:15]))
    assert (more["n_answers"], more["n_reused"]) == (30, 24) and origins(server, more)[24:] == [None] * 6
    assert json.loads(report(server, more, "json"))["run"]["parts"] == [0, 12]
    assert [s[:3] for s in said(server, more)][:24] == [s[:3] for s in said(server, first)]


def test_of_another_candidate_only_that_one_is_asked(earlier):
    server, models, first = earlier
    more = wait(server, few(server, models, model_ids=[models[0], models[2], models[4]]))
    run = server.call("GET", f"/runs/{more['run_id']}")
    assert [c["n_reused"] for c in run["columns"]] == [12, 0, 12] and run["n_done"] == 36


def test_answers_to_a_prompt_with_the_date_count_on_that_day_only(earlier):
    server, models, first = earlier
    dated = {"max_tokens": 4, "template": "{# date #}{% for m in messages %}{{ m['content'] }}{% endfor %}"}
    assert wait(server, few(server, models, params=dated))["n_reused"] == 0
    assert wait(server, few(server, models, params=dated))["n_reused"] == 24
    server.stop()
    with sqlite3.connect(server.data / "assay.db") as db:
        db.execute("UPDATE answer_group SET made_ms = made_ms - 2 * 24 * 3600 * 1000")
    server.start()
    assert wait(server, few(server, models))["n_reused"] == 24
    assert wait(server, few(server, models, params=dated))["n_reused"] == 0


def test_a_copy_stays_when_the_run_goes_that_it_came_from(earlier):
    server, models, first = earlier
    copy = wait(server, few(server, models))
    before = server.cells(copy["run_id"])
    (source,) = set(origins(server, copy))
    server.call("DELETE", f"/runs/{source}")
    assert server.cells(copy["run_id"]) == before and all(cell["state"] == "done" for cell in before)
    again = wait(server, few(server, models))
    assert again["n_reused"] == 24 and set(origins(server, again)) == {source}, "it says who computed them, also when that is gone"


def test_a_judge_at_a_provider_passes_its_exam_and_decides(live, demo):
    """References that are too long for words to decide: then the judge does, and finds what the references would have found."""
    more = " It stands in the sheet of the maker, with all the other facts about the device that one may want to know before choosing it."
    questions = [{"text": q["text"], "reference": q["reference"] + more} for q in QUESTIONS]
    stub = Stub()
    stub.reset({"truth": {q["text"]: q["reference"] for q in questions}})
    server = serve_openai(stub)
    try:
        provider = live.call("POST", "/providers", {"kind": "openai", "name": "judges", "url": f"http://127.0.0.1:{server.server_port}/v1"})
        used = live.call("POST", f"/providers/{provider['id']}/models/use", {"name": "small"})
        selection = wait(live, add(live, demo, family_id=None, model_ids=[demo[1][0], demo[1][1], demo[1][4]], questions=questions,
                                   judge="model", judge_model_id=used["id"]))
        assert selection["state"] == "done", selection
        judge = selection["checked_by"]["judge"]
        assert judge["state"] == "passed" and judge["exam"]["is_fit"] and judge["exam"]["found"] >= 0.9 * judge["exam"]["asked"], judge
        best = max(selection["candidates"], key=lambda c: c["score"])
        assert best["epoch"] == 8
        assert selection["decision"]["best_column_id"] == best["column_id"] and selection["decision"]["kind"] != "no_evidence", selection["decision"]
        rows = live.call("GET", f"/selections/{selection['id']}/questions?show=decided")["questions"]
        assert rows and all(row["layer"] in ("judge", "guards") for row in rows)
        calls = {s["name"]: s["calls"] for s in selection["steps"]}
        exam = 2 * (sum(kind["asked"] for kind in judge["exam"]["kinds"]) + 6)
        assert calls == {"answers": 0, "scores": 0, "likelihood": 0, "exam": exam, "judge": stub.requests - exam, "decision": 0}
        asked = stub.requests
        again = wait(live, conforms("Selection", live.call("POST", "/selections", {"run_id": selection["run_id"], "judge": "model",
                                                                                   "judge_model_id": used["id"]})))
        assert again["decision"] == selection["decision"]
        assert stub.requests - asked <= 12, "readings are asked for once; only the repeats of the exam are fresh"
        stub.reset({"always": "500"})
        other = live.call("POST", f"/providers/{provider['id']}/models/use", {"name": "small-lora"})
        failed = wait(live, conforms("Selection", live.call("POST", "/selections", {"run_id": selection["run_id"], "judge": "model",
                                                                                    "judge_model_id": other["id"]})))
        assert failed["state"] == "done" and failed["checked_by"]["judge"]["state"] == "failed", failed
        assert "500" in failed["checked_by"]["judge"]["problem"]["text"], "why it could not be asked is said"
        assert b"could not be asked" in live.call("GET", f"/selections/{failed['id']}/report?format=html", raw=True)
        stub.reset({"truth": {q["text"]: q["reference"] for q in questions}, "delay_ms": 1500})
        limited = wait(live, conforms("Selection", live.call("POST", "/selections", {"run_id": selection["run_id"], "judge": "model",
                                                                                     "budget_s": 4, "judge_model_id": other["id"]})))
        assert limited["state"] == "done" and limited["checked_by"]["judge"]["state"] == "waiting", limited
        assert stub.requests < 60, "an exam of about a hundred prompts was broken off when the time was up"
    finally:
        server.shutdown()


def test_where_the_only_judge_fails_its_exam_nothing_judges(live, demo):
    stub = Stub()  # it knows nothing, and likes what comes first
    server = serve_openai(stub)
    try:
        provider = live.call("POST", "/providers", {"kind": "openai", "name": "guessers", "url": f"http://127.0.0.1:{server.server_port}/v1"})
        used = live.call("POST", f"/providers/{provider['id']}/models/use", {"name": "small"})
        selection = wait(live, add(live, demo, family_id=None, model_ids=[demo[1][0], demo[1][4]], judge_model_id=used["id"],
                                   questions=[{"text": q["text"]} for q in QUESTIONS]))
        judge, steps = selection["checked_by"]["judge"], {s["name"]: s["state"] for s in selection["steps"]}
        assert judge["state"] == "failed" and any(f["is_failure"] for f in judge["exam"]["findings"]), selection
        assert (steps["exam"], steps["judge"]) == ("done", "skipped")
        assert selection["decision"]["kind"] == "nothing_to_judge_by" and selection["decision"]["next_steps"][0]["action"] == "rate", selection
    finally:
        server.shutdown()
