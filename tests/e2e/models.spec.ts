// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { dress, look_at, look_at_both, themes } from "./look";
import { expect, server, test } from "./page";
import type { Family } from "../../web/src/types";
import { call } from "./setup";
import { zh } from "./words";

const DEMO = fileURLToPath(new URL("../../demo/checkpoints", import.meta.url));
let folder = "";
test.beforeAll(() => { folder = mkdtempSync(path.join(tmpdir(), "assay-models-")); });
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function open(page: Page): Promise<void> {
	await page.goto(`${server()}/models`);
	await expect(page.getByRole("article", { name: "Kestrel bot" })).toBeVisible();
}
async function add(page: Page, where: string): Promise<void> {
	await page.getByLabel("Folder or GGUF file on the computer that runs assay").fill(where);
	await page.getByRole("button", { name: "Add", exact: true }).click();
}

test("a fine-tuned model shows its epochs in order, their losses, its base model and what is missing", async ({ page }) => {
	await open(page);
	const card = page.getByRole("article", { name: "Kestrel bot" });
	await expect(card.locator("tbody td:first-child")).toContainText(["epoch 1", "epoch 2", "epoch 4", "epoch 8"]);
	await expect(card.locator("tbody td:first-child").last()).toContainText("step 96");
	await expect(card.getByText(/^Base model: SmolLM2/)).toBeVisible();
	await expect(card.getByText("Epochs 3, 5–7 are not on disk.")).toBeVisible();
	await expect(card.getByRole("img", { name: /evaluation loss from/ })).toBeVisible();
	await expect(card.getByText("lowest", { exact: true })).toHaveCount(1);
	const base = page.getByRole("row").filter({ hasText: "SmolLM2-135M-Instruct.Q4_0" });
	await expect(base).toContainText("llama");
	await expect(base).toContainText("135M");
	await expect(base).toContainText("8,192 tokens");
});

test("a name changes where it stands; Escape leaves it", async ({ page }) => {
	await open(page);
	const rename = (name: string) => page.getByRole("button", { name: `Rename ${name}`, exact: true });
	await rename("Kestrel bot").click();
	const field = page.getByRole("textbox", { name: "Rename Kestrel bot" });
	await field.fill("Falcon bot");
	await field.press("Escape");
	await expect(page.getByRole("article", { name: "Kestrel bot" })).toBeVisible();
	await rename("Kestrel bot").click();
	await field.fill("Falcon bot");
	await field.press("Enter");
	await expect(rename("Falcon bot")).toBeFocused();
	await rename("Falcon bot").click();
	await page.getByRole("textbox", { name: "Rename Falcon bot" }).fill("Kestrel bot");
	await page.getByRole("button", { name: "Save" }).click();
	await expect(page.getByRole("article", { name: "Kestrel bot" })).toBeVisible();
});

test("an adapter without its base says which it needs; choosing one makes it usable; removing keeps the files", async ({ page }) => {
	const home = path.join(folder, "orphan");
	cpSync(`${DEMO}/checkpoint-24`, `${home}/checkpoint-24`, { recursive: true });
	const config = `${home}/checkpoint-24/adapter_config.json`;
	const text = readFileSync(config, "utf8").replace(/"base_model_name_or_path": "[^"]*"/, '"base_model_name_or_path": "somebody/lost-base-7B"');
	writeFileSync(config, text);
	await open(page);
	await add(page, home);
	await expect(page.getByText(`Found in ${home}`)).toBeVisible();
	const card = page.getByRole("article", { name: "orphan" });
	await expect(card.getByText('needs its base model "somebody/lost-base-7B"')).toBeVisible();
	await look_at_both(page, "models-needs-base");
	await card.getByLabel("Choose the base model").selectOption({ index: 0 });
	await card.getByRole("button", { name: "Use as base model" }).click();
	await expect(card.getByText(/^Base model: SmolLM2/)).toBeVisible();
	await card.getByRole("button", { name: "Actions for orphan" }).click();
	await page.getByRole("menuitem", { name: "Remove" }).click();
	await expect(page.getByRole("dialog", { name: "Remove “orphan”?" })).toContainText("Its files stay on the disk");
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(card).toHaveCount(0);
	expect(readFileSync(config, "utf8")).toBe(text);
});

test("two fine-tuned models of one name are both in the menu", async ({ page }) => {
	const home = path.join(folder, "twin");
	cpSync(`${DEMO}/checkpoint-12`, `${home}/checkpoint-12`, { recursive: true });
	await open(page);
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number }[] };
	await call(page, "POST", "/models", { path: home, base_model_id: models[0]?.id, name: "Kestrel bot" });
	await page.goto(`${server()}/validate`);
	await page.getByRole("columnheader").nth(1).locator(".model").click();
	await expect(page.getByRole("group", { name: "Kestrel bot" })).toHaveCount(2);
	await page.keyboard.press("Escape");
	await page.goto(`${server()}/models`);
	const twin = page.getByRole("article").filter({ hasText: home });
	await twin.getByRole("button", { name: /^Actions for Kestrel bot/ }).first().click();
	await page.getByRole("menuitem", { name: "Remove" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(twin).toHaveCount(0);
});

test("what cannot be used, in Chinese and dark", async ({ page }) => {
	const file = path.join(folder, "pointer.gguf");
	writeFileSync(file, `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`);
	await open(page);
	await dress(page, { language: "zh-TW", theme: "dark" });
	await page.getByLabel(zh("models_path")).fill(file);
	await page.getByRole("button", { name: zh("common_add"), exact: true }).click();
	const result = page.locator("section").filter({ hasText: zh("models_add_title") });
	await expect(result).toContainText("Git LFS");
	await look_at(page, "models-refused-zh-TW-dark");
	await call(page, "DELETE", `/models/refusals?path=${encodeURIComponent(file)}`);
});

test("what cannot be used is named with its cause and what to do", async ({ page }) => {
	const home = path.join(folder, "broken");
	cpSync(`${DEMO}/checkpoint-12`, `${home}/checkpoint-12`, { recursive: true });
	writeFileSync(`${home}/model.gguf`, `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`);
	await open(page);
	await add(page, home);
	const result = page.locator("section").filter({ hasText: "Add a folder or file" });
	await expect(result.getByText("1 not taken")).toBeVisible();
	await expect(result.getByText(`${home}/model.gguf`, { exact: true })).toBeVisible();
	await expect(result).toContainText("Git LFS");
	await look_at(page, "models-refused-en-light");
	await result.getByRole("button", { name: "Hide this result" }).click();
	await expect(result.getByText("1 not taken")).toHaveCount(0);
	await look_at_both(page, "models-refusals");
	const not_taken = page.getByRole("listitem").filter({ hasText: `${home}/model.gguf` });
	await not_taken.getByRole("button", { name: "Do not show this again" }).click();
	await expect(not_taken).toHaveCount(0);
	await page.getByRole("button", { name: "Actions for broken" }).click();
	await page.getByRole("menuitem", { name: "Remove" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(page.getByRole("article", { name: "broken" })).toHaveCount(0);
});

test.describe("refused by the server", () => {
	test.use({ refusals: 1 });
	test("a path that is not there gets the server's sentence and keeps what was typed", async ({ page }) => {
		await open(page);
		await add(page, "/no/such/folder");
		await expect(page.getByRole("alert")).toContainText("/no/such/folder");
		await expect(page.getByLabel("Folder or GGUF file on the computer that runs assay")).toHaveValue("/no/such/folder");
	});
	test("a folder without models says so and what to do", async ({ page }) => {
		const home = mkdtempSync(path.join(folder, "empty-"));
		await open(page);
		await add(page, home);
		await expect(page.getByRole("alert")).toContainText(home);
		await expect(page.getByRole("alert").getByRole("paragraph")).toHaveCount(2);
	});
	test("a list that cannot be read says so, and can be tried again", async ({ page }) => {
		const refuse = { status: 503, json: { error: { code: "busy", message: "The store is busy.", hint: "Try again." } } };
		await page.route("**/api/v1/models", (route) => route.fulfill(refuse), { times: 1 });
		await page.goto(`${server()}/models`);
		await expect(page.getByRole("alert")).toContainText("The store is busy.");
		await page.getByRole("button", { name: "Retry" }).click();
		await expect(page.getByRole("article", { name: "Kestrel bot" })).toBeVisible();
	});
});

test("without a model the page says what to add", async ({ page }) => {
	await page.route("**/api/v1/models", (route) => route.fulfill({ json: { models: [], families: [], refusals: [] } }));
	await page.goto(`${server()}/models`);
	await expect(page.getByText("No models yet. Add the folder your trainer wrote, or a GGUF file.")).toBeVisible();
	await look_at_both(page, "models-empty");
});

/* --- models of other programs --- */

const FIND = { en: "Look for models on this machine", "zh-TW": "尋找這台電腦上的模型" };
const place = (kind: string, name: string, where: string, more: object = {}) =>
	({ place: kind, place_name: name, path: where, state: "absent", n_found: 0, ...more });
const NOTHING = {
	found: [],
	places: [
		place("huggingface", "Hugging Face", "/home/someone/.cache/huggingface/hub"), place("lmstudio", "LM Studio", "/home/someone/.lmstudio/models"),
		place("ollama", "Ollama", "/home/someone/.ollama/models"), place("llama.cpp", "llama.cpp", "/home/someone/.cache/llama.cpp"),
	],
};
async function find(page: Page, language: "en" | "zh-TW" = "en"): Promise<void> {
	await page.getByRole("button", { name: FIND[language] }).click();
}
const found = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });

test("models of other programs are found with the reason where one cannot be used, and added by choice", async ({ page }) => {
	test.skip(!process.env.ASSAY_E2E_HOME, "the server is not ours");
	await open(page);
	await find(page);
	const owl = found(page, "Owl-Q4_0");
	await expect(owl).toContainText("LM Studio");
	await expect(owl).toContainText(`${process.env.ASSAY_E2E_HOME}/.lmstudio/models/acme/Owl-GGUF/Owl-Q4_0.gguf`);
	await expect(found(page, "wren:1b")).toContainText("also wren:latest");
	await expect(found(page, "wren:1b")).toContainText("Answer in rhymes.");
	await expect(found(page, "acme/Tiny-GGUF:Q8_0")).toContainText("Hugging Face");
	const awq = found(page, "acme/Big-AWQ");
	await expect(awq).toContainText("quantized already (awq)");
	await expect(awq).toContainText("hf download");
	await expect(awq.getByRole("checkbox")).toBeDisabled();
	await expect(page.getByRole("button", { name: "Add selected (0)" })).toBeDisabled();

	await page.getByRole("checkbox", { name: "Select all" }).check();
	await expect(page.getByRole("checkbox", { name: "Select wren:1b" })).toBeChecked();
	await page.getByRole("checkbox", { name: "Select all" }).uncheck();
	await page.getByRole("checkbox", { name: "Select Owl-Q4_0" }).check();
	await page.getByRole("button", { name: "Add selected (1)" }).click();
	await expect(page.getByText("1 model was added.")).toBeVisible();
	await expect(owl.filter({ has: page.getByRole("checkbox") })).toContainText("in the list");
	await expect(page.getByRole("checkbox", { name: "Select Owl-Q4_0" })).toBeDisabled();
	await page.getByRole("button", { name: "Hide this result" }).click();
	await expect(page.getByRole("checkbox")).toHaveCount(0);
	await page.getByRole("button", { name: "Actions for Owl-Q4_0" }).click();
	await page.getByRole("menuitem", { name: "Remove" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(page.getByText("Owl-Q4_0", { exact: true })).toHaveCount(0);
});

/** Answers with nothing, once `go` is called. */
async function hold(page: Page): Promise<() => void> {
	let go = (): void => undefined;
	const gate = new Promise<void>((resolve) => { go = resolve; });
	await page.route("**/api/v1/models/find", async (route) => { await gate; await route.fulfill({ json: NOTHING }); });
	return () => go();
}

test("while it looks the page says so; that nothing was found is no error", async ({ page }) => {
	const go = await hold(page);
	await open(page);
	await find(page);
	await expect(page.getByRole("progressbar", { name: FIND.en.replace("Look", "Looking") })).toBeVisible();
	await expect(page.getByRole("button", { name: FIND.en })).toBeDisabled();
	go();
	await expect(page.getByText("No models of other programs were found.")).toBeVisible();
	await expect(page.getByText("/home/someone/.lmstudio/models")).toBeVisible();
});

const DENIED = {
	en: { code: "denied", message: "Ollama's models in /usr/share/ollama/.ollama/models belong to another user and cannot be read.", hint: "Join Ollama's group and log in again: `sudo usermod -aG ollama $USER`." },
	"zh-TW": { code: "denied", message: "/usr/share/ollama/.ollama/models 的 Ollama 模型屬於其他使用者，無法讀取。", hint: "請加入 Ollama 的群組後重新登入：`sudo usermod -aG ollama $USER`。" },
};
async function deny(page: Page, language: "en" | "zh-TW"): Promise<void> {
	const places = [...NOTHING.places, place("ollama", "Ollama", "/usr/share/ollama/.ollama/models", { state: "unreadable", problem: DENIED[language] })];
	await page.route("**/api/v1/models/find", (route) => route.fulfill({ json: { found: [], places } }));
}

test("a store of another user is named with the command that helps", async ({ page }) => {
	await deny(page, "en");
	await open(page);
	await find(page);
	await expect(page.getByText("sudo usermod -aG ollama $USER")).toBeVisible();
	await expect(page.getByText("/usr/share/ollama/.ollama/models", { exact: true })).toHaveCount(0); // not among those that were looked at
});

test.describe("looking fails", () => {
	test.use({ refusals: 1 });
	test("a failed search says so and can be started again", async ({ page }) => {
		const refuse = { status: 503, json: { error: { code: "busy", message: "The store is busy.", hint: "Try again." } } };
		await page.route("**/api/v1/models/find", (route) => route.fulfill(refuse), { times: 1 });
		await open(page);
		await find(page);
		await expect(page.getByRole("alert")).toContainText("The store is busy.");
		await page.route("**/api/v1/models/find", (route) => route.fulfill({ json: NOTHING }));
		await find(page);
		await expect(page.getByText("No models of other programs were found.")).toBeVisible();
		await expect(page.getByRole("alert")).toHaveCount(0);
	});
});

for (const language of ["en", "zh-TW"] as const) {
	for (const theme of themes(language)) {
		test(`axe finds nothing on what other programs keep, ${language}, ${theme}`, async ({ page }) => {
			test.skip(!process.env.ASSAY_E2E_HOME, "the server is not ours");
			await open(page);
			await dress(page, { language, theme });
			await find(page, language);
			await page.getByRole("checkbox").nth(2).check();
			await look_at(page, `models-found-${language}-${theme}`);
			const again = page.getByRole("button", { name: language === "en" ? "Look again" : "重新尋找" });
			const go = await hold(page);
			await again.click();
			await expect(page.getByRole("progressbar")).toBeVisible();
			await page.screenshot({ path: `test-results/screens/models-find-searching-${language}-${theme}.png` });
			go();
			await expect(page.getByText("/home/someone/.lmstudio/models")).toBeVisible();
			await deny(page, language);
			await again.click();
			await expect(page.getByText("sudo usermod -aG ollama $USER")).toBeVisible();
			await look_at(page, `models-found-nothing-${language}-${theme}`);
		});
	}
}

for (const language of ["en", "zh-TW"] as const) {
	for (const theme of themes(language)) {
		test(`axe finds nothing on Models, ${language}, ${theme}`, async ({ page }) => {
			await open(page);
			await look_at(page, `models-${language}-${theme}`, { language, theme });
		});
	}
}

/** A Hugging Face folder whose one tensor holds `value`. */
function hugging_face(where: string, value: number, more: object = {}): void {
	mkdirSync(where, { recursive: true });
	writeFileSync(`${where}/config.json`, JSON.stringify({ architectures: ["LlamaForCausalLM"], hidden_size: 64, num_attention_heads: 4,
		intermediate_size: 96, vocab_size: 100, num_hidden_layers: 2, max_position_embeddings: 2048, ...more }));
	const header = JSON.stringify({ "model.norm.weight": { dtype: "F32", shape: [4], data_offsets: [0, 16] } }).padEnd(80);
	const size = Buffer.alloc(8);
	size.writeBigUInt64LE(80n);
	writeFileSync(`${where}/model.safetensors`, Buffer.concat([size, Buffer.from(header), Buffer.alloc(16, value)]));
}

test("epochs with full weights say that they are converted, and what training has changed", async ({ page }) => {
	const home = path.join(folder, "full-weights");
	hugging_face(`${home}/Acme-1B`, 0);
	hugging_face(`${home}/acme-run/checkpoint-10`, 1, { _name_or_path: "acme/Acme-1B" });
	hugging_face(`${home}/acme-run/checkpoint-20`, 1, { _name_or_path: "acme/Acme-1B" });
	await open(page);
	await add(page, home);
	const card = page.getByRole("article", { name: "acme-run" });
	await expect(card.getByText("Base model: Acme-1B")).toBeVisible();
	await expect(card.getByText(/^Converted to GGUF when it is first used/)).toBeVisible();
	const alone = page.getByRole("row").filter({ hasText: "Acme-1B" });
	await expect(alone).toContainText("Converted to GGUF when it is first used");
	await alone.getByText("Memory and GPU").click();
	await expect(alone).toContainText("How much memory it needs is known once it has been converted");
	const compare = async (name: string): Promise<void> => {
		await card.getByRole("button", { name: `Actions for ${name}` }).click();
		await page.getByRole("menuitem", { name: "What has training changed?" }).click();
	};
	await compare("checkpoint-10");
	await expect(card.getByText("1 of 1 tensors differ from Acme-1B")).toBeVisible();
	await compare("checkpoint-20");
	await expect(card.getByText("0 of 1 tensors differ from checkpoint-10")).toBeVisible();
	await look_at(page, "models-full-weights-en-light");
	await look_at(page, "models-full-weights-zh-dark", { language: "zh-TW", theme: "dark" });
	await look_at(page, "models-full-weights-en-light", { language: "en", theme: "light" });
	// What it needs and may use is said for all epochs; further ones are found without typing the path again.
	await card.getByText("Memory and GPU").click();
	await expect(card).toContainText("How much memory it needs is known once it has been converted");
	await page.route("**/api/v1/status", async (route) => {
		const response = await route.fetch();
		await route.fulfill({ json: { ...((await response.json()) as object), gpu_support: true,
			gpus: [{ id: "CUDA0", name: "Card", type: "gpu", memory_total: 8e9, memory_free: 7.5e9 }] } });
	});
	await page.reload();
	await card.getByText("Memory and GPU").click();
	await card.getByLabel("Layers on the GPU").selectOption("none");
	await expect.poll(async () => ((await call(page, "GET", "/models")) as { families: Family[] }).families
		.find((family) => family.name === "acme-run")?.checkpoints.map((model) => model.gpu)).toEqual([{ layers: 0, device: "" }, { layers: 0, device: "" }]);
	hugging_face(`${home}/acme-run/checkpoint-30`, 2, { _name_or_path: "acme/Acme-1B" });
	await card.getByRole("button", { name: "Actions for acme-run" }).click();
	await page.getByRole("menuitem", { name: "Look again" }).click();
	await expect(page.getByText("acme-run: 3 epochs")).toBeVisible();
	await expect(card.getByRole("button", { name: "Actions for checkpoint-30" })).toBeVisible();
	for (const name of ["acme-run"]) {
		await card.getByRole("button", { name: `Actions for ${name}` }).click();
		await page.getByRole("menuitem", { name: "Remove" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
		await expect(card).toHaveCount(0);
	}
});
