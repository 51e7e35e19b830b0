// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from "vitest";
import { locale } from "../stores/locale.svelte";
import { epochs, models, notes, questions, refused, tokens } from "./counted";

beforeEach(() => locale.set("en"));

test("one is spoken of in the singular, more in the plural", () => {
	expect([questions(1), questions(1234), models(1), models(4)]).toEqual(["1 question", "1,234 questions", "1 model", "4 models"]);
	expect([epochs(1), epochs(0), tokens(2), refused(1), notes(3)]).toEqual(["1 epoch", "0 epochs", "2 tokens", "1 entry was not read", "3 notes"]);
});
test("Chinese counts with a word for the kind of thing", () => {
	locale.set("zh-TW");
	expect([questions(1), models(2), epochs(4)]).toEqual(["1 題", "2 個模型", "4 個訓練輪次"]);
});
