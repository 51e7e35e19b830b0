// SPDX-License-Identifier: Apache-2.0
// What a viewer sees: the results of one run, and a page of its questions, as they stand.
import { ApiError, problem_of } from "../../services/api";
import { keep_session_key, session_key, take_code } from "../../services/session";
import type { Problem } from "../../types";
import { viewing_api, type Viewing, type ViewingPage } from "./api";

export const PAGE = 20;
/** How often is looked again: while answers come, and later, since likes may come and the link may end. */
const SOON_MS = 5_000;
const LATER_MS = 60_000;

/** The link has ended, or was none. */
const is_ended = (error: unknown): boolean => error instanceof ApiError && [401, 403].includes(error.status);

export class ViewingStore {
	/** "away": nothing can be seen until `problem` is solved. */
	state = $state<"starting" | "open" | "away">("starting");
	problem = $state.raw<Problem | null>(null);
	viewing = $state.raw<Viewing | null>(null);
	page = $state.raw<ViewingPage | null>(null);
	busy = $state(false);
	#code = "";
	/** The page that could not be shown. */
	#failed = 0;

	get is_computing(): boolean {
		return this.viewing?.state === "running" || this.viewing?.state === "waiting";
	}
	get pause_ms(): number {
		return this.is_computing ? SOON_MS : LATER_MS;
	}
	async start(): Promise<void> {
		this.problem = null;
		this.#code ||= take_code(location, history, "p");
		try {
			if (!session_key() && this.#code) await this.#open();
			else await this.#enter();
		} catch (error) {
			this.#fail(error);
		}
	}
	/** Who has come before goes on, also by a newer link; where that has ended, the link opens it again. */
	async #enter(): Promise<void> {
		try {
			await this.#load(0);
		} catch (error) {
			if (!this.#code || !is_ended(error)) throw error;
			await this.#open();
		}
	}
	async #open(): Promise<void> {
		keep_session_key((await viewing_api.open(this.#code)).key);
		await this.#load(0);
	}
	async #load(offset: number): Promise<void> {
		const [viewing, page] = await Promise.all([viewing_api.viewing(), viewing_api.questions(offset, PAGE)]);
		this.viewing = viewing;
		this.page = page;
		this.state = "open";
		this.problem = null;
	}
	#fail(error: unknown): void {
		this.problem = problem_of(error);
		if (!this.page || is_ended(error)) {
			this.state = "away";
			this.viewing = this.page = null;
		}
	}
	/** Shows another page of questions; stays where it is when that fails. */
	async show(offset: number): Promise<boolean> {
		if (this.busy || !this.page || offset < 0 || offset >= this.page.total) return false;
		this.busy = true;
		this.#failed = offset;
		try {
			await this.#load(offset);
			return true;
		} catch (error) {
			this.#fail(error);
			return false;
		} finally {
			this.busy = false;
		}
	}
	next(): Promise<boolean> {
		return this.show((this.page?.offset ?? 0) + PAGE);
	}
	back(): Promise<boolean> {
		return this.show((this.page?.offset ?? 0) - PAGE);
	}
	/** Looks whether anything has changed. A server that does not answer is asked again later, what is shown stays. */
	async refresh(): Promise<void> {
		if (this.busy || this.state !== "open") return;
		const offset = this.page?.offset ?? 0;
		try {
			const viewing = await viewing_api.viewing();
			const has_changed = JSON.stringify(viewing) !== JSON.stringify(this.viewing);
			const page = has_changed ? await viewing_api.questions(offset, PAGE) : this.page;
			if (this.busy || this.page?.offset !== offset) return; // another page has been asked for meanwhile
			this.viewing = viewing;
			this.page = page;
		} catch (error) {
			if (is_ended(error)) this.#fail(error);
		}
	}
	/** Does again what failed. */
	async retry(): Promise<void> {
		if (this.state === "away") await this.start();
		else await this.show(this.#failed);
	}
}

export const viewing = new ViewingStore();
