import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ask, connection, type Connection, Failure } from "./api";

export function useConnection(): Connection {
  return useSyncExternalStore(connection.subscribe, connection.get);
}

/** Calls act every everyMs while the page is seen, one call at a time, less often when it fails. */
export function useBeat(act: (signal: AbortSignal) => Promise<void>, everyMs: number): () => void {
  const latest = useRef(act);
  latest.current = act;
  const kick = useRef<() => void>(() => undefined);
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    let isBusy = false;
    let isWanted = false;
    let failures = 0;
    const turn = async (): Promise<void> => {
      window.clearTimeout(timer);
      if (isBusy) {
        isWanted = true;
        return;
      }
      isBusy = true;
      try {
        if (!document.hidden) await latest.current(abort.signal);
        failures = 0;
      } catch {
        failures += 1; // Shown by the banner; the next beat tries again.
      }
      isBusy = false;
      if (abort.signal.aborted) return;
      const wait = isWanted ? 0 : Math.min(everyMs * 2 ** Math.min(failures, 3), 5000);
      isWanted = false;
      timer = window.setTimeout(turn, wait);
    };
    kick.current = () => void turn();
    void turn();
    const seen = (): void => {
      if (!document.hidden) void turn();
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      abort.abort();
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [everyMs]);
  return useCallback(() => kick.current(), []);
}

export interface Polled<T> {
  data: T | null;
  error: string | null;
  refresh: () => void;
}

/** Asks path again and again. null: asks nothing. A new path forgets what the old one answered. */
export function usePoll<T>(path: string | null, everyMs = 1000): Polled<T> {
  const [held, setHeld] = useState<{ path: string | null; data: T | null; error: string | null }>({
    path,
    data: null,
    error: null,
  });
  const last = useRef("");
  const refresh = useBeat(async (signal) => {
    if (path === null) return;
    try {
      const data = await ask<T>(path, { signal });
      const text = JSON.stringify(data);
      // What did not change is not drawn again.
      if (text !== last.current || held.path !== path || held.error) {
        last.current = text;
        setHeld({ path, data, error: null });
      }
    } catch (error) {
      if (signal.aborted) return;
      const told = error instanceof Failure ? error.message : String(error);
      setHeld((old) => ({ path, data: old.path === path ? old.data : null, error: told }));
      throw error;
    }
  }, everyMs);
  useEffect(() => refresh(), [path, refresh]);
  return { data: held.path === path ? held.data : null, error: held.error, refresh };
}

export interface Route {
  panel: string;
  rest: string[];
  query: URLSearchParams;
}

function readRoute(): Route {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [panel = "", ...rest] = path.split("/").map(decodeURIComponent);
  return { panel, rest, query: new URLSearchParams(search) };
}

export function href(panel: string, ...rest: string[]): string {
  return "#/" + [panel, ...rest].map(encodeURIComponent).join("/");
}

export function go(panel: string, ...rest: string[]): void {
  location.hash = href(panel, ...rest);
}

export function useRoute(): Route {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const changed = (): void => setRoute(readRoute());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export function useStored(key: string, initial: string): [string, (value: string) => void] {
  const name = `motia.workbench.${key}`;
  const [value, setValue] = useState(() => {
    try {
      return localStorage.getItem(name) ?? initial;
    } catch {
      return initial;
    }
  });
  const keep = useCallback(
    (next: string) => {
      setValue(next);
      try {
        localStorage.setItem(name, next);
      } catch {
        // It holds for this page.
      }
    },
    [name],
  );
  return [value, keep];
}

export function useMedia(text: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(text).matches);
  useEffect(() => {
    const list = matchMedia(text);
    const changed = (): void => setMatches(list.matches);
    changed();
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  }, [text]);
  return matches;
}

/** The value, once it has stood for ms. */
export function useSettled<T>(value: T, ms = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), ms);
    return () => window.clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
