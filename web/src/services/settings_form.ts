// SPDX-License-Identifier: Apache-2.0
// What is typed into the settings, as the server takes it.

export const THREADS_MAX = 1024;
export const LAYERS_MAX = 100_000;

/** A whole number within [min, max], or null for anything else that was typed. */
export function whole(text: string, min: number, max: number): number | null {
	if (!/^\s*\d+\s*$/.test(text)) return null;
	const value = Number(text);
	return value >= min && value <= max ? value : null;
}

export type GpuChoice = "auto" | "none" | "number";

export function gpu_choice(layers: number | undefined): GpuChoice {
	if (layers === undefined || layers < 0) return "auto";
	return layers === 0 ? "none" : "number";
}

/** The number of layers that a choice stands for; `count` is what was typed for "number". */
export function gpu_layers(choice: GpuChoice, count: number): number {
	if (choice === "auto") return -1;
	return choice === "none" ? 0 : count;
}
