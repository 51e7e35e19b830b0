// SPDX-License-Identifier: Apache-2.0
import { SvelteMap } from "svelte/reactivity";
import * as prefs from "../../services/prefs";
import type { DraftColumn } from "../../stores/draft.svelte";

export const COLUMN_MIN = 320;
const QUESTION_MIN = 160;
const QUESTION_SMALL = 140;
const PLUS = 44;
const is_number = (value: unknown): value is number => typeof value === "number" && value >= QUESTION_MIN && value <= 900;

/** Widths of the table's columns: those that nobody has changed share what is left, never less than COLUMN_MIN. */
class Widths {
	available = $state(1000);
	#question = $state(prefs.load("question_width", 260, is_number));
	#own = new SvelteMap<number, number>();

	/** On a phone the question leaves most of the width to an answer. */
	get question(): number {
		return this.available < 640 ? Math.min(this.#question, Math.max(QUESTION_SMALL, Math.floor(this.available * 0.42))) : this.#question;
	}
	of(column: DraftColumn, columns: DraftColumn[]): number {
		const own = this.#own.get(column.key);
		if (own !== undefined) return own;
		const taken = columns.reduce((sum, other) => sum + (this.#own.get(other.key) ?? 0), 0);
		const free = columns.filter((other) => !this.#own.has(other.key)).length;
		return Math.max(COLUMN_MIN, Math.floor((this.available - this.question - PLUS - taken) / free));
	}
	total(columns: DraftColumn[]): number {
		return this.question + PLUS + columns.reduce((sum, column) => sum + this.of(column, columns), 0);
	}
	set(column: DraftColumn, width: number): void {
		this.#own.set(column.key, Math.max(COLUMN_MIN, Math.round(width)));
	}
	set_question(width: number): void {
		this.#question = Math.max(QUESTION_MIN, Math.min(600, Math.round(width)));
		prefs.store("question_width", this.#question);
	}
}

export const widths = new Widths();
