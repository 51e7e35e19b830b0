// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keep_session_key, use_session } from "../services/session";
import { RatingStore } from "./rating.svelte";

/** A server with three questions of two answers; `fail` says which requests are lost, `hold` which wait. */
const calls: string[] = [];
const stored: Record<number, number[]> = {};
let fail: (call: string) => boolean;
let hold: Record<string, Promise<void>>;
const json = (body: unknown): Response => new Response(JSON.stringify(body), { status: 200 });

async function server(address: string, init: RequestInit): Promise<Response> {
	const call = `${init.method} ${address.replace("/api/v1/rating", "")}`;
	calls.push(init.body ? `${call} ${String(init.body)}` : call);
	await hold[call];
	if (fail(call)) throw new TypeError("the network is gone");
	if (call === "POST /session") return json({ key: "k" });
	if (call === "GET ") return json({ title: "", name: "Ann", expires_ms: 1, n_questions: 3, n_rated: Object.keys(stored).length });
	const number = Number(/\d+/.exec(call)?.[0]);
	if (init.method === "PUT") {
		stored[number] = (JSON.parse(String(init.body)) as { likes: number[] }).likes;
		return json({ n_rated: Object.keys(stored).length });
	}
	return json({ number, earlier: [], text: `question ${number}`, rated: number in stored, answers: [0, 1].map((slot) => ({ slot, text: `${slot}`, liked: stored[number]?.includes(slot) ?? false })) });
}

beforeEach(() => {
	calls.length = 0;
	for (const number of Object.keys(stored)) delete stored[Number(number)];
	fail = () => false;
	hold = {};
	use_session("rater.7");
	keep_session_key("k");
	vi.stubGlobal("fetch", server);
});
afterEach(() => {
	vi.unstubAllGlobals();
	keep_session_key("");
});

async function begin(): Promise<RatingStore> {
	const store = new RatingStore();
	await store.start();
	expect(store.question?.number).toBe(1);
	return store;
}

describe("a rater's opinions", () => {
	it("are stored one after the other, the last one counts, and none is one too", async () => {
		const store = await begin();
		store.toggle(0);
		store.toggle(1);
		store.toggle(0);
		await store.next();
		expect(stored).toEqual({ 1: [1] });
		expect(store.question?.number).toBe(2);
		await store.next();
		expect(stored).toEqual({ 1: [1], 2: [] });
	});
	it("stay with their question, whatever comes first: its reply or the next question", async () => {
		const store = await begin();
		let go = (): void => undefined;
		hold["PUT /questions/1"] = new Promise((resolve) => (go = resolve));
		store.toggle(0);
		const turned = store.next();
		store.toggle(1); // while the page turns
		go();
		await turned;
		expect(store.question?.number).toBe(2);
		expect(stored).toEqual({ 1: [0] });
		expect(store.likes).toEqual([]);
	});
	it("that could not be stored are kept and sent on request, before anything is left", async () => {
		const store = await begin();
		fail = (call) => call.startsWith("PUT");
		store.toggle(1);
		await store.next();
		expect(store.question?.number).toBe(1);
		expect(store.problem).not.toBeNull();
		fail = () => false;
		await store.retry();
		expect(stored).toEqual({ 1: [1] });
		expect(store.problem).toBeNull();
	});
	it("can be changed by going back, also from the end", async () => {
		const store = await begin();
		for (let n = 0; n < 3; n++) await store.next();
		expect(store.state).toBe("done");
		await store.back();
		expect(store.question?.number).toBe(3);
		store.toggle(1);
		await store.back();
		expect(store.question?.number).toBe(2);
		expect(stored).toEqual({ 1: [], 2: [], 3: [1] });
	});
});

describe("a rater's way in and on", () => {
	it("asks again for a question that could not be fetched ahead", async () => {
		fail = (call) => call === "GET /questions/2";
		const store = await begin();
		await Promise.resolve();
		fail = () => false;
		await store.next();
		expect([store.question?.number, store.problem]).toEqual([2, null]);
	});
	it("does again what failed, where a question did not come", async () => {
		const store = await begin();
		await store.next();
		fail = (call) => call === "GET /questions/1";
		await store.back();
		expect(store.question?.number).toBe(2);
		expect(store.problem).not.toBeNull();
		fail = () => false;
		await store.retry();
		expect([store.question?.number, store.problem]).toEqual([1, null]);
	});
	it("does not join twice where the first question did not come", async () => {
		keep_session_key("");
		history.replaceState(null, "", "/rate/7#p=abc");
		const store = new RatingStore();
		await store.start();
		expect(store.state).toBe("join");
		expect(location.hash).toBe("");
		fail = (call) => call === "GET ";
		await store.join("Ann");
		expect(store.state).toBe("away");
		fail = () => false;
		await store.retry();
		expect(store.question?.number).toBe(1);
		const joins = calls.filter((call) => call.startsWith("POST"));
		expect(joins).toHaveLength(1);
		expect(JSON.parse(joins[0]?.replace("POST /session ", "") ?? "")).toMatchObject({ code: "abc", name: "Ann", nonce: expect.stringMatching(/^[0-9a-f]{32}$/) });
	});
	it("begins where the first question is left", async () => {
		stored[1] = [];
		const store = new RatingStore();
		await store.start();
		expect(store.question?.number).toBe(2);
	});
});
