// SPDX-License-Identifier: Apache-2.0
// What the next validation will be: columns, settings and questions. Kept in the browser, so that leaving costs nothing.
import { untrack } from "svelte";
import { api } from "../services/api";
import { DEFAULTS, is_usual } from "../services/params";
import * as prefs from "../services/prefs";
import type { Body, Params, QuestionInput, Run } from "../types";

export const COLUMNS_MAX = 16;
/** Questions travel in requests of at most 1 MiB; larger lists in several. */
const BODY_MAX = 900_000;

export interface DraftColumn {
	key: number;
	model_id: number;
	/** Its own settings; null: the shared ones. */
	own: Params | null;
	/** The column of the open run that it shows; null: it was not asked yet. */
	run_column: number | null;
}
export interface DraftSet { id: number; name: string; n: number; n_with_reference: number; n_later?: number | undefined }
/** A whole set, or one question. */
export type Part = DraftSet | QuestionInput;
/** What is to be asked, in the order in which it was added. */
export type Questions = Part[];
/** Columns and settings. */
export interface Setup { columns: Omit<DraftColumn, "key" | "run_column">[]; params: Params; mode: "exact" | "fast"; seed: number | null; blind: boolean }
/** An older page stored sets and single questions apart. */
type StoredQuestions = Questions | { sets: DraftSet[]; typed: QuestionInput[] };
interface Stored extends Setup { questions: StoredQuestions; waiting?: Record<number, StoredQuestions>; first?: boolean; kept?: Setup | null }

const is_stored = (value: unknown): value is Stored =>
	prefs.is_object(value) && Array.isArray(value.columns) && prefs.is_object(value.params) && typeof value.questions === "object";

const parts_of = (stored: StoredQuestions | null): Questions => (Array.isArray(stored) ? stored : [...(stored?.sets ?? []), ...(stored?.typed ?? [])]);

export const is_set = (part: Part | undefined): part is DraftSet => part !== undefined && "n" in part;
/** The questions at the start that stand in no set. */
export function singles(parts: Questions): QuestionInput[] {
	const at = parts.findIndex(is_set);
	return (at < 0 ? parts : parts.slice(0, at)) as QuestionInput[];
}

/** Questions in requests that are small enough; the turns of a conversation, which stand one after another, stay together. */
export function* batches(questions: QuestionInput[]): Generator<QuestionInput[]> {
	let batch: QuestionInput[] = [];
	let size = 0;
	let start = 0;
	for (const [at, question] of questions.entries()) {
		const bytes = new TextEncoder().encode(JSON.stringify(question)).length + 1;
		if (batch.length && question.follows === undefined && size + bytes > BODY_MAX) {
			yield batch;
			batch = [];
			size = 0;
			start = at;
		}
		batch.push(question.follows === undefined ? question : { ...question, follows: question.follows - start });
		size += bytes;
	}
	if (batch.length) yield batch;
}

export class Draft {
	columns = $state<DraftColumn[]>([]);
	params = $state<Params>({ ...DEFAULTS });
	mode = $state<"exact" | "fast">("exact");
	seed = $state<number | null>(null);
	blind = $state(false);
	questions = $state.raw<Questions>([]);
	/** Where each part begins, and where the last one ends. */
	#starts = $derived.by(() => {
		let n = 0;
		return [0, ...this.questions.map((part) => (n += is_set(part) ? part.n : 1))];
	});
	/** Questions stay where they were typed: the run that is open (0: none), and what waits at the others. */
	#place = $state(0);
	#waiting = $state.raw<Record<number, Questions>>({});
	/** True until the page has proposed something to ask, or somebody has asked something. */
	is_first_visit = $state(false);
	/** While a run is open, columns and settings are the run's; these are the draft's, to come back to. After a reset they wait
	 * until something is done with those of the run, which still stand here. */
	kept = $state.raw<Setup | null>(null);
	#left = $state("");
	#next_key = 1;
	#adopted = $state("");

	constructor() {
		this.is_first_visit = !this.#load();
		$effect.root(() => {
			$effect(() => prefs.store("draft", this.#stored()));
		});
		// All that is here is stored already: what another tab stored since is newer.
		globalThis.addEventListener?.("storage", (event) => {
			if (event.key === "assay.draft") this.#load();
		});
	}
	/** Takes what is stored; false where nothing was proposed or asked yet. */
	#load(): boolean {
		const stored = prefs.load<Stored | null>("draft", null, (value): value is Stored => is_stored(value));
		if (!stored) return false;
		if (this.#place) this.kept = stored.kept ?? stored;
		else {
			this.#set_up(stored);
			this.kept = stored.kept ?? null;
			this.#left = this.#shape();
		}
		const all = Object.entries({ ...stored.waiting, 0: stored.questions }).map(([place, questions]) => [place, parts_of(questions)]);
		const { [this.#place]: questions = [], ...others }: Record<number, Questions> = Object.fromEntries(all);
		this.questions = questions;
		this.#waiting = others;
		this.is_first_visit = stored.first === true;
		return !this.is_first_visit;
	}
	#set_up({ columns, params, mode, seed, blind }: Setup): void {
		// Columns that stay the same keep what is drawn of them.
		if (JSON.stringify(columns) !== JSON.stringify(this.setup().columns)) {
			this.columns = [];
			for (const column of columns.slice(0, COLUMNS_MAX)) this.add(column.model_id, column.own);
		}
		this.params = { ...DEFAULTS, ...params };
		this.mode = mode === "fast" ? "fast" : "exact";
		this.seed = seed;
		this.blind = Boolean(blind);
	}
	setup(): Setup {
		return {
			columns: this.columns.map(({ model_id, own }) => ({ model_id, own: own && { ...own } })),
			params: { ...this.params }, mode: this.mode, seed: this.seed, blind: this.blind,
		};
	}
	#stored(): Stored {
		const all = { ...this.#waiting, [this.#place]: this.questions };
		const { 0: questions = [], ...waiting } = Object.fromEntries(Object.entries(all).filter(([, parts]) => parts.length > 0));
		const { columns, params, mode, seed, blind } = (this.#place && this.kept) || this.setup();
		return { columns, params, mode, seed, blind, questions, waiting, first: this.is_first_visit, kept: this.#place ? null : this.#waits() };
	}

	get n_questions(): number {
		return this.#starts.at(-1) ?? 0;
	}
	/** The part that a question belongs to, and which of its questions that is. */
	part_at(index: number): [Part, number] | undefined {
		let [low, high] = [0, this.questions.length];
		while (low + 1 < high) {
			const middle = (low + high) >> 1;
			if ((this.#starts[middle] ?? 0) <= index) low = middle;
			else high = middle;
		}
		const part = index < this.n_questions ? this.questions[low] : undefined;
		return part && [part, index - (this.#starts[low] ?? 0)];
	}
	/** Takes out what was sent, or is not wanted. */
	drop(parts: Part[]): void {
		const gone = new Set(parts);
		this.questions = this.questions.filter((part) => !gone.has(part));
	}

	/** The questions that wait at a run, or at none (0). */
	questions_at(place: number): Questions {
		return place === this.#place ? this.questions : (this.#waiting[place] ?? []);
	}
	put_questions(place: number, questions: Questions): void {
		if (place === this.#place) this.questions = questions;
		else this.#waiting = { ...this.#waiting, [place]: questions };
	}
	/** Goes to a run, or to none (0): its questions come, those of the place before stay there. */
	move_to(place: number): void {
		if (place === this.#place) return;
		if (!this.#place) this.kept = this.#waits();
		const { [place]: questions = [], ...others } = this.#waiting;
		this.#waiting = { ...others, [this.#place]: this.questions };
		this.#place = place;
		this.questions = questions;
	}

	add(model_id: number, own: Params | null = null, at = this.columns.length): void {
		if (this.columns.length >= COLUMNS_MAX) return;
		this.columns.splice(at, 0, { key: this.#next_key++, model_id, own, run_column: null });
	}
	duplicate(column: DraftColumn): void {
		this.add(column.model_id, column.own && { ...column.own }, this.columns.indexOf(column) + 1);
	}
	remove(column: DraftColumn): void {
		this.columns = this.columns.filter((other) => other.key !== column.key);
	}
	set_model(column: DraftColumn, model_id: number): void {
		if (column.model_id === model_id) return;
		column.model_id = model_id;
		column.run_column = null;
	}
	/** Forgets models that are gone. */
	keep_models(exists: (id: number) => boolean): void {
		if (this.columns.every((column) => column.run_column !== null || exists(column.model_id))) return;
		this.columns = this.columns.filter((column) => column.run_column !== null || exists(column.model_id));
	}

	/** Takes columns and settings of a run that was opened; the draft's are kept. */
	adopt(run: Run): void {
		this.kept ??= untrack(() => this.setup());
		this.columns = (run.columns ?? []).map((column) => ({
			key: this.#next_key++, model_id: column.model_id, own: column.own_params ? { ...column.params } : null, run_column: column.id,
		}));
		this.params = { ...DEFAULTS, ...run.params };
		this.mode = run.mode;
		this.seed = run.seed;
		this.blind = run.blind;
		this.#adopted = untrack(() => this.#shape());
	}
	/** The run is left: its columns and settings stay as a proposal. */
	release(): void {
		for (const column of this.columns) column.run_column = null;
		this.#adopted = "";
		this.#left = this.#shape();
	}
	/** What was kept, unless what stands here has become the draft: it was changed, or questions were added. */
	#waits(): Setup | null {
		return this.n_questions === 0 && this.#left === this.#shape() ? this.kept : null;
	}
	/** Columns and settings as they stood over the run that is open; columns that it has answers for show them. */
	put_back(setup: Setup): void {
		const answered = [...this.columns];
		this.#set_up(setup);
		for (const column of this.columns) {
			const at = answered.findIndex(({ model_id }) => model_id === column.model_id);
			if (at >= 0) column.run_column = answered.splice(at, 1)[0]?.run_column ?? null;
		}
	}
	/** The draft's columns and settings as they were before a run was opened. */
	restore(): void {
		if (this.kept) this.#set_up(this.kept);
		this.kept = null;
	}
	/** True where the columns or settings are no longer those of the run that was opened. */
	get is_changed(): boolean {
		return this.#adopted !== "" && this.#adopted !== this.#shape();
	}
	#shape(): string {
		const { columns, params, mode, seed } = this.setup();
		return JSON.stringify([columns.map(({ model_id, own }) => [model_id, own && sorted(own)]), sorted(params), mode, seed, this.columns.map((c) => c.run_column)]);
	}

	/** The request for a run without its questions. */
	request(): Body<"addRun"> {
		return {
			columns: this.columns.map((column) => (column.own ? { model_id: column.model_id, params: clean(column.own) } : { model_id: column.model_id })),
			params: Object.fromEntries(Object.entries(clean(this.params)).filter(([name, value]) => !is_usual(name as keyof Params, value))), mode: this.mode, blind: this.blind,
			...(this.seed === null ? {} : { seed: this.seed }),
		};
	}
	/** One question out of a set: the set becomes a list of single questions without it. */
	async remove_from_set(set: DraftSet, index: number): Promise<void> {
		const { questions } = await api.question_set(set.id, 0, 1000);
		this.questions = this.questions.flatMap((part) => (part === set ? questions.filter((_, at) => at !== index) : [part]));
	}
}

/** Without what nobody has said; weights are the base model's choice. */
function clean(params: Params): Params {
	return Object.fromEntries(Object.entries(params).filter(([name, value]) => name !== "of_model" && name !== "weights" && value !== undefined && value !== null && value !== "")) as Params;
}
function sorted(params: Params): [string, unknown][] {
	return Object.entries(clean(params)).sort(([a], [b]) => a.localeCompare(b));
}
