// SPDX-License-Identifier: Apache-2.0
import { test as base, expect, type Locator, type Page } from "@playwright/test";

export { expect };

/** A test fails when the page logs an error (a broken policy is one), opens a dialog of the browser, or asks another origin. */
export const test = base.extend<{ refusals: number; watched: void }>({
	/** How many refusals of the server a test provokes; the browser logs each of them. */
	refusals: [0, { option: true }],
	watched: [async ({ page, refusals }, use) => {
		const wrong: string[] = [];
		const origin = server();
		page.on("console", (message) => { if (message.type() === "error") wrong.push(`console: ${message.text()}`); });
		page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
		page.on("dialog", (dialog) => { wrong.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
		page.on("request", (request) => { if (!/^(blob:|data:)/.test(request.url()) && !request.url().startsWith(origin)) wrong.push(`request: ${request.url()}`); });
		await use();
		const refused = wrong.filter((line) => line.startsWith("console: Failed to load resource"));
		expect(refused.length).toBe(refusals);
		expect(wrong.filter((line) => !refused.includes(line))).toEqual([]);
	}, { auto: true }],
});

export function server(): string {
	return process.env.ASSAY_URL ?? "";
}

/** Opens the draft with short answers and without questions. */
export async function open_empty(page: Page, max_tokens = 16): Promise<void> {
	await page.goto(`${server()}/validate`);
	await expect(page.getByRole("row")).not.toHaveCount(1); // the server's questions were proposed
	await page.getByRole("button", { name: "Reset" }).click();
	await expect(page.getByRole("row")).toHaveCount(1);
	const field = page.getByLabel("Max tokens");
	await field.fill(String(max_tokens));
	await field.blur();
}

export const box = (page: Page): Locator => page.getByRole("textbox", { name: "Question", exact: true });
export const cell = (page: Page, line: number, column: number): Locator => page.locator(`[data-cell="${line}:${column}"]`);

/** Asks and waits until every answer is complete. */
export async function ask(page: Page, ...questions: string[]): Promise<void> {
	for (const question of questions) {
		await box(page).fill(question);
		await box(page).press("Enter");
	}
	await page.getByRole("button", { name: "Submit" }).click();
	await done(page);
}
export async function done(page: Page): Promise<void> {
	await expect(page).toHaveURL(/\/validate\/\d+$/);
	await expect(page.getByRole("button", { name: "Download" })).toBeVisible({ timeout: 90_000 });
}
/** Drops files on the page, by name. */
export async function drop_all(page: Page, files: Record<string, string>): Promise<void> {
	await page.evaluate((given) => {
		const data = new DataTransfer();
		for (const [name, text] of Object.entries(given)) data.items.add(new File([text], name));
		document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
	}, files);
}
export async function drop(page: Page, name: string, text: string): Promise<void> {
	await drop_all(page, { [name]: text });
}
