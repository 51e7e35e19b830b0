// SPDX-License-Identifier: Apache-2.0
// Downloads from a hub, against a stub of one: setup.ts starts it and tells the server its address.
import type { Page } from "@playwright/test";
import { dress, look_at, look_at_both, themes } from "./look";
import { expect, server, test } from "./page";
import { call } from "./setup";
import { zh } from "./words";

const hub = (): string => process.env.ASSAY_HUB ?? "";
test.skip(() => !hub(), "the server is not ours: it asks another hub");
const MODEL = process.env.ASSAY_TEST_MODEL ?? "";

async function stub(path: string, body?: unknown): Promise<{ requests: { path: string }[] }> {
	const reply = await fetch(`${hub()}/stub/${path}`, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
	return (await reply.json()) as { requests: { path: string }[] };
}
async function offer(spec: object, faults: object[] = [], name = "kestrel/K7-GGUF"): Promise<void> {
	await stub("reset", { models: { [name]: spec }, faults });
}
async function open(page: Page): Promise<void> {
	await page.goto(`${server()}/models`);
	await page.getByRole("button", { name: "Download from a hub" }).click();
	await expect(page.getByText(`assay will contact ${hub()}.`)).toBeVisible();
}
async function ask(page: Page, model: string): Promise<void> {
	await page.getByLabel("Model", { exact: true }).fill(model);
	await page.getByRole("button", { name: "Show files" }).click();
}
const dialog = (page: Page) => page.getByRole("dialog");
/** Removes what a test has left in the list. */
async function remove(page: Page, name: string): Promise<void> {
	await page.getByRole("button", { name: `Remove the download of ${name}` }).click();
	const confirm = page.getByRole("dialog").getByRole("button", { name: "Remove" });
	if (await confirm.isVisible().catch(() => false)) await confirm.click();
	await expect(page.getByText(name, { exact: true })).toHaveCount(0);
}

test("the address is told before anything is asked; the list has sizes and the licence", async ({ page }) => {
	await offer({ license: "apache-2.0", files: { "K7.Q4_K_M.gguf": { random: 3_000_000 }, "K7.Q8_0.gguf": { random: 5_000_000 }, "config.json": { text: "{}" }, "model.safetensors": { random: 9000 } } });
	await open(page);
	expect((await stub("state")).requests).toEqual([]);
	await ask(page, "kestrel/K7-GGUF");
	await expect(dialog(page).getByText("Licence: apache-2.0")).toBeVisible();
	await expect(dialog(page).getByRole("row")).toContainText(["File", "K7.Q4_K_M.gguf", "K7.Q8_0.gguf", "all of it"]);
	await expect(dialog(page).getByRole("radio", { name: "K7.Q4_K_M.gguf" })).toBeChecked();
	await expect(dialog(page).getByRole("row").nth(2)).toContainText("5 MB");
	await look_at(page, "hub-list-en-light");
	await ask(page, "kestrel/K7-GGUF:q8_0");
	await expect(dialog(page).getByRole("radio", { name: "K7.Q8_0.gguf" })).toBeChecked();
});

test("a model is downloaded, added, and can be used", async ({ page }) => {
	await offer({ license: "apache-2.0", files: { "hub-tiny.gguf": { file: MODEL } } });
	await open(page);
	await ask(page, "kestrel/K7-GGUF");
	await dialog(page).getByRole("button", { name: "Download", exact: true }).click();
	await expect(dialog(page).getByRole("status")).toContainText("Done");
	await dialog(page).locator("footer").getByRole("button", { name: "Close" }).click();
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number; path: string; problem?: object }[] };
	const added = models.filter((model) => model.path.endsWith("/hub-tiny.gguf"));
	expect(added.map((model) => model.problem)).toEqual([undefined]);
	await remove(page, "kestrel/K7-GGUF:hub-tiny.gguf");
	await page.evaluate((id) => fetch(`/api/v1/models/${id}`, { method: "DELETE", headers: { "X-Assay": JSON.parse(localStorage.getItem("assay.session") ?? '""') } }), added[0]?.id ?? 0);
});

test("a download is cancelled, continued, and a broken line is picked up", async ({ page }) => {
	await offer({ files: { "slow.gguf": { random: 3_000_000 } } }, [{ at: "cdn", do: "slow", ms: 1, stall: 1_000_000 }, { at: "cdn", do: "cut", bytes: 100_000 }]);
	await open(page);
	await ask(page, "kestrel/K7-GGUF");
	await dialog(page).getByRole("button", { name: "Download", exact: true }).click();
	await expect(dialog(page).getByRole("progressbar")).toBeVisible();
	await dialog(page).getByRole("button", { name: "Cancel the download of kestrel/K7-GGUF:slow.gguf" }).click();
	await expect(dialog(page).getByRole("status")).toContainText("Cancelled; what has come is kept");
	await look_at(page, "hub-cancelled-en-light");
	await dialog(page).locator("footer").getByRole("button", { name: "Close" }).click();
	await look_at_both(page, "models-download");
	await page.getByRole("button", { name: "Continue the download of kestrel/K7-GGUF:slow.gguf" }).click();
	// Random bytes are no model: that is said, with the path.
	await expect(page.getByText(/slow\.gguf was downloaded, but cannot be used/)).toBeVisible();
	await remove(page, "kestrel/K7-GGUF:slow.gguf");
});

test("what arrives damaged is thrown away, and said so", async ({ page }) => {
	await offer({ files: { "bad.gguf": { random: 100_000, sha256: "0".repeat(64) } } });
	await open(page);
	await ask(page, "kestrel/K7-GGUF");
	await dialog(page).getByRole("button", { name: "Download", exact: true }).click();
	await expect(dialog(page).getByRole("alert")).toContainText("is not the file that the hub promised");
	await look_at(page, "hub-damaged-en-light");
	await dialog(page).locator("footer").getByRole("button", { name: "Close" }).click();
	await page.getByRole("button", { name: "Remove the download of kestrel/K7-GGUF:bad.gguf" }).click();
	await expect(page.getByRole("dialog", { name: /Remove what has come of/ })).toBeVisible();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(page.getByText("kestrel/K7-GGUF:bad.gguf", { exact: true })).toHaveCount(0);
});

test("list, broken off and damaged, in Chinese and dark", async ({ page }) => {
	await offer({ license: "apache-2.0", files: { "slow.Q4_K_M.gguf": { random: 3_000_000 }, "bad.Q8_0.gguf": { random: 100_000, sha256: "0".repeat(64) } } },
		[{ at: "cdn", do: "slow", ms: 1, stall: 1_000_000 }]);
	await page.goto(`${server()}/models`);
	await dress(page, { language: "zh-TW", theme: "dark" });
	const show = async (model: string): Promise<void> => {
		await dialog(page).getByLabel(zh("hub_model"), { exact: true }).fill(model);
		await dialog(page).getByRole("button", { name: zh("hub_look") }).click();
		await expect(dialog(page).getByText("apache-2.0")).toBeVisible();
	};
	const close = (): Promise<void> => dialog(page).locator("footer").getByRole("button", { name: zh("common_close") }).click();
	await page.getByRole("button", { name: zh("hub_open") }).click();
	await show("kestrel/K7-GGUF:q4_k_m");
	await look_at(page, "hub-list-zh-TW-dark");
	await dialog(page).getByRole("button", { name: zh("hub_download"), exact: true }).click();
	await dialog(page).getByRole("button", { name: zh("hub_cancel", { name: "kestrel/K7-GGUF:slow.Q4_K_M.gguf" }) }).click();
	await expect(dialog(page).getByRole("progressbar")).toHaveCount(0);
	await look_at(page, "hub-cancelled-zh-TW-dark");
	await close();
	await page.getByRole("button", { name: zh("hub_open") }).click();
	await show("kestrel/K7-GGUF:q8_0");
	await dialog(page).getByRole("button", { name: zh("hub_download"), exact: true }).click();
	await expect(dialog(page).getByRole("alert")).toBeVisible();
	await look_at(page, "hub-damaged-zh-TW-dark");
	await close();
	await dress(page, { language: "en", theme: "light" });
	await remove(page, "kestrel/K7-GGUF:slow.Q4_K_M.gguf");
	await remove(page, "kestrel/K7-GGUF:bad.Q8_0.gguf");
});

test.describe("refused by the hub", () => {
	test.use({ refusals: 2 });
	test("a name that is none and a model that is not there get their sentences, and what was typed stays", async ({ page }) => {
		await offer({ files: { "a.gguf": { random: 10 } } });
		await open(page);
		await ask(page, "nonsense");
		await expect(dialog(page).getByRole("alert")).toContainText('"nonsense" is no name of a model on a hub.');
		await ask(page, "kestrel/none");
		await expect(dialog(page).getByRole("alert")).toContainText(`There is no model kestrel/none at ${hub()}, or it is private.`);
		await expect(page.getByLabel("Model", { exact: true })).toHaveValue("kestrel/none");
	});
});

for (const language of ["en", "zh-TW"] as const) {
	for (const theme of themes(language)) {
		test(`a gated model explains the steps, and axe finds nothing, ${language}, ${theme}`, async ({ page }) => {
			await offer({ gated: "manual", license: "llama3.1", files: { "K7.Q4_K_M.gguf": { random: 10 } } });
			await page.goto(`${server()}/models`);
			await dress(page, { language, theme });
			await page.getByRole("button", { name: language === "en" ? "Download from a hub" : "從模型庫下載" }).click();
			await dialog(page).getByRole("textbox").fill("kestrel/K7-GGUF");
			await dialog(page).getByRole("button", { name: language === "en" ? "Show files" : "顯示檔案" }).click();
			await expect(dialog(page).getByText(language === "en" ? "This model requires permission from its publisher." : "這個模型須先取得發布者授權。")).toBeVisible();
			await expect(dialog(page).getByRole("listitem")).toHaveCount(4);
			await expect(dialog(page).getByRole("listitem").first()).toContainText(`${hub()}/kestrel/K7-GGUF`);
			await look_at(page, `hub-gated-${language}-${theme}`);
		});
	}
}
