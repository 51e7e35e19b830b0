// SPDX-License-Identifier: Apache-2.0
// What the model menu lists, in its order: base models, fine-tuned models with their epochs, files that assay made, and each provider's models.
import { m } from "../messages/messages.js";
import type { Artifact, Model, ModelList, Provider } from "../types";
import { bytes, epoch_number, number } from "./format";

/** `rank` says how well it fits the search; 0 is best. */
export interface Entry { model: Model; title: string; note: string; rank: number }
export interface Group { id: string; name: string; entries: Entry[] }

const loss = (model: Model): string => (model.eval_loss == null ? "" : m.common_eval_loss({ n: number(model.eval_loss, 2) }));

const step = (model: Model): string => (model.step == null ? "" : m.models_step({ n: number(model.step) }));

/** Letters and numbers apart: "第4週期" and "第 4 週期" are the same words. */
const words = (text: string): string[] => text.toLowerCase().match(/\p{N}+(?:\.\p{N}+)?|[\p{L}\p{M}]+/gu) ?? text.split(/\s+/).filter(Boolean);

/** 0, 1: `asked` are words of the title, or begin some; 2: with those of the family, or of what a file was made from; 3: they stand somewhere in the path; 4: nowhere. */
function rank_of(asked: string[], title: string, family: string, path: string): number {
	const [own, all, whole] = [words(title), words(`${family} ${title}`), `${family} ${title} ${path}`.toLowerCase()];
	const begin = (given: string[]): boolean => asked.every((word) => given.some((one) => one.startsWith(word)));
	if (asked.every((word) => own.includes(word))) return 0;
	if (begin(own)) return 1;
	if (begin(all)) return 2;
	return asked.every((word) => whole.includes(word)) ? 3 : 4;
}
/** Which entry Enter chooses: the first of those that fit best. */
export const best = (entries: Entry[]): number => entries.findIndex(({ rank }) => rank === Math.min(...entries.map((one) => one.rank)));

/** Groups without entries are left out. What only a path has is listed where no name fits; a loss or a size is no name. */
export function model_groups(list: ModelList, artifacts: Artifact[], providers: Provider[], search: string): Group[] {
	const asked = words(search);
	const made = new Map(artifacts.map((artifact) => [artifact.model_id, artifact]));
	const group = (id: string, name: string, models: Model[], entry: (model: Model) => Omit<Entry, "rank">): Group => ({
		id, name, entries: models.map((model) => {
			const one = entry(model);
			return { ...one, rank: rank_of(asked, one.title, `${name} ${made.get(model.id)?.origin.label ?? ""}`, `${model.name} ${model.path}`) };
		}),
	});
	const local = list.models.filter((model) => model.kind !== "remote");
	const remote = list.models.filter((model) => model.kind === "remote");
	const sized = (model: Model): Omit<Entry, "rank"> => ({ model, title: model.name, note: bytes(model.size_bytes) });
	const groups = [
		group("bases", m.validate_base_models(), local.filter((model) => !made.has(model.id)), sized),
		...list.families.map((family) => group(`family ${family.id}`, family.name, family.checkpoints,
			(model) => ({ model, title: model.epoch == null ? model.name : m.common_epoch({ n: epoch_number(model.epoch) }), note: [step(model), loss(model)].filter(Boolean).join(" · ") }))),
		group("made", m.artifacts_title(), local.filter((model) => made.has(model.id)), (model) => ({ ...sized(model), note: made.get(model.id)?.origin.label ?? "" })),
		...[...new Set(remote.map((model) => model.provider_id ?? 0))].map((id) => group(`provider ${id}`,
			providers.find((provider) => provider.id === id)?.name ?? m.frame_providers(), remote.filter((model) => (model.provider_id ?? 0) === id),
			(model) => ({ model, title: model.name, note: "" }))),
	];
	const limit = groups.some(({ entries }) => entries.some(({ rank }) => rank < 3)) ? 2 : 3;
	return groups.map((one) => ({ ...one, entries: one.entries.filter(({ rank }) => rank <= limit) })).filter(({ entries }) => entries.length);
}
