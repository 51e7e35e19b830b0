// SPDX-License-Identifier: Apache-2.0
// Colours code in finished answers, when the browser has time. Comments, strings, numbers and the keywords that most
// languages share; no grammar of each language, since an answer's code is read and not edited.

const KEYWORDS = new Set((
	"abstract and as async await bool break byte case catch char class const continue def default del do double elif else end enum " +
	"except export extends extern false final finally float fn for from func function global goto if impl implements import in " +
	"instanceof int interface is lambda let long loop match mod module mut namespace new nil none not null or package pass private " +
	"protected pub public raise return select self short signed sizeof static string struct super switch then this throw throws trait " +
	"true try type typedef typeof union unsafe unsigned use using var virtual void volatile where while with yield " +
	"None True False SELECT FROM WHERE INSERT INTO VALUES UPDATE SET DELETE CREATE TABLE JOIN ON GROUP BY ORDER LIMIT AND OR NOT NULL AS"
).split(" "));
const HASH_COMMENTS = /^(python|py|sh|bash|shell|zsh|ruby|rb|yaml|yml|toml|perl|r|makefile|dockerfile|ini|conf|julia)$/;
const DASH_COMMENTS = /^(sql|lua|haskell|hs|ada)$/;
const CODE_MAX = 20_000;

export interface Piece { text: string; kind: "" | "comment" | "string" | "number" | "keyword" }

/** The code in pieces; put together they are the code again. */
export function pieces(code: string, language: string): Piece[] {
	const comment = HASH_COMMENTS.test(language) ? "#[^\\n]*" : DASH_COMMENTS.test(language) ? "--[^\\n]*" : "\\/\\/[^\\n]*|\\/\\*[^]*?(?:\\*\\/|$)";
	const pattern = new RegExp(`(${comment})|("(?:[^"\\\\\\n]|\\\\.)*"?|'(?:[^'\\\\\\n]|\\\\.)*'?|\`[^\`]*\`?)|(\\b\\d[\\w.]*)|([A-Za-z_]\\w*)`, "g");
	const all: Piece[] = [];
	let end = 0;
	const push = (text: string, kind: Piece["kind"]): void => {
		const last = all.at(-1);
		if (last && last.kind === kind) last.text += text;
		else if (text) all.push({ text, kind });
	};
	for (const found of code.matchAll(pattern)) {
		push(code.slice(end, found.index), "");
		const [text, is_comment, is_string, is_number] = found;
		push(text, is_comment ? "comment" : is_string ? "string" : is_number ? "number" : KEYWORDS.has(text) ? "keyword" : "");
		end = found.index + text.length;
	}
	push(code.slice(end), "");
	return all;
}

/** Colours the code blocks inside `box` when there is time. */
export async function highlight(box: HTMLElement): Promise<void> {
	const blocks = [...box.querySelectorAll<HTMLElement>("pre > code[class^=language-]")];
	if (!blocks.length) return;
	await new Promise<void>((resolve) => {
		if (typeof requestIdleCallback === "function") requestIdleCallback(() => resolve(), { timeout: 500 });
		else setTimeout(resolve, 50);
	});
	for (const block of blocks) {
		const code = block.textContent ?? "";
		if (!block.isConnected || code.length > CODE_MAX) continue;
		block.replaceChildren(...pieces(code, block.className.slice("language-".length)).map(({ text, kind }) => {
			if (!kind) return document.createTextNode(text);
			const span = document.createElement("span");
			span.className = `hl-${kind}`;
			span.textContent = text;
			return span;
		}));
	}
}
