// SPDX-License-Identifier: Apache-2.0
import type { Browser, BrowserContext, Page } from "@playwright/test";
import { PAYLOADS } from "../../web/src/test_payloads";
import { look_at, look_at_both } from "./look";
import { ask, cell, expect, open_empty, server, test } from "./page";

interface Guest { context: BrowserContext; page: Page; wrong: string[] }

/** A browser of somebody else: it has nothing but the link. `answer` takes the place of what the server says of questions. */
async function guest(browser: Browser, link: string, size = { width: 1280, height: 800 }, answer?: string): Promise<Guest> {
	const context = await browser.newContext({ viewport: size, storageState: { cookies: [], origins: [] }, locale: "en-GB" });
	const page = await context.newPage();
	const wrong: string[] = [];
	page.on("pageerror", (error) => wrong.push(error.message));
	page.on("console", (message) => { if (message.type() === "error") wrong.push(message.text()); });
	page.on("dialog", (dialog) => { wrong.push(dialog.message()); void dialog.dismiss(); });
	page.on("request", (request) => { if (/\/api\/v1\/(?!viewing)/.test(request.url()) || new URL(request.url()).origin !== new URL(link).origin) wrong.push(request.url()); });
	if (answer) await page.route("**/api/v1/viewing/questions*", (route) => route.fulfill({ contentType: "application/json", body: answer }));
	await page.goto(link);
	return { context, page, wrong };
}

async function share(page: Page, title: string): Promise<string> {
	await page.getByRole("button", { name: "Share" }).click();
	const dialog = page.getByRole("dialog");
	await expect(dialog).toContainText("They cannot change anything.");
	await dialog.getByLabel("Title for viewers").fill(title);
	await dialog.getByRole("button", { name: "Make a share link" }).click();
	await expect(dialog).toContainText("Copy it now");
	return dialog.locator("code").innerText();
}
const wide = (page: Page): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth);

test("the owner shares the results of a validation, and who opens the link sees them and nothing else", async ({ page, browser }) => {
	await open_empty(page, 24);
	await ask(page, "Name a colour.", "Say hi.", "Write a list of three birds.");
	await cell(page, 0, 1).locator(".thumb").click();
	await cell(page, 1, 1).locator(".thumb").click();
	await cell(page, 1, 0).locator(".thumb").click();
	const link = await share(page, "Which epoch do we take?");
	expect(link).toMatch(/^http:\/\/127\.0\.0\.2:\d+\/view\/\d+#p=[0-9a-f]{32}$/);
	const dialog = page.getByRole("dialog");
	await expect(dialog.getByRole("img", { name: "Share link" })).toBeVisible();
	await expect(dialog).toContainText("Browsers that opened it: 0");
	await look_at(page, "viewing-share-en-light");
	const { context, page: theirs, wrong } = await guest(browser, link);
	await expect(theirs.getByRole("heading", { level: 1 })).toHaveText("Which epoch do we take?");
	await expect(theirs).toHaveTitle("Which epoch do we take? · assay");
	expect(theirs.url()).toBe(link.replace(/#.*/, "")); // the code is gone from the address
	await expect(dialog).toContainText("Browsers that opened it: 1");
	// Models, likes and the win rate as the owner sees them; and every answer.
	const rows = theirs.getByRole("table").getByRole("row");
	await expect(rows.nth(2)).toContainText("2 of 3");
	await expect(rows.nth(2)).toContainText("100%");
	await expect(rows.nth(2).getByRole("img")).toHaveAttribute("aria-label", /^Win rate against /);
	await expect(theirs.getByRole("heading", { level: 3 })).toHaveText(["1Name a colour.", "2Say hi.", "3Write a list of three birds."]);
	const said = (await cell(page, 0, 0).locator(".body").innerText()).trim();
	await expect(theirs.getByRole("article").first().locator(".answer").first()).toContainText(said.split("\n")[0] ?? "");
	await expect(theirs.getByText("Top-p")).toBeHidden();
	await theirs.getByText("Settings of the answers").click();
	await expect(theirs.getByText("Max tokens", { exact: true })).toBeVisible();
	await expect(theirs.locator("dl")).toContainText("24");
	// Nothing to press but what shows more.
	await expect(theirs.locator(".thumb")).toHaveCount(0);
	expect(await theirs.locator("input, textarea, select").count()).toBe(0);
	await theirs.getByText("Settings of the answers").click();
	await look_at_both(theirs, "viewing-desktop");
	// The same browser comes again without the code.
	await theirs.reload();
	await expect(theirs.getByRole("article")).toHaveCount(3);
	await expect(dialog).toContainText("Browsers that opened it: 1");
	expect(wrong).toEqual([]);
	// A link that is closed shows nothing any more.
	await dialog.getByRole("button", { name: "Close link" }).click();
	await expect(dialog).toContainText("Closed");
	await theirs.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
	await expect(theirs.getByText("This share link is closed.")).toBeVisible();
	await expect(theirs.getByRole("article")).toHaveCount(0);
	await look_at(theirs, "viewing-closed-en-light");
	await context.close();
});

test("on a phone the answers are swiped, and nothing is wider than the screen", async ({ page, browser }) => {
	await open_empty(page, 40);
	await ask(page, "Write one sentence about a lighthouse.", "Say hi.");
	await cell(page, 0, 1).locator(".thumb").click();
	const { context, page: theirs, wrong } = await guest(browser, await share(page, ""), { width: 360, height: 640 });
	const answers = theirs.getByRole("article").first().locator(".answer");
	await expect(theirs.getByRole("heading", { level: 1 })).toHaveText("Write one sentence about a lighthouse."); // as the run is called
	expect(await wide(theirs)).toBe(360);
	await answers.first().scrollIntoViewIfNeeded();
	await expect(answers.last()).toBeInViewport({ ratio: 0.02 }); // its edge shows that there is another
	await theirs.locator(".cards").first().evaluate((cards) => cards.scrollTo({ left: cards.scrollWidth }));
	await expect(answers.last()).toBeInViewport({ ratio: 0.5 });
	await theirs.locator(".cards").first().evaluate((cards) => cards.scrollTo({ left: 0 }));
	await theirs.getByText("Settings of the answers").click();
	expect(await wide(theirs)).toBe(360);
	await look_at_both(theirs, "viewing-phone");
	expect(wrong).toEqual([]);
	await context.close();
});

test("many questions come page by page, also by the keyboard", async ({ page, browser }) => {
	await open_empty(page, 4);
	await ask(page, ...Array.from({ length: 23 }, (_, at) => `Question number ${at + 1}?`));
	const link = await share(page, "Many");
	const { context, page: theirs, wrong } = await guest(browser, link, { width: 360, height: 640 });
	await expect(theirs.getByRole("article")).toHaveCount(20);
	const bar = theirs.getByRole("navigation");
	await expect(bar).toContainText("Questions 1 to 20 of 23");
	for (const button of await bar.getByRole("button").all()) {
		const size = await button.boundingBox();
		expect(size && Math.min(size.width, size.height)).toBeGreaterThanOrEqual(44);
	}
	await bar.getByRole("button", { name: "Next questions" }).click();
	await expect(theirs.getByRole("article")).toHaveCount(3);
	await expect(theirs.getByRole("article").first()).toBeInViewport();
	await expect(bar).toContainText("Questions 21 to 23 of 23");
	await look_at(theirs, "viewing-pages-en-light");
	await theirs.keyboard.press("ArrowRight"); // there is nothing behind it
	await theirs.keyboard.press("ArrowLeft");
	await expect(theirs.getByRole("heading", { level: 3 }).first()).toContainText("Question number 1?");
	await theirs.setViewportSize({ width: 1280, height: 800 });
	await theirs.keyboard.press("ArrowRight");
	await expect(theirs.getByRole("heading", { level: 3 }).first()).toContainText("Question number 21?");
	// What could not be shown is asked for again.
	await context.setOffline(true);
	await theirs.keyboard.press("ArrowLeft");
	await expect(theirs.getByRole("alert")).toBeVisible();
	await expect(theirs.getByRole("article")).toHaveCount(3);
	await context.setOffline(false);
	await theirs.getByRole("button", { name: "Retry" }).click();
	await expect(theirs.getByRole("article")).toHaveCount(20);
	await expect(theirs.getByRole("alert")).toHaveCount(0);
	expect(wrong.filter((line) => !line.includes("ERR_INTERNET_DISCONNECTED"))).toEqual([]);
	await context.close();
});

test("a link that is wrong or missing says so, and answers run nothing", async ({ page, browser }) => {
	await open_empty(page, 8);
	await ask(page, "Say hi.");
	const link = await share(page, "<img src=x onerror=alert(1)>");
	const questions = PAYLOADS.map((text, at) => ({
		number: at + 1, text: `asked: ${text}`, answers: [0, 1, 2].map((which) => ({ state: "done", text: which ? `- a\n- ${text}\n` : text, thinking: text, finish: "length", n_generated: 8, likes: 1 })),
	}));
	const { context, page: theirs, wrong } = await guest(browser, link, undefined, JSON.stringify({ total: questions.length, offset: 0, questions }));
	await expect(theirs.getByRole("article")).toHaveCount(PAYLOADS.length);
	await expect(theirs.locator("header h1")).toHaveText("<img src=x onerror=alert(1)>");
	await theirs.waitForTimeout(300); // what would run has had its time
	expect(await theirs.locator("article :is(script, img, iframe, object, embed, link, style, form, video, audio, base, meta, template, input)").count()).toBe(0);
	expect(wrong).toEqual([]);
	await theirs.screenshot({ path: "test-results/screens/viewing-hostile-en-light.png" }); // headings of answers are in no order
	await context.close();
	const bad = await guest(browser, `${link.replace(/#.*/, "")}#p=${"0".repeat(32)}`);
	await expect(bad.page.getByText("This share link is not valid, or no longer.")).toBeVisible();
	const none = await guest(browser, link.replace(/#.*/, ""));
	await expect(none.page.getByRole("heading", { name: "This page needs a share link" })).toBeVisible();
	await look_at_both(none.page, "viewing-no-link");
	for (const each of [bad, none]) await each.context.close();
});

test("a run that still computes is shown as it stands", async ({ page, browser }) => {
	await open_empty(page, 200);
	await ask(page, "Say hi.");
	const link = await share(page, "");
	const { context, page: theirs } = await guest(browser, link, { width: 360, height: 640 });
	await expect(theirs.getByRole("article")).toHaveCount(1);
	await page.keyboard.press("Escape");
	for (const question of ["Tell a long story.", "Tell another one."]) {
		await page.getByRole("textbox", { name: "Question", exact: true }).fill(question);
		await page.getByRole("textbox", { name: "Question", exact: true }).press("Enter");
	}
	await page.getByRole("button", { name: "Submit" }).click();
	await theirs.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
	await expect(theirs.getByRole("article")).toHaveCount(3);
	await expect(theirs.getByRole("status").first()).toContainText(/(answering|waiting) · \d of \d answers/);
	await theirs.screenshot({ path: "test-results/screens/viewing-running-en-light.png" });
	await expect(theirs.getByRole("status").first()).toHaveText("done", { timeout: 90_000 });
	await context.close();
});

test("results are shared from the list too, and the invitation in Chinese and dark", async ({ page }) => {
	await open_empty(page, 8);
	await ask(page, "Say hi.");
	// On a phone the words beside the buttons stay readable.
	await page.setViewportSize({ width: 360, height: 640 });
	const words = await page.getByText("1 of 1 questions answered by every model.").boundingBox();
	expect(words && words.height).toBeLessThan(50);
	for (const name of ["Invite raters", "Share", "New validation"]) await expect(page.getByRole("button", { name })).toBeInViewport({ ratio: 1 });
	await page.screenshot({ path: "test-results/screens/viewing-bar-360-en-light.png" });
	await page.setViewportSize({ width: 1440, height: 900 });
	await page.goto(`${server()}/results`);
	await page.getByRole("button", { name: "Actions for Say hi." }).first().click();
	await page.getByRole("menuitem", { name: "Share" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Make a share link" }).click();
	await expect(page.getByRole("dialog").locator("code")).toContainText("/view/");
	await page.evaluate(() => { localStorage.setItem("assay.locale", '"zh-TW"'); localStorage.setItem("assay.theme", '"dark"'); });
	await page.reload();
	await page.getByPlaceholder("搜尋驗證紀錄").fill("Say hi."); // whatever else is in the list
	await page.getByRole("button", { name: "Say hi. 的動作" }).first().click();
	await page.getByRole("menuitem", { name: "分享" }).click();
	await look_at(page, "viewing-share-zh-TW-dark");
});
