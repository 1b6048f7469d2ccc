import type { Span } from "./types";

export interface SpanRow {
  span: Span;
  depth: number;
  children: number;
  isOpen: boolean;
}

/** The spans of a trace as a tree in lines, each below what caused it, by their start. */
export function spanRows(spans: Span[], folded: ReadonlySet<string>): SpanRow[] {
  const known = new Set(spans.map((span) => span.id));
  const below = new Map<string | null, Span[]>();
  for (const span of spans) {
    const parent = span.parent !== null && known.has(span.parent) && span.parent !== span.id ? span.parent : null;
    const list = below.get(parent);
    if (list) list.push(span);
    else below.set(parent, [span]);
  }
  for (const list of below.values()) list.sort((one, other) => one.startTime - other.startTime);
  const rows: SpanRow[] = [];
  const seen = new Set<string>();
  const walk = (parent: string | null, depth: number): void => {
    for (const span of below.get(parent) ?? []) {
      if (seen.has(span.id)) continue;
      seen.add(span.id);
      const isOpen = !folded.has(span.id);
      rows.push({ span, depth, children: below.get(span.id)?.length ?? 0, isOpen });
      if (isOpen) walk(span.id, depth + 1);
    }
  };
  walk(null, 0);
  return rows;
}

/** Round steps of an axis over span ms, about count of them. */
export function ticks(span: number, count: number): number[] {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-6)));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const found: number[] = [];
  for (let at = 0; at <= span; at += step) found.push(at);
  return found;
}
