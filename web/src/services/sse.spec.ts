// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { SseParser } from "./sse";

test("events are found wherever the stream is cut", () => {
	const text = ": beat\n\nid: 7\nevent: text\ndata: {\"a\":1}\n\nid: 8\r\nevent: cell\r\ndata: x\r\ndata: y\r\n\r\n";
	for (let cut = 0; cut <= text.length; cut++) {
		const parser = new SseParser();
		const events = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
		expect(events).toEqual([
			{ id: "7", event: "text", data: '{"a":1}' },
			{ id: "8", event: "cell", data: "x\ny" },
		]);
	}
});
test("a comment is no event, and an unfinished event waits", () => {
	const parser = new SseParser();
	expect(parser.push(":\n\nid: 1\ndata: z\n")).toEqual([]);
	expect(parser.push("\n")).toEqual([{ id: "1", event: "message", data: "z" }]);
});
