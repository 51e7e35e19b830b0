// SPDX-License-Identifier: Apache-2.0
import { look_at, themes } from "./look";
import { expect, server, test } from "./page";
import { call } from "./setup";

test.beforeEach(async ({ page }) => {
	await page.goto(`${server()}/settings`);
	await expect(page.getByRole("heading", { name: "System check" })).toBeVisible();
});

test("language and theme are chosen here and stay", async ({ page }) => {
	await page.getByLabel("Language").last().selectOption("zh-TW");
	await expect(page.getByRole("heading", { name: "系統檢查" })).toBeVisible();
	await expect(page.locator("html")).toHaveAttribute("lang", "zh-TW");
	await page.getByRole("radio", { name: "深色" }).check();
	await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
	await page.reload();
	await expect(page.getByRole("radio", { name: "深色" })).toBeChecked();
	await page.getByRole("radio", { name: "依系統設定" }).check();
	await expect(page.locator("html")).not.toHaveAttribute("data-theme", /./);
	await page.getByLabel("語言").last().selectOption("en");
	await expect(page.getByRole("heading", { name: "System check" })).toBeVisible();
});

test("threads and layers are stored; what is no number is refused before it is sent", async ({ page }) => {
	const threads = page.getByLabel("Threads of the processor");
	const save = page.getByRole("button", { name: "Save" });
	await expect(threads).toHaveValue("0");
	await expect(save).toBeDisabled();
	await threads.fill("many");
	await expect(page.getByText("Between 0 and 1024.")).toBeVisible();
	await expect(save).toBeDisabled();
	await threads.fill("2");
	await page.getByLabel("Layers on the GPU").selectOption({ label: "a number of layers" });
	await page.getByLabel("Number of layers", { exact: true }).fill("7");
	await save.click();
	await expect(page.getByText("Saved.")).toBeVisible();
	expect(await call(page, "GET", "/settings")).toMatchObject({ n_threads: 2, n_gpu_layers: 7 });
	await page.reload();
	await expect(threads).toHaveValue("2");
	await expect(page.getByLabel("Number of layers", { exact: true })).toHaveValue("7");
	await call(page, "PATCH", "/settings", { n_threads: 0, n_gpu_layers: -1 });
});

test("looking for models of other programs at each start is off until it is allowed, and can be taken back", async ({ page }) => {
	const box = page.getByLabel("Look for models of other programs and new epochs at each start");
	await expect(box).not.toBeChecked();
	await box.check();
	await expect(page.getByText("Saved.")).toBeVisible();
	expect(await call(page, "GET", "/settings")).toMatchObject({ find_at_start: true });
	await page.reload();
	await expect(box).toBeChecked();
	await box.uncheck();
	await expect.poll(() => call(page, "GET", "/settings")).toMatchObject({ find_at_start: false });
});

test("the system check names each check with its state, and can be repeated", async ({ page }) => {
	const table = page.getByRole("table", { name: "System check" });
	await expect(table.locator("tbody tr td:first-child")).toHaveText(["Sandbox", "Memory", "Disk space", "Model program", "Address", "Raters", "GPU"]);
	const again = page.waitForResponse("**/api/v1/doctor");
	await page.getByRole("button", { name: "Check again" }).click();
	expect((await again).ok()).toBe(true);
});

test("what is wrong comes with what to do", async ({ page }) => {
	await page.route("**/api/v1/doctor", (route) => route.fulfill({ json: { checks: [
		{ name: "memory", label: "Memory", state: "warn", message: "Only 1 GiB is free.", hint: "Close other programs." },
		{ name: "disk", label: "Disk space", state: "fail", message: "The disk is full.", hint: "Delete files." },
	] } }));
	await page.getByRole("button", { name: "Check again" }).click();
	await expect(page.getByText("Needs attention: 2")).toBeVisible();
	await expect(page.getByText("Close other programs.")).toBeVisible();
	await look_at(page, "settings-trouble-en-light");
});

test("version, data folder and sandbox are told", async ({ page }) => {
	await expect(page.getByText(/^\d+\.\d+\.\d+/)).toBeVisible();
	await expect(page.locator("dd code")).toContainText("/");
	await expect(page.getByText(/^(Full|Partial|None|Not known yet)/)).toBeVisible();
});

for (const language of ["en", "zh-TW"] as const) {
	for (const theme of themes(language)) {
		test(`axe finds nothing on Settings, ${language}, ${theme}`, async ({ page }) => {
			await look_at(page, `settings-${language}-${theme}`, { language, theme });
		});
	}
}
for (const where of ["/models", "/results", "/settings"]) {
	for (const width of [1280, 900, 360]) {
		test(`${where} is not cut off sideways at ${width} px`, async ({ page }) => {
			await page.setViewportSize({ width, height: 800 });
			await page.goto(`${server()}${where}`);
			await expect(page.locator("main .page")).toBeVisible();
			expect(await page.evaluate(() => Math.max(document.documentElement.scrollWidth - innerWidth, (document.querySelector("main")?.scrollWidth ?? 0) - (document.querySelector("main")?.clientWidth ?? 0)))).toBeLessThanOrEqual(0);
		});
	}
}

test("a GPU that lies idle is told once, and the one to use can be chosen", async ({ page }) => {
	const gpu = (id: string) => ({ id, name: "Card", type: "gpu", memory_total: 8e9, memory_free: 7.5e9 });
	const told = { gpu_support: false, gpu_idle: "build", gpus: [] as object[] };
	await page.route("**/api/v1/status", async (route) => {
		const response = await route.fetch();
		await route.fulfill({ json: { ...((await response.json()) as object), ...told } });
	});
	await page.reload();
	const banner = page.getByText("was built without GPU support");
	await expect(banner).toBeVisible();
	await page.getByRole("button", { name: "Do not show this again" }).click();
	await expect(banner).toBeHidden();
	Object.assign(told, { gpu_support: true, gpu_idle: "", gpus: [gpu("CUDA0"), gpu("CUDA1")] });
	await page.reload();
	await expect(banner).toBeHidden();
	await expect(page.getByText("Card: 7.5 of 8.0 GB free").first()).toBeVisible();
	await page.getByLabel("Use this GPU").selectOption("CUDA1");
	await page.getByRole("button", { name: "Save" }).click();
	await expect(page.getByText("Saved.")).toBeVisible();
	expect(await call(page, "GET", "/settings")).toMatchObject({ gpu_device: "CUDA1" });
	await call(page, "PATCH", "/settings", { gpu_device: "" });
});

test("what was done here is listed on request, newest first", async ({ page }) => {
	const key = (await call(page, "POST", "/api-keys", { name: "for the list" })) as { id: number };
	await call(page, "DELETE", `/api-keys/${key.id}`);
	const list = page.locator("details", { hasText: "Activity" });
	await expect(list.locator("tr")).toHaveCount(0);
	await list.locator("summary").click();
	await expect(list.locator("tr").nth(0)).toContainText(/API key removed/);
	await expect(list.locator("tr").nth(1)).toContainText(/API key made.*for the list/);
	await expect(list.locator("tr").filter({ hasText: "logged in" }).first()).toContainText("127.0.0.1");
});
