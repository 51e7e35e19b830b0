// SPDX-License-Identifier: Apache-2.0
// Where the server of the browser tests comes from: $ASSAY_LINK (a fresh link of one that runs and has a base model and a
// fine-tuned one), else build/bin/assay is started on a data directory of its own with $ASSAY_TEST_MODEL and the demo's epochs.
import { chromium, type FullConfig, type Page } from "@playwright/test";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A stub of a model hub; its address goes to $ASSAY_HUB for the tests that set what it has. */
function start_hub(): Promise<ChildProcess> {
	const child = spawn("python3", [`${ROOT}tests/support/hub_stub.py`], { stdio: ["pipe", "pipe", "inherit"] });
	return new Promise((resolve, reject) => {
		child.stdout.on("data", (chunk: Buffer) => {
			process.env.ASSAY_HUB = `http://127.0.0.1:${chunk.toString().trim()}`;
			resolve(child);
		});
		child.on("error", reject);
	});
}

/** Where other programs keep models is a folder of the test, never the home of who runs it; the hub is the stub, without a token. */
function elsewhere(home: string): NodeJS.ProcessEnv {
	const unset = { HF_HUB_CACHE: "", HUGGINGFACE_HUB_CACHE: "", HF_HOME: "", XDG_CACHE_HOME: "", OLLAMA_MODELS: "", LLAMA_CACHE: "",
		HF_TOKEN: "", HF_TOKEN_PATH: "", HUGGING_FACE_HUB_TOKEN: "" };
	execFileSync("python3", [`${ROOT}tests/support/made_up_home.py`, home], { stdio: "inherit" });
	// Python and llama.cpp's converter are a stub's, with a model that needs them.
	const python = JSON.parse(execFileSync("python3", [`${ROOT}tests/support/python_stub.py`, `${home}/python`]).toString()) as NodeJS.ProcessEnv;
	return { ...process.env, ...unset, ...python, HOME: home, HF_ENDPOINT: process.env.ASSAY_HUB };
}

function start(data: string, home: string): Promise<{ child: ChildProcess; link: string }> {
	const program = process.env.ASSAY_BIN ?? `${ROOT}build/bin/assay`;
	const child = spawn(program, ["serve", "--data", data, "--lan", "127.0.0.2"], { stdio: ["ignore", "pipe", "inherit"], env: elsewhere(home) });
	return new Promise((resolve, reject) => {
		let text = "";
		child.stdout.on("data", (chunk: Buffer) => {
			text += chunk.toString();
			const link = /https?:\/\/\S+#s=\w+/.exec(text)?.[0];
			if (link) resolve({ child, link });
		});
		child.on("error", reject);
		child.on("exit", (code) => reject(new Error(`the server ended with status ${code}`)));
	});
}

/** Calls the API as the page does. */
export async function call(page: Page, method: string, address: string, body?: unknown): Promise<unknown> {
	return page.evaluate(async ([verb, url, json]) => {
		const key = JSON.parse(localStorage.getItem("assay.session") ?? '""');
		const init: RequestInit = { method: verb, headers: { "X-Assay": key, ...(json ? { "Content-Type": "application/json" } : {}) } };
		if (json) init.body = json;
		const response = await fetch(`/api/v1${url}`, init);
		if (!response.ok) throw new Error(`${verb} ${url}: ${await response.text()}`);
		return response.status === 204 ? null : response.json();
	}, [method, address, body === undefined ? "" : JSON.stringify(body)] as const);
}

async function fill(page: Page): Promise<void> {
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number }[] };
	if (models.length === 0) {
		const added = (await call(page, "POST", "/models", { path: process.env.ASSAY_TEST_MODEL })) as { model_ids: number[] };
		await call(page, "POST", "/models", { path: `${ROOT}demo/checkpoints`, base_model_id: added.model_ids[0], name: "Kestrel bot" });
	}
	const { question_sets } = (await call(page, "GET", "/question-sets")) as { question_sets: unknown[] };
	if (question_sets.length === 0) {
		const texts = JSON.parse(readFileSync(`${ROOT}demo/questions.json`, "utf8")) as string[];
		await call(page, "POST", "/question-sets", { name: "kestrel", questions: texts.slice(0, 3).map((text) => ({ text, reference: "see the sheet" })) });
	}
}

export default async function setup(config: FullConfig): Promise<() => Promise<void>> {
	const state = process.env.ASSAY_E2E_STATE ?? "";
	const data = mkdtempSync(path.join(tmpdir(), "assay-e2e-"));
	const home = mkdtempSync(path.join(tmpdir(), "assay-e2e-home-"));
	const hub = process.env.ASSAY_LINK ? null : await start_hub();
	const own = process.env.ASSAY_LINK ? null : await start(data, home);
	process.env.ASSAY_E2E_HOME = own ? home : "";
	const link = process.env.ASSAY_LINK ?? own?.link ?? "";
	process.env.ASSAY_URL = new URL(link).origin;

	const options = config.projects[0]?.use.launchOptions ?? {};
	const browser = await chromium.launch(options);
	const context = await browser.newContext();
	const page = await context.newPage();
	await page.goto(link);
	await page.getByRole("navigation", { name: "Pages" }).waitFor();
	await fill(page);
	// The next visit should be a first one.
	await page.evaluate(() => { for (const key of Object.keys(localStorage)) if (key !== "assay.session") localStorage.removeItem(key); });
	await page.goto("about:blank");
	await context.storageState({ path: state });
	await browser.close();
	return async () => {
		own?.child.removeAllListeners("exit");
		own?.child.kill("SIGTERM");
		hub?.kill("SIGTERM");
		rmSync(data, { recursive: true, force: true });
		rmSync(home, { recursive: true, force: true });
		rmSync(state, { force: true });
	};
}
