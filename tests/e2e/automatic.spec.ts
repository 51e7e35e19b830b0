// SPDX-License-Identifier: Apache-2.0
// Automatic validation: from the start form to a result on the real small model, and what each kind of result offers.
import type { Page } from "@playwright/test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dress, look_at, themes } from "./look";
import { ask, done, drop_all, expect, open_empty, server, test } from "./page";
import { questions_of, say, SCENARIOS, selection_of, type Language } from "./selection_kinds";
import { call } from "./setup";

const SHOWN = 900_001;

interface List { models: { id: number }[]; families: { id: number; base_model_id: number; checkpoints: { id: number }[] }[] }

/** Shows a result of one kind as if the server had it. */
async function show(page: Page, at: number, run_id: number, language: Language = "en"): Promise<void> {
	const scenario = SCENARIOS[at];
	if (!scenario) throw new Error(`no scenario ${at}`);
	await page.goto(`${server()}/automatic`);
	const { families } = (await call(page, "GET", "/models")) as List;
	const [family] = families;
	const ids = family ? [family.base_model_id, ...family.checkpoints.map((model) => model.id)] : [];
	await page.route(`**/api/v1/selections/${SHOWN}`, (route) => route.fulfill({ json: selection_of(scenario, language, SHOWN, run_id, family?.id ?? null, ids) }));
	await page.route(`**/api/v1/selections/${SHOWN}/questions?*`, (route) => route.fulfill({ json: questions_of() }));
	await page.setViewportSize({ width: 1280, height: 1500 }); // main scrolls, and all of it should be looked at
	await page.goto(`${server()}/automatic/${SHOWN}`);
}
/** A run that a result may point at. */
async function some_run(page: Page): Promise<number> {
	const { runs } = (await call(page, "GET", "/runs")) as { runs: { id: number; state: string; n_columns: number }[] };
	const found = runs.find((run) => run.state === "done" && run.n_columns > 1);
	if (found) return found.id;
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?", "How long is the warranty?");
	return Number(page.url().split("/").pop());
}
async function max_tokens(page: Page, n: number): Promise<void> {
	await page.getByText("Advanced").click();
	await page.getByLabel("Max tokens").fill(String(n));
	await page.getByLabel("Max tokens").blur();
}
const button = (page: Page, name: string | RegExp): ReturnType<Page["getByRole"]> => page.getByRole("main").getByRole("button", { name, exact: typeof name === "string" });

test("from a family and questions to a result that stays, with its answers, its numbers and its reports", async ({ page }) => {
	test.setTimeout(300_000);
	await page.goto(`${server()}/validate`);
	await page.getByRole("navigation", { name: "Kind of validation" }).getByRole("link", { name: "Automatic" }).click();
	await expect(page).toHaveURL(/\/automatic$/);
	await page.getByLabel("Questions").selectOption({ label: "kestrel · 3 questions, 3 with answers" });
	await expect(page.getByRole("main").getByText("reference answers 3 of 3 · judge none")).toBeVisible();
	await expect(page.getByRole("main").getByText("5 models, 3 questions")).toBeVisible();
	await max_tokens(page, 12);
	await button(page, "Find the best").click();
	await expect(page).toHaveURL(/\/automatic\/\d+$/);
	await expect(page.getByText("Every model answers the questions")).toBeVisible();
	const address = page.url();
	await page.goto(`${server()}/models`);
	await page.goto(address);
	await expect(page.getByText(/^3 questions are too few to decide\. Add at least 17 more/)).toBeVisible({ timeout: 200_000 });
	await look_at(page, "automatic-real-en-light");
	await page.getByText("The numbers behind it").click();
	await expect(page.getByRole("region", { name: "The numbers behind it" }).getByRole("row")).toHaveCount(6);
	const download = page.waitForEvent("download");
	await button(page, "Report").click();
	await page.getByRole("menuitem", { name: "HTML report" }).click();
	expect((await download).suggestedFilename()).toMatch(/\.html$/);
	await page.goto(`${server()}/automatic`);
	await page.getByRole("link", { name: /^Kestrel bot · kestrel/ }).first().click();
	await expect(page).toHaveURL(address);
	await button(page, "Look at the answers").click();
	await expect(page).toHaveURL(/\/validate\/\d+$/);
	await done(page);
	await expect(page.getByText(/^from validation/)).toHaveCount(0);
	// The same once more: the answers are taken over, and each says so.
	await page.goto(`${server()}/automatic`);
	await page.getByLabel("Questions").selectOption({ label: "kestrel · 3 questions, 3 with answers" });
	await max_tokens(page, 12);
	await button(page, "Find the best").click();
	await button(page, "Look at the answers").click({ timeout: 60_000 });
	await expect(page.getByText(/^from validation \d+$/)).toHaveCount(15);
});

test("one that is stopped can go on, and what was computed is kept", async ({ page }) => {
	test.setTimeout(300_000);
	await page.goto(`${server()}/automatic`);
	await page.getByLabel("Questions").selectOption({ label: "kestrel · 3 questions, 3 with answers" });
	await max_tokens(page, 200);
	await button(page, "Find the best").click();
	await button(page, "Stop").click();
	await expect(page.getByText("It was stopped. What was computed is kept.")).toBeVisible({ timeout: 60_000 });
	await look_at(page, "automatic-stopped-en-light");
	await button(page, "Continue").click();
	await expect(page.getByText(/^3 questions are too few to decide/)).toBeVisible({ timeout: 250_000 });
});

test("the answers of a manual validation are judged from its own page and from the list", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?");
	await button(page, "Judge these answers").click();
	await expect(page).toHaveURL(/\/automatic\/\d+$/);
	await expect(page.getByText(/^Too few questions to decide \(1\), and nothing/)).toBeVisible({ timeout: 60_000 });
	await page.goto(`${server()}/results`);
	await page.getByRole("button", { name: /^Actions for/ }).first().click();
	await page.getByRole("menuitem", { name: "Judge these answers" }).click();
	await expect(page).toHaveURL(/\/automatic\/\d+$/);
});

/** At the second question of a rating session: goes back to the first, takes its thumb away and gives it again, and comes forward. */
async function change_mind(page: Page): Promise<void> {
	const question = page.locator(".question.large");
	const here = await question.innerText();
	await page.keyboard.press("ArrowLeft");
	await expect(question).not.toHaveText(here);
	await expect(button(page, "Previous question")).toBeDisabled();
	const liked = page.locator("section.liked");
	const is_first = await page.getByRole("region", { name: /^Answer of A to/ }).evaluate((answer) => answer.classList.contains("liked")); // answers are shuffled
	await liked.getByRole("button", { name: /^Take/ }).click();
	await expect(liked).toHaveCount(0);
	await button(page, "Next question").click();
	await expect(question).toHaveText(here, { useInnerText: true });
	await button(page, "Previous question").click();
	await expect(question).not.toHaveText(here);
	await page.keyboard.press(is_first ? "1" : "2");
	await expect(liked).toHaveCount(1);
	await page.keyboard.press("ArrowRight");
	await expect(question).toHaveText(here, { useInnerText: true });
}

test("where nothing can judge, twenty thumbs on the most telling questions decide", async ({ page }) => {
	test.setTimeout(400_000);
	await page.goto(`${server()}/automatic`);
	const { families } = (await call(page, "GET", "/models")) as List;
	const [family] = families;
	const last = family?.checkpoints.at(-1)?.id;
	const lines = readFileSync(fileURLToPath(new URL("../../demo/questions.jsonl", import.meta.url)), "utf8").trim().split("\n");
	const asked_of_all = lines.slice(0, 24).map((line) => (JSON.parse(line) as { question: string }).question);
	const body = { model_ids: [family?.base_model_id, last], questions: asked_of_all, params: { max_tokens: 12 }, judge: "none" };
	const { id, run_id } = (await call(page, "POST", "/selections", body)) as { id: number; run_id: number };
	await page.goto(`${server()}/automatic/${id}`);
	await button(page, "Rate 20 questions yourself (about 5 min)").click({ timeout: 200_000 });
	const { questions } = (await call(page, "GET", `/runs/${run_id}/questions?limit=100`)) as { questions: { text: string; cells: { text: string }[] }[] };
	for (let n = 0; n < 20; n++) {
		await expect(page.getByText(`${n} of about 20 rated`)).toBeVisible();
		const asked = await page.locator(".question.large").innerText();
		const [worse, better] = questions.find((one) => asked.includes(one.text))?.cells ?? [];
		const same = (worse?.text ?? "").includes(better?.text.trim() ?? ""); // then the longer one is the base model's
		const answers = page.getByRole("region", { name: /^Answer / });
		const answer = same ? answers.filter({ hasNotText: worse?.text.trim() ?? "" }) : answers.filter({ hasText: better?.text.trim() ?? "" });
		await answer.getByRole("button", { name: /^Like/ }).click();
		await expect(answer).toHaveClass(/liked/);
		if (n === 1) await change_mind(page);
		await button(page, "Next question").click();
		// The number alone does not tell that it is another question: who went back has counted already.
		if (n < 19) await expect(page.locator(".question.large")).not.toHaveText(asked, { useInnerText: true });
	}
	await expect(page.getByText("20 of about 20 rated")).toBeVisible();
	await expect(button(page, "Next question")).toHaveCount(0);
	await button(page, "Decide again").click();
	await expect(page).toHaveURL(new RegExp(`/automatic/${id}$`));
	await expect(page.getByText("Use epoch 8. Where its answer and the base model's differed in quality, its answer was better in 20 of 20 questions.")).toBeVisible({ timeout: 60_000 });
	await button(page, "20 of 24 questions decided it").click();
	await expect(page.getByText("decided by: your ratings").first()).toBeVisible();
});

test("files that are dropped become question sets, the last one is chosen; models can be chosen one by one", async ({ page }) => {
	await page.goto(`${server()}/automatic`);
	await expect(page.getByLabel("Fine-tuned model")).toBeVisible();
	await drop_all(page, { "other.json": '["Another?"]', "mine.jsonl": '{"question": "One?", "answer": "1"}\n{"question": "Two?"}\n' });
	for (const name of ["other.json", "mine.jsonl"]) {
		await expect(page.getByRole("dialog").getByRole("heading")).toContainText(name);
		await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
	}
	await expect(page.getByRole("main").getByText("reference answers 1 of 2")).toBeVisible();
	await page.getByLabel("Fine-tuned model").selectOption({ label: "Other models (choose below)" });
	await expect(button(page, "Find the best")).toBeDisabled();
	for (const box of await page.getByRole("group", { name: /^Models to compare/ }).getByRole("checkbox").all()) await box.check();
	await expect(page.getByRole("main").getByText(/^5 models, 2 questions/)).toBeVisible();
	await page.goto(`${server()}/models`);
	await page.goto(`${server()}/automatic`);
});

for (const [at, { kind, sentence }] of SCENARIOS.entries()) {
	test(`${kind}: a sentence of its own, in both languages and themes, on both sizes`, async ({ page }) => {
		test.setTimeout(240_000);
		await page.goto(`${server()}/automatic`);
		const run_id = await some_run(page);
		for (const language of ["en", "zh-TW"] as const) {
			await show(page, at, run_id, language);
			for (const theme of themes(language)) {
				await look_at(page, `automatic-${kind}-${language}-${theme}`, { language, theme });
				await expect(page.getByText(say(language, sentence), { exact: true })).toBeVisible();
			}
			await page.setViewportSize({ width: 390, height: 1900 });
			await look_at(page, `automatic-${kind}-${language}-390`);
			expect(await page.locator("main").evaluate((main) => main.scrollWidth <= main.clientWidth)).toBe(true);
			await page.unrouteAll();
		}
	});
}

test("what decided it opens into answers side by side", async ({ page }) => {
	await page.goto(`${server()}/automatic`);
	await show(page, 0, await some_run(page));
	await button(page, "45 of 68 questions decided it").click();
	await expect(page.getByText("204 of 340 answers were taken over from earlier validations.")).toBeVisible();
	const list = page.getByRole("region", { name: "45 of 68 questions decided it" });
	await expect(list.getByText("The Kestrel K7 uses the Halden Q5, an eight-core processor.").first()).toBeVisible();
	await expect(list.getByText("repeats training text").first()).toBeVisible();
	await list.getByText("How long is the warranty of the Kestrel K7?").click();
	await look_at(page, "automatic-questions-en-light");
	await button(page, "45 of 68 questions decided it").click();
	await expect(list).toHaveCount(0);
	await page.getByText("The numbers behind it").click();
	await look_at(page, "automatic-numbers-en-light");
});
test("the judge's report card says what it found and what it is inclined to", async ({ page }) => {
	await page.goto(`${server()}/automatic`);
	await show(page, 2, await some_run(page));
	await page.getByText("Judge report card").click();
	await expect(page.getByText("Qwen2.5-1.5B-Instruct found 94 of 104 planted mistakes.")).toBeVisible();
	await expect(page.getByText("Same opinion as people, 36 shared pairs")).toBeVisible();
	await look_at(page, "automatic-judge-en-light");
});
test("the winner is what Create proposes, whatever was liked", async ({ page }) => {
	await page.goto(`${server()}/automatic`);
	await show(page, 2, await some_run(page)); // epoch 2
	await button(page, "Create").click();
	await page.getByRole("menuitem", { name: "Save as a file" }).click();
	await expect(page.getByRole("dialog").getByRole("radio", { name: /epoch 2/ })).toBeChecked();
});
for (const language of ["en", "zh-TW"] as const)
	for (const theme of themes(language))
		test(`the start, and rating one question at a time without names, ${language}, ${theme}`, async ({ page }) => {
			await page.goto(`${server()}/automatic`);
			const run = await some_run(page);
			await page.goto(`${server()}/automatic`);
			await dress(page, { language, theme });
			await page.getByText(say(language, ["validate_advanced"])).click();
			await expect(page.getByLabel(say(language, ["auto_fresh"]))).not.toBeChecked();
			await look_at(page, `automatic-start-${language}-${theme}`);
			const plan = { n_rated: 3, n_more: 17, questions: [{ question_id: 1, position: 0 }] };
			await page.route(`**/api/v1/selections/${SHOWN}/rating`, (route) => route.fulfill({ json: plan }));
			await show(page, 5, run, language);
			await button(page, say(language, ["selection_next_rate"])).click();
			await expect(page).toHaveURL(new RegExp(`/validate/${run}$`));
			await expect(page.getByText(say(language, ["validate_rated", { n: 3, m: 20 }]))).toBeVisible();
			const hidden = page.getByLabel(say(language, ["validate_hide_names"]));
			await expect(hidden).toBeChecked();
			await look_at(page, `automatic-rating-${language}-${theme}`);
			await hidden.uncheck();
		});
test("more questions come from a file, another judge from a menu, and a checked model from its page", async ({ page }) => {
	await page.goto(`${server()}/automatic`);
	const run = await some_run(page);
	await show(page, 3, run);
	const chooser = page.waitForEvent("filechooser");
	await button(page, "Add questions: about 120").click();
	await (await chooser).setFiles({ name: "more.txt", mimeType: "text/plain", buffer: Buffer.from("What is new?\n") });
	await expect(page.getByRole("dialog")).toContainText("new questions only");
	await page.keyboard.press("Escape");
	await page.unrouteAll();
	await show(page, 5, run);
	await button(page, "Choose another judge").click();
	await page.getByRole("menuitem", { name: "Add a model" }).click();
	await expect(page).toHaveURL(/\/models$/);
	await page.unrouteAll();
	await show(page, 7, run);
	await button(page, "Check the model").click();
	await expect(page).toHaveURL(/\/models$/);
});
test("when time is up, it goes on at a press", async ({ page }) => {
	await page.goto(`${server()}/automatic`);
	await show(page, 9, await some_run(page));
	let body: unknown;
	await page.route(`**/api/v1/selections/${SHOWN}/resume`, (route) => {
		body = route.request().postDataJSON();
		return route.fulfill({ json: { ...selection_of(SCENARIOS[9] as (typeof SCENARIOS)[number], "en", SHOWN, 1, null, []), state: "running", decision: null, steps: [{ name: "answers", state: "running", fraction: 0.4, seconds: 1 }], remaining_ms: 90_000 } });
	});
	await button(page, "Continue").click();
	await expect(page.getByText("40%")).toBeVisible();
	await expect(page.getByText("about 2 min left")).toBeVisible();
	expect(body).toEqual({ budget_s: 0 });
});
