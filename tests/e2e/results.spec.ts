// SPDX-License-Identifier: Apache-2.0
import type { Locator, Page } from "@playwright/test";
import { look_at, themes } from "./look";
import { expect, server, test } from "./page";
import { call } from "./setup";

interface Run { id: number; state: string; columns: { id: number }[] }
const QUESTIONS = ["Which CPU does the Kestrel K7 use?", "What OS does the Kestrel K7 ship with?"];

/** Asks the base model and the last epoch, and waits for the answers. */
async function run(page: Page, name: string, questions: string[], params: Record<string, unknown> = {}): Promise<Run> {
	const list = (await call(page, "GET", "/models")) as { models: { id: number }[]; families: { checkpoints: { id: number }[] }[] };
	const columns = [list.models[0]?.id, list.families[0]?.checkpoints.at(-1)?.id].map((model_id) => ({ model_id }));
	const added = (await call(page, "POST", "/runs", { name, columns, questions: questions.map((text) => ({ text })), params: { max_tokens: 12, temperature: 0, ...params } })) as Run;
	await expect.poll(async () => ((await call(page, "GET", `/runs/${added.id}`)) as Run).state, { timeout: 90_000 }).toBe("done");
	return (await call(page, "GET", `/runs/${added.id}`)) as Run;
}
async function like(page: Page, of: Run, column: number): Promise<void> {
	const { questions } = (await call(page, "GET", `/runs/${of.id}/questions`)) as { questions: { cells: { id: number; column_id: number }[] }[] };
	const cell = questions[0]?.cells.find((one) => one.column_id === of.columns[column]?.id);
	await call(page, "PUT", `/cells/${cell?.id}/vote`, { liked: true });
}
const row = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });

test.beforeEach(async ({ page }) => {
	await page.goto(`${server()}/results`);
	await expect(page.getByRole("navigation").first()).toBeVisible();
});

test("the list tells state, size and likes, follows a vote, finds by name, and opens a validation again", async ({ page }) => {
	const first = await run(page, "Heron check", QUESTIONS);
	await expect(row(page, "Heron check")).toContainText("done");
	await expect(row(page, "Heron check")).toContainText("2 questions, 2 models");
	await expect(row(page, "Heron check")).toContainText("none yet");
	await like(page, first, 1);
	await expect(row(page, "Heron check").getByLabel("Likes of Kestrel bot · epoch 8: 1")).toBeVisible();
	await page.getByRole("searchbox", { name: "Search validations" }).fill("no such name");
	await expect(page.getByText("No validation matches this search.")).toBeVisible();
	await page.getByRole("searchbox", { name: "Search validations" }).fill("heron");
	await expect(page.getByRole("row")).toHaveCount(2);
	await page.getByRole("combobox", { name: "State" }).selectOption({ label: "stopped" });
	await expect(page.getByText("No validation matches this search.")).toBeVisible();
	await page.getByRole("button", { name: "Clear the search" }).click();
	await expect(page.getByRole("combobox", { name: "State" })).toHaveValue("");
	await page.getByRole("link", { name: "Heron check" }).click();
	await expect(page).toHaveURL(new RegExp(`/validate/${first.id}$`));
	await page.goBack();
	await expect(row(page, "Heron check")).toBeVisible();
});

test("a validation is renamed, downloaded, and deleted only after a yes", async ({ page }) => {
	await run(page, "Plover check", [QUESTIONS[0] ?? ""]);
	await page.getByRole("button", { name: "Rename Plover check" }).click();
	await page.getByRole("textbox", { name: "Rename Plover check" }).fill("Osprey check");
	await page.keyboard.press("Enter");
	await expect(row(page, "Osprey check")).toBeVisible();
	await page.getByRole("button", { name: "Download Osprey check" }).click();
	const download = page.waitForEvent("download");
	await page.getByRole("menuitem", { name: "CSV for Excel" }).click();
	expect((await download).suggestedFilename()).toMatch(/\.csv$/);
	const ask = async (): Promise<void> => {
		await page.getByRole("button", { name: "Actions for Osprey check" }).click();
		await page.getByRole("menuitem", { name: "Delete" }).click();
	};
	await ask();
	await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
	await expect(row(page, "Osprey check")).toBeVisible();
	await ask();
	await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
	await expect(row(page, "Osprey check")).toHaveCount(0);
});

test.describe("on a phone", () => {
	test.use({ viewport: { width: 390, height: 844 } });
	test("search and state stand in one line above what compares", async ({ page }) => {
		await run(page, "Dunlin check", [QUESTIONS[0] ?? ""]);
		const place = async (what: Locator): Promise<{ y: number; height: number }> => (await what.boundingBox()) ?? { y: -1, height: 0 };
		const search = await place(page.getByRole("searchbox"));
		const state = await place(page.getByRole("combobox", { name: "State" }));
		const compare = await place(page.getByRole("button", { name: "Compare", exact: true }));
		expect(Math.abs(search.y + search.height / 2 - state.y - state.height / 2)).toBeLessThan(4);
		expect(compare.y).toBeGreaterThan(state.y + state.height);
		await look_at(page, "results-390");
	});
});

test("a replay asks the same again, and comparing it with the first is one step", async ({ page }) => {
	const first = await run(page, "Merlin check", QUESTIONS);
	await page.getByRole("button", { name: "Actions for Merlin check" }).click();
	await page.getByRole("menuitem", { name: "Replay" }).click();
	await expect(page.getByText("Merlin check is answered again. Both are chosen for comparing.")).toBeVisible();
	await expect(row(page, "Merlin check")).toHaveCount(2);
	await expect(row(page, "Merlin check").filter({ hasText: "done" })).toHaveCount(2, { timeout: 90_000 });
	await page.getByRole("button", { name: "Compare", exact: true }).click();
	await expect(page).toHaveURL(new RegExp(`/results/compare\\?a=${first.id}&b=${first.id + 1}$`));
	await expect(page.getByText("Questions in both: 2; only in A: 0; only in B: 0.")).toBeVisible();
	await page.getByRole("button", { name: "Show the answers of Kestrel bot · epoch 8" }).click();
	await page.getByRole("checkbox", { name: "Only questions with different answers" }).check();
	await expect(page.getByText("Every answer of this model is the same in both.")).toBeVisible();
});

test("two validations are compared: models matched, answers counted, differences marked, sides swapped", async ({ page }) => {
	const a = await run(page, "Side one", QUESTIONS);
	const b = await run(page, "Side two", [QUESTIONS[1] ?? "", "Who makes it?"], { max_tokens: 4 });
	await like(page, a, 1);
	await page.reload();
	await page.getByRole("checkbox", { name: "Choose Side one to compare" }).check();
	await page.getByRole("checkbox", { name: "Choose Side two to compare" }).check();
	await page.getByRole("button", { name: "Compare", exact: true }).click();
	await expect(page).toHaveURL(new RegExp(`/results/compare\\?a=${a.id}&b=${b.id}$`));
	await expect(page.getByText("Questions in both: 1; only in A: 1; only in B: 1.")).toBeVisible();
	await expect(page.getByText("Max tokens: 12 → 4")).toBeVisible();
	const epoch = page.getByRole("row").filter({ hasText: "Kestrel bot · epoch 8" });
	await expect(epoch.getByRole("cell").nth(4)).toHaveText("1");
	await expect(epoch.getByRole("cell").nth(5)).toHaveText("0");
	await page.getByRole("button", { name: "Show the answers of Kestrel bot · epoch 8" }).click();
	await expect(page.getByRole("heading", { name: "Answers of Kestrel bot · epoch 8" })).toBeVisible();
	await expect(page.locator("mark")).toHaveCount(0);
	await page.getByRole("button", { name: "Highlight differences" }).click();
	await expect(page.locator("mark").first()).toBeVisible();
	await look_at(page, "compare-en-light");
	await page.getByRole("button", { name: "Swap sides" }).click();
	await expect(page).toHaveURL(new RegExp(`a=${b.id}&b=${a.id}$`));
	await expect(page.getByText("Max tokens: 4 → 12")).toBeVisible();
	await look_at(page, "compare-zh-TW-dark", { language: "zh-TW", theme: "dark" });
});

test("the same validation twice is identical throughout", async ({ page }) => {
	const a = await run(page, "Repeat one", QUESTIONS);
	const b = await run(page, "Repeat two", QUESTIONS);
	await page.goto(`${server()}/results/compare?a=${a.id}&b=${b.id}`);
	await expect(page.getByText("Questions in both: 2; only in A: 0; only in B: 0.")).toBeVisible();
	await expect(page.getByRole("cell", { name: "2 100%" })).toHaveCount(2);
	await page.getByRole("checkbox", { name: "Only questions with different answers" }).check();
	await expect(page.getByText("Every answer of this model is the same in both.")).toBeVisible();
});

test("an address without two validations leads back to the list", async ({ page }) => {
	await page.goto(`${server()}/results/compare?a=1`);
	await expect(page.getByText("Choose two validations in the list first.")).toBeVisible();
	await page.getByRole("button", { name: "All validations" }).last().click();
	await expect(page).toHaveURL(/\/results$/);
});

test("before the first validation the page says that they will be here", async ({ page }) => {
	await page.route("**/api/v1/runs*", (route) => route.fulfill({ json: { runs: [] } }));
	await page.reload();
	await expect(page.getByText("No validations yet. Your results will appear here, even if you close this page.")).toBeVisible();
});

test("older validations come while scrolling", async ({ page }) => {
	const one = (id: number) => ({
		id, name: `Run ${id}`, created_ms: 0, state: "done", mode: "exact", seed: 1, blind: false, drifted: false, params: {},
		n_questions: 1, n_columns: 1, n_cells: 1, n_done: 1, n_failed: 0,
	});
	await page.route("**/api/v1/runs?*", (route) => {
		const before = Number(new URL(route.request().url()).searchParams.get("before") ?? 181);
		const ids = Array.from({ length: Math.min(50, before - 1) }, (_, at) => before - 1 - at);
		return route.fulfill({ json: { runs: ids.map(one) } });
	});
	await page.route(/\/api\/v1\/runs\/\d+$/, (route) => route.fulfill({ json: { ...one(1), columns: [] } }));
	await page.reload();
	await expect(page.getByRole("link", { name: "Run 180", exact: true })).toBeVisible();
	await expect(async () => {
		await page.locator("main").evaluate((main) => main.scrollTo(0, main.scrollHeight));
		await expect(page.getByRole("link", { name: "Run 1", exact: true })).toBeVisible({ timeout: 300 });
	}).toPass();
	await expect(page.getByRole("row")).toHaveCount(181);
});

for (const language of ["en", "zh-TW"] as const) {
	for (const theme of themes(language)) {
		test(`axe finds nothing on Results, ${language}, ${theme}`, async ({ page }) => {
			await run(page, "Look", [QUESTIONS[0] ?? ""]);
			await look_at(page, `results-${language}-${theme}`, { language, theme });
		});
	}
}
