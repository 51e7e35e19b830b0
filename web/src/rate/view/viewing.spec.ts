// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keep_session_key, session_key, use_session } from "../../services/session";
import { ViewingStore } from "./viewing.svelte";

/** A server with 45 questions; `refuse` is its status, 0 where it is away, or 200. */
const calls: string[] = [];
let refuse: number;
let n_done: number;
let state: string;
let hold: Promise<void> | undefined;
const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

async function server(address: string, init: RequestInit): Promise<Response> {
	const call = `${init.method} ${address.replace("/api/v1/viewing", "")}`;
	calls.push(init.body ? `${call} ${String(init.body)}` : call);
	if (call.includes("offset=20")) await hold;
	if (refuse === 0) throw new TypeError("the network is gone");
	if (call === "POST /session") {
		refuse = 200;
		return json({ key: "new" });
	}
	if (refuse !== 200) return json({ error: { code: "denied", key: "err_viewing_closed", message: "closed" } }, refuse);
	if (call === "GET ") return json({ title: "t", state, n_done, columns: [] });
	const offset = Number(/offset=(\d+)/.exec(call)?.[1]);
	return json({ total: 45, offset, questions: [{ number: offset + 1, text: `${n_done}`, answers: [] }] });
}

beforeEach(() => {
	calls.length = 0;
	[refuse, n_done, state, hold] = [200, 3, "done", undefined];
	use_session("viewer.7");
	keep_session_key("k");
	history.replaceState(null, "", "/view/7");
	vi.stubGlobal("fetch", server);
});
afterEach(() => {
	vi.unstubAllGlobals();
	keep_session_key("");
});

async function begin(): Promise<ViewingStore> {
	const store = new ViewingStore();
	await store.start();
	expect([store.state, store.page?.offset]).toEqual(["open", 0]);
	calls.length = 0;
	return store;
}

test("a link opens the results without asking for anything, and its code leaves the address", async () => {
	keep_session_key("");
	history.replaceState(null, "", "/view/7#p=abc");
	const store = new ViewingStore();
	await store.start();
	expect(calls).toEqual(['POST /session {"code":"abc"}', "GET ", "GET /questions?offset=0&limit=20"]);
	expect([store.state, session_key(), location.hash]).toEqual(["open", "new", ""]);
});
test("who has come before needs no code, and a newer link opens what an older one opens no more", async () => {
	await begin();
	refuse = 403;
	history.replaceState(null, "", "/view/7#p=abc");
	const store = new ViewingStore();
	await store.start();
	expect(calls.at(-3)).toBe('POST /session {"code":"abc"}');
	expect([store.state, session_key()]).toEqual(["open", "new"]);
});
test("without a link, and when it ends, nothing is shown", async () => {
	const store = await begin();
	refuse = 403;
	await store.refresh();
	expect([store.state, store.problem?.key, store.viewing, store.page]).toEqual(["away", "err_viewing_closed", null, null]);
	refuse = 401;
	const stranger = new ViewingStore();
	await stranger.start();
	expect([stranger.state, stranger.page]).toEqual(["away", null]);
});
test("answers are asked for again only where something has changed, and a server that is away changes nothing", async () => {
	const store = await begin();
	await store.refresh();
	expect(calls).toEqual(["GET "]);
	n_done = 4;
	await store.refresh();
	expect([calls.length, store.page?.questions[0]?.text]).toEqual([3, "4"]);
	refuse = 0;
	await store.refresh();
	expect([store.state, store.problem, store.page?.questions[0]?.text]).toEqual(["open", null, "4"]);
});
test("it is looked more often while answers come", async () => {
	const store = await begin();
	const idle = store.pause_ms;
	state = "running";
	await store.refresh();
	expect([store.is_computing, store.pause_ms < idle]).toEqual([true, true]);
});
test("pages end where the questions do, and one that did not come can be asked for again", async () => {
	const store = await begin();
	expect([await store.back(), await store.next(), await store.next(), await store.next(), store.page?.offset]).toEqual([false, true, true, false, 40]);
	refuse = 0;
	expect(await store.back()).toBe(false);
	expect([store.page?.offset, store.problem?.code, store.state]).toEqual([40, "io", "open"]);
	refuse = 200;
	await store.retry();
	expect([store.page?.offset, store.problem]).toEqual([20, null]);
});
test("while a page turns nothing else takes its place", async () => {
	const store = await begin();
	let free = (): void => undefined;
	hold = new Promise((resolve) => (free = resolve));
	const turning = store.next();
	await store.refresh();
	expect(await store.next()).toBe(false);
	free();
	expect([await turning, store.page?.offset]).toEqual([true, 20]);
});
