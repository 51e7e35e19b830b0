// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, unmount } from "svelte";
import { expect, test } from "vitest";
import { PAYLOADS } from "../../test_payloads";
import Answers from "./Answers.svelte";
import type { ViewingAnswer, ViewingColumn, ViewingQuestion } from "./api";

const column = (label: string, epoch: number | null = null): ViewingColumn =>
	({ label, epoch, own_template: false, params: {}, n_done: 0, n_failed: 0, n_total: 0, likes: 0, rated: 0, n_wins: 0, n_losses: 0, win_rate: null, low: null, high: null });
const done = (text: string, more: Partial<ViewingAnswer> = {}): ViewingAnswer => ({ state: "done", text, finish: "stop", n_generated: 7, likes: 0, ...more });

async function shown(question: Partial<ViewingQuestion>, columns: ViewingColumn[], look: () => void): Promise<void> {
	const page = mount(Answers, { target: document.body, props: { question: { number: 3, text: "How?", answers: [], ...question }, columns } });
	flushSync();
	look();
	await unmount(page);
}
const texts = (selector: string): string[] => [...document.querySelectorAll(selector)].map((one) => one.textContent?.trim() ?? "");

test("each answer stands under its model, with how it ended, and nothing can be pressed", async () => {
	const answers = [done("So.", { likes: 2 }), done("**Cut", { finish: "length", n_generated: 9 }), { state: "failed" as const }, { state: "waiting" as const }, { state: "cancelled" as const }, done(" ")];
	await shown({ answers }, ["base", "a", "b", "c", "d"].map((name) => column(name)).concat(column("bot", 4)), () => {
		expect(texts("h4")).toEqual(["base 2", "a", "b", "c", "d", "bot · epoch 4"]);
		expect(texts(".answer > p")).toEqual(["complete, 7 tok", "cut at 9 tokens", "No answer: it failed.", "waiting", "stopped", "complete, 7 tok"]);
		expect(texts(".body")[2]).toBe("The answer is empty.");
		expect(document.querySelector("button, input, a")).toBeNull();
	});
});
test("reasoning is folded, and a later turn says of which question", async () => {
	await shown({ turn: 2, answers: [done("So.", { thinking: "Let me see." })] }, [column("base")], () => {
		expect([document.querySelector("details")?.open, document.querySelector(".thinking")?.textContent]).toEqual([false, "Let me see."]);
		expect(document.querySelector("article > p")?.textContent).toBe("Turn 2 of question 2");
	});
});
test.each(PAYLOADS)("%s runs nothing and fetches nothing, wherever it stands", async (payload) => {
	for (const text of [payload, `**${payload}**`, `- a\n- ${payload}\n`, `| a |\n|---|\n| ${payload} |`]) {
		await shown({ text, answers: [done(text, { thinking: text, likes: 1 })] }, [column(text)], () => {
			const page = document.querySelector("article");
			expect(page?.querySelector("script, img, iframe, math, object, embed, link, style, form, video, audio, base, meta, template, input")).toBeNull();
			for (const element of page?.querySelectorAll("*") ?? []) {
				for (const name of element.getAttributeNames()) expect(name).not.toMatch(/^on|^src|^name$|^formaction$/);
				expect(element.getAttribute("href") ?? "https:").toMatch(/^(https?:|mailto:)/);
			}
		});
	}
});
