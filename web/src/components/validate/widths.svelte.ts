// SPDX-License-Identifier: Apache-2.0
import { SvelteMap } from "svelte/reactivity";
import * as prefs from "../../services/prefs";
import type { DraftColumn } from "../../stores/draft.svelte";
import { validate } from "../../stores/validate.svelte";

export const COLUMN_MIN = 320;
const QUESTION_MIN = 160;
const QUESTION_SMALL = 140;
const PLUS = 44;
const is_number = (value: unknown): value is number => typeof value === "number" && value >= QUESTION_MIN && value <= 900;
const are_widths = (value: unknown): value is Record<string, number> =>
	prefs.is_object(value) && Object.values(value).every((width) => typeof width === "number" && width >= COLUMN_MIN);

/** Widths of the table's columns: those that nobody has changed share what is left, never less than COLUMN_MIN. */
class Widths {
	available = $state(1000);
	#question = $state(prefs.load("question_width", 260, is_number));
	/** What was chosen, by model and which of its columns it is: whatever run is opened, they are the same. */
	#own = new SvelteMap(Object.entries(prefs.load("column_widths", {}, are_widths)));
	#columns = $derived.by(() => {
		const columns = validate.draft.columns.map(({ key, model_id }, at, all) => {
			const name = `${model_id}:${all.slice(0, at).filter((other) => other.model_id === model_id).length}`;
			return { key, name, own: this.#own.get(name) };
		});
		const taken = columns.reduce((sum, { own = 0 }) => sum + own, 0);
		const free = columns.filter(({ own }) => own === undefined).length;
		const share = Math.max(COLUMN_MIN, Math.floor((this.available - this.question - PLUS - taken) / free));
		return new Map(columns.map(({ key, name, own }) => [key, { name, own, width: own ?? share }]));
	});

	/** On a phone the question leaves most of the width to an answer. */
	get question(): number {
		return this.available < 640 ? Math.min(this.#question, Math.max(QUESTION_SMALL, Math.floor(this.available * 0.42))) : this.#question;
	}
	of({ key }: DraftColumn): number {
		return this.#columns.get(key)?.width ?? COLUMN_MIN;
	}
	get total(): number {
		return this.question + PLUS + validate.draft.columns.reduce((sum, column) => sum + this.of(column), 0);
	}
	set({ key }: DraftColumn, width: number): void {
		this.#own.set(this.#columns.get(key)?.name ?? "", Math.max(COLUMN_MIN, Math.round(width)));
		prefs.store("column_widths", Object.fromEntries(this.#own));
	}
	/** Whatever `change` makes of a column, it stays as wide as somebody chose. */
	keep(column: DraftColumn, change: () => void): void {
		const own = this.#columns.get(column.key)?.own;
		change();
		if (own !== undefined) this.set(column, own);
	}
	set_question(width: number): void {
		this.#question = Math.max(QUESTION_MIN, Math.min(600, Math.round(width)));
		prefs.store("question_width", this.#question);
	}
}

export const widths = new Widths();
