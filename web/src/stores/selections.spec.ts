// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test, vi } from "vitest";
import { api } from "../services/api";
import { router } from "../services/router.svelte";
import type { QuestionSet, Run, Selection, ServerEvent } from "../types";
import { is_over, SelectionStore } from "./selections.svelte";

const one = (id: number, state: Selection["state"] = "running"): Selection => ({ id, state, name: `s${id}` } as Selection);
const event = (data: Selection): ServerEvent => ({ id: 1, event: "selection", data });
let store: SelectionStore;

beforeEach(() => {
	vi.restoreAllMocks();
	store = new SelectionStore();
});

test("events are news of what is shown, and nothing before anybody looked", async () => {
	const list = vi.spyOn(api, "selections").mockResolvedValue({ selections: [one(2), one(1, "done")] });
	store.take(event(one(2, "done")));
	expect(store.list).toHaveLength(0);
	await store.refresh();
	expect(store.active.map((selection) => selection.id)).toEqual([2]);
	store.take(event(one(2, "done")));
	expect(store.active).toHaveLength(0);
	store.take(event(one(3)));
	expect(store.list.map((selection) => selection.id)).toEqual([3, 2, 1]);
	store.take({ id: 2, event: "selections", data: {} });
	expect(list).toHaveBeenCalledTimes(2);
});
test("an event that overtook the reply to its beginning is newer", async () => {
	vi.spyOn(api, "selections").mockResolvedValue({ selections: [] });
	await store.refresh();
	vi.spyOn(api, "add_selection").mockImplementation(async () => {
		store.take(event(one(4, "done")));
		return one(4, "waiting");
	});
	await store.start({});
	expect(is_over(store.get(4) ?? one(0))).toBe(true);
});
test("one that is deleted leaves the list, one that cannot be stays", async () => {
	vi.spyOn(api, "selections").mockResolvedValue({ selections: [one(1, "done"), one(2)] });
	await store.refresh();
	vi.spyOn(api, "remove_selection").mockResolvedValueOnce(undefined).mockRejectedValueOnce(new Error("busy"));
	expect(await store.remove(1)).toBe(true);
	expect(await store.remove(2)).toBe(false);
	expect(store.list.map((selection) => selection.id)).toEqual([2]);
});
test("more questions go to the same answers, and it decides anew", async () => {
	const add = vi.spyOn(api, "add_run_questions").mockResolvedValue({} as Run);
	const resume = vi.spyOn(api, "resume_selection").mockResolvedValue(one(3, "waiting"));
	await store.grow({ ...one(3, "done"), run_id: 9 }, { id: 5 } as QuestionSet);
	expect(add).toHaveBeenCalledWith(9, { question_set_id: 5 });
	expect(resume).toHaveBeenCalledWith(3, undefined);
	expect(store.active.map((selection) => selection.id)).toEqual([3]);
});
test("questions that could not be added do not start it again", async () => {
	vi.spyOn(api, "add_run_questions").mockRejectedValue(new Error("full"));
	const resume = vi.spyOn(api, "resume_selection");
	await store.grow({ ...one(3, "done"), run_id: 9 }, { id: 5 } as QuestionSet);
	expect(resume).not.toHaveBeenCalled();
});
test("choosing the same candidates again keeps family, models and the new questions", () => {
	const go = vi.spyOn(router, "go").mockImplementation(() => undefined);
	store.again({ ...one(3, "done"), family_id: 4, candidates: [{ model_id: 1 }, { model_id: 2 }] as Selection["candidates"] }, { id: 5 } as QuestionSet);
	expect(store.form).toMatchObject({ family_id: 4, model_ids: [1, 2], set_id: 5 });
	expect(go).toHaveBeenCalledWith("/automatic");
});
test("one that begins is shown, one that cannot stays where it was", async () => {
	const go = vi.spyOn(router, "go").mockImplementation(() => undefined);
	vi.spyOn(api, "add_selection").mockRejectedValueOnce(new Error("no")).mockResolvedValueOnce(one(6));
	await store.open({ run_id: 1 });
	expect(go).not.toHaveBeenCalled();
	await store.open({ run_id: 1 });
	expect(go).toHaveBeenCalledWith("/automatic/6");
});
test("one that is older than the list goes stays in sight when the list is fetched again", async () => {
	vi.spyOn(api, "selections").mockResolvedValue({ selections: [one(9, "done")] });
	vi.spyOn(api, "selection").mockResolvedValue(one(2));
	await store.load(2);
	await store.refresh();
	expect(store.get(2)?.state).toBe("running");
	store.take(event(one(2, "done")));
	expect(store.get(2)?.state).toBe("done");
	expect(store.list.map((selection) => selection.id)).toEqual([9]);
});
