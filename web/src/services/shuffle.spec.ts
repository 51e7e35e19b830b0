// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { blind_order, letter } from "./shuffle";

test("a question always has the same order, and it names every column once", () => {
	for (let id = 1; id < 50; id++) {
		expect(blind_order(id, 5)).toEqual(blind_order(id, 5));
		expect([...blind_order(id, 5)].sort()).toEqual([0, 1, 2, 3, 4]);
	}
});
test("over many questions every column stands at every place about as often", () => {
	const seen = [0, 0, 0, 0];
	for (let id = 1; id <= 4000; id++) {
		const first = blind_order(id, 4)[0] ?? 0;
		seen[first] = (seen[first] ?? 0) + 1;
	}
	for (const n of seen) expect(Math.abs(n - 1000)).toBeLessThan(150);
});
test("places have letters", () => {
	expect([0, 1, 15].map(letter)).toEqual(["A", "B", "P"]);
});
