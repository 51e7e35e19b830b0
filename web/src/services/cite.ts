// SPDX-License-Identifier: Apache-2.0
// An answer names its sources as [1], [2]: those that exist become buttons.

const MARK = /\[(\d{1,3})\]/;

/** Turns the marks of `ranks` inside `box` into buttons that call `open` with their number; code and links stay as they are. */
export function link_citations(box: Node, ranks: ReadonlySet<number>, label: (rank: number) => string, open: (rank: number) => void): void {
	const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
	const texts: Text[] = [];
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		if (node instanceof Text && !node.parentElement?.closest("code, pre, a, button")) texts.push(node);
	}
	for (const text of texts) link_text(text, ranks, label, open);
}

function link_text(text: Text, ranks: ReadonlySet<number>, label: (rank: number) => string, open: (rank: number) => void): void {
	let rest = text;
	let from = 0;
	for (;;) {
		const found = MARK.exec(rest.data.slice(from));
		if (!found) return;
		const rank = Number(found[1]);
		if (!ranks.has(rank)) {
			from += found.index + found[0].length;
			continue;
		}
		const mark = rest.splitText(from + found.index);
		rest = mark.splitText(found[0].length);
		from = 0;
		const button = document.createElement("button");
		button.type = "button";
		button.className = "cite";
		button.textContent = String(rank);
		button.setAttribute("aria-label", label(rank));
		button.title = label(rank);
		button.addEventListener("click", () => open(rank));
		mark.replaceWith(button);
	}
}
