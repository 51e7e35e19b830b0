// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Artifact, Model, ModelList, Provider } from "../types";
import { locale } from "../stores/locale.svelte";
import { best, model_groups } from "./model_groups";

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
	expect(shown("ollama ll")).toEqual([["Ollama", [5]]]);
	expect(shown("support epoch")).toEqual([["support", [9]], ["Files made by assay", [2]]]);
	expect(shown("nothing like it")).toEqual([]);
});
test("an epoch is noted with its step and loss", () => {
	const trained = [model(11, "checkpoint-478", "adapter", { epoch: 3.98, step: 478, eval_loss: 0.81 }), model(12, "checkpoint-480", "adapter", { epoch: 4, step: 480 })];
	const groups = model_groups({ models: [], families: [{ id: 6, name: "support", path: "/f", losses: [], checkpoints: trained }], refusals: [] }, [], [], "");
	expect(groups[0]?.entries.map(({ title, note }) => [title, note])).toEqual([["epoch 4", "step 478 · evaluation loss 0.81"], ["epoch 4", "step 480"]]);
});
test("a search picks the epoch it names, whatever the losses, folders and families have in them", () => {
	const epoch = (id: number, number: number, eval_loss: number): Model => model(id, `checkpoint-${number * 12}`, "adapter", { epoch: number, eval_loss, path: `/out 8/checkpoint-${number * 12}` });
	const trained: ModelList = {
		models: [model(1, "SmolLM2-135M-Instruct.Q8_0.gguf", "base")], refusals: [],
		families: [{ id: 6, name: "Kestrel 8b", path: "/f", losses: [], checkpoints: [epoch(11, 10, 0.4), epoch(12, 1, 0.86), epoch(13, 2, 0.8), epoch(14, 4, 0.84), epoch(15, 8, 0.81)] }],
	};
	const picked = (search: string): number | undefined => {
		const entries = model_groups(trained, [], [], search).flatMap((group) => group.entries);
		return entries[best(entries)]?.model.id;
	};
	expect(["epoch 8", "epoch 4", "epoch 1", "epoch 10", "ep 8", "kestrel epoch 2", "smollm q8", "checkpoint-24", "eckpoint-48"].map(picked)).toEqual([15, 14, 12, 11, 15, 13, 1, 13, 14]);
	expect(["epoch 7", "loss 0.86", "0.86", "KB", "@"].map(picked)).toEqual([undefined, undefined, undefined, undefined, undefined]);
	locale.set("zh-TW");
	expect(["第 4 週期", "第4週期", "週期 8"].map(picked)).toEqual([14, 14, 15]);
	locale.set("en");
});
