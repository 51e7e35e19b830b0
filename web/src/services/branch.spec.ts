// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { branch_of } from "./branch";

test("a message knows its neighbours among the branches", () => {
	expect(branch_of({ id: 5, siblings: [2, 5, 9] })).toEqual({ at: 2, n: 3, previous: 2, next: 9 });
	expect(branch_of({ id: 2, siblings: [2, 5] })).toEqual({ at: 1, n: 2, previous: null, next: 5 });
	expect(branch_of({ id: 5, siblings: [2, 5] })).toEqual({ at: 2, n: 2, previous: 2, next: null });
});
test("an only message has no branches", () => {
	expect(branch_of({ id: 5, siblings: [5] })).toBeNull();
	expect(branch_of({ id: 5, siblings: [] })).toBeNull();
});
