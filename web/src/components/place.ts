// SPDX-License-Identifier: Apache-2.0

const GAP = 4;
const EDGE = 8;

/** Keeps `panel` below `anchor` (above it where there is more room) and inside the window, until the returned function is called. */
export function place(panel: HTMLElement, anchor: HTMLElement, end: boolean): () => void {
	const update = (): void => {
		const at = anchor.getBoundingClientRect();
		const below = innerHeight - at.bottom - GAP - EDGE;
		const above = at.top - GAP - EDGE;
		const up = below < Math.min(panel.scrollHeight, 320) && above > below;
		const left = end ? at.right - panel.offsetWidth : at.left;
		panel.style.maxHeight = `${Math.max(120, up ? above : below)}px`;
		panel.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - panel.offsetWidth - EDGE))}px`;
		panel.style.top = up ? "auto" : `${at.bottom + GAP}px`;
		panel.style.bottom = up ? `${innerHeight - at.top + GAP}px` : "auto";
	};
	update();
	addEventListener("resize", update);
	document.addEventListener("scroll", update, { capture: true, passive: true });
	return () => {
		removeEventListener("resize", update);
		document.removeEventListener("scroll", update, { capture: true });
	};
}
