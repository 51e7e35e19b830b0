// SPDX-License-Identifier: Apache-2.0
// Models that other programs keep: which of them can be added, and adding them.
import type { FoundModel } from "../types";
import { api } from "./api";

/** Can be chosen: it is usable, and not in the list yet. */
export function can_add(find: FoundModel): boolean {
	return !find.problem && !find.added;
}

/** What tells finds apart: one folder may hold several. */
export function find_key(find: FoundModel): string {
	return `${find.path}\n${find.name}`;
}

/** Adds what was chosen, one after another. `step` is told before each; the first failure ends it and is thrown. */
export async function add_found(finds: FoundModel[], step: (n: number, total: number) => void): Promise<number> {
	const paths = [...new Set(finds.map((find) => find.path))];
	for (const [at, path] of paths.entries()) {
		step(at + 1, paths.length);
		await api.add_models({ path });
	}
	return finds.length;
}
