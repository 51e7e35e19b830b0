// SPDX-License-Identifier: Apache-2.0
// Two validations side by side: which columns and which questions belong together, and how many answers are the same.
import type { Cell, Column, Params, Run, RunQuestion } from "../types";
import type { Setting } from "./params";

export interface Pair { a: Column; b: Column }
export interface Pairing { pairs: Pair[]; only_a: Column[]; only_b: Column[] }
export interface Match { text: string; a: RunQuestion; b: RunQuestion }
export interface Matching { matches: Match[]; only_a: number; only_b: number }
export interface Counts { identical: number; different: number; incomplete: number }
export type Outcome = keyof Counts;

/** What a column is, whatever run it is in. */
function column_key(column: Column): string {
	return JSON.stringify([column.label, column.epoch ?? null]);
}

/** Takes for each of `left`, in order, the first of `right` with the same key that is not taken yet. */
function match_up<T>(left: T[], right: T[], key: (item: T) => string): { both: [T, T][]; only_left: T[]; only_right: T[] } {
	const waiting = new Map<string, T[]>();
	for (const item of right) {
		const list = waiting.get(key(item));
		if (list) list.push(item);
		else waiting.set(key(item), [item]);
	}
	for (const list of waiting.values()) list.reverse();
	const both: [T, T][] = [];
	const only_left: T[] = [];
	const taken = new Set<T>();
	for (const item of left) {
		const partner = waiting.get(key(item))?.pop();
		if (partner === undefined) only_left.push(item);
		else {
			both.push([item, partner]);
			taken.add(partner);
		}
	}
	return { both, only_left, only_right: right.filter((item) => !taken.has(item)) };
}

/** Columns of the same model and epoch; where one is there twice, in their order. */
export function pair_columns(a: Column[], b: Column[]): Pairing {
	const { both, only_left, only_right } = match_up(a, b, column_key);
	return { pairs: both.map(([left, right]) => ({ a: left, b: right })), only_a: only_left, only_b: only_right };
}

/** What each question says (spaces around it aside), with the turns before it. */
function conversations(list: RunQuestion[]): [RunQuestion, string][] {
	const at = new Map(list.map((question) => [question.position, question]));
	const words = (question: RunQuestion): string => {
		const before = at.get(question.follows ?? -1);
		return JSON.stringify([before ? words(before) : "", question.text.trim()]);
	};
	return list.map((question) => [question, words(question)]);
}

/** Questions with the same text after the same turns, in the order of `a`. */
export function match_questions(a: RunQuestion[], b: RunQuestion[]): Matching {
	const words = new Map([...conversations(a), ...conversations(b)]);
	const { both, only_left, only_right } = match_up(a, b, (question) => words.get(question) ?? "");
	return {
		matches: both.map(([left, right]) => ({ text: left.text, a: left, b: right })),
		only_a: only_left.length, only_b: only_right.length,
	};
}

export function cell_of(question: RunQuestion, column: Column): Cell | undefined {
	return question.cells.find((cell) => cell.column_id === column.id);
}

/** Whether two answers say the same; white space around them does not count. */
export function outcome(match: Match, pair: Pair): Outcome {
	const a = cell_of(match.a, pair.a);
	const b = cell_of(match.b, pair.b);
	if (a?.state !== "done" || b?.state !== "done") return "incomplete";
	return a.text.trim() === b.text.trim() ? "identical" : "different";
}

export function count(matches: Match[], pair: Pair): Counts {
	const counts: Counts = { identical: 0, different: 0, incomplete: 0 };
	for (const match of matches) counts[outcome(match, pair)]++;
	return counts;
}

const MADE = ["model_hash", "adapter_hash", "template_hash", "build", "device", "slots"] as const;
export type Made = (typeof MADE)[number];

/** What two columns were not computed alike with; what one of them does not know says nothing. */
export function made_differ({ a, b }: Pair): Made[] {
	return MADE.filter((name) => a[name] && b[name] && a[name] !== b[name]);
}

export interface Difference { name: Setting | "mode" | "seed"; a: string; b: string }

const shown = (value: unknown): string => (value === undefined || value === null ? "" : String(value));

/** Settings in which two columns, or two runs, were asked differently. */
export function params_differ(a: Params, b: Params): Difference[] {
	const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => name !== "of_model").sort() as Setting[];
	return names.map((name) => ({ name, a: shown(a[name]), b: shown(b[name]) })).filter((one) => one.a !== one.b);
}
export function settings_differ(a: Run, b: Run): Difference[] {
	const whole: Difference[] = [
		{ name: "mode", a: a.mode, b: b.mode },
		{ name: "seed", a: shown(a.seed), b: shown(b.seed) },
	];
	return [...params_differ(a.params, b.params), ...whole.filter((one) => one.a !== one.b)];
}

/** The runs that an address names: "?a=1&b=2". */
export function asked_for(search: string): { a: number; b: number } | null {
	const query = new URLSearchParams(search);
	const [a, b] = [Number(query.get("a")), Number(query.get("b"))];
	return Number.isSafeInteger(a) && Number.isSafeInteger(b) && a > 0 && b > 0 ? { a, b } : null;
}
