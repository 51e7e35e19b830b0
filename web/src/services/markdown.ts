// SPDX-License-Identifier: Apache-2.0
// Answers are untrusted text. Markdown is cut into tokens by marked, and each kind of token makes the element that stands for it,
// with its text as text: no HTML is ever parsed, so there is nothing to clean. No images, no styles, no ids, links only to http,
// https and mailto. What is too long or too deep for that is shown as plain text.
import { Lexer, type Token, type Tokens } from "marked";
import { show_bidi } from "./bidi";

/** Longer texts are shown raw: no person reads them formatted, and parsing must not stop the page. */
export const MARKDOWN_MAX = 64 * 1024;
/** Nested quotes and lists, or long runs of markers, that cost a Markdown parser more than linear time. */
const HOSTILE = /(?:^|\n)(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)])[ \t]*){24}|[[!*_~`<(\\|]{200}|(?:[*_~`[\]()<>|!\\]\s?){400}/;
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", hellip: "…", mdash: "—", ndash: "–" };

/** A long text that is mostly markers makes a parser try quadratically many pairs of them. */
function is_dense(text: string): boolean {
	return text.length > 4096 && (text.match(/[*_~`[\]()<>!\\|&]/g)?.length ?? 0) > text.length * 0.3;
}

/** True where `text` is shown as it is. */
export function is_plain(text: string): boolean {
	return text.length > MARKDOWN_MAX || HOSTILE.test(text) || is_dense(text);
}

/** The text as nodes, safe to insert. */
export function render(text: string): DocumentFragment {
	const fragment = document.createDocumentFragment();
	if (!is_plain(text)) {
		try {
			add_all(fragment, new Lexer({ gfm: true, breaks: true }).lex(text));
			return fragment;
		} catch {
			fragment.replaceChildren(); // A text that the parser cannot take is shown as it is.
		}
	}
	element(fragment, "pre", text).className = "plain";
	return fragment;
}

function element<K extends keyof HTMLElementTagNameMap>(parent: ParentNode & Node, name: K, text = ""): HTMLElementTagNameMap[K] {
	const made = document.createElement(name);
	if (text) made.textContent = show_bidi(text);
	parent.appendChild(made);
	return made;
}

function add_text(parent: Node, text: string): void {
	parent.appendChild(document.createTextNode(show_bidi(text)));
}

function add_all(parent: ParentNode & Node, tokens: Token[]): void {
	for (const token of tokens) add(parent, token);
}

/** "&amp;" and "&#39;" as the characters that they stand for, as in HTML. */
function decoded(text: string): string {
	return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(\w{2,8}));/g, (whole, decimal?: string, hex?: string, name?: string) => {
		if (name !== undefined) return ENTITIES[name] ?? whole;
		const code = decimal !== undefined ? Number(decimal) : parseInt(hex ?? "", 16);
		return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
	});
}

function add(parent: ParentNode & Node, token: Token): void {
	switch (token.type) {
	case "space": case "def": return;
	case "paragraph": add_all(element(parent, "p"), token.tokens ?? []); return;
	case "heading": add_all(element(parent, `h${(token as Tokens.Heading).depth}` as "h1"), token.tokens ?? []); return;
	case "blockquote": add_all(element(parent, "blockquote"), token.tokens ?? []); return;
	case "strong": case "em": case "del": add_all(element(parent, token.type), token.tokens ?? []); return;
	case "hr": case "br": element(parent, token.type); return;
	case "code": add_code(parent, token as Tokens.Code); return;
	case "codespan": element(parent, "code", (token as Tokens.Codespan).text); return;
	case "list": add_list(parent, token as Tokens.List); return;
	case "table": add_table(parent, token as Tokens.Table); return;
	case "link": add_link(parent, token as Tokens.Link); return;
	case "image": add_text(parent, decoded(`${(token as Tokens.Image).text} (${(token as Tokens.Image).href})`)); return;
	case "checkbox": return; // add_list() makes it
	case "text": case "escape":
		if (token.type === "text" && token.tokens?.length) add_all(parent, token.tokens);
		else add_text(parent, decoded((token as Tokens.Text).text));
		return;
	default: // Raw HTML of an answer is text: "<div>" should be read, not obeyed.
		add_text(parent, token.raw);
	}
}

function add_code(parent: ParentNode & Node, token: Tokens.Code): void {
	const code = element(element(parent, "pre"), "code", `${token.text}\n`);
	const language = (token.lang ?? "").trim().split(/\s/)[0] ?? "";
	if (/^[\w+#.-]{1,30}$/.test(language)) code.className = `language-${language}`;
}

function add_list(parent: ParentNode & Node, token: Tokens.List): void {
	const list = element(parent, token.ordered ? "ol" : "ul");
	if (token.ordered && typeof token.start === "number" && token.start !== 1) list.setAttribute("start", String(token.start));
	for (const item of token.items) {
		const li = element(list, "li");
		if (item.task) {
			const box = element(li, "input");
			box.type = "checkbox";
			box.checked = item.checked === true;
			box.disabled = true;
			li.append(" ");
		}
		for (const child of item.tokens) {
			// A tight list has its text without paragraphs.
			if (child.type === "text" || child.type === "paragraph" && !item.loose) add_all(li, child.tokens ?? [{ ...child, tokens: undefined } as Token]);
			else add(li, child);
		}
	}
}

function add_row(parent: ParentNode & Node, cells: Tokens.TableCell[], name: "th" | "td"): void {
	const row = element(parent, "tr");
	for (const cell of cells) {
		const made = element(row, name);
		if (cell.align) made.setAttribute("align", cell.align);
		add_all(made, cell.tokens);
	}
}

function add_table(parent: ParentNode & Node, token: Tokens.Table): void {
	const table = element(parent, "table");
	add_row(element(table, "thead"), token.header, "th");
	if (!token.rows.length) return;
	const body = element(table, "tbody");
	for (const row of token.rows) add_row(body, row, "td");
}

/** A link opens elsewhere without telling where from, and shows its host where its text could deceive. Any other address is text. */
function add_link(parent: ParentNode & Node, token: Tokens.Link): void {
	const link = document.createElement("a");
	const href = decoded(token.href);
	add_all(link, token.tokens);
	parent.appendChild(link);
	const url = /^(?:https?|mailto):/i.test(href) && URL.canParse(href) ? new URL(href) : undefined;
	if (!url) return;
	link.href = href;
	link.target = "_blank";
	link.rel = "noopener noreferrer nofollow";
	link.title = show_bidi(href);
	const host = url.protocol === "mailto:" ? url.pathname : url.host;
	if (host && !(link.textContent ?? "").includes(host)) element(link, "span", ` (${host})`).className = "host";
}
