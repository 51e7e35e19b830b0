// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import type { ServerEvent } from "../types";
import { decode, EventStream } from "./events";

afterEach(() => vi.unstubAllGlobals());

function stream_of(...chunks: string[]): Response {
	const encoder = new TextEncoder();
	return new Response(new ReadableStream({
		start(controller) {
			for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
			controller.close();
		},
	}));
}

test("what is not JSON is no event", () => {
	expect(decode({ id: "1", event: "run", data: "{" })).toBeNull();
	expect(decode({ id: "5", event: "runs", data: "{}" })).toEqual({ id: 5, event: "runs", data: {} });
});
test("a stream that ends is opened again behind the last event seen", async () => {
	const seen: ServerEvent[] = [];
	const asked: (string | undefined)[] = [];
	vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
		asked.push((init.headers as Record<string, string>)["Last-Event-ID"]);
		if (asked.length === 1) return stream_of("id: 4\nevent: runs\nda", "ta: {}\n\n");
		if (asked.length === 2) return stream_of("id: 5\nevent: models\ndata: {}\n\n");
		return new Promise<Response>((_, reject) => init.signal?.addEventListener("abort", () => reject(new Error("stopped"))));
	});
	const stream = new EventStream();
	stream.subscribe((event) => seen.push(event));
	stream.start(() => {});
	await vi.waitFor(() => expect(asked.length).toBe(3));
	stream.stop();
	expect(seen.map((event) => [event.id, event.event])).toEqual([[4, "runs"], [5, "models"]]);
	expect(asked).toEqual([undefined, "4", "5"]);
});
