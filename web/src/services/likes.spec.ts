// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import type { Run } from "../types";
import { most_likes } from "./likes";

describe("the most likes that a column could have", () => {
	it("is a like for each question of every rater, and of one where nobody has rated yet", () => {
		const run = (n_questions: number, n_raters: number): Run => ({ n_questions, n_raters }) as Run;
		expect(most_likes(run(8, 0))).toBe(8);
		expect(most_likes(run(8, 1))).toBe(8);
		expect(most_likes(run(8, 3))).toBe(24);
		expect(most_likes(null)).toBe(0);
	});
});
