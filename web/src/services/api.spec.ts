// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { locale } from "../stores/locale.svelte";
import { api, ApiError, problem_of } from "./api";
import { keep_session_key } from "./session";

function reply(status: number, body: unknown, extra: Record<string, string> = {}) {
	const mock = vi.fn<typeof fetch>(async () => new Response(body === null ? null : JSON.stringify(body), { status, headers: extra }));
	vi.stubGlobal("fetch", mock);
	return mock;
}
afterEach(() => vi.unstubAllGlobals());

test("a request carries the session's key and the language, and its body as JSON", async () => {
	keep_session_key("half");
	locale.set("zh-TW");
	const mock = reply(200, { cell_id: 3, liked: true, likes: 1, column_id: 1, column_likes: 4 });
	await api.vote(3, true);
	locale.set("en");
	const [url, init] = mock.mock.calls[0] ?? [];
	expect(url).toBe("/api/v1/cells/3/vote");
	expect(init?.method).toBe("PUT");
	expect(init?.headers).toMatchObject({ "X-Assay": "half", "Accept-Language": "zh-TW", "Content-Type": "application/json" });
	expect(init?.body).toBe('{"liked":true}');
});
test("what a query does not say is left out, and an empty value is one", async () => {
	const mock = reply(200, {});
	await api.upload_preview("00", undefined, "");
	expect(mock.mock.calls[0]?.[0]).toBe("/api/v1/uploads/00?reference_field=");
});
test("a refusal keeps the server's sentence and hint", async () => {
	reply(409, { error: { code: "conflict", message: "It runs.", hint: "Stop it." } });
	const error = await api.remove_run(1).catch((e: unknown) => e);
	expect(error).toBeInstanceOf(ApiError);
	expect(problem_of(error)).toMatchObject({ message: "It runs.", hint: "Stop it." });
});
test("a server that is away gives a sentence too", async () => {
	vi.stubGlobal("fetch", async () => { throw new TypeError("network"); });
	const error = await api.status().catch((e: unknown) => e);
	expect(problem_of(error).message).toBe("The server did not answer.");
});
test("an export is saved under the server's name, also a Chinese one", async () => {
	reply(200, [], { "Content-Disposition": "attachment; filename=\"a.csv\"; filename*=UTF-8''%E9%A9%97%E8%AD%89.csv" });
	expect((await api.export_run(1, "csv")).name).toBe("驗證.csv");
});
