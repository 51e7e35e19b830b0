// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { start_server_events } from "./server_events";

afterEach(() => vi.unstubAllGlobals());

test("the page asks for status, models and jobs once, and for them again after a gap in the events", async () => {
	const asked: string[] = [];
	let opened = false;
	vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
		if (!url.endsWith("/events")) {
			asked.push(url.replace("/api/v1", ""));
			return new Response(JSON.stringify({ models: [], families: [], refusals: [], creations: [], downloads: [], workers: [] }));
		}
		if (opened) return new Promise<Response>((_, reject) => init.signal?.addEventListener("abort", () => reject(new Error("end"))));
		opened = true;
		return new Response("id: 1\nevent: resync\ndata: {}\n\n");
	});
	const stop = start_server_events();
	await vi.waitFor(() => expect(asked.sort()).toEqual(["/creations", "/creations", "/downloads", "/downloads", "/models", "/models", "/status", "/status"]));
	stop();
});
