// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Selection, SelectionDecision } from "../types";
import { general_loss, has_curve, more_sure, selection_input, type StartForm } from "./selection_view";

const start_form = (): StartForm => ({ family_id: 0, model_ids: [], set_id: 0, minutes: 0, judge: "auto", training: "", fresh: false, params: { max_tokens: 256 } });
const decision = (kind: SelectionDecision["kind"], rest: Partial<SelectionDecision> = {}): SelectionDecision =>
	({ kind, level: "medium", more_questions: 0, n_decided: 30, ...rest } as SelectionDecision);
const selection = (rest: Partial<Selection>): Selection => ({ n_answered: 68, curves: [], candidates: [], ...rest } as Selection);

test("nothing is asked for until candidates and questions are chosen", () => {
	expect(selection_input(start_form())).toBeNull();
	expect(selection_input({ ...start_form(), family_id: 3 })).toBeNull();
	expect(selection_input({ ...start_form(), set_id: 5, model_ids: [1] })).toBeNull();
	expect(selection_input({ ...start_form(), set_id: 5, model_ids: [1, 2] })).toMatchObject({ model_ids: [1, 2], question_set_id: 5, budget_s: 0, judge: "auto" });
});
test("time, judge and training file are passed on, empty ones are left out", () => {
	const asked = selection_input({ ...start_form(), family_id: 3, set_id: 5, minutes: 5, judge: "9", training: " /data/train.jsonl ", fresh: true });
	expect(asked).toMatchObject({ family_id: 3, budget_s: 300, judge: "model", judge_model_id: 9, training_path: "/data/train.jsonl", fresh: true });
	const plain = selection_input({ ...start_form(), family_id: 3, set_id: 5, judge: "none" });
	expect(plain).toMatchObject({ judge: "none" });
	expect(plain).not.toHaveProperty("judge_model_id");
	expect(plain).not.toHaveProperty("training_path");
});
test("what would make it surer depends on what holds it back", () => {
	expect(more_sure(selection({}), decision("undecided", { more_questions: 40 }))).toBe("questions");
	expect(more_sure(selection({}), decision("undecided"))).toBe("hardly");
	expect(more_sure(selection({ n_answered: 30 }), decision("winner"))).toBe("few");
	expect(more_sure(selection({}), decision("winner"))).toBe("rate");
	expect(more_sure(selection({}), decision("winner", { level: "very_high" }))).toBe("enough");
	expect(more_sure(selection({}), decision("identical"))).toBeNull();
	expect(more_sure(selection({}), decision("time_up"))).toBeNull();
	expect(has_curve(decision("nothing_to_judge_by"))).toBe(false);
	expect(has_curve(decision("too_few", { n_decided: 0 }))).toBe(false);
	expect(has_curve(decision("too_few"))).toBe(true);
});
test("general questions count against it only where it lost some", () => {
	const candidates = [{ column_id: 1, is_base: true }, { column_id: 2, is_recommended: true }] as Partial<Selection["candidates"][number]>[] as Selection["candidates"];
	const curve = (own: number): Selection["curves"] => [{ name: "general", n_questions: 8, points: [{ column_id: 1, value: 1, low: 0.7, high: 1 }, { column_id: 2, value: own, low: 0.4, high: 0.9 }] }];
	expect(general_loss(selection({ candidates, curves: curve(0.75) }))).toEqual({ n: 8, own: 6, base: 8 });
	expect(general_loss(selection({ candidates, curves: curve(1) }))).toBeNull();
	expect(general_loss(selection({ candidates }))).toBeNull();
});
