// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "@playwright/test";
import { dress, look_at } from "./look";
import { box, cell, expect, open_empty, server, test } from "./page";
import { call } from "./setup";

const SUPPORT = fileURLToPath(new URL("../support", import.meta.url));
/** A model of more memory than any machine has: its file is a hole. */
const HUGE = `
import os, pathlib, sys
sys.path.insert(0, sys.argv[1])
from tiny_gguf import gguf
path = gguf(pathlib.Path(sys.argv[2]))
data = bytearray(path.read_bytes())
at = data.index(b"token_embd.weight") + 21
data[at + 8:at + 16] = (1 << 36).to_bytes(8, "little")
path.write_bytes(data)
os.truncate(path, len(data) - 1024 + (128 << 36))
`;
const BIG = { blob: `sha256:${"0".repeat(64)}`, size: 105, memory: 5e9, vram: 0, template: null, system: "", parameters: {}, digest: "d1" };
let stub: ChildProcess;
let ollama = "";
let folder = "";
let provider = 0;

test.beforeAll(async () => {
	folder = mkdtempSync(path.join(tmpdir(), "assay-memory-"));
	stub = spawn("python3", [`${SUPPORT}/ollama_stub.py`], { stdio: ["pipe", "pipe", "inherit"] });
	const port = await new Promise<string>((resolve) => stub.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim())));
	ollama = `http://127.0.0.1:${port}`;
});
test.afterAll(() => {
	stub.kill();
	rmSync(folder, { recursive: true, force: true });
});
test.beforeEach(async ({ page }) => {
	await hold();
	await page.goto(`${server()}/models`);
	await expect(page.getByRole("article", { name: "Kestrel bot" })).toBeVisible();
	provider = ((await call(page, "POST", "/providers", { kind: "ollama", name: "Held", url: ollama })) as { id: number }).id;
});
test.afterEach(async ({ page }) => {
	await page.unrouteAll({ behavior: "ignoreErrors" });
	await page.goto(`${server()}/models`);
	await page.evaluate(async (id) => {
		const key = JSON.parse(localStorage.getItem("assay.session") ?? '""') as string;
		await fetch(`/api/v1/providers/${id}`, { method: "DELETE", headers: { "X-Assay": key } });
	}, provider);
});

async function hold(): Promise<void> {
	await fetch(`${ollama}/stub/set`, { method: "POST", body: JSON.stringify({ models: { "big:8b": BIG }, loaded: ["big:8b"] }) });
}
async function held(): Promise<number> {
	return ((await (await fetch(`${ollama}/stub/state`)).json()) as { loaded: string[] }).loaded.length;
}
const base = (page: Page): Locator => page.getByRole("row").filter({ hasText: "8,192 tokens" });

test("a model says what it takes and what Ollama holds, which can be freed", async ({ page }) => {
	await base(page).getByText("Memory and GPU").click();
	await expect(base(page).getByText(/^Needs about 0\.\d GB of memory, [\d.]+ GB are free\.$/)).toBeVisible();
	await expect(base(page).getByText("Ollama is holding 5.0 GB: big:8b (5.0 GB).")).toBeVisible();
	await expect(base(page).getByLabel("Layers on the GPU")).toHaveCount(0); // there is none
	await look_at(page, "models-memory-en-light");
	await dress(page, { language: "zh-TW", theme: "dark" });
	await page.getByText("記憶體與 GPU").first().click();
	await expect(page.getByText("約需記憶體")).toBeVisible();
	await look_at(page, "models-memory-zh-TW-dark");
	await dress(page, { language: "en", theme: "light" });
	await base(page).getByText("Memory and GPU").click();
	await base(page).getByRole("button", { name: "Free it" }).click();
	await expect(base(page).getByText("Ollama is holding")).toHaveCount(0);
	expect(await held()).toBe(0);
});

test("what a model may use of GPUs is chosen for it alone and stays", async ({ page }) => {
	const gpu = (id: string) => ({ id, name: "Card", type: "gpu", memory_total: 8e9, memory_free: 7.5e9 });
	await page.route("**/api/v1/status", async (route) => {
		const response = await route.fetch();
		await route.fulfill({ json: { ...((await response.json()) as object), gpu_support: true, gpu_idle: "", gpus: [gpu("CUDA0"), gpu("CUDA1")] } });
	});
	await page.reload();
	await base(page).getByText("Memory and GPU").click();
	const choice = base(page).getByLabel("Layers on the GPU");
	await expect(choice).toHaveValue("");
	await choice.selectOption({ label: "a number of layers" });
	const count = base(page).getByLabel("Number of layers");
	await expect(count).toHaveValue("16");
	await count.fill("7");
	await count.blur();
	await base(page).getByLabel("Use this GPU").selectOption("CUDA1");
	await expect.poll(async () => ((await call(page, "GET", "/models")) as { models: { gpu?: object | null }[] }).models.map((one) => one.gpu).find((one) => one))
		.toEqual({ layers: 7, device: "CUDA1" });
	await look_at(page, "models-gpu-en-light");
	await dress(page, { language: "zh-TW", theme: "dark" });
	await page.getByText("記憶體與 GPU").first().click();
	await expect(page.getByText("約需記憶體")).toBeVisible();
	await page.getByText("記憶體與 GPU").first().scrollIntoViewIfNeeded();
	await look_at(page, "models-gpu-zh-TW-dark");
	await page.evaluate(() => localStorage.setItem("assay.locale", '"en"'));
	await page.reload();
	await base(page).getByText("Memory and GPU").click();
	await expect(count).toHaveValue("7");
	await choice.selectOption({ label: "as the settings say" });
	await expect(count).toHaveCount(0);
});

test("the buttons of a refusal choose for the model", async ({ page }) => {
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number; name: string; n_ctx_train?: number }[] };
	const model = models.find((one) => one.n_ctx_train === 8192);
	const estimate = { id: model?.id, name: model?.name, message: "Needs 9 GB.", is_loaded: false, need_bytes: 1, free_bytes: 1, gpu_need_bytes: 9e9, gpu_free_bytes: 1e9, context_tokens: 2048, gpu_layers: 5, n_layers: 31 };
	const problem = { code: "limit", message: "Not enough GPU memory.", actions: [
		{ action: "auto", label: "Use the GPU as far as it goes", model_id: model?.id }, { action: "cpu", label: "Use the CPU, slower", model_id: model?.id },
	] };
	await page.route("**/api/v1/memory?model_id=*", async (route) => {
		const response = await route.fetch();
		await route.fulfill({ json: { ...((await response.json()) as object), model: { ...estimate, problem } } });
	});
	const chosen = async (): Promise<unknown> => ((await call(page, "GET", `/models/${model?.id}`)) as { gpu: unknown }).gpu;
	await base(page).getByText("Memory and GPU").click();
	await base(page).getByRole("button", { name: "Use the CPU, slower" }).click();
	await expect.poll(chosen).toEqual({ layers: 0, device: "" });
	await expect(base(page).getByLabel("Layers on the GPU")).toHaveValue("none");
	await base(page).getByRole("button", { name: "Use the GPU as far as it goes" }).click();
	await expect.poll(chosen).toEqual({ layers: -1, device: "" });
	await base(page).getByLabel("Layers on the GPU").selectOption("");
	await expect.poll(chosen).toBeNull();
});

test("an answer that memory was too short for frees what Ollama holds and asks again", async ({ page }) => {
	const file = path.join(folder, "huge.gguf");
	execFileSync("python3", ["-c", HUGE, SUPPORT, file]);
	const { model_ids: [id] } = (await call(page, "POST", "/models", { path: file, name: "huge" })) as { model_ids: number[] };
	await open_empty(page);
	const run = (await call(page, "POST", "/runs", { columns: [{ model_id: id }], questions: [{ text: "Which?" }] })) as { id: number };
	await page.goto(`${server()}/validate/${run.id}`);
	await expect(cell(page, 0, 0)).toContainText("Ollama is holding 5.0 GB.");
	await expect(box(page)).toBeVisible();
	await look_at(page, "validate-held-en-light");
	await cell(page, 0, 0).getByRole("button", { name: "Free it" }).click();
	await expect(cell(page, 0, 0)).toContainText("Not enough memory");
	await expect(cell(page, 0, 0)).not.toContainText("Ollama");
	expect(await held()).toBe(0);
	await call(page, "DELETE", `/models/${id}`);
});

test("the system check says what Ollama holds, and frees it", async ({ page }) => {
	await page.goto(`${server()}/settings`);
	const row = page.getByRole("row").filter({ hasText: "Ollama is holding 5.0 GB" });
	await row.getByRole("button", { name: "Free it" }).click();
	await expect(row).toHaveCount(0);
	expect(await held()).toBe(0);
});
