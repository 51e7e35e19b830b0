// SPDX-License-Identifier: Apache-2.0
// What a rater sees: one question after another, and what was said of them. Every thumb is on the server's disk when its reply comes.
import { ApiError, problem_of } from "../services/api";
import * as prefs from "../services/prefs";
import { keep_session_key, session_key, take_code } from "../services/session";
import type { Problem } from "../types";
import { rating_api, type Rating, type RatingQuestion } from "./api";

/** What is to be stored: the last opinion on a question. */
interface Opinion { question: RatingQuestion; likes: number[] }

/** By which the server knows this browser again where its first reply was lost. */
function nonce(): string {
	const kept = prefs.load("rater.nonce", "", prefs.is_string);
	if (kept) return kept;
	const made = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
	prefs.store("rater.nonce", made);
	return made;
}

export class RatingStore {
	/** "join": there is a link, and a name is needed; "away": nothing can be done until `problem` is. */
	state = $state<"starting" | "join" | "rating" | "done" | "away">("starting");
	problem = $state.raw<Problem | null>(null);
	rating = $state.raw<Rating | null>(null);
	question = $state.raw<RatingQuestion | null>(null);
	/** Slots that are liked of the question that is shown. */
	likes = $state.raw<number[]>([]);
	busy = $state(false);
	#code = "";
	#ahead: { number: number; question: Promise<RatingQuestion | null> } | null = null;
	#unsent: Opinion | null = null;
	#sending: Promise<void> | null = null;
	/** The step that failed and is done again on request. */
	#failed: (() => Promise<void>) | null = null;

	async start(): Promise<void> {
		this.problem = null;
		this.#code ||= take_code(location, history, "p");
		try {
			// Who has come here before goes on, also by a newer link.
			if (!session_key() && this.#code) this.state = "join";
			else await this.#enter();
		} catch (error) {
			if (this.#code && error instanceof ApiError && error.status === 401) this.state = "join";
			else this.#fail(error);
		}
	}
	async join(name: string): Promise<void> {
		this.busy = true;
		this.problem = null;
		try {
			keep_session_key((await rating_api.join(this.#code, name, nonce())).key);
		} catch (error) {
			this.problem = problem_of(error);
			this.busy = false;
			return;
		}
		this.busy = false;
		await this.start();
	}
	async #enter(): Promise<void> {
		this.rating = await rating_api.rating();
		const at = this.rating.n_rated + 1;
		if (at > this.rating.n_questions) this.state = "done";
		else await this.#show(at);
	}
	async #show(number: number): Promise<void> {
		const ahead = this.#ahead?.number === number ? await this.#ahead.question : null;
		const question = ahead ?? (await rating_api.question(number));
		this.question = question;
		this.likes = question.answers.filter((answer) => answer.liked).map((answer) => answer.slot);
		this.state = "rating";
		this.problem = null;
		// Nothing waits for it, and where it fails the question is asked for when it is needed.
		const more = number < (this.rating?.n_questions ?? 0);
		this.#ahead = more ? { number: number + 1, question: rating_api.question(number + 1).catch(() => null) } : null;
	}
	#fail(error: unknown, again: (() => Promise<void>) | null = null): void {
		this.problem = problem_of(error);
		this.#failed = again;
		if (!this.question || (error instanceof ApiError && [401, 403].includes(error.status))) this.state = "away";
	}

	/** Likes an answer or takes that back, at once on the screen; the last press counts. */
	toggle(slot: number): void {
		this.#say(this.likes.includes(slot) ? this.likes.filter((one) => one !== slot) : [...this.likes, slot]);
	}
	none(): void {
		this.#say([]);
	}
	#say(likes: number[]): void {
		if (!this.question || this.busy) return; // while the page turns nobody can tell of which question a press speaks
		this.likes = likes;
		void this.#save();
	}
	/** Ends when all that was said is stored, or could not be. */
	#save(): Promise<void> {
		if (this.question) this.#unsent = { question: this.question, likes: this.likes };
		return (this.#sending ??= this.#send().finally(() => (this.#sending = null)));
	}
	async #send(): Promise<void> {
		while (this.#unsent) {
			const opinion = this.#unsent;
			try {
				const { n_rated } = await rating_api.rate(opinion.question.number, opinion.likes);
				opinion.question.rated = true;
				if (this.rating) this.rating = { ...this.rating, n_rated };
				this.problem = null;
			} catch (error) {
				this.#fail(error, () => this.#save());
				return;
			}
			if (this.#unsent === opinion) this.#unsent = null;
		}
	}
	/** Goes on; where nothing was liked that is an opinion too. Stays where it could not be stored. */
	next(): Promise<void> {
		return this.#turn(async (number, last) => {
			if (!this.question?.rated || this.#unsent) await this.#save();
			if (this.#unsent) return;
			if (number >= last) this.state = "done";
			else await this.#show(number + 1);
		}, () => this.next());
	}
	back(): Promise<void> {
		return this.#turn(async (number, last) => {
			if (this.#unsent) await this.#save();
			const before = this.state === "done" ? last : number - 1;
			if (!this.#unsent && before >= 1) await this.#show(before);
		}, () => this.back());
	}
	/** One step at a time. */
	async #turn(step: (number: number, last: number) => Promise<void>, again: () => Promise<void>): Promise<void> {
		if (!this.rating || this.busy) return;
		this.busy = true;
		try {
			await step(this.question?.number ?? this.rating.n_questions + 1, this.rating.n_questions);
		} catch (error) {
			this.#fail(error, again);
		} finally {
			this.busy = false;
		}
	}
	/** Does again what failed. */
	async retry(): Promise<void> {
		const again = this.#failed;
		this.#failed = null;
		if (this.state === "away" || !again) await this.start();
		else await again();
	}
}

export const rating = new RatingStore();
