// SPDX-License-Identifier: Apache-2.0
// One chat as the page shows it: the messages of a branch, the last of which may still be streaming.
import { api, problem_of } from "../services/api";
import type { Chat, ChatTextEvent, Message, Problem, ServerEvent } from "../types";
import { toasts } from "./toasts.svelte";

/** A message: `data` as the server last sent it, `text` and `thinking` also while they stream. */
export class MessageView {
	data = $state.raw<Message>() as Message;
	text = $state("");
	thinking = $state("");

	constructor(message: Message) {
		this.take(message);
	}
	/** A message of a chat that was read has all words up to an event; one that was voted on may be older than what has streamed. */
	take(message: Message, is_read = false): void {
		this.data = message;
		const is_new = is_read || message.state !== "streaming";
		if (is_new || message.text.length > this.text.length) this.text = message.text;
		if (is_new || message.thinking.length > this.thinking.length) this.thinking = message.thinking;
	}
	add(event: ChatTextEvent): void {
		if (this.data.state !== "streaming") return;
		this.text += event.text;
		this.thinking += event.thinking ?? "";
		if (this.data.phase !== "answering") this.data = { ...this.data, phase: "answering" };
	}
}

export class ChatView {
	chat = $state.raw<Chat | null>(null);
	messages = $state.raw<MessageView[]>([]);
	problem = $state.raw<Problem | null>(null);
	/** True from sending until the server has taken the message. */
	sending = $state(false);
	/** Events since the first of the requests that are under way: replies may be older than these, or have messages that they are of. */
	#recent: ServerEvent[] = [];
	#asking = 0;
	/** Events up to this one are in the chat that was read. */
	#event_id = 0;
	#loading = 0;

	constructor(readonly id: number) {}

	get last(): MessageView | undefined {
		return this.messages.at(-1);
	}
	get is_streaming(): boolean {
		return this.last?.data.state === "streaming";
	}

	async load(): Promise<void> {
		const generation = ++this.#loading;
		this.#asking++;
		try {
			const chat = await api.chat(this.id);
			if (generation !== this.#loading) return;
			this.#take_chat(chat);
			this.problem = null;
		} catch (error) {
			if (generation === this.#loading) this.problem = problem_of(error);
		} finally {
			this.#asked();
		}
	}
	#asked(): void {
		if (--this.#asking === 0) this.#recent = [];
	}
	#take_chat(chat: Chat): void {
		this.chat = chat;
		this.#event_id = chat.event_id ?? 0;
		const old = new Map(this.messages.map((view) => [view.data.id, view]));
		this.messages = (chat.messages ?? []).map((message) => {
			const view = old.get(message.id);
			if (!view) return new MessageView(message);
			view.take(message, true);
			return view;
		});
		for (const event of this.#recent) if (event.id > this.#event_id) this.#apply(event);
	}
	take(event: ServerEvent): void {
		if (event.event === "resync" || event.event === "hello") void this.load();
		else if ((event.event === "chat_text" || event.event === "chat_state" || event.event === "chat_message") && event.data.chat_id === this.id) {
			if (this.#asking > 0) this.#recent.push(event);
			if (event.id > this.#event_id) this.#apply(event);
			// What the context holds is said with the chat.
			if (event.event === "chat_message" && event.data.state !== "streaming") void this.load();
		}
	}
	#apply(event: ServerEvent, only?: Set<number>): void {
		const id = event.event === "chat_text" || event.event === "chat_state" ? event.data.message_id : event.event === "chat_message" ? event.data.id : 0;
		const view = only?.has(id) === false ? undefined : this.messages.find((message) => message.data.id === id);
		if (!view) return;
		if (event.event === "chat_text") view.add(event.data);
		else if (event.event === "chat_state" && view.data.state === "streaming") view.data = { ...view.data, phase: event.data.phase, progress: event.data.progress };
		else if (event.event === "chat_message") view.take(event.data);
	}
	/** Puts new messages behind the first `keep` ones, unless the chat was read with them meanwhile. */
	#append(keep: number, ...added: Message[]): void {
		const here = new Map(this.messages.map((view) => [view.data.id, view]));
		this.messages = [...this.messages.slice(0, keep), ...added.map((message) => here.get(message.id) ?? new MessageView(message))];
		const fresh = new Set(added.map((message) => message.id).filter((id) => !here.has(id)));
		for (const event of this.#recent) this.#apply(event, fresh);
	}

	/** Asks behind the last message, or in place of `edited`, which stays as another branch; false where that failed. */
	async ask(text: string, edited?: MessageView): Promise<boolean> {
		const keep = edited ? this.messages.indexOf(edited) : this.messages.length;
		return this.#do(async () => {
			const parent = edited ? { parent_id: edited.data.parent_id ?? 0 } : {};
			const { user, assistant } = await api.ask_chat(this.id, { text, ...parent });
			this.#append(keep, user, assistant);
		});
	}
	/** Answers again; the answer that was there stays as another branch. */
	async regenerate(answer: MessageView): Promise<void> {
		const keep = this.messages.indexOf(answer);
		await this.#do(async () => this.#append(keep, await api.regenerate(answer.data.id)));
	}
	async #do(call: () => Promise<void>): Promise<boolean> {
		this.sending = true;
		this.#asking++;
		try {
			await call();
			return true;
		} catch (error) {
			toasts.fail(error);
			return false;
		} finally {
			this.sending = false;
			this.#asked();
		}
	}
	async stop(): Promise<void> {
		const last = this.last;
		if (last?.data.state !== "streaming") return;
		await api.stop_message(last.data.id).catch((error) => toasts.fail(error));
	}
	/** Shows the branch that a message is on. */
	async show(message: number): Promise<void> {
		try {
			await api.change_chat(this.id, { head_id: message });
			await this.load();
		} catch (error) {
			toasts.fail(error);
		}
	}
	async vote(view: MessageView, vote: -1 | 0 | 1): Promise<void> {
		const before = view.data;
		view.data = { ...before, vote };
		try {
			view.data = { ...view.data, vote: (await api.vote_message(before.id, vote)).vote };
		} catch (error) {
			view.data = { ...view.data, vote: before.vote };
			toasts.fail(error);
		}
	}
}
