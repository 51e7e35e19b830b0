// SPDX-License-Identifier: Apache-2.0
import { mount, unmount } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import { events } from "../../services/events";
import type { ServerEvent } from "../../types";
import RatingLinks from "./RatingLinks.svelte";

afterEach(() => vi.unstubAllGlobals());

test("what comes while the links are read has them read once more, not once each", async () => {
	const replies: ((response: Response) => void)[] = [];
	vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => replies.push(resolve)));
	let tell: (event: ServerEvent) => void = () => {};
	vi.spyOn(events, "subscribe").mockImplementation((listener) => {
		tell = listener;
		return () => {};
	});
	const shown = mount(RatingLinks, { target: document.body });
	await vi.waitFor(() => expect(replies).toHaveLength(2)); // open ones and ended ones
	for (let i = 0; i < 5; i++) tell({ id: i, event: "panels", data: { run_id: 1 } });
	for (const reply of replies) reply(new Response(JSON.stringify({ panels: [] })));
	await vi.waitFor(() => expect(replies).toHaveLength(4));
	for (const reply of replies.slice(2)) reply(new Response(JSON.stringify({ panels: [] })));
	await vi.waitFor(() => expect(document.body.textContent).toContain("No link is open."));
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(replies).toHaveLength(4);
	await unmount(shown);
});
