// SPDX-License-Identifier: Apache-2.0
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect } from "./page";

interface Look { language: "en" | "zh-TW"; theme: "light" | "dark" }

/** The themes that a page is looked at in: each language and each theme once, with script/test --full each language in each theme. */
export function themes(language: string): readonly Look["theme"][] {
	return process.env.ASSAY_FULL ? ["light", "dark"] : [language === "en" ? "light" : "dark"];
}

/** Opens the page anew in a language and theme. */
export async function dress(page: Page, as: Look): Promise<void> {
	await page.evaluate(([language, theme]) => {
		localStorage.setItem("assay.locale", JSON.stringify(language));
		localStorage.setItem("assay.theme", JSON.stringify(theme));
	}, [as.language, as.theme] as const);
	await page.reload();
	await expect(page.locator("#page > *").first()).toBeVisible();
}

/** The whole page: what scrolls is main, so the window is made as high as that for the picture; not where a menu or dialog would move. */
async function take_picture(page: Page, name: string): Promise<void> {
	const size = page.viewportSize();
	const below = await page.evaluate(() => {
		const main = document.querySelector(":popover-open, dialog[open]") ? null : document.getElementById("page");
		return main ? main.scrollHeight - main.clientHeight : 0;
	});
	const grows = size !== null && below > 0;
	if (grows) await page.setViewportSize({ ...size, height: Math.min(size.height + below, 3000) });
	await page.screenshot({ path: `test-results/screens/${name}.png`, fullPage: true });
	if (grows) await page.setViewportSize(size);
}

/** Takes a picture of the page, in a language and theme where they are given, and lets axe look at it. */
export async function look_at(page: Page, name: string, as?: Look): Promise<void> {
	if (as) await dress(page, as);
	await expect(page.getByRole("progressbar")).toHaveCount(0);
	await take_picture(page, name);
	const { violations } = await new AxeBuilder({ page }).analyze();
	expect(violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`)).toEqual([]);
}

/** The same in English and light, then in Chinese and dark, and back; for what a reload leaves as it is. */
export async function look_at_both(page: Page, name: string): Promise<void> {
	await look_at(page, `${name}-en-light`);
	await look_at(page, `${name}-zh-TW-dark`, { language: "zh-TW", theme: "dark" });
	await dress(page, { language: "en", theme: "light" });
}
