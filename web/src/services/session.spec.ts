// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { keep_session_key, session_key, take_code } from "./session";

test("the code leaves the address at once", () => {
	history.replaceState(null, "", "/validate?x=1#s=0123abcdef");
	expect(take_code(location, history)).toBe("0123abcdef");
	expect(location.href).toMatch(/\/validate\?x=1$/);
	expect(take_code(location, history)).toBe("");
});
test("another fragment is left alone", () => {
	history.replaceState(null, "", "/#top");
	expect(take_code(location, history)).toBe("");
	expect(location.hash).toBe("#top");
});
test("the key is kept for the next visit", () => {
	keep_session_key("k1");
	expect(session_key()).toBe("k1");
	expect(localStorage.getItem("assay.session")).toBe('"k1"');
});
