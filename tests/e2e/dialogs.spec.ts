// SPDX-License-Identifier: Apache-2.0
// Everything that opens over a page, looked at in both themes, in one language each.
import type { Page } from "@playwright/test";
import { look_at } from "./look";
import { ask, cell, drop, expect, open_empty, server, test } from "./page";

const LOOKS = [
	{ language: "en", theme: "light", advanced: "Advanced", own: "Own settings for this column", hide: "Hide model names", reveal: "Reveal", prompt: "Prompt actually sent", actions: /^Actions for/, remove: "Delete" },
	{ language: "zh-TW", theme: "dark", advanced: "進階", own: "這一欄另外設定", hide: "隱藏模型名稱", reveal: "揭曉", prompt: "實際送出的提示詞", actions: /動作/, remove: "刪除" },
] as const;

for (const { language, theme, ...name } of LOOKS) {
	test(`axe finds nothing in what opens over a page, ${language}, ${theme}`, async ({ page }) => {
		await open_empty(page);
		await ask(page, "Which CPU does the Kestrel K7 use?");
		const look = (what: string): Promise<void> => look_at(page, `${what}-${language}-${theme}`);
		await look_at(page, `done-${language}-${theme}`, { language, theme });
		await expect(page.locator("html")).toHaveAttribute("lang", language);

		await page.getByRole("button", { name: name.advanced }).click();
		await look("advanced");
		await page.keyboard.press("Escape");

		const menu = page.getByRole("columnheader").nth(2).locator(".menu button").first();
		const before = await menu.boundingBox();
		await menu.click();
		expect(await menu.boundingBox()).toEqual(before);
		await look("column-menu");
		await page.getByRole("menuitem", { name: name.own }).click();
		await expect(page.getByRole("dialog").getByRole("textbox").first()).toBeFocused();
		await look("own-settings");
		await page.keyboard.press("Escape");

		await cell(page, 0, 0).hover();
		await cell(page, 0, 0).getByRole("button", { name: name.prompt }).click();
		await expect(page.getByRole("dialog")).toContainText("<|im_start|>user");
		await look("prompt");
		await page.keyboard.press("Escape");

		await paste(page);
		await expect(page.getByRole("dialog").locator(".primary")).toBeFocused();
		await look("paste");
		await page.keyboard.press("Escape");

		await drop(page, "questions.jsonl", '{"question": "One?", "answer": "1"}\n{"question": "Two?"}\n{ not json\n{"question": ""}\n');
		await expect(page.getByRole("dialog").getByRole("cell", { name: "Two?" })).toBeVisible();
		await look("upload");
		await page.keyboard.press("Escape");
		await expect(page.getByRole("dialog")).toHaveCount(0);

		await page.getByLabel(name.hide).check();
		await expect(page.locator(".letter")).toHaveText(["A", "B"]);
		await look("hidden-names");
		await page.getByRole("button", { name: name.reveal }).click();
		await expect(page.getByRole("dialog").getByRole("row")).toHaveCount(2);
		await look("tally");

		await page.goto(`${server()}/results`);
		await page.getByRole("button", { name: name.actions }).first().click();
		await look("results-menu");
		await page.getByRole("menuitem", { name: name.remove }).click();
		await look("delete");
	});
}

async function paste(page: Page): Promise<void> {
	await page.locator("form.box textarea").evaluate((element) => {
		const data = new DataTransfer();
		data.setData("text/plain", "Which ports does it have?\nHow heavy is it?\n");
		element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
	});
}
