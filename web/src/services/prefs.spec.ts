// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from "vitest";
import { is_object, is_string, load, store } from "./prefs";

beforeEach(() => localStorage.clear());

test("what was stored comes back", () => {
	store("theme", "dark");
	expect(load("theme", "", is_string)).toBe("dark");
});
test("a value of another shape or broken text gives the fallback", () => {
	store("theme", 7);
	expect(load("theme", "light", is_string)).toBe("light");
	localStorage.setItem("assay.draft", "{");
	expect(load("draft", {}, is_object)).toEqual({});
});
