// SPDX-License-Identifier: Apache-2.0
// What an answer says differently from the one at its left: by words, Chinese and Japanese by characters.
// Shortest edit script by E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986).

export interface Segment { text: string; differs: boolean }

const TOKEN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]|[\p{L}\p{N}\p{M}_]+|\s+|[^\s]/gu;
/** Beyond this many edits the two texts have nothing in common that is worth finding. */
const EDITS_MAX = 1000;
const TOKENS_MAX = 20_000;

export function tokens(text: string): string[] {
	return text.match(TOKEN) ?? [];
}

const words = (all: string[]): string[] => all.filter((token) => token.trim() !== "");

/** `text` in pieces; those that are not in `left` differ. Spaces never do, so only words are compared. */
export function diff(left: string, text: string): Segment[] {
	const all = tokens(text);
	const kept = kept_words(words(tokens(left)), words(all));
	const segments: Segment[] = [];
	let word = 0;
	for (const token of all) {
		const is_word = token.trim() !== "";
		const differs = is_word && !kept.has(word);
		if (is_word) word++;
		const last = segments.at(-1);
		if (last && last.differs === differs) last.text += token;
		else segments.push({ text: token, differs });
	}
	return segments;
}

/** Positions in `b` that are also in `a`: the equal beginning and end, and what is common between them. */
function kept_words(a: string[], b: string[]): Set<number> {
	let start = 0;
	while (start < a.length && start < b.length && a[start] === b[start]) start++;
	let end = 0;
	while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
	const kept = new Set<number>();
	for (const at of common(a.slice(start, a.length - end), b.slice(start, b.length - end))) kept.add(at + start);
	for (const at of b.keys()) if (at < start || at >= b.length - end) kept.add(at);
	return kept;
}

/** Positions in `b` of a longest common subsequence with `a`; none where they differ too much. */
function common(a: string[], b: string[]): Set<number> {
	const kept = new Set<number>();
	if (!a.length || !b.length || a.length + b.length > TOKENS_MAX) return kept;
	const trace = search(a, b);
	let x = a.length;
	let y = b.length;
	for (let d = trace.length - 1; d >= 0; d--) {
		const v = trace[d] ?? new Map<number, number>();
		const k = x - y;
		const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1));
		const before = down ? k + 1 : k - 1;
		const from_x = d === 0 ? 0 : (v.get(before) ?? 0);
		const from_y = d === 0 ? 0 : from_x - before;
		while (x > from_x && y > from_y) {
			x--;
			y--;
			kept.add(y);
		}
		x = from_x;
		y = from_y;
	}
	return kept;
}

/** The furthest points reached with 0, 1, … edits, as they were before each round. Empty where there are too many edits. */
function search(a: string[], b: string[]): Map<number, number>[] {
	const v = new Map<number, number>([[1, 0]]);
	const trace: Map<number, number>[] = [];
	for (let d = 0; d <= Math.min(a.length + b.length, EDITS_MAX); d++) {
		trace.push(new Map([...v].filter(([k]) => Math.abs(k) <= d + 1)));
		for (let k = -d; k <= d; k += 2) {
			const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1));
			let x = down ? (v.get(k + 1) ?? 0) : (v.get(k - 1) ?? 0) + 1;
			while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
			v.set(k, x);
			if (x >= a.length && x - k >= b.length) return trace;
		}
	}
	return [];
}
