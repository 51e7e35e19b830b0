// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Download } from "../types";
import { download_name, DownloadStore } from "./downloads.svelte";
import { toasts } from "./toasts.svelte";

const one = (id: number, state: Download["state"], rest: Partial<Download> = {}): Download => ({
	id, state, model: "org/name", file: `${id}.gguf`, kind: "gguf", format: "Q4_K_M", revision: "main", commit: "0", license: "mit", endpoint: "http://hub", path: "/x",
	have_bytes: 0, size_bytes: 10, n_files: 1, n_whole: 0, current: "", bytes_per_s: 0, ...rest,
});
beforeEach(() => { for (const toast of toasts.list) toasts.close(toast.id); });
afterEach(() => vi.unstubAllGlobals());
const reply = (body: unknown, status = 200) => vi.stubGlobal("fetch", async () => new Response(status === 204 ? null : JSON.stringify(body), { status }));

test("one that is begun follows the server's events", async () => {
	const asked: unknown[] = [];
	vi.stubGlobal("fetch", async (_: string, init: RequestInit) => { asked.push(JSON.parse(String(init.body))); return new Response(JSON.stringify(one(7, "waiting"))); });
	const store = new DownloadStore();
	await store.start("org/name", "7.gguf", "main");
	expect(asked).toEqual([{ model: "org/name:7.gguf", revision: "main" }]);
	store.take({ id: 1, event: "download", data: one(7, "running", { have_bytes: 5 }) });
	expect(store.get(7)?.have_bytes).toBe(5);
	expect(toasts.list).toEqual([]);
});
test("how one ends that nobody looks at is told", () => {
	const store = new DownloadStore();
	for (const id of [1, 2, 3, 4, 5]) store.take({ id, event: "download", data: one(id, "running") });
	store.shown = 5;
	store.take({ id: 6, event: "download", data: one(1, "done", { model_ids: [3] }) });
	store.take({ id: 7, event: "download", data: one(2, "failed", { problem: { code: "io", message: "The line broke." } }) });
	store.take({ id: 8, event: "download", data: one(3, "cancelled") });
	store.take({ id: 9, event: "download", data: one(4, "done", { model_ids: [] }) });
	store.take({ id: 10, event: "download", data: one(5, "done", { model_ids: [4] }) });
	expect(toasts.list.map((toast) => [toast.text, toast.hint])).toEqual([
		["org/name:1.gguf was downloaded and added.", undefined], ["The download of org/name:2.gguf failed.", "The line broke."],
		["org/name:4.gguf was downloaded, but cannot be used.", undefined],
	]);
});
test("events are newer than the reply to what caused them", async () => {
	const store = new DownloadStore();
	vi.stubGlobal("fetch", async () => {
		store.take({ id: 1, event: "download", data: one(9, "done") });
		return new Response(JSON.stringify(one(9, "waiting")));
	});
	await store.start("org/name", "9.gguf", "main");
	expect(store.get(9)?.state).toBe("done");
	store.take({ id: 2, event: "download", data: one(9, "failed") });
	vi.stubGlobal("fetch", async () => new Response(JSON.stringify(one(9, "waiting"))));
	await store.resume(9);
	expect(store.get(9)?.state).toBe("waiting");
});
test("a refusal is thrown at the beginning and told afterwards", async () => {
	reply({ error: { code: "not_found", message: "No such model." } }, 404);
	const store = new DownloadStore();
	await expect(store.start("org/name", ".", "main")).rejects.toThrow("No such model.");
	await store.resume(1);
	await store.cancel(1);
	expect(toasts.list.map((toast) => toast.text)).toEqual(["No such model.", "No such model."]);
	await store.refresh();
	expect(store.problem?.message).toBe("No such model.");
});
test("removing takes it from the list, and the list is read again when another tab did", async () => {
	const store = new DownloadStore();
	store.take({ id: 1, event: "download", data: one(1, "cancelled") });
	reply(null, 204);
	await store.remove(1);
	expect(store.list).toEqual([]);
	reply({ downloads: [one(2, "interrupted")] });
	store.take({ id: 2, event: "downloads", data: {} });
	await vi.waitFor(() => expect(store.list.map((each) => each.state)).toEqual(["interrupted"]));
	expect(download_name(one(2, "done", { file: "" }))).toBe("org/name");
});
