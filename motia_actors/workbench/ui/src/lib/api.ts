// One way to the server: every request carries the token, tells whether the server is there,
// and fails with a sentence that can be shown.

const TOKEN_KEY = "motia.workbench.token";

export class Failure extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export type Connection = "up" | "down" | "locked";

type Listener = () => void;

class Store<T> {
  private listeners = new Set<Listener>();
  constructor(private value: T) {}
  get = (): T => this.value;
  set = (value: T): void => {
    if (Object.is(value, this.value)) return;
    this.value = value;
    this.listeners.forEach((listener) => listener());
  };
  subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export const connection = new Store<Connection>("up");

let memory = ""; // Where the browser keeps nothing, the token lives as long as the page.

export function token(): string {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? memory;
  } catch {
    return memory;
  }
}

export function keepToken(value: string): void {
  memory = value;
  try {
    if (value) sessionStorage.setItem(TOKEN_KEY, value);
    else sessionStorage.removeItem(TOKEN_KEY);
  } catch {
    // Private modes refuse; the page goes on without.
  }
}

function headers(hasBody: boolean): Record<string, string> {
  const found: Record<string, string> = { Accept: "application/json" };
  if (hasBody) found["Content-Type"] = "application/json";
  const held = token();
  if (held) found.Authorization = `Bearer ${held}`;
  return found;
}

export async function ask<T>(
  path: string,
  options: { body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const hasBody = options.body !== undefined;
  let response: Response;
  try {
    response = await fetch(path, {
      method: hasBody ? "POST" : "GET",
      headers: headers(hasBody),
      body: hasBody ? JSON.stringify(options.body) : null,
      cache: "no-store",
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    connection.set("down");
    throw new Failure("The server does not answer.", 0);
  }
  if (response.status === 401 || response.status === 403) {
    connection.set("locked");
    throw new Failure("The server wants a token.", response.status);
  }
  if (response.status === 502 || response.status === 503) {
    // A worker that starts or stops; what is wrong in the project answers otherwise.
    if (!response.headers.get("content-type")?.includes("json")) connection.set("down");
  } else {
    connection.set("up");
  }
  const text = await response.text();
  let value: unknown = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    throw new Failure(`The server answered ${response.status} and no JSON.`, response.status);
  }
  if (!response.ok) {
    const told = (value as { error?: string } | null)?.error;
    throw new Failure(told ?? `The server answered ${response.status}.`, response.status);
  }
  return value as T;
}

export const post = <T = unknown>(path: string, body: unknown): Promise<T> => ask<T>(path, { body });

export function query(values: Record<string, string | number | null | undefined>): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") found.set(name, String(value));
  }
  const text = found.toString();
  return text ? `?${text}` : "";
}
