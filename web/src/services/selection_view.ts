// SPDX-License-Identifier: Apache-2.0
// What the page says about an automatic validation beyond the server's own sentences.
import type { Params, Selection, SelectionDecision, SelectionInput } from "../types";

/** What is chosen before the start. `family_id` 0: `model_ids` instead. `judge`: "auto", "none" or the id of a model. */
export interface StartForm { family_id: number; model_ids: number[]; set_id: number; minutes: number; judge: string; training: string; fresh: boolean; params: Params }

/** What the server is asked for; null until enough is chosen. */
export function selection_input(form: StartForm): SelectionInput | null {
	const candidates = form.family_id ? { family_id: form.family_id } : form.model_ids.length > 1 ? { model_ids: form.model_ids } : null;
	if (!candidates || !form.set_id) return null;
	const judge_model_id = Number(form.judge);
	const training_path = form.training.trim();
	return {
		...candidates, question_set_id: form.set_id, budget_s: form.minutes * 60, params: form.params, fresh: form.fresh,
		...(judge_model_id ? { judge: "model", judge_model_id } : { judge: form.judge === "none" ? "none" : "auto" }),
		...(training_path ? { training_path } : {}),
	};
}

/** Kinds that say nothing of who answers better: a curve would be an answer to a question that was not decided. */
const WITHOUT_CURVE: SelectionDecision["kind"][] = ["nothing_to_judge_by", "all_unusable", "identical"];
export const has_curve = (decision: SelectionDecision): boolean => decision.n_decided > 0 && !WITHOUT_CURVE.includes(decision.kind);

const MEDIUM_BELOW = 40;
/** What would make it surer: `k` more questions, 40 questions, ratings by people, or nothing any more; null where that is not the matter. */
export function more_sure(selection: Selection, decision: SelectionDecision): "questions" | "few" | "rate" | "hardly" | "enough" | null {
	if (!has_curve(decision) || decision.kind === "time_up") return null;
	if (selection.n_answered < MEDIUM_BELOW) return "few";
	if (decision.kind === "undecided") return decision.more_questions > 0 ? "questions" : "hardly";
	return decision.level === "very_high" ? "enough" : "rate";
}

/** Right answers to questions of general knowledge, of `n`; null where the recommended one gives as many as the base model. */
export function general_loss(selection: Selection): { n: number; own: number; base: number } | null {
	const curve = selection.curves.find((one) => one.name === "general");
	const n = curve?.n_questions ?? 0;
	const right = (found: (one: Selection["candidates"][number]) => boolean): number => {
		const id = selection.candidates.find(found)?.column_id;
		return Math.round((curve?.points.find((point) => point.column_id === id)?.value ?? 0) * n);
	};
	const own = right((one) => one.is_recommended);
	const base = right((one) => one.is_base);
	return own < base ? { n, own, base } : null;
}
