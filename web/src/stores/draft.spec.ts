// SPDX-License-Identifier: Apache-2.0
import { flushSync } from "svelte";
import { beforeEach, expect, test } from "vitest";
import type { Run } from "../types";
import { DEFAULTS } from "../services/params";
import { batches, COLUMNS_MAX, Draft } from "./draft.svelte";

beforeEach(() => localStorage.clear());

const run = (): Run => ({
	id: 7, name: "r", created_ms: 0, state: "done", mode: "exact", seed: 42, blind: true, drifted: false, params: { max_tokens: 64 },
	n_questions: 2, n_columns: 2, n_cells: 4, n_done: 0, n_failed: 0, n_raters: 0,
	columns: [1, 2].map((id) => ({
		id, run_id: 7, position: id, model_id: id + 10, label: "m", params: { temperature: 0.7 }, own_params: id === 2, state: "done",
		n_done: 2, n_failed: 0, n_total: 2, likes: 0,
	})),
});

test("the draft survives a reload", () => {
	const draft = new Draft();
	expect(draft.is_first_visit).toBe(true);
	draft.add(3);
	draft.add(4, { temperature: 0.5 });
	draft.params.max_tokens = 99;
	draft.questions = [{ text: "Why?" }];
	flushSync();
	const again = new Draft();
	expect(again.is_first_visit).toBe(true); // nothing was proposed yet: the first page seen may be another one
	expect(again.columns.map((c) => [c.model_id, c.own])).toEqual([[3, null], [4, { temperature: 0.5 }]]);
	expect([again.params.max_tokens, again.questions]).toEqual([99, [{ text: "Why?" }]]);
});
test("weights are the choice of the base model, not of the run that was opened", () => {
	const draft = new Draft();
	const before = run();
	draft.adopt({ ...before, params: { ...before.params, weights: "q8_0" }, columns: (before.columns ?? []).map((c) => ({ ...c, params: { ...c.params, weights: "q8_0" as const } })) });
	const request = draft.request();
	expect(request.params?.max_tokens).toBe(64);
	expect([request.params, ...request.columns.map((c) => c.params ?? {})].filter((params) => params && "weights" in params)).toEqual([]);
});
test("a duplicate stands beside its original with settings of its own, up to the limit", () => {
	const draft = new Draft();
	draft.add(1, { temperature: 1 });
	draft.add(2);
	const [first] = draft.columns;
	if (first) draft.duplicate(first);
	expect(draft.columns.map((c) => c.model_id)).toEqual([1, 1, 2]);
	const copy = draft.columns[1];
	if (copy?.own) copy.own.temperature = 0;
	expect(draft.columns[0]?.own?.temperature).toBe(1);
	for (let i = 0; i < 30; i++) draft.add(5);
	expect(draft.columns.length).toBe(COLUMNS_MAX);
});
test("an opened run is unchanged until a column or a setting is", () => {
	const draft = new Draft();
	draft.adopt(run());
	expect(draft.is_changed).toBe(false);
	expect(draft.columns.map((c) => [c.model_id, c.own, c.run_column])).toEqual([[11, null, 1], [12, { temperature: 0.7 }, 2]]);
	draft.params.temperature = 1;
	expect(draft.is_changed).toBe(true);
	draft.params.temperature = 0;
	expect(draft.is_changed).toBe(false);
	const [first] = draft.columns;
	if (first) draft.set_model(first, 99);
	expect([draft.is_changed, draft.columns[0]?.run_column]).toEqual([true, null]);
	draft.release();
	expect([draft.is_changed, draft.seed, draft.columns.map((column) => column.run_column)]).toEqual([false, 42, [null, null]]);
});
test("the request holds only what was set", () => {
	const draft = new Draft();
	draft.add(1);
	draft.add(2, { temperature: 0.7, system: "" });
	expect(draft.request()).toEqual({
		columns: [{ model_id: 1 }, { model_id: 2, params: { temperature: 0.7 } }],
		params: {}, mode: "exact", blind: false,
	});
	draft.params = { ...DEFAULTS, temperature: 0.5, stop: [], num_ctx: 0, of_model: ["stop"] };
	expect(draft.request().params).toEqual({ temperature: 0.5 });
});
test("many questions travel in several requests, none of them lost", () => {
	const questions = Array.from({ length: 40 }, (_, i) => ({ text: `${i} ${"問".repeat(20_000)}` }));
	const parts = [...batches(questions)];
	expect(parts.length).toBeGreaterThan(1);
	for (const part of parts) expect(new TextEncoder().encode(JSON.stringify(part)).length).toBeLessThan(1 << 20);
	expect(parts.flat()).toEqual(questions);
});
test("the turns of a conversation travel in the same request, each naming the turn before it there", () => {
	const text = "問".repeat(60_000);
	const questions = Array.from({ length: 12 }, (_, i) => ({ text, ...(i % 3 ? { follows: i - 1 } : {}) }));
	const parts = [...batches(questions)];
	expect(parts.map((part) => part.map((question) => question.follows))).toEqual(Array.from({ length: 2 }, () => [undefined, 0, 1, undefined, 3, 4]));
});
test("what an older page stored is all there, sets first as it showed them", () => {
	const set = { id: 5, name: "s", n: 2, n_with_reference: 0 };
	localStorage.setItem("assay.draft", JSON.stringify({
		columns: [], params: {}, mode: "exact", seed: null, blind: false, questions: { sets: [set], typed: [{ text: "a" }] }, waiting: { 7: { sets: [], typed: [{ text: "b" }] } },
	}));
	const draft = new Draft();
	expect([draft.questions, draft.questions_at(7), draft.n_questions]).toEqual([[set, { text: "a" }], [{ text: "b" }], 3]);
	expect([0, 1, 2, 3].map((at) => draft.part_at(at))).toEqual([[set, 0], [set, 1], [{ text: "a" }, 0], undefined]);
});
/** What a browser does in this tab when another one has stored something. */
function told(): void {
	window.dispatchEvent(new StorageEvent("storage", { key: "assay.draft" }));
	flushSync();
}
test("two tabs have the same draft: what one adds, the other takes over, and neither overwrites it", () => {
	const [here, there] = [new Draft(), new Draft()];
	flushSync();
	there.move_to(7); // looks at a run meanwhile
	there.adopt(run());
	there.questions = [{ text: "of 7" }];
	flushSync();
	told();
	here.add(3);
	here.questions = [{ text: "a" }];
	flushSync();
	told();
	expect(there.columns.map((column) => column.model_id)).toEqual([11, 12]);
	expect([there.questions, there.questions_at(0)]).toEqual([[{ text: "of 7" }], [{ text: "a" }]]);
	there.move_to(0);
	there.release();
	there.restore();
	there.questions = [...there.questions, { text: "b" }];
	there.params.temperature = 0.3;
	flushSync();
	const [column] = here.columns;
	told();
	expect([here.questions, here.questions_at(7), here.params.temperature]).toEqual([[{ text: "a" }, { text: "b" }], [{ text: "of 7" }], 0.3]);
	expect(here.columns[0]).toBe(column); // what is drawn of it stays
	const stored = localStorage.getItem("assay.draft");
	told();
	expect(localStorage.getItem("assay.draft")).toBe(stored);
	expect([new Draft().questions.length, new Draft().columns.length]).toEqual([2, 1]);
});
