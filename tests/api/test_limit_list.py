# SPDX-License-Identifier: Apache-2.0
"""Limits are told by the server, all of them: what is in the header is in the list and in the docs."""
import re

import pytest
from conftest import ROOT


def header():
    """NAME: value of src/base/limits.h."""
    units = {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
    found = {}
    for name, text in re.findall(r"^#define LIMIT_(\w+) ([^/\n]+)", (ROOT / "src/base/limits.h").read_text("utf-8"), re.M):
        found[name.lower()] = eval(text, {}, {**units, **{f"LIMIT_{k.upper()}": v for k, v in found.items()}})
    return found


def listed(server, language):
    return {limit["name"]: limit for group in server.api("GET", "/limits", Accept_Language=language).json["groups"] for limit in group["limits"]}


def test_every_limit_of_the_header_is_told_with_its_value(server):
    assert len(header()) > 50
    assert {name: limit["value"] for name, limit in listed(server, "en").items()} == header()


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_limits_are_told_in_the_language_of_the_request(server, language):
    reply = server.api("GET", "/limits", Accept_Language=language).json
    assert [g["name"] for g in reply["groups"]][0] == "questions"
    texts = [g["label"] for g in reply["groups"]]
    for limit in listed(server, language).values():
        texts += [limit["label"], limit["beyond"]]
    labels = [limit["label"] for limit in listed(server, language).values()]
    assert all(texts) and len(set(labels)) == len(labels)
    if language == "en":
        assert all(text.isascii() for text in texts)
    else:
        chinese = [t for t in texts if re.search("[\u4e00-\u9fff]", t)]
        assert chinese == texts


def test_values_are_written_as_people_read_them(server):
    told = {name: limit["text"] for name, limit in listed(server, "en").items()}
    wanted = {"upload": "64 MiB", "questions": "200,000", "num_ctx": "16,777,216", "stop_bytes": "256 bytes", "template_ms": "2 s",
              "rating_days": "90 days", "model_cache": "200 GiB", "hub_file_bytes": "64 TiB", "columns": "16"}
    assert {name: told[name] for name in wanted} == wanted
    chinese = {name: limit["text"] for name, limit in listed(server, "zh-TW").items()}
    assert (chinese["stop_bytes"], chinese["template_ms"], chinese["rating_days"]) == ("256 位元組", "2 秒", "90 天")


@pytest.mark.parametrize("page", ["docs/limits.md", "docs/limits.zh-TW.md"])
def test_the_docs_name_the_same_values(server, page):
    """Units in words are the page's own."""
    text = (ROOT / page).read_text("utf-8")
    values = {name: re.sub(" [a-z]+$", "", limit["text"]) for name, limit in listed(server, "en").items()}
    assert not {name: value for name, value in values.items() if not re.search(rf"(?<![\d,]){value}(?!,?\d)", text)}


@pytest.mark.parametrize("page", ["docs/limits.md", "docs/limits.zh-TW.md"])
def test_the_docs_name_what_the_page_limits_itself(page):
    text = (ROOT / page).read_text("utf-8")
    for path, names in (("stores/compare.svelte.ts", ["QUESTIONS_MAX"]), ("services/markdown.ts", ["MARKDOWN_MAX"]),
                        ("services/diff.ts", ["TOKENS_MAX", "EDITS_MAX"])):
        source = (ROOT / "web/src" / path).read_text("utf-8")
        for name in names:
            value = eval(re.search(rf"const {name} = ([\d_* ]+);", source)[1])
            assert re.search(rf"(?<![\d,]){value:,}(?!,?\d)", text), name


def test_a_head_over_a_limit_is_refused(server):
    over = header()["head_fields"] + 20
    reply = server.send("GET", "/api/v1/session", headers={f"X-{i}": "1" for i in range(over)})
    error = reply.json["error"]
    assert reply.status == 431 and error["hint"]
    found = int(re.search(r"(\d+) header fields, more than the limit of 64", error["message"])[1])
    assert over <= found <= over + 4
    assert server.send("GET", "/api/v1/session", headers={"X-Long": "x" * header()["head_bytes"]}).status == 431
