// SPDX-License-Identifier: Apache-2.0
// The text/event-stream format: chunks of text in, whole events out.

export interface RawEvent { id: string; event: string; data: string }

export class SseParser {
	#rest = "";
	#id = "";
	#event = "";
	#data: string[] = [];

	/** Takes the next chunk; returns the events that are complete with it. */
	push(chunk: string): RawEvent[] {
		const lines = (this.#rest + chunk).split("\n");
		this.#rest = lines.pop() ?? "";
		const events: RawEvent[] = [];
		for (const raw of lines) {
			const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
			if (line !== "") this.#field(line);
			else if (this.#data.length > 0) {
				events.push({ id: this.#id, event: this.#event || "message", data: this.#data.join("\n") });
				this.#event = "";
				this.#data = [];
			}
		}
		return events;
	}
	#field(line: string): void {
		const colon = line.indexOf(":");
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
		if (name === "id") this.#id = value;
		else if (name === "event") this.#event = value;
		else if (name === "data") this.#data.push(value);
	}
}
