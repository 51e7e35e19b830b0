// SPDX-License-Identifier: Apache-2.0
// Settings of answers: what they are called, what is usual, what a model brings along, and stop texts as one writes them.
import { m } from "../messages/messages.js";
import type { ChatTemplate, Params } from "../types";

export type Setting = Exclude<keyof Params, "of_model">;

/** What settings are called. */
export const SETTINGS: Record<Setting, () => string> = {
	max_tokens: m.validate_max_tokens, temperature: m.validate_temperature, top_p: m.validate_top_p, top_k: m.validate_top_k,
	min_p: m.validate_min_p, repeat_penalty: m.validate_repeat_penalty, system: m.validate_system, template: m.results_set_template,
	thinking: m.validate_thinking, stop: m.validate_stop_texts, num_ctx: m.validate_num_ctx, weights: m.models_weights,
};
/** The names of settings in a row. */
export const settings_named = (names: string[]): string => names.map((name) => SETTINGS[name as Setting]()).join(", ");

/** What the server uses where nothing is said (gen_params_default). */
export const DEFAULTS: Params = { max_tokens: 256, temperature: 0, top_p: 0.95, top_k: 40, min_p: 0, repeat_penalty: 1, thinking: false };
const USUAL: Params = { ...DEFAULTS, system: "", template: "", stop: [], num_ctx: 0 };

/** True where a shared setting says nothing, so that what a model brings along stands. */
export const is_usual = (name: keyof Params, value: unknown): boolean => value == null || JSON.stringify(value) === JSON.stringify(USUAL[name]);

/** What columns of this model are asked with where `shared` says nothing: not its sampling, models are compared under the same conditions. */
export function brought(chat: ChatTemplate | undefined, shared: Params): Params {
	if (!chat) return {};
	const all: Params = { stop: chat.stops, num_ctx: chat.num_ctx, system: chat.system };
	return Object.fromEntries(Object.entries(all).filter(([name, value]) => !is_usual(name as keyof Params, value) && is_usual(name as keyof Params, shared[name as keyof Params])));
}

/** One a line; a line break is written \n, a backslash \\. */
export const stops_shown = (stops: string[] | undefined): string => (stops ?? []).map((stop) => stop.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")).join("\n");
export const stops_read = (text: string): string[] =>
	text.split("\n").filter(Boolean).map((line) => line.replace(/\\([n\\])/g, (_, mark) => (mark === "n" ? "\n" : "\\")));
