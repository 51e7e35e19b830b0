// SPDX-License-Identifier: Apache-2.0
import { expect, test, vi } from "vitest";
import { highlight, pieces } from "./highlight";

const kinds = (code: string, language: string): string[] => pieces(code, language).filter((p) => p.kind).map((p) => `${p.kind}:${p.text}`);

test("comments, strings, numbers and keywords are told apart", () => {
	expect(kinds('def f(x):  # "no"\n    return "a # b" + 12', "python")).toEqual(["keyword:def", 'comment:# "no"', "keyword:return", 'string:"a # b"', "number:12"]);
	expect(kinds("// x\nconst a = 'it\\'s'; /* y", "ts")).toEqual(["comment:// x", "keyword:const", "string:'it\\'s'", "comment:/* y"]);
});
test("nothing is lost or added", () => {
	for (const code of ["", "a", "\"open\nx", "`", "/* */ 1.5e3 變數 = '字'", "--x\n#y"]) {
		for (const language of ["c", "sql", "bash"]) expect(pieces(code, language).map((p) => p.text).join("")).toBe(code);
	}
});
test("code blocks with a language get their colours, as nodes", async () => {
	document.body.innerHTML = '<div><pre><code class="language-c">return "&lt;b&gt;";</code></pre><pre><code>return</code></pre></div>';
	const box = document.querySelector("div");
	if (box) await highlight(box);
	await vi.waitFor(() => expect(document.querySelector(".hl-string")?.textContent).toBe('"<b>"'));
	expect(document.querySelectorAll(".hl-keyword").length).toBe(1);
});
