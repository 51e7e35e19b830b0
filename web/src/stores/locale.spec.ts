// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { m } from "../messages/messages.js";
import { locale } from "./locale.svelte";

test("messages follow the language without a reload", () => {
	locale.set("en");
	expect(m.frame_validate()).toBe("Validate");
	locale.set("zh-TW");
	expect(m.frame_validate()).toBe("驗證");
	expect(document.documentElement.lang).toBe("zh-TW");
	expect(localStorage.getItem("assay.locale")).toBe('"zh-TW"');
	locale.set("en");
});
