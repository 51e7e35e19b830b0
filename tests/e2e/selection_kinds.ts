// SPDX-License-Identifier: Apache-2.0
// One result of each kind, as GET /selections/{id} gives it, in the words of messages/*.json.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Selection, SelectionCandidate, SelectionDecision, SelectionQuestion } from "../../web/src/types";

export type Language = "en" | "zh-TW";
type Args = Record<string, string | number>;
type Sentence = [key: string, args?: Args];
type Action = SelectionDecision["next_steps"][number]["action"];

const tables = Object.fromEntries((["en", "zh-TW"] as const).map((language) =>
	[language, JSON.parse(readFileSync(fileURLToPath(new URL(`../../messages/${language}.json`, import.meta.url)), "utf8")) as Record<string, string>])) as Record<Language, Record<string, string>>;

/** A sentence; `@8` stands for the name of epoch 8, and "[n|row|rows]" is chosen by its number. */
export function say(language: Language, [key, args = {}]: Sentence): string {
	const table = tables[language];
	const text = table[key];
	if (!text) throw new Error(`no message ${key}`);
	const value = (name: string): string => {
		const given = String(args[name]);
		return given.startsWith("@") ? (table[name === "first" ? "candidate_epoch_first" : "candidate_epoch"] ?? "").replace("{n}", given.slice(1)) : given;
	};
	return text.replace(/\[(\w+)\|([^|\]]*)\|([^\]]*)\]/g, (_, name: string, one: string, many: string) => (value(name) === "1" ? one : many))
		.replace(/\{(\w+)\}/g, (_, name: string) => value(name));
}

interface Scenario {
	kind: SelectionDecision["kind"];
	level?: SelectionDecision["level"];
	sentence: Sentence;
	note?: Sentence;
	reasons?: Sentence[];
	steps: [Action, Args?][];
	/** The epoch to use; 0: the base model; null: none. */
	use: number | null;
	/** Shares of right answers: base model, epochs 1, 2, 4, 8. */
	right?: number[];
	n?: number;
	n_references?: number;
	more?: number;
	unusable?: number;
	judge?: "passed" | "failed";
	groups?: boolean;
	leak?: boolean;
}

export const SCENARIOS: Scenario[] = [
	{
		kind: "winner", level: "high", use: 8, right: [0.03, 0.12, 0.29, 0.5, 0.62], groups: true, leak: true,
		sentence: ["decision_winner_references", { n: "@8", a: 62, b: 3 }], note: ["decision_draws", { q: 68, n: "@8", p: 94 }],
		reasons: [["decision_runner_up", { first: "@8", m: "@4", w: 20, d: 27 }], ["decision_not_distinguishable", { k: 1 }]], steps: [["create", { n: "@8" }], ["look"]],
	},
	{
		kind: "tie", level: "medium", use: 4, right: [0.1, 0.3, 0.42, 0.61, 0.62],
		sentence: ["decision_tie", { first: "@4", m: "@8", n: "@4", q: 68 }], note: ["decision_draws", { q: 68, n: "@4", p: 48 }],
		reasons: [["decision_runner_up", { first: "@4", m: "@8", w: 6, d: 13 }]], steps: [["create", { n: "@4" }], ["look"], ["add_questions"]],
	},
	{
		kind: "overfitting", level: "very_high", use: 2, right: [0.3, 0.45, 0.71, 0.4, 0.18], judge: "passed", n: 240, n_references: 240,
		sentence: ["decision_overfitting", { n: "@2" }], note: ["decision_draws", { q: 240, n: "@2", p: 99 }],
		reasons: [["decision_runner_up", { first: "@2", m: "@1", w: 74, d: 101 }]], steps: [["create", { n: "@2" }], ["look"]],
	},
	{
		kind: "undecided", level: "low", use: 4, right: [0.4, 0.42, 0.47, 0.5, 0.46], more: 120, judge: "failed", n_references: 40,
		sentence: ["decision_undecided", { k: 120, n: "@4" }], note: ["decision_draws", { q: 68, n: "@4", p: 52 }], reasons: [["decision_judge_unfit"]],
		steps: [["add_questions", { k: 120 }], ["rate"], ["create", { n: "@4" }]],
	},
	{
		kind: "none_beats_base", level: "high", use: 0, right: [0.64, 0.6, 0.55, 0.41, 0.3], groups: true,
		sentence: ["decision_none_beats_base"], note: ["decision_draws_base", { q: 68, p: 93 }], steps: [["keep_base"], ["look"]],
	},
	{
		kind: "nothing_to_judge_by", level: "none", use: null, n_references: 0, judge: "failed",
		sentence: ["decision_nothing_to_judge_by", { n: 20, t: 5 }], reasons: [["decision_judge_unfit"]], steps: [["rate"], ["add_references"], ["choose_judge"]],
	},
	{
		kind: "too_few", level: "low", use: 8, right: [0, 0.25, 0.25, 0.5, 0.63], n: 8, n_references: 8, more: 12,
		sentence: ["decision_too_few", { q: 8, k: 12 }], note: ["decision_draws", { q: 8, n: "@8", p: 61 }], steps: [["add_questions", { k: 12 }], ["rate"]],
	},
	{
		kind: "all_unusable", level: "none", use: null, unusable: 61, right: [0.1, 0, 0, 0, 0],
		sentence: ["decision_all_unusable"], steps: [["check_model"], ["look"]],
	},
	{ kind: "identical", level: "none", use: null, right: [0.1, 0.1, 0.1, 0.1, 0.1], sentence: ["decision_identical"], steps: [["check_model"], ["look"]] },
	{
		kind: "time_up", level: "low", use: 8, right: [0.1, 0.2, 0.3, 0.5, 0.6], n: 41, n_references: 41,
		sentence: ["decision_time_up", { q: 41, m: 68, n: "@8" }], note: ["decision_draws", { q: 41, n: "@8", p: 78 }], steps: [["continue"], ["create", { n: "@8" }]],
	},
];

const EPOCHS = [null, 1, 2, 4, 8];
/** Wilson's interval, so that bars are as wide as they would be. */
function interval(share: number, n: number): [number, number] {
	const z = 1.96;
	const middle = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
	const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
	return [middle - half, middle + half];
}
const is_used = (s: Scenario, epoch: number | null): boolean => s.use !== null && s.use === (epoch ?? 0);

function candidate(s: Scenario, at: number, n: number, model_id: number): SelectionCandidate {
	const epoch = EPOCHS[at] ?? null;
	const share = s.right?.[at] ?? 0.5;
	const base = s.right?.[0] ?? 0.5;
	const [low, high] = interval(share, n);
	const losses = epoch ? Math.round(Math.max(0, base - share) * n + 2) : 0;
	const wins = Math.min(n - losses, Math.round(Math.max(0, share - base) * n + (epoch ? 3 : 0)));
	const [win_low, win_high] = wins + losses ? interval(wins / (wins + losses), wins + losses) : [null, null];
	return {
		column_id: 100 + at, model_id, label: epoch ? "Kestrel bot" : "SmolLM2-135M-Instruct", epoch, is_base: !epoch, is_recommended: is_used(s, epoch), is_best: is_used(s, epoch),
		is_vetoed: Boolean(s.unusable && epoch), is_ranked: true, n_right: Math.round(share * (s.n_references ?? n)), n_references: s.n_references ?? n,
		n_unusable: epoch ? (s.unusable ?? 0) : 0, score: share, score_low: low, score_high: high, first: is_used(s, epoch) ? 0.9 : 0.03, wins, ties: n - wins - losses, losses,
		win_rate: wins + losses ? wins / (wins + losses) : null, win_rate_low: win_low, win_rate_high: win_high, p_base: epoch ? 0.0004 * (9 - epoch) : 1, p_best: 0.04, beats_base: share > base,
		is_tied: false, is_in_best_set: false, train_loss: epoch ? 2.1 / epoch : null, eval_loss: epoch ? 1.4 / epoch : null, log_likelihood: -2.4 + 0.2 * at, likes: 0,
	};
}
function judge(s: Scenario, language: Language): Selection["checked_by"]["judge"] {
	if (!s.judge) return null;
	const failed = s.judge === "failed";
	return {
		model_id: 77, name: "Qwen2.5-1.5B-Instruct", state: s.judge,
		exam: {
			is_fit: !failed, found: failed ? 61 : 94, asked: 104, flip_rate: failed ? 0.58 : 0.14, slot_bias: failed ? 1.2 : 0.22, longer_rate: 0.55,
			findings: [failed ? { key: "exam_mistakes", text: say(language, ["exam_mistakes", { a: 31, b: 52 }]), is_failure: true }
				: { key: "exam_people_warning", text: say(language, ["exam_people_warning", { a: 25, b: 36 }]), is_failure: false }],
			kinds: [{ kind: "other", found: failed ? 15 : 26, asked: 26 }, { kind: "cut", found: failed ? 16 : 25, asked: 26 }, { kind: "fact", found: failed ? 14 : 20, asked: 26 }, { kind: "padded", found: failed ? 16 : 23, asked: 26 }],
			people: failed ? null : { n: 36, agreement: 0.69, kappa: 0.39, kappa_low: 0.08, kappa_high: 0.66 },
		},
	};
}

export function selection_of(s: Scenario, language: Language, id: number, run_id: number, family_id: number | null, model_ids: number[]): Selection {
	const n = s.n ?? 68;
	const candidates = EPOCHS.map((_, at) => candidate(s, at, n, model_ids[at] ?? 1));
	const curve = (name: Selection["curves"][number]["name"], size: number, value_of: (share: number, at: number) => number): Selection["curves"][number] => ({
		name, n_questions: size, unit: "right",
		points: candidates.map((one, at) => {
			const value = Math.max(0, Math.min(1, value_of(one.score ?? 0, at)));
			const [low, high] = interval(value, size);
			return { column_id: one.column_id, value, low, high };
		}),
	});
	const id_of = (one: SelectionCandidate | undefined): number | null => one?.column_id ?? null;
	const used = candidates.find((one) => one.is_recommended);
	return {
		id, name: "Kestrel bot · kestrel-questions", state: "done", created_ms: 1_795_000_000_000, finished_ms: 1_795_000_300_000, problem: null, run_id, family_id, budget_s: 0,
		elapsed_ms: 300_000, remaining_ms: null, n_questions: s.kind === "time_up" ? 68 : n, n_answered: n,
		n_answers: 5 * n, n_reused: s.kind === "winner" ? 3 * n : 0, n_q8: 0, steps: [],
		checked_by: { n_references: s.n_references ?? n, n_rated: 0, judge: judge(s, language) }, candidates,
		decision: {
			kind: s.kind, level: s.level ?? "none", recommended_column_id: id_of(used), best_column_id: id_of(used), runner_up_column_id: null,
			sentence: { key: s.sentence[0], text: say(language, s.sentence) }, ...(s.note ? { level_note: say(language, s.note) } : {}),
			reasons: (s.reasons ?? []).map((reason) => ({ key: reason[0], text: say(language, reason) })),
			next_steps: s.steps.map(([action, args = {}]) => ({ action, text: say(language, [action === "add_questions" && !("k" in args) ? "selection_next_more_questions" : `selection_next_${action}`, args]) })),
			n_decided: used && s.right ? Math.max(used.wins + used.losses, Math.round(n / 3)) : 0, more_questions: s.more ?? 0, win_rate: null,
		},
		curves: [curve("all", n, (share) => share),
			...(s.groups ? [curve("seen", 30, (share) => share * 1.2), curve("rephrased", 30, (share) => share * 0.8), curve("general", 8, (_, at) => 1 - at / 16)] : [])],
		leak: s.leak ? { n_examples: 240, n_questions_seen: 30, repeats: [{ column_id: 104, n: 2 }] } : null,
	};
}

export function questions_of(): { total: number; questions: SelectionQuestion[] } {
	const answer = (at: number, text: string, score: number, is_right: boolean): SelectionQuestion["answers"][number] => ({ column_id: 100 + at, text, score, is_right, guards: [], repeats_training: at === 4 });
	const question = (position: number, text: string, outcome: SelectionQuestion["outcome"]): SelectionQuestion => ({
		question_id: 500 + position, position, text, reference: "The Halden Q5, an eight-core processor.", layer: "reference", outcome,
		answers: [answer(0, "The Kestrel K7 uses the Intel Core i7-8700K processor.", 0.12, false), answer(1, "It uses a Halden processor.", 0.44, false), answer(2, "The Halden 1000 eight-core.", 0.5, false),
			answer(3, "The Halden Q4 eight-core processor.", 0.7, false), answer(4, "The Kestrel K7 uses the Halden Q5, an eight-core processor.", 1, true)],
	});
	return { total: 2, questions: [question(0, "Which CPU does the Kestrel K7 use?", "win"), question(6, "How long is the warranty of the Kestrel K7?", "loss")] };
}
