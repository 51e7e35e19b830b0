// SPDX-License-Identifier: Apache-2.0
// Chats with the real small model.
import type { Locator, Page } from "@playwright/test";
import { look_at, themes } from "./look";
import { expect, server, test } from "./page";
import { call } from "./setup";

const QUESTION = "Which CPU does the Kestrel K7 use?";
const message = (page: Page): Locator => page.getByRole("textbox", { name: "Message", exact: true });
const answers = (page: Page): Locator => page.getByRole("article", { name: "Answer" });
const questions = (page: Page): Locator => page.getByRole("article", { name: "Your message" });

/** A workspace around the last epoch, with short answers. */
async function add(page: Page, name: string): Promise<{ id: number }> {
	await page.goto(`${server()}/workspaces`);
	const { families } = (await call(page, "GET", "/models")) as { families: { checkpoints: { id: number }[] }[] };
	const model_id = families[0]?.checkpoints.at(-1)?.id;
	return (await call(page, "POST", "/workspaces", { name, model_id, params: { max_tokens: 24, temperature: 0 } })) as { id: number };
}
async function ask(page: Page, text: string): Promise<void> {
	const before = await answers(page).count();
	await message(page).fill(text);
	await message(page).press("Enter");
	await expect(answers(page)).toHaveCount(before + 1);
	await expect(answers(page).last()).toHaveAttribute("data-state", "done", { timeout: 60_000 });
}
async function open(page: Page, name: string): Promise<void> {
	const { id } = await add(page, name);
	await page.goto(`${server()}/workspaces/${id}`);
	await expect(page.getByText(/^Ask Kestrel bot · epoch 8 something/)).toBeVisible();
}

test("a workspace is made from a model, asked, and its answer streams", async ({ page }) => {
	await page.goto(`${server()}/workspaces`);
	await page.getByRole("button", { name: "New workspace" }).first().click();
	const dialog = page.getByRole("dialog", { name: "New workspace" });
	await expect(dialog.getByLabel("Name")).toHaveValue("Kestrel bot · epoch 8");
	await dialog.getByLabel("Name").fill("Support");
	await dialog.getByRole("button", { name: "Create workspace" }).click();
	await expect(page).toHaveURL(/\/workspaces\/\d+$/);
	await expect(message(page)).toBeFocused();
	await message(page).fill(QUESTION);
	await message(page).press("Shift+Enter");
	await expect(message(page)).toHaveValue(`${QUESTION}\n`);
	await message(page).press("Enter");
	await expect(page).toHaveURL(/\/chats\/\d+$/);
	await expect(answers(page).locator(".markdown")).toContainText(/\w{2}/, { timeout: 60_000 });
	await expect(answers(page)).toHaveAttribute("data-state", "done", { timeout: 60_000 });
	const answer = (await answers(page).locator(".markdown").textContent()) ?? "";
	await expect(answers(page)).toContainText(/\d+ tok · first word after/);
	await expect(page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name: QUESTION })).toBeVisible();
	await expect(page.getByRole("meter", { name: "Context in use" })).toHaveAttribute("aria-valuetext", /^[1-9]\d* of 8,192 tokens$/);
	await page.reload();
	await expect(questions(page)).toContainText(QUESTION);
	await expect(answers(page).locator(".markdown")).toHaveText(answer);
});

test("a message is edited, an answer given again: both stay, and ‹ › shows them", async ({ page }) => {
	await open(page, "Branches");
	await ask(page, QUESTION);
	const first = (await answers(page).locator(".markdown").textContent()) ?? "";
	await questions(page).hover();
	await questions(page).getByRole("button", { name: "Edit the message" }).click();
	await page.getByRole("textbox", { name: "Edit the message" }).fill("How long is the warranty?");
	await page.getByRole("textbox", { name: "Edit the message" }).press("Enter");
	await expect(questions(page)).toContainText("How long is the warranty?");
	await expect(answers(page)).toHaveAttribute("data-state", "done", { timeout: 60_000 });
	await expect(questions(page).getByText("2/2")).toBeVisible();
	await questions(page).getByRole("button", { name: "Previous version" }).click();
	await expect(questions(page)).toContainText(QUESTION);
	await expect(answers(page).locator(".markdown")).toHaveText(first);
	await answers(page).getByRole("button", { name: "Answer again" }).click();
	await expect(answers(page).getByText("2/2")).toBeVisible({ timeout: 60_000 });
	await answers(page).getByRole("button", { name: "Like", exact: true }).click();
	await expect(answers(page).getByRole("button", { name: "Like", exact: true })).toHaveAttribute("aria-pressed", "true");
	await page.reload();
	await expect(answers(page).getByRole("button", { name: "Like", exact: true })).toHaveAttribute("aria-pressed", "true");
	await look_at(page, "chat-branches-en-light");
});

test("an answer is stopped, what there is of it stays", async ({ page }) => {
	// Counting goes on for hundreds of tokens: the base model does not end before the click.
	await page.goto(`${server()}/workspaces`);
	const { families } = (await call(page, "GET", "/models")) as { families: { base_model_id: number }[] };
	const counting = { name: "Stop", model_id: families[0]?.base_model_id, params: { max_tokens: 2000, temperature: 0 } };
	const { id } = (await call(page, "POST", "/workspaces", counting)) as { id: number };
	await page.goto(`${server()}/workspaces/${id}`);
	await message(page).fill("Write the numbers from 1 to 500, separated by commas.");
	await message(page).press("Enter");
	await expect(answers(page).locator(".markdown")).toContainText(/\w{2}/, { timeout: 60_000 });
	await page.getByRole("button", { name: "Stop", exact: true }).click();
	await expect(answers(page)).toHaveAttribute("data-state", "stopped", { timeout: 30_000 });
	await expect(answers(page).locator(".markdown")).toContainText(/\w{2}/);
});

test("the Enter of an input method does not send", async ({ page }) => {
	await open(page, "Composition");
	await message(page).fill("Kestrel");
	await message(page).dispatchEvent("keydown", { key: "Enter", keyCode: 229, isComposing: true, bubbles: true });
	await expect(message(page)).toHaveValue("Kestrel");
	await expect(questions(page)).toHaveCount(0);
});

test("settings are kept and count from the next message on", async ({ page }) => {
	await open(page, "Settings");
	await page.getByRole("button", { name: "Settings of this workspace" }).click();
	const panel = page.getByRole("complementary", { name: "Settings of this workspace" });
	await panel.getByLabel("Max tokens").fill("4");
	await panel.getByLabel("Max tokens").blur();
	await panel.getByLabel("System prompt").fill("Answer briefly.");
	await panel.getByRole("button", { name: "Save" }).click();
	await expect(page.getByText("Saved. The next message uses it.")).toBeVisible();
	await look_at(page, "chat-settings-en-light");
	await ask(page, QUESTION);
	await expect(answers(page)).toContainText("cut at 4 tokens");
	await page.keyboard.press("Escape");
	await expect(panel).toHaveCount(0);
});

test("chats are renamed and deleted, and so is the workspace", async ({ page }) => {
	await open(page, "Short lived");
	await ask(page, QUESTION);
	const chats = page.getByRole("navigation", { name: "Chats" });
	await chats.getByRole("button", { name: /^Actions for/ }).click();
	await page.getByRole("menuitem", { name: "Rename" }).click();
	await chats.getByRole("textbox").fill("CPU");
	await chats.getByRole("textbox").press("Enter");
	await expect(chats.getByRole("link", { name: "CPU" })).toBeVisible();
	await chats.getByRole("button", { name: "Actions for CPU" }).click();
	await page.getByRole("menuitem", { name: "Delete" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
	await expect(chats.getByRole("link", { name: "CPU" })).toHaveCount(0);
	await chats.getByRole("link", { name: "All workspaces" }).click();
	await page.getByRole("button", { name: "Actions for Short lived" }).click();
	await page.getByRole("menuitem", { name: "Delete" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
	await expect(page.getByRole("link", { name: "Short lived" })).toHaveCount(0);
});

test("a document is added; its passage goes with the question, is cited and opens where it stands", async ({ page }) => {
	await open(page, "With documents");
	await page.getByRole("button", { name: "Documents", exact: true }).click();
	const panel = page.getByRole("complementary", { name: "Documents" });
	const text = `# Storage\n\nIt has two drives.\n\n${"Nothing here. ".repeat(200)}\n\n# Warranty\n\nThe Osprey Q9 has a warranty of seven years.\n`;
	await panel.locator("input[type=file]").setInputFiles({ name: "osprey.md", mimeType: "text/markdown", buffer: Buffer.from(text) });
	await expect(panel.getByRole("button", { name: "osprey.md", exact: true })).toBeVisible();
	await expect(panel.getByText(/passages$/)).toBeVisible();
	await ask(page, "How long is the warranty of the Osprey Q9?");
	const sources = answers(page).getByRole("list", { name: "Sources" });
	await expect(sources.getByRole("button").first()).toContainText("osprey.md");
	await look_at(page, "chat-documents-en-light");
	await sources.getByRole("button").first().click();
	const dialog = page.getByRole("dialog", { name: "osprey.md" });
	await expect(dialog.locator("mark")).toContainText("warranty of seven years");
	await expect(dialog.locator("mark")).toBeInViewport();
	await look_at(page, "chat-passage-en-light");
	await page.keyboard.press("Escape");
	await panel.getByRole("button", { name: "Remove osprey.md" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(panel.getByText("osprey.md")).toHaveCount(0);
	await expect(sources.getByRole("button").first()).toContainText("osprey.md");
});

test("two workspaces of one name have model names of their own, and each shows its own", async ({ page }) => {
	const [first, second] = [await add(page, "Twins"), await add(page, "Twins")];
	for (const [id, name] of [[first.id, "Twins"], [second.id, `Twins-${second.id}`]] as const) {
		await page.goto(`${server()}/workspaces/${id}`);
		await page.getByRole("button", { name: "Use from other programs" }).click();
		const panel = page.getByRole("complementary", { name: "Use from other programs" });
		await expect(panel.getByText(name, { exact: true })).toBeVisible();
		await expect(panel.getByText(`"model":"${name}"`)).toBeVisible();
	}
});

test("a key for other programs is shown once, with the address and an example", async ({ page }) => {
	await open(page, "Keys");
	await page.getByRole("button", { name: "Use from other programs" }).click();
	const panel = page.getByRole("complementary", { name: "Use from other programs" });
	await panel.getByLabel("What is it for?").fill("my editor");
	await panel.getByRole("button", { name: "Make a key" }).click();
	await expect(panel.getByText("Copy the key now: it is shown only this once.")).toBeVisible();
	const key = panel.getByRole("listitem").filter({ hasText: "my editor" });
	await expect(key.getByText("never used")).toBeVisible();
	await expect(panel.getByRole("button", { name: "Copy: Example" })).toBeInViewport({ ratio: 1 });
	await look_at(page, "chat-api-en-light");
	await panel.getByRole("button", { name: "Remove my editor" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await expect(key).toHaveCount(0);
});

test.describe("on a phone", () => {
	test.use({ viewport: { width: 390, height: 844 } });
	test("the conversation has the whole width, the chats lie over it", async ({ page }) => {
		await open(page, "Phone");
		await ask(page, QUESTION);
		await look_at(page, "chat-phone-en-light");
		await page.getByRole("button", { name: "Chats" }).click();
		await expect(page.getByRole("navigation", { name: "Chats" })).toBeVisible();
		await look_at(page, "chat-phone-list-en-light");
		await page.keyboard.press("Escape");
		await expect(page.getByRole("navigation", { name: "Chats" })).toBeHidden();
	});
});

test("before the first workspace the page says how to begin", async ({ page }) => {
	await page.route("**/api/v1/workspaces", (route) => route.fulfill({ json: { workspaces: [] } }));
	await page.goto(`${server()}/workspaces`);
	await expect(page.getByText(/^A workspace is a place to chat with a model of your choice, with your documents/)).toBeVisible();
	await look_at(page, "workspaces-empty-en-light");
});

for (const [language, theme] of (["en", "zh-TW"] as const).flatMap((one) => themes(one).map((theme) => [one, theme] as const))) {
	test(`axe finds nothing on Workspaces, ${language}, ${theme}`, async ({ page }) => {
		await open(page, `Look ${language} ${theme}`);
		await ask(page, QUESTION);
		await look_at(page, `chat-${language}-${theme}`, { language, theme });
		await page.goto(`${server()}/workspaces`);
		await look_at(page, `workspaces-${language}-${theme}`);
	});
}
