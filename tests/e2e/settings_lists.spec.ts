// SPDX-License-Identifier: Apache-2.0
// What Settings lists: where models come from, who rates by which link, what assay takes at most.
import { request, type Locator, type Page } from "@playwright/test";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { dress, look_at, themes } from "./look";
import { expect, server, test } from "./page";
import { call } from "./setup";

const DEMO = fileURLToPath(new URL("../../demo/checkpoints", import.meta.url));
const BUSY = { status: 503, json: { error: { code: "busy", message: "The store is busy.", hint: "Try again." } } };
const folder = mkdtempSync(path.join(tmpdir(), "assay-settings-"));
interface Panel { id: number; link: string; title: string }

test.afterAll(() => rmSync(folder, { recursive: true, force: true }));
test.beforeEach(async ({ page }) => {
	await page.goto(`${server()}/settings`);
	await expect(page.getByRole("heading", { name: "System check" })).toBeVisible();
});
const card = (page: Page, title: string): Locator => page.locator(".card").filter({ has: page.locator("h2, summary").filter({ hasText: title }) });

/** A validation that is done. */
async function answered(page: Page, name: string): Promise<number> {
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number }[] };
	const columns = [{ model_id: models[0]?.id }, { model_id: models[0]?.id, params: { system: "Be brief." } }];
	const { id } = (await call(page, "POST", "/runs", { name, columns, questions: ["Name a colour.", "Say hi."], params: { max_tokens: 8, temperature: 0 } })) as { id: number };
	await expect.poll(async () => ((await call(page, "GET", `/runs/${id}`)) as { state: string }).state, { timeout: 60_000 }).toBe("done");
	return id;
}
/** Comes by a link and likes nothing of the first question. */
async function rate({ link }: Panel, name: string): Promise<void> {
	const guest = await request.newContext({ storageState: { cookies: [], origins: [] } });
	const root = `${new URL(link).origin}/api/v1/rating`;
	const joined = await guest.post(`${root}/session`, { data: { code: link.split("#p=")[1], name } });
	const { key } = (await joined.json()) as { key: string };
	const rated = await guest.put(`${root}/questions/1`, { data: { likes: [] }, headers: { "X-Assay": key } });
	expect(rated.status()).toBe(200);
	await guest.dispose();
}

test("rating links of all validations are listed with who has come; they are closed and raters removed here", async ({ page }) => {
	const run = await answered(page, "Kestrel, shorter answers");
	const other = await answered(page, "Kestrel, longer answers");
	const invite = async (id: number, title: string): Promise<Panel> => (await call(page, "POST", `/runs/${id}/panels`, { title })) as Panel;
	const [panel] = [await invite(run, "Which would you send?"), await invite(other, ""), await invite(other, "Is this polite?")];
	const links = card(page, "Rating and share links");
	const row = links.getByRole("listitem").filter({ hasText: "Which would you send?" });
	await expect(row).toContainText("Open until");
	await expect(row).toContainText("Nobody has come yet.");
	await expect(row.getByRole("link", { name: "Kestrel, shorter answers" })).toHaveAttribute("href", `/validate/${run}`);
	await rate(panel, "Ann");
	await rate(panel, "Bo");
	await expect(row).toContainText("Raters: 2 of 20");
	await row.getByText("Raters: 2 of 20").click();
	await expect(row.getByRole("listitem").filter({ hasText: "Ann" })).toContainText("1 of 2 rated");
	await links.getByRole("button", { name: "Close link: Is this polite?" }).click();
	await expect(links.getByText("Ended links")).toBeVisible();
	await links.getByText("Ended links").click();
	await look_at(page, "settings-links-en-light");

	await row.getByRole("button", { name: "Remove Bo and all their ratings" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(row).toContainText("Raters: 1 of 20");
	await expect(page.getByRole("dialog")).toHaveCount(0);
	await expect(row).not.toContainText("Bo");

	await dress(page, { language: "zh-TW", theme: "dark" });
	await page.getByRole("listitem").filter({ hasText: "Which would you send?" }).getByText("評分者：1／20 位").click();
	await page.getByText("已結束的連結").click();
	await look_at(page, "settings-links-zh-TW-dark");
	await page.setViewportSize({ width: 360, height: 800 });
	await look_at(page, "settings-links-phone-zh-TW-dark");
	await page.setViewportSize({ width: 1440, height: 900 });
	await page.getByRole("button", { name: "關閉連結：Which would you send?" }).click();
	await expect(page.locator("details").filter({ hasText: "已結束的連結" })).toContainText("Which would you send?");
	await call(page, "DELETE", `/runs/${run}`);
	await expect(card(page, "評分與分享連結")).not.toContainText("Which would you send?");
	await call(page, "DELETE", `/runs/${other}`);
});

test("folders and files behind the models are listed, looked into again and removed", async ({ page }) => {
	const home = path.join(folder, "wren");
	cpSync(`${DEMO}/checkpoint-12`, `${home}/checkpoint-12`, { recursive: true });
	await call(page, "POST", "/models", { path: home, name: "Wren" });
	const places = card(page, "Folders and files");
	const row = places.getByRole("listitem").filter({ hasText: home });
	await expect(row).toContainText("Wren: 1 epoch");
	await expect(places.getByRole("listitem").filter({ hasText: "Kestrel bot: 4 epochs" })).toContainText(DEMO);
	await expect(places.getByRole("listitem").filter({ hasText: process.env.ASSAY_TEST_MODEL ?? "" })).toHaveCount(1);
	await row.getByRole("button", { name: `Look again in ${home}` }).click();
	await expect(page.getByText(`Nothing new in ${home}.`)).toBeVisible();

	cpSync(`${DEMO}/checkpoint-24`, `${home}/checkpoint-24`, { recursive: true });
	writeFileSync(`${home}/model.gguf`, `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`);
	await row.getByRole("button", { name: `Look again in ${home}` }).click();
	await expect(page.getByText(`New in ${home}: Wren: 1 epoch`)).toBeVisible();
	await expect(row).toContainText("Wren: 2 epochs");
	await expect(row.getByRole("link", { name: "cannot be used: 1" })).toHaveAttribute("href", "/models");
	for (const language of ["en", "zh-TW"] as const) {
		for (const theme of themes(language)) await look_at(page, `settings-places-${language}-${theme}`, { language, theme });
	}
	await dress(page, { language: "en", theme: "light" });

	await row.getByRole("button", { name: `Remove ${home} from the list` }).click();
	await expect(page.getByRole("dialog")).toContainText("Its files stay on the disk");
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(row).toHaveCount(0);
	const left = JSON.stringify(await call(page, "GET", "/models"));
	expect(left).not.toContain(home);
	expect(left).toContain("Kestrel bot");
});

test("every limit is told with what happens beyond it, in both languages", async ({ page }) => {
	const limits = card(page, "Limits");
	await expect(limits.getByRole("table")).toHaveCount(0);
	await limits.locator("summary").click();
	await expect(limits.getByRole("table", { name: "Question sets" }).getByRole("row", { name: "An uploaded file" })).toContainText("64 MiBRefused, with a sentence that names the limit.");
	await expect(limits.getByRole("row", { name: "Open event streams" })).toContainText("200");
	await look_at(page, "settings-limits-en-light");
	await dress(page, { language: "zh-TW", theme: "dark" });
	await card(page, "各項上限").locator("summary").click();
	await expect(page.getByRole("row", { name: "上傳的檔案" })).toContainText("64 MiB拒絕，並說明上限。");
	await look_at(page, "settings-limits-zh-TW-dark");
});

test("where there is nothing yet, it is said what to do", async ({ page }) => {
	await page.route("**/api/v1/panels?*", (route) => route.fulfill({ json: { panels: [] } }));
	await page.route("**/api/v1/models", (route) => route.fulfill({ json: { models: [], families: [], refusals: [] } }));
	await page.reload();
	await expect(card(page, "Rating and share links")).toContainText("No link is open. You make one with “Invite raters” or “Share” when a validation is done.");
	await expect(card(page, "Folders and files")).toContainText("No folder or file was added yet.");
	await look_at(page, "settings-lists-empty-en-light");
	await look_at(page, "settings-lists-empty-zh-TW-dark", { language: "zh-TW", theme: "dark" });
});

test("what is not there yet shows that it is on its way", async ({ page }) => {
	let go = (): void => {};
	const wait = new Promise<void>((resolve) => (go = resolve));
	for (const address of ["panels?*", "models", "limits"]) await page.route(`**/api/v1/${address}`, async (route) => (await wait, route.continue()));
	await page.reload();
	await card(page, "Limits").locator("summary").click();
	for (const title of ["Rating and share links", "Folders and files", "Limits"]) await expect(card(page, title).getByRole("progressbar")).toBeVisible();
	await page.setViewportSize({ width: 1440, height: 1900 });
	await page.screenshot({ path: "test-results/screens/settings-lists-loading-en-light.png", fullPage: true });
	go();
	await expect(page.getByRole("progressbar")).toHaveCount(0);
});

test.describe("refused by the server", () => {
	test.use({ refusals: 4 });
	test("lists that cannot be read say so, and can be tried again", async ({ page }) => {
		for (const address of ["panels?*", "models", "limits"]) await page.route(`**/api/v1/${address}`, (route) => route.fulfill(BUSY));
		await page.reload();
		await card(page, "Limits").locator("summary").click();
		for (const title of ["Rating and share links", "Folders and files", "Limits"]) await expect(card(page, title).getByRole("alert")).toContainText("The store is busy.");
		await look_at(page, "settings-lists-failed-en-light");
		await page.unrouteAll();
		for (const title of ["Rating and share links", "Folders and files", "Limits"]) await card(page, title).getByRole("button", { name: "Retry" }).click();
		await expect(page.getByRole("alert")).toHaveCount(0);
		await expect(card(page, "Limits").getByRole("table", { name: "Raters" })).toBeVisible();
		await expect(card(page, "Folders and files")).toContainText("Kestrel bot");
	});
});

test("a visit does not load the settings", async ({ page }) => {
	const asked: string[] = [];
	page.on("request", (request) => asked.push(request.url()));
	await page.goto(`${server()}/results`);
	await expect(page.getByRole("navigation").first()).toBeVisible();
	expect(asked.filter((url) => /SettingsPage/.test(url))).toEqual([]);
	await page.getByRole("link", { name: "Settings" }).click();
	await expect(page.getByRole("heading", { name: "System check" })).toBeVisible();
	expect(asked.filter((url) => /SettingsPage/.test(url))).toHaveLength(1);
});

test.describe("without its file", () => {
	test.use({ refusals: 1 });
	test("settings that cannot be loaded say so, and can be tried again", async ({ page }) => {
		await page.route(/SettingsPage/, (route) => route.abort());
		await page.reload();
		await expect(page.getByRole("alert")).toContainText("The server did not answer.");
		await look_at(page, "settings-unloaded-en-light");
		await page.unrouteAll();
		await page.getByRole("button", { name: "Retry" }).click();
		await expect(page.getByRole("heading", { name: "System check" })).toBeVisible();
	});
});
