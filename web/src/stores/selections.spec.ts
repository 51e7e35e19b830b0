// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test, vi } from "vitest";
import { api } from "../services/api";
import type { Selection, ServerEvent } from "../types";
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
