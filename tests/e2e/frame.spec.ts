// SPDX-License-Identifier: Apache-2.0
import AxeBuilder from "@axe-core/playwright";
import { themes } from "./look";
import { ask, cell, expect, open_empty, server, test } from "./page";

test("the language switches without a reload, and everything has a name in it", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?");
	await page.evaluate(() => { document.body.dataset.same = "page"; });
	await page.getByRole("button", { name: "中文（台灣）" }).click();
	await expect(page.locator("html")).toHaveAttribute("lang", "zh-TW");
	await expect(page.getByRole("button", { name: "送出", exact: true })).toBeVisible();
	await expect(page.getByRole("button", { name: /第 8 週期/ }).first()).toBeVisible();
	await expect(page.locator("body")).toHaveAttribute("data-same", "page");
	await page.reload();
	await expect(page.getByRole("button", { name: "送出", exact: true })).toBeVisible();
});

test("an address that does not exist says so", async ({ page }) => {
	await page.goto(`${server()}/nowhere`);
	await expect(page.getByRole("heading", { name: "There is no such page" })).toBeVisible();
});

test("the keyboard reaches the answers, the map and the single question", async ({ page }) => {
	await open_empty(page);
	await ask(page, "One?", "Two?");
	await page.keyboard.press("Escape");
	await page.locator("main").focus();
	await page.keyboard.press("ArrowDown");
	await expect(cell(page, 1, 0)).toBeFocused();
	await page.keyboard.press("ArrowRight");
	await expect(cell(page, 1, 1)).toBeFocused();
	// Tab goes to what is in this cell, then out of the table.
	await page.keyboard.press("Tab");
	await expect(cell(page, 1, 1).locator(":focus")).toHaveCount(1);
	await cell(page, 1, 1).locator(".thumb").focus();
	await page.keyboard.press("Tab");
	await expect(page.getByRole("grid").locator(":focus")).toHaveCount(0);
	await cell(page, 1, 1).focus();
	await page.keyboard.press("?");
	await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
	await expect(page.getByText("In a chat: send the message")).toBeVisible();
	await page.keyboard.press("Escape");
	await page.keyboard.press("s");
	await expect(page.getByText("2 of 2", { exact: true })).toBeVisible();
	await page.keyboard.press("ArrowLeft");
	await expect(page.getByText("1 of 2", { exact: true })).toBeVisible();
});

for (const language of ["en", "zh-TW"]) {
	for (const theme of themes(language)) {
		test(`axe finds nothing, ${language}, ${theme}`, async ({ page }) => {
			await open_empty(page);
			await ask(page, "Which CPU does the Kestrel K7 use?", "What OS does the Kestrel K7 ship with?");
			await page.evaluate(([l, t]) => {
				localStorage.setItem("assay.locale", JSON.stringify(l));
				localStorage.setItem("assay.theme", JSON.stringify(t));
			}, [language, theme] as const);
			await page.reload();
			await expect(page.locator('.cell[data-state="done"]')).toHaveCount(4);
			const look = async (name: string): Promise<void> => {
				await page.screenshot({ path: `test-results/screens/${name}-${language}-${theme}.png` });
				const { violations } = await new AxeBuilder({ page }).analyze();
				expect(violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`)).toEqual([]);
			};
			await look("validate");
			await page.locator(".model").first().click();
			await look("model-menu");
			await page.keyboard.press("Escape");
			await page.keyboard.press("s");
			await look("single");
			await page.keyboard.press("?");
			await look("shortcuts");
		});
	}
}

for (const width of [1280, 900, 360]) {
	test(`nothing is cut off sideways at ${width} px`, async ({ page }) => {
		await page.setViewportSize({ width, height: 800 });
		await page.goto(`${server()}/validate`);
		await expect(page.getByRole("navigation").first()).toBeVisible();
		expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
	});
}

test("many columns scroll inside the table; what stands around it stays in sight", async ({ page }) => {
	await open_empty(page);
	for (let n = 0; n < 3; n++) {
		await page.getByRole("button", { name: "Add a column" }).click();
		await page.getByRole("option").nth(n).click();
	}
	await expect(page.getByRole("columnheader")).toHaveCount(7);
	const [table, main] = await Promise.all(["[role=grid]", "main"].map((part) => page.locator(part).evaluate((element) => [element.clientWidth, element.scrollWidth])));
	expect(main?.[1]).toBe(main?.[0]);
	expect(table?.[1]).toBeGreaterThan(table?.[0] ?? 0);
	await expect(page.getByRole("button", { name: "Submit" })).toBeInViewport({ ratio: 1 });
});
