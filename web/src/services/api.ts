// SPDX-License-Identifier: Apache-2.0
// The server's API, one function for each operation of docs/openapi.yaml that the page uses. Failures are ApiError, whose
// `problem` holds the server's sentences in the language of the page.
import { m } from "../messages/messages.js";
import { locale } from "../stores/locale.svelte";
import type { Body, ExportFormat, Filter, Problem, Reply, ReportFormat, Run, Show, TemplateChoice } from "../types";
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

async function send(method: string, path: string, options: Options = {}): Promise<Response> {
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

export async function call<T>(method: string, path: string, options?: Options): Promise<T> {
	const response = await send(method, path, options);
	return (response.status === 204 ? undefined : await response.json()) as T;
}

const get = <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> => call<T>("GET", path, { query, signal });

export const api = {
	login: (code: string) => call<Reply<"login">>("POST", "/session", { json: { code } }),
	session: () => get<Reply<"getSession">>("/session"),
	status: () => get<Reply<"getStatus">>("/status"),
	doctor: () => get<Reply<"getDoctor">>("/doctor"),
	memory: (model_id?: number) => get<Reply<"getMemory">>("/memory", { model_id }),
	free_memory: (model_id?: number) => call<Reply<"freeMemory">>("POST", "/memory/free", { json: model_id ? { model_id } : {} }),
	limits: () => get<Reply<"listLimits">>("/limits"),
	audit: () => get<Reply<"listAudit">>("/audit"),
	settings: () => get<Reply<"getSettings">>("/settings"),
	set_settings: (json: Body<"setSettings">) => call<Reply<"setSettings">>("PATCH", "/settings", { json }),

	models: () => get<Reply<"listModels">>("/models"),
	add_models: (json: Body<"addModels">) => call<Reply<"addModels">>("POST", "/models", { json }),
	model_changes: (id: number) => get<Reply<"getModelChanges">>(`/models/${id}/changes`),
	forget_refusal: (path: string) => call<void>("DELETE", "/models/refusals", { query: { path } }),
	find_models: (signal?: AbortSignal) => call<Reply<"findModels">>("POST", "/models/find", { signal }),
	change_model: (id: number, json: Body<"changeModel">) => call<Reply<"changeModel">>("PATCH", `/models/${id}`, { json }),
	remove_model: (id: number) => call<void>("DELETE", `/models/${id}`),
	change_family: (id: number, json: Body<"changeFamily">) => call<Reply<"changeFamily">>("PATCH", `/families/${id}`, { json }),
	remove_family: (id: number) => call<void>("DELETE", `/families/${id}`),
	choose_family_template: (id: number, choice: TemplateChoice, text?: string) =>
		call<Reply<"chooseFamilyTemplate">>("PUT", `/families/${id}/template`, { json: { choice, ...(text !== undefined && { text }) } }),
	choose_model_template: (id: number, choice: TemplateChoice, text?: string) =>
		call<Reply<"chooseModelTemplate">>("PUT", `/models/${id}/template`, { json: { choice, ...(text !== undefined && { text }) } }),
	model_template: (id: number) => get<Reply<"getModelTemplate">>(`/models/${id}/template`),
	choose_gpu: (id: number, json: Body<"chooseGpu">) => call<Reply<"chooseGpu">>("PUT", `/models/${id}/gpu`, { json }),
	match: (family: number) => get<Reply<"getMatch">>(`/families/${family}/match`),
	check_match: (family: number, json: NonNullable<Body<"checkMatch">>) => call<Reply<"checkMatch">>("POST", `/families/${family}/match`, { json }),
	cancel_match: (family: number) => call<Reply<"cancelMatch">>("DELETE", `/families/${family}/match`),

	hub: () => get<Reply<"getHub">>("/hub"),
	look_hub: (json: Body<"lookHub">) => call<Reply<"lookHub">>("POST", "/hub/look", { json }),
	conversion: () => get<Reply<"getConversion">>("/conversion"),
	convert: (path: string) => call<Reply<"startConversion">>("POST", "/conversion", { json: { path, install: true } }),
	cancel_conversion: () => call<void>("DELETE", "/conversion"),
	downloads: () => get<Reply<"listDownloads">>("/downloads"),
	add_download: (json: Body<"addDownload">) => call<Reply<"addDownload">>("POST", "/downloads", { json }),
	cancel_download: (id: number) => call<void>("POST", `/downloads/${id}/cancel`, { json: {} }),
	resume_download: (id: number) => call<Reply<"resumeDownload">>("POST", `/downloads/${id}/resume`, { json: {} }),
	remove_download: (id: number) => call<void>("DELETE", `/downloads/${id}`),

	upload: (name: string, bytes: Blob) => call<Reply<"upload">>("POST", "/uploads", { query: { name }, bytes }),
	/** Fields that are not named are detected; a reference field "" is none. */
	upload_preview: (upload: string, question_field?: string, reference_field?: string) =>
		get<Reply<"previewUpload">>(`/uploads/${upload}`, { question_field, reference_field }),
	question_sets: () => get<Reply<"listQuestionSets">>("/question-sets"),
	add_question_set: (json: Body<"addQuestionSet">) => call<Reply<"addQuestionSet">>("POST", "/question-sets", { json }),
	question_set: (id: number, offset = 0, limit = 100) => get<Reply<"getQuestionSet">>(`/question-sets/${id}`, { order: "conversation", offset, limit }),

	runs: (query?: { q?: string; state?: Run["state"]; before?: number; limit?: number }) => get<Reply<"listRuns">>("/runs", query),
	add_run: (json: Body<"addRun">) => call<Reply<"addRun">>("POST", "/runs", { json }),
	run: (id: number) => get<Reply<"getRun">>(`/runs/${id}`),
	change_run: (id: number, json: Body<"changeRun">) => call<Reply<"changeRun">>("PATCH", `/runs/${id}`, { json }),
	remove_run: (id: number) => call<void>("DELETE", `/runs/${id}`),
	run_page: (id: number, filter: Filter, offset: number, limit: number) =>
		get<Reply<"getRunPage">>(`/runs/${id}/questions`, { filter, offset, limit }),
	/** The same with the turns of a conversation one after another. */
	run_rows: (id: number, filter: Filter, offset: number, limit: number, signal?: AbortSignal) =>
		get<Reply<"getRunPage">>(`/runs/${id}/questions`, { filter, order: "conversation", offset, limit }, signal),
	add_run_questions: (id: number, json: Body<"addRunQuestions">) =>
		call<Reply<"addRunQuestions">>("POST", `/runs/${id}/questions`, { json }),
	stop_run: (id: number) => call<Reply<"stopRun">>("POST", `/runs/${id}/stop`, { json: {} }),
	resume_run: (id: number) => call<Reply<"resumeRun">>("POST", `/runs/${id}/resume`, { json: {} }),
	replay_run: (id: number) => call<Reply<"replayRun">>("POST", `/runs/${id}/replay`, { json: {} }),
	retry_run: (id: number, json: NonNullable<Body<"retryRun">>) => call<Reply<"retryRun">>("POST", `/runs/${id}/retry`, { json }),
	panels: (run: number) => get<Reply<"listPanels">>(`/runs/${run}/panels`),
	all_panels: (query: { state: "open" | "ended"; before?: number; limit: number }) => get<Reply<"listAllPanels">>("/panels", query),
	add_panel: (run: number, json: Body<"addPanel">) => call<Reply<"addPanel">>("POST", `/runs/${run}/panels`, { json }),
	renew_panel: (id: number) => call<Reply<"renewPanel">>("POST", `/panels/${id}/link`, { json: {} }),
	close_panel: (id: number) => call<Reply<"closePanel">>("POST", `/panels/${id}/close`, { json: {} }),
	remove_rater: (id: number) => call<void>("DELETE", `/raters/${id}`),
	vote: (cell: number, liked: boolean) => call<Reply<"vote">>("PUT", `/cells/${cell}/vote`, { json: { liked } }),
	preview_prompt: (model: number, json: Body<"previewPrompt">) => call<Reply<"previewPrompt">>("POST", `/models/${model}/prompt`, { json }),
	prompt: (cell: number) => get<Reply<"getPrompt">>(`/cells/${cell}/prompt`),

	workspaces: () => get<Reply<"listWorkspaces">>("/workspaces"),
	add_workspace: (json: Body<"addWorkspace">) => call<Reply<"addWorkspace">>("POST", "/workspaces", { json }),
	workspace: (id: number) => get<Reply<"getWorkspace">>(`/workspaces/${id}`),
	change_workspace: (id: number, json: Body<"changeWorkspace">) => call<Reply<"changeWorkspace">>("PATCH", `/workspaces/${id}`, { json }),
	remove_workspace: (id: number) => call<void>("DELETE", `/workspaces/${id}`),
	chats: (workspace: number) => get<Reply<"listChats">>(`/workspaces/${workspace}/chats`),
	add_chat: (workspace: number) => call<Reply<"addChat">>("POST", `/workspaces/${workspace}/chats`, { json: {} }),
	chat: (id: number) => get<Reply<"getChat">>(`/chats/${id}`),
	change_chat: (id: number, json: Body<"changeChat">) => call<Reply<"changeChat">>("PATCH", `/chats/${id}`, { json }),
	remove_chat: (id: number) => call<void>("DELETE", `/chats/${id}`),
	ask_chat: (id: number, json: Body<"addMessage">) => call<Reply<"addMessage">>("POST", `/chats/${id}/messages`, { json }),
	regenerate: (message: number) => call<Reply<"regenerateMessage">>("POST", `/messages/${message}/regenerate`, { json: {} }),
	stop_message: (message: number) => call<Reply<"stopMessage">>("POST", `/messages/${message}/stop`, { json: {} }),
	vote_message: (message: number, vote: -1 | 0 | 1) => call<Reply<"voteMessage">>("PUT", `/messages/${message}/vote`, { json: { vote } }),
	upload_document: (name: string, bytes: Blob) => call<{ upload: string }>("POST", "/uploads", { query: { name, kind: "document" }, bytes }),
	documents: (workspace: number) => get<Reply<"listDocuments">>(`/workspaces/${workspace}/documents`),
	add_document: (workspace: number, json: Body<"addDocument">) => call<Reply<"addDocument">>("POST", `/workspaces/${workspace}/documents`, { json }),
	document: (id: number) => get<Reply<"getDocument">>(`/documents/${id}`),
	remove_document: (id: number) => call<void>("DELETE", `/documents/${id}`),
	api_keys: () => get<Reply<"listApiKeys">>("/api-keys"),
	add_api_key: (name: string) => call<Reply<"addApiKey">>("POST", "/api-keys", { json: { name } }),
	remove_api_key: (id: number) => call<void>("DELETE", `/api-keys/${id}`),

	providers: () => get<Reply<"listProviders">>("/providers"),
	add_provider: (json: Body<"addProvider">) => call<Reply<"addProvider">>("POST", "/providers", { json }),
	change_provider: (id: number, json: Body<"changeProvider">) => call<Reply<"changeProvider">>("PATCH", `/providers/${id}`, { json }),
	remove_provider: (id: number) => call<void>("DELETE", `/providers/${id}`),
	provider_models: (id: number) => get<Reply<"listProviderModels">>(`/providers/${id}/models`),
	use_provider_model: (id: number, name: string) => call<Reply<"useProviderModel">>("POST", `/providers/${id}/models/use`, { json: { name } }),
	remove_provider_model: (id: number, name: string) => call<void>("DELETE", `/providers/${id}/models`, { json: { name } }),
	unload_provider_model: (id: number, name: string) => call<void>("POST", `/providers/${id}/models/unload`, { json: { name } }),
	load_adapters: (id: number, json: Body<"loadProviderAdapters">) => call<Reply<"loadProviderAdapters">>("POST", `/providers/${id}/adapters`, { json }),
	test_provider: (id: number, name: string, text: string) => call<Reply<"testProvider">>("POST", `/providers/${id}/test`, { json: { name, text } }),

	standing: (run: number) => get<Reply<"getStanding">>(`/runs/${run}/standing`),
	formats: () => get<Reply<"listFormats">>("/formats"),
	estimate: (json: Body<"estimateCreation">, signal?: AbortSignal) => call<Reply<"estimateCreation">>("POST", "/creations/estimate", { json, signal }),
	creations: (run_id?: number) => get<Reply<"listCreations">>("/creations", { run_id }),
	add_creation: (json: Body<"addCreation">) => call<Reply<"addCreation">>("POST", "/creations", { json }),
	creation: (id: number) => get<Reply<"getCreation">>(`/creations/${id}`),
	cancel_creation: (id: number) => call<Reply<"cancelCreation">>("POST", `/creations/${id}/cancel`, { json: {} }),
	retry_creation: (id: number) => call<Reply<"retryCreation">>("POST", `/creations/${id}/retry`, { json: {} }),
	remove_creation: (id: number) => call<void>("DELETE", `/creations/${id}`),
	artifacts: () => get<Reply<"listArtifacts">>("/artifacts"),
	remove_artifact: (id: number) => call<void>("DELETE", `/artifacts/${id}`),

	selections: () => get<Reply<"listSelections">>("/selections"),
	add_selection: (json: Body<"addSelection">) => call<Reply<"addSelection">>("POST", "/selections", { json }),
	preview_selection: (json: Body<"previewSelection">, signal?: AbortSignal) => call<Reply<"previewSelection">>("POST", "/selections/preview", { json, signal }),
	selection: (id: number) => get<Reply<"getSelection">>(`/selections/${id}`),
	remove_selection: (id: number) => call<void>("DELETE", `/selections/${id}`),
	stop_selection: (id: number) => call<void>("POST", `/selections/${id}/stop`, { json: {} }),
	resume_selection: (id: number, budget_s?: number) =>
		call<Reply<"resumeSelection">>("POST", `/selections/${id}/resume`, { json: budget_s === undefined ? {} : { budget_s } }),
	selection_rating: (id: number) => get<Reply<"listSelectionRating">>(`/selections/${id}/rating`),
	selection_questions: (id: number, show: Show, offset: number, limit: number) =>
		get<Reply<"listSelectionQuestions">>(`/selections/${id}/questions`, { show, offset, limit }),

	export_run: (id: number, format: ExportFormat) => file(`/runs/${id}/export`, format, `assay-${id}.${format.replace("csv-excel", "csv")}`),
	selection_report: (id: number, format: ReportFormat) => file(`/selections/${id}/report`, format, `assay-automatic-${id}.${format}`),
};

/** A file that the server makes, and the name that it gives it. */
async function file(path: string, format: string, fallback: string): Promise<{ name: string; blob: Blob }> {
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
