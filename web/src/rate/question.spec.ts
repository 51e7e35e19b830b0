// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import Question from "./Question.svelte";
import { rating } from "./rating.svelte";

let shown: ReturnType<typeof mount>;
const steps: string[] = [];

beforeEach(() => {
	steps.length = 0;
	vi.spyOn(rating, "next").mockImplementation(async () => void steps.push("next"));
	vi.spyOn(rating, "back").mockImplementation(async () => void steps.push("back"));
	vi.spyOn(rating, "toggle").mockImplementation((slot) => void steps.push(`like ${slot}`));
	rating.question = { number: 2, earlier: [], text: "How?", rated: false, answers: [0, 1].map((slot) => ({ slot, text: "```\nSo.\n```", liked: false })) };
	shown = mount(Question, { target: document.body });
	flushSync();
});
afterEach(async () => {
	await unmount(shown);
	vi.restoreAllMocks();
	rating.question = null;
});

const button = (name: RegExp): HTMLElement => [...document.querySelectorAll("button")].find((one) => name.test(one.getAttribute("aria-label") ?? "")) ?? document.body;
/** As a browser does it: the button has the focus first. A pointer counts its clicks, the keyboard does not. */
function press(element: HTMLElement, by: "pointer" | "keyboard"): void {
	element.focus();
	element.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: by === "pointer" ? 1 : 0 }));
	flushSync();
}
/** A key where the focus is; true where the page took it, so that no button is pressed by it. */
function key(name: string, on: Element | null = document.activeElement): boolean {
	return !on?.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
}

test("after a click on a thumb Enter and the arrows turn the page, and take no like back", () => {
	press(button(/^Like: Answer B/), "pointer");
	for (const name of ["ArrowRight", "ArrowLeft", "Enter"]) expect(key(name)).toBe(true);
	expect(steps).toEqual(["like 1", "next", "back", "next"]);
});
test("after a click on Previous Enter goes on", () => {
	press(button(/^Previous/), "pointer");
	expect(key("Enter")).toBe(true);
	expect(steps).toEqual(["back", "next"]);
});
test("who goes by Tab keeps the place: arrows turn the page, Enter presses the button in focus", () => {
	const thumb = button(/^Like: Answer A/);
	press(thumb, "keyboard");
	expect(document.activeElement).toBe(thumb);
	expect([key("ArrowRight"), key("Enter")]).toEqual([true, false]);
	expect(steps).toEqual(["like 0", "next"]);
});
test("what turns the direction of a question is seen", () => {
	rating.question = { number: 3, earlier: ["c\u2067d"], text: "a\u202eb", rated: false, answers: [] };
	flushSync();
	expect([document.querySelector("h2")?.textContent, document.querySelector("li")?.textContent]).toEqual(["a⟨U+202E⟩b", "c⟨U+2067⟩d"]);
});
test("in a text field and in code that scrolls sideways the arrows keep their meaning", () => {
	const field = document.body.appendChild(document.createElement("input"));
	for (const one of [field, document.querySelector("pre")]) expect(one && !key("ArrowRight", one)).toBe(true);
	field.remove();
	expect(steps).toEqual([]);
});
