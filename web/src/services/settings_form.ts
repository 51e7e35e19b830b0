// SPDX-License-Identifier: Apache-2.0
// What is typed into the settings, as the server takes it.
import type { Gpu } from "../types";

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

/** Values and labels of the choice of a GPU; one that was chosen and is gone stays in the list. */
export function gpu_devices(gpus: readonly Gpu[], chosen: string, all: string): [string, string][] {
	const list: [string, string][] = [["", all], ...gpus.map((gpu): [string, string] => [gpu.id, `${gpu.name} (${gpu.id})`])];
	return list.some(([id]) => id === chosen) ? list : [...list, [chosen, chosen]];
}

/** "79.6": what is written on the cards counts in powers of ten. */
export function gigabytes(bytes: number): string {
	return (bytes / 1e9).toFixed(1);
}
