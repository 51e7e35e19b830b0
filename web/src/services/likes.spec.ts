// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import type { Run } from "../types";
import { locale } from "../stores/locale.svelte";
import { likes_label, likes_of, likes_title, most_likes } from "./likes";

describe("the most likes that a column could have", () => {
	it("is a like for each question of every rater, and of one where nobody has rated yet", () => {
		const run = (n_questions: number, n_raters: number): Run => ({ n_questions, n_raters }) as Run;
		expect(most_likes(run(8, 0))).toBe(8);
		expect(most_likes(run(8, 1))).toBe(8);
		expect(most_likes(run(8, 3))).toBe(24);
		expect(most_likes(null)).toBe(0);
	});
});

describe("likes as people read them", () => {
	it("are of questions where one person rated, and of all that could be where several did", async () => {
		expect([likes_of(6, 8), likes_label(6, 8), likes_label(9, 16, 2)]).toEqual(["6 of 8", "likes: 6 of 8", "likes: 9 of 16"]);
		locale.set("zh-TW");
		await locale.ready();
		expect([likes_of(6, 8, 1), likes_of(9, 16, 2), likes_label(9, 16, 2)]).toEqual(["6 個讚（共 8 題）", "9／16 個讚", "9／16 個讚"]);
		locale.set("en");
	});
	it("say on hover how far the share may be off, where one person rated", async () => {
		const three = { likes: 3, likes_low: 0.1368, likes_high: 0.6943 };
		expect([likes_title(three, 8, 1), likes_title({ likes: 9 }, 16, 2), likes_title(undefined, 8)]).toEqual(
			["likes: 3 of 8 (95% interval: 14–69%)", "likes: 9 of 16", "likes: 0 of 8"]);
		locale.set("zh-TW");
		await locale.ready();
		expect(likes_title(three, 8, 1)).toBe("3 個讚（共 8 題），95% 信賴區間 14–69%");
		locale.set("en");
	});
});
