// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { split_thinking } from "./thinking";

test("thinking is told apart while it streams", () => {
	expect(split_thinking("<thi")).toEqual({ thinking: "", text: "" });
	expect(split_thinking("<think>\nEight or")).toEqual({ thinking: "Eight or", text: "" });
	expect(split_thinking("<think>\nEight cores.\n</think>\n\nEight")).toEqual({ thinking: "Eight cores.", text: "Eight" });
});
test("an answer without thinking is all text", () => {
	expect(split_thinking("")).toEqual({ thinking: "", text: "" });
	expect(split_thinking("It has <think> in it")).toEqual({ thinking: "", text: "It has <think> in it" });
	expect(split_thinking("< 8")).toEqual({ thinking: "", text: "< 8" });
});
