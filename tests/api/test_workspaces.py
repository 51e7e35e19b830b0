# SPDX-License-Identifier: Apache-2.0
"""Workspaces, chats and API keys: rows that are made, changed and removed."""
from test_contract import problem


def workspace(server, model, **more):
    reply = server.api("POST", "/workspaces", {"name": "客服", "model_id": model, **more})
    assert reply.status == 200, reply.body
    return reply.json


def test_a_workspace_is_made_changed_and_removed(server, model):
    made = workspace(server, model, params={"system": "請用中文回答。", "temperature": 0.2}, n_passages=2)
    assert made["name"] == "客服" and made["model_id"] == model and made["model_name"] and made["epoch"] is None
    assert made["params"]["system"] == "請用中文回答。" and made["params"]["temperature"] == 0.2
    assert made["params"]["max_tokens"] == 1024 and made["n_passages"] == 2 and made["n_chats"] == 0
    path = f"/workspaces/{made['id']}"
    assert server.api("GET", path).json == made
    changed = server.api("PATCH", path, {"name": "改名", "params": {"top_k": 5}}).json
    assert changed["name"] == "改名" and changed["params"]["top_k"] == 5 and changed["params"]["temperature"] == 0.2
    assert changed["n_passages"] == 2
    assert made["id"] in [w["id"] for w in server.api("GET", "/workspaces").json["workspaces"]]
    assert server.api("DELETE", path).status == 204
    problem(server.api("GET", path), 404, "not_found")
    problem(server.api("DELETE", path), 404, "not_found")
    problem(server.api("GET", path + "/chats"), 404, "not_found")


def test_a_workspace_takes_model_and_settings_of_a_column(server, model):
    body = {"columns": [{"model_id": model, "params": {"temperature": 0.3, "max_tokens": 7, "system": "short"}}], "questions": ["one"]}
    run = server.api("POST", "/runs", body).json
    column = run["columns"][0]["id"]
    made = server.api("POST", "/workspaces", {"name": "from a run", "run_id": run["id"], "column_id": column}).json
    assert made["model_id"] == model and made["run_id"] == run["id"] and made["column_id"] == column
    assert made["params"]["temperature"] == 0.3 and made["params"]["system"] == "short" and made["params"]["max_tokens"] == 1024
    problem(server.api("POST", "/workspaces", {"name": "x", "run_id": run["id"], "column_id": 999999}), 404, "not_found", "column_id")
    problem(server.api("POST", "/workspaces", {"name": "x", "column_id": column}), 400, "invalid", "run_id")
    server.api("DELETE", f"/workspaces/{made['id']}")


def test_wrong_workspaces_are_refused_by_field(server, model):
    problem(server.api("POST", "/workspaces", {"model_id": model}), 400, "invalid", "name")
    problem(server.api("POST", "/workspaces", {"name": "x"}), 400, "invalid", "model_id")
    problem(server.api("POST", "/workspaces", {"name": "", "model_id": model}), 400, "invalid", "name")
    problem(server.api("POST", "/workspaces", {"name": "x", "model_id": 999999}), 404, "not_found")
    problem(server.api("POST", "/workspaces", {"name": "x", "model_id": model, "artifact_id": 999999}), 404, "not_found")
    problem(server.api("POST", "/workspaces", {"name": "x", "model_id": model, "params": {"top_p": 2}}), 400, "invalid", "params.top_p")
    problem(server.api("POST", "/workspaces", {"name": "x", "model_id": model, "n_passages": 21}), 400, "invalid", "n_passages")


def test_chats_begin_empty_and_go_with_their_workspace(server, model):
    made = workspace(server, model)
    chats = f"/workspaces/{made['id']}/chats"
    chat = server.api("POST", chats, {}).json
    assert chat["workspace_id"] == made["id"] and chat["title"] == "" and chat["messages"] == [] and chat["n_messages"] == 0
    assert chat["context"]["n_used"] == 0 and chat["context"]["n_max"] == made["n_ctx_train"]
    assert server.api("PATCH", f"/chats/{chat['id']}", {"title": "第一個"}).json["title"] == "第一個"
    listed = server.api("GET", chats).json["chats"]
    assert [c["title"] for c in listed] == ["第一個"] and "messages" not in listed[0]
    problem(server.api("PATCH", f"/chats/{chat['id']}", {"head_id": 999999}), 404, "not_found")
    problem(server.api("PATCH", f"/chats/{chat['id']}", {"title": ""}), 400, "invalid", "title")
    problem(server.api("GET", "/messages/999999"), 404, "not_found")
    problem(server.api("PUT", "/messages/999999/vote", {"vote": 1}), 404, "not_found")
    problem(server.api("PUT", "/messages/999999/vote", {}), 400, "invalid", "vote")
    other = server.api("POST", chats).json
    assert server.api("GET", f"/workspaces/{made['id']}").json["n_chats"] == 2
    assert server.api("DELETE", f"/chats/{other['id']}").status == 204
    server.api("DELETE", f"/workspaces/{made['id']}")
    problem(server.api("GET", f"/chats/{chat['id']}"), 404, "not_found")


def test_an_api_key_is_shown_once(server):
    made = server.api("POST", "/api-keys", {"name": "my script"}).json
    assert made["key"].startswith("sk-assay-") and made["key"].endswith(made["last4"]) and len(made["key"]) == 57
    listed = [k for k in server.api("GET", "/api-keys").json["api_keys"] if k["id"] == made["id"]][0]
    assert "key" not in listed and listed["name"] == "my script" and listed["used_ms"] is None
    with open(server.data / "assay.db", "rb") as file:
        assert made["key"].encode() not in file.read()
    assert server.api("DELETE", f"/api-keys/{made['id']}").status == 204
    problem(server.api("DELETE", f"/api-keys/{made['id']}"), 404, "not_found")
    problem(server.api("POST", "/api-keys", {}), 400, "invalid", "name")
