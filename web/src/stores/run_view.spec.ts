// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Cell, Column, Run, RunPage } from "../types";
import { RunView } from "./run_view.svelte";

const column = (id: number, likes = 0): Column => ({
	id, run_id: 7, position: id, model_id: id, label: `m${id}`, params: {}, own_params: false, state: "answering",
	n_done: 0, n_failed: 0, n_total: 2, likes,
});
const run = (rest: Partial<Run> = {}): Run => ({
	id: 7, name: "r", created_ms: 0, state: "running", mode: "exact", seed: 1, blind: false, drifted: false, params: {},
	n_questions: 2, n_columns: 2, n_cells: 4, n_done: 0, n_failed: 0, n_raters: 0, ...rest,
});
const cell = (id: number, rest: Partial<Cell> = {}): Cell => ({
	id, run_id: 7, question_id: Math.ceil(id / 2), column_id: ((id - 1) % 2) + 1, state: "waiting", text: "", likes: 0, liked: false, ...rest,
});
const page = (event_id: number, cells: Cell[]): RunPage => ({
	total: 2, offset: 0, event_id,
	questions: [1, 2].map((id) => ({ id, position: id - 1, text: `q${id}`, cells: cells.filter((c) => c.question_id === id) })),
});
const four = (): Cell[] => [1, 2, 3, 4].map((id) => cell(id));

let pages: RunPage[];
let held: (() => void)[];
let vote: () => Promise<Response>;
let hold = false;
beforeEach(() => {
	pages = [page(10, four())];
	held = [];
	hold = false;
	vi.stubGlobal("fetch", vi.fn(async (url: string, init: RequestInit) => {
		if (init.method === "PUT") return vote();
		if (url.endsWith("/runs/7")) return new Response(JSON.stringify({ ...run(), columns: [column(1), column(2)] }));
		const body = JSON.stringify(pages.length > 1 ? pages.shift() : pages[0]);
		if (hold) await new Promise<void>((resolve) => held.push(resolve));
		return new Response(body);
	}));
});
afterEach(() => vi.unstubAllGlobals());
async function opened(): Promise<RunView> {
	const view = new RunView(7);
	await view.load();
	return view;
}
const text = (id: number, cell_id: number, piece: string, thinking?: string) =>
	({ id, event: "text", data: { run_id: 7, column_id: 1, question_id: 1, cell_id, text: piece, ...(thinking && { thinking }) } }) as const;

test("text streams into its cell, and the finished cell replaces it", async () => {
	const view = await opened();
	view.take(text(11, 1, "Hal"));
	view.take(text(12, 1, "den"));
	expect(view.row(0)?.cells[0]?.text).toBe("Halden");
	expect(view.row(0)?.cells[0]?.data.state).toBe("running");
	view.take({ id: 13, event: "cell", data: cell(1, { state: "done", text: "Halden Q5" }) });
	expect(view.row(0)?.cells[0]?.text).toBe("Halden Q5");
	expect(view.row(0)?.cells[1]?.data.state).toBe("waiting");
});
test("thinking streams beside the text, goes on from what a page had of it, and is the server's at the end", async () => {
	pages = [page(10, [cell(1, { state: "running", text: "", thinking: "Eight" }), ...four().slice(1)])];
	const view = await opened();
	const one = view.row(0)?.cells[0];
	view.take(text(11, 1, "", " or nine."));
	expect([one?.thinking, one?.text]).toEqual(["Eight or nine.", ""]);
	view.take(text(12, 1, "Eight"));
	expect([one?.thinking, one?.text]).toEqual(["Eight or nine.", "Eight"]);
	view.take(text(13, 3, "", "Hm"));
	expect(view.row(1)?.cells[0]?.thinking).toBe("Hm");
	view.take({ id: 14, event: "cell", data: cell(1, { state: "done", text: "Eight.", thinking: "Eight or nine?" }) });
	expect([one?.thinking, one?.text]).toEqual(["Eight or nine?", "Eight."]);
});
test("events that the page already holds are not applied twice", async () => {
	pages = [page(20, [cell(1, { state: "running", text: "Hal" }), ...four().slice(1)])];
	const view = await opened();
	view.take(text(19, 1, "al"));
	view.take(text(20, 1, "l"));
	view.take(text(21, 1, "den"));
	expect(view.row(0)?.cells[0]?.text).toBe("Halden");
});
test("events that come while rows are on their way are not lost", async () => {
	hold = true;
	const view = new RunView(7);
	const loading = view.load();
	await vi.waitFor(() => expect(held.length).toBe(1));
	view.take(text(9, 1, "old"));
	view.take(text(11, 1, "new"));
	held[0]?.();
	await loading;
	expect(view.row(0)?.cells[0]?.text).toBe("new");
});
test("events are applied once, whichever rows arrive meanwhile", async () => {
	pages = [page(10, four()), { ...page(10, []), total: 100, questions: [] }];
	const view = await opened();
	view.total = 100;
	hold = true;
	const more = view.need(50, 100);
	await vi.waitFor(() => expect(held.length).toBe(1));
	view.take(text(11, 1, "Hal"));
	view.take({ id: 12, event: "run", data: run({ n_done: 1 }) });
	view.take({ id: 13, event: "run", data: run({ state: "done", n_done: 4 }) });
	hold = false;
	const asked = vi.mocked(fetch).mock.calls.length;
	for (const go of held) go();
	await more;
	expect(view.row(0)?.cells[0]?.text).toBe("Hal");
	expect(view.run?.state).toBe("done");
	expect(vi.mocked(fetch).mock.calls.length).toBe(asked);
});
test("with only the unrated ones shown, rating some skips none", async () => {
	const likes = new Map<number, number>();
	vi.stubGlobal("fetch", async (address: string, init: RequestInit) => {
		const url = new URL(address, "http://x");
		if (init.method === "PUT") {
			const id = Number(/cells\/(\d+)/.exec(address)?.[1]);
			likes.set(id, 1);
			return new Response(JSON.stringify({ cell_id: id, liked: true, likes: 1, column_id: 1, column_likes: likes.size }));
		}
		if (url.pathname.endsWith("/runs/7")) return new Response(JSON.stringify({ ...run({ n_questions: 120 }), columns: [column(1)] }));
		const offset = Number(url.searchParams.get("offset"));
		const left = Array.from({ length: 120 }, (_, at) => at + 1).filter((id) => !likes.has(id));
		return new Response(JSON.stringify({
			total: left.length, offset, event_id: 10,
			questions: left.slice(offset, offset + 50).map((id) => ({ id, position: id - 1, text: `q${id}`, cells: [cell(id, { question_id: id, column_id: 1, state: "done", text: "a" })] })),
		}));
	});
	const view = await opened();
	await view.set_filter("unrated");
	const rate = (at: number) => {
		const target = view.row(at)?.cells[0];
		if (!target) throw new Error("no cell");
		return view.vote(target, true);
	};
	for (let at = 0; at < 30; at++) await rate(at);
	const last = rate(49); // on its way while the next rows are fetched
	await view.need(50, 120);
	await last;
	expect(view.total).toBe(120);
	expect(Array.from({ length: 120 }, (_, at) => view.row(at)?.id)).toEqual(Array.from({ length: 120 }, (_, at) => at + 1));
	await view.reload();
	expect([view.total, view.row(0)?.id]).toEqual([89, 31]);
});
test("events of other runs change nothing", async () => {
	const view = await opened();
	view.take({ id: 11, event: "text", data: { run_id: 8, column_id: 1, question_id: 1, cell_id: 1, text: "x" } });
	view.take({ id: 12, event: "run", data: run({ id: 8, name: "other" }) });
	expect(view.row(0)?.cells[0]?.text).toBe("");
	expect(view.run?.name).toBe("r");
});
test("after a gap everything shown is fetched again, into the same cells", async () => {
	const view = await opened();
	const before = view.row(0)?.cells[0];
	pages = [page(40, [cell(1, { state: "done", text: "whole" }), ...four().slice(1)])];
	view.take({ id: 30, event: "resync", data: {} });
	await vi.waitFor(() => expect(view.row(0)?.cells[0]?.text).toBe("whole"));
	expect(view.row(0)?.cells[0]).toBe(before);
});
test("a thumb counts at once, and goes back where the server refuses it", async () => {
	pages = [page(10, [cell(1, { state: "done", text: "a" }), ...four().slice(1)])];
	const view = await opened();
	const target = view.row(0)?.cells[0];
	if (!target) throw new Error("no cell");
	let answer: (response: Response) => void = () => {};
	vote = () => new Promise((resolve) => (answer = resolve));
	const voting = view.vote(target, true);
	expect([target.data.liked, target.data.likes, view.column(1)?.likes]).toEqual([true, 1, 1]);
	await vi.waitFor(() => expect(view.voting.has(1)).toBe(true));
	answer(new Response(JSON.stringify({ error: { code: "io", message: "disk" } }), { status: 507 }));
	await expect(voting).rejects.toThrow("disk");
	expect([target.data.liked, target.data.likes, view.column(1)?.likes]).toEqual([false, 0, 0]);
	vote = async () => new Response(JSON.stringify({ cell_id: 1, liked: true, likes: 2, column_id: 1, column_likes: 5 }));
	await view.vote(target, true);
	expect([target.data.likes, view.column(1)?.likes]).toEqual([2, 5]);
});
test("of quick presses the last one counts, in the order they came", async () => {
	pages = [page(10, [cell(1, { state: "done", text: "a" }), ...four().slice(1)])];
	const view = await opened();
	const target = view.row(0)?.cells[0];
	if (!target) throw new Error("no cell");
	const asked: boolean[] = [];
	vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
		const { liked } = JSON.parse(String(init.body)) as { liked: boolean };
		asked.push(liked);
		await new Promise((resolve) => setTimeout(resolve, 5));
		return new Response(JSON.stringify({ cell_id: 1, liked, likes: Number(liked), column_id: 1, column_likes: Number(liked) }));
	});
	const first = view.vote(target, true);
	await view.vote(target, false);
	await view.vote(target, true);
	await view.vote(target, false);
	expect(target.data.liked).toBe(false);
	await first;
	expect(asked).toEqual([true, false]);
	expect([target.data.liked, target.data.likes, view.column(1)?.likes]).toEqual([false, 0, 0]);
});
test("an answer that is not complete cannot be liked", async () => {
	const view = await opened();
	const target = view.row(0)?.cells[0];
	vote = async () => { throw new Error("asked"); };
	if (target) await view.vote(target, true);
	expect(target?.data.liked).toBe(false);
});
test("a run that could not be read says why", async () => {
	vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ error: { code: "not_found", message: "gone" } }), { status: 404 }));
	const view = new RunView(7);
	expect(await view.load()).toBe(false);
	expect(view.problem?.message).toBe("gone");
});
test("its questions are asked again with every accepted answer and their own ids", async () => {
	const asked = { text: "a", reference: "1", other_references: ["one", "uno"], system: "Be brief.", tags: "x", record: { id: "k-1", level: [1] } };
	const row = { ...asked, id: 71, position: 0, source_id: "k-1", cells: [] };
	vi.stubGlobal("fetch", async (url: string) => new Response(JSON.stringify(url.includes("/questions") ? { total: 2, offset: 0, event_id: 1, questions: [row, { id: 72, position: 1, text: "b", cells: [] }] } : run({ n_questions: 2 }))));
	const view = await opened();
	expect(await view.questions()).toStrictEqual([{ ...asked, id: "k-1" }, { text: "b" }]);
});
test("the rows are those of conversations, and its questions say what follows what", async () => {
	const asked: string[] = [];
	const turn = (position: number, text: string, follows?: number): RunPage["questions"][number] =>
		({ id: position + 1, position, text, cells: [], ...(follows === undefined ? {} : { turn: 2, follows, conversation: follows }) });
	vi.stubGlobal("fetch", async (url: string) => {
		asked.push(url);
		return new Response(JSON.stringify(url.includes("/questions") ? { total: 4, offset: 0, event_id: 1, questions: [turn(0, "a"), turn(3, "a2", 0), turn(1, "b"), turn(2, "b2", 1)] } : run({ n_questions: 4 })));
	});
	const view = await opened();
	expect(asked.at(-1)).toContain("order=conversation");
	expect([0, 1, 2, 3].map((index) => view.row(index)?.position)).toEqual([0, 3, 1, 2]);
	expect(await view.questions()).toEqual([{ text: "a" }, { text: "a2", follows: 0 }, { text: "b" }, { text: "b2", follows: 2 }]);
});
