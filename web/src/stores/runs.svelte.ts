// SPDX-License-Identifier: Apache-2.0
import { api, problem_of } from "../services/api";
import type { Column, Problem, Run, ServerEvent } from "../types";
import { toasts } from "./toasts.svelte";

export const PAGE = 50;
const REFRESH_MAX = 1000;
/** Columns are fetched for the rows that are looked at, a few at a time. */
const COLUMNS_AT_ONCE = 4;

/** The list of validations, newest first, fetched page by page. */
export class RunsStore {
	list = $state.raw<Run[]>([]);
	loaded = $state(false);
	busy = $state(false);
	has_more = $state(false);
	query = $state("");
	/** Only those in this state; "": in any. */
	state = $state<Run["state"] | "">("");
	problem = $state.raw<Problem | null>(null);
	#columns = $state.raw<ReadonlyMap<number, Column[]>>(new Map());
	#wanted: number[] = [];
	#fetching = 0;
	#generation = 0;

	/** Fetches what is shown again, at least the first page. */
	async refresh(): Promise<void> {
		await this.#fetch(undefined, Math.min(REFRESH_MAX, Math.max(PAGE, this.list.length)));
	}
	async search(query: string, state = this.state): Promise<void> {
		this.query = query;
		this.state = state;
		await this.#fetch(undefined, PAGE);
	}
	/** Fetches older ones behind the last. */
	async more(): Promise<void> {
		const last = this.list.at(-1);
		if (last && this.has_more && !this.busy) await this.#fetch(last.id, PAGE);
	}
	async #fetch(before: number | undefined, limit: number): Promise<void> {
		const generation = ++this.#generation;
		this.busy = true;
		try {
			const { runs } = await api.runs({ ...(this.query && { q: this.query }), ...(this.state && { state: this.state }), limit, ...(before === undefined ? {} : { before }) });
			if (generation !== this.#generation) return;
			this.list = before === undefined ? runs : [...this.list, ...runs];
			this.has_more = runs.length === limit;
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			if (generation === this.#generation) this.problem = problem_of(error);
		} finally {
			if (generation === this.#generation) this.busy = false;
		}
	}

	/** Columns with their likes; undefined until `need` brought them. */
	columns(id: number): Column[] | undefined {
		return this.#columns.get(id);
	}
	need(id: number): void {
		if (this.#columns.has(id) || this.#wanted.includes(id)) return;
		this.#wanted.push(id);
		this.#next();
	}
	#next(): void {
		while (this.#fetching < COLUMNS_AT_ONCE) {
			const id = this.#wanted[this.#fetching];
			if (id === undefined) return;
			this.#fetching++;
			void this.#fetch_columns(id);
		}
	}
	async #fetch_columns(id: number): Promise<void> {
		try {
			const run = await api.run(id);
			this.#keep(id, run.columns ?? []);
		} catch {
			// The row shows no tally; the list itself says when the server is away.
		} finally {
			this.#wanted = this.#wanted.filter((wanted) => wanted !== id);
			this.#fetching--;
			this.#next();
		}
	}
	#keep(id: number, columns: Column[]): void {
		this.#columns = new Map(this.#columns).set(id, columns);
	}

	/** Follows the server's events no longer: what they would change is fetched again when it is shown again. */
	leave(): void {
		this.#columns = new Map();
	}
	take(event: ServerEvent): void {
		if (event.event === "runs") void this.refresh();
		else if (event.event === "resync") {
			this.#columns = new Map();
			void this.refresh();
		} else if (event.event === "run") this.#run_changed(event.data);
		else if (event.event === "column") this.#change_column(event.data.run_id, event.data.id, () => event.data);
		else if (event.event === "vote") {
			const { run_id, column_id, column_likes } = event.data;
			this.#change_column(run_id, column_id, (column) => ({ ...column, likes: column_likes }));
		}
	}
	#run_changed(run: Run): void {
		const leaves = this.state !== "" && run.state !== this.state;
		this.list = this.list.flatMap((old) => (old.id !== run.id ? [old] : leaves ? [] : [run]));
	}
	#change_column(run: number, id: number, change: (column: Column) => Column): void {
		const columns = this.#columns.get(run);
		if (columns) this.#keep(run, columns.map((column) => (column.id === id ? change(column) : column)));
	}

	/** Asks the same again; the new one comes to the top of the list. */
	async replay(id: number): Promise<Run> {
		const again = await api.replay_run(id);
		await this.refresh();
		return again;
	}
	/** What was broken off goes on where it ended. */
	async resume(id: number): Promise<void> {
		await api.resume_run(id).then((run) => this.#run_changed(run), (error) => toasts.fail(error));
	}
	async rename(id: number, name: string): Promise<void> {
		this.#run_changed(await api.change_run(id, { name }));
	}
	async remove(id: number): Promise<void> {
		await api.remove_run(id);
		this.list = this.list.filter((run) => run.id !== id);
	}
}

export const runs = new RunsStore();
