// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { PAYLOADS } from "../test_payloads";
import { is_plain, MARKDOWN_MAX, render } from "./markdown";

function shown(text: string): HTMLElement {
	const div = document.createElement("div");
	div.append(render(text));
	return div;
}

test.each(PAYLOADS)("%s runs nothing and fetches nothing", (payload) => {
	for (const text of [payload, `before ${payload} after`, `**${payload}**`, `- a\n- ${payload}\n`, `| a |\n|---|\n| ${payload} |`]) {
		const div = shown(text);
		expect(div.querySelector("script, img, iframe, svg, math, object, embed, link, style, form, video, audio, base, meta, template, button")).toBeNull();
		for (const element of div.querySelectorAll("*")) {
			for (const name of element.getAttributeNames()) expect(name).not.toMatch(/^on|^style$|^src|^id$|^name$|^data-|^formaction$/);
			const href = element.getAttribute("href");
			if (href !== null) expect(href).toMatch(/^(https?:|mailto:)/);
		}
	}
});
test("links open elsewhere, tell nobody where from, and show their host", () => {
	const link = shown("[the sheet](https://example.org/k7)").querySelector("a");
	expect(link?.rel).toContain("noopener noreferrer");
	expect(link?.textContent).toBe("the sheet (example.org)");
	expect(shown("https://example.org/k7").querySelector("a")?.textContent).toBe("https://example.org/k7");
});
test("raw HTML of an answer is read as text", () => {
	expect(shown("Use <div> and <b>bold</b>.").textContent?.trim()).toBe("Use <div> and <b>bold</b>.");
});
test("tables, lists and code keep their form", () => {
	const div = shown("| a | b |\n|---|--:|\n| 1 | 2 |\n\n1. x\n\n```python\nprint('hi')\n```");
	expect(div.querySelectorAll("td").length).toBe(2);
	expect(div.querySelector("ol li")?.textContent).toBe("x");
	expect(div.querySelector("code")?.className).toBe("language-python");
});
test("text that is too long or hostile to parsers ends soon (within the time limit of a test)", () => {
	const megabyte = 1 << 20;
	const hostile = [
		"`".repeat(100_000), "[".repeat(60_000), "> ".repeat(30_000), "*a ".repeat(20_000), "- ".repeat(30_000), "![[".repeat(20_000),
		"a*".repeat(30_000), "<".repeat(60_000), "\\".repeat(60_000), "|".repeat(60_000), "_a_".repeat(20_000), "[a](".repeat(15_000),
		"x".repeat(5 * megabyte), "**a **".repeat(megabyte / 6), "&".repeat(60_000), "http://".repeat(9000), "1. ".repeat(20_000),
		"\n\ta".repeat(20_000), "a\n>".repeat(15_000), "| a ".repeat(15_000) + "\n" + "|-".repeat(15_000), "~~a".repeat(20_000), "``` ".repeat(15_000),
		"<a ".repeat(20_000), "![](".repeat(15_000), "]".repeat(60_000), " ".repeat(60_000) + "a", "(".repeat(60_000), "a@".repeat(30_000), "#".repeat(60_000),
		"[^".repeat(30_000), "\"[a]: x\n".repeat(8000), "<!--".repeat(15_000), "[]".repeat(30_000) + "(".repeat(300),
	];
	for (const text of hostile) {
		expect(shown(text).childNodes.length, text.slice(0, 12)).toBeGreaterThan(0);
	}
	expect(is_plain("a".repeat(MARKDOWN_MAX + 1))).toBe(true);
	expect(is_plain("A usual answer with `code`, **bold** and\n\n- lists\n- of things")).toBe(false);
});
test("what Markdown means, as elements", () => {
	const html = (text: string): string => shown(text).innerHTML.trim();
	expect(html("# A *b*\n\nc  \nd\ne")).toBe("<h1>A <em>b</em></h1><p>c<br>d<br>e</p>");
	expect(html("- a\n- b\n  - c\n\n3. x\n4. y")).toBe('<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><ol start="3"><li>x</li><li>y</li></ol>');
	expect(html("- a\n\n- b **c**")).toBe("<ul><li><p>a</p></li><li><p>b <strong>c</strong></p></li></ul>");
	expect(html("> a\n> b\n\n---")).toBe("<blockquote><p>a<br>b</p></blockquote><hr>");
	expect(html("| a | b |\n|---|--:|\n| `1` | ~~2~~ |")).toBe(
		'<table><thead><tr><th>a</th><th align="right">b</th></tr></thead><tbody><tr><td><code>1</code></td><td align="right"><del>2</del></td></tr></tbody></table>');
	expect(shown("- [x] done\n- [ ] open").querySelectorAll("input[type=checkbox]:disabled").length).toBe(2);
	expect(shown("- [x] done").querySelector("li")?.textContent?.trim()).toBe("done");
});
test("entities and escapes are the characters they stand for, once", () => {
	const text = (markdown: string): string => shown(markdown).textContent?.trim() ?? "";
	expect(text("5 &lt; 6 &amp;&amp; 7 &#62; 6 &#x4e2d; &copyx; &#xD800;")).toBe("5 < 6 && 7 > 6 中 &copyx; \ufffd");
	expect(text("`a &lt; b` \\*c\\* &amp;lt;")).toBe("a &lt; b *c* &lt;");
	expect(text("<b>x</b> a & b < c")).toBe("<b>x</b> a & b < c");
	expect(shown("[a](https://ok.test/?a=1&amp;b=2)").querySelector("a")?.href).toBe("https://ok.test/?a=1&b=2");
});
