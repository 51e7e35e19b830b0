// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from "vitest";
import { locale } from "../stores/locale.svelte";
import type { Family, Model } from "../types";
import { checkpoint_name, conversion, lowest_eval, missing_sentence, needs_base, parameters, ranges } from "./model_facts";

const model = (id: number, rest: Partial<Model> = {}): Model => ({ id, kind: "adapter", name: `checkpoint-${id}`, path: "", size_bytes: 1, ...rest });
const family = (checkpoints: Model[], rest: Partial<Family> = {}): Family => ({ id: 1, name: "f", path: "", checkpoints, losses: [], ...rest });
afterEach(() => locale.set("en"));

test("parameters are counted in millions and billions", () => {
	expect([parameters(134_515_008), parameters(8_030_261_248), parameters(70_553_706_496), parameters(999_900_000), parameters(1200)])
		.toEqual(["135M", "8.0B", "71B", "1.0B", "1M"]);
	expect(parameters(0) + parameters(undefined)).toBe("");
});
test("neighbouring epochs become a range, in the punctuation of the language", () => {
	expect(ranges([3, 5, 6, 7])).toBe("3, 5–7");
	expect(ranges([1, 2])).toBe("1–2");
	locale.set("zh-TW");
	expect(ranges([3, 5, 6, 7])).toBe("3、5–7");
	expect(missing_sentence([1, 2])).toBe("第 1–2 週期不在磁碟上。");
});
test("the sentence about missing epochs knows one from many, and is silent about none", () => {
	locale.set("en");
	expect(missing_sentence([2])).toBe("Epoch 2 is not on disk.");
	expect(missing_sentence([1, 2])).toBe("Epochs 1–2 are not on disk.");
	expect(missing_sentence([])).toBe("");
	expect(missing_sentence(undefined)).toBe("");
});
test("a conversion says what it takes, the time where that is known", () => {
	locale.set("en");
	const folder = (rest: Partial<Model> = {}): Model => model(1, { format: "huggingface", size_bytes: 2e9, ...rest });
	expect(conversion(model(1, { format: "gguf" }))).toBe("");
	expect(conversion(folder(), model(2))).toContain("about 2.0 GB more");
	expect(conversion(folder({ convert_ms: 6000 }), folder({ convert_ms: 6400 }))).toContain("about 4.0 GB more on the disk and about 12 s.");
});
test("a checkpoint goes by its epoch, without one by its name", () => {
	locale.set("en");
	expect(checkpoint_name(model(48, { epoch: 4 }))).toBe("epoch 4");
	expect(checkpoint_name(model(48, { epoch: null }))).toBe("checkpoint-48");
});
test("the lowest evaluation loss needs two to be lower than another", () => {
	expect(lowest_eval(family([model(1, { eval_loss: 0.9 }), model(2, { eval_loss: 0.5 }), model(3)]))).toBe(2);
	expect(lowest_eval(family([model(1, { eval_loss: 0.9 }), model(2)]))).toBeNull();
});
test("adapters need a base, full weights do not", () => {
	expect(needs_base(family([model(1)]))).toBe(true);
	expect(needs_base(family([model(1)], { base_model_id: 7 }))).toBe(false);
	expect(needs_base(family([model(1, { kind: "full" })]))).toBe(false);
});
