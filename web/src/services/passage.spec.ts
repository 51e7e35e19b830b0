// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { split_passage } from "./passage";

test("a passage is cut out where it stands, also behind characters of two units", () => {
	expect(split_passage("one two three", 4, 3)).toEqual(["one ", "two", " three"]);
	expect(split_passage("𠮷野家 七號", 5, 2)).toEqual(["𠮷野家 ", "七號", ""]);
});
test("a passage that reaches beyond the text ends with it", () => {
	expect(split_passage("short", 3, 99)).toEqual(["sho", "rt", ""]);
	expect(split_passage("short", 99, 1)).toEqual(["short", "", ""]);
});
