// SPDX-License-Identifier: Apache-2.0
// Sizes and gaps of models as people say them.
import { m } from "../messages/messages.js";
import { locale } from "../stores/locale.svelte";
import type { Family, Model } from "../types";
import { about, bytes, epoch_number, number } from "./format";

/** 134515008 → "135M", 8030261248 → "8.0B"; nothing for an unknown number. */
export function parameters(count: number | undefined): string {
	if (!count) return "";
	if (count >= 9.95e9) return `${number(count / 1e9)}B`;
	if (count >= 9.995e8) return `${number(count / 1e9, 1)}B`;
	return `${number(Math.max(1, count / 1e6))}M`;
}

/** What the conversion of Hugging Face folders will take; empty where none is one. */
export function conversion(...list: Model[]): string {
	const folders = list.filter((model) => model.format === "huggingface");
	const size = bytes(folders.reduce((sum, model) => sum + model.size_bytes, 0));
	const ms = folders.reduce((sum, model) => sum + (model.convert_ms ?? 0), 0);
	if (!folders.length) return "";
	return ms ? m.models_converts_in({ size, time: about(ms) }) : m.models_converts({ size });
}

/** [3, 5, 6, 7] → "3, 5–7". */
export function ranges(sorted: number[]): string {
	const parts: [number, number][] = [];
	for (const value of sorted) {
		const last = parts.at(-1);
		if (last && value === last[1] + 1) last[1] = value;
		else parts.push([value, value]);
	}
	return parts
		.map(([from, to]) => (from === to ? epoch_number(from) : `${epoch_number(from)}–${epoch_number(to)}`))
		.join(locale.current === "zh-TW" ? "、" : ", ");
}

/** The sentence about epochs that the trainer did not keep; empty where all are here. */
export function missing_sentence(missing: number[] | undefined): string {
	if (!missing?.length) return "";
	const list = ranges(missing);
	return missing.length === 1 ? m.models_missing_one({ n: list }) : m.models_missing_many({ list });
}

/** "Epoch 4" for a checkpoint whose epoch is known, else the name it has on disk. */
export function checkpoint_name(model: Model): string {
	return model.epoch == null ? model.name : m.common_epoch({ n: epoch_number(model.epoch) });
}

/** The checkpoint of the lowest evaluation loss; null where fewer than two were measured. */
export function lowest_eval(family: Family): number | null {
	const measured = family.checkpoints.filter((model) => model.eval_loss != null);
	if (measured.length < 2) return null;
	return measured.reduce((best, model) => ((model.eval_loss ?? 0) < (best.eval_loss ?? 0) ? model : best)).id;
}

/** True where something in the family cannot answer before its base model is chosen. */
export function needs_base(family: Family): boolean {
	return family.base_model_id == null && family.checkpoints.some((model) => model.kind === "adapter");
}
