// SPDX-License-Identifier: Apache-2.0
// The server's API, one function for each operation of docs/openapi.yaml that the page uses. Failures are ApiError, whose
// `problem` holds the server's sentences in the language of the page.
import { m } from "../messages/messages.js";
import { locale } from "../stores/locale.svelte";
import type { Body, ExportFormat, Filter, Problem, ReportFormat, Run, Show, TemplateChoice } from "../types";
import type { Call, FilePath, Get, Method, QueryOf } from "../types/calls";
import { session_key } from "./session";

export const ROOT = "/api/v1";

export class ApiError extends Error {
	constructor(readonly status: number, readonly problem: Problem) {
		super(problem.message);
	}
}

/** What to show for anything that was thrown. */
export function problem_of(error: unknown): Problem {
	if (error instanceof ApiError) return error.problem;
	return { code: "io", message: m.common_unavailable(), hint: m.common_unavailable_hint() };
}

export function headers(): Record<string, string> {
	const all: Record<string, string> = { "Accept-Language": locale.current };
	if (session_key()) all["X-Assay"] = session_key();
	return all;
}

type Query = Record<string, string | number | undefined>;

function address(path: string, query?: Query): string {
	const search = new URLSearchParams();
	for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value));
	const text = search.toString();
	return ROOT + path + (text ? `?${text}` : "");
}

async function failure(response: Response): Promise<ApiError> {
	const reply: unknown = await response.json().catch(() => null);
	const problem = (reply as { error?: Problem } | null)?.error;
	return new ApiError(response.status, problem ?? { code: "internal", message: m.common_unavailable(), hint: m.common_unavailable_hint() });
}

interface Options { query?: Query | undefined; json?: unknown; bytes?: Blob; signal?: AbortSignal | undefined }

async function send(method: Method, path: string, options: Options = {}): Promise<Response> {
	const all = headers();
	const init: RequestInit = { method, headers: all, credentials: "same-origin", cache: "no-store" };
	if (options.signal) init.signal = options.signal;
	if (options.json !== undefined) {
		all["Content-Type"] = "application/json";
		init.body = JSON.stringify(options.json);
	} else if (options.bytes) {
		all["Content-Type"] = "application/octet-stream";
		init.body = options.bytes;
	}
	const response = await fetch(address(path, options.query), init);
	if (!response.ok) throw await failure(response);
	return response;
}

/** Types alone make a call what the contract says: types/calls.ts. */
export const call = (async (method: Method, path: string, options?: Options) => {
	const response = await send(method, path, options);
	return response.status === 204 ? undefined : await response.json();
}) as Call;
const get = ((path, query, signal) => (call as (...all: unknown[]) => unknown)("GET", path, { query, signal })) as Get;

export const api = {
	login: (code: string) => call("POST", "/session", { json: { code } }),
	session: () => get("/session"),
	status: () => get("/status"),
	doctor: () => get("/doctor"),
	memory: (model_id?: number) => get("/memory", { model_id }),
	free_memory: (model_id?: number) => call("POST", "/memory/free", { json: { model_id } }),
	limits: () => get("/limits"),
	audit: () => get("/audit"),
	settings: () => get("/settings"),
	set_settings: (json: Body<"setSettings">) => call("PATCH", "/settings", { json }),

	models: () => get("/models"),
	add_models: (json: Body<"addModels">) => call("POST", "/models", { json }),
	model_changes: (id: number) => get(`/models/${id}/changes`),
	forget_refusal: (path: string) => call("DELETE", "/models/refusals", { query: { path } }),
	find_models: (signal?: AbortSignal) => call("POST", "/models/find", { signal }),
	change_model: (id: number, json: Body<"changeModel">) => call("PATCH", `/models/${id}`, { json }),
	remove_model: (id: number) => call("DELETE", `/models/${id}`),
	change_family: (id: number, json: Body<"changeFamily">) => call("PATCH", `/families/${id}`, { json }),
	remove_family: (id: number) => call("DELETE", `/families/${id}`),
	choose_family_template: (id: number, choice: TemplateChoice, text?: string) =>
		call("PUT", `/families/${id}/template`, { json: { choice, text } }),
	choose_model_template: (id: number, choice: TemplateChoice, text?: string) =>
		call("PUT", `/models/${id}/template`, { json: { choice, text } }),
	model_template: (id: number) => get(`/models/${id}/template`),
	choose_gpu: (id: number, json: Body<"chooseGpu">) => call("PUT", `/models/${id}/gpu`, { json }),
	match: (family: number) => get(`/families/${family}/match`),
	check_match: (family: number, json: NonNullable<Body<"checkMatch">>) => call("POST", `/families/${family}/match`, { json }),
	cancel_match: (family: number) => call("DELETE", `/families/${family}/match`),

	hub: () => get("/hub"),
	look_hub: (json: Body<"lookHub">) => call("POST", "/hub/look", { json }),
	conversion: () => get("/conversion"),
	convert: (path: string) => call("POST", "/conversion", { json: { path, install: true } }),
	cancel_conversion: () => call("DELETE", "/conversion"),
	downloads: () => get("/downloads"),
	add_download: (json: Body<"addDownload">) => call("POST", "/downloads", { json }),
	cancel_download: (id: number) => call("POST", `/downloads/${id}/cancel`),
	resume_download: (id: number) => call("POST", `/downloads/${id}/resume`),
	remove_download: (id: number) => call("DELETE", `/downloads/${id}`),

	upload: (name: string, bytes: Blob) => call("POST", "/uploads", { query: { name }, bytes }),
	/** Fields that are not named are detected; a reference field "" is none. */
	upload_preview: (upload: string, question_field?: string, reference_field?: string) =>
		get(`/uploads/${upload}`, { question_field, reference_field }),
	question_sets: () => get("/question-sets"),
	add_question_set: (json: Body<"addQuestionSet">) => call("POST", "/question-sets", { json }),
	question_set: (id: number, offset = 0, limit = 100) => get(`/question-sets/${id}`, { order: "conversation", offset, limit }),

	runs: (query?: { q?: string; state?: Run["state"]; before?: number; limit?: number }) => get("/runs", query),
	add_run: (json: Body<"addRun">) => call("POST", "/runs", { json }),
	run: (id: number) => get(`/runs/${id}`),
	change_run: (id: number, json: Body<"changeRun">) => call("PATCH", `/runs/${id}`, { json }),
	remove_run: (id: number) => call("DELETE", `/runs/${id}`),
	run_page: (id: number, filter: Filter, offset: number, limit: number) =>
		get(`/runs/${id}/questions`, { filter, offset, limit }),
	/** The same with the turns of a conversation one after another. */
	run_rows: (id: number, filter: Filter, offset: number, limit: number, signal?: AbortSignal) =>
		get(`/runs/${id}/questions`, { filter, order: "conversation", offset, limit }, signal),
	add_run_questions: (id: number, json: Body<"addRunQuestions">) =>
		call("POST", `/runs/${id}/questions`, { json }),
	stop_run: (id: number) => call("POST", `/runs/${id}/stop`),
	resume_run: (id: number) => call("POST", `/runs/${id}/resume`),
	replay_run: (id: number) => call("POST", `/runs/${id}/replay`),
	retry_run: (id: number, json: NonNullable<Body<"retryRun">>) => call("POST", `/runs/${id}/retry`, { json }),
	panels: (run: number) => get(`/runs/${run}/panels`),
	all_panels: (query: { state: "open" | "ended"; before?: number; limit: number }) => get("/panels", query),
	add_panel: (run: number, json: Body<"addPanel">) => call("POST", `/runs/${run}/panels`, { json }),
	renew_panel: (id: number) => call("POST", `/panels/${id}/link`),
	close_panel: (id: number) => call("POST", `/panels/${id}/close`),
	remove_rater: (id: number) => call("DELETE", `/raters/${id}`),
	vote: (cell: number, liked: boolean) => call("PUT", `/cells/${cell}/vote`, { json: { liked } }),
	preview_prompt: (model: number, json: Body<"previewPrompt">) => call("POST", `/models/${model}/prompt`, { json }),
	prompt: (cell: number) => get(`/cells/${cell}/prompt`),

	workspaces: () => get("/workspaces"),
	add_workspace: (json: Body<"addWorkspace">) => call("POST", "/workspaces", { json }),
	workspace: (id: number) => get(`/workspaces/${id}`),
	change_workspace: (id: number, json: Body<"changeWorkspace">) => call("PATCH", `/workspaces/${id}`, { json }),
	remove_workspace: (id: number) => call("DELETE", `/workspaces/${id}`),
	chats: (workspace: number) => get(`/workspaces/${workspace}/chats`),
	add_chat: (workspace: number) => call("POST", `/workspaces/${workspace}/chats`),
	chat: (id: number) => get(`/chats/${id}`),
	change_chat: (id: number, json: Body<"changeChat">) => call("PATCH", `/chats/${id}`, { json }),
	remove_chat: (id: number) => call("DELETE", `/chats/${id}`),
	ask_chat: (id: number, json: Body<"addMessage">) => call("POST", `/chats/${id}/messages`, { json }),
	regenerate: (message: number) => call("POST", `/messages/${message}/regenerate`),
	stop_message: (message: number) => call("POST", `/messages/${message}/stop`),
	vote_message: (message: number, vote: -1 | 0 | 1) => call("PUT", `/messages/${message}/vote`, { json: { vote } }),
	upload_document: (name: string, bytes: Blob) => call("POST", "/uploads", { query: { name, kind: "document" }, bytes }),
	documents: (workspace: number) => get(`/workspaces/${workspace}/documents`),
	add_document: (workspace: number, json: Body<"addDocument">) => call("POST", `/workspaces/${workspace}/documents`, { json }),
	document: (id: number) => get(`/documents/${id}`),
	remove_document: (id: number) => call("DELETE", `/documents/${id}`),
	api_keys: () => get("/api-keys"),
	add_api_key: (name: string) => call("POST", "/api-keys", { json: { name } }),
	remove_api_key: (id: number) => call("DELETE", `/api-keys/${id}`),

	providers: () => get("/providers"),
	add_provider: (json: Body<"addProvider">) => call("POST", "/providers", { json }),
	change_provider: (id: number, json: Body<"changeProvider">) => call("PATCH", `/providers/${id}`, { json }),
	remove_provider: (id: number) => call("DELETE", `/providers/${id}`),
	provider_models: (id: number) => get(`/providers/${id}/models`),
	use_provider_model: (id: number, name: string) => call("POST", `/providers/${id}/models/use`, { json: { name } }),
	remove_provider_model: (id: number, name: string) => call("DELETE", `/providers/${id}/models`, { json: { name } }),
	unload_provider_model: (id: number, name: string) => call("POST", `/providers/${id}/models/unload`, { json: { name } }),
	load_adapters: (id: number, json: Body<"loadProviderAdapters">) => call("POST", `/providers/${id}/adapters`, { json }),
	test_provider: (id: number, name: string, text: string) => call("POST", `/providers/${id}/test`, { json: { name, text } }),

	standing: (run: number) => get(`/runs/${run}/standing`),
	formats: () => get("/formats"),
	estimate: (json: Body<"estimateCreation">, signal?: AbortSignal) => call("POST", "/creations/estimate", { json, signal }),
	creations: (run_id?: number) => get("/creations", { run_id }),
	add_creation: (json: Body<"addCreation">) => call("POST", "/creations", { json }),
	cancel_creation: (id: number) => call("POST", `/creations/${id}/cancel`),
	retry_creation: (id: number) => call("POST", `/creations/${id}/retry`),
	artifacts: () => get("/artifacts"),
	remove_artifact: (id: number) => call("DELETE", `/artifacts/${id}`),

	selections: () => get("/selections"),
	add_selection: (json: Body<"addSelection">) => call("POST", "/selections", { json }),
	preview_selection: (json: Body<"previewSelection">, signal?: AbortSignal) => call("POST", "/selections/preview", { json, signal }),
	selection: (id: number) => get(`/selections/${id}`),
	remove_selection: (id: number) => call("DELETE", `/selections/${id}`),
	stop_selection: (id: number) => call("POST", `/selections/${id}/stop`),
	resume_selection: (id: number, budget_s?: number) =>
		call("POST", `/selections/${id}/resume`, { json: { budget_s } }),
	selection_rating: (id: number) => get(`/selections/${id}/rating`),
	selection_questions: (id: number, show: Show, offset: number, limit: number) =>
		get(`/selections/${id}/questions`, { show, offset, limit }),

	export_run: (id: number, format: ExportFormat) => file(`/runs/${id}/export`, format, `assay-${id}.${format.replace("csv-excel", "csv")}`),
	selection_report: (id: number, format: ReportFormat) => file(`/selections/${id}/report`, format, `assay-automatic-${id}.${format}`),
};

/** A file that the server makes, and the name that it gives it. */
async function file<P extends FilePath>(path: P, format: QueryOf<P>["format"], fallback: string): Promise<{ name: string; blob: Blob }> {
	const response = await send("GET", path, { query: { format, lang: locale.current } });
	const disposition = response.headers.get("Content-Disposition") ?? "";
	const extended = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
	const name = extended ? decodeURIComponent(extended) : /filename="?([^";]+)/i.exec(disposition)?.[1];
	return { name: name ?? fallback, blob: await response.blob() };
}

/** Hands a file to the browser's downloads. */
export function save_file(name: string, blob: Blob): void {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(blob);
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
