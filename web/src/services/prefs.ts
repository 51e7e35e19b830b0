// SPDX-License-Identifier: Apache-2.0
// What this browser remembers. Storage can be full, blocked or edited by hand: then the fallback counts.

/** The stored value under `assay.NAME`, or `fallback` where there is none that `accept` takes. */
export function load<T>(name: string, fallback: T, accept: (value: unknown) => value is T): T {
	try {
		const text = localStorage.getItem(`assay.${name}`);
		const value: unknown = text === null ? undefined : JSON.parse(text);
		return accept(value) ? value : fallback;
	} catch {
		return fallback;
	}
}

export function store(name: string, value: unknown): void {
	try {
		localStorage.setItem(`assay.${name}`, JSON.stringify(value));
	} catch {
		// Nothing depends on it: the choice lasts as long as the tab.
	}
}

export const is_string = (value: unknown): value is string => typeof value === "string";
export const is_object = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);
