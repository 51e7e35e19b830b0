// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { expect, test } from "vitest";
import { RunView } from "../../stores/run_view.svelte";
import { validate } from "../../stores/validate.svelte";
import type { Run } from "../../types";
import QuestionBox from "./QuestionBox.svelte";

test("many pasted lines are counted as people write numbers", async () => {
	const shown = mount(QuestionBox, { target: document.body, props: { onfiles: () => undefined } });
	flushSync();
	const lines = Array.from({ length: 1200 }, (_, n) => `Question ${n}?`).join("\n");
	const event = Object.assign(new Event("paste", { bubbles: true, cancelable: true }), { clipboardData: { getData: () => lines } });
	document.querySelector("textarea")?.dispatchEvent(event);
	flushSync();
	expect(document.querySelector("dialog p")?.textContent).toContain("1,200 lines");
	expect(document.querySelector("dialog .primary")?.textContent).toContain("As 1,200 questions");
	await unmount(shown);
});
test("Submit is there for answers that failed, once nothing runs", async () => {
	const can_submit = async (state: Run["state"], n_failed: number): Promise<boolean> => {
		const view = new RunView(7);
		view.run = { id: 7, name: "r", created_ms: 0, state, mode: "exact", seed: 1, blind: false, drifted: false, params: {}, n_questions: 1, n_columns: 1, n_cells: 1, n_done: 1 - n_failed, n_failed, n_raters: 0,
			columns: [{ id: 1, run_id: 7, position: 0, model_id: 3, label: "m", params: {}, own_params: false, state: "done", n_done: 1 - n_failed, n_failed, n_total: 1, likes: 0 }] };
		validate.view = view;
		validate.draft.adopt(view.run);
		const shown = mount(QuestionBox, { target: document.body, props: { onfiles: () => undefined } });
		flushSync();
		const is_there = document.querySelector<HTMLButtonElement>("button.primary")?.disabled === false;
		await unmount(shown);
		return is_there;
	};
	expect(await can_submit("done", 1)).toBe(true);
	expect(await can_submit("done", 0)).toBe(false);
	expect(await can_submit("running", 1)).toBe(false);
	validate.leave();
});
