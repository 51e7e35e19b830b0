// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Cell, Column, Run, RunQuestion } from "../types";
import { asked_for, cell_of, count, made_differ, match_questions, outcome, pair_columns, settings_differ, type Pair } from "./compare";

const column = (id: number, label: string, epoch: number | null = null): Column => ({
	id, run_id: 1, position: 0, model_id: 1, label, epoch, params: {}, own_params: false, state: "done", n_done: 0, n_failed: 0, n_total: 0, likes: 0,
});
const cell = (column_id: number, text: string, state: Cell["state"] = "done"): Cell => ({
	id: column_id * 10, question_id: 1, column_id, state, text, likes: 0, liked: false,
});
const question = (text: string, cells: Cell[] = []): RunQuestion => ({ id: 1, position: 0, text, cells });
const run = (rest: Partial<Run>): Run => ({
	id: 1, name: "", created_ms: 0, state: "done", mode: "exact", seed: 1, blind: false, drifted: false, params: {},
	n_questions: 0, n_columns: 0, n_cells: 0, n_done: 0, n_failed: 0, n_raters: 0, ...rest,
});

test("columns belong together by label and epoch, doubles in their order", () => {
	const a = [column(1, "base"), column(2, "bot", 4), column(3, "bot", 4), column(4, "bot", 8)];
	const b = [column(11, "bot", 4), column(12, "other"), column(13, "base"), column(14, "bot", 4)];
	const pairing = pair_columns(a, b);
	expect(pairing.pairs.map((pair) => [pair.a.id, pair.b.id])).toEqual([[1, 13], [2, 11], [3, 14]]);
	expect(pairing.only_a.map((one) => one.id)).toEqual([4]);
	expect(pairing.only_b.map((one) => one.id)).toEqual([12]);
});
test("a base model and an epoch 0 of the same name are not the same", () => {
	expect(pair_columns([column(1, "x", 0)], [column(2, "x", null)]).pairs).toEqual([]);
});
test("questions belong together by text, each once", () => {
	const matching = match_questions([question("p"), question("q "), question("q")], [question("q"), question("r")]);
	expect(matching.matches.map((match) => match.text)).toEqual(["q "]);
	expect([matching.only_a, matching.only_b]).toEqual([2, 1]);
});
test("turns belong together where the turns before them do", () => {
	const turns = (list: [string, number?][]): RunQuestion[] => list.map(([text, follows], position) => ({
		id: position, position, text, cells: [], ...(follows === undefined ? {} : { turn: 2, follows, conversation: follows }),
	}));
	const matching = match_questions(turns([["a"], ["b"], ["why?", 0], ["why?", 1]]), turns([["b"], ["c"], ["why?", 1], ["why?", 0]]));
	expect(matching.matches.map((match) => [match.a.position, match.b.position])).toEqual([[1, 0], [3, 3]]);
	expect([matching.only_a, matching.only_b]).toEqual([2, 2]);
});
test("answers are identical, different, or one is missing", () => {
	const pair: Pair = { a: column(1, "x"), b: column(2, "x") };
	const match = (a: Cell[], b: Cell[]) => ({ text: "q", a: question("q", a), b: question("q", b) });
	const matches = [
		match([cell(1, "yes")], [cell(2, " yes\n")]), match([cell(1, "yes")], [cell(2, "no")]),
		match([cell(1, "yes")], [cell(2, "", "failed")]), match([], [cell(2, "no")]),
	];
	expect(matches.map((one) => outcome(one, pair))).toEqual(["identical", "different", "incomplete", "incomplete"]);
	expect(count(matches, pair)).toEqual({ identical: 1, different: 1, incomplete: 2 });
	expect(cell_of(question("q"), pair.a)).toBeUndefined();
});
test("settings that differ are named with both values", () => {
	const differences = settings_differ(run({ params: { temperature: 0, max_tokens: 8 } }), run({ params: { temperature: 0.7, max_tokens: 8, system: "s" }, seed: 2 }));
	expect(differences).toEqual([
		{ name: "system", a: "", b: "s" }, { name: "temperature", a: "0", b: "0.7" }, { name: "seed", a: "1", b: "2" },
	]);
});
test("what made the answers differ is named where both sides know it", () => {
	const made = { model_hash: "aa", adapter_hash: "", template_hash: "tt", build: "1", device: "CPU", slots: 24 };
	const pair = (rest: Partial<Column>): Pair => ({ a: { ...column(1, "x"), ...made }, b: { ...column(2, "x"), ...made, ...rest } });
	expect(made_differ(pair({}))).toEqual([]);
	expect(made_differ(pair({ slots: 12, device: "CUDA0", model_hash: "" }))).toEqual(["device", "slots"]);
	expect(made_differ(pair({ adapter_hash: "bb" }))).toEqual([]);
});
test("an address names two runs or none", () => {
	expect(asked_for("?a=1&b=2")).toEqual({ a: 1, b: 2 });
	for (const search of ["", "?a=1", "?a=x&b=2", "?a=-1&b=2", "?a=1.5&b=2"]) expect(asked_for(search)).toBeNull();
});
