// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import type { Model, ModelList } from "../types";
import { added, only_base } from "./added";

const model = (id: number, rest: Partial<Model> = {}): Model => ({ id, kind: "base", name: `m${id}`, path: "", size_bytes: 1, ...rest });
const LIST: ModelList = {
	models: [model(1), model(2)], refusals: [],
	families: [{ id: 9, name: "Kestrel bot", path: "", losses: [], checkpoints: [model(3, { kind: "adapter" }), model(4, { kind: "adapter" })] }],
};
function answer(scan: unknown): void {
	vi.stubGlobal("fetch", async (_: string, init: RequestInit) => new Response(JSON.stringify(init.method === "POST" ? scan : LIST)));
}
afterEach(() => vi.unstubAllGlobals());

test("what was found is named, epochs are counted, and what was not found is not", () => {
	const refusals = [{ path: "/x/a.bin", problem: { code: "data", message: "broken" } }];
	expect(added("/x", { model_ids: [1, 3, 4], refusals }, LIST)).toEqual({ path: "/x", names: ["m1", "Kestrel bot: 2 epochs"], refusals });
	expect(added("/x", { model_ids: [4], refusals: [] }, LIST).names).toEqual(["Kestrel bot: 1 epoch"]);
	expect(added("/x", { model_ids: [], refusals: [] }, LIST).names).toEqual([]);
});
test("a path is a base model only where it holds exactly one", async () => {
	answer({ model_ids: [2, 3], refusals: [] });
	expect(await only_base("/x")).toBe(2);
	answer({ model_ids: [1, 2], refusals: [] });
	expect(await only_base("/x")).toBeNull();
	answer({ model_ids: [3], refusals: [] });
	expect(await only_base("/x")).toBeNull();
});
