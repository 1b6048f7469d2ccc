"""Write `types.d.ts`: what editors and `tsc` know of a project's handlers, topics and streams.

It declares the module 'motia' whole, so that no package of that name need be installed; where one
is, this goes before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Step
from motia_actors.steps.files import MARK, with_files
from motia_actors.steps.typegen import EmitType, Schema, emits_of, path_params, resolved

NAME = "types.d.ts"
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_PLAIN = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}

HEAD = """\
// Written by `motia-actors generate types`; what is changed here is lost.

declare module 'motia' {
  /** A Buffer where @types/node is installed. */
  export type Bytes = typeof globalThis extends { Buffer: { from(...given: any): infer B } } ? B : Uint8Array

  export interface Logger {
    debug(message: unknown, args?: unknown): void
    info(message: unknown, args?: unknown): void
    warn(message: unknown, args?: unknown): void
    error(message: unknown, args?: unknown): void
    log(message: unknown, args?: unknown): void
  }
  export const Logger: { new (...given: any[]): Logger }
  export const globalLogger: Logger

  /** `ttl`: seconds after which the value is gone. */
  export type StateOptions = { ttl?: number }
  export interface InternalStateManager {
    get<T = any>(groupId: string, key: string): Promise<T | null>
    set<T>(groupId: string, key: string, value: T, options?: StateOptions): Promise<T>
    delete<T = any>(groupId: string, key: string): Promise<T | null>
    getGroup<T = any>(groupId: string): Promise<T[]>
    clear(groupId: string): Promise<void>
    keys(groupId: string): Promise<string[]>
    increment(groupId: string, key: string, by?: number): Promise<number>
    update<T = any>(groupId: string, key: string, change: (old: T | null) => T | Promise<T>): Promise<T>
    update<T extends object = any>(groupId: string, key: string, patch: Partial<T>): Promise<T>
    compareAndSet<T>(groupId: string, key: string, expected: T | null | undefined, value: T, options?: StateOptions): Promise<boolean>
  }

  export type BaseStreamItem<T = unknown> = T & { id: string }
  export type StateStreamEventChannel = { groupId: string; id?: string }
  export type StateStreamEvent<T = unknown> = { type: string; data: T }
  export interface MotiaStream<T> {
    get(groupId: string, id: string): Promise<BaseStreamItem<T> | null>
    set(groupId: string, id: string, data: T): Promise<BaseStreamItem<T>>
    update(groupId: string, id: string, patch: Partial<T>): Promise<BaseStreamItem<T> | null>
    delete(groupId: string, id: string): Promise<BaseStreamItem<T> | null>
    getGroup(groupId: string): Promise<BaseStreamItem<T>[]>
    send<D>(channel: StateStreamEventChannel, event: StateStreamEvent<D>): Promise<void>
  }

  /** What an event may say of how it is queued. */
  export type Queueing = { delay?: number; at?: string | number; dedupeKey?: string; dedupeWindow?: number }
  export type Emitter<TEvent> = (event: TEvent & Queueing) => Promise<string | null>
  export type Delivery = { id: string; attempt: number; topic: string; putS: number }
  /** What set a handler off. */
  export type Trigger = { type: 'api'; method: string; path: string } | { type: 'event'; topic: string } | { type: 'cron'; cron: string }
  export interface FlowContext<TEvent = never> {
    emit: Emitter<TEvent>
    cancel(eventId: string): Promise<number | null>
    traceId: string
    flows: string[]
    logger: Logger
    state: InternalStateManager
    streams: FlowContextStateStreams
    delivery: Delivery | null
    trigger: Trigger
    signal: AbortSignal
  }

  /** A body that is sent piece by piece, such as a Readable or an async generator. */
  export type Streamed = AsyncIterable<string | Uint8Array> | Iterator<string | Uint8Array>
  /** A file of a multipart body: its bytes, or where a large one is until the call ends. */
  export type Upload = { name: string; filename: string; contentType: string; size: number; data: Bytes | null; path: string | null }

  /** Open, as in Motia: a project declares here what its middleware adds. */
  export interface ApiRequest<TBody = unknown> {
    body: TBody
    pathParams: Record<string, string>
    queryParams: Record<string, string | string[]>
    headers: Record<string, string | string[]>
    cookies: Record<string, string>
    rawBody: Bytes | string
    method: string
    path: string
    params: Record<string, string>
    query: Record<string, string | string[]>
  }
  /** A request whose parameters are those of its route. */
  export type RoutedRequest<TBody, TPath> =
    Omit<ApiRequest<TBody>, 'pathParams' | 'params'> & { pathParams: TPath; params: TPath }
  export type ApiResponse<TStatus extends number = number, TBody = unknown> = {
    status: TStatus
    headers?: Record<string, string | string[]>
    body?: TBody | Bytes | Streamed
  }
  export type ApiRouteHandler<TBody = unknown, TResponse = unknown, TEvent = never, TPath = Record<string, string>> =
    (req: RoutedRequest<TBody, TPath>, ctx: FlowContext<TEvent>) => Promise<TResponse>
  export type EventHandler<TInput = unknown, TEvent = never> = (input: TInput, ctx: FlowContext<TEvent>) => Promise<void>
  export type CronHandler<TEvent = never> = (ctx: FlowContext<TEvent>) => Promise<void>
  /** The handler of a step with several triggers; `ctx.trigger` says which it was, and the input is null for a schedule. */
  export type MultiHandler<TInput = unknown, TResponse = unknown, TEvent = never> =
    (input: TInput, ctx: FlowContext<TEvent>) => Promise<TResponse>
  export type StepHandler<T = any> = (...given: any[]) => Promise<any>
  export type ApiMiddleware<TBody = any, TEvent = any, TResult = any> =
    (req: ApiRequest<TBody>, ctx: FlowContext<TEvent>, next: () => Promise<TResult>) => Promise<any>

  export type Emit = string | { topic: string; label?: string; conditional?: boolean }
  export type QueryParam = { name: string; description?: string }
  interface BaseConfig {
    name: string
    description?: string
    flows?: string[]
    includeFiles?: string[]
    virtualEmits?: Emit[]
    virtualSubscribes?: string[]
    infrastructure?: Record<string, unknown>
  }
  export interface ApiRouteConfig extends BaseConfig {
    type: 'api'
    path: string
    method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'OPTIONS' | 'HEAD'
    emits: Emit[]
    middleware?: ApiMiddleware[]
    queryParams?: QueryParam[]
    bodySchema?: unknown
    responseSchema?: Record<number, unknown>
  }
  export interface EventConfig extends BaseConfig { type: 'event'; subscribes: string[]; emits: Emit[]; input?: unknown }
  export interface CronConfig extends BaseConfig { type: 'cron'; cron: string; emits: Emit[] }
  export interface NoopConfig extends BaseConfig { type: 'noop'; virtualEmits: Emit[]; virtualSubscribes: string[] }
  type Triggering<T extends BaseConfig, K extends keyof T> = Pick<T, K> & Partial<Pick<T, Extract<keyof T, 'queryParams' | 'bodySchema' | 'responseSchema' | 'input'>>>
  export type TriggerConfig =
    | Triggering<ApiRouteConfig, 'type' | 'path' | 'method'> | Triggering<EventConfig, 'type' | 'subscribes'> | Triggering<CronConfig, 'type' | 'cron'>
  export interface MultiConfig extends BaseConfig { triggers: TriggerConfig[]; emits: Emit[]; middleware?: ApiMiddleware[] }
  export type StepConfig = ApiRouteConfig | EventConfig | CronConfig | NoopConfig | MultiConfig
  export interface StreamSubscription { groupId: string; id?: string }
  export interface StreamConfig {
    name: string
    schema: unknown
    baseConfig: { storageType: 'default' } | Record<string, unknown>
    canAccess?: (subscription: StreamSubscription, authContext: any) => boolean | Promise<boolean>
  }
  export interface StreamAuthRequest { headers: Record<string, string | string[] | undefined>; url?: string }
  export interface Config {
    middleware?: ApiMiddleware[]
    streamAuth?: { contextSchema?: unknown; authenticate: (request: StreamAuthRequest) => unknown }
    [key: string]: unknown
  }
  export type CookieOptions = {
    maxAge?: number; expires?: Date; path?: string | null; domain?: string
    secure?: boolean; httpOnly?: boolean; sameSite?: 'Strict' | 'Lax' | 'None' | null
  }
  export type ServerSentEvent = { data: unknown; event?: string; id?: string | number; retry?: number }
  /** An answer that sends the client elsewhere. */
  export function redirect(location: string, status?: 301 | 302 | 303 | 307 | 308, options?: { cookies?: string[] }): { status: any; headers: Record<string, string | string[]> }
  /** A value for the header set-cookie. */
  export function cookie(name: string, value: string, options?: CookieOptions): string
  /** An answer of Server-Sent Events, each sent when it is yielded. */
  export function events(source: AsyncIterable<unknown> | Iterable<unknown>, options?: { headers?: Record<string, string | string[]> }): { status: any; headers: Record<string, string | string[]>; body: Streamed }
  export const config: <T extends Config>(value: T) => T
  export const defineConfig: <T extends Config>(value: T) => T
  export const step: <T>(value: T) => T
  export class MotiaError extends Error { code?: string; retryAfter?: number; problems?: { field: string; reason: string }[] }
"""  # noqa: E501 (lines of another language)


def types_d_ts(catalog: Catalog) -> str:
    """The whole file."""
    lines = [HEAD]
    lines.append("  export interface FlowContextStateStreams {")
    lines += [
        f"    {_key(stream.name)}: MotiaStream<{type_of(stream.schema)}>"
        for stream in catalog.streams
    ]
    lines += ["  }", "", "  export interface Handlers {"]
    handlers: dict[str, list[str]] = {}
    for step in catalog.steps:
        if step.kind != "noop":
            handlers.setdefault(step.name, []).append(handler_type(catalog, step))
    for name, types in handlers.items():
        whole = list(dict.fromkeys(types))
        shown = whole[0] if len(whole) == 1 else " | ".join(f"({one})" for one in whole)
        lines.append(f"    {_text(name)}: {shown}")
    return "\n".join([*lines, "  }", "}", ""])


def handler_type(catalog: Catalog, step: Step) -> str:
    """The type of a step's handler."""
    events = " | ".join(map(_event, emits_of(catalog, step))) or "never"
    if step.kind == "event":
        return f"EventHandler<{type_of(step.input_schema)}, {events}>"
    if step.kind == "cron":
        return f"CronHandler<{events}>"
    if step.kind == "multi":
        inputs = _union(map(_input, step.bindings))
        answers = [_answers(one) for one in step.bindings if one.kind == "api"]
        return f"MultiHandler<{inputs}, {_union([*answers, 'void'])}, {events}>"
    body, path = _asked(step)
    return f"ApiRouteHandler<{body}, {_answers(step)}, {events}, {path}>"


def _input(step: Step) -> str:
    """What a handler of several triggers gets from this one."""
    if step.kind == "api":
        body, path = _asked(step)
        return f"RoutedRequest<{body}, {path}>"
    return "null" if step.kind == "cron" else type_of(step.input_schema)


def _asked(step: Step) -> tuple[str, str]:
    """The types of an api step's body and of its path's parameters."""
    body = (
        "Record<string, unknown>"
        if step.body_schema is None
        else type_of(with_files(step.body_schema))
    )
    params = "; ".join(f"{_key(name)}: string" for name in path_params(step.path))
    return body, f"{{ {params} }}" if params else "Record<string, string>"


def _answers(step: Step) -> str:
    """The type of what an api step answers."""
    answers = " | ".join(
        f"ApiResponse<{status}, {type_of(schema)}>"
        for status, schema in step.response_schema.items()
        if status.isdigit()
    )
    return answers or "unknown"


def type_of(schema: Schema | None) -> str:
    """The TypeScript of a JSON Schema; `unknown` where it says nothing."""
    return "unknown" if schema is None else _type(resolved(schema))


def _event(emit: EmitType) -> str:
    group = "messageGroupId: string" if emit.needs_group else "messageGroupId?: string"
    return f"{{ topic: {_text(emit.topic)}; data: {type_of(emit.schema)}; {group} }}"


def _type(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "unknown"
    if MARK in schema:
        return "Upload"
    if "const" in schema:
        return _literal(schema["const"])
    if isinstance(schema.get("enum"), list):
        return _union(map(_literal, schema["enum"]))
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list):
            return _union(map(_type, schema[word]))
    if isinstance(schema.get("allOf"), list):
        own = {key: value for key, value in schema.items() if key != "allOf"}
        parts = [*map(_type, schema["allOf"]), *([_type(own)] if "properties" in own else [])]
        return " & ".join(f"({one})" if " | " in one else one for one in parts)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _union(_type({**schema, "type": one}) for one in kind)
    if kind == "array":
        return _array(schema)
    if kind == "object" or "properties" in schema:
        return _object(schema)
    if kind == "string" and schema.get("format") == "binary":
        return "Bytes"
    return _PLAIN.get(str(kind), "unknown")


def _array(schema: Schema) -> str:
    listed = schema.get("prefixItems", schema.get("items"))
    if isinstance(listed, list):
        return f"[{', '.join(map(_type, listed))}]"
    return f"Array<{_type(listed)}>"


def _object(schema: Schema) -> str:
    properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
    if not properties:
        return f"Record<string, {_type(more)}>"
    required = set(schema.get("required") or ())
    fields = [
        f"{_key(name)}{'' if name in required else '?'}: {_type(one)}"
        for name, one in properties.items()
    ]
    return f"{{ {'; '.join(fields)} }}"


def _union(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types)) or "never"


def _literal(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    return "unknown" if isinstance(value, dict | list) else json.dumps(value)


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    quoted = json.dumps(value)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{quoted}'"
