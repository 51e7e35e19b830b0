// SPDX-License-Identifier: Apache-2.0
// Answers are untrusted text. Markdown becomes DOM nodes through DOMPurify with a short list of allowed elements: no images,
// no styles, no ids, links only to http, https and mailto. What is too long or too deep for that is shown as plain text.
import DOMPurify from "dompurify";
import { Marked } from "marked";

/** Longer texts are shown raw: no person reads them formatted, and parsing must not stop the page. */
export const MARKDOWN_MAX = 64 * 1024;
const TAGS = [
	"p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6",
	"table", "thead", "tbody", "tr", "th", "td", "a", "input", "sup", "sub",
];
const ATTRIBUTES = ["href", "align", "start", "class", "type", "checked", "disabled"];
/** Nested quotes and lists, or long runs of markers, that cost a Markdown parser more than linear time. */
const HOSTILE = /(?:^|\n)(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)])[ \t]*){24}|[[!*_~`<(\\|]{200}|(?:[*_~`[\]()<>|!\\]\s?){400}/;

const marked = new Marked({
	gfm: true,
	breaks: true,
	async: false,
	renderer: {
		// Raw HTML of an answer is text: "<div>" should be read, not obeyed.
		html: ({ text }) => escape(text),
		image: ({ text, href }) => escape(`${text} (${href})`),
	},
});

function escape(text: string): string {
	return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

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
	if (!is_plain(text)) {
		try {
			return clean(marked.parse(text, { async: false }));
		} catch {
			// A text that the parser cannot take is shown as it is.
		}
	}
	const fragment = document.createDocumentFragment();
	const pre = document.createElement("pre");
	pre.className = "plain";
	pre.textContent = text;
	fragment.append(pre);
	return fragment;
}

function clean(html: string): DocumentFragment {
	const fragment = DOMPurify.sanitize(html, {
		ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false,
		ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i, RETURN_DOM_FRAGMENT: true,
	});
	for (const link of fragment.querySelectorAll("a")) secure(link);
	for (const box of fragment.querySelectorAll("input")) {
		if (box.type !== "checkbox") box.remove();
		else box.disabled = true;
	}
	for (const element of fragment.querySelectorAll("[class]")) {
		const language = /^language-[\w+#.-]{1,30}$/.exec(element.className);
		if (element.localName !== "code" || !language) element.removeAttribute("class");
	}
	return fragment;
}

/** A link opens elsewhere without telling where from, and shows its host where its text could deceive. */
function secure(link: HTMLAnchorElement): void {
	const href = link.getAttribute("href") ?? "";
	let host = "";
	try {
		const url = new URL(href);
		host = url.protocol === "mailto:" ? url.pathname : url.host;
	} catch {
		link.removeAttribute("href");
		return;
	}
	link.target = "_blank";
	link.rel = "noopener noreferrer nofollow";
	link.title = href;
	if (host && !(link.textContent ?? "").includes(host)) {
		const shown = document.createElement("span");
		shown.className = "host";
		shown.textContent = ` (${host})`;
		link.append(shown);
	}
}
