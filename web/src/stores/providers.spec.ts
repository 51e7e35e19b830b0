// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { ProviderStore } from "./providers.svelte";

const provider = { id: 1, kind: "ollama", name: "Ollama", url: "http://127.0.0.1:11434", is_default: true, key_source: "", key_last4: "", concurrency: 1, max_requests: 0, timeout_s: 60, state: "ok", version: "0.17.1", warnings: [] };
/** A server that notes what it is asked. */
function server(calls: string[], models: () => Response): void {
	vi.stubGlobal("fetch", async (address: string, init: RequestInit) => {
		calls.push(`${init.method} ${address.replace("/api/v1", "")}`);
		if (init.method === "DELETE") return new Response(null, { status: 204 });
		return address.endsWith("/models") ? models() : new Response(JSON.stringify({ providers: [provider] }));
	});
}
afterEach(() => vi.unstubAllGlobals());

test("servers are listed, and their models where they were asked for", async () => {
	const calls: string[] = [];
	server(calls, () => new Response(JSON.stringify({ models: [{ name: "kestrel:latest" }] })));
	const store = new ProviderStore();
	await store.refresh();
	expect(store.list.map((one) => one.name)).toEqual(["Ollama"]);
	expect(store.models(1)).toBeUndefined();
	await store.refresh_models(1);
	expect(store.models(1)).toMatchObject({ models: [{ name: "kestrel:latest" }], problem: null });
	store.take({ id: 5, event: "providers", data: {} });
	await vi.waitFor(() => expect(calls).toEqual(["GET /providers", "GET /providers/1/models", "GET /providers", "GET /providers/1/models"]));
});
test("a server that does not answer says why, the others stay", async () => {
	server([], () => new Response(JSON.stringify({ error: { code: "io", message: "It cannot be reached.", hint: "Start it." } }), { status: 502 }));
	const store = new ProviderStore();
	await store.refresh();
	await store.refresh_models(1);
	expect(store.models(1)).toMatchObject({ models: [], problem: { message: "It cannot be reached.", hint: "Start it." } });
	expect(store.problem).toBeNull();
});
test("a server that is removed goes from the list", async () => {
	server([], () => new Response("{}"));
	const store = new ProviderStore();
	await store.refresh();
	await store.remove(1);
	expect(store.list).toEqual([]);
});
