// SPDX-License-Identifier: Apache-2.0
import { api, problem_of } from "../services/api";
import { match_questions, pair_columns, type Matching, type Pairing } from "../services/compare";
import type { Problem, Run, RunQuestion } from "../types";

/** A page of a browser holds this many questions of a run comfortably; the rest is left to the downloads. */
export const QUESTIONS_MAX = 5000;
const CHUNK = 200;

/** Two validations with their answers, read once. */
export class Comparison {
	a = $state.raw<Run | null>(null);
	b = $state.raw<Run | null>(null);
	pairing = $state.raw<Pairing>({ pairs: [], only_a: [], only_b: [] });
	matching = $state.raw<Matching>({ matches: [], only_a: 0, only_b: 0 });
	n_read = $state(0);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);
	#abort = new AbortController();

	constructor(readonly id_a: number, readonly id_b: number) {}

	get n_total(): number {
		const of = (run: Run | null): number => Math.min(QUESTIONS_MAX, run?.n_questions ?? 0);
		return of(this.a) + of(this.b);
	}
	get is_truncated(): boolean {
		return Math.max(this.a?.n_questions ?? 0, this.b?.n_questions ?? 0) > QUESTIONS_MAX;
	}
	async load(): Promise<void> {
		try {
			const [a, b] = await Promise.all([api.run(this.id_a), api.run(this.id_b)]);
			this.a = a;
			this.b = b;
			this.pairing = pair_columns(a.columns ?? [], b.columns ?? []);
			const [left, right] = await Promise.all([this.#questions(a), this.#questions(b)]);
			this.matching = match_questions(left, right);
			this.loaded = true;
		} catch (error) {
			if (!this.#abort.signal.aborted) this.problem = problem_of(error);
		}
	}
	async #questions(run: Run): Promise<RunQuestion[]> {
		const all: RunQuestion[] = [];
		while (all.length < QUESTIONS_MAX) {
			const page = await api.run_rows(run.id, "all", all.length, CHUNK, this.#abort.signal);
			all.push(...page.questions);
			this.n_read += page.questions.length;
			if (!page.questions.length || all.length >= page.total) break;
		}
		return all.slice(0, QUESTIONS_MAX);
	}
	/** Ends what is still being read. */
	close(): void {
		this.#abort.abort();
	}
}
