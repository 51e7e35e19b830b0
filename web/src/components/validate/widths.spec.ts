// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test, vi } from "vitest";
import type { Column, Run } from "../../types";

const column = (id: number, model_id: number): Column => ({ id, run_id: 7, position: id - 1, model_id, label: "m", params: {}, own_params: false, state: "done", n_done: 1, n_failed: 0, n_total: 1, likes: 0 });
const run: Run = {
	id: 7, name: "r", created_ms: 0, state: "done", mode: "exact", seed: 1, blind: false, drifted: false, params: {}, n_questions: 1, n_columns: 3, n_cells: 3, n_done: 3, n_failed: 0, n_raters: 0,
	columns: [column(1, 3), column(2, 4), column(3, 3)],
};
/** The page as it is after a reload. */
async function load(): Promise<{ all: () => number[]; draft: import("../../stores/draft.svelte").Draft; widths: (typeof import("./widths.svelte"))["widths"] }> {
	vi.resetModules();
	const { validate } = await import("../../stores/validate.svelte");
	const { widths } = await import("./widths.svelte");
	const { draft } = validate;
	widths.available = 1600;
	draft.columns = [];
	for (const model of [3, 4, 3]) draft.add(model);
	return { all: () => draft.columns.map((one) => widths.of(one)), draft, widths };
}
beforeEach(() => localStorage.clear());

test("a width that was chosen stays when a run is opened, and after a reload; the others share what is left", async () => {
	const { all, draft, widths } = await load();
	expect(all()).toEqual([432, 432, 432]);
	const last = draft.columns[2];
	if (last) widths.set(last, 500);
	expect(all()).toEqual([398, 398, 500]);
	draft.adopt(run);
	expect(all()).toEqual([398, 398, 500]);
	expect((await load()).all()).toEqual([398, 398, 500]);
	localStorage.setItem("assay.column_widths", '{"3:0":"wide"}');
	expect((await load()).all()).toEqual([432, 432, 432]);
});
test("another model in a column leaves its width", async () => {
	const { all, draft, widths } = await load();
	const [first, second] = draft.columns;
	if (!first || !second) throw new Error("no columns");
	widths.set(first, 600);
	widths.keep(first, () => draft.set_model(first, 9));
	widths.keep(second, () => draft.set_model(second, 8));
	expect(all()[0]).toBe(600);
	expect(localStorage.getItem("assay.column_widths")).not.toContain("8:0");
});
