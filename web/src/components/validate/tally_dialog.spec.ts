// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import { RunView } from "../../stores/run_view.svelte";
import { validate } from "../../stores/validate.svelte";
import type { Cell, Column, RunPage } from "../../types";
import TallyDialog from "./TallyDialog.svelte";

afterEach(() => validate.leave());

/** What the dialog says where the likes of each question are such, of the first column and the second. */
async function verdict(likes: [number, number][]): Promise<string | undefined> {
	const columns = ["a", "b"].map((label, position): Column => ({
		id: position + 1, run_id: 7, position, model_id: position + 3, label, params: {}, own_params: false, state: "done",
		n_done: likes.length, n_failed: 0, n_total: likes.length, likes: likes.reduce((n, row) => n + (row[position] ?? 0), 0),
		likes_low: 0.25, likes_high: 1,
	}));
	const view = new RunView(7);
	view.run = {
		id: 7, name: "r", created_ms: 0, state: "done", mode: "exact", seed: 1, blind: true, drifted: false, params: {},
		n_questions: likes.length, n_columns: 2, n_cells: 2 * likes.length, n_done: 2 * likes.length, n_failed: 0, n_raters: 1, columns,
	};
	view.columns = columns;
	const cells = (row: number[]): Cell[] => row.map((n, at) => ({ id: at, question_id: 1, column_id: at + 1, state: "done", text: "", likes: n, liked: n > 0 }));
	view.everything = async () => likes.map((row, position): RunPage["questions"][number] => ({ id: position, position, text: "q", cells: cells(row) }));
	validate.view = view;
	validate.draft.adopt(view.run);
	const shown = mount(TallyDialog, { target: document.body, props: { onclose: () => undefined } });
	flushSync();
	const said = await vi.waitFor(() => {
		const text = document.body.querySelector(".verdict")?.textContent;
		expect(text).toBeTruthy();
		return text;
	});
	expect(document.body.querySelector("td.number")?.getAttribute("title")).toMatch(/^likes: \d+ of \d+ \(95% interval: 25–100%\)$/);
	await unmount(shown);
	return said ?? undefined;
}
const rows = (n: number, row: [number, number]): [number, number][] => Array.from({ length: n }, () => row);

test("the dialog says whether there are enough votes, about how many are missing, or why that cannot be told", async () => {
	const unknown = "How many more votes are needed cannot be told yet: a and b are liked about equally.";
	expect(await verdict(rows(20, [1, 0]))).toBe("Enough votes: a is better than b.");
	expect(await verdict([...rows(4, [1, 0]), [0, 1]])).toMatch(/^About \d+ more votes are needed\.$/);
	expect(await verdict([[1, 0], [0, 1]])).toBe(unknown);
	expect(await verdict([[0, 0], [1, 1]])).toBe(unknown);
	expect(await verdict([[3, 0], [0, 1], [0, 1]])).toBe(unknown); // more likes, and fewer questions
});
