// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import type { Model } from "../types";
import { models } from "./models.svelte";

const model = (id: number, rest: Partial<Model> = {}): Model => ({ id, kind: "base", name: `m${id}`, path: "", size_bytes: 1, ...rest });
const problem = { code: "data", message: "broken" };
async function load(list: unknown): Promise<void> {
	vi.stubGlobal("fetch", async () => new Response(JSON.stringify(list)));
	await models.refresh();
}
afterEach(() => vi.unstubAllGlobals());

test("a first visit compares a base with the last usable epoch trained on it", async () => {
	const checkpoints = [2, 3, 4].map((id) => model(id, { kind: "adapter", family_id: 9, epoch: id, ...(id === 4 ? { problem } : {}) }));
	await load({ models: [model(1)], refusals: [], families: [{ id: 9, name: "Kestrel bot", path: "", base_model_id: 1, checkpoints, losses: [] }] });
	expect(models.first_choice()).toEqual([1, 3]);
	expect(models.name(checkpoints[0] ?? model(0))).toBe("Kestrel bot");
	expect(models.get(3)?.epoch).toBe(3);
});
test("a checkpoint whose epoch does not tell it from another one has its own name too", async () => {
	const checkpoints = [3.98, 4, 4.5, null].map((epoch, at) => model(at + 2, { kind: "adapter", name: `checkpoint-${at}`, family_id: 9, epoch }));
	await load({ models: [model(1)], refusals: [], families: [{ id: 9, name: "Kestrel bot", path: "", base_model_id: 1, checkpoints, losses: [] }] });
	expect(checkpoints.map((one) => models.name(one))).toEqual(["Kestrel bot/checkpoint-0", "Kestrel bot/checkpoint-1", "Kestrel bot", "Kestrel bot/checkpoint-3"]);
});
test("without a family it is one model, without models nothing", async () => {
	await load({ models: [model(5, { problem }), model(6)], families: [], refusals: [] });
	expect(models.first_choice()).toEqual([6]);
	await load({ models: [], families: [], refusals: [] });
	expect(models.first_choice()).toEqual([]);
});
