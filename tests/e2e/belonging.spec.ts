// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { dress, look_at } from "./look";
import { cell, done, expect, server, test } from "./page";
import { call } from "./setup";
import { zh } from "./words";

const DEMO = fileURLToPath(new URL("../../demo", import.meta.url));
const SUPPORT = fileURLToPath(new URL("../support", import.meta.url));
const CHATML = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
	+ "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
let folder = "";
test.beforeAll(() => { folder = mkdtempSync(path.join(tmpdir(), "assay-belonging-")); });
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Found { model_ids: number[]; family_ids: number[] }

function python(program: string, ...words: string[]): void {
	execFileSync("python3", ["-c", `import pathlib, sys; sys.path.insert(0, sys.argv[1]); ${program}`, SUPPORT, ...words]);
}

/** The demo's last epoch as a fine-tuned model of its own; `leave` puts beside it what a trainer would. */
async function add(page: Page, name: string, leave: (home: string) => void = () => undefined): Promise<Found> {
	const home = path.join(folder, name);
	await page.setViewportSize({ width: 1440, height: 1700 });
	mkdirSync(home);
	cpSync(`${DEMO}/checkpoints/checkpoint-96`, `${home}/checkpoint-96`, { recursive: true });
	leave(home);
	await page.goto(`${server()}/models`);
	await expect(page.getByRole("article", { name: "Kestrel bot" })).toBeVisible();
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number }[] };
	const found = (await call(page, "POST", "/models", { path: home, base_model_id: models[0]?.id })) as Found;
	await expect(page.getByRole("article", { name })).toBeVisible();
	return found;
}
async function remove(page: Page, address: string): Promise<void> {
	await page.evaluate(async (url) => {
		const key = JSON.parse(localStorage.getItem("assay.session") ?? '""');
		await fetch(`/api/v1${url}`, { method: "DELETE", headers: { "X-Assay": key } });
	}, address);
}
async function forget(page: Page, found: Found): Promise<void> {
	for (const id of found.family_ids) await remove(page, `/families/${id}`);
}

test("a check with the training file proves that a fine-tuned model belongs to its base, and stays after a reload", async ({ page }) => {
	const found = await add(page, "harrier");
	const card = page.getByRole("article", { name: "harrier" });
	await expect(card.getByText("the name says so, nothing proves it")).toBeVisible();
	await look_at(page, "models-same-name-zh-TW-dark", { language: "zh-TW", theme: "dark" });
	await look_at(page, "models-same-name-en-light", { language: "en", theme: "light" });
	const [chooser] = await Promise.all([page.waitForEvent("filechooser"), card.getByRole("button", { name: "Check with the training file" }).click()]);
	await chooser.setFiles(`${DEMO}/train.jsonl`);
	await expect(card.getByText("Belongs to this base model: verified")).toBeVisible({ timeout: 100_000 });
	await page.reload();
	await expect(card.getByText("Belongs to this base model: verified")).toBeVisible();
	await card.getByText("With the adapter 32 of 32 answers are more likely (train.jsonl)").click();
	await expect(card.getByText("It fits: with the adapter")).toBeVisible();
	await look_at(page, "models-verified-zh-light", { language: "zh-TW", theme: "light" });
	await look_at(page, "models-verified-zh-dark", { language: "zh-TW", theme: "dark" });
	await look_at(page, "models-verified-en-dark", { language: "en", theme: "dark" });
	await forget(page, found);
});

test.describe("refused by the server", () => {
	test.use({ refusals: 1 });
	test("a template of one's own is tried before anything is asked, and what is wrong with it is said", async ({ page }) => {
		const found = await add(page, "kite", (home) => writeFileSync(`${home}/Modelfile`, 'FROM .\nPARAMETER stop "A"\nPARAMETER top_k 7\n'));
		const run = (await call(page, "POST", "/runs", { columns: [{ model_id: found.model_ids[0] }], questions: ["Hello?"], params: { max_tokens: 2 } })) as { id: number };
		await page.goto(`${server()}/validate/${run.id}`);
		await done(page);
		await page.getByRole("button", { name: "as its trainer set it" }).click();
		const dialog = page.getByRole("dialog");
		await expect(dialog.getByLabel("Top-k")).toHaveValue("40");
		await expect(dialog.getByLabel("Stop texts")).toHaveValue("A");
		await expect(dialog.getByText("From the model: Stop texts")).toBeVisible();
		await dialog.getByLabel("Chat template").fill("{% for m in messages %}");
		await dialog.getByRole("button", { name: "Save" }).click();
		await expect(dialog.getByRole("alert")).toContainText("chat template");
		await dialog.getByLabel("Chat template").fill("{% for m in messages %}Q: {{ m.content }} A:{% endfor %}");
		await dialog.getByRole("button", { name: "Show a prompt" }).click();
		await expect(dialog.locator("pre")).toHaveText("Q: What can you do? A:");
		await look_at(page, "validate-own-template-en-light");
		await dialog.getByRole("button", { name: "Save" }).click();
		await expect(dialog).toHaveCount(0);
		await forget(page, found);
	});
	test("a file without answers is refused with what to do", async ({ page }) => {
		const found = await add(page, "osprey");
		const card = page.getByRole("article", { name: "osprey" });
		const [chooser] = await Promise.all([page.waitForEvent("filechooser"), card.getByRole("button", { name: "Check with the training file" }).click()]);
		await chooser.setFiles(`${DEMO}/questions.json`);
		await expect(card.getByRole("alert")).toContainText("has no answers to check with");
		await expect(card.getByRole("alert")).toContainText("Give the file that it was trained on");
		await look_at(page, "models-no-answers-en-light");
		await forget(page, found);
	});
	test("a file without answers, in Chinese and dark", async ({ page }) => {
		const found = await add(page, "hobby");
		await dress(page, { language: "zh-TW", theme: "dark" });
		const card = page.getByRole("article", { name: "hobby" });
		const [chooser] = await Promise.all([page.waitForEvent("filechooser"), card.getByRole("button", { name: zh("models_check_with_file") }).click()]);
		await chooser.setFiles(`${DEMO}/questions.json`);
		await expect(card.getByRole("alert")).toBeVisible();
		await look_at(page, "models-no-answers-zh-TW-dark");
		await forget(page, found);
	});
});

test("the template that the trainer left is used, its source is shown, and another one can be chosen", async ({ page }) => {
	const found = await add(page, "merlin", (home) => {
		writeFileSync(`${home}/checkpoint-96/tokenizer_config.json`, JSON.stringify({ chat_template: CHATML }));
		writeFileSync(`${home}/Modelfile`, 'FROM .\nTEMPLATE """### Human: {{ .Prompt }}"""\nSYSTEM "Answer as the support desk."\nPARAMETER stop "<|im_end|>"\nPARAMETER num_ctx 4096\n');
	});
	const card = page.getByRole("article", { name: "merlin" });
	const choice = card.getByLabel("Chat template of merlin");
	await expect(choice).toHaveValue("");
	await expect(choice.locator("option:checked")).toHaveText("from the checkpoint");
	await expect(card.getByText("differs from the base model's")).toBeVisible();
	await card.getByText("What the trainer left").click();
	await expect(card.getByText("System prompt: Answer as the support desk.")).toBeVisible();
	await expect(card.getByText("is of no family that assay knows")).toBeVisible();
	await look_at(page, "models-template-en-light");
	await dress(page, { language: "zh-TW", theme: "dark" });
	await card.getByText("訓練程式留下的設定").click();
	await look_at(page, "models-template-zh-dark");
	await dress(page, { language: "en", theme: "light" });

	await choice.selectOption("base");
	await expect(card.getByText("differs from the base model's")).toHaveCount(0);
	await choice.selectOption("llama3");
	await expect(card.getByText("differs from the base model's")).toBeVisible();
	await page.reload();
	await expect(choice).toHaveValue("llama3");
	await choice.selectOption("");
	await expect(choice.locator("option:checked")).toHaveText("from the checkpoint");

	const run = (await call(page, "POST", "/runs", { columns: [{ model_id: found.model_ids[0] }], questions: ["Hello?"], params: { max_tokens: 2 } })) as { id: number };
	await page.goto(`${server()}/validate/${run.id}`);
	await done(page);
	await cell(page, 0, 0).hover();
	await cell(page, 0, 0).getByRole("button", { name: "Prompt actually sent" }).click();
	await expect(page.getByRole("dialog")).toContainText("Answer as the support desk.");
	await expect(page.getByRole("dialog")).toContainText("<|im_start|>user");
	await expect(page.getByRole("dialog")).toContainText('Stop texts: "<|im_end|>"');
	await expect(page.getByRole("dialog")).toContainText("From the model: System prompt, Chat template, Stop texts, Context");
	await page.keyboard.press("Escape");
	await expect(page.getByRole("button", { name: "as its trainer set it" })).toBeVisible();
	await forget(page, found);
});

test.describe("one's own text", () => {
	test.use({ refusals: 1 });
	test("a text of one's own is a fine-tuned model's template, once the worker has tried it", async ({ page }) => {
		const found = await add(page, "kestrel2");
		const card = page.getByRole("article", { name: "kestrel2" });
		const choice = card.getByLabel("Chat template of kestrel2");
		const dialog = page.getByRole("dialog", { name: "Own chat template of kestrel2" });
		await choice.selectOption("Own text…");
		await expect(dialog.getByLabel("Chat template")).toHaveValue(/im_start/); // it begins with what is in use
		await dialog.getByRole("button", { name: "Cancel" }).click();
		await expect(choice).toHaveValue("");
		await choice.selectOption("Own text…");
		await expect(dialog.getByLabel("Chat template")).toHaveValue(/im_start/);
		await dialog.getByLabel("Chat template").fill("{% for m in messages %}");
		await dialog.getByRole("button", { name: "Save" }).click();
		await expect(dialog.getByRole("alert")).toContainText("chat template");
		await dialog.getByLabel("Chat template").fill("{% for m in messages %}Q: {{ m.content }} A:{% endfor %}");
		await dialog.getByRole("button", { name: "Show a prompt" }).click();
		await expect(dialog.locator("pre")).toHaveText("Q: What can you do? A:");
		await look_at(page, "models-own-template-en-light");
		await dialog.getByRole("button", { name: "Save" }).click();
		await expect(dialog).toHaveCount(0);
		await expect(choice.locator("option:checked")).toHaveText("own text");
		await page.reload();
		await expect(choice).toHaveValue("own");
		await expect(card.getByText("differs from the base model's")).toBeVisible();
		await look_at(page, "models-own-template-zh-dark", { language: "zh-TW", theme: "dark" });
		await forget(page, found);
	});
});

test("a base model of the same shapes that is another one is found out", async ({ page }) => {
	const wrong = path.join(folder, "thing.gguf");
	python("from wrong_base import wrong_base; wrong_base(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))", process.env.ASSAY_TEST_MODEL ?? "", wrong);
	const found = await add(page, "shrike");
	const other = (await call(page, "POST", "/models", { path: wrong })) as Found;
	await call(page, "PATCH", `/families/${found.family_ids[0]}`, { base_model_id: other.model_ids[0] });
	const card = page.getByRole("article", { name: "shrike" });
	await expect(card.getByText("Belongs to this base model: only the sizes fit")).toBeVisible();
	const [chooser] = await Promise.all([page.waitForEvent("filechooser"), card.getByRole("button", { name: "Check with the training file" }).click()]);
	await chooser.setFiles(`${DEMO}/train.jsonl`);
	await expect(card.getByText("Does probably not belong to this base model")).toBeVisible({ timeout: 100_000 });
	await expect(card.getByText("the training answers should become more likely. They did not.")).toBeVisible();
	await look_at(page, "models-wrong-base-en-light");
	await look_at(page, "models-wrong-base-zh-light", { language: "zh-TW", theme: "light" });
	await look_at(page, "models-wrong-base-en-dark", { language: "en", theme: "dark" });
	await forget(page, found);
	await remove(page, `/models/${other.model_ids[0]}`);
});

test("a model without a template says so, and takes a preset", async ({ page }) => {
	python("from tiny_gguf import gguf; gguf(pathlib.Path(sys.argv[2]))", path.join(folder, "bare.gguf"));
	await page.goto(`${server()}/models`);
	await expect(page.getByRole("article", { name: "Kestrel bot" })).toBeVisible();
	const { model_ids } = (await call(page, "POST", "/models", { path: path.join(folder, "bare.gguf") })) as Found;
	const row = page.getByRole("row").filter({ hasText: "bare" });
	await expect(row.getByText("so it is asked with the bare question. If it was trained with one, choose it here.")).toBeVisible();
	await look_at(page, "models-no-template-en-light");
	await look_at(page, "models-no-template-zh-light", { language: "zh-TW", theme: "light" });
	await dress(page, { language: "en", theme: "light" });
	await row.getByLabel("Chat template of bare").selectOption("chatml");
	await expect(row.getByText("so it is asked with the bare question")).toHaveCount(0);
	await expect(row.getByLabel("Chat template of bare")).toHaveValue("chatml");
	await remove(page, `/models/${model_ids[0]}`);
});
