// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { beforeEach, expect, test } from "vitest";
import { CellView } from "../../stores/run_view.svelte";
import { validate } from "../../stores/validate.svelte";
import Cell from "./Cell.svelte";

beforeEach(() => {
	validate.draft.blind = false;
	document.body.replaceChildren();
});
const answer = new CellView({
	id: 1, question_id: 1, column_id: 1, state: "done", text: "It is an AVR, see [the sheet](https://example.org/a).", likes: 0, liked: false, finish: "length", n_generated: 31, total_ms: 1500, tokens_per_s: 21, reused_run_id: 4,
});
function show(props: { tools?: boolean; view?: CellView } = {}): HTMLElement {
	const shown = mount(Cell, { target: document.body, props: { view: answer, label: "Answer of A to question 1", onprompt: () => undefined, ...props } });
	flushSync();
	const copy = document.body.cloneNode(true) as HTMLElement;
	void unmount(shown);
	return copy;
}

test("while names are hidden neither length nor speed tells whose an answer is", () => {
	expect(show().querySelector(".facts")?.textContent).toMatch(/31 tok.*1\.5 s.*21 t\/s.*from validation 4.*cut at 31 tokens/s);
	validate.draft.blind = true;
	const hidden = show();
	expect(hidden.querySelector(".facts")?.textContent?.trim()).toBe("cut short");
	expect(hidden.innerHTML.match(/\b(31|21)\b/)).toBeNull();
});
test("while names are hidden neither a reason nor a prompt tells whose an answer is", () => {
	const problem = { code: "io", message: "The file of Kestrel bot is gone.", hint: "Choose its folder.", actions: [{ action: "cpu" as const, label: "Compute it here", model_id: 3 }] };
	const view = new CellView({ ...answer.data, state: "failed", text: "", problem });
	const shown = (): string => [...show({ tools: true, view }).querySelectorAll("[role=alert], button")].map((one) => one.getAttribute("aria-label") ?? one.textContent?.trim()).join("|");
	expect(shown()).toContain("The file of Kestrel bot is gone. Choose its folder.");
	validate.draft.blind = true;
	expect(shown()).toBe("Failed. The reason is shown together with the model names.");
});
test("an answer that was cut says after how many tokens, whatever was allowed; where a provider counts none it says only that", () => {
	const cut = (count: { n_generated?: number } = {}): string => {
		const view = new CellView({ id: 1, question_id: 1, column_id: 1, state: "done", text: "It is", likes: 0, liked: false, finish: "length", ...count });
		return show({ view }).querySelector(".cut")?.textContent ?? "";
	};
	expect([cut({ n_generated: 1480 }), cut({ n_generated: 0 }), cut()]).toEqual(["cut at 1,480 tokens", "cut short", "cut short"]);
});
test("Tab reaches what is in the current cell, and nothing in the others", () => {
	const stops = (tools: boolean): number[] => [...show({ tools }).querySelectorAll<HTMLElement>("button, a, summary")].map((one) => one.tabIndex);
	expect(stops(true)).toEqual([0, 0, 0, 0, 0]); // the link, raw, copy, prompt, thumb
	expect(stops(false)).toEqual([-1, -1]);
});
test("the prompt can be opened whatever became of the answer", () => {
	for (const state of ["waiting", "running", "failed", "cancelled"] as const) {
		const view = new CellView({ ...answer.data, state, text: "", ...(state === "failed" ? { problem: { code: "invalid", message: "The chat template refused the question." } } : {}) });
		expect([...show({ tools: true, view }).querySelectorAll(".tools button")].map((one) => one.getAttribute("aria-label")), state).toEqual(["Prompt actually sent"]);
	}
});
test("what turns the direction of a text is seen, formatted and raw", () => {
	const view = new CellView({ ...answer.data, text: "a\u202eb **c\u2066d**", thinking: "e\u200ff" });
	const shown = mount(Cell, { target: document.body, props: { view, label: "Answer", tools: true, onprompt: () => undefined } });
	flushSync();
	expect(document.querySelector(".thinking")?.textContent).toBe("e⟨U+200F⟩f");
	expect(document.querySelector(".body")?.textContent?.trim()).toBe("a⟨U+202E⟩b c⟨U+2066⟩d");
	document.querySelector<HTMLElement>('[aria-label="Show raw"]')?.click();
	flushSync();
	expect(document.querySelector(".raw")?.textContent).toBe("a⟨U+202E⟩b **c⟨U+2066⟩d**");
	void unmount(shown);
});
