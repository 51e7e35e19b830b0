// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import Automatic from "./Automatic.svelte";

afterEach(() => vi.unstubAllGlobals());

test("an address without a number says that there is no such automatic validation, and nobody is asked for it", async () => {
	const asked: string[] = [];
	vi.stubGlobal("fetch", async (url: string) => {
		asked.push(url);
		return new Response(JSON.stringify({ selections: [] }));
	});
	const shown = mount(Automatic, { target: document.body, props: { params: { id: "abc" } } });
	flushSync();
	expect(document.body.querySelector("[role=alert]")?.textContent).toContain("There is no automatic validation abc.");
	expect(asked).toEqual(["/api/v1/selections"]);
	await unmount(shown);
});
