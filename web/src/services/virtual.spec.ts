// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { RowSizes } from "./virtual";

test("offsets and rows agree with adding up, while heights change", () => {
	const rows = new RowSizes(100);
	rows.resize(137);
	const sizes = new Array<number>(137).fill(100);
	let seed = 3;
	const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
	for (let round = 0; round < 500; round++) {
		const index = random(137);
		const size = 40 + random(400);
		expect(rows.set(index, size)).toBe(size - (sizes[index] ?? 0));
		sizes[index] = size;
		const at = random(138);
		expect(rows.offset(at)).toBe(sizes.slice(0, at).reduce((a, b) => a + b, 0));
		const y = random(rows.total);
		const row = rows.index_at(y);
		expect(rows.offset(row)).toBeLessThanOrEqual(y);
		expect(rows.offset(row + 1)).toBeGreaterThan(y);
	}
});
test("new rows get the estimate, old ones keep their height unless forgotten", () => {
	const rows = new RowSizes(50);
	rows.resize(2);
	rows.set(1, 80);
	rows.resize(3);
	expect(rows.total).toBe(180);
	expect([rows.is_known(0), rows.is_known(1)]).toEqual([false, true]);
	rows.resize(3, true);
	expect(rows.total).toBe(150);
});
test("the visible range stays inside, also past the end and without rows", () => {
	const rows = new RowSizes(100);
	expect(rows.range(0, 500, 100)).toEqual({ from: 0, to: 0 });
	rows.resize(10);
	expect(rows.range(250, 300, 0)).toEqual({ from: 2, to: 6 });
	expect(rows.range(5000, 300, 100)).toEqual({ from: 9, to: 10 });
	expect(rows.range(0, 300, 400)).toEqual({ from: 0, to: 8 });
});
test("a tiny difference of a measurement moves nothing", () => {
	const rows = new RowSizes(100);
	rows.resize(1);
	expect(rows.set(0, 100.3)).toBe(0);
	expect(rows.is_known(0)).toBe(true);
});
