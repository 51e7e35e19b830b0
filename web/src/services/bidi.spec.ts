// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { show_bidi } from "./bidi";
import { render } from "./markdown";

const MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";

test("what turns the direction of a text is shown as its code, and nothing else changes", () => {
	expect([...MARKS].map(show_bidi).join("")).toBe(
		"⟨U+061C⟩⟨U+200E⟩⟨U+200F⟩⟨U+202A⟩⟨U+202B⟩⟨U+202C⟩⟨U+202D⟩⟨U+202E⟩⟨U+2066⟩⟨U+2067⟩⟨U+2068⟩⟨U+2069⟩");
	expect(show_bidi("שלום, مرحبا, 你好 👩\u200d💻\u00a0a\u200bb")).toBe("שלום, مرحبا, 你好 👩\u200d💻\u00a0a\u200bb");
});
test.each(["x\u202ey", "**x\u202ey**", "`x\u202ey`", "```\nx\u202ey\n```", "| a |\n|---|\n| x\u202ey |", "x&#x202e;y", "<b>x\u202ey", "![x\u202ey](z)", "[x\u202ey](https://example.org)",
	`${"> ".repeat(30)}x\u202ey`])("also in an answer: %j", (text) => {
	const box = document.createElement("div");
	box.append(render(text));
	expect(box.textContent).toContain("x⟨U+202E⟩y");
	expect(box.innerHTML).not.toContain("\u202e");
});
test("a link to an address with such characters has none in what it says on hover", () => {
	const box = document.createElement("div");
	box.append(render("[a](https://example.org/\u202egpj.exe)"));
	expect(box.querySelector("a")?.title).toBe("https://example.org/⟨U+202E⟩gpj.exe");
});
