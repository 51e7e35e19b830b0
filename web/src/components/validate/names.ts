// SPDX-License-Identifier: Apache-2.0
import { m } from "../../messages/messages.js";
import { model_label } from "../../services/format";
import type { DraftColumn } from "../../stores/draft.svelte";
import { models } from "../../stores/models.svelte";
import { validate } from "../../stores/validate.svelte";

/** "Kestrel bot · epoch 4"; the run remembers the name of a model that is no longer here. */
export function column_name(column: DraftColumn): string {
	const asked = column.run_column === null ? undefined : validate.view?.column(column.run_column);
	if (asked) return model_label(asked.label, asked.epoch);
	const model = models.get(column.model_id);
	if (!model) return m.validate_model_missing({ n: column.model_id });
	return model.epoch == null ? models.name(model) : model_label(models.name(model), model.epoch);
}
