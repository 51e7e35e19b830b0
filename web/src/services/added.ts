// SPDX-License-Identifier: Apache-2.0
// What adding a path brought, in the words of the page.
import { m } from "../messages/messages.js";
import type { ModelList, Reply } from "../types";
import { api } from "./api";

export interface Added { path: string; names: string[]; refusals: ModelList["refusals"] }

/** "Kestrel bot: 4 epochs". */
export const with_epochs = (name: string, n: number): string => (n === 1 ? m.models_added_family_one({ name }) : m.models_added_family({ name, n }));

/** Names of what a scan found, families with their number of epochs, in `list` (fetched after the scan). */
export function added(path: string, scan: Reply<"addModels">, list: ModelList): Added {
	const ids = new Set(scan.model_ids);
	const names: string[] = [];
	for (const model of list.models) if (ids.has(model.id)) names.push(model.name);
	for (const family of list.families) {
		const n = family.checkpoints.filter((model) => ids.has(model.id)).length;
		if (n) names.push(with_epochs(family.name, n));
	}
	return { path, names, refusals: scan.refusals };
}

/** Adds `path` and returns the one base model in it; null where there is none or more than one. */
export async function only_base(path: string): Promise<number | null> {
	const scan = await api.add_models({ path });
	const list = await api.models();
	const ids = new Set(scan.model_ids);
	const bases = list.models.filter((model) => ids.has(model.id) && (model.kind === "base" || model.kind === "full"));
	return bases.length === 1 ? (bases[0]?.id ?? null) : null;
}
