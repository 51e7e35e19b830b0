// SPDX-License-Identifier: Apache-2.0
// Short names for the shapes of docs/openapi.yaml.
import type { components, operations } from "./api";
import type { ReplyOf } from "./calls";

type Schemas = components["schemas"];
export type ApiKey = Schemas["ApiKey"];
export type Artifact = Schemas["Artifact"];
export type AuditEntry = Schemas["AuditEntry"];
export type Belonging = Schemas["Belonging"];
export type Cell = Schemas["Cell"];
export type Chat = Schemas["Chat"];
export type ChatTemplate = Schemas["ChatTemplate"];
export type Check = Schemas["Check"];
export type Citation = Schemas["Citation"];
export type Column = Schemas["Column"];
export type Creation = Schemas["Creation"];
export type CreationInput = Schemas["CreationInput"];
export type CreationStep = Schemas["CreationStep"];
export type Document = Schemas["Document"];
export type Download = Schemas["Download"];
export type Estimate = Schemas["CreationEstimate"];
export type Family = Schemas["Family"];
export type FoundModel = Schemas["FoundModel"];
export type FoundModels = Schemas["FoundModels"];
export type Format = Schemas["Format"];
export type Hub = Schemas["Hub"];
export type HubChoice = Schemas["HubChoice"];
export type HubModel = Schemas["HubModel"];
export type LimitGroup = Schemas["LimitGroup"];
export type Match = Schemas["Match"];
export type MatchResult = Schemas["MatchResult"];
export type Message = Schemas["Message"];
export type Model = Schemas["Model"];
export type ModelList = Schemas["ModelList"];
export type PanelKind = Schemas["PanelKind"];
export type Params = Schemas["Params"];
export type Parity = NonNullable<Schemas["Parity"]>;
export type Problem = Schemas["Problem"];
export type Proof = Schemas["Proof"];
export type Provider = Schemas["Provider"];
export type ProviderModel = Schemas["ProviderModel"];
export type QuestionInput = Schemas["QuestionInput"];
export type QuestionSet = Schemas["QuestionSet"];
export type Run = Schemas["Run"];
export type RunPage = Schemas["RunPage"];
export type RunQuestion = Schemas["RunQuestion"];
export type Panel = Schemas["Panel"];
export type Selection = Schemas["Selection"];
export type SelectionCandidate = Schemas["SelectionCandidate"];
export type SelectionCurve = Schemas["SelectionCurve"];
export type SelectionDecision = Schemas["SelectionDecision"];
export type SelectionInput = Schemas["SelectionInput"];
export type SelectionPreview = Schemas["SelectionPreview"];
export type SelectionQuestion = Schemas["SelectionQuestions"]["questions"][number];
export type Session = Schemas["Session"];
export type Settings = Schemas["Settings"];
export type Gpu = Schemas["Gpu"];
export type Standing = Schemas["Standing"];
export type Status = Schemas["Status"];
export type TemplateChoice = Schemas["TemplateChoice"]["choice"];
export type Upload = Schemas["Upload"];
export type Weights = Schemas["Weights"];
export type Workspace = Schemas["Workspace"];

/** The JSON that an operation replies with; void where it replies with nothing. */
export type Reply<K extends keyof operations> = ReplyOf<operations[K]>;
/** The JSON that an operation takes. */
export type Body<K extends keyof operations> = NonNullable<operations[K]["requestBody"]> extends {
	content: { "application/json": infer B };
}
	? B
	: never;
export type Filter = NonNullable<NonNullable<operations["getRunPage"]["parameters"]["query"]>["filter"]>;
export type Show = NonNullable<NonNullable<operations["listSelectionQuestions"]["parameters"]["query"]>["show"]>;
export type ReportFormat = operations["reportSelection"]["parameters"]["query"]["format"];
export type ExportFormat = operations["exportRun"]["parameters"]["query"]["format"];

/** Events of the server, as in `GET /events`. */
export type ServerEvent =
	| { id: number; event: "hello"; data: { event_id: number; version: string } }
	| { id: number; event: "run"; data: Run }
	| { id: number; event: "column"; data: Column }
	| { id: number; event: "text"; data: TextEvent }
	| { id: number; event: "cell"; data: Cell }
	| { id: number; event: "vote"; data: VoteEvent }
	| { id: number; event: "panels"; data: { run_id: number } }
	| { id: number; event: "chat_text"; data: ChatTextEvent }
	| { id: number; event: "chat_state"; data: Pick<Message, "chat_id" | "phase" | "progress"> & { message_id: number } }
	| { id: number; event: "chat_message"; data: Message }
	| { id: number; event: "creation"; data: Creation }
	| { id: number; event: "selection"; data: Selection }
	| { id: number; event: "download"; data: Download }
	| { id: number; event: "artifacts" | "downloads" | "models" | "providers" | "resync" | "runs" | "selections" | "workspaces"; data: Record<string, never> }
	| { id: number; event: "status"; data: Status };
export interface TextEvent { run_id: number; column_id: number; question_id: number; cell_id: number; text: string; thinking?: string }
export interface ChatTextEvent { message_id: number; chat_id: number; text: string; thinking?: string }
export interface VoteEvent { run_id: number; column_id: number; cell_id: number; likes: number; liked: boolean; column_likes: number }
