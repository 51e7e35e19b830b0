// SPDX-License-Identifier: Apache-2.0
import { m } from "../../messages/messages.js";
import type { Setting } from "../../services/compare";
import { model_label } from "../../services/format";
import type { DraftColumn } from "../../stores/draft.svelte";
import { models } from "../../stores/models.svelte";
import { validate } from "../../stores/validate.svelte";

/** What settings are called. */
export const SETTINGS: Record<Setting, () => string> = {
	max_tokens: m.validate_max_tokens, temperature: m.validate_temperature, top_p: m.validate_top_p, top_k: m.validate_top_k,
	min_p: m.validate_min_p, repeat_penalty: m.validate_repeat_penalty, system: m.validate_system, template: m.results_set_template,
	thinking: m.validate_thinking, stop: m.validate_stop_texts, num_ctx: m.validate_num_ctx, weights: m.models_weights,
};
/** The names of settings in a row. */
export const settings_named = (names: string[]): string => names.map((name) => SETTINGS[name as Setting]()).join(", ");

/** "Kestrel bot · epoch 4"; the run remembers the name of a model that is no longer here. */
export function column_name(column: DraftColumn): string {
	const asked = column.run_column === null ? undefined : validate.view?.column(column.run_column);
	if (asked) return model_label(asked.label, asked.epoch);
	const model = models.get(column.model_id);
	if (!model) return m.validate_model_missing({ n: column.model_id });
	return model.epoch == null ? models.name(model) : model_label(models.name(model), model.epoch);
}
