// What the server answers.

export type Kind = "api" | "event" | "cron" | "noop" | "multi";
export type Schema = Record<string, unknown>;

export interface Emit {
  topic: string;
  label: string | null;
  conditional: boolean;
}

/** What sets a step off; which fields are set depends on the type. */
export interface Trigger {
  type: Kind;
  subscribes: string[];
  method: string;
  path: string;
  queryParams: { name: string; description: string }[];
  bodySchema: Schema | null;
  responseSchema: Record<string, Schema>;
  inputSchema: Schema | null;
  cron: string;
}

export interface Step {
  id: string;
  drawingId: string;
  name: string;
  type: Kind;
  description: string | null;
  language: string;
  flows: string[];
  emits: Emit[];
  virtualEmits: Emit[];
  subscribes: string[];
  virtualSubscribes: string[];
  triggers: Trigger[];
  cron: string;
  infrastructure: {
    timeout_s: number | null;
    concurrency: number | null;
    isolation: string;
    mailbox: { size_max: number; overflow: string };
    queue: { is_fifo: boolean; retries_max: number };
  } & Record<string, unknown>;
}

export interface StreamInfo {
  name: string;
  file: string;
  schema: Schema | null;
}

export type EdgeKind = "event" | "virtual" | "writes" | "reads";

export interface Edge {
  source: string;
  target: string;
  kind: EdgeKind;
  topic: string;
  label: string | null;
  conditional: boolean;
}

export interface Problem {
  severity: "error" | "warning";
  file: string;
  field: string;
  reason: string;
  way_out: string;
  line: number | null;
}

export interface Project {
  version: string;
  name: string;
  steps: Step[];
  streams: StreamInfo[];
  flows: string[];
  edges: Edge[];
  problems: Problem[];
}

export interface Mailbox {
  depth: number;
  size: number;
  refused: number;
  dropped: number;
  overflow: string;
}

export interface StepStats {
  id: string;
  name: string;
  status: string;
  calls: number;
  failures: number;
  perS: number;
  p50Ms: number;
  p99Ms: number;
  inFlight: number;
  concurrency: number;
  restarts: number;
  suspended: boolean;
  lastError: string | null;
  mailbox: Mailbox;
}

export interface ActorStats {
  name: string;
  status: string;
  restarts: number;
  lastError: string | null;
  mailbox: Mailbox;
}

export interface Stats {
  steps: Record<string, StepStats>;
  actors: ActorStats[];
  store: Record<string, number>;
  workers: number;
}

export interface Queue {
  step: string;
  name: string;
  type: Kind | null;
  fifo: boolean;
  waiting: number;
  leased: number;
  dead: number;
  ageMs: number | null;
  dueMs: number | null;
}

export interface Letter {
  id: string;
  step: string;
  topic: string;
  data: unknown;
  traceId: string;
  attempts: number;
  error: string;
  stack: string;
  putAt: string;
  diedAt: string;
}

export interface LogLine {
  seq: number;
  time: number;
  level: "debug" | "info" | "warn" | "error";
  msg: string;
  step: string;
  traceId: string;
  flows: string[];
  attempt?: number | null;
  fields: Record<string, unknown>;
}

export interface TraceRow {
  traceId: string;
  name: string;
  startTime: number;
  endTime: number | null;
  status: string;
  steps: string[];
  spans: number;
  errors: number;
}

export interface Span {
  id: string;
  parent: string | null;
  name: string;
  kind: string;
  step: string;
  attempt: number | null;
  worker: string | number | null;
  startTime: number;
  endTime: number | null;
  status: string;
  error: unknown;
  attributes: Record<string, unknown>;
}

export interface Trace {
  traceId: string;
  spans: Span[];
  logs: LogLine[];
}

export interface Job {
  step: string;
  name: string;
  description: string | null;
  cron: string;
  timezone: string;
  overlap: string;
  misfire: string;
  lastMs: number | null;
  nextMs: number[];
  paused: boolean;
}

export interface Adjusted {
  mailboxSize: number | null;
  concurrency: number | null;
  suspended: boolean;
  paused: boolean;
}
