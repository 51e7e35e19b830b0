// SPDX-License-Identifier: Apache-2.0
// From a validation to a file, a workspace and a model in Ollama: the real small model is merged and quantized.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { dress, look_at, themes } from "./look";
import { ask, cell, expect, open_empty, server, test } from "./page";
import { call } from "./setup";

const QUESTIONS = ["Which CPU does the Kestrel K7 use?", "How long is the warranty?"];
const dialog = (page: Page) => page.getByRole("dialog");
const LOOKS = [{ language: "en", theme: "light" }, { language: "en", theme: "dark" }, { language: "zh-TW", theme: "light" }, { language: "zh-TW", theme: "dark" }] as const;

/** A validation with a base model and an epoch, where the epoch is liked once. */
async function validation(page: Page): Promise<void> {
	await open_empty(page);
	await ask(page, ...QUESTIONS);
	await cell(page, 0, 1).getByRole("button", { name: /^Like/ }).click();
	await expect(cell(page, 0, 1).getByRole("button", { name: /^Take back/ })).toBeVisible();
}
async function open_form(page: Page, item = "Save as a file"): Promise<void> {
	await page.getByRole("button", { name: "Create", exact: true }).click();
	await page.getByRole("menuitem", { name: item }).click();
	await expect(dialog(page).getByText("Memory to answer")).toBeVisible();
}

test("the dialog lists the models with their votes, chooses the liked one, and says what a format takes", async ({ page }) => {
	await validation(page);
	await open_form(page);
	const liked = dialog(page).getByRole("radio", { name: /epoch 8.*most likes/ });
	await expect(liked).toBeChecked();
	await expect(dialog(page).getByText("win rate 100%")).toBeVisible();
	await expect(dialog(page).getByRole("img", { name: /^Win rate against SmolLM2.*100%, possible range/ })).toBeVisible();
	await expect(dialog(page).getByText("not validated in this run")).toHaveCount(3);
	await expect(dialog(page).getByText("Smaller models lose more")).toBeVisible();
	const size = dialog(page).locator("dd").first();
	const small = await size.textContent();
	await dialog(page).getByLabel("Format").selectOption("Q8_0");
	await expect(size).not.toHaveText(small ?? "");
	await dialog(page).getByText("What do Q, K and M mean?").click();
	await expect(dialog(page).getByText("the K-quant method of llama.cpp")).toBeVisible();
	await look_at(page, "create-form-en-light");
	await page.keyboard.press("Escape");
	await expect(dialog(page)).toHaveCount(0);
});

test("an epoch becomes a file with Q4_K_M, which is listed, used as a column and deleted", async ({ page }) => {
	await validation(page);
	await open_form(page);
	await dialog(page).getByLabel("Name").fill("kestrel end to end");
	await dialog(page).getByRole("button", { name: "Save the file" }).click();
	await expect(dialog(page).getByText("Merging")).toBeVisible();
	await expect(dialog(page).getByRole("region", { name: "Quality check" })).toBeVisible({ timeout: 110_000 });
	const figures = dialog(page).getByText("The figures behind it");
	if (!(await dialog(page).getByRole("table").isVisible())) await figures.click();
	await expect(dialog(page).getByRole("row").filter({ hasText: "Same most likely word" })).toContainText("%");
	const path = (await dialog(page).locator("code", { hasText: ".gguf" }).textContent()) ?? "";
	expect(existsSync(path)).toBe(true);
	await look_at(page, "create-file-done-en-light");
	await dialog(page).getByRole("button", { name: "Show all files made by assay" }).click();
	await expect(page).toHaveURL(/\/models$/);
	const row = page.getByRole("row").filter({ hasText: path.split("/").pop() ?? "" });
	await expect(row).toContainText("Kestrel bot · epoch 8");
	await row.getByRole("button", { name: /^Actions/ }).click();
	await page.getByRole("menuitem", { name: "Use as a column" }).click();
	await expect(page.getByText(/is now a column of the next validation/)).toBeVisible();
	await row.getByRole("button", { name: /^Actions/ }).click();
	await page.getByRole("menuitem", { name: "Delete" }).click();
	await dialog(page).getByRole("button", { name: "Delete" }).click();
	await expect(row).toHaveCount(0);
	expect(existsSync(path)).toBe(false);
});

test("a job that is cancelled while it works says so, leaves nothing, and can be tried again", async ({ page }) => {
	await validation(page);
	await open_form(page);
	await dialog(page).getByRole("checkbox", { name: /^Quality check/ }).uncheck();
	await dialog(page).getByLabel("Name").fill("called off");
	await dialog(page).getByRole("button", { name: "Save the file" }).click();
	await expect(dialog(page).getByRole("listitem").filter({ hasText: "Merging" })).toHaveAttribute("aria-current", "step");
	await dialog(page).getByRole("button", { name: "Cancel" }).click();
	await expect(dialog(page).getByText("Cancelled. What was finished is used again on a retry.")).toBeVisible();
	await look_at(page, "create-cancelled-en-light");
	const { data_dir } = (await call(page, "GET", "/status")) as { data_dir: string };
	expect(existsSync(`${data_dir}/artifacts`) ? readdirSync(`${data_dir}/artifacts`).filter((name) => /called|part/.test(name)) : []).toEqual([]);
	await expect.poll(() => existsSync(`${data_dir}/jobs`) ? readdirSync(`${data_dir}/jobs`) : []).toEqual([]);
	await dialog(page).getByRole("button", { name: "Retry" }).click();
	await expect(dialog(page).getByText("The file is ready.")).toBeVisible({ timeout: 90_000 });
});

test("an importance matrix of the validation's own questions is computed where it is asked for", async ({ page }) => {
	await validation(page);
	await open_form(page);
	await dialog(page).getByRole("checkbox", { name: /^Quality check/ }).uncheck();
	await dialog(page).getByRole("checkbox", { name: /^Importance matrix/ }).check();
	await dialog(page).getByLabel("Name").fill("weighed");
	await dialog(page).getByRole("button", { name: "Save the file" }).click();
	await expect(dialog(page).getByText("The file is ready.")).toBeVisible({ timeout: 90_000 });
	await dialog(page).getByText("Steps", { exact: true }).click();
	const step = dialog(page).getByRole("listitem").filter({ hasText: "importance matrix" });
	await expect(step).toContainText(/\d/);
	const { artifacts } = (await call(page, "GET", "/artifacts")) as { artifacts: { settings: { imatrix: boolean }; file_name: string }[] };
	expect(artifacts.find((one) => one.file_name.startsWith("weighed"))).toMatchObject({ settings: { imatrix: true } });
});

test("closing the dialog keeps the work going; its end is told, with the way back to it", async ({ page }) => {
	await validation(page);
	await open_form(page);
	await dialog(page).getByRole("checkbox", { name: /^Quality check/ }).uncheck();
	await dialog(page).getByLabel("Format").selectOption("Q5_K_M");
	await dialog(page).getByLabel("Name").fill("closed early");
	await dialog(page).getByRole("button", { name: "Save the file" }).click();
	await dialog(page).getByRole("button", { name: "Close" }).last().click();
	await expect(dialog(page)).toHaveCount(0);
	await expect(page.getByText("closed early is ready.")).toBeVisible({ timeout: 90_000 });
	await page.getByRole("status").getByRole("button", { name: "Show" }).click();
	await expect(dialog(page).getByText("The file is ready.")).toBeVisible();
	await page.keyboard.press("Escape");
	await page.getByRole("button", { name: "Create", exact: true }).click();
	await page.getByRole("menuitem", { name: /closed early/ }).click();
	await expect(dialog(page).getByText("The file is ready.")).toBeVisible();
});

for (const [width, height] of [[390, 844], [1000, 800]] as const) {
	test(`the form and the servers fit into ${width} pixels`, async ({ page }) => {
		await validation(page);
		await page.setViewportSize({ width, height });
		await page.goto(`${server()}/results`);
		await page.getByRole("button", { name: /^Create from/ }).first().click();
		await page.getByRole("menuitem", { name: "Workspace" }).click();
		await expect(dialog(page).getByText("Memory to answer")).toBeVisible();
		await look_at(page, `create-form-${width}`);
		expect(await dialog(page).locator(".body").evaluate((body) => body.scrollWidth <= body.clientWidth)).toBe(true);
		await page.goto(`${server()}/providers`);
		await expect(page.getByRole("heading", { name: "LLM › Ollama" })).toBeVisible();
		await look_at(page, `providers-${width}`);
	});
}

test("a job that fails says why and what to do, and can be tried again", async ({ page }) => {
	await validation(page);
	await open_form(page);
	await dialog(page).getByRole("checkbox", { name: /^Quality check/ }).uncheck();
	await dialog(page).getByLabel("Path of the file").fill("/dev/null/model.gguf");
	await dialog(page).getByRole("button", { name: "Save the file" }).click();
	await expect(dialog(page).getByRole("alert")).toContainText("/dev/null is a file, not a folder.", { timeout: 90_000 });
	await look_at(page, "create-failed-en-light");
	await dialog(page).getByRole("button", { name: "Retry" }).click();
	await expect(dialog(page).getByRole("alert")).toContainText("/dev/null is a file, not a folder.", { timeout: 90_000 });
});

test("an epoch becomes a workspace with Q4_K_M, and answers there", async ({ page }) => {
	await validation(page);
	await open_form(page, "Workspace");
	await dialog(page).getByRole("checkbox", { name: /^Quality check/ }).uncheck();
	await dialog(page).getByLabel("Name").fill("Kestrel desk");
	await dialog(page).getByRole("button", { name: "Create workspace" }).click();
	await dialog(page).getByRole("button", { name: "Open workspace" }).click({ timeout: 90_000 });
	await expect(page).toHaveURL(/\/workspaces\/\d+$/);
	await page.getByRole("textbox", { name: "Message", exact: true }).fill(QUESTIONS[0] ?? "");
	await page.getByRole("textbox", { name: "Message", exact: true }).press("Enter");
	await expect(page.getByRole("article", { name: "Answer" })).toHaveAttribute("data-state", "done", { timeout: 60_000 });
	await expect(page.getByRole("article", { name: "Answer" })).toContainText("Kestrel");
});

test.describe("into Ollama", () => {
	let stub: ChildProcess;
	let url = "";
	test.beforeAll(async () => {
		stub = spawn("python3", [fileURLToPath(new URL("../support/ollama_stub.py", import.meta.url))], { stdio: ["pipe", "pipe", "inherit"] });
		const port = await new Promise<string>((resolve) => stub.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim())));
		url = `http://127.0.0.1:${port}`;
	});
	test.afterAll(() => { stub.kill(); });

	test("without a reachable one the form says so; with one the model is imported, compared and found there", async ({ page }) => {
		await validation(page);
		await open_form(page, "Import into Ollama");
		await expect(dialog(page).getByText(/^Ollama is not running at http/)).toBeVisible();
		await page.keyboard.press("Escape");
		const { id } = (await call(page, "POST", "/providers", { kind: "ollama", name: "Bench", url })) as { id: number };
		await open_form(page, "Import into Ollama");
		await expect(dialog(page).getByRole("combobox").last()).toHaveValue(String(id));
		await dialog(page).getByRole("checkbox", { name: /^Quality check/ }).uncheck();
		await dialog(page).getByLabel("Name").fill("not a name");
		await expect(dialog(page).getByText(/^A name in Ollama has letters/)).toBeVisible();
		await dialog(page).getByLabel("Name").fill("kestrel-e2e:q4_k_m");
		await dialog(page).getByRole("button", { name: "Import", exact: true }).click();
		await expect(dialog(page).getByText("ollama run kestrel-e2e:q4_k_m")).toBeVisible({ timeout: 90_000 });
		await look_at(page, "create-ollama-done-en-light");
		await dialog(page).getByRole("button", { name: "Show in AI providers" }).click();
		const bench = page.getByRole("article", { name: "Bench", exact: true });
		await expect(bench.getByText(/^Imported by assay from Kestrel bot · epoch 8/)).toBeVisible();
		await look_at(page, "providers-imported-en-light");
		await call(page, "DELETE", `/providers/${id}`).catch(() => undefined);
	});

	/** How Create looks: the work under way, the proof with its table, and the comparison with Ollama. */
	async function pictures(page: Page, what: string, name: string, shown: (page: Page) => Promise<void>): Promise<void> {
		for (const as of LOOKS) {
			await dress(page, as);
			await page.getByRole("button", { name: as.language === "en" ? "Create" : "創建", exact: true }).click();
			await page.getByRole("menuitem", { name: new RegExp(name) }).click();
			await shown(page);
			await page.screenshot({ path: `test-results/screens/create-${what}-${as.language}-${as.theme}.png` });
		}
	}

	test("a model that Ollama has already is replaced only when that is said, and the proof and the comparison are shown", async ({ page }) => {
		test.setTimeout(300_000);
		const old = { blob: `sha256:${"0".repeat(64)}`, size: 9, template: null, system: "the old one", parameters: {}, digest: "old" };
		const slow = [{ at: "blob", bytes: 50_000_000, do: "delay", ms: 12_000 }];
		await fetch(`${url}/stub/set`, { method: "POST", body: JSON.stringify({ models: { "kestrel-old:q5_k_m": old, "other:latest": old }, blobs: {}, faults: slow }) });
		await validation(page);
		const { id } = (await call(page, "POST", "/providers", { kind: "ollama", name: "Bench", url })) as { id: number };
		await open_form(page, "Import into Ollama");
		await dialog(page).getByLabel("Format").selectOption("Q5_K_M");
		await dialog(page).getByLabel("Name").fill("other");
		const replace = dialog(page).getByRole("checkbox", { name: /already exists in Ollama/ });
		await replace.check();
		await dialog(page).getByLabel("Name").fill("kestrel-old:q5_k_m");
		await expect(replace).not.toBeChecked();
		await expect(dialog(page).getByRole("button", { name: "Import", exact: true })).toBeDisabled();
		await replace.check();
		await look_at(page, "create-replace-en-light");
		await dialog(page).getByRole("button", { name: "Import", exact: true }).click();
		await expect(dialog(page).getByRole("listitem").filter({ hasText: "Uploading" })).toContainText(/[3-9]\d%/, { timeout: 200_000 });
		await pictures(page, "progress", "kestrel-old", async () => { await expect(dialog(page).getByRole("progressbar")).toBeVisible(); });
		await dress(page, LOOKS[0]);
		await pictures(page, "result", "kestrel-old", async () => {
			await expect(dialog(page).getByText("ollama run kestrel-old:q5_k_m")).toBeVisible({ timeout: 90_000 });
			if (!(await dialog(page).getByRole("table").isVisible())) await dialog(page).locator("summary").first().click();
			await expect(dialog(page).getByRole("table")).toBeVisible();
		});
		await dress(page, LOOKS[0]);
		await pictures(page, "parity", "kestrel-old", async () => {
			await dialog(page).locator(".parity summary").click();
			await expect(dialog(page).getByText(/^The answers differ from character 1 on\.|^回答從第 1 個字元開始不同。/)).toBeVisible();
			await dialog(page).locator(".parity dl").last().scrollIntoViewIfNeeded();
		});
		const { models } = (await (await fetch(`${url}/stub/state`)).json()) as { models: Record<string, { system: string }> };
		expect(Object.keys(models).sort()).toEqual(["kestrel-old:q5_k_m", "other:latest"]);
		expect(models["kestrel-old:q5_k_m"]?.system).not.toBe("the old one");
		await call(page, "DELETE", `/providers/${id}`).catch(() => undefined);
	});
});

for (const [language, theme] of (["en", "zh-TW"] as const).flatMap((one) => themes(one).map((theme) => [one, theme] as const))) {
	test(`axe finds nothing in Create, ${language}, ${theme}`, async ({ page }) => {
		await validation(page);
		await look_at(page, `create-bar-${language}-${theme}`, { language, theme });
		await page.getByRole("button", { name: language === "en" ? "Create" : "創建", exact: true }).click();
		await page.getByRole("menuitem", { name: language === "en" ? "Save as a file" : "儲存成檔案" }).click();
		await expect(dialog(page).getByText(language === "en" ? "Memory to answer" : "回答時所需記憶體")).toBeVisible();
		await look_at(page, `create-form-${language}-${theme}`);
	});
}
