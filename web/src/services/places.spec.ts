// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Family, Model, ModelList, Problem } from "../types";
import { n_unusable, places } from "./places";

let id = 0;
const problem: Problem = { code: "data", message: "broken", hint: "" };
const model = (path: string, more: Partial<Model> = {}): Model => ({ id: ++id, kind: "base", path, ...more }) as Model;
const family = (path: string, ...checkpoints: Model[]): Family => ({ id: ++id, path, base_model_id: 7, checkpoints }) as Family;
const list = (more: Partial<ModelList>): ModelList => ({ models: [], families: [], refusals: [], ...more });
const told = (given: ModelList, made = new Set<number>()): string[] =>
	places(given, made).map((place) => `${place.path}: ${place.families.length} ${place.models.length} ${place.refusals.length}`);

test("one file is a place, several are their folder, a Hugging Face folder is itself", () => {
	expect(told(list({ models: [model("/m/one.gguf")] }))).toEqual(["/m/one.gguf: 0 1 0"]);
	expect(told(list({ models: [model("/m/one.gguf"), model("/m/two.GGUF"), model("/hf/Qwen")] }))).toEqual(["/hf/Qwen: 0 1 0", "/m: 0 2 0"]);
	expect(told(list({ models: [model("/one.gguf"), model("/two.gguf")] }))).toEqual(["/: 0 2 0"]);
});

test("a fine-tuned model is where its epochs lie, with what else is there", () => {
	const run = family("/out/run", model("/out/run/checkpoint-1"));
	const files = family("/gguf/wren", model("/gguf/wren-epoch-1.gguf"));
	const given = list({ families: [run, files], models: [model("/gguf/base.gguf")] });
	expect(told(given)).toEqual(["/gguf: 1 1 0", "/out/run: 1 0 0"]);
	expect(places(given, new Set()).map((place) => place.base)).toEqual([null, 7]);
});

test("what cannot be used belongs to the nearest place, or is one", () => {
	const refusals = ["/out/run/checkpoint-2", "/out/runner/x.gguf", "/out"].map((path) => ({ path, problem }));
	const given = list({ families: [family("/out/run", model("/out/run/checkpoint-1", { problem }))], refusals });
	expect(told(given)).toEqual(["/out: 0 0 1", "/out/run: 1 0 1", "/out/runner/x.gguf: 0 0 1"]);
	expect(places(given, new Set()).map(n_unusable)).toEqual([1, 2, 1]);
	expect(told(list({ models: [model("/m/one.gguf")], refusals: [{ path: "/m/two.gguf", problem }] }))).toEqual(["/m: 0 1 1"]);
});

test("models of providers and files that assay made come from nowhere here", () => {
	const made = model("/data/artifacts/x.gguf");
	expect(told(list({ models: [made, model("", { kind: "remote" })] }), new Set([made.id]))).toEqual([]);
});

test("where another program keeps files without names there is nothing to look for", () => {
	const store = list({ models: [model(`/o/blobs/sha256-${"a".repeat(64)}`), model(`/o/blobs/sha256-${"b".repeat(64)}`)] });
	expect(places(store, new Set()).map((place) => [place.path, place.can_look])).toEqual([["/o/blobs", false]]);
	expect(places(list({ models: [model("/m/one.gguf")] }), new Set())[0]?.can_look).toBe(true);
});
