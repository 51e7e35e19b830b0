// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from "vitest";
import { locale } from "../stores/locale.svelte";
import * as format from "./format";

beforeEach(() => locale.set("en"));

test("numbers, shares and sizes carry their unit", () => {
	expect(format.number(12345)).toBe("12,345");
	expect(format.percent(0.617)).toBe("62%");
	expect(format.bytes(105_454_144)).toBe("105 MB");
	expect(format.bytes(1_840_000_000)).toBe("1.8 GB");
});
test("durations use the unit that a person would", () => {
	expect(format.duration(320)).toBe("0.3 s");
	expect(format.duration(42_000)).toBe("42 s");
	expect([0, 3960, 42_400, 240_000].map(format.about)).toEqual(["1 s", "4 s", "42 s", "4 min"]);
	expect(format.duration(240_000)).toBe("4 min");
	expect(format.duration(9_000_000)).toBe("2.5 h");
	locale.set("zh-TW");
	expect(format.duration(320)).toBe("0.3 秒");
});
test("an epoch is named in both languages, a base model by its name alone", () => {
	expect(format.model_label("Kestrel bot", 4)).toBe("Kestrel bot · epoch 4");
	expect(format.model_label("Kestrel bot", 3.98)).toBe("Kestrel bot · epoch 4");
	expect([0.98, 1.05, 1.06, 2.46, 2.5, 2.94, 12.03].map(format.epoch_number)).toEqual(["1", "1", "1.1", "2.5", "2.5", "2.9", "12"]);
	expect(format.model_label("SmolLM2-135M", null)).toBe("SmolLM2-135M");
	locale.set("zh-TW");
	expect(format.model_label("AIR-8B", 4)).toBe("AIR-8B - 第 4 週期");
});
