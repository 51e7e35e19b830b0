// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Message, ServerEvent } from "../types";
import { ChatView } from "./chat.svelte";
import { toasts } from "./toasts.svelte";

const message = (id: number, rest: Partial<Message> = {}): Message => ({
	id, chat_id: 5, parent_id: id > 1 ? id - 1 : null, role: id % 2 ? "user" : "assistant", state: "done", phase: "", progress: 0, text: `text ${id}`,
	thinking: "", finish: "", n_prompt: 0, n_reused: 0, n_generated: 0, n_left_out: 0, seconds_to_first: 0, seconds: 0, vote: 0, citations: [], siblings: [id],
	created_ms: 0, ...rest,
});
const live = (id: number, rest: Partial<Message> = {}): Message => message(id, { role: "assistant", state: "streaming", text: "", phase: "waiting", ...rest });
let stored: Message[] = [];
/** The newest event that is in `stored`. */
let event_id = 0;
const word = (id: number, text: string, message_id = 2): ServerEvent => ({ id, event: "chat_text", data: { message_id, chat_id: 5, text } });
/** What comes while the chat is read. */
let meanwhile: () => void = () => undefined;
let calls: string[] = [];
/** What the server answers to a request that is not for the chat itself. */
let other: (path: string) => unknown = () => ({});
beforeEach(() => {
	stored = [message(1), message(2)];
	event_id = 0;
	meanwhile = () => undefined;
	calls = [];
	other = () => ({});
	vi.stubGlobal("fetch", async (address: string, init: RequestInit) => {
		const path = address.replace("/api/v1", "");
		calls.push(`${init.method} ${path}${typeof init.body === "string" ? ` ${init.body}` : ""}`);
		if (init.method === "GET") {
			meanwhile();
			return new Response(JSON.stringify({ id: 5, workspace_id: 1, title: "", n_messages: 2, created_ms: 0, updated_ms: 0, event_id, messages: stored, context: { n_used: 9, n_max: 100 } }));
		}
		const body = other(path);
		return new Response(JSON.stringify(body), { status: body && typeof body === "object" && "error" in body ? 409 : 200 });
	});
});
afterEach(() => vi.unstubAllGlobals());
async function open(): Promise<ChatView> {
	const view = new ChatView(5);
	await view.load();
	return view;
}
const texts = (view: ChatView): string[] => view.messages.map((one) => one.text);

test("a question and its answer are appended, text streams in, thinking apart, and the end is the server's", async () => {
	const view = await open();
	other = () => ({ user: message(3), assistant: live(4) });
	expect(await view.ask("Why?")).toBe(true);
	expect(calls.at(-1)).toBe('POST /chats/5/messages {"text":"Why?"}');
	view.take({ id: 1, event: "chat_state", data: { message_id: 4, chat_id: 5, phase: "loading", progress: 0.4 } });
	expect([view.last?.data.phase, view.last?.data.progress]).toEqual(["loading", 0.4]);
	view.take({ id: 2, event: "chat_text", data: { message_id: 4, chat_id: 5, text: "", thinking: "hm" } });
	view.take({ id: 3, event: "chat_text", data: { message_id: 4, chat_id: 5, text: "Because" } });
	view.take({ id: 3, event: "chat_text", data: { message_id: 4, chat_id: 6, text: " of another chat" } });
	expect([view.last?.thinking, view.last?.text, view.is_streaming]).toEqual(["hm", "Because", true]);
	stored = [message(1), message(2), message(3), message(4, { text: "Because.", thinking: "hm" })];
	view.take({ id: 4, event: "chat_message", data: message(4, { text: "Because.", thinking: "hm" }) });
	expect([view.last?.thinking, view.last?.text, view.is_streaming]).toEqual(["hm", "Because.", false]);
});
test("words that arrive before the reply to the question are not lost", async () => {
	const view = await open();
	other = () => {
		view.take({ id: 1, event: "chat_text", data: { message_id: 4, chat_id: 5, text: "Early " } });
		return { user: message(3), assistant: live(4) };
	};
	await view.ask("Why?");
	view.take({ id: 2, event: "chat_text", data: { message_id: 4, chat_id: 5, text: "bird" } });
	expect(view.last?.text).toBe("Early bird");
});
test("what a chat that is read while it streams has already is not written twice, and what comes meanwhile is not lost", async () => {
	stored = [message(1), live(2, { text: "One two" })];
	event_id = 3;
	const view = new ChatView(5);
	meanwhile = () => [word(3, " two"), word(4, " three")].forEach((event) => view.take(event));
	await view.load();
	expect(view.last?.text).toBe("One two three");
	meanwhile = () => undefined;
	view.take(word(3, " two"));
	view.take(word(5, " four"));
	expect(view.last?.text).toBe("One two three four");
});
test("thinking that a chat has when it is read goes on from there", async () => {
	stored = [message(1), live(2, { text: "", thinking: "Eight" })];
	event_id = 3;
	const view = await open();
	view.take({ id: 3, event: "chat_text", data: { message_id: 2, chat_id: 5, text: "", thinking: "Eight" } });
	view.take({ id: 4, event: "chat_text", data: { message_id: 2, chat_id: 5, text: "Eight", thinking: " or nine." } });
	expect([view.last?.thinking, view.last?.text]).toEqual(["Eight or nine.", "Eight"]);
});
test("words that were missed are there after reading again, in their order", async () => {
	stored = [message(1), live(2, { text: "One" })];
	event_id = 1;
	const view = await open();
	stored = [message(1), live(2, { text: "One two" })];
	event_id = 2;
	meanwhile = () => view.take(word(3, " three"));
	view.take({ id: 2, event: "resync", data: {} });
	await vi.waitFor(() => expect(view.last?.text).toBe("One two three"));
});
test("a chat that is read while a question is sent shows each of its words once", async () => {
	const view = await open();
	stored = [message(1), message(2), message(3), live(4, { text: "Early" })];
	event_id = 1;
	other = () => {
		view.take(word(1, "Early", 4));
		return { user: message(3), assistant: live(4) };
	};
	const reading = view.load();
	await Promise.all([reading, view.ask("Why?")]);
	view.take(word(2, " bird", 4));
	expect(view.last?.text).toBe("Early bird");
});
test("editing asks from the same place and hides what came after, answering again replaces the answer", async () => {
	stored = [message(1), message(2), message(3), message(4)];
	const view = await open();
	const [first, , third, fourth] = view.messages;
	if (!first || !third || !fourth) throw new Error("four messages");
	other = () => live(6);
	await view.regenerate(fourth);
	expect(calls.at(-1)).toBe("POST /messages/4/regenerate");
	expect(view.messages.map((one) => one.data.id)).toEqual([1, 2, 3, 6]);
	other = () => ({ user: message(7), assistant: live(8) });
	await view.ask("Other words", third);
	expect(calls.at(-1)).toBe('POST /chats/5/messages {"text":"Other words","parent_id":2}');
	expect(view.messages.map((one) => one.data.id)).toEqual([1, 2, 7, 8]);
	await view.ask("From the start", first);
	expect(calls.at(-1)).toBe('POST /chats/5/messages {"text":"From the start","parent_id":0}');
});
test("a question that is refused changes nothing and says why", async () => {
	const view = await open();
	other = () => ({ error: { code: "conflict", message: "An answer is being written." } });
	expect(await view.ask("Why?")).toBe(false);
	expect(texts(view)).toEqual(["text 1", "text 2"]);
	expect(toasts.list.at(-1)?.text).toBe("An answer is being written.");
	expect(view.sending).toBe(false);
});
test("a thumb shows at once and goes back where the server refuses it", async () => {
	const view = await open();
	const answer = view.last;
	if (!answer) throw new Error("an answer");
	other = () => message(2, { vote: 1 });
	await view.vote(answer, 1);
	expect(answer.data.vote).toBe(1);
	other = () => ({ error: { code: "io", message: "The disk is full." } });
	await view.vote(answer, -1);
	expect(answer.data.vote).toBe(1);
});
test("stopping asks for the end of the answer that streams; another branch is shown through its message", async () => {
	stored = [message(1), live(2)];
	const view = await open();
	await view.stop();
	expect(calls.at(-1)).toBe("POST /messages/2/stop");
	await view.show(9);
	expect(calls.slice(-2)).toEqual(['PATCH /chats/5 {"head_id":9}', "GET /chats/5"]);
});
