// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Params } from "../../types";
import type { Viewing, ViewingColumn } from "./api";
import { settings_of } from "./settings";

const column = (label: string, params: Params, own_template = false): ViewingColumn =>
	({ label, epoch: null, own_template, params, n_done: 0, n_failed: 0, n_total: 0, likes: 0, rated: 0, n_wins: 0, n_losses: 0, win_rate: null, low: null, high: null });
const shown = (columns: ViewingColumn[]): Record<string, string> =>
	Object.fromEntries(settings_of({ columns, mode: "fast", seed: 7 } as Viewing).map((row) => [row.name, row.values.map(({ of, text }) => (of ? `${of}=${text}` : text)).join(", ")]));
const USUAL: Params = { max_tokens: 256, temperature: 0, top_p: 0.95, top_k: 40, min_p: 0, repeat_penalty: 1, system: "", template: "", thinking: false, stop: [], num_ctx: 0, weights: "stored" };

test("what was the same for all stands once, and what is usual is left out", () => {
	expect(shown([column("a", USUAL), column("b", USUAL)])).toEqual({ "Max tokens": "256", Temperature: "0", "Top-p": "0.95", Mode: "Fast", "Random seed": "7" });
});
test("what differs is told by model", () => {
	const all = shown([column("a", USUAL), column("b", { ...USUAL, temperature: 0.7, system: "Be brief.", stop: ["\n"], weights: "q8_0", thinking: true }, true)]);
	expect(all).toMatchObject({
		Temperature: "a=0, b=0.7", "System prompt": "a=not set, b=Be brief.", "Stop texts": "a=not set, b=\\n", Thinking: "a=off, b=on",
		"Weights in use": "a=as stored, b=8-bit (Q8_0)", "Chat template": "a=the model's own, b=not the model's own",
	});
});
