// SPDX-License-Identifier: Apache-2.0
// Where the models in the list come from: the folders and files behind them, with what was found in each.
import type { Family, Model, ModelList } from "../types";
import { family_folder } from "./family_folder";

export interface Place {
	path: string;
	families: Family[];
	/** Models that stand alone. */
	models: Model[];
	/** What lies there and cannot be used. */
	refusals: ModelList["refusals"];
	/** Something new may be found there: not where another program keeps files without names. */
	can_look: boolean;
	/** What adapters found there are added to, as those that are there already; null: as they say themselves. */
	base: number | null;
}

const NAMELESS = /\/blobs\/sha256-[0-9a-f]+$/;
const parent = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";
/** A Hugging Face folder is a place of its own, a file lies in one. */
const folder = ({ path }: Model): string => (/\.gguf$/i.test(path) || NAMELESS.test(path) ? parent(path) : path);
const is_in = (path: string, place: string): boolean => path === place || path.startsWith(place === "/" ? place : `${place}/`);

/** By path. `made` are ids of files that assay made: they have a list of their own, and so have models of providers. */
export function places(list: ModelList, made: ReadonlySet<number>): Place[] {
	const all = new Map<string, Place>();
	const at = (path: string): Place => {
		const place = all.get(path) ?? { path, families: [], models: [], refusals: [], can_look: true, base: null };
		all.set(path, place);
		return place;
	};
	for (const family of list.families) at(family_folder(family)).families.push(family);
	for (const model of list.models) if (model.kind !== "remote" && !made.has(model.id)) at(folder(model)).models.push(model);
	const known = [...all.keys()].sort((a, b) => b.length - a.length);
	for (const refusal of list.refusals) at(known.find((path) => is_in(refusal.path, path)) ?? refusal.path).refusals.push(refusal);
	return [...all.values()].map(settle).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** One file alone is what was added, not all that lies beside it. */
function settle(place: Place): Place {
	const { families, models, refusals } = place;
	const [file] = models;
	const [family] = families;
	const is_file = models.length === 1 && !families.length && !refusals.length;
	return {
		...place,
		path: is_file && file ? file.path : place.path,
		can_look: !models.some((model) => NAMELESS.test(model.path)),
		base: families.length === 1 && !models.length && family?.path === place.path ? (family.base_model_id ?? null) : null,
	};
}

/** How many things of a place cannot be used. */
export function n_unusable({ families, models, refusals }: Place): number {
	return [...models, ...families.flatMap((family) => family.checkpoints)].filter((model) => model.problem).length + refusals.length;
}
