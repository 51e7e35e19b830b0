// SPDX-License-Identifier: Apache-2.0
// A model that assay cannot convert itself, by llama.cpp's converter: setup.ts gives the server a stub of Python.
import { rmSync, writeFileSync } from "node:fs";
import { dress, look_at } from "./look";
import { expect, server, test } from "./page";
import { call } from "./setup";

const home = (): string => process.env.ASSAY_E2E_HOME ?? "";
test.skip(() => !home(), "the server is not ours: it has no stub of Python");

for (const language of ["en", "zh-TW"] as const) {
	test(`${language}: what will be installed is said first, then it is done and the model is there`, async ({ page }) => {
		const [title, path, offer, convert, done, cancel] = language === "en" ? ["Add a folder or file", "Folder or GGUF file on the computer that runs assay", "Convert with Python", "Install and convert", "Converted and added.", "Cancel"]
			: ["加入資料夾或檔案", "執行 assay 的電腦上的資料夾或 GGUF 檔案", "用 Python 轉換", "轉換", "已轉換並加入。", "取消"];
		rmSync(`${home()}/python/stub/pip`, { force: true });
		await page.goto(`${server()}/models`);
		await dress(page, { language, theme: language === "en" ? "light" : "dark" });
		await page.getByLabel(path, { exact: true }).fill(`${home()}/python/Kestrel GPT`);
		await page.keyboard.press("Enter");
		// What was refused before stands below as well.
		const row = page.getByRole("region", { name: title }).getByRole("listitem").filter({ hasText: "GPT2LMHeadModel" });
		await row.getByRole("button", { name: offer }).click();
		const button = row.getByRole("button", { name: convert, exact: true });
		await expect(button).toBeVisible();
		await look_at(page, `python-${language}`);
		if (language === "en") {
			await expect(row.getByText("are installed into")).toBeVisible();
			// Cancelled in the middle, then to the end.
			writeFileSync(`${home()}/python/stub/pip`, "wait");
			await button.click();
			await row.getByText("Working: Collecting torch").waitFor();
			await row.getByRole("button", { name: cancel }).click();
			await expect(button).toBeVisible();
			rmSync(`${home()}/python/stub/pip`);
		}
		await button.click();
		await expect(row.getByText(done)).toBeVisible();
		const { models } = (await call(page, "GET", "/models")) as { models: { id: number; name: string }[] };
		const made = models.filter((model) => model.name === "Kestrel GPT");
		expect(made).toHaveLength(1);
		await call(page, "DELETE", "/conversion").catch(() => undefined);
		await call(page, "DELETE", `/models/${made[0]?.id ?? 0}`).catch(() => undefined);
	});
}
