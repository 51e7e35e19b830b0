// SPDX-License-Identifier: Apache-2.0
import { flushSync } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Run, Selection } from "../types";
import { DEFAULTS } from "../services/params";
import { toasts } from "./toasts.svelte";
import { typing } from "./typing.svelte";
import { ValidateStore } from "./validate.svelte";

interface Call { method: string; path: string; body: unknown }
let calls: Call[];
let state: Run["state"];
let questions: { text: string }[];
let n_failed: number, n_cancelled: number;
let rating: { n_rated: number; n_more: number; questions: { question_id: number; position: number; row: number }[] };

function run(): Run {
	return {
		id: 7, name: "r", created_ms: 0, state, mode: "exact", seed: 1, blind: false, drifted: false, params: DEFAULTS,
		n_questions: questions.length, n_columns: 1, n_cells: questions.length, n_done: state === "done" ? questions.length - n_failed - n_cancelled : 0, n_failed, n_raters: 0,
		columns: [{ id: 1, run_id: 7, position: 0, model_id: 3, label: "m", params: {}, own_params: false, state: "done", n_done: 0, n_failed: 0, n_total: 1, likes: 0 }],
	};
}
beforeEach(() => {
	localStorage.clear();
	sessionStorage.clear();
	typing.texts = {};
	calls = [];
	state = "done";
	questions = [];
	n_failed = n_cancelled = 0;
	vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
		const path = url.replace("/api/v1", "").replace(/\?.*/, "");
		const body: unknown = init.body ? JSON.parse(String(init.body)) : null;
		calls.push({ method: init.method ?? "GET", path, body });
		const given = (body as { questions?: { text: string }[] } | null)?.questions ?? [];
		if (/^\/selections\/[56]\/rating$/.test(path)) return new Response(JSON.stringify(rating));
		if (init.method === "POST" && path.startsWith("/runs")) questions = [...questions, ...given];
		if (path === "/runs/7/questions" && init.method === "GET") {
			return new Response(JSON.stringify({
				total: questions.length, offset: 0, event_id: 1, questions: questions.map((q, i) => ({ id: i + 1, position: i, text: q.text, cells: [] })),
			}));
		}
		return new Response(JSON.stringify(run()));
	});
});
afterEach(() => vi.unstubAllGlobals());
const posts = (): Call[] => calls.filter((call) => call.method === "POST");

async function submitted(): Promise<ValidateStore> {
	const store = new ValidateStore();
	store.draft.add(3);
	store.box = "Why?";
	await store.submit();
	return store;
}

test("Submit adds what is typed and starts a run, whose address the page then has", async () => {
	const store = await submitted();
	expect(posts()).toEqual([{ method: "POST", path: "/runs", body: {
		columns: [{ model_id: 3 }], params: {}, mode: "exact", blind: false, questions: [{ text: "Why?" }],
	} }]);
	expect([location.pathname, store.box, store.draft.n_questions, store.n_lines]).toEqual(["/validate/7", "", 0, 1]);
});
test("new questions are added to a finished run, a stopped one goes on", async () => {
	const store = await submitted();
	store.box = "How?";
	await store.submit();
	expect(posts().slice(1)).toEqual([{ method: "POST", path: "/runs/7/questions", body: { questions: [{ text: "How?" }] } }]);
	state = "stopped";
	await store.view?.reload();
	await store.submit();
	expect(posts().slice(2)).toEqual([{ method: "POST", path: "/runs/7/resume", body: null }]);
});
test("Submit asks again for what failed or was stopped, alone and with what is new, unless it is being answered", async () => {
	const store = await submitted();
	const [resumed, retried, added] = [["resume", null], ["retry", {}], ["questions", { questions: [{ text: "How?" }] }]].map(([path, body]) => ({ method: "POST", path: `/runs/7/${String(path)}`, body }));
	const asks = async (as: Run["state"], failed: number, cancelled: number, text: string, ask = (): Promise<void> => store.submit()): Promise<Call[]> => {
		[state, n_failed, n_cancelled, store.box] = [as, failed, cancelled, text];
		await store.view?.reload();
		calls = [];
		await ask();
		return posts();
	};
	expect(await asks("done", 1, 0, "")).toEqual([retried]);
	expect(await asks("done", 1, 0, "How?")).toEqual([added, retried]);
	expect(await asks("done", 1, 1, "")).toEqual([resumed, retried]);
	expect(await asks("stopped", 1, 0, "")).toEqual([resumed, retried]);
	expect(await asks("running", 1, 0, "How?")).toEqual([added]);
	expect(await asks("done", 1, 1, "How?", () => store.retry_rest())).toEqual([resumed, retried]);
});
test("other settings make a new run with the same questions", async () => {
	const store = await submitted();
	store.draft.params.temperature = 1;
	store.box = "How?";
	await store.submit();
	const [call] = posts().slice(1);
	expect(call?.path).toBe("/runs");
	expect(call?.body).toMatchObject({ params: { temperature: 1 }, questions: [{ text: "Why?" }, { text: "How?" }] });
});
test("a question set is named, not copied; what was typed follows it", async () => {
	const store = new ValidateStore();
	store.draft.add(3);
	store.add_set({ id: 5, name: "kestrel", n: 8, n_with_reference: 8 }, false);
	store.add_questions([{ text: "More?" }]);
	await store.submit();
	expect(posts().map((call) => [call.path, call.body])).toEqual([
		["/runs", expect.objectContaining({ question_set_id: 5, name: "kestrel" })],
		["/runs/7/questions", { questions: [{ text: "More?" }] }],
	]);
});
test("sets and single questions stand, and are asked, in the order in which they were added", async () => {
	const store = new ValidateStore();
	store.draft.add(3);
	store.add_questions([{ text: "First?" }, { text: "Second?" }]);
	store.add_set({ id: 5, name: "kestrel", n: 2, n_with_reference: 0 }, false);
	store.add_questions([{ text: "Last?" }]);
	const answer = globalThis.fetch;
	vi.stubGlobal("fetch", async (url: string, init: RequestInit) => (url.includes("/question-sets/5")
		? new Response(JSON.stringify({ total: 2, questions: [{ position: 0, text: "Of a file?" }, { position: 1, text: "Too?" }] })) : answer(url, init)));
	store.get_line(2);
	await vi.waitFor(() => expect(store.get_line(2)).toBeDefined());
	const shown = [0, 1, 2, 3, 4, 5].map((at) => store.get_line(at));
	expect(shown.map((line) => line && [line.number, line.text])).toEqual([[1, "First?"], [2, "Second?"], [3, "Of a file?"], [4, "Too?"], [5, "Last?"], undefined]);
	flushSync();
	expect(new ValidateStore().draft.questions).toEqual(store.draft.questions); // after a reload
	await store.submit();
	expect(posts().map((call) => [call.path, call.body])).toEqual([
		["/runs", expect.objectContaining({ questions: [{ text: "First?" }, { text: "Second?" }], name: "kestrel" })],
		["/runs/7/questions", { question_set_id: 5 }],
		["/runs/7/questions", { questions: [{ text: "Last?" }] }],
	]);
	expect(store.draft.questions_at(0)).toEqual([]);
});
test("a question that is taken out of a set leaves the others in their place", async () => {
	const store = new ValidateStore();
	store.add_questions([{ text: "First?" }]);
	store.add_set({ id: 6, name: "s", n: 2, n_with_reference: 0 }, false);
	store.add_questions([{ text: "Last?" }]);
	vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ total: 2, questions: [{ text: "a" }, { text: "b" }] })));
	const [, set] = store.draft.questions;
	if (set && "n" in set) await store.draft.remove_from_set(set, 0);
	expect(store.draft.questions).toEqual([{ text: "First?" }, { text: "b" }, { text: "Last?" }]);
});
test("Reset clears the questions only, and Undo brings them back", () => {
	const store = new ValidateStore();
	store.draft.add(3);
	store.draft.params.temperature = 0.4;
	store.add_questions([{ text: "a" }, { text: "b" }]);
	store.box = "half";
	store.reset();
	expect([store.n_lines, store.box, store.draft.columns.length, store.draft.params.temperature]).toEqual([0, "", 1, 0.4]);
	toasts.list.at(-1)?.action?.run();
	expect([store.n_lines, store.box]).toEqual([2, "half"]);
});
test("a question that was not asked yet can be taken out", () => {
	const store = new ValidateStore();
	store.add_questions([{ text: "a" }, { text: "b" }]);
	store.get_line(0)?.remove?.();
	expect(store.get_line(0)?.text).toBe("b");
	expect(store.get_line(1)).toBeUndefined();
});
test("a run that is gone leaves a reason, not an empty page", async () => {
	vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ error: { code: "not_found", message: "gone" } }), { status: 404 }));
	const store = new ValidateStore();
	await store.open(9);
	expect(store.problem?.message).toBe("gone");
});
test("questions that the page only proposed do not follow into a run that is opened, and are there again afterwards", async () => {
	questions = [{ text: "Why?" }];
	const store = new ValidateStore();
	const sets = [{ id: 3, name: "s", n_questions: 5, n_with_reference: 0 }];
	const answer = globalThis.fetch;
	vi.stubGlobal("fetch", async (url: string, init: RequestInit) =>
		(url.endsWith("/question-sets") ? new Response(JSON.stringify({ question_sets: sets })) : answer(url, init)));
	await store.propose();
	expect(store.n_lines).toBe(5);
	await store.open(7);
	expect([store.n_lines, store.draft.n_questions]).toEqual([1, 0]);
	await store.open(null);
	await store.propose();
	expect(store.n_lines).toBe(5);
	store.reset();
	await store.propose();
	expect(store.n_lines).toBe(0);
});
test("what was typed stays where it was typed, added or not, also after a reload", async () => {
	questions = [{ text: "Why?" }];
	const store = new ValidateStore();
	store.add_questions([{ text: "How?" }]);
	store.box = "Where";
	await store.open(7);
	expect([store.n_lines, store.box]).toEqual([1, ""]);
	store.add_questions([{ text: "When?" }, { text: "Who?" }]);
	store.box = "Which";
	await store.open(null);
	expect([store.n_lines, store.get_line(0)?.text, store.box]).toEqual([1, "How?", "Where"]);
	flushSync();
	typing.texts = {};
	const again = new ValidateStore();
	expect([again.n_lines, again.box]).toEqual([1, "Where"]);
	await again.open(7);
	expect(again.n_lines).toBe(3);
	await store.open(7);
	expect([store.n_lines, store.box]).toEqual([3, "Which"]);
});
test("a question that is typed while others are sent is neither lost nor sent with them", async () => {
	const store = new ValidateStore();
	store.draft.add(3);
	store.box = "Why?";
	const sent = store.submit();
	store.box = "How";
	await sent;
	expect([store.box, store.n_lines]).toEqual(["How", 1]);
});
test("Reset in a run leaves it and the draft without questions; Undo brings back both", async () => {
	questions = [{ text: "Why?" }];
	const store = new ValidateStore();
	store.add_questions([{ text: "How?" }]);
	await store.open(7);
	store.add_questions([{ text: "When?" }]);
	store.reset();
	expect([store.view, store.n_lines]).toEqual([null, 0]);
	toasts.list.at(-1)?.action?.run();
	expect([store.n_lines, location.pathname]).toEqual([1, "/validate/7"]);
	await store.open(7);
	expect(store.get_line(1)?.text).toBe("When?");
});
/** What stands on the page beside questions. */
const setup = ({ draft: { columns, params, mode, seed, blind } }: ValidateStore): unknown => ({ columns: columns.map(({ model_id, own }) => [model_id, own]), params: { ...params }, mode, seed, blind });
test("Reset in a run changes no column and no setting, its seed stays too; Undo brings back what was changed over it", async () => {
	questions = [{ text: "Why?" }];
	const store = new ValidateStore();
	await store.open(7);
	expect(store.draft.seed).toBe(1);
	store.draft.params.temperature = 0.4;
	store.draft.add(11);
	const before = setup(store);
	store.reset();
	expect(setup(store)).toEqual(before);
	toasts.list.at(-1)?.action?.run();
	await store.open(7);
	expect(setup(store)).toEqual(before);
	expect([store.draft.is_changed, store.draft.columns.map((column) => column.run_column), store.n_lines]).toEqual([true, [1, null], 1]);
});
test("the draft behind a run outlives a reset there, until something is done with what the run left", async () => {
	questions = [{ text: "Why?" }];
	const drafted = async (): Promise<ValidateStore> => {
		localStorage.clear();
		const store = new ValidateStore();
		store.draft.add(11);
		store.draft.params.temperature = 0.4;
		await store.open(7);
		store.reset();
		flushSync();
		return store;
	};
	const models_of = ({ draft }: ValidateStore): number[] => draft.columns.map((column) => column.model_id);
	await drafted();
	for (const store of [await drafted(), new ValidateStore()]) { // at once, and after a reload
		expect([models_of(store), store.draft.seed]).toEqual([[3], 1]);
		await store.open(7);
		await store.open(null);
		expect([models_of(store), store.draft.params.temperature]).toEqual([[11], 0.4]);
	}
	const undone = await drafted();
	undone.add_questions([{ text: "since" }]);
	toasts.list.at(-1)?.action?.run();
	await undone.open(7);
	await undone.open(null);
	expect([models_of(undone), undone.draft.params.temperature]).toEqual([[11], 0.4]);
	for (const use of [(store: ValidateStore) => store.add_questions([{ text: "a" }]), (store: ValidateStore) => (store.draft.params.temperature = 0.9)]) {
		const store = await drafted();
		use(store);
		flushSync();
		for (const one of [store, new ValidateStore()]) {
			await one.open(7);
			await one.open(null);
			expect(models_of(one)).toEqual([3]);
		}
	}
});
test("only the last reset can be undone: an older message with Undo would bring back what is long gone", async () => {
	toasts.list = [];
	const store = new ValidateStore();
	for (const text of ["Why?", "How?"]) {
		store.draft.questions = [{ text }];
		store.reset();
	}
	const undo = toasts.list.filter((toast) => toast.action);
	expect(undo).toHaveLength(1);
	undo[0]?.action?.run();
	expect(store.draft.questions).toEqual([{ text: "How?" }]);
});

test("a rating session goes by what the server asks for, shows nothing twice, and ends", async () => {
	questions = [{ text: "a" }, { text: "b" }, { text: "c" }];
	const at = (...rows: number[]): typeof rating.questions => rows.map((row) => ({ question_id: row + 1, position: 7 + row, row }));
	rating = { n_rated: 0, n_more: 2, questions: at(2, 0) };
	const store = new ValidateStore();
	await store.rate({ id: 5, run_id: 7 } as Selection);
	expect([store.layout, store.line, store.rating]).toEqual(["single", 2, { id: 5, rated: 0, more: 2, at: 0, goes_on: true }]);
	expect(calls.some((call) => call.method === "PATCH" && call.path === "/runs/7")).toBe(true); // names are hidden
	await store.rate_next(5); // nothing was liked
	expect([store.line, store.rating?.more]).toEqual([0, 2]);
	rating = { n_rated: 1, n_more: 1, questions: at(2) };
	await store.rate_next(5);
	expect([store.line, store.rating]).toEqual([0, { id: 5, rated: 1, more: 0, at: 1, goes_on: false }]);
	rating = { n_rated: 1, n_more: 0, questions: at(1) };
	await store.rate_next(5);
	expect([store.line, store.rating?.more]).toEqual([0, 0]);
	await store.open(null);
	expect(store.rating).toBeNull();
});
test("who rates can go back to what was shown and forward again, before the session ends and after", async () => {
	questions = [{ text: "a" }, { text: "b" }, { text: "c" }];
	const at = (...rows: number[]): typeof rating.questions => rows.map((row) => ({ question_id: row + 1, position: 7 + row, row }));
	rating = { n_rated: 0, n_more: 3, questions: at(2, 0, 1) };
	const store = new ValidateStore();
	const step = async (by: number): Promise<unknown[]> => {
		await store.rate_next(5, by);
		return [store.line, store.rating?.at, store.rating?.goes_on];
	};
	await store.rate({ id: 5, run_id: 7 } as Selection);
	expect(await step(-1)).toEqual([2, 0, true]); // there is nothing before the first
	expect(await step(1)).toEqual([0, 1, true]);
	// What was rated tells nothing new: the server no longer asks for it, going back does.
	rating = { n_rated: 2, n_more: 1, questions: at(1) };
	expect(await step(-1)).toEqual([2, 0, true]);
	expect(await step(1)).toEqual([0, 1, true]);
	expect(await step(1)).toEqual([1, 2, true]);
	rating = { n_rated: 3, n_more: 0, questions: [] };
	expect(await step(1)).toEqual([1, 2, false]);
	expect(await step(-1)).toEqual([0, 1, true]);
	expect(await step(1)).toEqual([1, 2, false]);
	// Another session begins anew.
	rating = { n_rated: 3, n_more: 1, questions: at(2) };
	await store.rate({ id: 6, run_id: 7 } as Selection);
	expect([store.line, store.rating]).toEqual([2, { id: 6, rated: 3, more: 1, at: 0, goes_on: true }]);
});
test("from an old run one comes back to the draft as it was: its questions, columns and settings", async () => {
	questions = [{ text: "Why?" }];
	const store = new ValidateStore();
	store.draft.add(11);
	store.draft.params.temperature = 0.4;
	store.add_questions([{ text: "How?" }]);
	store.box = "Where";
	await store.open(7);
	expect(store.draft.columns.map((column) => column.model_id)).toEqual([3]);
	expect(store.draft.params.temperature).toBe(DEFAULTS.temperature);
	flushSync();
	const after_reload = new ValidateStore();
	await after_reload.open(7);
	for (const one of [store, after_reload]) {
		one.leave(true);
		expect([one.view, one.last_run(), one.get_line(0)?.text, one.draft.params.temperature]).toEqual([null, null, "How?", 0.4]);
		expect(one.draft.columns.map((column) => [column.model_id, column.run_column])).toEqual([[11, null]]);
	}
	expect(store.box).toBe("Where");
});
test("a validation that was asked is what the next one is proposed as", async () => {
	const store = await submitted();
	store.draft.add(4);
	store.draft.params.temperature = 1;
	await store.submit();
	store.leave(true);
	expect(store.draft.columns.map((column) => column.model_id)).toEqual([3, 4]);
	expect([store.n_lines, location.pathname]).toEqual([0, "/validate"]);
});
test("Undo after Reset keeps what was typed since", async () => {
	questions = [{ text: "Why?" }];
	const store = new ValidateStore();
	store.add_questions([{ text: "a" }]);
	store.box = "half";
	store.reset();
	store.add_questions([{ text: "b" }]);
	store.box = "new";
	toasts.list.at(-1)?.action?.run();
	expect([store.draft.questions, store.box]).toEqual([[{ text: "a" }, { text: "b" }], "half\nnew"]);
	await store.open(7);
	store.add_questions([{ text: "c" }]);
	store.reset();
	store.add_questions([{ text: "d" }]);
	toasts.list.at(-1)?.action?.run();
	expect([store.draft.questions, store.box]).toEqual([[{ text: "a" }, { text: "b" }, { text: "d" }], "half\nnew"]);
	await store.open(7);
	expect(store.draft.questions).toEqual([{ text: "c" }]);
});
test("an address without a number names no run, and nobody is asked", async () => {
	const store = new ValidateStore();
	await store.open(NaN, "abc");
	expect([store.problem?.message, store.view, calls.length]).toEqual(["There is no validation with the number abc.", null, 0]);
	await store.open(7);
	expect([store.problem, store.view?.id]).toEqual([null, 7]);
});
