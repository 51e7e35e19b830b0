// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "@playwright/test";
import { look_at } from "./look";
import { expect, server, test } from "./page";

const STUB = fileURLToPath(new URL("../support/ollama_stub.py", import.meta.url));
const TINY = { blob: `sha256:${"0".repeat(64)}`, size: 105_454_144, template: null, system: "", parameters: {}, digest: "d1" };
let stub: ChildProcess;
let ollama = "";

test.beforeAll(async () => {
	stub = spawn("python3", [STUB], { stdio: ["pipe", "pipe", "inherit"] });
	const port = await new Promise<string>((resolve) => stub.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim())));
	ollama = `http://127.0.0.1:${port}`;
});
test.afterAll(() => { stub.kill(); });
test.beforeEach(async ({ page }) => {
	await tell("reset", {});
	await tell("set", { models: { "tiny:latest": TINY, "kestrel:q4_k_m": { ...TINY, digest: "d2" } }, answer: "Halden Q5 **eight-core**" });
	await page.goto(`${server()}/providers`);
	await expect(page.getByRole("heading", { name: "LLM › Ollama" })).toBeVisible();
	for (const name of ["Lab", "vLLM"]) await forget(page, name);
});

async function tell(what: "set" | "reset", values: unknown): Promise<void> {
	await fetch(`${ollama}/stub/${what}`, { method: "POST", body: JSON.stringify(values) });
}
const load_tiny = () => fetch(`${ollama}/api/generate`, { method: "POST", body: JSON.stringify({ model: "tiny" }) });
const card = (page: Page, name: string): Locator => page.getByRole("article", { name, exact: true });
async function forget(page: Page, name: string): Promise<void> {
	if (!(await card(page, name).count())) return;
	await page.getByRole("button", { name: `Actions for ${name}` }).click();
	await page.getByRole("menuitem", { name: "Remove" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(card(page, name)).toHaveCount(0);
}
async function add(page: Page, kind: "ollama" | "openai", url: string, name: string): Promise<Locator> {
	await page.getByRole("button", { name: "Add a server" }).click();
	const dialog = page.getByRole("dialog", { name: "Add a server" });
	await dialog.getByLabel("Kind of server").selectOption(kind);
	await dialog.getByLabel("Address").fill(url);
	await dialog.getByLabel("Name").fill(name);
	await dialog.getByRole("button", { name: "Add" }).click();
	await expect(dialog).toHaveCount(0);
	return card(page, name);
}

test("the Ollama of the machine is there, says that it cannot be reached and what to do", async ({ page }) => {
	const own = page.getByRole("article").first();
	await expect(own.getByText("http://127.0.0.1:11434", { exact: true })).toBeVisible();
	await expect(own.getByText("not reachable")).toBeVisible();
	await expect(own.getByRole("alert").getByRole("paragraph")).toHaveCount(2);
	await expect(page.getByText("None yet. Add the address of vLLM")).toBeVisible();
});

test("an Ollama that is added shows its models, is asked, unloaded and cleaned", async ({ page }) => {
	const lab = await add(page, "ollama", ollama, "Lab");
	await expect(lab.getByText("version 0.33.0")).toBeVisible();
	await expect(lab.getByText("134.52M · Q4_K_M · 105 MB").first()).toBeVisible();
	await lab.getByRole("button", { name: "Ask tiny:latest" }).click();
	const dialog = page.getByRole("dialog", { name: "Ask tiny:latest" });
	await dialog.getByRole("textbox", { name: "Message" }).fill("Which CPU?");
	await dialog.getByRole("textbox", { name: "Message" }).press("Enter");
	await expect(dialog.locator("strong")).toHaveText("eight-core");
	await look_at(page, "providers-test-en-light");
	await page.keyboard.press("Escape");
	await load_tiny();
	await lab.getByRole("button", { name: "Look at Lab again" }).click();
	await expect(lab.getByText(/^loaded, holds/)).toBeVisible();
	await lab.getByRole("button", { name: "Actions for tiny:latest" }).click();
	await page.getByRole("menuitem", { name: "Unload from memory" }).click();
	await expect(lab.getByText(/^loaded, holds/)).toHaveCount(0);
	await lab.getByRole("button", { name: "Actions for kestrel:q4_k_m" }).click();
	await page.getByRole("menuitem", { name: "Remove" }).click();
	await expect(page.getByRole("dialog")).toContainText("deleted from Lab for good");
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(lab.getByRole("listitem")).toHaveCount(1);
});

test("a model of a server becomes a column", async ({ page }) => {
	const lab = await add(page, "ollama", ollama, "Lab");
	await lab.getByRole("button", { name: "Use tiny:latest as a column" }).click();
	await page.getByRole("status").getByRole("button", { name: "Go to Validate" }).click();
	await expect(page.getByRole("columnheader").filter({ hasText: "tiny:latest" })).toBeVisible();
});

test("an old Ollama is warned of, with what to do", async ({ page }) => {
	await tell("set", { version: "0.5.4" });
	const lab = await add(page, "ollama", ollama, "Lab");
	await expect(lab.getByText("Ollama 0.5.4 is too old for imports.")).toBeVisible();
	await expect(lab.getByText("Imports need Ollama 0.5.5 or newer.")).toBeVisible();
	await look_at(page, "providers-old-zh-TW-dark", { language: "zh-TW", theme: "dark" });
});

test.describe("with a key", () => {
	let remote: Server;
	test.beforeAll(async () => {
		remote = createServer((request, response) => {
			const known = request.headers.authorization === "Bearer sk-planted-0123456789abcdef";
			response.writeHead(known ? 200 : 401, { "Content-Type": "application/json" });
			response.end(JSON.stringify(known ? { object: "list", data: [{ id: "qwen3-8b", object: "model", max_model_len: 8192 }] } : { error: { message: "no" } }));
		});
		await new Promise<void>((resolve) => remote.listen(0, "127.0.0.1", resolve));
	});
	test.afterAll(() => { remote.close(); });

	test("an OpenAI-compatible server refuses without it; with it the models are listed, and the key is never shown again", async ({ page }) => {
		const url = `http://127.0.0.1:${(remote.address() as AddressInfo).port}/v1`;
		const vllm = await add(page, "openai", url, "vLLM");
		await expect(vllm.getByRole("alert")).toContainText("did not accept the key");
		await page.getByRole("button", { name: "Actions for vLLM" }).click();
		await page.getByRole("menuitem", { name: "Change settings" }).click();
		const dialog = page.getByRole("dialog", { name: "Settings of vLLM" });
		await dialog.getByLabel("API key").selectOption({ label: "enter a key" });
		await dialog.getByLabel("API key").last().fill("sk-planted-0123456789abcdef");
		await look_at(page, "providers-key-en-light");
		await dialog.getByRole("button", { name: "Save" }).click();
		await expect(vllm.getByText("qwen3-8b")).toBeVisible();
		await expect(vllm.getByText("key …cdef")).toBeVisible();
		expect(await page.content()).not.toContain("sk-planted");
		await forget(page, "vLLM");
	});
});

for (const language of ["en", "zh-TW"] as const) {
	for (const theme of ["light", "dark"] as const) {
		test(`axe finds nothing on AI providers, ${language}, ${theme}`, async ({ page }) => {
			await load_tiny();
			await add(page, "ollama", ollama, "Lab");
			await look_at(page, `providers-${language}-${theme}`, { language, theme });
		});
	}
}
