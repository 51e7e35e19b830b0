// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as create_tls_server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "@playwright/test";
import { look_at, themes } from "./look";
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
	for (const name of ["Lab", "vLLM", "NAS"]) await forget(page, name);
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
		await expect(vllm.getByRole("alert")).toContainText("wants an API key");
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

test.describe("with a certificate of its own", () => {
	let folder = "", fingerprint = "", remote: Server;
	const openssl = (...words: string[]) => execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] }).toString();
	test.beforeAll(async () => {
		folder = mkdtempSync(join(tmpdir(), "assay-tls-"));
		openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=nas", "-addext", "subjectAltName=DNS:nas.example");
		fingerprint = openssl("x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256").trim().split("=")[1] ?? "";
		remote = create_tls_server({ key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) }, (_, response) => {
			response.writeHead(200, { "Content-Type": "application/json" });
			response.end(JSON.stringify({ object: "list", data: [{ id: "qwen3-8b", object: "model" }] }));
		});
		await new Promise<void>((resolve) => remote.listen(0, "127.0.0.1", resolve));
	});
	test.afterAll(() => {
		remote.close();
		rmSync(folder, { recursive: true });
	});

	const add_nas = (page: Page) => add(page, "openai", `https://127.0.0.1:${(remote.address() as AddressInfo).port}/v1`, "NAS");

	test("its fingerprint is shown, and pinned after a question", async ({ page }) => {
		const nas = await add_nas(page);
		await expect(nas.getByRole("alert")).toContainText("signed its certificate itself");
		await expect(nas.locator("code").filter({ hasText: fingerprint })).toBeVisible();
		await look_at(page, "providers-certificate-en-light");
		await nas.getByRole("button", { name: "Pin this certificate" }).click();
		const question = page.getByRole("dialog", { name: "Pin this certificate" });
		await expect(question).toContainText(fingerprint);
		await look_at(page, "providers-pin-en-light");
		await question.getByRole("button", { name: "Pin this certificate" }).click();
		await expect(nas.getByText("qwen3-8b")).toBeVisible();
		await expect(nas.getByText("pinned fingerprint")).toBeVisible();
		await expect(nas.getByRole("alert")).toHaveCount(0);
		await look_at(page, "providers-pinned-zh-TW-dark", { language: "zh-TW", theme: "dark" });
	});

	test.describe("and a file that is not there", () => {
		test.use({ refusals: 1 });

		test("trust is chosen under Advanced, and what is wrong with it is said", async ({ page }) => {
			const nas = await add_nas(page);
			await page.getByRole("button", { name: "Actions for NAS" }).click();
			await page.getByRole("menuitem", { name: "Change settings" }).click();
			const dialog = page.getByRole("dialog", { name: "Settings of NAS" });
			await dialog.getByText("Advanced").click();
			await dialog.getByLabel("Certificate").selectOption({ label: "CA file" });
			await dialog.getByLabel("Path on this machine (PEM)").fill("/nowhere/ca.pem");
			await dialog.getByRole("button", { name: "Save" }).click();
			await expect(dialog.getByRole("alert")).toContainText("/nowhere/ca.pem cannot be read");
			await look_at(page, "providers-trust-en-light");
			await dialog.getByLabel("Certificate").selectOption({ label: "pinned fingerprint" });
			await dialog.getByLabel("SHA-256 fingerprint").fill(fingerprint.toLowerCase());
			await dialog.getByRole("button", { name: "Save" }).click();
			await expect(nas.getByText("qwen3-8b")).toBeVisible();
			await page.getByRole("button", { name: "Actions for NAS" }).click();
			await page.getByRole("menuitem", { name: "Change settings" }).click();
			await expect(dialog.getByLabel("SHA-256 fingerprint")).toHaveValue(fingerprint);
			await dialog.getByLabel("Certificate").selectOption({ label: "checked by this machine's authorities" });
			await expect(dialog.getByLabel("Requests in one validation, at most")).toHaveValue(""); // none in one's own network
			await dialog.getByLabel("Requests in one validation, at most").fill("250");
			await dialog.getByRole("button", { name: "Save" }).click();
			await expect(dialog).toHaveCount(0);
			await page.getByRole("button", { name: "Actions for NAS" }).click();
			await page.getByRole("menuitem", { name: "Change settings" }).click();
			await dialog.getByText("Advanced").click();
			await expect(dialog.getByLabel("Requests in one validation, at most")).toHaveValue("250");
			await look_at(page, "providers-most-en-light");
			await page.keyboard.press("Escape");
			await expect(nas.getByRole("alert")).toContainText("signed its certificate itself");
			await forget(page, "NAS");
		});
	});
});

test.describe("a vLLM", () => {
	let vllm: ChildProcess;
	let url = "";
	const reset = (wanted: unknown) => fetch(`${url}/stub/reset`, { method: "POST", body: JSON.stringify(wanted) });

	test.beforeAll(async () => {
		vllm = spawn("python3", [STUB.replace("ollama_stub", "openai_stub")], { stdio: ["pipe", "pipe", "inherit"] });
		const port = await new Promise<string>((resolve) => vllm.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim())));
		url = `http://127.0.0.1:${port}`;
	});
	test.afterAll(() => { vllm.kill(); });

	test.describe("and what it refuses", () => {
		test.use({ refusals: 1 });

		test("takes the epochs of a fine-tuned model, where it was started for that", async ({ page }) => {
			await reset({});
			const server = await add(page, "openai", `${url}/v1`, "vLLM");
			await expect(server.getByText("small-lora")).toBeVisible();
			await page.getByRole("button", { name: "Actions for vLLM" }).click();
			await page.getByRole("menuitem", { name: "Load a fine-tuned model" }).click();
			const dialog = page.getByRole("dialog", { name: "Load a fine-tuned model into vLLM" });
			await dialog.getByRole("button", { name: "Add" }).click();
			await expect(dialog.getByRole("alert")).toContainText("VLLM_ALLOW_RUNTIME_LORA_UPDATING");
			await look_at(page, "providers-adapters-refused-en-light");
			await reset({ loads: {} });
			await dialog.getByRole("button", { name: "Add" }).click();
			await expect(page.getByText("Epochs loaded into vLLM: 4.")).toBeVisible();
			await expect(server.getByText(/-epoch-8$/)).toBeVisible();
			await look_at(page, "providers-adapters-en-light");
			await forget(page, "vLLM");
		});
	});
});

for (const language of ["en", "zh-TW"] as const) {
	for (const theme of themes(language)) {
		test(`axe finds nothing on AI providers, ${language}, ${theme}`, async ({ page }) => {
			await load_tiny();
			await add(page, "ollama", ollama, "Lab");
			await look_at(page, `providers-${language}-${theme}`, { language, theme });
		});
	}
}
