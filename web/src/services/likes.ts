// SPDX-License-Identifier: Apache-2.0
import { m } from "../messages/messages.js";
import type { Run } from "../types";
import { number } from "./format";

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
