// SPDX-License-Identifier: Apache-2.0
// What the model menu lists, in its order: base models, fine-tuned models with their epochs, files that assay made, and each provider's models.
import { m } from "../messages/messages.js";
import type { Artifact, Model, ModelList, Provider } from "../types";
import { bytes, epoch_number, number } from "./format";

export interface Entry { model: Model; title: string; note: string }
export interface Group { id: string; name: string; entries: Entry[] }

const loss = (model: Model): string => (model.eval_loss == null ? "" : m.common_eval_loss({ n: number(model.eval_loss, 2) }));

/** Groups without entries are left out. Each word of `search` must stand in an entry's names. */
export function model_groups(list: ModelList, artifacts: Artifact[], providers: Provider[], search: string): Group[] {
	const wanted = search.trim().toLowerCase().split(/\s+/).filter(Boolean);
	const fits = (text: string): boolean => wanted.every((word) => text.toLowerCase().includes(word));
	const made = new Map(artifacts.map((artifact) => [artifact.model_id, artifact]));
	const group = (id: string, name: string, models: Model[], entry: (model: Model) => Entry): Group =>
		({ id, name, entries: models.map(entry).filter((one) => fits(`${name} ${one.title} ${one.note} ${one.model.name}`)) });
	const local = list.models.filter((model) => model.kind !== "remote");
	const remote = list.models.filter((model) => model.kind === "remote");
	const sized = (model: Model): Entry => ({ model, title: model.name, note: bytes(model.size_bytes) });
	return [
		group("bases", m.validate_base_models(), local.filter((model) => !made.has(model.id)), sized),
		...list.families.map((family) => group(`family ${family.id}`, family.name, family.checkpoints,
			(model) => ({ model, title: model.epoch == null ? model.name : m.common_epoch({ n: epoch_number(model.epoch) }), note: loss(model) }))),
		group("made", m.artifacts_title(), local.filter((model) => made.has(model.id)), (model) => ({ ...sized(model), note: made.get(model.id)?.origin.label ?? "" })),
		...[...new Set(remote.map((model) => model.provider_id ?? 0))].map((id) => group(`provider ${id}`,
			providers.find((provider) => provider.id === id)?.name ?? m.frame_providers(), remote.filter((model) => (model.provider_id ?? 0) === id),
			(model) => ({ model, title: model.name, note: "" }))),
	].filter(({ entries }) => entries.length);
}
