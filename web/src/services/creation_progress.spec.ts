// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { CreationStep } from "../types";
import { creation_progress, is_over } from "./creation_progress";

const step = (name: CreationStep["name"], state: CreationStep["state"], fraction = 0, eta_s: number | null = null): CreationStep =>
	({ name, state, fraction, detail: "", seconds: 0, eta_s });

test("steps that are done and the one at work count, those left out do not", () => {
	const steps = [step("merge", "done", 1), step("imatrix", "skipped"), step("quantize", "running", 0.5, 4), step("check", "waiting"), step("proof", "waiting")];
	expect(creation_progress({ steps })).toEqual({ step: steps[2], share: 1.5 / 4, eta_s: 4 });
});
test("before the first step nothing is done, after the last everything", () => {
	expect(creation_progress({ steps: [step("merge", "waiting")] })).toEqual({ step: null, share: 0, eta_s: null });
	expect(creation_progress({ steps: [] }).share).toBe(0);
	expect(creation_progress({ steps: [step("merge", "done", 1)] }).share).toBe(1);
});
test("a job that waits or runs is not over", () => {
	expect((["waiting", "running", "done", "failed", "cancelled"] as const).map((state) => is_over({ state }))).toEqual([false, false, true, true, true]);
});
