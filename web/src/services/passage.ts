// SPDX-License-Identifier: Apache-2.0

/** A document's text before, in and after the passage of `length` UTF-16 units at `start`; what lies outside is cut off. */
export function split_passage(text: string, start: number, length: number): [string, string, string] {
	const from = Math.max(0, Math.min(text.length, start));
	const to = Math.max(from, Math.min(text.length, start + length));
	return [text.slice(0, from), text.slice(from, to), text.slice(to)];
}
