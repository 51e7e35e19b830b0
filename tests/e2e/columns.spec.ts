// SPDX-License-Identifier: Apache-2.0
// The columns of Validate: what their menus do, how wide they are, and what stays in sight where they are wider than the window.
import type { Locator, Page } from "@playwright/test";
import { ask, cell, expect, open_empty, test } from "./page";
import { call } from "./setup";

const PLUS = 1;
const heads = (page: Page): Locator => page.getByRole("columnheader");
const models = (page: Page): Locator => page.locator('[role="columnheader"] .model');
const menu_of = (page: Page, place: number): Locator => page.getByRole("button", { name: /^Actions for this column/ }).nth(place);
const edge_of = (page: Page, place: number): Locator => page.getByRole("separator", { name: /^Width of column/ }).nth(place + 1);
const question_edge = (page: Page): Locator => page.getByRole("separator", { name: "Width of column Question" });
const own = (page: Page): Locator => page.getByRole("button", { name: "own settings", exact: true });

async function pick(page: Page, place: number, item: string): Promise<void> {
	await menu_of(page, place).click();
	await page.getByRole("menuitem", { name: item }).click();
}
async function box_of(locator: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
	const found = await locator.boundingBox();
	if (!found) throw new Error("not drawn");
	return found;
}
async function width_of(locator: Locator): Promise<number> {
	return Math.round((await box_of(locator)).width);
}

test("a column is doubled, gets settings of its own, hands them to all, and is removed", async ({ page }) => {
	await open_empty(page);
	await expect(heads(page)).toHaveCount(1 + 2 + PLUS);
	const [base = "", epoch = ""] = await models(page).allInnerTexts();
	await pick(page, 0, "Duplicate");
	expect(await models(page).allInnerTexts()).toEqual([base, base, epoch]);

	await pick(page, 1, "Own settings for this column");
	const dialog = page.getByRole("dialog", { name: `Settings of ${base}` });
	await expect(dialog.getByLabel("Max tokens")).toHaveValue("16");
	await dialog.getByLabel("Max tokens").fill("8");
	await dialog.getByLabel("System prompt").fill("You are a pirate.");
	await dialog.getByRole("button", { name: "Cancel" }).click();
	await expect(own(page)).toHaveCount(0);
	await pick(page, 1, "Own settings for this column");
	await dialog.getByLabel("Max tokens").fill("8");
	await dialog.getByLabel("System prompt").fill("You are a pirate.");
	await dialog.getByRole("button", { name: "Save" }).click();
	await expect(heads(page).nth(2).getByRole("button", { name: "own settings" })).toBeVisible();
	await expect(own(page)).toHaveCount(1);

	await pick(page, 1, "Copy settings to all columns");
	await expect(own(page)).toHaveCount(3);
	await pick(page, 0, "Use the shared settings");
	await expect(own(page)).toHaveCount(2);
	await expect(heads(page).nth(1).getByRole("button", { name: "own settings" })).toHaveCount(0);

	// The settings of two columns that were copied are two: one changes alone.
	await own(page).first().click();
	await dialog.getByLabel("System prompt").fill("You are a poet.");
	await dialog.getByRole("button", { name: "Save" }).click();
	await ask(page, "Who are you?");
	const { columns } = (await call(page, "GET", `/runs/${page.url().split("/").pop()}`)) as { columns: { own_params: boolean; params: { system?: string; max_tokens: number } }[] };
	expect(columns.map(({ own_params, params }) => [own_params, params.system ?? "", params.max_tokens])).toEqual([[false, "", 16], [true, "You are a poet.", 8], [true, "You are a pirate.", 8]]);
	await cell(page, 0, 1).hover();
	await cell(page, 0, 1).getByRole("button", { name: "Prompt actually sent" }).click();
	await expect(page.getByRole("dialog")).toContainText("You are a poet.");
	await page.keyboard.press("Escape");

	await pick(page, 1, "Remove column");
	expect(await models(page).allInnerTexts()).toEqual([base, epoch]);
	await pick(page, 0, "Remove column");
	expect(await models(page).allInnerTexts()).toEqual([epoch]);
	await menu_of(page, 0).click();
	await expect(page.getByRole("menuitem", { name: "Remove column" })).toBeDisabled();
	await expect(page.getByRole("menuitem", { name: "Copy settings to all columns" })).toBeDisabled();
});

test("the menu of a column is worked with keys, and there is none where names are hidden", async ({ page }) => {
	await open_empty(page);
	await menu_of(page, 1).focus();
	await page.keyboard.press("Enter");
	await expect(page.getByRole("menuitem", { name: "Own settings for this column" })).toBeFocused();
	await page.keyboard.press("d");
	await expect(page.getByRole("menuitem", { name: "Duplicate" })).toBeFocused();
	await page.keyboard.press("ArrowDown");
	await expect(page.getByRole("menuitem", { name: "Remove column" })).toBeFocused();
	await page.keyboard.press("Escape");
	await expect(menu_of(page, 1)).toBeFocused();
	await page.keyboard.press("Enter"); // at once: a menu that is closing does not take the key
	await expect(page.getByRole("menuitem", { name: "Own settings for this column" })).toBeFocused();
	await page.keyboard.press("d");
	await expect(page.getByRole("menuitem", { name: "Duplicate" })).toBeFocused();
	await page.keyboard.press("Enter");
	await expect(models(page)).toHaveCount(3);
	await page.getByLabel("Hide model names").check();
	await expect(heads(page).nth(3)).toHaveText("C");
	await expect(menu_of(page, 0)).toHaveCount(0);
});

test("columns are made wider and narrower by hand and with keys, never under 320 pixels", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?");
	const [first, second] = [heads(page).nth(1), heads(page).nth(2)];
	const drag = async (edge: Locator, by: number): Promise<void> => {
		const { x, y, width, height } = await box_of(edge);
		await page.mouse.move(x + width / 2, y + height / 2);
		await page.mouse.down();
		await page.mouse.move(x + width / 2 + by, y + height / 2, { steps: 4 });
		await page.mouse.up();
	};
	const before = await width_of(first);
	expect(Math.abs(before - (await width_of(second)))).toBeLessThanOrEqual(1); // they share what is there
	await drag(edge_of(page, 0), -80);
	expect(await width_of(first)).toBe(before - 80);
	expect(await width_of(cell(page, 0, 0))).toBe(before - 80);
	expect(await width_of(second)).toBeGreaterThan(before); // the other one takes what was left
	await drag(edge_of(page, 0), -1000);
	expect(await width_of(first)).toBe(320);
	await drag(edge_of(page, 0), 30);
	expect(await width_of(first)).toBe(350);

	await edge_of(page, 0).focus();
	await page.keyboard.press("ArrowRight");
	expect(await width_of(first)).toBe(374);
	await expect(edge_of(page, 0)).toHaveAttribute("aria-valuenow", "374");
	for (let n = 0; n < 5; n++) await page.keyboard.press("ArrowLeft");
	expect(await width_of(first)).toBe(320);
	expect(await width_of(cell(page, 0, 0))).toBe(320);

	const question = page.getByRole("rowheader").first();
	await drag(question_edge(page), 100);
	expect(await width_of(question)).toBe(360);
	await drag(question_edge(page), -900);
	expect(await width_of(question)).toBe(160);
	await question_edge(page).focus();
	await page.keyboard.press("ArrowRight");
	expect(await width_of(question)).toBe(184);
	await page.reload(); // how wide everything is is kept
	await expect(question).toContainText("Kestrel");
	expect(await width_of(question)).toBe(184);
	expect(await width_of(first)).toBe(320);
});

test("where the columns are wider than the window, the question stays in sight and so does what has the focus", async ({ page }) => {
	await open_empty(page);
	await pick(page, 1, "Duplicate");
	await pick(page, 1, "Duplicate");
	await page.setViewportSize({ width: 1120, height: 620 });
	await ask(page, "One?", "Two?", "Three?", "Four?", "Five?");
	const grid = page.getByRole("grid");
	for (const place of [1, 2, 3, 4]) expect(await width_of(heads(page).nth(place))).toBeGreaterThanOrEqual(320);
	expect(await grid.evaluate((table) => table.scrollWidth > table.clientWidth)).toBe(true);
	const { x: left } = await box_of(grid);
	const question = page.getByRole("rowheader").first();
	const stays = async (): Promise<void> => {
		for (const one of [question, heads(page).first()]) {
			expect((await box_of(one)).x).toBe(left);
			// Nothing lies over it.
			expect(await one.evaluate((element) => {
				const { x, y, width } = element.getBoundingClientRect();
				return [4, width - 12].every((at) => element.contains(document.elementFromPoint(x + at, y + 12)));
			})).toBe(true);
		}
	};
	await stays();
	await grid.evaluate((table) => table.scrollTo(table.scrollWidth, 0));
	await expect(heads(page).nth(4)).toBeInViewport({ ratio: 1 });
	await expect(cell(page, 0, 0)).not.toBeInViewport();
	await stays();

	// Heads stay above their answers, down there too.
	await grid.evaluate((table) => table.scrollTo(table.scrollWidth, table.scrollHeight));
	await expect(cell(page, 4, 3)).toBeInViewport();
	await expect(heads(page).nth(4)).toBeInViewport({ ratio: 1 });
	expect((await box_of(heads(page).nth(4))).x).toBe((await box_of(cell(page, 4, 3))).x);

	// Whoever walks with the keys sees where they are: beside the question and below the heads.
	await cell(page, 4, 3).focus();
	for (const key of ["ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp"]) {
		await page.keyboard.press(key);
		const place = await box_of(page.locator("[data-cell]:focus"));
		const [beside, below] = [await box_of(question), await box_of(heads(page).first())];
		expect(place.x).toBeGreaterThanOrEqual(beside.x + beside.width - 1);
		expect(place.y).toBeGreaterThanOrEqual(below.y + below.height - 1);
	}
	await expect(cell(page, 0, 0)).toBeFocused();
});
