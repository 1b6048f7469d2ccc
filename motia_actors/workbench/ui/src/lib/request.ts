// Requests to the project's own endpoints, as a client would send them.

export interface Asked {
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: string | null;
}

export interface Recorded {
  id: string;
  step: string;
  name: string;
  kind: string;
  topic: string | null;
  data: unknown;
  request: Asked | null;
}

export interface Answered {
  status: number;
  statusText: string;
  headers: [string, string][];
  body: string;
  isJson: boolean;
  bytes: number;
  tookMs: number;
  traceId: string | null;
}

const SHOWN_MAX = 1 << 20;

export async function send(asked: Asked): Promise<Answered> {
  const began = performance.now();
  const target = asked.path + (asked.query ? `?${asked.query}` : "");
  if (!target.startsWith("/") || target.startsWith("//")) throw new Error("The path begins with one slash.");
  const response = await fetch(target, {
    method: asked.method,
    headers: asked.headers,
    body: asked.body !== null && !["GET", "HEAD"].includes(asked.method) ? asked.body : null,
    cache: "no-store",
    credentials: "same-origin",
  });
  const data = new Uint8Array(await response.arrayBuffer());
  const type = response.headers.get("content-type") ?? "";
  const isText = /json|text|xml|javascript|urlencoded/.test(type) || !type;
  let body = isText ? new TextDecoder().decode(data.subarray(0, SHOWN_MAX)) : `${data.length} bytes of ${type}`;
  let isJson = false;
  if (type.includes("json")) {
    try {
      body = JSON.stringify(JSON.parse(body), null, 2);
      isJson = true;
    } catch {
      // It says it is JSON and is not: shown as it came.
    }
  }
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers.entries()],
    body,
    isJson,
    bytes: data.length,
    tookMs: performance.now() - began,
    traceId: response.headers.get("motia-trace-id"),
  };
}
