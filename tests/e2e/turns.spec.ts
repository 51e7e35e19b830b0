// SPDX-License-Identifier: Apache-2.0
import { look_at } from "./look";
import { cell, done, drop, expect, open_empty, test } from "./page";

const FILE = [["Name a colour.", "Why that one?"], ["Say hi."], ["What is 2+2?", "Double it."]]
	.map((turns, at) => JSON.stringify({ question_id: at + 1, turns })).join("\n");

test("a conversation is asked whole, and a later turn shows what each model said before", async ({ page }) => {
	await open_empty(page, 12);
	await drop(page, "mt.jsonl", FILE);
	await expect(page.getByRole("dialog")).toContainText("Conversations, asked whole: 2 with 4 turns.");
	await expect(page.getByRole("dialog").getByRole("row", { name: /Turn 2 · Why that one\?/ })).toBeVisible();
	await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
	const rows = page.getByRole("rowheader");
	await expect(rows).toHaveCount(5);
	await expect(rows.nth(1)).toContainText("Turn 2");
	const texts = ["Name a colour.", "Why that one?", "Say hi.", "What is 2+2?", "Double it."];
	await expect(rows).toContainText(texts); // the turns of a conversation stand one after another, before and after they are asked
	await expect(page.getByRole("button", { name: "Remove this question" })).toHaveCount(0); // nothing goes alone
	await page.getByRole("button", { name: "Submit" }).click();
	await done(page);
	await expect(page.locator('.cell[data-state="done"]')).toHaveCount(10);
	await expect(rows).toContainText(texts);
	const turn = rows.nth(4);
	await turn.getByText("Turn 2 of question 3").click();
	await expect(turn).toContainText("What is 2+2?");
	for (const column of [0, 1]) {
		const said = (await cell(page, 3, column).locator(".body").innerText()).trim().split("\n")[0] ?? "";
		await expect(turn).toContainText(said);
	}
	await look_at(page, "turns-table-en-light");
	await look_at(page, "turns-table-zh-dark", { language: "zh-TW", theme: "dark" });
	await page.getByText("第 3 題的第 2 輪").click();
	await expect(rows.nth(4)).toContainText("What is 2+2?");
});

test("a preview says where references come from, what was not read, and what is only a note", async ({ page }) => {
	const chat = (asked: string): string => JSON.stringify({ messages: [{ role: "user", content: asked }, { role: "assistant", content: "Blue." }] });
	await open_empty(page, 12);
	await drop(page, "chats.jsonl", [chat("Name a colour."), chat("Name a colour."), "{ not json"].join("\n"));
	const dialog = page.getByRole("dialog");
	await expect(dialog).toContainText("Found 2 questions. Question = \"messages\", reference answers: the last answer of each conversation.");
	await expect(dialog).toContainText("1 entry was not read · 1 note");
	await expect(dialog.getByRole("cell", { name: "Blue." })).toHaveCount(2);
	await page.keyboard.press("Escape");
	await drop(page, "one.json", "[\"Only this?\"]");
	await expect(dialog).toContainText("Found 1 question.");
});
