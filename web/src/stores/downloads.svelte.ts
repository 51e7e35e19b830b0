// SPDX-License-Identifier: Apache-2.0
// Models on their way from a hub. The server fetches them; closing the page leaves them alone.
import { m } from "../messages/messages.js";
import { api, problem_of } from "../services/api";
import type { Download, Problem, ServerEvent } from "../types";
import { toasts } from "./toasts.svelte";

/** "org/name:file" as it is asked for. */
export const download_name = (download: Pick<Download, "model" | "file">): string => (download.file ? `${download.model}:${download.file}` : download.model);
export const is_active = (download: Pick<Download, "state">): boolean => ["waiting", "running", "adding"].includes(download.state);

export class DownloadStore {
	list = $state.raw<Download[]>([]);
	problem = $state.raw<Problem | null>(null);
	/** The one that a dialog shows: how it ends is not told again. */
	shown = $state<number | null>(null);

	get(id: number): Download | undefined {
		return this.list.find((download) => download.id === id);
	}
	async refresh(): Promise<void> {
		try {
			this.list = (await api.downloads()).downloads;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	take(event: ServerEvent): void {
		if (event.event === "resync" || event.event === "downloads") void this.refresh();
		else if (event.event === "download") this.#put(event.data);
	}
	#put(download: Download): void {
		const before = this.get(download.id);
		this.list = before ? this.list.map((old) => (old.id === download.id ? download : old)) : [download, ...this.list];
		if (before && is_active(before) && !is_active(download) && this.shown !== download.id) this.#tell(download);
	}
	/** Says how one ended that nobody looks at. */
	#tell(download: Download): void {
		const name = download_name(download);
		if (download.state === "done" && download.model_ids?.length) toasts.show(m.hub_done_toast({ name }), { ms: 10_000 });
		else if (download.state === "done") toasts.show(m.hub_done_unused_toast({ name }), { bad: true });
		else if (download.state === "failed") toasts.show(m.hub_failed_toast({ name }), { bad: true, ...(download.problem ? { hint: download.problem.message } : {}) });
	}

	/** Begins one; what the server refuses is thrown. */
	async start(model: string, file: string, revision: string): Promise<Download> {
		const download = await api.add_download({ model: `${model}:${file}`, revision });
		// It may be over before the reply is here: events are newer than the reply.
		if (!this.get(download.id)) this.#put(download);
		return download;
	}
	async cancel(id: number): Promise<void> {
		await api.cancel_download(id).catch((error) => toasts.fail(error));
	}
	async resume(id: number): Promise<void> {
		try {
			const before = this.get(id);
			const download = await api.resume_download(id);
			if (this.get(id) === before) this.#put(download);
		} catch (error) {
			toasts.fail(error);
		}
	}
	async remove(id: number): Promise<void> {
		await api.remove_download(id);
		this.list = this.list.filter((download) => download.id !== id);
	}
}

export const downloads = new DownloadStore();
