// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Artifact, Model, ModelList, Provider } from "../types";
import { model_groups } from "./model_groups";

const model = (id: number, name: string, kind: Model["kind"], more: Partial<Model> = {}): Model => ({ id, name, kind, path: `/m/${id}`, size_bytes: 1024, ...more });
const list: ModelList = {
	models: [
		model(1, "SmolLM2", "base"), model(2, "support-q4.gguf", "base"),
		model(3, "mistral", "remote", { provider_id: 7 }), model(4, "gpt", "remote", { provider_id: 8 }), model(5, "llama", "remote", { provider_id: 7 }),
	],
	families: [{ id: 6, name: "support", path: "/f", losses: [], checkpoints: [model(9, "checkpoint-9", "adapter", { epoch: 3 })] }],
	refusals: [],
};
const artifacts = [{ model_id: 2, origin: { label: "support, epoch 3" } }] as Artifact[];
const providers = [{ id: 7, name: "Ollama" }, { id: 8, name: "Office" }] as Provider[];
const shown = (search = ""): unknown => model_groups(list, artifacts, providers, search).map(({ name, entries }) => [name, entries.map((entry) => entry.model.id)]);

test("made files and each provider have groups of their own", () => {
	expect(shown()).toEqual([["Base models", [1]], ["support", [9]], ["Files made by assay", [2]], ["Ollama", [3, 5]], ["Office", [4]]]);
	expect(model_groups(list, artifacts, providers, "")[2]?.entries[0]?.note).toBe("support, epoch 3");
});
test("the search finds names, what a file was made from, and providers", () => {
	expect(shown("ollama ll")).toEqual([["Ollama", [3, 5]]]);
	expect(shown("support epoch")).toEqual([["support", [9]], ["Files made by assay", [2]]]);
	expect(shown("nothing like it")).toEqual([]);
});
