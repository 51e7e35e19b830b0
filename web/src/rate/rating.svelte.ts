// SPDX-License-Identifier: Apache-2.0
// What a rater sees: one question after another, and what was said of them. Every thumb is on the server's disk when its reply comes.
import { ApiError, problem_of } from "../services/api";
import { keep_session_key, session_key, take_code } from "../services/session";
import type { Problem } from "../types";
import { rating_api, type Rating, type RatingQuestion } from "./api";

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
	#next: { number: number; question: Promise<RatingQuestion> } | null = null;
	/** What is being sent, and what is to be sent after it. */
	#sending: Promise<void> | null = null;
	#unsent = false;

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
			keep_session_key((await rating_api.join(this.#code, name)).key);
			await this.#enter();
		} catch (error) {
			this.problem = problem_of(error);
		} finally {
			this.busy = false;
		}
	}
	async #enter(): Promise<void> {
		this.rating = await rating_api.rating();
		const at = this.rating.n_rated + 1;
		if (at > this.rating.n_questions) this.state = "done";
		else await this.#show(at);
	}
	async #show(number: number): Promise<void> {
		const ahead = this.#next?.number === number ? this.#next.question : null;
		this.#next = null;
		const question = await (ahead ?? rating_api.question(number));
		this.question = question;
		this.likes = question.answers.filter((answer) => answer.liked).map((answer) => answer.slot);
		this.state = "rating";
		this.problem = null;
		if (number < (this.rating?.n_questions ?? 0)) {
			const next = rating_api.question(number + 1);
			next.catch(() => {}); // asked again when it is needed
			this.#next = { number: number + 1, question: next };
		}
	}
	#fail(error: unknown): void {
		this.problem = problem_of(error);
		if (!this.question || (error instanceof ApiError && [401, 403].includes(error.status))) this.state = "away";
	}

	/** Likes an answer or takes that back, at once on the screen; the last press counts. */
	toggle(slot: number): void {
		this.likes = this.likes.includes(slot) ? this.likes.filter((one) => one !== slot) : [...this.likes, slot];
		void this.#save();
	}
	none(): void {
		this.likes = [];
		void this.#save();
	}
	#save(): Promise<void> {
		this.#unsent = true;
		return (this.#sending ??= this.#send().finally(() => (this.#sending = null)));
	}
	async #send(): Promise<void> {
		try {
			while (this.#unsent && this.question) {
				this.#unsent = false;
				const [question, likes] = [this.question, this.likes];
				const { n_rated } = await rating_api.rate(question.number, likes);
				if (this.rating) this.rating = { ...this.rating, n_rated };
				if (this.question === question) this.question.rated = true;
			}
			this.problem = null;
		} catch (error) {
			this.#unsent = true;
			this.#fail(error);
		}
	}
	/** Goes on; where nothing was liked that is an opinion too. Stays where it could not be stored. */
	async next(): Promise<void> {
		const { question, rating } = this;
		if (!question || !rating || this.busy) return;
		this.busy = true;
		try {
			if (!question.rated || this.#unsent || this.#sending) await this.#save();
			if (this.#unsent) return;
			if (question.number >= rating.n_questions) this.state = "done";
			else await this.#show(question.number + 1);
		} catch (error) {
			this.#fail(error);
		} finally {
			this.busy = false;
		}
	}
	async back(): Promise<void> {
		const number = this.state === "done" ? (this.rating?.n_questions ?? 1) : (this.question?.number ?? 1) - 1;
		if (number < 1 || this.busy) return;
		this.busy = true;
		try {
			await this.#sending;
			if (!this.#unsent) await this.#show(number);
		} catch (error) {
			this.#fail(error);
		} finally {
			this.busy = false;
		}
	}
	/** Tries again what failed. */
	async retry(): Promise<void> {
		if (this.state === "away") await this.start();
		else if (this.#unsent) await this.#save();
		else this.problem = null;
	}
}

export const rating = new RatingStore();
