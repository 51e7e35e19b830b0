// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { set_pages } from "./set_pages.svelte";

afterEach(() => vi.unstubAllGlobals());

test("questions of a set are fetched once, by the hundred, where they are looked at", async () => {
	const asked: string[] = [];
	vi.stubGlobal("fetch", async (url: string) => {
		asked.push(url);
		return new Response(JSON.stringify({ total: 300, questions: Array.from({ length: 100 }, (_, i) => ({ text: `q${100 + i}` })) }));
	});
	expect(set_pages.get(5, 142)).toBeUndefined();
	expect(set_pages.get(5, 143)).toBeUndefined();
	await vi.waitFor(() => expect(set_pages.get(5, 142)?.text).toBe("q142"));
	expect(asked).toEqual(["/api/v1/question-sets/5?order=conversation&offset=100&limit=100"]);
});
