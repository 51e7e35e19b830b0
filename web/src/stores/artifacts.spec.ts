// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { ArtifactStore } from "./artifacts.svelte";

afterEach(() => vi.unstubAllGlobals());

test("files are listed, listed again when the server says so, and gone when deleted", async () => {
	const calls: string[] = [];
	vi.stubGlobal("fetch", async (address: string, init: RequestInit) => {
		calls.push(`${init.method} ${address.replace("/api/v1", "")}`);
		return init.method === "DELETE" ? new Response(null, { status: 204 }) : new Response(JSON.stringify({ artifacts: [{ id: 3 }, { id: 2 }] }));
	});
	const store = new ArtifactStore();
	await store.refresh();
	await store.remove(3);
	expect(store.list.map((artifact) => artifact.id)).toEqual([2]);
	store.take({ id: 1, event: "models", data: {} });
	store.take({ id: 2, event: "artifacts", data: {} });
	await vi.waitFor(() => expect(store.list).toHaveLength(2));
	expect(calls).toEqual(["GET /artifacts", "DELETE /artifacts/3", "GET /artifacts"]);
});
test("a server that does not answer is a problem", async () => {
	vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
	const store = new ArtifactStore();
	await store.refresh();
	expect([store.loaded, store.problem?.code]).toEqual([false, "io"]);
});
