// SPDX-License-Identifier: Apache-2.0
// The server's events. Browsers open at most six connections to an origin, so all tabs share one stream: the tab that holds
// the Web Lock reads it and passes every event on through a BroadcastChannel; when it closes, the next tab takes over from
// the last event seen.
import type { ServerEvent } from "../types";
import type { Path } from "../types/calls";
import { headers, ROOT } from "./api";
import { SseParser, type RawEvent } from "./sse";

type Listener = (event: ServerEvent) => void;
type Message = { kind: "event"; event: ServerEvent } | { kind: "state"; connected: boolean } | { kind: "ask" };

const RETRY_MS = [500, 1000, 2000, 5000];
/** The server sends a comment every 15 s; after three of them are missing the connection is dead. */
const SILENCE_MS = 45_000;

export function decode(raw: RawEvent): ServerEvent | null {
	try {
		return { id: Number(raw.id) || 0, event: raw.event, data: JSON.parse(raw.data) } as ServerEvent;
	} catch {
		return null;
	}
}

export class EventStream {
	#listeners = new Set<Listener>();
	#on_state: (connected: boolean) => void = () => {};
	#channel: BroadcastChannel | null = null;
	#abort: AbortController | null = null;
	#request: AbortController | null = null;
	#last_id = 0;
	#leads = false;
	#connected = false;

	/** Calls `listener` with every event until the returned function is called. */
	subscribe(listener: Listener): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/** Begins; `on_state` hears whether events arrive. */
	start(on_state: (connected: boolean) => void): void {
		if (this.#abort) return;
		this.#on_state = on_state;
		const abort = (this.#abort = new AbortController());
		if (typeof BroadcastChannel !== "undefined") {
			this.#channel = new BroadcastChannel("assay-events");
			this.#channel.onmessage = (message: MessageEvent<Message>) => this.#hear(message.data);
			this.#channel.postMessage({ kind: "ask" } satisfies Message);
		}
		const lead = (): Promise<void> => this.#lead(abort.signal);
		if (navigator.locks) navigator.locks.request("assay-events", { signal: abort.signal }, lead).catch(() => {});
		else void lead();
	}
	stop(): void {
		this.#abort?.abort();
		this.#abort = null;
		this.#channel?.close();
		this.#channel = null;
	}
	/** Connects again, in the language that is chosen now. Without effect where another tab reads the stream. */
	reconnect(): void {
		this.#request?.abort();
	}

	#hear(message: Message): void {
		if (message.kind === "event") this.#emit(message.event);
		else if (message.kind === "state") this.#state(message.connected);
		else if (this.#leads) this.#channel?.postMessage({ kind: "state", connected: this.#connected } satisfies Message);
	}
	#emit(event: ServerEvent): void {
		if (event.id > this.#last_id) this.#last_id = event.id;
		for (const listener of this.#listeners) listener(event);
	}
	#state(connected: boolean): void {
		this.#connected = connected;
		this.#on_state(connected);
		if (this.#leads) this.#channel?.postMessage({ kind: "state", connected } satisfies Message);
	}
	async #lead(signal: AbortSignal): Promise<void> {
		this.#leads = true;
		for (let failures = 0; !signal.aborted; failures++) {
			const asked = (this.#request = new AbortController());
			const stop = (): void => asked.abort();
			signal.addEventListener("abort", stop);
			try {
				await this.#read(asked, () => { failures = -1; });
			} catch {
				// Connecting again is the answer to every failure.
			}
			signal.removeEventListener("abort", stop);
			if (signal.aborted) break;
			if (failures >= 0 || !asked.signal.aborted) this.#state(false);
			const pause = failures < 0 ? 50 : RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
			await new Promise((resolve) => setTimeout(resolve, pause));
		}
		this.#leads = false;
	}
	async #read(asked: AbortController, connected: () => void): Promise<void> {
		const all = headers();
		if (this.#last_id) all["Last-Event-ID"] = String(this.#last_id);
		const response = await fetch(`${ROOT}${"/events" satisfies Path<"GET">}`, {
			headers: { ...all, Accept: "text/event-stream" }, credentials: "same-origin", cache: "no-store", signal: asked.signal,
		});
		if (!response.ok || !response.body) throw new Error(String(response.status));
		connected();
		this.#state(true);
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		const parser = new SseParser();
		for (;;) {
			const timer = setTimeout(() => asked.abort(), SILENCE_MS);
			const { done, value } = await reader.read().finally(() => clearTimeout(timer));
			if (done) return;
			for (const raw of parser.push(value)) {
				const event = decode(raw);
				if (!event) continue;
				this.#channel?.postMessage({ kind: "event", event } satisfies Message);
				this.#emit(event);
			}
		}
	}
}

export const events = new EventStream();
