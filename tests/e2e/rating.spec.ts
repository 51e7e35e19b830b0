// SPDX-License-Identifier: Apache-2.0
import type { Browser, BrowserContext, Page } from "@playwright/test";
import { hostname } from "node:os";
import { look_at, look_at_both } from "./look";
import { ask, cell, expect, open_empty, server, test } from "./page";

/** A browser of somebody else: it has nothing but the link. */
async function guest(browser: Browser, link: string, size = { width: 1280, height: 800 }): Promise<{ context: BrowserContext; page: Page; wrong: string[] }> {
	const context = await browser.newContext({ viewport: size, storageState: { cookies: [], origins: [] }, locale: "en-GB" });
	const page = await context.newPage();
	const wrong: string[] = [];
	page.on("pageerror", (error) => wrong.push(error.message));
	page.on("console", (message) => { if (message.type() === "error") wrong.push(message.text()); });
	page.on("request", (request) => { if (/\/api\/v1\/(?!rating)/.test(request.url())) wrong.push(request.url()); });
	await page.goto(link);
	return { context, page, wrong };
}

async function invite(page: Page, title: string): Promise<string> {
	await page.getByRole("button", { name: "Invite raters" }).click();
	const dialog = page.getByRole("dialog");
	await expect(dialog).toContainText("Raters open a link");
	await dialog.getByLabel("Title for raters").fill(title);
	await dialog.getByRole("button", { name: "Make a rating link" }).click();
	await expect(dialog).toContainText("Copy it now");
	return dialog.locator("code").innerText();
}

async function join(page: Page, name: string): Promise<void> {
	await page.getByLabel("Your name").fill(name);
	await page.getByRole("button", { name: "Start" }).click();
	await expect(page.getByRole("region", { name: "Answer A" })).toBeVisible();
}

test("somebody is invited by a link, rates every question, and the owner sees the likes arrive", async ({ page, browser }) => {
	await open_empty(page, 12);
	await ask(page, "Name a colour.", "Say hi.", "Name a bird.");
	const link = await invite(page, "Which sounds better?");
	expect(link).toMatch(/^http:\/\/127\.0\.0\.2:\d+\/rate\/\d+#p=[0-9a-f]{32}$/);
	const dialog = page.getByRole("dialog");
	await expect(dialog).toContainText("Others on your network could read what is sent.");
	await expect(dialog.getByRole("img", { name: "Rating link" })).toBeVisible();
	await look_at(page, "rating-invite-en-light");
	const { context, page: theirs, wrong } = await guest(browser, link);
	await expect(theirs.getByRole("heading", { name: "Which answers are good?" })).toBeVisible();
	expect(theirs.url()).toBe(link.replace(/#.*/, "")); // the code is gone from the address
	await look_at(theirs, "rating-join-en-light");
	await join(theirs, "Ann");
	await expect(dialog).toContainText("Ann");
	await expect(dialog).toContainText("0 of 3 rated");
	await expect(theirs.getByRole("heading", { level: 2 })).toHaveText("Name a colour.");
	await expect(theirs.getByRole("heading", { level: 1 })).toHaveText("Which sounds better?");
	await expect(theirs).toHaveTitle("Which sounds better? · assay");
	await look_at_both(theirs, "rating-question");
	// By the pointer, by the keyboard, and none.
	await theirs.getByRole("button", { name: "Like: Answer A" }).click();
	await expect(theirs.getByRole("button", { name: /Answer A/ })).toHaveAttribute("aria-pressed", "true");
	await expect(dialog).toContainText("1 of 3 rated");
	await theirs.keyboard.press("Enter"); // goes on, and takes nothing back
	await expect(theirs.getByRole("heading", { level: 2 })).toHaveText("Say hi.");
	await theirs.keyboard.press("2");
	await expect(theirs.getByRole("button", { name: /Answer B/ })).toHaveAttribute("aria-pressed", "true");
	await theirs.keyboard.press("0");
	await expect(theirs.getByRole("button", { name: /Answer B/ })).toHaveAttribute("aria-pressed", "false");
	await theirs.keyboard.press("1");
	await theirs.keyboard.down("Enter");
	for (let repeated = 0; repeated < 5; repeated++) await theirs.keyboard.down("Enter"); // held: once is meant
	await theirs.keyboard.up("Enter");
	await expect(theirs.getByRole("heading", { level: 2 })).toHaveText("Name a bird.");
	await expect(theirs.getByRole("status")).toContainText("3");
	await expect(dialog).toContainText("2 of 3 rated");
	await theirs.getByRole("button", { name: "None is good, finish" }).click();
	await expect(theirs.getByRole("heading", { name: "Thank you" })).toBeVisible();
	await expect(dialog).toContainText("3 of 3 rated");
	await look_at_both(theirs, "rating-done");
	// Another mind, after the end.
	await theirs.getByRole("button", { name: "Look at the answers again" }).click();
	await expect(theirs.getByRole("heading", { level: 2 })).toHaveText("Name a bird.");
	await theirs.keyboard.press("ArrowLeft");
	await expect(theirs.getByRole("button", { name: /Answer A/ })).toHaveAttribute("aria-pressed", "true");
	// What the owner sees: two likes, one rater, whose likes are none of the owner's own.
	await page.keyboard.press("Escape");
	const heads = page.getByRole("columnheader");
	const likes = async (): Promise<number> => (await heads.locator(".likes").allInnerTexts()).reduce((sum, text) => sum + Number(/\d+/.exec(text)?.[0] ?? 0), 0);
	await expect.poll(likes).toBe(2);
	await expect(page.locator('.thumb[aria-pressed="true"]')).toHaveCount(0);
	await cell(page, 0, 0).locator(".thumb").click();
	await expect.poll(likes).toBe(3);
	await expect(heads.locator(".likes").first()).toContainText("of 6"); // three questions, two raters
	// The owner removes the rater, with all that was said.
	await page.getByRole("button", { name: "Invite raters" }).click();
	await expect(page.getByRole("dialog")).not.toContainText("Copy it now"); // shown once
	await page.getByRole("button", { name: "Remove Ann and all their ratings" }).click();
	await expect(page.getByRole("dialog").last()).toContainText("What this person rated (3 questions)");
	await look_at(page, "rating-remove-en-light");
	await page.getByRole("dialog").last().getByRole("button", { name: "Remove" }).click();
	await expect(page.getByRole("dialog")).toHaveCount(1); // the one that asked is gone
	await expect(page.getByRole("dialog")).toContainText("Nobody has come yet.");
	await page.keyboard.press("Escape");
	await expect.poll(likes).toBe(1);
	expect(wrong).toEqual([]);
	await theirs.reload();
	await expect(theirs.getByRole("heading", { name: "This page needs a rating link" })).toBeVisible();
	await context.close();
});

test("a rater on a phone swipes the answers, comes back to where it was, and is told when the rating is closed", async ({ page, browser }) => {
	await open_empty(page, 24);
	await ask(page, "Write one sentence about a lighthouse.", "Say hi.");
	const link = await invite(page, "");
	const { context, page: theirs, wrong } = await guest(browser, link, { width: 360, height: 640 });
	await join(theirs, "陳小美");
	await expect(theirs.getByRole("heading", { level: 1 })).toHaveText("Rating");
	expect(await theirs.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
	const [a, b] = [theirs.getByRole("region", { name: "Answer A" }), theirs.getByRole("region", { name: "Answer B" })];
	await expect(a).toBeInViewport();
	await expect(b).toBeInViewport({ ratio: 0.05 }); // its edge shows that there is another
	await theirs.locator(".cards").evaluate((cards) => cards.scrollTo({ left: cards.scrollWidth }));
	await expect(b).toBeInViewport({ ratio: 0.9 });
	await b.getByRole("button", { name: "Like: Answer B" }).tap().catch(() => b.getByRole("button", { name: "Like: Answer B" }).click());
	for (const button of await theirs.locator("main .thumb, footer button").all()) {
		const size = await button.boundingBox();
		expect(size && Math.min(size.width, size.height)).toBeGreaterThanOrEqual(44);
	}
	await look_at_both(theirs, "rating-phone");
	await expect(theirs.getByRole("heading", { level: 2 })).toHaveText("Say hi."); // the first one is rated
	await theirs.getByRole("button", { name: "Previous" }).click();
	await expect(b.getByRole("button", { name: /Answer B/ })).toHaveAttribute("aria-pressed", "true");
	// The link again, by somebody who has come: no second name. Another link is another rating, and leaves this one as it is.
	const dialog = page.getByRole("dialog");
	await dialog.getByRole("button", { name: "Another link" }).click();
	await dialog.getByRole("button", { name: "Make a rating link" }).click();
	await expect(dialog.locator("code")).toHaveCount(2);
	for (const [at, again] of (await dialog.locator("code").allInnerTexts()).entries()) {
		await theirs.goto("about:blank");
		await theirs.goto(again);
		if (at === 0) await expect(theirs.getByLabel("Your name")).toBeVisible(); // the newest
		else await expect(theirs.getByRole("heading", { level: 2 })).toHaveText("Say hi.");
	}
	expect(wrong).toEqual([]);
	await dialog.getByRole("button", { name: "Close link" }).last().click();
	await expect(dialog).toContainText("Closed");
	await theirs.getByRole("button", { name: "Like: Answer A" }).click();
	await expect(theirs.getByText("This rating is closed.")).toBeVisible();
	await look_at(theirs, "rating-closed-en-light");
	await context.close();
});

test("a link that is wrong, a name that is taken, and a server that is away are each said", async ({ page, browser }) => {
	await open_empty(page, 8);
	await ask(page, "Say hi.");
	const link = await invite(page, "");
	const first = await guest(browser, link);
	await join(first.page, "Ann");
	const second = await guest(browser, link);
	await second.page.getByLabel("Your name").fill("Ann");
	await second.page.getByRole("button", { name: "Start" }).click();
	await expect(second.page.getByText("Another rater is called Ann here.")).toBeVisible();
	await look_at(second.page, "rating-name-taken-en-light");
	const third = await guest(browser, `${link.replace(/#.*/, "")}#p=${"0".repeat(32)}`);
	await third.page.getByLabel("Your name").fill("Ann");
	await third.page.getByRole("button", { name: "Start" }).click();
	await expect(third.page.getByText("This rating link is not valid, or no longer.")).toBeVisible();
	const fourth = await guest(browser, link.replace(/#.*/, ""));
	await expect(fourth.page.getByRole("heading", { name: "This page needs a rating link" })).toBeVisible();
	await look_at_both(fourth.page, "rating-no-link");
	// What could not be stored is not gone: it is sent when the server is there again.
	await first.context.setOffline(true);
	await first.page.getByRole("button", { name: "Like: Answer A" }).click();
	await expect(first.page.getByRole("alert")).toBeVisible();
	await first.page.getByRole("button", { name: "Finish" }).click();
	await expect(first.page.getByRole("heading", { level: 2 })).toHaveText("Say hi.");
	await first.context.setOffline(false);
	await first.page.getByRole("button", { name: "Retry" }).click();
	await expect(first.page.getByRole("alert")).toHaveCount(0);
	await expect(page.getByRole("dialog")).toContainText("1 of 1 rated");
	for (const each of [first, second, third, fourth]) await each.context.close();
});

test("who comes by the name of the machine, from a page that is no secure context, can rate", async ({ page, playwright }) => {
	test.skip(hostname() === "localhost" || !/^[a-z0-9.-]+$/i.test(hostname()), "this machine has no name of its own");
	await open_empty(page, 8);
	await ask(page, "Say hi.");
	const link = new URL(await invite(page, ""));
	const { launchOptions } = test.info().project.use;
	const far = await playwright.chromium.launch({ ...launchOptions, args: [...(launchOptions?.args ?? []), `--host-resolver-rules=MAP ${hostname()} 127.0.0.2`] });
	const theirs = await far.newPage({ locale: "zh-TW" });
	const wrong: string[] = [];
	theirs.on("pageerror", (error) => wrong.push(error.message));
	theirs.on("console", (message) => { if (message.type() === "error") wrong.push(message.text()); });
	await theirs.goto(`http://${hostname()}:${link.port}${link.pathname}${link.hash}`);
	expect(await theirs.evaluate(() => window.isSecureContext)).toBe(false);
	await theirs.getByLabel("您的名稱").fill("小明");
	await theirs.getByRole("button", { name: "開始評分" }).click();
	await theirs.getByRole("button", { name: /回答 A/ }).click();
	await theirs.getByRole("button", { name: "完成" }).click();
	await expect(theirs.getByRole("heading", { name: "謝謝您" })).toBeVisible();
	await expect(page.getByRole("dialog")).toContainText("1 of 1 rated");
	// Nothing else is there: whatever is opened is the page of raters.
	await theirs.goto(`http://${hostname()}:${link.port}/settings`);
	await expect(theirs.getByRole("heading", { name: "這個網頁需要評分連結" })).toBeVisible();
	expect(wrong.filter((line) => !line.includes("401"))).toEqual([]);
	await far.close();
});

test("others are invited from the list of validations too", async ({ page }) => {
	await open_empty(page, 8);
	await ask(page, "Say hi.");
	await page.goto(`${server()}/results`);
	await page.getByRole("button", { name: "Actions for Say hi." }).first().click();
	await page.getByRole("menuitem", { name: "Invite raters" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Make a rating link" }).click();
	await expect(page.getByRole("dialog").locator("code")).toContainText("/rate/");
});

test("the invitation in Chinese and dark", async ({ page }) => {
	await open_empty(page, 8);
	await ask(page, "Say hi.");
	await invite(page, "哪個回答比較好？");
	await page.evaluate(() => { localStorage.setItem("assay.locale", '"zh-TW"'); localStorage.setItem("assay.theme", '"dark"'); });
	await page.reload();
	await page.getByRole("button", { name: "邀請評分者" }).click();
	await expect(page.getByRole("dialog")).toContainText("尚未有人加入。");
	await page.getByRole("button", { name: "重新產生連結" }).click();
	await expect(page.getByRole("dialog")).toContainText("請立即複製");
	await look_at(page, "rating-invite-zh-TW-dark");
	await page.getByRole("button", { name: "再建立一個連結" }).click();
	await look_at(page, "rating-invite-more-zh-TW-dark");
});
