// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import type { FoundModel } from "../types";
import { add_found, can_add, find_key } from "./found";

const find = (name: string, rest: Partial<FoundModel> = {}): FoundModel => ({
	place: "ollama", place_name: "Ollama", name, also: "", path: `/m/${name}`, size_bytes: 1, file_type: "Q4_0", architecture: "llama",
	n_checkpoints: 0, base_name: "", system: "", added: false, ...rest,
});
afterEach(() => vi.unstubAllGlobals());

test("what cannot be used and what is in the list already cannot be chosen", () => {
	expect(can_add(find("a"))).toBe(true);
	expect(can_add(find("a", { added: true }))).toBe(false);
	expect(can_add(find("a", { problem: { code: "data", message: "broken" } }))).toBe(false);
});
test("two finds of one folder are two", () => {
	expect(find_key(find("a", { path: "/x" }))).not.toBe(find_key(find("b", { path: "/x" })));
});
test("each path is added once, told before, and the first failure ends it", async () => {
	const asked: string[] = [];
	const steps: string[] = [];
	vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
		const { path } = JSON.parse(String(init.body)) as { path: string };
		asked.push(path);
		return path === "/bad" ? new Response(JSON.stringify({ error: { code: "data", message: "broken" } }), { status: 422 })
			: new Response(JSON.stringify({ model_ids: [1], refusals: [] }));
	});
	const step = (n: number, total: number): void => void steps.push(`${n}/${total}`);
	expect(await add_found([find("a"), find("b", { path: "/x" }), find("c", { path: "/x" })], step)).toBe(3);
	expect(asked).toEqual(["/m/a", "/x"]);
	expect(steps).toEqual(["1/2", "2/2"]);
	await expect(add_found([find("bad", { path: "/bad" }), find("d")], step)).rejects.toThrow("broken");
	expect(asked).not.toContain("/m/d");
});
