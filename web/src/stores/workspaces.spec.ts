// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { WorkspaceList, WorkspaceView } from "./workspaces.svelte";

/** A server with one workspace of two chats; `calls` gets each request. */
function server(calls: string[]): void {
	vi.stubGlobal("fetch", async (address: string, init: RequestInit) => {
		const path = address.replace("/api/v1", "");
		calls.push(`${init.method} ${path}`);
		if (init.method === "DELETE") return new Response(null, { status: 204 });
		if (init.method === "PATCH") return new Response(JSON.stringify({ id: 4, name: "Renamed" }));
		if (path === "/workspaces") return new Response(JSON.stringify({ workspaces: [{ id: 4, name: "Support" }] }));
		if (path.endsWith("/documents")) return new Response(JSON.stringify(init.method === "POST" ? { id: 12, name: "sheet.md" } : { documents: [{ id: 11, name: "old.txt" }] }));
		if (path.startsWith("/uploads")) return new Response(JSON.stringify({ upload: "ab" }));
		if (path.endsWith("/chats")) return new Response(JSON.stringify({ chats: [{ id: 9, title: "CPU" }, { id: 8, title: "" }] }));
		return new Response(JSON.stringify({ id: 4, name: "Support" }));
	});
}
afterEach(() => vi.unstubAllGlobals());

test("workspaces are listed, listed again when they change, and gone when deleted", async () => {
	const calls: string[] = [];
	server(calls);
	const list = new WorkspaceList();
	await list.refresh();
	list.take({ id: 1, event: "workspaces", data: {} });
	await vi.waitFor(() => expect(calls).toHaveLength(2));
	await list.remove(4);
	expect(list.list).toEqual([]);
});
test("a workspace comes with its chats, which are renamed and removed where they stand", async () => {
	const calls: string[] = [];
	server(calls);
	const view = new WorkspaceView(4);
	await view.load();
	expect([view.workspace?.name, view.chats.map((chat) => chat.title)]).toEqual(["Support", ["CPU", ""]]);
	await view.rename_chat(8, "Warranty");
	await view.remove_chat(9);
	expect(view.chats.map((chat) => chat.title)).toEqual(["Warranty"]);
	await view.change({ name: "Renamed" });
	expect(view.workspace?.name).toBe("Renamed");
	view.take({ id: 3, event: "workspaces", data: {} });
	await vi.waitFor(() => expect(view.chats).toHaveLength(2));
});
test("files become documents, newest first, and are removed", async () => {
	const calls: string[] = [];
	server(calls);
	const view = new WorkspaceView(4);
	await view.load();
	await view.add_documents([new File(["# K7"], "sheet.md")]);
	expect(calls.slice(-2)).toEqual(["POST /uploads?name=sheet.md&kind=document", "POST /workspaces/4/documents"]);
	expect(view.documents.map((document) => document.name)).toEqual(["sheet.md", "old.txt"]);
	await view.remove_document(11);
	expect(view.documents.map((document) => document.id)).toEqual([12]);
});
test("a workspace that is gone is a problem", async () => {
	vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ error: { code: "not_found", message: "There is no workspace." } }), { status: 404 }));
	const view = new WorkspaceView(4);
	await view.load();
	expect([view.loaded, view.problem?.message]).toEqual([false, "There is no workspace."]);
});
