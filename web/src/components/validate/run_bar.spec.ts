// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunView } from "../../stores/run_view.svelte";
import { validate } from "../../stores/validate.svelte";
import type { Column, Run } from "../../types";
import RunBar from "./RunBar.svelte";

beforeEach(() => localStorage.clear());
afterEach(() => validate.leave());

/** What the bar says of a run in a state, and its buttons. */
async function bar(state: Run["state"], n_done: number, n_failed = 0, n_complete = n_done, more: Partial<Run> = {}): Promise<string[]> {
	const view = new RunView(7);
	view.run = {
		id: 7, name: "r", created_ms: 0, state, mode: "exact", seed: 1, blind: false, drifted: false, params: {}, n_questions: 4, n_columns: 1, n_cells: 4, n_done, n_failed, n_raters: 0, n_complete,
		columns: [{ id: 1, run_id: 7, position: 0, model_id: 3, label: "m", params: {}, own_params: false, state: "done", n_done, n_failed, n_total: 4, likes: 0 }],
		...more,
	};
	view.columns = view.run.columns ?? [];
	validate.view = view;
	const shown = mount(RunBar, { target: document.body });
	flushSync();
	const parts = [...document.body.querySelectorAll(".bar .grow, button, [role=alert]")].map((one) => one.textContent?.trim() ?? "");
	await unmount(shown);
	return parts;
}
const NEW = "New validation";
const INVITE = ["Invite raters", "Share"]; // where there is an answer to rate, and none is on its way

test("only what can be done is said, and each thing has one button", async () => {
	expect(await bar("done", 4)).toEqual(["4 of 4 questions answered by every model.", ...INVITE, NEW]);
	expect(await bar("stopped", 0)).toEqual(["0 of 4 questions answered by every model.", NEW]); // Continue stands beside the question box
	expect(await bar("stopped", 2)).toEqual(["2 of 4 questions answered by every model. You can download and create now, or continue with the rest.", ...INVITE, NEW]);
	expect(await bar("interrupted", 2, 1)).toEqual(["It broke off when assay ended. What was computed is kept. 2 of 4 questions answered by every model. You can download and create now, or continue with the rest.", ...INVITE, NEW]);
	expect(await bar("done", 2, 2)).toEqual(["2 of 4 questions answered by every model. You can download and create now, or retry the rest.", "Retry the rest", ...INVITE, NEW]);
	expect(await bar("done", 0, 4)).toEqual(["0 of 4 questions answered by every model.", "Retry the rest", NEW]);
	expect((await bar("done", 3, 1, 2))[0]).toMatch(/^2 of 4 /); // as the server counts: columns may lack different questions
	const running = await bar("running", 1);
	expect([running.at(-1), running.includes("Share")]).toEqual([NEW, false]);
});
test("while nothing is answered it says what is waited for, also where names are hidden", async () => {
	const column = (state: Column["state"]): Column => ({ id: 1, run_id: 7, position: 0, model_id: 3, label: "m", params: {}, own_params: false, state, progress: 0.62, bytes: 1.1e9, bytes_total: 1.8e9, n_done: 0, n_failed: 0, n_total: 2, likes: 0 });
	const says = async (...states: Column["state"][]): Promise<string | undefined> => (await bar("running", 1, 0, 0, { blind: true, columns: states.map(column) }))[0];
	expect(await says("loading", "waiting")).toBe("loading 62%");
	expect(await says("done", "loading")).toBe("loading 62%");
	expect(await says("answering", "loading")).toBe("answering 1/4");
	expect(await says("done", "waiting")).toBe("answering 1/4");
	expect((await bar("waiting", 1))[0]).toBe("waiting");
});
test("why a run failed is said with the names only: it can tell them", async () => {
	const problem = { code: "io", message: "The file of Kestrel bot is gone." };
	expect(await bar("stopped", 0, 0, 0, { problem })).toContain(problem.message);
	expect((await bar("stopped", 0, 0, 0, { problem, blind: true })).at(-1)).toBe("Failed. The reason is shown together with the model names.");
});
test("New validation leaves the run for the draft", async () => {
	validate.draft.questions = [{ text: "How?" }];
	validate.view = new RunView(7);
	validate.view.run = { id: 7, name: "r", created_ms: 0, state: "done", mode: "exact", seed: 1, blind: false, drifted: false, params: {}, n_questions: 0, n_columns: 0, n_cells: 0, n_done: 0, n_failed: 0, n_raters: 0 };
	const shown = mount(RunBar, { target: document.body });
	flushSync();
	document.body.querySelector("button")?.click();
	expect([validate.view, validate.get_line(0)?.text, location.pathname]).toEqual([null, "How?", "/validate"]);
	await unmount(shown);
});
