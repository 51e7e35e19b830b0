// SPDX-License-Identifier: Apache-2.0
// The settings that models were asked with, as people read them: one value where it was the same for all.
import { m } from "../../messages/messages.js";
import { model_label } from "../../services/format";
import { is_usual, SETTINGS, stops_shown, type Setting } from "../../services/params";
import type { Viewing, ViewingColumn } from "./api";

export interface Row { name: string; values: { of: string; text: string }[] }

/** Always told; the others where somebody chose them. */
const TOLD: Setting[] = ["max_tokens", "temperature", "top_p"];

function text_of(column: ViewingColumn, name: Setting): string {
	const value = column.params[name];
	if (name === "template") return column.own_template ? m.view_template_own() : m.view_template_model();
	if (name === "stop") return stops_shown(column.params.stop);
	if (name === "weights") return value === "q8_0" ? m.core_weights_q8() : m.results_set_stored();
	if (name === "thinking") return value ? m.validate_thinking_on() : m.validate_thinking_off();
	return value === undefined || value === "" || (name === "num_ctx" && value === 0) ? m.results_set_none() : String(value);
}
function is_told(column: ViewingColumn, name: Setting): boolean {
	if (name === "template") return column.own_template;
	if (name === "weights") return column.params.weights === "q8_0";
	return TOLD.includes(name) || !is_usual(name, column.params[name]);
}

export function settings_of({ columns, mode, seed }: Viewing): Row[] {
	const names = (Object.keys(SETTINGS) as Setting[]).filter((name) => columns.some((column) => is_told(column, name)));
	const rows = names.map((name) => {
		const values = columns.map((column) => ({ of: model_label(column.label, column.epoch), text: text_of(column, name) || m.results_set_none() }));
		const is_one = values.every((value) => value.text === values[0]?.text);
		return { name: SETTINGS[name](), values: is_one ? [{ of: "", text: values[0]?.text ?? "" }] : values };
	});
	const whole = (name: string, text: string): Row => ({ name, values: [{ of: "", text }] });
	return [...rows, whole(m.results_set_mode(), mode === "fast" ? m.validate_mode_fast() : m.validate_mode_exact()), whole(m.results_set_seed(), String(seed))];
}
