// SPDX-License-Identifier: Apache-2.0
// What may be asked of the server, read off docs/openapi.yaml: method, path, query and body of a call belong together, and its
// reply follows from them. Types only, nothing of this reaches the browser; services/api.spec-d.ts shows what they refuse.
import type { paths } from "./api";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface Described {
	parameters: { query?: unknown };
	requestBody?: unknown;
	responses: object;
}

/** A path as calls write it: for `/runs/{id}` any `/runs/${number}`. */
type Written<Path, Values> = Path extends `${infer Before}{${infer Name}}${infer After}`
	? `${Before}${Name extends keyof Values ? Values[Name] & (string | number) : never}${Written<After, Values>}`
	: Path;

/** The operations of a method by their written paths. */
type Operations<M extends Method> = {
	[P in keyof paths as paths[P][Lowercase<M>] extends Described ? Written<P, paths[P][Lowercase<M>]["parameters"]["path"]> : never]: paths[P][Lowercase<M>];
};

export type Path<M extends Method> = keyof Operations<M>;
export type Operation<M extends Method, P extends Path<M>> = Operations<M>[P] & Described;

type Json<T> = T extends { content: { "application/json": infer R } } ? R : unknown;

/** The JSON that an operation replies with; void where it replies with nothing. */
export type ReplyOf<O extends Described> = O["responses"] extends { 204: unknown }
	? void
	: { [S in keyof O["responses"]]: S extends 200 | 201 | 202 ? Json<O["responses"][S]> : never }[keyof O["responses"]];

/** A value that is undefined is not sent, in an address as in JSON. */
type Given<T> = { [K in keyof T]: object extends Pick<T, K> ? T[K] | undefined : T[K] };
type QueryOption<T> = T extends { query: infer Q } ? { query: Given<Q> } : T extends { query?: infer Q } ? { query?: Given<Q> | undefined } : never;

type Content<T> = T extends { "application/json": infer B }
	? { json: Given<B>; bytes?: never }
	: T extends { "application/octet-stream": unknown } ? { json?: never; bytes: Blob } : { json?: never; bytes?: never };
type BodyOption<O> = O extends { requestBody: { content: infer C } }
	? Content<C>
	: O extends { requestBody?: { content: infer C } } ? Partial<Content<C>> : never;

type Options<O extends Described> = QueryOption<O["parameters"]> & BodyOption<O> & { signal?: AbortSignal | undefined };
type Optional<T> = object extends T ? [options?: T] : [options: T];

export type Call = <M extends Method, P extends Path<M>>(method: M, path: P, ...options: Optional<Options<Operation<M, P>>>) => Promise<ReplyOf<Operation<M, P>>>;

/** The query of what is read, by its path. */
export type QueryOf<P extends Path<"GET">> = Options<Operation<"GET", P>>["query"];
export type Get = <P extends Path<"GET">>(
	path: P, ...rest: undefined extends QueryOf<P> ? [query?: QueryOf<P>, signal?: AbortSignal] : [query: QueryOf<P>, signal?: AbortSignal]
) => Promise<ReplyOf<Operation<"GET", P>>>;

/** What comes as a file, in a format and a language. */
export type FilePath = { [P in Path<"GET">]: "format" | "lang" extends keyof QueryOf<P> ? P : never }[Path<"GET">];
