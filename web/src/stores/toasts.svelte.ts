// SPDX-License-Identifier: Apache-2.0
import { problem_of } from "../services/api";

export interface Toast {
	id: number;
	text: string;
	hint?: string | undefined;
	bad: boolean;
	action?: { label: string; run: () => void } | undefined;
}

/** Short messages at the bottom of the page. */
class ToastStore {
	list = $state.raw<Toast[]>([]);
	#next = 1;

	/** Shows `text` for `ms`; returns its id. */
	show(text: string, options: { hint?: string; bad?: boolean; action?: Toast["action"]; ms?: number } = {}): number {
		const id = this.#next++;
		const toast: Toast = { id, text, hint: options.hint, bad: options.bad ?? false, action: options.action };
		this.list = [...this.list.slice(-3), toast];
		setTimeout(() => this.close(id), options.ms ?? (options.bad ? 10_000 : 4000));
		return id;
	}
	/** Shows what was thrown. */
	fail(error: unknown): void {
		const problem = problem_of(error);
		this.show(problem.message, { bad: true, ...(problem.hint ? { hint: problem.hint } : {}) });
	}
	close(id: number): void {
		this.list = this.list.filter((toast) => toast.id !== id);
	}
}

export const toasts = new ToastStore();
