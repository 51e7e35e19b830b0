// SPDX-License-Identifier: Apache-2.0
// The Validate page: a draft (columns, settings, questions still to be asked) over the run that is open, if one is.
import { m } from "../messages/messages.js";
import { api, problem_of } from "../services/api";
import { events } from "../services/events";
import * as prefs from "../services/prefs";
import { router } from "../services/router.svelte";
import { blind_order } from "../services/shuffle";
import type { Problem, Selection, Weights } from "../types";
import { batches, Draft, is_set, singles, type DraftColumn, type DraftSet, type Questions, type Setup } from "./draft.svelte";
import { frame } from "./frame.svelte";
import { models } from "./models.svelte";
import { RunView, type CellView, type Row } from "./run_view.svelte";
import { set_pages } from "./set_pages.svelte";
import { toasts } from "./toasts.svelte";
import { typing } from "./typing.svelte";

const UNDO_MS = 10_000;
/** On a phone answers stand below each other, one question at a time; models are chosen in the table. */
const is_phone = (): boolean => typeof window.matchMedia === "function" && window.matchMedia("(max-width: 640px)").matches;
const is_number = (value: unknown): value is number => typeof value === "number";

/** A line of the table: a row of the run, or a question that was not asked yet. */
export interface Line { key: string; number: number; text: string; reference: string; turn?: number | undefined; row: Row | null; remove: (() => void) | null }

export class ValidateStore {
	draft = new Draft();
	view = $state.raw<RunView | null>(null);
	problem = $state.raw<Problem | null>(null);
	submitting = $state(false);
	layout = $state<"table" | "single">("table");
	/** The line and column that the keyboard is at. */
	line = $state(0);
	column = $state(0);
	scroll = 0;
	/** The first of the lines that were just added, until the table has brought it into view. */
	added = $state<number>();
	/**
	 * For an automatic validation the most telling questions are rated: how many were, how many more are about needed, which of
	 * those that were shown is in sight, and whether there is one after it.
	 */
	rating = $state.raw<{ id: number; rated: number; more: number; at: number; goes_on: boolean } | null>(null);
	#asked: { position: number; row: number }[] = [];
	/** The run that is open, 0: none. */
	#place = $state(0);
	#stop_listening: (() => void) | null = null;
	/** The message that can undo the last reset. */
	#undo = 0;
	/** What stood over the run that an undo goes back to. */
	#back: { run: number; setup: Setup; kept: Setup | null } | null = null;

	/** What stands in the question box here. */
	get box(): string {
		return typing.get(`question ${this.#place}`);
	}
	set box(text: string) {
		typing.set(`question ${this.#place}`, text);
	}
	get n_lines(): number {
		const asked = this.view?.total ?? 0;
		return this.view && this.view.filter !== "all" ? asked : asked + this.draft.n_questions;
	}
	get is_busy(): boolean {
		return this.view?.is_busy ?? false;
	}
	/** True where it was stopped or broke off: all that is left can be asked. */
	get can_continue(): boolean {
		return ["stopped", "interrupted"].includes(this.view?.run?.state ?? "");
	}
	/** What of a run that does not go on by itself can be asked for: what was stopped or never reached, what failed. */
	get missing(): { stopped: boolean; failed: boolean } {
		const run = this.is_busy ? undefined : this.view?.run;
		return { stopped: this.can_continue || Boolean(run && run.n_cells > run.n_done + run.n_failed), failed: Boolean(run?.n_failed) };
	}
	/** True where nothing runs or waits and there are answers to take along. */
	get can_export(): boolean {
		const run = this.view?.run;
		return Boolean(run && !this.is_busy && run.n_done > 0);
	}
	get is_blind(): boolean {
		return this.view?.run ? this.view.run.blind : this.draft.blind;
	}
	/** A reason as it is shown: while names are hidden only that there is one, for it can tell whose it is. */
	reason(problem: Problem): Problem {
		return this.is_blind ? { code: "hidden", message: m.validate_reason_hidden() } : problem;
	}
	/** A line of the table; undefined until it is fetched. */
	get_line(index: number): Line | undefined {
		const asked = this.view?.total ?? 0;
		if (index < asked) {
			const row = this.view?.row(index);
			return row && { key: `r${row.id}`, number: row.position + 1, text: row.text, reference: row.reference, row, remove: null };
		}
		const at = index - asked;
		const found = this.#pending(at);
		if (!found) return undefined;
		return { key: `p${at}`, row: null, ...found, number: (this.view?.run?.n_questions ?? 0) + found.number };
	}
	#pending(at: number): Omit<Line, "key" | "row"> | undefined {
		const found = this.draft.part_at(at);
		if (!found) return undefined;
		const [part, index] = found;
		const question = is_set(part) ? set_pages.get(part.id, index) : part;
		if (!question) return undefined;
		const { text, reference = "" } = question;
		if (!is_set(part)) return { number: at + 1, text, reference, remove: () => this.draft.drop([part]) };
		/* Of a conversation nothing goes alone. */
		const remove = part.n <= 1000 && !part.n_later ? () => void this.draft.remove_from_set(part, index).catch((error) => toasts.fail(error)) : null;
		return { number: at - index + (question.position ?? index) + 1, text, reference, turn: question.turn, remove };
	}
	/** The cell of a line under the column at `place`; with hidden names every question has its own order. */
	cell(row: Row, place: number): CellView | undefined {
		const column = this.column_at(row.id, place);
		return column && row.cells.find((cell) => cell.data.column_id === column.run_column);
	}
	column_at(question: number, place: number): DraftColumn | undefined {
		if (!this.is_blind) return this.draft.columns[place];
		return this.draft.columns[blind_order(question, this.draft.columns.length)[place] ?? place];
	}

	/** Opens a run by its id, or the draft; of `given` that is no number nobody needs to ask. */
	async open(id: number | null, given = ""): Promise<void> {
		if (id === (this.view?.id ?? null) && !this.problem) return;
		this.#close();
		if (id === null) {
			this.draft.restore();
			return;
		}
		if (Number.isNaN(id)) {
			this.problem = { code: "not_found", message: m.err_run_not_found({ id: given }) };
			return;
		}
		this.#move_to(id);
		if (is_phone()) this.layout = "single";
		const view = new RunView(id);
		this.view = view;
		this.#stop_listening = events.subscribe((event) => view.take(event));
		const found = await view.load();
		if (this.view !== view) return;
		if (!found) {
			this.problem = view.problem;
			prefs.store("last_run", 0);
			return;
		}
		if (view.run) this.draft.adopt(view.run);
		if (this.#back?.run === id) {
			this.draft.put_back(this.#back.setup);
			this.draft.kept = this.#back.kept;
		}
		this.#back = null;
		frame.subtitle = view.run?.name ?? "";
		prefs.store("last_run", id);
	}
	#close(): void {
		this.added = undefined;
		this.rating = null;
		this.#stop_listening?.();
		this.#stop_listening = null;
		if (this.view) this.draft.release();
		this.#move_to(0);
		if (is_phone()) this.layout = "table";
		this.view = null;
		this.problem = null;
		this.line = 0;
		this.scroll = 0;
		frame.subtitle = "";
	}
	/** What was typed stays where it was typed: it must not follow into another run. */
	#move_to(place: number): void {
		if (place === this.#place) return;
		this.#place = place;
		this.draft.move_to(place);
	}
	/** The run that was open last in this browser, or null. */
	last_run(): number | null {
		return prefs.load("last_run", 0, is_number) || null;
	}
	/** What a first visit shows: a base, the last epoch trained on it, and the questions that the server has. */
	async propose(): Promise<void> {
		this.draft.keep_models((id) => models.get(id) !== undefined);
		if (this.draft.columns.length === 0) for (const id of models.first_choice()) this.draft.add(id);
		if (!this.draft.is_first_visit || this.draft.n_questions > 0) return;
		this.draft.is_first_visit = false;
		const { question_sets } = await api.question_sets().catch(() => ({ question_sets: [] }));
		const [first] = question_sets;
		if (first && this.draft.n_questions === 0 && !this.view) this.draft.questions = [draft_set(first)];
	}

	add_set(set: DraftSet, replace: boolean): void {
		if (replace) {
			if (this.view) this.leave();
			this.draft.questions = [];
		}
		this.add_questions([set]);
	}
	/** Behind those that wait already: every line keeps its place. */
	add_questions(questions: Questions): void {
		this.draft.questions = [...this.draft.questions, ...questions];
	}
	/** Moves what is typed into the list; false where nothing is typed. */
	add_typed(): boolean {
		const text = this.box.trim();
		if (!text) return false;
		this.add_questions([{ text }]);
		this.box = "";
		this.#show_added(this.n_lines - 1);
		return true;
	}

	/** Adds what is typed and runs all that is unanswered; other columns or settings make it a new run. */
	async submit(): Promise<void> {
		this.add_typed();
		if (this.submitting || this.draft.columns.length === 0) return;
		this.submitting = true;
		this.draft.is_first_visit = false;
		try {
			const view = this.view;
			if (view?.run && !this.draft.is_changed) await this.#continue(view);
			else await this.#begin();
		} catch (error) {
			toasts.fail(error);
		} finally {
			this.submitting = false;
		}
	}
	async #continue(view: RunView): Promise<void> {
		const { missing } = this;
		const before = view.total;
		await this.#send_questions(view.id);
		await this.#ask_again(view, missing);
		if (!missing.stopped && !missing.failed) await view.reload();
		if (view.total > before) this.#show_added(before);
	}
	async #ask_again(view: RunView, { stopped, failed }: { stopped: boolean; failed: boolean }): Promise<void> {
		if (stopped) await view.control("resume");
		// What goes on takes these in.
		if (failed) await view.control("retry");
	}
	/** Asks for all that is missing, and for nothing new. */
	async retry_rest(): Promise<void> {
		if (this.view) await this.#ask_again(this.view, this.missing).catch((error) => toasts.fail(error));
	}
	#show_added(line: number): void {
		if (this.layout === "single") this.line = line;
		else this.added = line;
	}
	async #begin(): Promise<void> {
		const old = this.view;
		const again = old ? (await old.questions()) : [];
		const request = this.draft.request();
		const [part] = this.draft.questions;
		const name = old?.run?.name ?? this.draft.questions.find(is_set)?.name;
		let id: number;
		if (old === null && is_set(part)) {
			id = (await api.add_run({ ...request, question_set_id: part.id, name: part.name })).id;
			this.draft.drop([part]);
		} else {
			const typed = singles(this.draft.questions);
			const [first, ...rest] = [...batches([...again, ...typed])];
			if (!first) return;
			id = (await api.add_run({ ...request, questions: first, ...(name === undefined ? {} : { name }) })).id;
			for (const questions of rest) await api.add_run_questions(id, { questions });
			this.draft.drop(typed);
		}
		await this.#send_questions(id);
		// What was typed meanwhile belongs to the new run.
		typing.set(`question ${id}`, this.box);
		this.box = "";
		// The next one is proposed as this one was asked, unless a draft waits.
		if (this.draft.questions_at(0).length === 0) this.draft.kept = null;
		await this.open(id);
		router.go(`/validate/${id}`);
	}
	/** Sends the questions that wait; what arrived leaves the list at once, so that a failure repeats nothing. */
	async #send_questions(id: number): Promise<void> {
		for (let rest = this.draft.questions; rest[0];) {
			const [part] = rest;
			const [typed = []] = batches(singles(rest));
			await api.add_run_questions(id, is_set(part) ? { question_set_id: part.id } : { questions: typed });
			const sent = is_set(part) ? [part] : typed;
			this.draft.drop(sent);
			rest = rest.slice(sent.length);
		}
	}
	async control(action: "stop" | "resume" | "retry", column?: number, weights?: Weights): Promise<void> {
		await this.view?.control(action, column, weights).catch((error) => toasts.fail(error));
	}
	/** Leaves the run; it stays in the results. Columns and settings stay as they are, or become the draft's again. */
	leave(to_draft = false): void {
		this.#close();
		if (to_draft) this.draft.restore();
		this.draft.kept = null;
		prefs.store("last_run", 0);
		router.go("/validate");
	}
	/** Clears the questions, nothing else, and can be undone for ten seconds. A run that is open is left; what stands over it stays. */
	reset(): void {
		const run = this.view?.id ?? 0;
		const places = [...new Set([0, run])];
		const before = places.map((place) => ({ place, questions: this.draft.questions_at(place), box: typing.get(`question ${place}`) }));
		const { kept } = this.draft;
		if (!run && !this.draft.n_questions && !this.box) return;
		for (const place of places) {
			this.draft.put_questions(place, []);
			typing.set(`question ${place}`, "");
		}
		this.draft.is_first_visit = false;
		if (run) this.leave();
		this.draft.kept = kept;
		// What was typed since stays, behind what comes back.
		const undo = (): void => {
			for (const { place, questions, box } of before) {
				this.draft.put_questions(place, [...questions, ...this.draft.questions_at(place)]);
				typing.set(`question ${place}`, [box, typing.get(`question ${place}`)].filter(Boolean).join("\n"));
			}
			if (!run) return;
			this.#back = { run, setup: this.draft.setup(), kept };
			router.go(`/validate/${run}`);
		};
		toasts.close(this.#undo);
		this.#undo = toasts.show(m.validate_reset_done(), { ms: UNDO_MS, action: { label: m.common_undo(), run: undo } });
	}

	async vote(cell: CellView | undefined, liked: boolean): Promise<void> {
		if (cell) await this.view?.vote(cell, liked).catch((error) => toasts.fail(error));
	}
	/** One question at a time, without names: as people rate best. */
	async rate(selection: Selection): Promise<void> {
		router.go(`/validate/${selection.run_id}`);
		await this.open(selection.run_id);
		if (this.view?.filter !== "all") await this.view?.set_filter("all");
		this.layout = "single";
		await this.set_blind(true);
		this.#asked = [];
		this.rating = null;
		await this.rate_next(selection.id);
	}
	/** Goes to the question that tells most now; one that was shown comes again only to who goes back (by -1) to it. */
	async rate_next(id: number, by = 1): Promise<void> {
		const at = (this.rating?.at ?? -1) + by;
		if (at < 0) return;
		try {
			const { n_rated, n_more, questions } = await api.selection_rating(id);
			const next = this.#asked[at] ?? (n_more ? questions.find((one) => this.#asked.every(({ position }) => position !== one.position)) : undefined);
			if (next) {
				this.#asked[at] = next;
				this.line = next.row;
			}
			this.rating = { id, rated: n_rated, more: next ? n_more : 0, at: next ? at : at - by, goes_on: Boolean(next && (n_more || this.#asked[at + 1])) };
		} catch (error) {
			toasts.fail(error);
		}
	}
	/** One question on (1) or back (-1), of a rating session in the order in which they were shown. */
	step(by: number): void {
		const last = Math.max(0, this.n_lines - 1);
		if (this.rating) void this.rate_next(this.rating.id, by);
		else this.line = Math.max(0, Math.min(last, Math.min(last, this.line) + by));
	}
	async set_blind(blind: boolean): Promise<void> {
		this.draft.blind = blind;
		await this.view?.set_blind(blind).catch((error) => {
			toasts.show(problem_of(error).message, { bad: true });
			this.draft.blind = !blind;
		});
	}
}

export function draft_set(set: { id: number; name: string; n_questions: number; n_with_reference: number; n_later?: number }): DraftSet {
	return { id: set.id, name: set.name, n: set.n_questions, n_with_reference: set.n_with_reference, n_later: set.n_later };
}

export const validate = new ValidateStore();
