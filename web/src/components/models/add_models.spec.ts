// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import { typing } from "../../stores/typing.svelte";
import AddModels from "./AddModels.svelte";

afterEach(() => vi.unstubAllGlobals());

test("many files that were not taken are counted as people write numbers", async () => {
	const refusals = Array.from({ length: 1200 }, (_, n) => ({ path: `/m/${n}`, problem: { code: "invalid", message: "It is empty." } }));
	vi.stubGlobal("fetch", async (url: string, init: RequestInit) => new Response(JSON.stringify(
		init.method === "POST" ? { model_ids: [], family_ids: [], refusals } : url.includes("models") ? { models: [], families: [], refusals: [] } : {})));
	typing.set("path", "/m");
	const shown = mount(AddModels, { target: document.body, props: { onhub: () => undefined } });
	flushSync();
	document.querySelector("form")?.dispatchEvent(new SubmitEvent("submit", { bubbles: true, cancelable: true }));
	await vi.waitFor(() => expect(document.querySelector("h3.warn")?.textContent).toBe("1,200 not taken"));
	await unmount(shown);
});
