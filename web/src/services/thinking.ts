// SPDX-License-Identifier: Apache-2.0

const OPEN = "<think>";
const CLOSE = "</think>";

/** What a streaming answer has thought and what it says: its thinking stands in tags before the text, and may not have ended yet. */
export function split_thinking(streamed: string): { thinking: string; text: string } {
	const start = streamed.trimStart();
	if (!start.startsWith(OPEN)) return { thinking: "", text: OPEN.startsWith(start) ? "" : streamed };
	const end = start.indexOf(CLOSE);
	if (end < 0) return { thinking: start.slice(OPEN.length).trim(), text: "" };
	return { thinking: start.slice(OPEN.length, end).trim(), text: start.slice(end + CLOSE.length).trimStart() };
}
