// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { is_composing, is_send, is_typing, question_key, vote_key } from "./keys";

const press = (key: string, rest: Partial<KeyboardEvent> = {}) => ({
	key, isComposing: false, keyCode: 13, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...rest,
});

test("Enter adds, Shift+Enter is a new line, Ctrl+Enter and Cmd+Enter submit", () => {
	expect(question_key(press("Enter"))).toBe("add");
	expect(question_key(press("Enter", { shiftKey: true }))).toBeNull();
	expect(question_key(press("Enter", { ctrlKey: true }))).toBe("submit");
	expect(question_key(press("Enter", { metaKey: true }))).toBe("submit");
	expect(question_key(press("a"))).toBeNull();
});
test("the Enter that ends a composition does nothing, in Chrome and Firefox (isComposing) and in Safari (229)", () => {
	expect(question_key(press("Enter", { isComposing: true }))).toBeNull();
	expect(question_key(press("Enter", { keyCode: 229 }))).toBeNull();
	expect(question_key(press("Enter", { isComposing: true, ctrlKey: true }))).toBeNull();
	expect(is_composing({ isComposing: false, keyCode: 229 })).toBe(true);
});
test("in a chat Enter sends, Shift+Enter is a new line, and an input method keeps its Enter", () => {
	expect(is_send(press("Enter"))).toBe(true);
	expect(is_send(press("Enter", { ctrlKey: true }))).toBe(true);
	expect(is_send(press("Enter", { shiftKey: true }))).toBe(false);
	expect(is_send(press("Enter", { isComposing: true }))).toBe(false);
	expect(is_send(press("Enter", { keyCode: 229 }))).toBe(false);
	expect(is_send(press("a"))).toBe(false);
});
test("keys in a text field are no shortcuts", () => {
	document.body.innerHTML = "<textarea></textarea><p></p>";
	const results: boolean[] = [];
	document.body.addEventListener("keydown", (event) => results.push(is_typing(event)));
	for (const selector of ["textarea", "p"]) document.querySelector(selector)?.dispatchEvent(new KeyboardEvent("keydown", { key: "1", bubbles: true }));
	document.querySelector("p")?.dispatchEvent(new KeyboardEvent("keydown", { key: "1", ctrlKey: true, bubbles: true }));
	expect(results).toEqual([true, false, true]);
});
test("digits name columns, 0 none of them", () => {
	expect(vote_key("1")).toBe(0);
	expect(vote_key("9")).toBe(8);
	expect(vote_key("0")).toBe("none");
	expect(vote_key("x")).toBeNull();
});
