// SPDX-License-Identifier: Apache-2.0
// With hidden names every question has its own order of columns: always the same one for a question, so that coming back or
// another tab shows the same, and without any pattern over the questions.

/** Order for `count` columns: place p shows column order[p]. */
export function blind_order(question_id: number, count: number): number[] {
	const order = Array.from({ length: count }, (_, i) => i);
	let state = Math.imul(question_id ^ (question_id >>> 16), 0x9e3779b1) >>> 0;
	const random = (): number => {
		// mulberry32 by T. Ettinger, public domain.
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	for (let i = count - 1; i > 0; i--) {
		const j = Math.floor(random() * (i + 1));
		[order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
	}
	return order;
}

/** 0 → "A", 25 → "Z". */
export function letter(place: number): string {
	return String.fromCharCode(65 + (place % 26));
}
