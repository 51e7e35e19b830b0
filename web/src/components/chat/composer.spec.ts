// SPDX-License-Identifier: Apache-2.0
import { flushSync, mount, tick, unmount, type Component } from "svelte";
import { beforeEach, expect, test } from "vitest";
import { ChatView } from "../../stores/chat.svelte";
import { typing } from "../../stores/typing.svelte";
import AddModels from "../models/AddModels.svelte";
import Composer from "./Composer.svelte";

beforeEach(() => {
	sessionStorage.clear();
	typing.texts = {};
});
type Field = HTMLInputElement | HTMLTextAreaElement;
/** Does something with a field that is built for it, as another language or another visit does. */
async function with_field<T extends Record<string, unknown>>(component: Component<T>, props: T, act: (field: Field) => unknown): Promise<string> {
	const shown = mount(component, { target: document.body, props });
	flushSync();
	const field = document.body.querySelector<Field>("input, textarea");
	if (!field) throw new Error("no field");
	await act(field);
	flushSync();
	const { value } = field;
	await unmount(shown);
	return value;
}
const type = (text: string) => (field: Field): void => {
	field.value = text;
	field.dispatchEvent(new Event("input", { bubbles: true }));
};
const look = (): void => undefined;
const chat = (view: ChatView | null, onask: (text: string) => Promise<boolean> = () => Promise.resolve(true)) => ({ view, workspace: 5, onask, n_ctx_train: 0 });

test("a half-typed message is there again in its chat and in no other", async () => {
	await with_field(Composer, chat(null), type("new"));
	await with_field(Composer, chat(new ChatView(1)), type("half"));
	const values = [];
	for (const view of [new ChatView(1), new ChatView(2), null]) values.push(await with_field(Composer, chat(view), look));
	expect(values).toEqual(["half", "", "new"]);
});
test("a message that was sent leaves the field, one that could not be comes back", async () => {
	const asked: string[] = [];
	for (const sent of [false, true]) {
		const value = await with_field(Composer, chat(new ChatView(1), async (text) => { asked.push(text); return sent; }), async (field) => {
			if (!field.value) type("Why?")(field);
			flushSync();
			field.form?.requestSubmit();
			for (let i = 0; i < 5; i++) await tick();
		});
		expect(value).toBe(sent ? "" : "Why?");
	}
	expect(asked).toEqual(["Why?", "Why?"]);
	expect(await with_field(Composer, chat(new ChatView(1)), look)).toBe("");
});
test("a message that could not be sent stands before what was typed meanwhile", async () => {
	let refuse: (sent: boolean) => void = look;
	const value = await with_field(Composer, chat(new ChatView(1), () => new Promise((resolve) => (refuse = resolve))), async (field) => {
		type("Why?")(field);
		flushSync();
		field.form?.requestSubmit();
		await tick();
		type("And")(field);
		refuse(false);
		for (let i = 0; i < 5; i++) await tick();
	});
	expect(value).toBe("Why?\nAnd");
});
test("the path of a model that is to be added stays too", async () => {
	await with_field(AddModels, { onhub: look }, type("~/out"));
	expect(await with_field(AddModels, { onhub: look }, look)).toBe("~/out");
});
