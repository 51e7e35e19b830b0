// SPDX-License-Identifier: Apache-2.0
// A stored validation of 1,000 questions in 8 columns: only what is in sight exists, wherever one looks.
import type { Page } from "@playwright/test";
import { expect, server, test } from "./page";
import { call } from "./setup";

const N_QUESTIONS = 1000;
const N_COLUMNS = 8;
interface Run { id: number; state: string }
interface Rows { questions: { position: number; cells: Record<string, unknown>[] }[] }

/** What a model writes: lists, code, Chinese, long and short. */
const PARTS = [
	"The Kestrel K7 uses a **Halden Q5** eight-core processor at 3.2 GHz, cooled by two fans that stop below 40 °C.",
	"1. Turn the device off.\n2. Hold the *reset* button for five seconds.\n3. Wait until the green light blinks twice.",
	"Kestrel K7 使用 Halden Q5 八核心處理器，時脈為 3.2 GHz，並以兩個風扇散熱；溫度低於 40 °C 時風扇會停止。",
	"```python\nfor port in device.ports:\n    print(port.name, port.speed)\n```\nThe loop prints every port with its speed.",
	"| Part | Value |\n| --- | --- |\n| CPU | Halden Q5 |\n| Memory | 32 GB |",
	"I do not know the answer to that question, but the manual says where the serial number is printed.",
];
const answer = (question: number, column: number): string =>
	Array.from({ length: 1 + ((question * 7 + column * 3) % 4) }, (_, at) => PARTS[(question + column + at) % PARTS.length]).join("\n\n");

/**
 * Stores such a validation. To have a model write 8,000 answers takes too long here, so it is stopped at once, and answers are
 * written into the server's replies on their way: what is measured is how the page fetches and draws them, not how they came to be.
 */
async function store(page: Page): Promise<Run> {
	await page.goto(`${server()}/results`);
	await expect(page.getByRole("navigation").first()).toBeVisible();
	const { models } = (await call(page, "GET", "/models")) as { models: { id: number }[] };
	const columns = Array.from({ length: N_COLUMNS }, () => ({ model_id: models[0]?.id }));
	const questions = Array.from({ length: N_QUESTIONS }, (_, at) => ({ text: `Question number ${at + 1}: which part of the Kestrel K7 is meant?` }));
	const run = (await call(page, "POST", "/runs", { name: "A thousand", columns, questions, params: { max_tokens: 1, temperature: 0 } })) as Run;
	await call(page, "POST", `/runs/${run.id}/stop`);
	await expect.poll(async () => ((await call(page, "GET", `/runs/${run.id}`)) as Run).state).toBe("stopped");
	await page.route(`**/api/v1/runs/${run.id}/questions?*`, async (route) => {
		const response = await route.fetch();
		const rows = (await response.json()) as Rows;
		for (const { position, cells } of rows.questions) {
			cells.forEach((cell, at) => Object.assign(cell, { state: "done", text: answer(position, at), n_generated: 40, total_ms: 1200, tokens_per_s: 34 }));
		}
		await route.fulfill({ response, json: rows });
	});
	return run;
}

interface Smoothness { gaps: number[]; seconds: number; tasks: number[]; rows: number; drawn: number }
/** Scrolls the table by `step` pixels a frame, `distance` pixels or to its end; tells the gaps between frames, the tasks over 50 ms and how many rows were drawn. */
function scroll(page: Page, step: number, distance = Infinity): Promise<Smoothness> {
	return page.getByRole("grid").evaluate((table, [by, far]) => new Promise<Smoothness>((resolve) => {
		const tasks: number[] = [];
		const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => Math.round(entry.duration))));
		observer.observe({ type: "longtask" });
		const gaps: number[] = [];
		let [frames, rows, drawn] = [0, 0, 0];
		const watch = new MutationObserver((changes) => {
			for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof HTMLElement && node.dataset.cell?.endsWith(":0")) drawn++;
		});
		watch.observe(table, { childList: true, subtree: true });
		const begin = performance.now();
		let last = begin;
		const frame = (now: number): void => {
			if (frames++ > 0) gaps.push(now - last);
			last = now;
			rows = Math.max(rows, table.querySelectorAll('[role="row"]').length);
			if (frames * by < (far ?? Infinity) && table.scrollTop + table.clientHeight < table.scrollHeight - 1) {
				table.scrollTop += by;
				requestAnimationFrame(frame);
			} else {
				observer.disconnect();
				watch.disconnect();
				resolve({ gaps, seconds: (now - begin) / 1000, tasks, rows, drawn });
			}
		};
		requestAnimationFrame(frame);
	}), [step, distance === Infinity ? null : distance] as const);
}
/** How smooth it was, for people to read: how fast a machine draws proves nothing about the page, so nothing is asserted of it. */
function note(what: string, { gaps, seconds, tasks }: Smoothness): void {
	const sorted = gaps.toSorted((a, b) => a - b);
	const at = (share: number): string => `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)} ms`;
	const description = `${gaps.length} frames in ${seconds.toFixed(1)} s: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}; ${tasks.length} tasks over 50 ms (longest ${Math.max(0, ...tasks)} ms)`;
	test.info().annotations.push({ type: what, description });
	console.log(`${what}: ${description}`);
}
/** The line at the top of the window, and how far its beginning is from there, as it was painted: within a frame rows have new heights
 * before the window follows them. */
function seen(page: Page): Promise<{ line: number; by: number }> {
	return page.getByRole("grid").evaluate(async (table) => {
		await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
		const top = table.getBoundingClientRect().top + (table.querySelector('[role="row"]')?.clientHeight ?? 0);
		const first = [...table.querySelectorAll('[role="row"][aria-rowindex]')].slice(1).find((row) => row.getBoundingClientRect().bottom > top + 1);
		return { line: Number(first?.getAttribute("aria-rowindex")) - 1, by: Math.round((first?.getBoundingClientRect().top ?? 0) - top) };
	});
}

test("of 1,000 questions in 8 columns only those in sight exist, from the first to the last", async ({ page }) => {
	const run = await store(page);
	await page.goto(`${server()}/validate/${run.id}`);
	await expect(page.getByText("Question number 1:")).toBeVisible();
	await expect(page.getByRole("grid")).toHaveAttribute("aria-rowcount", String(N_QUESTIONS + 1));
	await expect(page.locator(".markdown").first()).not.toBeEmpty();
	const read = await scroll(page, 80, 24_000); // as a fast hand scrolls: five pages a second
	note("scrolling 1,000 x 8", read);
	expect(read.drawn).toBeGreaterThan(60);
	const skim = await scroll(page, 300, 40_000); // as far as answers are drawn as they pass
	note("skimming", skim);
	const rush = await scroll(page, 900); // a page in every frame: nobody reads those, so they cost nothing
	note("rushing to the end", rush);
	expect(rush.drawn).toBeLessThan(60);
	expect(Math.max(read.rows, skim.rows, rush.rows)).toBeLessThan(40);
	await expect(page.getByText(`Question number ${N_QUESTIONS}:`)).toBeInViewport();
	await expect(page.locator(`[data-cell="${N_QUESTIONS - 1}:0"] .markdown`)).toContainText(/Kestrel|Halden|reset|port|Part|answer/);
	for (const share of [0.5, 0.9, 0.2]) {
		await page.getByRole("grid").evaluate((table, part) => { table.scrollTop = table.scrollHeight * part; }, share);
		await expect(page.locator('[role="row"]:not(.waiting) .markdown').first()).not.toBeEmpty();
		await expect(page.locator(".waiting")).toHaveCount(0);
		expect(await page.locator('[role="row"]').count()).toBeLessThan(40);
		// Rows that turn out higher or lower than they were taken for move nobody.
		const before = await seen(page);
		await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
		expect(await seen(page)).toEqual(before);
	}
	const left_at = await seen(page);
	await page.getByRole("link", { name: "Results" }).click();
	await expect(page.getByRole("grid")).toHaveCount(0);
	await page.getByRole("link", { name: "Validate", exact: true }).click();
	await expect(page.locator('[role="row"]:not(.waiting) .markdown').first()).not.toBeEmpty();
	await expect(page.locator(".waiting")).toHaveCount(0);
	expect((await seen(page)).line).toBe(left_at.line);
	expect(await page.locator("*").count()).toBeLessThan(12_000);
	await page.keyboard.press("Escape");
	await page.getByRole("grid").evaluate((table) => { table.scrollTop = 0; });
	await expect(page.getByText("Question number 1:")).toBeInViewport();
	await expect(page.locator('[role="columnheader"]')).toHaveCount(N_COLUMNS + 2);
});
