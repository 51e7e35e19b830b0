// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { expect, test } from "vitest";
import type { Run } from "../../types";
import RunRow from "./RunRow.svelte";

async function downloads(state: Run["state"], n_done: number, blind = false): Promise<number> {
	const run: Run = { id: 7, name: "r", created_ms: 0, state, mode: "exact", seed: 1, blind, drifted: false, params: {}, n_questions: 4, n_columns: 1, n_cells: 4, n_done, n_failed: 0, n_raters: 0 };
	const none = (): void => undefined;
	const shown = mount(RunRow, { target: document.body, props: { run, chosen: false, full: false, onchoose: none, oninvite: none, onreplay: none, ondelete: none } });
	flushSync();
	const found = document.body.querySelectorAll('[aria-label="Download r"]').length;
	await unmount(shown);
	return found;
}

test("a validation is downloaded when nothing of it runs or waits, and there is an answer", async () => {
	expect([await downloads("done", 4), await downloads("stopped", 2), await downloads("interrupted", 1), await downloads("done", 4, true)]).toEqual([1, 1, 1, 1]);
	expect([await downloads("running", 2), await downloads("waiting", 2), await downloads("stopped", 0), await downloads("done", 0)]).toEqual([0, 0, 0, 0]);
});
