// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test } from "vitest";
import { RunView } from "../../stores/run_view.svelte";
import { validate } from "../../stores/validate.svelte";
import type { Column, Run } from "../../types";
import ColumnHead from "./ColumnHead.svelte";
import Single from "./Single.svelte";

afterEach(() => validate.leave());

const done: Column = { id: 1, run_id: 7, position: 0, model_id: 3, label: "m", params: {}, own_params: false, state: "done", n_done: 1, n_failed: 0, n_total: 1, likes: 0 };
const failed: Column = { ...done, state: "failed", n_done: 0, n_failed: 1, problem: { code: "io", message: "The file of the model is gone." } };
const loading: Column = { ...done, state: "loading", n_done: 0, progress: 0.62, bytes: 1.1e9, bytes_total: 1.8e9 };

/** A run of one column and one question that is not answered, open on the page. */
function open(column: Column, state: Run["state"], blind = false): void {
	const view = new RunView(7);
	view.run = { id: 7, name: "r", created_ms: 0, state, mode: "exact", seed: 1, blind, drifted: false, params: {}, n_questions: 1, n_columns: 1, n_cells: 1, n_done: column.n_done, n_failed: column.n_failed, n_raters: 0, columns: [column] };
	view.columns = [column];
	view.total = 1;
	view.need = () => Promise.resolve();
	view.row = () => ({ id: 1, position: 0, text: "How?", reference: "", turn: undefined, follows: undefined, conversation: undefined, cells: [], event_id: 0 });
	validate.view = view;
	validate.draft.adopt(view.run);
}
async function head(column: Column, state: Run["state"]): ReturnType<typeof look> {
	open(column, state);
	const [shown_column] = validate.draft.columns;
	if (!shown_column) throw new Error("no column");
	return look(mount(ColumnHead, { target: document.body, props: { column: shown_column, onsettings: () => undefined } }));
}
async function single(column: Column, blind = false): ReturnType<typeof look> {
	open(column, "running", blind);
	return look(mount(Single, { target: document.body, props: { onprompt: () => undefined } }));
}
async function look(shown: ReturnType<typeof mount>): Promise<{ text: string; retry: boolean; likes: string | undefined }> {
	flushSync();
	const text = document.body.textContent ?? "";
	const likes = document.body.querySelector<HTMLElement>(".likes")?.title;
	const retry = [...document.body.querySelectorAll("button")].some((one) => one.textContent?.trim() === "Retry");
	await unmount(shown);
	return { text, retry, likes };
}

test("a column that failed can be tried again, also while others are answered", async () => {
	expect((await head(failed, "done")).retry).toBe(true);
	expect((await head(failed, "running")).retry).toBe(true);
	expect((await head(done, "running")).retry).toBe(false);
	expect((await head(loading, "running")).retry).toBe(false);
});
test("one question a page says how far each column is, too", async () => {
	expect((await single(loading)).text).toContain("loading 62% (1.1 of 1.8 GB)");
	const lost = await single(failed);
	expect(lost.text).toContain("failed: The file of the model is gone.");
	expect(lost.retry).toBe(true);
	expect((await single({ ...done, n_done: 0, state: "waiting" })).retry).toBe(false);
});
test("while names are hidden neither size nor reason says whose column it is", async () => {
	const hidden = await single(loading, true);
	expect(hidden.text).toContain("loading 62%");
	expect(hidden.text).not.toMatch(/GB|epoch|\bm\b/);
	const lost = await single(failed, true);
	expect(lost.text).toContain("1 failed");
	expect(lost.text).not.toContain("gone");
	expect(lost.retry).toBe(true);
});
test("likes say on hover how far their share may be off", async () => {
	expect((await head(done, "done")).likes).toBe("likes: 0 of 1");
	expect((await head({ ...done, likes: 1, likes_low: 0.2065, likes_high: 1 }, "done")).likes).toBe("likes: 1 of 1 (95% interval: 21–100%)");
});
