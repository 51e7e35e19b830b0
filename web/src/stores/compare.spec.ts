// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { Comparison, QUESTIONS_MAX } from "./compare.svelte";

const COLUMN = { position: 0, model_id: 1, label: "bot", epoch: 4, params: {}, own_params: false, state: "done", n_done: 1, n_failed: 0, n_total: 1, likes: 2 };
function server(questions: Record<string, string[]>, calls: string[] = []): void {
	vi.stubGlobal("fetch", async (address: string) => {
		calls.push(address);
		const id = /runs\/(\d+)/.exec(address)?.[1] ?? "";
		const texts = questions[id];
		if (!texts) return new Response(JSON.stringify({ error: { code: "not_found", message: "gone" } }), { status: 404 });
		if (!address.includes("/questions")) {
			return new Response(JSON.stringify({ id: Number(id), n_questions: texts.length, params: {}, columns: [{ ...COLUMN, id: Number(id) * 10, run_id: Number(id) }] }));
		}
		const offset = Number(/offset=(\d+)/.exec(address)?.[1] ?? 0);
		const page = texts.slice(offset, offset + 200).map((text, at) => ({ id: offset + at, position: offset + at, text, cells: [] }));
		return new Response(JSON.stringify({ total: texts.length, offset, event_id: 1, questions: page }));
	});
}
afterEach(() => vi.unstubAllGlobals());

test("two runs are read page by page and matched", async () => {
	const calls: string[] = [];
	server({ 1: Array.from({ length: 450 }, (_, at) => `q${at}`), 2: ["q3", "q449", "other"] }, calls);
	const comparison = new Comparison(1, 2);
	await comparison.load();
	expect(comparison.loaded).toBe(true);
	expect(comparison.n_read).toBe(453);
	expect(comparison.n_total).toBe(453);
	// The turns of a conversation one after another.
	expect(calls.filter((call) => call.includes("/questions") && !call.includes("order=conversation"))).toEqual([]);
	expect(comparison.pairing.pairs).toHaveLength(1);
	expect(comparison.matching.matches.map((match) => match.text)).toEqual(["q3", "q449"]);
	expect([comparison.matching.only_a, comparison.matching.only_b]).toEqual([448, 1]);
});
test("a run that is gone is a problem with the server's sentence", async () => {
	server({ 1: ["q"] });
	const comparison = new Comparison(1, 2);
	await comparison.load();
	expect(comparison.problem?.message).toBe("gone");
	expect(comparison.loaded).toBe(false);
});
test("what is too much for a page is cut, and said", async () => {
	const calls: string[] = [];
	server({ 1: Array.from({ length: QUESTIONS_MAX + 300 }, (_, at) => `q${at}`), 2: ["q1"] }, calls);
	const comparison = new Comparison(1, 2);
	await comparison.load();
	expect(comparison.is_truncated).toBe(true);
	expect(comparison.matching.only_a).toBe(QUESTIONS_MAX - 1);
});
