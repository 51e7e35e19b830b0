// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { typing } from "./typing.svelte";

test("what was typed is there again for a field that is built anew, also after a reload; what was sent is not", () => {
	typing.set("chat 1", "half");
	typing.texts = {}; // as after a reload
	expect([typing.get("chat 1"), typing.get("chat 2")]).toEqual(["half", ""]);
	typing.set("chat 1", "");
	typing.texts = {};
	expect(typing.get("chat 1")).toBe("");
});
