// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { session_key } from "../services/session";
import { session } from "./session.svelte";

const ok = (body: unknown): Response => new Response(JSON.stringify(body), { status: 200 });
const refused = (): Response => new Response(JSON.stringify({ error: { code: "denied", message: "Expired." } }), { status: 401 });
afterEach(() => vi.unstubAllGlobals());

test("the code of the link becomes a session", async () => {
	history.replaceState(null, "", "/#s=abc");
	vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
		expect([url, init.method, init.body]).toEqual(["/api/v1/session", "POST", '{"code":"abc"}']);
		return ok({ role: "owner", version: "1", key: "K" });
	});
	await session.start();
	expect(session.state).toBe("in");
	expect(session_key()).toBe("K");
	expect(location.hash).toBe("");
});
test("a used link does not sign out who is signed in", async () => {
	history.replaceState(null, "", "/#s=abc");
	vi.stubGlobal("fetch", async (_: string, init: RequestInit) => (init.method === "POST" ? refused() : ok({ role: "owner", version: "1" })));
	await session.start();
	expect(session.state).toBe("in");
});
test("without a session the page says so; why only if a link failed", async () => {
	vi.stubGlobal("fetch", async () => refused());
	await session.start();
	expect([session.state, session.problem]).toEqual(["out", null]);
	history.replaceState(null, "", "/#s=abc");
	await session.start();
	expect(session.problem?.message).toBe("Expired.");
});
