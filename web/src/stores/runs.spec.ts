// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import type { Run } from "../types";
import { PAGE, RunsStore } from "./runs.svelte";

const run = (id: number, rest: Partial<Run> = {}): Run => ({
	id, name: `run ${id}`, created_ms: 0, state: "done", mode: "exact", seed: 1, blind: false, drifted: false, params: {},
	n_questions: 1, n_columns: 1, n_cells: 1, n_done: 1, n_failed: 0, n_raters: 0, ...rest,
});
/** A server with runs 1…n; `calls` gets each request. */
function server(n: number, calls: string[] = []): void {
	vi.stubGlobal("fetch", async (address: string, init: RequestInit) => {
		calls.push(`${init.method} ${address.replace("/api/v1", "")}`);
		const url = new URL(address, "http://x");
		const id = /runs\/(\d+)/.exec(address)?.[1];
		if (init.method === "DELETE") return new Response(null, { status: 204 });
		if (init.method === "PATCH") return new Response(JSON.stringify(run(Number(id), JSON.parse(String(init.body)) as Partial<Run>)));
		if (id) return new Response(JSON.stringify({ ...run(Number(id)), columns: [{ id: Number(id) * 10, run_id: Number(id), likes: 1 }] }));
		const before = Number(url.searchParams.get("before") ?? n + 1);
		const limit = Number(url.searchParams.get("limit") ?? 100);
		const ids = Array.from({ length: Math.max(0, Math.min(limit, before - 1)) }, (_, at) => before - 1 - at);
		return new Response(JSON.stringify({ runs: ids.map((one) => run(one)) }));
	});
}
afterEach(() => vi.unstubAllGlobals());

test("older runs come page by page until there are none", async () => {
	server(PAGE + 10);
	const store = new RunsStore();
	await store.refresh();
	expect([store.list.length, store.list[0]?.id, store.has_more]).toEqual([PAGE, PAGE + 10, true]);
	await store.more();
	expect([store.list.length, store.list.at(-1)?.id, store.has_more]).toEqual([PAGE + 10, 1, false]);
	await store.more();
	expect(store.list).toHaveLength(PAGE + 10);
});
test("a refresh keeps as many as are shown, a search begins anew", async () => {
	const calls: string[] = [];
	server(PAGE + 10, calls);
	const store = new RunsStore();
	await store.refresh();
	await store.more();
	await store.refresh();
	expect(calls.at(-1)).toBe(`GET /runs?limit=${PAGE + 10}`);
	await store.search("kestrel");
	expect(calls.at(-1)).toBe(`GET /runs?q=kestrel&limit=${PAGE}`);
	await store.search("kestrel", "stopped");
	expect(calls.at(-1)).toBe(`GET /runs?q=kestrel&state=stopped&limit=${PAGE}`);
	await store.search("owl");
	expect(calls.at(-1)).toBe(`GET /runs?q=owl&state=stopped&limit=${PAGE}`);
});
test("what is in another state by now leaves a list of one state", async () => {
	server(3);
	const store = new RunsStore();
	await store.search("", "done");
	store.take({ id: 1, event: "run", data: run(2, { n_done: 0 }) });
	expect(store.list.map((one) => one.id)).toEqual([3, 2, 1]);
	store.take({ id: 2, event: "run", data: run(2, { state: "waiting" }) });
	expect(store.list.map((one) => one.id)).toEqual([3, 1]);
});
test("the answer of an earlier search does not replace that of a later one", async () => {
	const waiting: ((runs: Run[]) => void)[] = [];
	vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => waiting.push((runs) => resolve(new Response(JSON.stringify({ runs }))))));
	const store = new RunsStore();
	const first = store.search("a");
	const second = store.search("ab");
	waiting[1]?.([run(2)]);
	waiting[0]?.([run(1)]);
	await Promise.all([first, second]);
	expect(store.list.map((one) => one.id)).toEqual([2]);
	expect(store.busy).toBe(false);
});
test("columns are fetched once for a row, a few rows at a time, and follow the votes", async () => {
	const calls: string[] = [];
	server(20, calls);
	const store = new RunsStore();
	for (let id = 1; id <= 10; id++) store.need(id);
	store.need(1);
	expect(calls).toHaveLength(4);
	await vi.waitFor(() => expect(store.columns(10)).toBeDefined());
	expect(calls).toHaveLength(10);
	store.take({ id: 1, event: "vote", data: { run_id: 3, column_id: 30, cell_id: 1, likes: 1, liked: true, column_likes: 7 } });
	expect(store.columns(3)?.[0]?.likes).toBe(7);
	expect(store.columns(4)?.[0]?.likes).toBe(1);
});
test("events change what is shown; a changed list is fetched again", async () => {
	const calls: string[] = [];
	server(2, calls);
	const store = new RunsStore();
	await store.refresh();
	store.take({ id: 1, event: "run", data: run(2, { state: "running", n_done: 0 }) });
	expect(store.list[0]?.state).toBe("running");
	store.take({ id: 2, event: "runs", data: {} });
	await vi.waitFor(() => expect(calls.filter((call) => call.startsWith("GET /runs?"))).toHaveLength(2));
});
test("a new name and a deletion show at once", async () => {
	server(2);
	const store = new RunsStore();
	await store.refresh();
	await store.rename(2, "better");
	expect(store.list[0]?.name).toBe("better");
	await store.remove(2);
	expect(store.list.map((one) => one.id)).toEqual([1]);
});
test("a server that does not answer is a problem, what was there stays", async () => {
	server(2);
	const store = new RunsStore();
	await store.refresh();
	vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
	await store.refresh();
	expect(store.problem?.code).toBe("io");
	expect(store.list).toHaveLength(2);
});
test("likes are fetched again after a time in which nothing followed them", async () => {
	const calls: string[] = [];
	server(1, calls);
	const store = new RunsStore();
	await store.refresh();
	store.need(1);
	await vi.waitFor(() => expect(store.columns(1)).toBeDefined());
	store.leave();
	expect(store.columns(1)).toBeUndefined();
	store.need(1);
	await vi.waitFor(() => expect(store.columns(1)).toBeDefined());
	expect(calls.filter((call) => call === "GET /runs/1")).toHaveLength(2);
});
