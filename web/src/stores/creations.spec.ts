// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Creation } from "../types";
import { CreationStore } from "./creations.svelte";
import { toasts } from "./toasts.svelte";

const job = (id: number, state: Creation["state"], rest: Partial<Creation> = {}): Creation => ({
	id, state, target: "file", name: `job ${id}`, format: "Q4_K_M", imatrix: false, prove: true, model_id: 1, label: "Kestrel bot", steps: [], created_ms: 0, ...rest,
});
beforeEach(() => { for (const toast of toasts.list) toasts.close(toast.id); });
afterEach(() => vi.unstubAllGlobals());
const reply = (body: unknown, status = 200) => vi.stubGlobal("fetch", async () => new Response(JSON.stringify(body), { status }));

test("a job that is begun is shown, and follows the server's events", async () => {
	reply(job(7, "waiting"));
	const store = new CreationStore();
	store.open("file", { run_id: 3 });
	expect(store.view).toEqual({ kind: "form", target: "file", run_id: 3 });
	await store.start({ model_id: 1, target: "file", format: "Q4_K_M", name: "job 7", prove: true });
	expect(store.view).toEqual({ kind: "job", id: 7 });
	store.take({ id: 1, event: "creation", data: job(7, "running") });
	expect(store.active.map((one) => one.state)).toEqual(["running"]);
	store.take({ id: 2, event: "creation", data: job(7, "done") });
	expect(store.active).toEqual([]);
	expect(toasts.list).toEqual([]);
});
test("how a job ends that nobody looks at is told, with the way to it", () => {
	const store = new CreationStore();
	for (const id of [1, 2, 3]) store.take({ id, event: "creation", data: job(id, "running") });
	store.take({ id: 4, event: "creation", data: job(1, "done") });
	store.take({ id: 5, event: "creation", data: job(2, "failed", { problem: { code: "io", message: "The disk is full." } }) });
	store.take({ id: 6, event: "creation", data: job(3, "cancelled") });
	expect(toasts.list.map((toast) => [toast.text, toast.bad, toast.hint])).toEqual([
		["job 1 is ready.", false, undefined], ["job 2 could not be made.", true, "The disk is full."],
	]);
	toasts.list[0]?.action?.run();
	expect(store.view).toEqual({ kind: "job", id: 1 });
});
test("a job that was over before is not told again", async () => {
	reply({ creations: [job(2, "done"), job(1, "failed")] });
	const store = new CreationStore();
	await store.refresh();
	store.take({ id: 1, event: "creation", data: job(2, "done") });
	expect(toasts.list).toEqual([]);
});
test("a refusal leaves the form open and is thrown", async () => {
	reply({ error: { code: "limit", message: "Not enough room." } }, 409);
	const store = new CreationStore();
	store.open("file", { run_id: 3 });
	await expect(store.start({ model_id: 1, target: "file", format: "Q4_K_M", name: "x", prove: true })).rejects.toThrow("Not enough room.");
	expect(store.view?.kind).toBe("form");
});
test("retrying shows the job again", async () => {
	reply(job(4, "waiting"));
	const store = new CreationStore();
	await store.retry(4);
	expect(store.view).toEqual({ kind: "job", id: 4 });
	store.close();
	expect(store.view).toBeNull();
});
test("a job that ends before the reply to its beginning has ended", async () => {
	const store = new CreationStore();
	const failed = (id: number) => job(id, "failed", { problem: { code: "invalid", message: "No folder." } });
	vi.stubGlobal("fetch", async () => {
		store.take({ id: 1, event: "creation", data: failed(9) });
		return new Response(JSON.stringify(job(9, "waiting")));
	});
	await store.start({ model_id: 1, target: "file", format: "Q4_K_M", name: "job 9", prove: true });
	expect(store.get(9)?.state).toBe("failed");
	await store.retry(9);
	expect(store.get(9)?.state).toBe("failed");
});
