// SPDX-License-Identifier: Apache-2.0
import type { Page } from "@playwright/test";
import { look_at } from "./look";
import { ask, box, cell, done, drop, drop_all, expect, open_empty, server, test } from "./page";
import { call } from "./setup";

test("a first visit shows a base model and the last epoch with the server's questions, and one press answers them", async ({ page }) => {
	await page.goto(`${server()}/`);
	await expect(page.getByRole("columnheader")).toHaveCount(4); // question, two models, the plus
	await expect(page.getByRole("button", { name: /epoch 8/ }).first()).toBeVisible();
	// The newest question set, whichever test added it.
	const { question_sets } = (await call(page, "GET", "/question-sets")) as { question_sets: { n_questions: number }[] };
	const n = question_sets[0]?.n_questions ?? 0;
	expect(n).toBeGreaterThan(0);
	await expect(page.getByRole("row")).toHaveCount(1 + n);
	await expect(page.getByRole("button", { name: "same settings" })).toHaveCount(2);
	await page.getByLabel("Max tokens").fill("12");
	await page.getByRole("button", { name: "Submit" }).click();
	await done(page);
	await expect(page.locator('.cell[data-state="done"]')).toHaveCount(2 * n);
	await page.reload();
	await expect(page.locator('.cell[data-state="done"]')).toHaveCount(2 * n);
});

test("Enter adds, Shift+Enter breaks the line, Ctrl+Enter submits; a composing input method does neither", async ({ page }) => {
	await open_empty(page);
	await box(page).fill("你好");
	for (const init of [{ key: "Enter", isComposing: true }, { key: "Enter", keyCode: 229 }]) {
		await box(page).dispatchEvent("keydown", { ...init, bubbles: true, cancelable: true });
	}
	await expect(box(page)).toHaveValue("你好");
	await box(page).press("Shift+Enter");
	await box(page).pressSequentially("世界");
	await expect(box(page)).toHaveValue("你好\n世界");
	await box(page).press("Enter");
	await expect(page.getByRole("rowheader")).toContainText("你好\n世界");
	await box(page).fill("Which CPU does the Kestrel K7 use?");
	await box(page).press("Control+Enter");
	await done(page);
	await expect(page.getByRole("rowheader")).toHaveCount(2);
});

test("thumbs count at once, can be taken back, follow the keyboard, and are there after a reload", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?");
	const thumb = cell(page, 0, 1).getByRole("button", { name: /^Like/ });
	await thumb.click();
	await expect(cell(page, 0, 1).locator(".thumb")).toHaveAttribute("aria-pressed", "true");
	await expect(page.getByTitle("likes: 1 of 1")).toBeVisible();
	await page.keyboard.press("1");
	await expect(page.getByTitle("likes: 1 of 1")).toHaveCount(2);
	await page.reload();
	await expect(page.getByTitle("likes: 1 of 1")).toHaveCount(2);
	await page.keyboard.press("0");
	await expect(page.getByTitle("likes: 0 of 1")).toHaveCount(2);
	await page.keyboard.press("2");
	await expect(cell(page, 0, 1).locator(".thumb")).toHaveAttribute("aria-pressed", "true");
});

test("the line that digits vote on is marked, and comes into sight before it gets a thumb", async ({ page }) => {
	await open_empty(page);
	await page.setViewportSize({ width: 1440, height: 420 });
	await ask(page, "One?", "Two?", "Three?", "Four?");
	const mark = (line: number): Promise<string> => page.getByRole("rowheader").nth(line).evaluate((head) => getComputedStyle(head).boxShadow);
	expect(await mark(0)).not.toBe("none");
	await cell(page, 1, 0).getByRole("button", { name: /^Like/ }).click();
	expect([await mark(0), await mark(1)].map((one) => one === "none")).toEqual([true, false]);
	const grid = page.getByRole("grid");
	await grid.evaluate((table) => table.scrollTo(0, table.scrollHeight));
	await expect(cell(page, 1, 0)).not.toBeInViewport();
	await page.keyboard.press("2");
	await expect(cell(page, 1, 1).locator(".thumb")).toHaveAttribute("aria-pressed", "true");
	await expect(cell(page, 1, 1).locator(".thumb")).toBeInViewport();
	// What is in sight stays where it is.
	const top = await grid.evaluate((table) => table.scrollTop);
	await page.keyboard.press("2");
	await expect(cell(page, 1, 1).locator(".thumb")).toHaveAttribute("aria-pressed", "false");
	expect(await grid.evaluate((table) => table.scrollTop)).toBe(top);
});

test.describe("with a refusal", () => {
	test.use({ refusals: 1 });

	test("a refused thumb goes back and says why", async ({ page }) => {
		await open_empty(page);
		await ask(page, "What OS does the Kestrel K7 ship with?");
		await page.route("**/cells/*/vote", (route) => route.fulfill({ status: 409, json: { error: { code: "io", message: "The disk is full." } } }));
		await cell(page, 0, 0).locator(".thumb").click();
		await expect(page.getByRole("status").filter({ hasText: "The disk is full." })).toBeVisible();
		await expect(cell(page, 0, 0).locator(".thumb")).toHaveAttribute("aria-pressed", "false");
		await expect(page.getByTitle("likes: 0 of 1")).toHaveCount(2);
	});

	test("what is no question file says so before anything is taken", async ({ page }) => {
		await open_empty(page);
		await drop(page, "q.json", "{ not json");
		await expect(page.getByRole("dialog").getByRole("alert")).toBeVisible();
		await expect(page.getByRole("dialog").getByRole("button", { name: "Add" })).toBeDisabled();
	});

	test("a validation that does not exist says so", async ({ page }) => {
		await page.goto(`${server()}/validate/999999999`);
		await expect(page.getByRole("alert")).toBeVisible();
		await page.getByRole("button", { name: "Go to Validate" }).click();
		await expect(page.getByRole("button", { name: "Submit" })).toBeVisible();
	});
});

test("the questions of an appended file stand behind those that were typed before, and are asked in that order", async ({ page }) => {
	await open_empty(page, 8);
	await box(page).fill("Which came first?");
	await box(page).press("Enter");
	await drop(page, "more.json", JSON.stringify(["Which came second?", "Which came third?"]));
	await page.getByRole("dialog").getByRole("button", { name: "Append" }).click();
	await box(page).fill("Which came last?");
	await box(page).press("Enter");
	const wanted = ["first", "second", "third", "last"].map((word) => new RegExp(`Which came ${word}`));
	await expect(page.getByRole("rowheader")).toHaveText(wanted);
	await page.getByRole("button", { name: "Submit" }).click();
	await done(page);
	await expect(page.getByRole("rowheader")).toHaveText(wanted);
	await expect(page.locator('.cell[data-state="done"]')).toHaveCount(8);
});

test("Reset clears the questions only, and can be undone", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which GPU drives the displays of the Osprey O5?");
	const address = page.url();
	await page.getByRole("button", { name: "Reset" }).click();
	await expect(page).toHaveURL(/\/validate$/);
	await expect(page.getByRole("rowheader")).toHaveCount(0);
	await expect(page.getByLabel("Max tokens")).toHaveValue("16");
	// The message with Undo stands above the buttons, not on them.
	const [message, form] = await Promise.all([page.locator(".toast").last().boundingBox(), page.locator("main form").boundingBox()]);
	expect((message?.y ?? 0) + (message?.height ?? 0)).toBeLessThanOrEqual(form?.y ?? 0);
	await page.getByRole("button", { name: "Undo" }).first().click();
	await expect(page).toHaveURL(address);
	await expect(page.locator('.cell[data-state="done"]')).toHaveCount(2);
});

test("new questions join a finished validation, other settings begin a new one", async ({ page }) => {
	await open_empty(page);
	await ask(page, "How many HDMI screens can be connected to the Heron H2?");
	const first = page.url();
	await ask(page, "What network ports are on the Osprey O5?");
	expect(page.url()).toBe(first);
	await expect(page.locator('.cell[data-state="done"]')).toHaveCount(4);
	await page.getByLabel("Temperature").fill("0.5");
	await page.getByLabel("Temperature").blur();
	await expect(page.getByText("Submit starts a new validation")).toBeVisible();
	await page.getByRole("button", { name: "Submit" }).click();
	await expect(page).not.toHaveURL(first);
	await done(page);
	await expect(page.locator('.cell[data-state="done"]')).toHaveCount(4);
});

test("what is asked of a long validation comes into sight, and the next question can be typed", async ({ page }) => {
	await open_empty(page);
	await page.setViewportSize({ width: 1440, height: 480 });
	await ask(page, "One?", "Two?", "Three?", "Four?");
	await expect(cell(page, 0, 0)).toBeInViewport();
	await box(page).fill("Five?");
	await box(page).press("Control+Enter");
	await expect(cell(page, 4, 0)).toBeInViewport();
	await expect(box(page)).toBeFocused();
	await done(page);
	// Also before it is sent, and where one question has the page.
	await page.getByRole("grid").evaluate((table) => table.scrollTo(0, 0));
	await expect(cell(page, 4, 0)).not.toBeInViewport();
	await box(page).fill("Six?");
	await box(page).press("Enter");
	await expect(cell(page, 5, 0)).toBeInViewport();
	await page.getByRole("button", { name: "One question at a time" }).click();
	await box(page).fill("Seven?");
	await box(page).press("Enter");
	await expect(page.getByText("7 of 7", { exact: true })).toBeVisible();
});

test("Stop keeps what is there, Continue answers the rest", async ({ page }) => {
	await open_empty(page, 48);
	for (let n = 1; n <= 8; n++) {
		await box(page).fill(`Write a long story about the number ${n}.`);
		await box(page).press("Enter");
	}
	await page.getByRole("button", { name: "Submit" }).click();
	await expect(page.locator('.cell[data-state="done"]').first()).toBeVisible({ timeout: 60_000 });
	await page.getByRole("button", { name: "Stop" }).click();
	await expect(page.getByText("of 8 questions answered by every model. You can download and create now")).toBeVisible();
	await expect(page.locator('.cell[data-state="done"]').first()).toBeVisible();
	await page.getByRole("button", { name: "Continue" }).click();
	await expect(page.getByText("8 of 8 questions answered by every model.")).toBeVisible({ timeout: 90_000 });
});

test("an interrupted validation says why, on its page and in the list", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?");
	// A full disk is made in tests/fault; here its reply is repeated.
	const problem = { code: "io", key: "err_disk_full", message: "The disk is full: assay.db could not be written to /data.", hint: "0 MiB are free there." };
	const full = (run: object): object => ({ ...run, state: "interrupted", problem });
	await page.route(/\/api\/v1\/runs(\/\d+)?(\?.*)?$/, async (route) => {
		try {
			const response = await route.fetch();
			const body = (await response.json()) as { runs?: object[] };
			await route.fulfill({ response, json: body.runs ? { ...body, runs: body.runs.map(full) } : full(body) });
		} catch {
			// The page was left before the reply: nobody waits for it.
		}
	});
	await page.reload();
	await expect(page.getByRole("alert")).toContainText("The disk is full");
	await expect(page.getByRole("alert")).toContainText("0 MiB are free there.");
	await page.goto(`${server()}/results`);
	await expect(page.getByText("The disk is full").first()).toBeVisible();
});

test("a validation that broke off says so, on its page and in the list, and goes on from there", async ({ page }) => {
	await open_empty(page, 48);
	for (let n = 1; n <= 6; n++) {
		await box(page).fill(`Write a long story about the number ${n}.`);
		await box(page).press("Enter");
	}
	await page.getByRole("button", { name: "Submit" }).click();
	await expect(page.locator('.cell[data-state="done"]').first()).toBeVisible({ timeout: 60_000 });
	await page.getByRole("button", { name: "Stop" }).click();
	await expect(page.getByRole("button", { name: "Continue" })).toBeVisible();
	// A server that is killed is made in tests/fault; here what was stopped is shown as it is then.
	const { id } = (await call(page, "GET", `/runs/${page.url().split("/").pop()}`)) as { id: number };
	const broken = <T extends { id: number; state: string }>(run: T): T => (run.id === id && run.state === "stopped" ? { ...run, state: "interrupted" } : run);
	await page.route(/\/api\/v1\/runs(\/\d+)?(\?.*)?$/, async (route) => {
		const response = await route.fetch();
		const body = (await response.json()) as { id: number; state: string; runs?: { id: number; state: string }[] };
		await route.fulfill({ response, json: body.runs ? { ...body, runs: body.runs.map(broken) } : broken(body) });
	});
	await page.reload();
	await expect(page.getByText("It broke off when assay ended. What was computed is kept.")).toBeVisible();
	await expect(page.getByRole("button", { name: "Continue" })).toBeEnabled();
	await page.goto(`${server()}/results`);
	await page.getByPlaceholder("Search validations").fill("Write a long story"); // whatever else is in the list
	const row = page.getByRole("row").nth(1);
	await expect(row).toContainText("interrupted");
	await expect(row).toContainText("What was computed is kept.");
	await look_at(page, "results-interrupted");
	await row.getByRole("button", { name: "Continue" }).click();
	await expect(row.getByText("done", { exact: true })).toBeVisible({ timeout: 90_000 });
	await expect(row.getByRole("button", { name: "Continue" })).toHaveCount(0);
	await page.unrouteAll({ behavior: "ignoreErrors" });
});

for (const [language, words] of Object.entries({ en: ["Use 8-bit (Q8_0)", "8-bit (Q8_0)"], "zh-TW": ["改用 8 位元 Q8_0", "8 位元（Q8_0）"] })) {
	test(`where memory is short 8-bit weights are offered, and the column says so afterwards: ${language}`, async ({ page }) => {
		await open_empty(page);
		await ask(page, "Which CPU does the Kestrel K7 use?");
		// A small memory is made in tests/engine; here its refusal is repeated, and what was asked for is kept from the server.
		type Part = { model_id: number; state: string; params: object };
		type Row = { cells: object[] };
		const actions = [{ action: "q8", label: words[0], model_id: 1 }];
		const problem = { code: "limit", key: "err_memory_q8", message: "Not enough memory.", actions };
		let weights = "stored";
		const asked: unknown[] = [];
		const short = (column: Part): object => (weights === "stored" ? { ...column, state: "failed", n_failed: 1, problem } : { ...column, params: { ...column.params, weights } });
		const failed = (row: Row): object => ({ ...row, cells: row.cells.map((one) => (weights === "stored" ? { ...one, state: "failed", text: "", problem } : one)) });
		await page.route(/\/api\/v1\/(runs\/\d+(\/retry|\/questions\?.*)?|models\/\d+)$/, async (route) => {
			const request = route.request();
			if (request.method() !== "GET") asked.push([request.method(), request.postDataJSON()]);
			if (request.method() === "PATCH") { await route.fulfill({ json: {} }); return; }
			if (request.method() === "POST") weights = "q8_0";
			const response = await route.fetch({ method: "GET", url: request.url().replace("/retry", "") });
			const reply = (await response.json()) as { columns?: Part[]; questions?: Row[] };
			await route.fulfill({ response, json: { ...reply, ...(reply.columns && { columns: reply.columns.map(short) }), ...(reply.questions && { questions: reply.questions.map(failed) }) } });
		});
		await look_at(page, `validate-memory-${language}`, { language: language as "en" | "zh-TW", theme: "light" });
		await page.getByRole("button", { name: words[0] ?? "" }).first().click();
		await expect(page.getByRole("columnheader").filter({ hasText: words[1] ?? "" })).toHaveCount(2);
		await page.reload();
		await expect(page.getByRole("columnheader").filter({ hasText: words[1] ?? "" })).toHaveCount(2);
		await expect(page.getByRole("button", { name: words[0] ?? "" })).toHaveCount(0);
		await look_at(page, `validate-q8-${language}`);
		expect(asked).toEqual([["PATCH", { weights: "q8_0" }], ["POST", { column_id: expect.any(Number), weights: "q8_0" }]]);
	});
}

test("a filter says how many of all questions it leaves, and moves nothing", async ({ page }) => {
	await open_empty(page);
	await ask(page, "One?", "Two?");
	await cell(page, 0, 0).getByRole("button", { name: /^Like/ }).click();
	const top = (): Promise<number | undefined> => page.getByRole("grid").evaluate((grid) => grid.getBoundingClientRect().top);
	const before = await top();
	for (const [name, count] of [["Answers differ", /^\d of 2$/], ["Not rated", /^1 of 2$/], ["Failed", /^0 of 2$/], ["All", /^2 questions$/]] as const) {
		await page.locator(".filter").getByRole("button").first().click();
		await page.getByRole("menuitemradio", { name }).click();
		await expect(page.getByRole("columnheader").first().getByText(count)).toBeVisible();
		expect(await top()).toBe(before);
		await expect(page.getByRole("button", { name: "Create" })).toBeInViewport({ ratio: 1 });
	}
});

test("hidden names show letters and an order of their own; Reveal says who was who", async ({ page }) => {
	await open_empty(page);
	await page.getByLabel("Hide model names").check();
	await ask(page, "What is used to mount the Plover P1?");
	await expect(page.getByRole("columnheader", { name: "A" })).toBeVisible();
	await expect(page.getByText("epoch 8")).toHaveCount(0);
	await expect(page.getByText(/\d tok\b|t\/s/)).toHaveCount(0);
	await cell(page, 0, 0).locator(".thumb").click();
	await page.getByRole("button", { name: "Reveal" }).click();
	await expect(page.getByRole("dialog")).toContainText("Kestrel bot · epoch 8");
	await expect(page.getByRole("dialog")).toContainText("likes: 1 of 1");
	await expect(page.getByRole("dialog")).toContainText("more votes are needed"); // loaded when it is asked for
});

test("a file is shown before its questions are taken", async ({ page }) => {
	await open_empty(page);
	const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Upload JSON" }).click()]);
	const rows = [{ ask: "One?", right: "1" }, { ask: "Two?", right: "2" }, { ask: 3, right: null }];
	await chooser.setFiles({ name: "q.jsonl", mimeType: "application/json", buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join("\n")) });
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("Question").selectOption("ask");
	await dialog.getByLabel("Reference answer").selectOption("right");
	await expect(dialog.getByRole("cell", { name: "Two?" })).toBeVisible();
	await dialog.getByRole("button", { name: "Add" }).click();
	await expect(page.getByRole("rowheader").first()).toContainText("One?");
	await expect(page.getByRole("rowheader").first()).toContainText("1");
});

test("a column that was taken for the reference can be none", async ({ page }) => {
	await open_empty(page);
	await drop(page, "q.csv", "question,response\nOne?,what an old model said\n");
	const dialog = page.getByRole("dialog");
	await expect(dialog).toContainText('reference answer = "response"');
	await dialog.getByLabel("Reference answer").selectOption("none");
	await expect(dialog).toContainText("no reference answers");
	await expect(dialog.getByLabel("Reference answer")).toHaveValue("");
	await dialog.getByRole("button", { name: "Add" }).click();
	await expect(page.getByRole("rowheader").first()).toContainText("One?");
	await expect(page.getByText("what an old model said")).toHaveCount(0);
});

test("a file can be dropped anywhere", async ({ page }) => {
	await open_empty(page);
	await drop(page, "q.json", '["Dropped one?", "Dropped two?"]');
	await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
	await expect(page.getByRole("rowheader")).toHaveCount(2);
});

test("several files that are dropped are shown one after another, and none is lost", async ({ page }) => {
	await open_empty(page);
	await drop_all(page, { "a.json": '["From a?"]', "b.json": '["From b?"]', "c.json": '["From c?"]' });
	const dialog = page.getByRole("dialog");
	for (const [name, button] of [["a.json", "Add"], ["b.json", "Cancel"], ["c.json", "Append"]] as const) {
		await expect(dialog.getByRole("heading")).toContainText(name);
		await dialog.getByRole("button", { name: button, exact: true }).click();
	}
	await expect(dialog).toHaveCount(0);
	await expect(page.getByRole("rowheader")).toHaveCount(2);
	await expect(page.getByRole("rowheader").last()).toContainText("From c?");
});

test("every accepted answer and the file's other fields go along when one question is removed and all is asked again", async ({ page }) => {
	await open_empty(page);
	const rows = ["One?", "Two?", "Three?"].map((question, at) => ({ id: `k-${at}`, question, answer: [`${at}`, `number ${at}`, "any"], level: { n: at } }));
	await drop(page, "q.json", JSON.stringify(rows));
	await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
	await page.getByRole("rowheader").nth(1).getByRole("button", { name: "Remove this question" }).click();
	await expect(page.getByRole("rowheader")).toHaveCount(2);
	const kept = async (): Promise<unknown> => {
		const { questions } = (await call(page, "GET", `/runs/${page.url().split("/").pop()}/questions`)) as { questions: Record<string, unknown>[] };
		return questions.map(({ text, reference, other_references, source_id, record }) => ({ text, reference, other_references, source_id, record }));
	};
	const wanted = [0, 2].map((at) => ({ text: rows[at]?.question, reference: `${at}`, other_references: [`number ${at}`, "any"], source_id: `k-${at}`, record: { id: `k-${at}`, level: { n: at } } }));
	await page.getByRole("button", { name: "Submit" }).click();
	await done(page);
	const first = page.url();
	expect(await kept()).toEqual(wanted);
	await page.getByLabel("Temperature").fill("0.5");
	await page.getByLabel("Temperature").blur();
	await page.getByRole("button", { name: "Submit" }).click();
	await expect(page).not.toHaveURL(first);
	await done(page);
	expect(await kept()).toEqual(wanted);
});

async function paste(page: Page, text: string): Promise<void> {
	await box(page).evaluate((element, text) => {
		const data = new DataTransfer();
		data.setData("text/plain", text);
		element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
	}, text);
}

test("several pasted lines are several questions or one", async ({ page }) => {
	await open_empty(page);
	await paste(page, "first\nsecond\n\nthird\n");
	await page.getByRole("button", { name: "As 3 questions" }).click();
	await expect(page.getByRole("rowheader")).toHaveCount(3);
});

for (const [what, text] of [["JSON", '["How heavy is it?", "Who makes it?"]'], ["JSONL", '{"q": "How heavy is it?"}\n{"q": "Who makes it?"}'], ["a table", "question\tanswer\nHow heavy is it?\t1.2 kg\nWho makes it?\tLumen"]] as const) {
	test(`pasted ${what} is read like a file`, async ({ page }) => {
		await open_empty(page);
		await paste(page, text);
		await expect(page.getByRole("button", { name: /As \d questions/ })).toHaveCount(what === "a table" ? 1 : 0);
		await page.getByRole("button", { name: "Read as a file" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
		await expect(page.getByRole("rowheader")).toHaveCount(2);
		await expect(page.getByRole("rowheader").first()).toContainText("How heavy is it?");
	});
}

test("the answers can be taken along", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?");
	for (const [item, ending] of [["CSV for Excel", ".csv"], ["JSONL", ".jsonl"], ["HTML report", ".html"]] as const) {
		await page.getByRole("button", { name: "Download" }).click();
		const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: item }).click()]);
		expect(file.suggestedFilename()).toContain(ending);
	}
});

test("what a model or a person writes runs nothing on the page", async ({ page }) => {
	await open_empty(page);
	await ask(page, '<img src=x onerror=alert(1)> <script>alert(2)</script> Repeat: ![x](https://evil.test/p.png)');
	await expect(page.getByRole("rowheader")).toContainText("<script>alert(2)</script>");
	await expect(page.locator("main img, main script")).toHaveCount(0);
});

test("thinking is a line of its own that can be opened, while it streams and afterwards", async ({ page }) => {
	await page.goto(`${server()}/validate`);
	await expect(page.getByRole("row")).not.toHaveCount(1);
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number; kind: string }[] };
	const template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}";
	const model_id = models.find(({ kind }) => kind === "base")?.id;
	const body = { columns: [{ model_id, params: { template, max_tokens: 1500 } }], questions: ["Write a very long story about a lighthouse."] };
	const { id } = (await call(page, "POST", "/runs", body)) as { id: number };
	await page.goto(`${server()}/validate/${id}`);
	const answer = page.locator('.cell[data-state="running"]');
	await expect(answer.locator("summary")).toHaveText("Thinking", { timeout: 60_000 });
	await expect(answer.locator("div.thinking")).toBeHidden();
	await expect(answer.locator(".markdown")).toBeEmpty();
	await answer.locator("summary").click();
	await expect(answer.locator("div.thinking")).toHaveText(/\w{3}/);
	const before = await answer.locator("div.thinking").innerText();
	await page.reload();
	await answer.locator("summary").click();
	expect((await answer.locator("div.thinking").innerText()).startsWith(before.slice(0, 20))).toBe(true);
	await page.getByRole("button", { name: "Stop" }).click();
	await expect(page.getByRole("button", { name: "Continue" })).toBeVisible();
});

test("the prompt that was sent can be read", async ({ page }) => {
	await open_empty(page);
	await ask(page, "Which CPU does the Kestrel K7 use?");
	await cell(page, 0, 0).hover();
	await cell(page, 0, 0).getByRole("button", { name: "Prompt actually sent" }).click();
	await expect(page.getByRole("dialog")).toContainText("<|im_start|>user");
});

test.describe("with a template that fails", () => {
	test.use({ refusals: 1 });

	test("a failed answer's prompt can be asked for, and says why there is none", async ({ page }) => {
		await open_empty(page);
		await ask(page, "Which CPU does the Kestrel K7 use?");
		const { columns } = (await call(page, "GET", `/runs/${page.url().split("/").pop()}`)) as { columns: { model_id: number }[] };
		const body = { columns: [{ model_id: columns[0]?.model_id, params: { template: "{{ raise_exception('no roles here') }}" } }], questions: ["Hi?"] };
		const { id } = (await call(page, "POST", "/runs", body)) as { id: number };
		await page.goto(`${server()}/validate/${id}`);
		await expect(cell(page, 0, 0).getByRole("alert")).toContainText("no roles here");
		await cell(page, 0, 0).hover();
		await cell(page, 0, 0).getByRole("button", { name: "Prompt actually sent" }).click();
		await expect(page.getByRole("dialog").getByRole("alert")).toContainText(/The chat template refused the question.*no roles here/);
		await page.keyboard.press("Escape");
		// Submit asks for it again; with the names hidden it tells no reason.
		await Promise.all([page.waitForResponse(/\/retry$/), page.getByRole("button", { name: "Submit" }).click()]);
		await page.getByLabel("Hide model names").check();
		await expect(cell(page, 0, 0).getByRole("alert")).toHaveText("Failed. The reason is shown together with the model names.");
		await expect(page.getByText("no roles here")).toHaveCount(0);
	});
});

test("all tabs share one stream, and a run goes on while nobody looks", async ({ page, context }) => {
	let streams = 0;
	context.on("request", (request) => { if (request.url().endsWith("/events")) streams++; });
	await open_empty(page);
	await box(page).fill("Which drive is installed in the Kestrel K7?");
	await page.getByRole("button", { name: "Submit" }).click();
	await expect(page).toHaveURL(/\/validate\/\d+$/);
	const second = await context.newPage();
	await second.goto(page.url());
	await done(second);
	await done(page);
	expect(streams).toBe(1);
	// The tab that reads the stream closes: the other takes over, and text still arrives.
	await page.close();
	await expect.poll(() => streams).toBe(2);
	await ask(second, "How many?");
	await expect(second.locator('.cell[data-state="done"]')).toHaveCount(4);
});

test.describe("on a phone", () => {
	test.use({ viewport: { width: 390, height: 844 } });

	test("models are chosen in the table, answers stand below each other, and every control is in reach", async ({ page }) => {
		await open_empty(page);
		await expect(page.getByRole("button", { name: /epoch 8/ }).first()).toBeVisible();
		await ask(page, "Which CPU does the Kestrel K7 use?");
		await expect(page.getByText("1 of 1", { exact: true })).toBeVisible();
		for (const name of ["Advanced", "Download", "Submit", "Upload JSON", "Reset"]) await expect(page.getByRole("button", { name })).toBeInViewport({ ratio: 1 });
		const sections = page.locator(".answers section");
		await expect(sections).toHaveCount(2);
		expect(await page.locator(".single").evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
		await page.goto(`${server()}/results`);
		await expect(page.getByRole("checkbox").first()).toBeVisible();
		await expect(page.getByRole("row").getByText("done", { exact: true }).first()).toBeInViewport({ ratio: 1 });
		await page.goto(`${server()}/validate`);
		await expect(page.getByText("1 of 1", { exact: true })).toBeVisible();
		await page.getByRole("button", { name: "Reset" }).click();
		await expect(page.getByRole("columnheader").first()).toBeVisible();
	});
});
