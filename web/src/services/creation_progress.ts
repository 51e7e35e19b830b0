// SPDX-License-Identifier: Apache-2.0
import type { Creation, CreationStep } from "../types";

export interface CreationProgress {
	/** The step at work; null before the first and after the last. */
	step: CreationStep | null;
	/** Share of all steps that are done. */
	share: number;
	eta_s: number | null;
}

/** How far a job is. Steps count alike: how long one takes is only known while it runs. */
export function creation_progress(creation: Pick<Creation, "steps">): CreationProgress {
	const steps = creation.steps.filter((step) => step.state !== "skipped");
	const done = steps.reduce((sum, step) => sum + (step.state === "done" ? 1 : step.state === "running" ? Math.min(1, Math.max(0, step.fraction)) : 0), 0);
	const step = steps.find((one) => one.state === "running") ?? null;
	return { step, share: steps.length ? done / steps.length : 0, eta_s: step?.eta_s ?? null };
}

export const is_over = (creation: Pick<Creation, "state">): boolean => !["waiting", "running"].includes(creation.state);
