// SPDX-License-Identifier: Apache-2.0
import { m } from "../messages/messages.js";
import type { Column, Run } from "../types";
import { number, percent } from "./format";

/** How many likes a column could have: of every rater, one for each question. */
export function most_likes(run: Pick<Run, "n_questions" | "n_raters"> | null | undefined): number {
	return (run?.n_questions ?? 0) * Math.max(1, run?.n_raters ?? 0);
}

/** "6 of 8": of one person's they are questions, of several people's no longer. */
export function likes_of(n: number, most: number, n_raters = 0): string {
	return (n_raters > 1 ? m.validate_likes_people : m.validate_likes)({ n: number(n), m: number(most) });
}
/** The same where no thumb stands before it. */
export function likes_label(n: number, most: number, n_raters = 0): string {
	return (n_raters > 1 ? m.validate_likes_people_label : m.validate_likes_label)({ n: number(n), m: number(most) });
}
/** On hover: with the interval, where the likes are of one person. */
export function likes_title(column: Pick<Column, "likes" | "likes_low" | "likes_high"> | undefined, most: number, n_raters = 0): string {
	const label = likes_label(column?.likes ?? 0, most, n_raters);
	if (column?.likes_low === undefined || column.likes_high === undefined) return label;
	return m.validate_likes_interval({ likes: label, low: number(Math.round(column.likes_low * 100)), high: percent(column.likes_high) });
}
