// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import Computing from "./Computing.svelte";

afterEach(() => vi.unstubAllGlobals());

test("what is wrong with a number stands before its note as a sentence of its own", async () => {
	vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ n_threads: -1, n_gpu_layers: 16 })));
	const shown = mount(Computing, { target: document.body });
	await vi.waitFor(() => expect(document.body.querySelectorAll("input")).toHaveLength(2));
	const [threads, layers] = document.body.querySelectorAll("input");
	for (const field of [threads, layers]) {
		if (field) field.value = "-1";
		field?.dispatchEvent(new Event("input", { bubbles: true }));
	}
	flushSync();
	const notes = [...document.body.querySelectorAll("p[id]")].map((note) => note.textContent);
	expect(notes[0]).toMatch(/^Between 0 and 1024\. 0 chooses /);
	expect(notes[1]).toMatch(/^Between 1 and \d+\. A model consists /);
	await unmount(shown);
});
