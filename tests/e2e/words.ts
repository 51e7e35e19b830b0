// SPDX-License-Identifier: Apache-2.0
// The page's own sentences, for tests that speak Chinese to it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CHINESE = JSON.parse(readFileSync(fileURLToPath(new URL("../../messages/zh-TW.json", import.meta.url)), "utf8")) as Record<string, string>;

export function zh(key: string, values: Record<string, string> = {}): string {
	const text = CHINESE[key];
	if (text === undefined) throw new Error(`no sentence ${key}`);
	return text.replace(/\{(\w+)\}/g, (hole, name: string) => values[name] ?? hole);
}
