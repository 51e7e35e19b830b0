// SPDX-License-Identifier: Apache-2.0
import type { Run } from "../types";

/** How many likes a column could have: of every rater, one for each question. */
export function most_likes(run: Run | null | undefined): number {
	return (run?.n_questions ?? 0) * Math.max(1, run?.n_raters ?? 0);
}
