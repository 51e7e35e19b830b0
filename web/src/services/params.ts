// SPDX-License-Identifier: Apache-2.0
// Settings of answers: what is usual, what a model brings along, and stop texts as one writes them.
import type { ChatTemplate, Params } from "../types";

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
