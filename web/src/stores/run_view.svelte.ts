// SPDX-License-Identifier: Apache-2.0
// One run as the page shows it: rows are fetched where the reader looks, and kept up to date by the server's events.
import { SvelteSet } from "svelte/reactivity";
import { api, problem_of } from "../services/api";
import type { Cell, Column, Filter, Problem, QuestionInput, Reply, Run, RunQuestion, ServerEvent, VoteEvent, Weights } from "../types";

export const CHUNK = 50;

/** A cell: `data` as the server last sent it, `text` and `thinking` also while they stream. */
export class CellView {
	data = $state.raw<Cell>({ id: 0, question_id: 0, column_id: 0, state: "waiting", text: "", likes: 0, liked: false });
	text = $state("");
	thinking = $state("");

	constructor(cell: Cell) {
		this.take(cell);
	}
	take(cell: Cell): void {
		this.data = cell;
		this.text = cell.text;
		this.thinking = cell.thinking ?? "";
	}
}

export interface Row {
	id: number;
	position: number;
	text: string;
	reference: string;
	/** Of a later turn of a conversation: its number, the turn before it and the first one, by their positions. */
	turn: number | undefined;
	follows: number | undefined;
	conversation: number | undefined;
	cells: CellView[];
	/** Events up to this one are in it. */
	event_id: number;
}

export class RunView {
	run = $state.raw<Run | null>(null);
	columns = $state.raw<Column[]>([]);
	total = $state(0);
	filter = $state<Filter>("all");
	problem = $state.raw<Problem | null>(null);
	/** Cells whose vote is on its way. */
	voting = new SvelteSet<number>();
	#wanted = new Map<number, boolean>();
	#version = $state(0);
	#rows = new Map<number, Row>();
	#cells = new Map<number, { view: CellView; row: Row }>();
	#asked = new Set<number>();
	/** Events that came while rows were on their way: those rows may not have them yet. */
	#recent: ServerEvent[] = [];
	#fetching = 0;
	#event_id = 0;
	#generation = 0;

	constructor(readonly id: number) {}

	get is_busy(): boolean {
		return this.run?.state === "running" || this.run?.state === "waiting";
	}
	/** The row at `index` of what the filter leaves, conversations together; undefined until it is fetched. */
	row(index: number): Row | undefined {
		void this.#version;
		return this.#rows.get(index);
	}
	column(id: number): Column | undefined {
		return this.columns.find((column) => column.id === id);
	}

	/** Fetches the run and its first rows; false where that failed. */
	async load(): Promise<boolean> {
		try {
			const run = await api.run(this.id);
			this.#take_run(run);
			await this.need(0, CHUNK);
		} catch (error) {
			this.problem = problem_of(error);
		}
		return this.problem === null;
	}
	/** Fetches the rows [from, to) that are not here yet. */
	async need(from: number, to: number): Promise<void> {
		const wanted: Promise<void>[] = [];
		for (let chunk = Math.floor(from / CHUNK); chunk * CHUNK < to; chunk++) {
			if (!this.#asked.has(chunk)) wanted.push(this.#fetch(chunk));
		}
		await Promise.all(wanted);
	}
	/** The turns before a row, as they are answered now. */
	async turns_before(row: Row): Promise<RunQuestion[]> {
		const turns: RunQuestion[] = [];
		for (let at = row.follows; at !== undefined; at = turns[0]?.follows) {
			const { questions } = await api.run_page(this.id, "all", at, 1);
			turns.unshift(...questions);
			if (!questions.length) break;
		}
		return turns;
	}
	async set_filter(filter: Filter): Promise<void> {
		this.filter = filter;
		this.#forget();
		await this.need(0, CHUNK);
	}
	#forget(): void {
		this.#generation++;
		this.#rows.clear();
		this.#cells.clear();
		this.#asked.clear();
	}
	/** Fetches again what is shown: after a gap in the events, or when the server changed many cells at once. */
	async reload(): Promise<void> {
		const chunks = [...this.#asked];
		try {
			this.#take_run(await api.run(this.id));
		} catch (error) {
			this.problem = problem_of(error);
			return;
		}
		// What left the filter goes now.
		if (this.filter !== "all") this.#forget();
		await Promise.all((chunks.length ? chunks : [0]).map((chunk) => this.#fetch(chunk)));
	}

	/** How many rows before `index` were rated since they were fetched: among the unrated the server counts them no longer, but here they stay. */
	#rated(index: number): number {
		if (this.filter !== "unrated") return 0;
		return [...this.#rows].filter(([at, { cells }]) => at < index && cells.some((cell) => cell.data.likes)).length;
	}
	/** The rows from `index` on, asked for again where a vote moved them meanwhile. */
	async #page(index: number): Promise<Reply<"getRunPage">> {
		for (;;) {
			const [rated, voting] = [this.#rated(index), this.voting.size];
			const page = await api.run_rows(this.id, this.filter, index - rated, CHUNK);
			if (this.filter !== "unrated" || !(voting || this.voting.size || rated !== this.#rated(index))) return page;
		}
	}
	async #fetch(chunk: number): Promise<void> {
		this.#asked.add(chunk);
		this.#fetching++;
		const generation = this.#generation;
		try {
			const page = await this.#page(chunk * CHUNK);
			if (generation !== this.#generation) return;
			this.#event_id = Math.max(this.#event_id, page.event_id);
			for (const [at, question] of page.questions.entries()) this.#take_row(chunk * CHUNK + at, question, page.event_id);
			this.total = page.total + this.#rated(Infinity);
			this.#version++;
			this.problem = null;
			for (const event of this.#recent) if (event.event !== "run" && event.event !== "column") this.#apply(event);
		} catch (error) {
			if (generation === this.#generation) this.#asked.delete(chunk);
			this.problem = problem_of(error);
		} finally {
			if (--this.#fetching === 0) this.#recent = [];
		}
	}
	#take_row(index: number, question: RunQuestion, event_id: number): void {
		const old = this.#rows.get(index);
		if (old && old.id === question.id && old.cells.length === question.cells.length) {
			for (const [at, cell] of question.cells.entries()) {
				if (!this.voting.has(cell.id)) old.cells[at]?.take(cell);
			}
			old.event_id = event_id;
			return;
		}
		const row: Row = {
			id: question.id, position: question.position, text: question.text, reference: question.reference ?? "",
			turn: question.turn, follows: question.follows, conversation: question.conversation,
			cells: question.cells.map((cell) => new CellView(cell)), event_id,
		};
		this.#rows.set(index, row);
		for (const view of row.cells) this.#cells.set(view.data.id, { view, row });
	}
	#take_run(run: Run): void {
		this.run = run;
		if (run.columns) this.columns = run.columns;
		if (this.filter === "all") this.total = run.n_questions;
		this.problem = null;
	}

	/** Takes an event of the server. */
	take(event: ServerEvent): void {
		if (event.event === "resync" || (event.event === "hello" && this.#event_id > 0 && event.data.event_id !== this.#event_id)) {
			void this.reload();
			return;
		}
		if (this.#fetching > 0) this.#recent.push(event);
		if (event.id > this.#event_id) this.#event_id = event.id;
		this.#apply(event);
	}
	#apply(event: ServerEvent): void {
		if (event.event === "run" && event.data.id === this.id) this.#run_changed(event.data);
		else if (event.event === "column" && event.data.run_id === this.id) this.#column_changed(event.data);
		else if (event.event === "vote" && event.data.run_id === this.id && !this.voting.has(event.data.cell_id)) this.#voted(event.data);
		else if (event.event === "text" && event.data.run_id === this.id) {
			const known = this.#cells.get(event.data.cell_id);
			if (!known || event.id <= known.row.event_id || known.view.data.state === "done") return;
			if (known.view.data.state !== "running") known.view.take({ ...known.view.data, state: "running", text: "", thinking: "" });
			known.view.text += event.data.text;
			known.view.thinking += event.data.thinking ?? "";
			known.row.event_id = event.id;
		} else if (event.event === "cell" && event.data.run_id === this.id) {
			const known = this.#cells.get(event.data.id);
			if (!known || event.id <= known.row.event_id) return;
			known.view.take(event.data);
			known.row.event_id = event.id;
		}
	}
	#run_changed(run: Run): void {
		const before = this.run;
		this.run = { ...run, ...(before?.columns ? { columns: before.columns } : {}) };
		// More questions, or cells that are asked again or were cancelled: no event names each of them.
		const grew = before !== null && run.n_questions !== before.n_questions;
		if (grew || (before && run.state !== before.state && run.state !== "done")) void this.reload();
	}
	#column_changed(column: Column): void {
		this.columns = this.columns.map((old) => (old.id === column.id ? column : old));
	}

	/**
	 * Gives or takes back a thumb. The counts move at once; pressed again before the server replied, the last press counts.
	 * Where the server refuses they go back, and the error is thrown.
	 */
	async vote(view: CellView, liked: boolean): Promise<void> {
		const { id, state, liked: before } = view.data;
		if (state !== "done" || before === liked) return;
		this.#count(view, liked);
		this.#wanted.set(id, liked);
		if (this.voting.has(id)) return;
		this.voting.add(id);
		let stored = before;
		try {
			let reply: Reply<"vote">;
			do {
				reply = await api.vote(id, this.#wanted.get(id) ?? liked);
				stored = reply.liked;
			} while (stored !== (this.#wanted.get(id) ?? liked));
			this.#voted({ run_id: this.id, ...reply });
		} catch (error) {
			if (view.data.liked !== stored) this.#count(view, stored);
			throw error;
		} finally {
			this.voting.delete(id);
			this.#wanted.delete(id);
		}
	}
	#count(view: CellView, liked: boolean): void {
		const change = liked ? 1 : -1;
		view.data = { ...view.data, liked, likes: view.data.likes + change };
		const column = this.column(view.data.column_id);
		if (column) this.#column_changed({ ...column, likes: column.likes + change });
	}
	#voted(vote: VoteEvent): void {
		const view = this.#cells.get(vote.cell_id)?.view;
		if (view) view.data = { ...view.data, liked: vote.liked, likes: vote.likes };
		const column = this.column(vote.column_id);
		if (column) this.#column_changed({ ...column, likes: vote.column_likes });
	}

	/** Stops, continues or tries again; the reply is the new state. */
	async control(action: "stop" | "resume" | "retry", column?: number, weights?: Weights): Promise<void> {
		const calls = { stop: api.stop_run, resume: api.resume_run, retry: (id: number) => api.retry_run(id, { ...(column && { column_id: column }), ...(weights && { weights }) }) };
		this.#take_run(await calls[action](this.id));
		await this.reload();
	}
	async set_blind(blind: boolean): Promise<void> {
		this.#take_run(await api.change_run(this.id, { blind }));
	}
	/** Every question with its answers as they are now, whatever filter is on, the turns of a conversation one after another. */
	async everything(): Promise<RunQuestion[]> {
		const all: RunQuestion[] = [];
		for (let total = 1; all.length < total;) {
			const page = await api.run_rows(this.id, "all", all.length, 200);
			total = page.questions.length ? page.total : 0;
			all.push(...page.questions);
		}
		return all;
	}
	/** Its questions, as another run can ask them. */
	async questions(): Promise<QuestionInput[]> {
		const places = new Map<number, number>();
		return (await this.everything()).map(({ position, text, reference, other_references, system, tags, source_id: id, record, follows }, place) => {
			const before = follows === undefined ? undefined : places.get(follows);
			places.set(position, place);
			const known = Object.entries({ reference, other_references, system, tags, id, record, follows: before }).filter(([, value]) => value !== undefined);
			return { text, ...Object.fromEntries(known) };
		});
	}
}
