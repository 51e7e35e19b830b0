// SPDX-License-Identifier: Apache-2.0
import { api, problem_of } from "../services/api";
import type { Chat, Document, Problem, ServerEvent, Workspace } from "../types";

/** All workspaces, the last used first. */
export class WorkspaceList {
	list = $state.raw<Workspace[]>([]);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);

	async refresh(): Promise<void> {
		try {
			this.list = (await api.workspaces()).workspaces;
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	take(event: ServerEvent): void {
		if (event.event === "workspaces" || event.event === "resync") void this.refresh();
	}
	async remove(id: number): Promise<void> {
		await api.remove_workspace(id);
		this.list = this.list.filter((workspace) => workspace.id !== id);
	}
}

/** One workspace with its chats and documents. */
export class WorkspaceView {
	workspace = $state.raw<Workspace | null>(null);
	chats = $state.raw<Chat[]>([]);
	documents = $state.raw<Document[]>([]);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);

	constructor(readonly id: number) {}

	async load(): Promise<void> {
		try {
			const [workspace, chats, documents] = await Promise.all([api.workspace(this.id), api.chats(this.id), api.documents(this.id)]);
			this.workspace = workspace;
			this.chats = chats.chats;
			this.documents = documents.documents;
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	take(event: ServerEvent): void {
		if (event.event === "workspaces" || event.event === "resync") void this.load();
	}
	async change(changes: Parameters<typeof api.change_workspace>[1]): Promise<void> {
		this.workspace = await api.change_workspace(this.id, changes);
	}
	async rename_chat(id: number, title: string): Promise<void> {
		await api.change_chat(id, { title });
		this.chats = this.chats.map((chat) => (chat.id === id ? { ...chat, title } : chat));
	}
	async remove_chat(id: number): Promise<void> {
		await api.remove_chat(id);
		this.chats = this.chats.filter((chat) => chat.id !== id);
	}
	/** Adds files one after the other; stops at the first that is refused. */
	async add_documents(files: Iterable<File>): Promise<void> {
		for (const file of files) {
			const { upload } = await api.upload_document(file.name, file);
			const added = await api.add_document(this.id, { upload });
			this.documents = [added, ...this.documents.filter((document) => document.id !== added.id)];
		}
	}
	async remove_document(id: number): Promise<void> {
		await api.remove_document(id);
		this.documents = this.documents.filter((document) => document.id !== id);
	}
}

export const workspaces = new WorkspaceList();
