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

  export interface FlowContextStateStreams {
    reviews: MotiaStream<{ product: string; text: string; points: number }>
  }

  export interface Handlers {
    'GetReview': ApiRouteHandler<Record<string, unknown>, ApiResponse<200, Record<string, unknown>> | ApiResponse<404, { error: string }>, never, { id: string }>
    'ListReviews': ApiRouteHandler<Record<string, unknown>, unknown, never, Record<string, string>>
    'PublishReview': EventHandler<{ id: string; points: number }, never>
    'ScoreReview': EventHandler<{ id: string; text: string }, { topic: 'review.scored'; data: { id: string; points: number }; messageGroupId?: string }>
    'SubmitReview': ApiRouteHandler<{ product: string; text: string }, ApiResponse<202, { id: string; product: string; text: string; stage: 'submitted' | 'published' | 'held'; client: string }>, { topic: 'review.submitted'; data: { id: string; text: string }; messageGroupId?: string }, Record<string, string>>
  }
}
