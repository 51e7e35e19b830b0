// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { expect, test, vi } from "vitest";
import { runs } from "../../stores/runs.svelte";
import type { Run } from "../../types";
import RunRow from "./RunRow.svelte";

const run_of = (state: Run["state"], n_done: number, more: Partial<Run> = {}): Run =>
	({ id: 7, name: "r", created_ms: 0, state, mode: "exact", seed: 1, blind: false, drifted: false, params: {}, n_questions: 4, n_columns: 1, n_cells: 4, n_done, n_failed: 0, n_raters: 0, ...more });

/** What is found in the row of such a run. */
async function look<T>(run: Run, find: (row: HTMLElement) => T): Promise<T> {
	const none = (): void => undefined;
	const shown = mount(RunRow, { target: document.body, props: { run, chosen: false, full: false, onchoose: none, oninvite: none, onreplay: none, ondelete: none } });
	flushSync();
	const found = find(document.body);
	await unmount(shown);
	return found;
}
const downloads = (state: Run["state"], n_done: number, blind = false): Promise<number> =>
	look(run_of(state, n_done, { blind }), (row) => row.querySelectorAll('[aria-label="Download r"]').length);

test("a validation is downloaded when nothing of it runs or waits, and there is an answer", async () => {
	expect([await downloads("done", 4), await downloads("stopped", 2), await downloads("interrupted", 1), await downloads("done", 4, true)]).toEqual([1, 1, 1, 1]);
	expect([await downloads("running", 2), await downloads("waiting", 2), await downloads("stopped", 0), await downloads("done", 0)]).toEqual([0, 0, 0, 0]);
});

test("what broke off says that its answers are kept, or why it did, and goes on at a press", async () => {
	const button = (row: HTMLElement): HTMLButtonElement | undefined => [...row.querySelectorAll("button")].find(({ textContent }) => textContent?.trim() === "Continue");
	const shown = (run: Run): Promise<[boolean, boolean]> => look(run, (row) => [row.textContent?.includes("What was computed is kept.") ?? false, button(row) !== undefined]);
	expect(await shown(run_of("interrupted", 2))).toEqual([true, true]);
	expect(await shown(run_of("interrupted", 2, { problem: { code: "io", message: "The disk is full." } }))).toEqual([false, true]);
	expect([await shown(run_of("stopped", 2)), await shown(run_of("running", 2)), await shown(run_of("done", 4))]).toEqual([[false, false], [false, false], [false, false]]);
	const asked: string[] = [];
	vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
		asked.push(`${init.method} ${url}`);
		return new Response(JSON.stringify(run_of("waiting", 2)));
	});
	runs.list = [run_of("interrupted", 2)];
	await look(run_of("interrupted", 2), (row) => button(row)?.click());
	await vi.waitFor(() => expect(runs.list[0]?.state).toBe("waiting"));
	expect(asked).toEqual(["POST /api/v1/runs/7/resume"]);
	vi.unstubAllGlobals();
});
