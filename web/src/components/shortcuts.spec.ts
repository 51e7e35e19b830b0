// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test } from "vitest";
import { locale } from "../stores/locale.svelte";
import Shortcuts from "./Shortcuts.svelte";

afterEach(() => locale.set("en"));

for (const [language, text] of [["en", "One question a page: previous or next question"], ["zh-TW", "單題檢視中：上一題或下一題"]] as const) {
	test(`the map names the arrows that step between questions, ${language}`, async () => {
		locale.set(language);
		const shown = mount(Shortcuts, { target: document.body, props: { onclose: () => undefined } });
		flushSync();
		const line = [...document.querySelectorAll("dd")].find((one) => one.textContent === text);
		expect(line?.previousElementSibling?.textContent).toBe("←→");
		await unmount(shown);
	});
}
