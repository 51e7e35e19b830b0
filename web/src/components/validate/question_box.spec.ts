// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { expect, test } from "vitest";
import QuestionBox from "./QuestionBox.svelte";

test("many pasted lines are counted as people write numbers", async () => {
	const shown = mount(QuestionBox, { target: document.body, props: { onfiles: () => undefined } });
	flushSync();
	const lines = Array.from({ length: 1200 }, (_, n) => `Question ${n}?`).join("\n");
	const event = Object.assign(new Event("paste", { bubbles: true, cancelable: true }), { clipboardData: { getData: () => lines } });
	document.querySelector("textarea")?.dispatchEvent(event);
	flushSync();
	expect(document.querySelector("dialog p")?.textContent).toContain("1,200 lines");
	expect(document.querySelector("dialog .primary")?.textContent).toContain("As 1,200 questions");
	await unmount(shown);
});
